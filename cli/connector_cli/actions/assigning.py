"""Which Exact division serves which Airbase subsidiary: proposed, and put into the settings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connector_cli.complaints import Complaint
from ml_connector.vendors.names import read_name

Settings = dict[str, Any]
"""A connection file's content; divisions may still be missing, or lack their subsidiaries."""


@dataclass(frozen=True)
class Subsidiary:
    """An Airbase subsidiary; `key` is what a connection file names it by."""

    key: str
    name: str
    code: str = ""
    country: str = ""

    @property
    def words(self) -> set[str]:
        """Return all that a connection file may name it by."""
        return {word for word in (self.key, self.code, self.name) if word}


def propose_assignments(
    divisions: Sequence[Mapping[str, Any]], subsidiaries: Iterable[Subsidiary]
) -> list[dict[str, Any]]:
    """Return for each subsidiary the division it seems to be, None where none or several do.

    `{"subsidiary", "name", "division", "why"}`; only open divisions are proposed. `why` is code
    (its ERP reference is the division's code) or name (they agree but for the legal form).
    """
    candidates = [each for each in divisions if each["status"] == "open"]
    return [_proposal(each, candidates) for each in subsidiaries]


def _proposal(subsidiary: Subsidiary, divisions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_code = [d["division"] for d in divisions if str(d["division"]) == subsidiary.code]
    keys = set(read_name(subsidiary.name).keys)
    by_name = [d["division"] for d in divisions if keys & set(read_name(d["name"]).keys)]
    why, division = "", None
    if len(by_code) == 1:
        why, division = "code", by_code[0]
    elif len(by_name) == 1:
        why, division = "name", by_name[0]
    return {
        "subsidiary": subsidiary.key,
        "name": subsidiary.name,
        "division": division,
        "why": why,
    }


def assigned_to(settings: Settings, subsidiary: Subsidiary) -> int | None:
    """Return the division that the settings let a subsidiary be served by."""
    for division in settings.get("divisions") or ():
        if subsidiary.words & set(division.get("subsidiaries") or ()):
            return int(division["division"])
    return None


def expect_known(keys: Iterable[str], subsidiaries: Sequence[Subsidiary]) -> None:
    """Raise `Complaint` for a word that names no subsidiary, where Airbase lists them."""
    known = {word for each in subsidiaries for word in each.words}
    if known and (strange := sorted(set(keys) - known)):
        raise Complaint(
            f"Airbase has no subsidiary {', '.join(strange)}; it has "
            f"{', '.join(each.key for each in subsidiaries)}"
        )


def assign(
    settings: Settings,
    assignments: Mapping[int, Sequence[str]],
    divisions: Sequence[Mapping[str, Any]],
) -> Settings:
    """Return the settings with these subsidiaries served by these divisions.

    Other settings of a division stay; a new one gets the name and currency that Exact has for it.
    Raises `Complaint` for a division that the consent does not reach, or a new one not open.
    """
    there = {each["division"]: each for each in divisions}
    before = {int(d["division"]): d for d in settings.get("divisions") or ()}
    entries = dict(before)
    for code, keys in assignments.items():
        if code not in there:
            raise Complaint(
                f"division {code} is not among those this consent reaches: "
                f"{', '.join(map(str, sorted(there))) or 'none'}"
            )
        if code not in before and there[code]["status"] != "open":
            raise Complaint(f"division {code} is {there[code]['status']} in Exact")
        entries[code] = _entry(there[code]) | dict(before.get(code, {}))
        entries[code]["subsidiaries"] = list(keys)
    return {**settings, "divisions": list(entries.values())}


def _entry(division: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"division": division["division"], "name": division["name"]}
    return entry | ({"currency": division["currency"]} if division["currency"] else {})
