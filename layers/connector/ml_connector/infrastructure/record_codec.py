"""Facts of records to what is stored of them, and back: the one place that knows both forms.

A fact at its default is not stored. A fact that this version does not know was written by a newer
one, and is refused: storing the record again would lose it.
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar, cast

import msgspec

from ml_connector.domain.ids import (
    Division,
    RecordKey,
    SiteId,
    code_of,
    parse_division,
    site_of,
)
from ml_connector.domain.records import (
    ComparisonFacts,
    ConnectionFacts,
    DeedFacts,
    DivisionFacts,
    EventFacts,
    Facts,
    OrderFacts,
    VendorFacts,
)

AnyFacts = TypeVar("AnyFacts", bound=Facts)
_T = TypeVar("_T")

_BY_KIND: Mapping[str, type[Facts]] = {
    "order": OrderFacts,
    "vendor": VendorFacts,
    "event": EventFacts,
    "connection": ConnectionFacts,
    "vendors": ComparisonFacts,
    "division": DivisionFacts,
    "deed": DeedFacts,
}
_DEFAULTS: Mapping[type[Facts], Facts] = {kind: kind() for kind in _BY_KIND.values()}
# Stored under an older name.
_STORED_AS = {"is_changed_in_exact": "look"}


class NewerDataError(Exception):
    """The record was written by a newer version of the connector."""


def facts_type(key: RecordKey) -> type[Facts]:
    """Return the kind of facts that a record with this key has.

    Raises `NewerDataError` for a kind of record that this version does not know.
    """
    kind = key.partition("#")[0]
    if kind not in _BY_KIND:
        raise NewerDataError(f"it does not know records of the kind {kind}")
    return _BY_KIND[kind]


def is_record_key(text: str) -> bool:
    """Return whether the text is the key of a kind of record that this version knows."""
    return text.partition("#")[0] in _BY_KIND


def encode(facts: Facts) -> dict[str, Any]:
    """Return the facts as JSON values, without those at their default."""
    known = ((each.name, getattr(facts, each.name)) for each in fields(facts))
    defaults = _DEFAULTS[type(facts)]
    said = {
        _STORED_AS.get(name, name): msgspec.to_builtins(value)
        for name, value in known
        if value != getattr(defaults, name)
    }
    if isinstance(facts, ConnectionFacts):
        return _with_first_digest(said)
    return _with_codes(said) if isinstance(facts, OrderFacts) else said


def changed(before: Facts, after: Facts) -> dict[str, Any]:
    """Return the facts that differ, as JSON values; None for one that is back at its default."""
    old, new = encode(before), encode(after)
    names = [*new, *(name for name in old if name not in new)]
    return {name: new.get(name) for name in names if new.get(name) != old.get(name)}


def decode(stored: Mapping[str, Any], kind: type[AnyFacts]) -> AnyFacts:
    """Return the facts that were stored; raises `NewerDataError` if one cannot be read here."""
    names = {_STORED_AS.get(each.name, each.name): each.name for each in fields(kind)}
    said = {name: value for name, value in stored.items() if value is not None}
    if kind is OrderFacts:
        said = _with_divisions(said)
    if kind is ConnectionFacts:
        said = _with_digests(said)
    if unknown := sorted(said.keys() - names.keys()):
        raise NewerDataError(f"it does not know {', '.join(unknown)}")
    try:
        return msgspec.convert({names[name]: value for name, value in said.items()}, kind)
    except msgspec.ValidationError as error:
        raise NewerDataError(str(error)) from error


def _with_first_digest(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return a connection's facts as stored: the digest of its first site apart."""
    digests = dict(said.get("consent_digests", {}))
    first = digests.pop("", None)
    stored = {**said, "consent_digests": digests, "consent_digest": first}
    return {name: value for name, value in stored.items() if value}


def _with_digests(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `_with_first_digest`."""
    first = stored.get("consent_digest")
    others = stored.get("consent_digests", {})
    digests = {"consent_digests": {"": first, **others}} if first else {}
    return {k: v for k, v in stored.items() if k != "consent_digest"} | digests


def _with_codes(said: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order's facts as stored: the division as its code and `site`, apart."""
    stored = {**said}
    if "intent" in said:
        stored["intent"] = _with_codes(said["intent"])
    if division := said.get("division"):
        site = {"site": site_of(division)} if site_of(division) else {}
        stored |= {"division": code_of(division), **site}
    return stored


def _with_divisions(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Undo `_with_codes`; a division that was stored without its site is its code alone."""
    said = {name: value for name, value in stored.items() if name != "site"}
    if isinstance(intent := stored.get("intent"), Mapping):
        said["intent"] = _with_divisions(intent)
    if isinstance(code := stored.get("division"), int):
        said["division"] = f"{stored['site']}.{code}" if stored.get("site") else str(code)
    return said


def with_site(facts: AnyFacts, site: SiteId) -> AnyFacts:
    """Return the facts with the site of every division that they name without one.

    Older versions stored the division alone, because a connection had one site: this one.
    """
    known: Facts = facts
    if isinstance(known, OrderFacts):
        known = _order_with_site(known, site)
    elif isinstance(known, VendorFacts):
        known = replace(known, divisions=_by_key(known.divisions, site))
    elif isinstance(known, ConnectionFacts):
        halts, lifted = _by_key(known.halts, site), _by_key(known.lifted, site)
        known = replace(known, halts=halts, lifted=lifted)
    elif isinstance(known, ComparisonFacts):
        whole = tuple(_division(each, site) for each in known.run.whole)
        known = replace(known, run=replace(known.run, whole=whole))
    return cast("AnyFacts", known)


def _order_with_site(facts: OrderFacts, site: SiteId) -> OrderFacts:
    if facts.division:
        facts = replace(facts, division=_division(facts.division, site))
    if facts.intent:
        placed = _division(facts.intent.division, site)
        facts = replace(facts, intent=replace(facts.intent, division=placed))
    return facts


def _by_key(known: Mapping[str, _T], site: SiteId) -> dict[str, _T]:
    return {_division(where, site): each for where, each in known.items()}


def _division(where: str, site: SiteId) -> Division:
    """Return a division with its site; anything else ("" or a site) as it is."""
    return parse_division(where, site) if where.isdecimal() else Division(where)
