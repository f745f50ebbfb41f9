"""Facts of records to what is stored of them, and back: the one place that knows both forms.

A fact at its default is not stored. A fact that this version does not know was written by a newer
one, and is refused: storing the record again would lose it.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import msgspec

from ml_connector.domain.ids import RecordKey
from ml_connector.domain.records import (
    ComparisonFacts,
    ConnectionFacts,
    EventFacts,
    Facts,
    OrderFacts,
    VendorFacts,
)

AnyFacts = TypeVar("AnyFacts", bound=Facts)

_BY_KIND: Mapping[str, type[Facts]] = {
    "order": OrderFacts,
    "vendor": VendorFacts,
    "event": EventFacts,
    "connection": ConnectionFacts,
    "vendors": ComparisonFacts,
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
    return {
        _STORED_AS.get(name, name): msgspec.to_builtins(value)
        for name, value in known
        if value != getattr(defaults, name)
    }


def changed(before: Facts, after: Facts) -> dict[str, Any]:
    """Return the facts that differ, as JSON values; None for one that is back at its default."""
    old, new = encode(before), encode(after)
    names = [*new, *(name for name in old if name not in new)]
    return {name: new.get(name) for name in names if new.get(name) != old.get(name)}


def decode(stored: Mapping[str, Any], kind: type[AnyFacts]) -> AnyFacts:
    """Return the facts that were stored; raises `NewerDataError` if one cannot be read here."""
    names = {_STORED_AS.get(each.name, each.name): each.name for each in fields(kind)}
    said = {name: value for name, value in stored.items() if value is not None}
    if unknown := sorted(said.keys() - names.keys()):
        raise NewerDataError(f"it does not know {', '.join(unknown)}")
    try:
        return msgspec.convert({names[name]: value for name, value in said.items()}, kind)
    except msgspec.ValidationError as error:
        raise NewerDataError(str(error)) from error
