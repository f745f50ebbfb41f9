"""A stack as an earlier version has left it: no rows by name, nothing about the form of data."""

from dataclasses import replace
from typing import Any

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Guid, OrderId, RecordKey
from ml_connector.domain.records import ExactReference, OrderFacts
from ml_connector.infrastructure.ledger import new_order, order_key

NAMES = f"{FIRM}#names"
IN_REVIEW = order_key(OrderId("id-1"))
"""Its exception is missing in the index `open`."""


def make_old(env: InMemoryEnvironment, orders: int = 4) -> None:
    """Store orders `id-<n>` called PO-<n> and <7000 + n>, as an earlier version did."""
    env.connect()
    for number in range(orders):
        ledger, key = env.services.ledger_of(FIRM), OrderId(f"id-{number}")
        record = ledger.write(new_order(FIRM, key).now("received"), "received")
        record = ledger.write(record.now("posting"), "intent")
        exact = ExactReference(Guid("00000000-0000-0000-0000-000000000001"), 7000 + number)
        facts = OrderFacts(title=f"PO-{number}", exact=exact)
        if order_key(key) == IN_REVIEW:
            facts = replace(facts, problems=(problem("LINK_BROKEN", "PO-1"),))
        ledger.write(record.now("posted", facts), "posted")
    forget_form(env)


def forget_form(env: InMemoryEnvironment) -> None:
    """Remove all that this version stores in addition."""
    table = ledger_table(env)
    table.delete("#form", "stack")
    table.delete("#form", f"connection#{FIRM}")
    table.delete_all(NAMES, [str(item["sk"]) for item in table.query(NAMES)])
    for item in list(table.query(FIRM)):
        table.put({name: value for name, value in item.items() if name not in _INDEX})


_INDEX = {"open_group", "open_at", "codes", "waits"}


def ledger_table(env: InMemoryEnvironment) -> InMemoryTable:
    table = env.memory.tables.ledger
    assert isinstance(table, InMemoryTable)
    return table


def pointers(env: InMemoryEnvironment) -> set[tuple[str, str]]:
    return {(str(row["name"]), str(row["record"])) for row in ledger_table(env).query(NAMES)}


def all_pointers(orders: int = 4) -> set[tuple[str, str]]:
    return {
        (name, f"order#id-{number}")
        for number in range(orders)
        for name in (f"po-{number}", str(7000 + number))
    }


def records(env: InMemoryEnvironment) -> dict[RecordKey, Any]:
    return {each.key: each for each in env.services.ledger_of(FIRM).records()}
