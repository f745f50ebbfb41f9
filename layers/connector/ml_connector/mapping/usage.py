"""Collect the values that Airbase uses: GL accounts, subsidiaries, and all values on its orders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_connector.airbase.client import AirbaseClient
from ml_connector.airbase.purchase_orders import FieldReader
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.mapping import serving_division
from ml_connector.domain.orders.order import Reference, Tag
from ml_connector.domain.states import ApprovalState
from ml_connector.mapping.kinds import (
    GL_ACCOUNTS,
    PAYMENT_CONDITIONS,
    SUBSIDIARIES,
    SUPPLIERS,
    VAT_CODES,
)
from ml_connector.settings.connection import Connection

_NEVER_POSTED = {ApprovalState.DENIED, ApprovalState.ARCHIVED, ApprovalState.CANCELLED}

UsageKey = tuple[Division | None, str]
"""A division (None: all of the connection) and a kind of mapping."""


@dataclass
class AirbaseValue:
    """A value in Airbase, and the number of orders with it."""

    wanted: Reference
    orders: int = 0


@dataclass
class AirbaseUsage:
    """All values, each once; `unknown_tags` are labels that the connection does not know."""

    values: dict[UsageKey, list[AirbaseValue]] = field(default_factory=dict)
    unknown_tags: set[str] = field(default_factory=set)
    orders: int = 0
    _by_key: dict[tuple[UsageKey, str], AirbaseValue] = field(default_factory=dict, repr=False)

    def shown(self, division: Division | None, kind: str) -> set[str]:
        """Return every id, code and name of a kind."""
        return {key for usage_key, key in self._by_key if usage_key == (division, kind)}

    def note(self, usage_key: UsageKey, wanted: Reference) -> AirbaseValue | None:
        """Return the value, added if it is new; None if it has no id, code or name."""
        if not wanted.keys:
            return None
        known_values = (self._by_key.get((usage_key, key)) for key in wanted.keys)
        known = next(
            (value for value in known_values if value and _is_same(value.wanted, wanted)), None
        )
        if known is None:
            known = AirbaseValue(wanted)
            self.values.setdefault(usage_key, []).append(known)
        for key in wanted.keys:
            self._by_key.setdefault((usage_key, key), known)
        return known


def find_usage(client: AirbaseClient, connection: Connection) -> AirbaseUsage:
    """Read the values from Airbase; raise `Later`, `Review` or `Halt` as the client does."""
    usage = AirbaseUsage()
    for row in client.subsidiaries():
        usage.note((None, SUBSIDIARIES), _reference(row))
    for row in client.accounts():
        for division in _divisions_of(row, connection):
            usage.note((division, GL_ACCOUNTS), _account(row))
    for raw in client.orders():
        _note_order(usage, raw, connection)
    return usage


def _note_order(usage: AirbaseUsage, raw: Any, connection: Connection) -> None:
    """Add the values of one order, each once; values that cannot be read are left out."""
    profile = connection.profile
    reader = FieldReader(raw, profile)
    if profile.state_words.get(reader.text(profile.order.state, "state")) in _NEVER_POSTED:
        return
    usage.orders += 1
    subsidiary = reader.reference(profile.order.subsidiary, "subsidiary")
    division = serving_division(subsidiary, connection)
    found: list[tuple[UsageKey, Reference]] = [((None, SUBSIDIARIES), subsidiary)]
    if division:
        found += _used(usage, reader, connection, division.division)
    for key, wanted in dict.fromkeys(found):
        value = usage.note(key, wanted)
        if value:
            value.orders += 1
            # Take id and code from the order, since it is mapped by these; a list may give more.
            value.wanted = Reference(wanted.id, wanted.code, wanted.name or value.wanted.name)


def _used(
    usage: AirbaseUsage, reader: FieldReader, connection: Connection, division: Division
) -> Iterator[tuple[UsageKey, Reference]]:
    fields = reader.profile.order
    condition = reader.text(fields.payment_condition, "payment condition")
    lines = reader.lines(fields.lines, fields.line, reader.currency(fields.currency))
    tags = [*reader.tags(fields.tags), *(tag for line in lines for tag in line.tags)]
    yield (division, SUPPLIERS), reader.reference(fields.vendor, "vendor")
    yield (division, PAYMENT_CONDITIONS), Reference(code=condition)
    for line in lines:
        yield (division, GL_ACCOUNTS), line.gl_account
        yield (division, VAT_CODES), Reference(code=line.vat_code)
    yield from _tagged(usage, tags, connection, division)


def _tagged(
    usage: AirbaseUsage, tags: Iterable[Tag], connection: Connection, division: Division
) -> Iterator[tuple[UsageKey, Reference]]:
    for tag in tags:
        kind = connection.tag_dimensions.get(tag.dimension)
        if kind:
            yield (division, f"{kind}s"), tag.value
        elif tag.dimension not in connection.ignored_tags:
            usage.unknown_tags.add(tag.dimension)


def _divisions_of(row: Any, connection: Connection) -> list[Division]:
    """Return the divisions in which an Airbase account may be used, by default all."""
    named = row.get("subsidiary_reference_ids") if isinstance(row, Mapping) else None
    if not isinstance(named, list) or not named:
        return [each.division for each in connection.divisions]
    served = (serving_division(_reference(each), connection) for each in named)
    return list(dict.fromkeys(each.division for each in served if each))


def _reference(row: Any) -> Reference:
    return Reference(*(_text(row, name) for name in ("airbase_id", "erp_reference_id", "name")))


def _account(row: Any) -> Reference:
    """Read an account of the accounting API; on an order, the profile names its fields."""
    found = _reference(row)
    return Reference(found.id, _text(row, "account_number") or found.code, found.name)


def _text(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, Mapping) else None
    return str(value).strip() if isinstance(value, str | int) else ""


def _is_same(one: Reference, other: Reference) -> bool:
    if one.id and other.id:
        return one.id == other.id
    if one.code and other.code:
        return one.code == other.code
    return one.name == other.name
