"""Which Exact division serves which Airbase subsidiary: options, proposals, questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_cli.commands.connect.session import ConnectSession, MissingInputError
from ml_connector.connections import subsidiaries as assignments
from ml_connector.connections.subsidiaries import Settings, Subsidiary
from ml_connector.user_errors import UserError

_HOW = "pass --division CODE=SUBSIDIARY[,SUBSIDIARY], or --yes to accept the proposals"
_NONE = "-"


@dataclass
class SubsidiaryAssignment:
    """The step that assigns subsidiaries to divisions."""

    session: ConnectSession

    def assign(self, settings: Settings, subsidiaries: list[Subsidiary]) -> Settings:
        """Return the settings with every division serving a subsidiary.

        Raises `MissingInputError` when a person has to choose but the run is silent.
        """
        self._show_proposals(settings, subsidiaries)
        divisions = self.session.report.divisions
        if by_option := self.session.options.divisions:
            assignments.expect_known(
                [key for keys in by_option.values() for key in keys], subsidiaries
            )
            settings = {**settings, "divisions": settings.get("divisions") or []}
            return _require_complete(assignments.assign(settings, by_option, divisions))
        if _is_complete(settings):
            # Assigned as they are: a division that the consent does not reach is refused.
            same = {int(d["division"]): d["subsidiaries"] for d in settings["divisions"]}
            return assignments.assign(settings, same, divisions)
        chosen = self._choose(settings, subsidiaries)
        return _require_complete(assignments.assign(settings, chosen, divisions))

    def _show_proposals(self, settings: Settings, subsidiaries: list[Subsidiary]) -> None:
        report = self.session.report
        proposals = assignments.propose_assignments(report.divisions, subsidiaries)
        for subsidiary, proposal in zip(subsidiaries, proposals, strict=True):
            served_by = assignments.assigned_to(settings, subsidiary)
            report.subsidiaries.append({**proposal, "served_by": served_by})
        self.session.print_table(
            ("Subsidiary", "Name", "Served by", "Proposed", "Matched by"),
            [
                (s["subsidiary"], s["name"], s["served_by"], s["division"], s["why"])
                for s in report.subsidiaries
            ],
        )

    def _choose(self, settings: Settings, subsidiaries: list[Subsidiary]) -> dict[int, list[str]]:
        options = self.session.options
        if options.is_silent and not options.yes:
            raise MissingInputError(f"which division serves which subsidiary? {_HOW}")
        picked = self._pick_divisions(settings)
        chosen = {
            int(each["division"]): list(each.get("subsidiaries") or ())
            for each in settings.get("divisions") or ()
        }
        for each in self.session.report.subsidiaries:
            if each["served_by"] is None and (code := self._pick_division_of(each, picked)):
                chosen.setdefault(code, []).append(each["subsidiary"])
        if not subsidiaries and not options.yes:
            chosen |= {c: self._ask_subsidiaries(c) for c in picked if not chosen.get(c)}
        left_out = [str(code) for code in picked if not chosen.get(code)]
        if left_out and chosen:
            self.session.print_line(f"Left out, no subsidiary assigned: {', '.join(left_out)}.")
        return {code: keys for code, keys in chosen.items() if keys}

    def _pick_divisions(self, settings: Settings) -> list[int]:
        report = self.session.report
        known = [int(d["division"]) for d in settings.get("divisions") or ()]
        usable = known or [d["division"] for d in report.divisions if d["status"] == "open"]
        if known or self.session.options.yes:
            return usable
        default = ",".join(map(str, usable))
        question = "Divisions to connect, separated by commas"
        text = self.session.ask(question, "--division", default)
        picked = [_division_code(word) for word in text.split(",") if word.strip()]
        assignments.assign({}, dict.fromkeys(picked, ()), report.divisions)
        return picked

    def _pick_division_of(self, subsidiary: Mapping[str, Any], picked: Sequence[int]) -> int | None:
        proposal = subsidiary["division"] if subsidiary["division"] in picked else None
        if self.session.options.yes:
            return proposal
        question = f"Division for {subsidiary['name']} ({_NONE} for none)"
        text = self.session.ask(question, "--division", str(proposal or _NONE))
        if text.strip() == _NONE:
            return None
        if (code := _division_code(text)) not in picked:
            allowed = ", ".join(map(str, picked))
            raise UserError(f"division {code} is not one of the divisions to connect: {allowed}")
        return code

    def _ask_subsidiaries(self, code: int) -> list[str]:
        question = f"Airbase subsidiaries of division {code} (id, code or name), comma-separated"
        text = self.session.ask(question, "--division")
        return [word.strip() for word in text.split(",") if word.strip()]


def _require_complete(settings: Settings) -> Settings:
    if not settings["divisions"]:
        raise MissingInputError(f"no division serves a subsidiary: {_HOW}")
    for division in settings["divisions"]:
        if not division.get("subsidiaries"):
            raise MissingInputError(f"division {division['division']} serves no subsidiary: {_HOW}")
    return settings


def _is_complete(settings: Settings) -> bool:
    divisions = settings.get("divisions") or ()
    return bool(divisions) and all(d.get("subsidiaries") for d in divisions)


def read_divisions(texts: Sequence[str]) -> dict[int, list[str]]:
    """Return the subsidiaries that the `--division` options assign to each division.

    Raises `UserError` for an option without a subsidiary.
    """
    read: dict[int, list[str]] = {}
    for text in texts:
        code, _, keys = text.partition("=")
        named = [key.strip() for key in keys.split(",") if key.strip()]
        if not named:
            raise UserError(f"--division {text}: write it as CODE=SUBSIDIARY[,SUBSIDIARY]")
        read.setdefault(_division_code(code), []).extend(named)
    return read


def _division_code(text: str) -> int:
    if not text.strip().isdecimal():
        raise UserError(f"{text.strip()!r} is not a division code")
    return int(text)
