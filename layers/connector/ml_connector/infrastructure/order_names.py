"""Orders by what people call them: rows in the ledger's table that only point to records.

They have a key of their own, so whoever lists records never meets them. Each is written in the
transaction that gives the order its name; an order has at most two, for its number (or title) in
Airbase and its number in Exact. A name that an order no longer has expires. DynamoDB takes keys of
at most 1,024 bytes, and both a name and an id may have hundreds: the key has a digest of the name.
"""

from hashlib import sha256

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, RecordKey
from ml_connector.domain.records import Facts, OrderFacts
from ml_connector.infrastructure.dynamodb import Item, Put, Table, Write


def names_of(facts: OrderFacts) -> frozenset[str]:
    """Return what an order is called besides its id, in lower case."""
    number = facts.exact.number if facts.exact else None
    names = (facts.title or facts.order, str(number or ""))
    return frozenset(name.casefold() for name in names if name)


def name_writes(
    table: Table, connection: ConnectionId, key: RecordKey, before: Facts, after: Facts
) -> list[Write]:
    """Return the rows to write with a change of a record's facts; only orders have any."""
    if not isinstance(before, OrderFacts) or not isinstance(after, OrderFacts):
        return []
    old, new = names_of(before), names_of(after)
    writes: list[Write] = [name_row(table, connection, key, name) for name in sorted(new - old)]
    for name in sorted(old - new):
        row = name_row(table, connection, key, name).item
        writes.append(Put(table, {**row, "expires_at": int(clock.epoch())}))
    return writes


def name_row(table: Table, connection: ConnectionId, key: RecordKey, name: str) -> Put:
    """Return the row that points from a name (in lower case) to an order."""
    sk = f"{_digest(name)}#{key}"
    item: Item = {"pk": _pk(connection), "sk": sk, "name": name, "record": key}
    return Put(table, item)


def keys_named(table: Table, connection: ConnectionId, name: str) -> list[RecordKey]:
    """Return the keys of the orders that have, or had a moment ago, this name."""
    rows = table.query(_pk(connection), f"{_digest(name.casefold())}#")
    return [RecordKey(str(row["record"])) for row in rows]


def all_rows(table: Table, connection: ConnectionId) -> set[tuple[str, str]]:
    """Return name and record key of every row of a connection."""
    rows = table.query(_pk(connection))
    return {(str(row["name"]), str(row["record"])) for row in rows}


def _pk(connection: ConnectionId) -> str:
    return f"{connection}#names"


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:32]
