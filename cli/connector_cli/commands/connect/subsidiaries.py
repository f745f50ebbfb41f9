"""Which Exact division serves which Airbase subsidiary: options, proposals, questions."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_cli.commands.connect.session import ConnectSession, MissingInputError
from ml_connector.connections import subsidiaries as assignments
from ml_connector.connections.setup import site_named
from ml_connector.connections.subsidiaries import Settings, Subsidiary
from ml_connector.domain.ids import Division, SiteId, code_of, division_at, site_of
from ml_connector.user_errors import UserError

_HOW = "pass --division CODE=SUBSIDIARY[,SUBSIDIARY], or --yes to accept the proposals"
_NONE = "-"
_ELSEWHERE = "elsewhere"
_NAME = re.compile(r"(?:[a-z.]+\.)?[0-9]{1,10}")


@dataclass
class SubsidiaryAssignment:
    """The step that assigns subsidiaries to divisions; the divisions of all sites are reported."""

    session: ConnectSession
    _elsewhere: list[str] = field(default_factory=list)
    """The subsidiaries of which a person says that another system takes care of their orders."""

    def assign(self, settings: Settings, subsidiaries: list[Subsidiary]) -> Settings:
        """Return the settings with every division serving a subsidiary.

        Raises `MissingInputError` when a person has to choose but the run is silent.
        """
        self._show_proposals(settings, subsidiaries)
        if by_option := self.session.options.divisions:
            assignments.expect_known(
                [key for keys in by_option.values() for key in keys], subsidiaries
            )
            chosen = {self._named(name, settings): list(k) for name, k in by_option.items()}
            return _require_complete(self._assigned(settings, chosen))
        if _is_complete(settings):
            # Assigned as they are: a division that the consent does not reach is refused.
            return self._assigned(settings, _served(settings))
        chosen = self._choose(settings, subsidiaries)
        settings = assignments.with_elsewhere(settings, self._elsewhere)
        return _require_complete(self._assigned(settings, chosen))

    def _assigned(self, settings: Settings, chosen: Mapping[Division, Sequence[str]]) -> Settings:
        sites = []
        for site in settings["sites"]:
            name = site_named(site)
            own = {int(code_of(d)): keys for d, keys in chosen.items() if site_of(d) == name}
            listed = [
                {**each, "division": int(code_of(each["division"]))}
                for each in self.session.report.divisions
                if site_of(each["division"]) == name
            ]
            with_list = {**site, "divisions": site.get("divisions") or []}
            sites.append(assignments.assign(with_list, own, listed))
        return {**settings, "sites": sites}

    def _named(self, text: str, settings: Settings) -> Division:
        """Return the division that a person names: `nl.2101`, or its code where it is unique."""
        wanted = text.strip().lower()
        if not _NAME.fullmatch(wanted):
            raise UserError(f"{text.strip()!r} is not a division code")
        listed = [Division(each["division"]) for each in self.session.report.divisions]
        found = [each for each in listed if wanted in {each, str(code_of(each))}]
        sites = [site_named(site) for site in settings["sites"]]
        site, _, code = wanted.rpartition(".")
        if not found and (site in sites or len(sites) == 1):
            return division_at(SiteId(site) if site in sites else sites[0], int(code))
        if not found:
            raise UserError(f"no site has division {text.strip()}; there are {', '.join(listed)}")
        if len(found) > 1:
            raise UserError(f"{text.strip()} is a division of several sites: {' or '.join(found)}")
        return found[0]

    def _show_proposals(self, settings: Settings, subsidiaries: list[Subsidiary]) -> None:
        report = self.session.report
        proposals = assignments.propose_assignments(report.divisions, subsidiaries)
        for subsidiary, proposal in zip(subsidiaries, proposals, strict=True):
            elsewhere = assignments.elsewhere(settings, subsidiary)
            if elsewhere:
                proposal |= {"division": None, "why": ""}
            served = {"served_by": _server(settings, subsidiary), "served_elsewhere": elsewhere}
            report.subsidiaries.append({**proposal, **served})
        self.session.print_table(
            ("Subsidiary", "Name", "Served by", "Proposed", "Matched by"),
            [
                (
                    s["subsidiary"],
                    s["name"],
                    s["served_by"] or s["served_elsewhere"],
                    s["division"],
                    s["why"],
                )
                for s in report.subsidiaries
            ],
        )

    def _choose(
        self, settings: Settings, subsidiaries: list[Subsidiary]
    ) -> dict[Division, list[str]]:
        options = self.session.options
        if options.is_silent and not options.yes:
            raise MissingInputError(f"which division serves which subsidiary? {_HOW}")
        picked = self._pick_divisions(settings)
        chosen = {division: list(keys) for division, keys in _served(settings).items()}
        for each in self.session.report.subsidiaries:
            is_open = each["served_by"] is None and not each["served_elsewhere"]
            if is_open and (division := self._pick_division_of(each, picked, settings)):
                chosen.setdefault(division, []).append(each["subsidiary"])
        if not subsidiaries and not options.yes:
            chosen |= {d: self._ask_subsidiaries(d) for d in picked if not chosen.get(d)}
        left_out = [division for division in picked if not chosen.get(division)]
        if left_out and chosen:
            self.session.print_line(f"Left out, no subsidiary assigned: {', '.join(left_out)}.")
        return {division: keys for division, keys in chosen.items() if keys}

    def _pick_divisions(self, settings: Settings) -> list[Division]:
        """Return the known divisions; of a site without any, those that are picked now."""
        known = list(_served(settings))
        new = [
            Division(each["division"])
            for each in self.session.report.divisions
            if each["status"] == "open" and site_of(each["division"]) not in map(site_of, known)
        ]
        if not new or self.session.options.yes:
            return [*known, *new]
        question = "Divisions to connect, separated by commas"
        return [
            *known,
            *self.session.settle(
                question,
                "--division",
                lambda text: self._read_picked(text, settings),
                ",".join(new),
            ),
        ]

    def _read_picked(self, text: str, settings: Settings) -> list[Division]:
        picked = [self._named(word, settings) for word in text.split(",") if word.strip()]
        nothing = {**settings, "sites": [{**s, "divisions": []} for s in settings["sites"]]}
        self._assigned(nothing, dict.fromkeys(picked, ()))
        return picked

    def _pick_division_of(
        self, subsidiary: Mapping[str, Any], picked: Sequence[Division], settings: Settings
    ) -> Division | None:
        proposal = subsidiary["division"] if subsidiary["division"] in picked else None
        if self.session.options.yes:
            return proposal
        question = (
            f"Division for {subsidiary['name']} ({_NONE} for none; {_ELSEWHERE}: another system, "
            "or somebody by hand, takes care of its orders)"
        )

        def read(text: str) -> Division | None:
            if text.strip().lower() == _ELSEWHERE:
                self._elsewhere.append(subsidiary["subsidiary"])
                return None
            if text.strip() == _NONE:
                return None
            if (division := self._named(text, settings)) not in picked:
                allowed = ", ".join(picked)
                raise UserError(f"{division} is not one of the divisions to connect: {allowed}")
            return division

        return self.session.settle(question, "--division", read, str(proposal or _NONE))

    def _ask_subsidiaries(self, division: Division) -> list[str]:
        question = f"Airbase subsidiaries of {division} (id, code or name), comma-separated"
        text = self.session.ask(question, "--division")
        return [word.strip() for word in text.split(",") if word.strip()]


def _served(settings: Settings) -> dict[Division, list[str]]:
    """Return the subsidiaries of every division in the settings."""
    return {
        division_at(site_named(site), int(each["division"])): list(each.get("subsidiaries") or ())
        for site in settings["sites"]
        for each in site.get("divisions") or ()
    }


def _server(settings: Settings, subsidiary: Subsidiary) -> Division | None:
    served = ((division, set(keys)) for division, keys in _served(settings).items())
    return next((division for division, keys in served if subsidiary.names & keys), None)


def _require_complete(settings: Settings) -> Settings:
    for site in settings["sites"]:
        if not site["divisions"]:
            of = f" of {site_named(site)}" if len(settings["sites"]) > 1 else ""
            raise MissingInputError(f"no division{of} serves a subsidiary: {_HOW}")
        for division in site["divisions"]:
            if not division.get("subsidiaries"):
                name = division_at(site_named(site), int(division["division"]))
                raise MissingInputError(f"division {name} serves no subsidiary: {_HOW}")
    return settings


def _is_complete(settings: Settings) -> bool:
    every = [site.get("divisions") or [] for site in settings["sites"]]
    return all(every) and all(d.get("subsidiaries") for divisions in every for d in divisions)


def read_divisions(texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the subsidiaries that the `--division` options assign to each division, as named.

    Raises `UserError` for an option without a division or a subsidiary.
    """
    read: dict[str, list[str]] = {}
    for text in texts:
        name, _, keys = text.partition("=")
        named = [key.strip() for key in keys.split(",") if key.strip()]
        if not named:
            raise UserError(f"--division {text}: write it as CODE=SUBSIDIARY[,SUBSIDIARY]")
        if not _NAME.fullmatch(name.strip().lower()):
            raise UserError(f"{name.strip()!r} is not a division code")
        read.setdefault(name.strip().lower(), []).extend(named)
    return read
