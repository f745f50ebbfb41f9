"""Which Exact division serves which Airbase subsidiary: options, proposals, questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_cli.actions import assigning
from connector_cli.actions.assigning import Settings, Subsidiary
from connector_cli.commands.connect.run import Missing, Run
from connector_cli.complaints import Complaint

_HOW = "--division CODE=SUBSIDIARY[,SUBSIDIARY], or --yes to take what is proposed"
_NONE = "-"


@dataclass
class Assigning:
    """The part of a run that assigns subsidiaries to divisions."""

    run: Run

    def assigned(self, settings: Settings, subsidiaries: list[Subsidiary]) -> Settings:
        """Return the settings with divisions that serve subsidiaries; raises `Missing`."""
        divisions = self.run.report.divisions
        proposals = assigning.propose_assignments(divisions, subsidiaries)
        for each, proposal in zip(subsidiaries, proposals, strict=True):
            served_by = assigning.assigned_to(settings, each)
            self.run.report.subsidiaries.append({**proposal, "served_by": served_by})
        self.run.table(
            ("Subsidiary", "Name", "Served by", "Proposed", "By"),
            [
                (s["subsidiary"], s["name"], s["served_by"], s["division"], s["why"])
                for s in self.run.report.subsidiaries
            ],
        )
        if self.run.wish.divisions:
            named = [key for keys in self.run.wish.divisions.values() for key in keys]
            assigning.expect_known(named, subsidiaries)
            settings = {**settings, "divisions": settings.get("divisions") or []}
            return self._complete(assigning.assign(settings, self.run.wish.divisions, divisions))
        if _is_complete(settings):
            # Assigned as they are: a division that the consent does not reach is refused.
            same = {int(d["division"]): d["subsidiaries"] for d in settings["divisions"]}
            return assigning.assign(settings, same, divisions)
        chosen = self._chosen(settings, subsidiaries)
        return self._complete(assigning.assign(settings, chosen, divisions))

    def _complete(self, settings: Settings) -> Settings:
        if not settings["divisions"]:
            raise Missing(f"no division serves a subsidiary: {_HOW}")
        for division in settings["divisions"]:
            if not division.get("subsidiaries"):
                raise Missing(f"division {division['division']} serves no subsidiary: {_HOW}")
        return settings

    def _chosen(self, settings: Settings, subsidiaries: list[Subsidiary]) -> dict[int, list[str]]:
        if self.run.wish.silent and not self.run.wish.yes:
            raise Missing(f"which division serves which subsidiary: {_HOW}")
        picked = self._picked(settings)
        chosen = {
            int(each["division"]): list(each.get("subsidiaries") or ())
            for each in settings.get("divisions") or ()
        }
        for each in self.run.report.subsidiaries:
            if each["served_by"] is None and (code := self._division_for(each, picked)):
                chosen.setdefault(code, []).append(each["subsidiary"])
        if not subsidiaries and not self.run.wish.yes:
            chosen |= {code: self._named(code) for code in picked if not chosen.get(code)}
        left_out = [str(code) for code in picked if not chosen.get(code)]
        if left_out and chosen:
            self.run.say(f"Left out, as they serve no subsidiary: {', '.join(left_out)}.")
        return {code: keys for code, keys in chosen.items() if keys}

    def _picked(self, settings: Settings) -> list[int]:
        known = [int(d["division"]) for d in settings.get("divisions") or ()]
        usable = known or [
            d["division"] for d in self.run.report.divisions if d["status"] == "open"
        ]
        if known or self.run.wish.yes:
            return usable
        default = ",".join(map(str, usable))
        text = self.run.asked("Divisions to connect, separated by commas", "--division", default)
        picked = [_number(word) for word in text.split(",") if word.strip()]
        assigning.assign({}, dict.fromkeys(picked, ()), self.run.report.divisions)
        return picked

    def _division_for(self, subsidiary: Mapping[str, Any], picked: Sequence[int]) -> int | None:
        proposal = subsidiary["division"] if subsidiary["division"] in picked else None
        if self.run.wish.yes:
            return proposal
        text = self.run.asked(
            f"Division for {subsidiary['name']} ({_NONE} for none)",
            "--division",
            str(proposal or _NONE),
        )
        if text.strip() == _NONE:
            return None
        if (code := _number(text)) not in picked:
            raise Complaint(f"division {code} was not picked: {', '.join(map(str, picked))}")
        return code

    def _named(self, code: int) -> list[str]:
        text = self.run.asked(
            f"Airbase subsidiaries of division {code} (id, code or name), separated by commas",
            "--division",
        )
        return [word.strip() for word in text.split(",") if word.strip()]


def _is_complete(settings: Settings) -> bool:
    divisions = settings.get("divisions") or ()
    return bool(divisions) and all(d.get("subsidiaries") for d in divisions)


def read_divisions(texts: Sequence[str]) -> dict[int, list[str]]:
    """Return what `--division` options say; raises `Complaint` for one that says nothing."""
    read: dict[int, list[str]] = {}
    for text in texts:
        code, _, keys = text.partition("=")
        named = [key.strip() for key in keys.split(",") if key.strip()]
        if not named:
            raise Complaint(f"--division {text}: say CODE=SUBSIDIARY[,SUBSIDIARY]")
        read.setdefault(_number(code), []).extend(named)
    return read


def _number(text: str) -> int:
    if not text.strip().isdecimal():
        raise Complaint(f"{text.strip()!r} is no division code")
    return int(text)
