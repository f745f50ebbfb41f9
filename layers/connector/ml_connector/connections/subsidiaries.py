"""Which Exact division serves which Airbase subsidiary: propose it, and put it in the settings."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from ml_connector.domain.matching.names import read_name
from ml_connector.exact.divisions import may_be_virtual, virtual
from ml_connector.settings.served_elsewhere import ServedElsewhere
from ml_connector.user_errors import UserError

_COUNTRY = re.compile("[A-Z]{2}")
Settings = dict[str, Any]
"""The content of a connection file; divisions or their subsidiaries may still be missing."""


@dataclass(frozen=True)
class Subsidiary:
    """An Airbase subsidiary; `key` is what a connection file calls it."""

    key: str
    name: str
    code: str = ""
    country: str = ""

    @property
    def names(self) -> set[str]:
        """Return everything a connection file may call it."""
        return {text for text in (self.key, self.code, self.name) if text}


def propose_assignments(
    divisions: Sequence[Mapping[str, Any]], subsidiaries: Iterable[Subsidiary]
) -> list[dict[str, Any]]:
    """Return for each subsidiary the matching division; None where none or several match.

    `{"subsidiary", "name", "division", "why"}`, the division as it was given; only open ones are
    proposed. `why`: code (its ERP reference is the division's code) or name (equal but for the
    legal form).
    """
    candidates = [each for each in divisions if each["status"] == "open"]
    return [_proposal(each, candidates) for each in subsidiaries]


def _proposal(subsidiary: Subsidiary, divisions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    by_code = [d["division"] for d in divisions if _has_code(d["division"], subsidiary.code)]
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


def _has_code(division: str | int, code: str) -> bool:
    """Return whether a division is meant, with its site (`nl.2101`) or without."""
    return bool(code) and code in {str(division), str(division).rpartition(".")[2]}


def elsewhere(settings: Settings, subsidiary: Subsidiary) -> str:
    """Return where and when the settings say that a subsidiary is served elsewhere; empty: never.

    A division is not asked for it: outside of a period, a file or an option names one.
    """
    every = TypeAdapter(list[ServedElsewhere]).validate_python(settings.get("served_elsewhere", ()))
    said = [each for each in every if each.subsidiary in subsidiary.names]
    words = (f"elsewhere {each.where} {each.period}" for each in said)
    return "; ".join(" ".join(text.split()) for text in words)


def with_elsewhere(settings: Settings, keys: Sequence[str]) -> Settings:
    """Return the settings with these subsidiaries served elsewhere, always."""
    if not keys:
        return settings
    known = settings.get("served_elsewhere", ())
    return {**settings, "served_elsewhere": [*known, *({"subsidiary": key} for key in keys)]}


def expect_known(keys: Iterable[str], subsidiaries: Sequence[Subsidiary]) -> None:
    """Raise `UserError` for a key that is no subsidiary, where Airbase lists them."""
    known = {name for each in subsidiaries for name in each.names}
    if known and (unknown := sorted(set(keys) - known)):
        raise UserError(
            f"Airbase has no subsidiary {', '.join(unknown)}; it has "
            f"{', '.join(each.key for each in subsidiaries)}"
        )


def assign(
    settings: Settings,
    assignments: Mapping[int, Sequence[str]],
    divisions: Sequence[Mapping[str, Any]],
) -> Settings:
    """Return the settings with these subsidiaries assigned to these divisions.

    Other settings of a division stay; missing are its name, country and currency: they come from
    Exact. Raises `UserError` for a division outside the consent, or a new one that is not open.
    """
    listed = {each["division"]: each for each in divisions}
    before = {int(d["division"]): d for d in settings.get("divisions") or ()}
    entries = dict(before)
    _refuse_virtual(code for code in assignments if is_virtual(code, listed))
    for code, keys in assignments.items():
        if code not in listed:
            raise UserError(
                f"division {code} is not among those this consent reaches: "
                f"{', '.join(map(str, sorted(listed))) or 'none'}"
            )
        if code not in before and listed[code]["status"] != "open":
            raise UserError(f"division {code} is {listed[code]['status']} in Exact")
        entries[code] = _entry(listed[code]) | dict(before.get(code, {}))
        entries[code]["subsidiaries"] = list(keys)
    return {**settings, "divisions": list(entries.values())}


def is_virtual(code: int, listed: Mapping[int, Mapping[str, Any]]) -> bool:
    """Return whether a division is the HQ of a Premium licence: Exact does not list it."""
    return may_be_virtual(code) and (code not in listed or listed[code]["status"] == "virtual")


def _refuse_virtual(codes: Iterable[int]) -> None:
    for code in codes:
        found = virtual(code).problems[0]
        raise UserError(f"division {code}: {found.cause} {found.remedy}")


def _entry(division: Mapping[str, Any]) -> dict[str, Any]:
    entry = {"division": division["division"], "name": division["name"]}
    known = {name: division[name] for name in ("country", "currency") if division[name]}
    if not _COUNTRY.fullmatch(division["country"]):
        known.pop("country", None)
    return entry | known
