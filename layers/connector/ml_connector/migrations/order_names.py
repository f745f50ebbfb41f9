"""Form 1: every order is found by rows of its names, every open exception in the index `open`.

A record is not changed, except one with an exception that is missing in the index: it is stored
again as it is. Workers may write meanwhile: a row is stored only if the record is still as read.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import partial

from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import OrderFacts
from ml_connector.infrastructure.data_form import ORDER_NAMES
from ml_connector.infrastructure.dynamodb import CheckVersion, Table
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, Ledger
from ml_connector.infrastructure.order_names import all_rows, name_row, names_of
from ml_connector.migrations.step import Change, Step
from ml_connector.stack import Stack

_ATTEMPTS = 5


def _changes(stack: Stack, connection: ConnectionId, after: str) -> Iterator[Change]:
    rows = all_rows(stack.tables.ledger, connection)
    ledger = stack.services.ledger_of(connection)
    indexed = {str(row["sk"]) for row in ledger.unfinished() if row["codes"]}
    for record in ledger.records():
        is_indexed = not record.problems or record.key in indexed
        is_named = all((name, record.key) in rows for name in _names(record))
        if record.key > after and not (is_indexed and is_named):
            apply = partial(_apply, ledger, stack.tables.ledger, record, is_indexed=is_indexed)
            yield Change(record.key, apply)


def _apply(ledger: Ledger, table: Table, record: AnyRecord, *, is_indexed: bool) -> None:
    """Store what is missing; raises `Conflict` when others keep changing the record."""
    for _ in range(_ATTEMPTS):
        with suppress(Conflict):
            _store(ledger, table, record, is_indexed=is_indexed)
            return
        record = ledger.read(record.key)
    raise Conflict(f"{record.connection}#{record.key}")


def _store(ledger: Ledger, table: Table, record: AnyRecord, *, is_indexed: bool) -> None:
    if not is_indexed:
        record = ledger.save_unaudited(record)
    connection, key = record.connection, record.key
    rows = [name_row(table, connection, key, name) for name in sorted(_names(record))]
    if rows and not table.transact([CheckVersion(table, connection, key, record.version), *rows]):
        raise Conflict(key)


def _names(record: AnyRecord) -> frozenset[str]:
    return names_of(record.facts) if isinstance(record.facts, OrderFacts) else frozenset()


STEP = Step(ORDER_NAMES, "orders are found by number without reading all of them", _changes)
