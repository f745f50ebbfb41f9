"""What Airbase uses: its GL accounts and subsidiaries, and whatever stands on its orders."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connector_cli.actions.mapping.kinds import (
    GL_ACCOUNTS,
    PAYMENT_CONDITIONS,
    SUBSIDIARIES,
    SUPPLIERS,
    VAT_CODES,
    serving,
)
from ml_connector.airbase.api import AirbaseClient
from ml_connector.airbase.orders import FieldReader
from ml_connector.connection import Connection
from ml_connector.ids import Division
from ml_connector.purchase_orders.model import Reference, Tag
from ml_connector.words import State

_NEVER_POSTED = {State.DENIED, State.ARCHIVED, State.CANCELLED}

Place = tuple[Division | None, str]
"""A division (None: all of the connection) and a kind of thing."""


@dataclass
class Thing:
    """Something that Airbase points at, and how many orders do."""

    wanted: Reference
    orders: int = 0


@dataclass
class Usage:
    """All things, each once; `unknown_tags` are labels without a meaning in the connection."""

    things: dict[Place, list[Thing]] = field(default_factory=dict)
    unknown_tags: set[str] = field(default_factory=set)
    orders: int = 0
    _by_key: dict[tuple[Place, str], Thing] = field(default_factory=dict, repr=False)

    def note(self, place: Place, wanted: Reference) -> Thing | None:
        """Return the thing, added when it is a new one; None when it has no name at all."""
        if not wanted.keys:
            return None
        near = (self._by_key.get((place, key)) for key in wanted.keys)
        known = next((thing for thing in near if thing and _is_same(thing.wanted, wanted)), None)
        if known is None:
            known = Thing(wanted)
            self.things.setdefault(place, []).append(known)
        for key in wanted.keys:
            self._by_key.setdefault((place, key), known)
        return known


def find_usage(client: AirbaseClient, connection: Connection) -> Usage:
    """Read what Airbase uses; raises `Later`, `Review` or `Halt` as the client does."""
    usage = Usage()
    for row in client.subsidiaries():
        usage.note((None, SUBSIDIARIES), _reference(row))
    for row in client.accounts():
        for division in _divisions_of(row, connection):
            usage.note((division, GL_ACCOUNTS), _account(row))
    for raw in client.orders():
        _note_order(usage, raw, connection)
    return usage


def _note_order(usage: Usage, raw: Any, connection: Connection) -> None:
    """Note what one order uses, each thing once; what cannot be read is left to its posting."""
    profile = connection.profile
    reader = FieldReader(raw, profile)
    if profile.state_words.get(reader.text(profile.order.state, "state")) in _NEVER_POSTED:
        return
    usage.orders += 1
    subsidiary = reader.reference(profile.order.subsidiary, "subsidiary")
    division = serving(connection, subsidiary)
    found: list[tuple[Place, Reference]] = [((None, SUBSIDIARIES), subsidiary)]
    if division:
        found += _used(usage, reader, connection, division.division)
    for place, wanted in dict.fromkeys(found):
        thing = usage.note(place, wanted)
        if thing:
            thing.orders += 1
            # As planning will see it: an order may say less than the list does.
            thing.wanted = Reference(wanted.id, wanted.code, wanted.name or thing.wanted.name)


def _used(
    usage: Usage, reader: FieldReader, connection: Connection, division: Division
) -> Iterator[tuple[Place, Reference]]:
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
    usage: Usage, tags: Iterable[Tag], connection: Connection, division: Division
) -> Iterator[tuple[Place, Reference]]:
    for tag in tags:
        kind = connection.tag_dimensions.get(tag.dimension)
        if kind:
            yield (division, f"{kind}s"), tag.value
        elif tag.dimension not in connection.ignored_tags:
            usage.unknown_tags.add(tag.dimension)


def _divisions_of(row: Any, connection: Connection) -> list[Division]:
    """Return the divisions in which an Airbase account may be used: all, unless it says which."""
    named = row.get("subsidiary_reference_ids") if isinstance(row, Mapping) else None
    if not isinstance(named, list) or not named:
        return [each.division for each in connection.divisions]
    served = (serving(connection, _reference(each)) for each in named)
    return list(dict.fromkeys(each.division for each in served if each))


def _reference(row: Any) -> Reference:
    return Reference(*(_text(row, name) for name in ("airbase_id", "erp_reference_id", "name")))


def _account(row: Any) -> Reference:
    """Read an account of the accounting API; on an order, the profile says where it stands."""
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
