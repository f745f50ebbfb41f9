"""Lists and look-ups read as little for 400 orders as for 40."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.firm import BE
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Guid, OrderId, VendorId
from ml_connector.domain.records import ExactReference, OrderFacts
from ml_connector.exceptions import retry as retries
from ml_connector.exceptions.listing import list_open, read_filter
from ml_connector.infrastructure.compression import compress
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION, new_order, order_key, vendor_key
from ml_connector.infrastructure.order_names import name_row
from ml_connector.purchase_orders.listing import list_orders
from ml_connector.records.lookup import find_order, find_order_or_none, find_record
from ml_connector.user_errors import UserError
from tests.person_stack import PersonStack

MOST = 4
GUID = Guid("00000000-0000-0000-0000-000000000001")


def post_many(env: InMemoryEnvironment, count: int) -> None:
    """Store posted orders `id-<n>`, with the number PO-<n> and the number <7000 + n> in Exact."""
    for number in range(count):
        record = new_order(FIRM, OrderId(f"id-{number}"))
        record = env.services.ledger_of(FIRM).write(record.now("received"), "received")
        record = env.services.ledger_of(FIRM).write(record.now("posting"), "intent")
        exact = ExactReference(GUID, 7000 + number)
        facts = OrderFacts(title=f"PO-{number}", total="EUR 10.00", exact=exact)
        env.services.ledger_of(FIRM).write(record.now("posted", facts), "posted")


def open_exception(env: InMemoryEnvironment, key: Any) -> None:
    record = env.services.ledger_of(FIRM).read(key)
    facts = replace(record.facts, problems=(problem("LINK_BROKEN", key),))
    env.services.ledger_of(FIRM).write(record.now(record.state, facts), "review")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read: an entry for each item, and for each request that finds none."""
    seen: list[str] = []

    def counting(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def read(table: InMemoryTable, *keys: Any, **more: Any) -> Any:
            found = real(table, *keys, **more)
            items = list(found) if isinstance(found, Iterator | list) else [found]
            seen.extend([f"{name} {table.name} {keys}"] * max(1, len(items)))
            return iter(items) if isinstance(found, Iterator) else found

        return read

    for name in ("get", "get_many", "get_each", "query", "between", "query_index"):
        monkeypatch.setattr(InMemoryTable, name, counting(name, getattr(InMemoryTable, name)))
    return seen


@pytest.mark.parametrize("count", [40, 400])
def test_exceptions_read_what_is_open(
    env: InMemoryEnvironment, reads: list[str], count: int
) -> None:
    env.connect()
    post_many(env, count)
    reads.clear()
    assert list_open(PersonStack(env), FIRM, read_filter()) == []
    assert len(reads) <= MOST, reads
    opened = [order_key(OrderId("id-3")), vendor_key(VendorId("v-1"))]
    for each in opened:
        open_exception(env, each)
    reads.clear()
    rows = list_open(PersonStack(env), FIRM, read_filter())
    assert {row["key"] for row in rows} == set(opened)
    assert len(reads) <= MOST - 1 + len(opened) * 2, "an entry of the index, and the record"


@pytest.mark.parametrize("count", [40, 400])
@pytest.mark.parametrize("name", ["id-17", "PO-17", "po-17", "7017"])
def test_an_order_is_found_without_reading_others(
    env: InMemoryEnvironment, reads: list[str], name: str, count: int
) -> None:
    env.connect()
    post_many(env, count)
    reads.clear()
    stack = PersonStack(env)
    assert find_order(stack.known_ledger(FIRM), name).key == "order#id-17"
    assert len(reads) <= MOST, reads
    reads.clear()
    assert find_order_or_none(PersonStack(env).known_ledger(FIRM), "PO-unknown") is None
    assert len(reads) <= MOST, reads


def test_a_halted_connection_is_listed(env: InMemoryEnvironment) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(problem("EXACT_DIVISION_BLOCKED", "Exact division 2"))
    (row,) = list_open(PersonStack(env), FIRM, read_filter())
    assert (row["key"], row["stops"]) == (CONNECTION, "all")


def test_a_name_is_that_of_the_order_now(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order("PO-1")
    env.post(order)
    order["number"] = "PO-1a"
    record = env.record(order)
    renamed = replace(record.facts, title="PO-1a")
    env.services.ledger_of(FIRM).write(record.now("posted", renamed), "renamed")
    stack = PersonStack(env)
    assert find_order_or_none(stack.known_ledger(FIRM), "PO-1") is None
    assert find_order(stack.known_ledger(FIRM), "PO-1A").key == record.key
    names = [item for item in env.memory.tables.ledger.items() if item["pk"] == f"{FIRM}#names"]  # type: ignore[attr-defined]
    assert len(names) == 2, "one for the number here, one for the number in Exact"


def test_a_row_of_a_name_that_an_order_no_longer_has_is_ignored(env: InMemoryEnvironment) -> None:
    env.connect()
    post_many(env, 2)
    table, key = env.memory.tables.ledger, order_key(OrderId("id-1"))
    table.put(name_row(table, FIRM, key, "po-0").item)
    assert find_order(PersonStack(env).known_ledger(FIRM), "PO-0").key == "order#id-0"
    table.put(name_row(table, FIRM, key, "po-gone").item)
    assert find_order_or_none(PersonStack(env).known_ledger(FIRM), "PO-gone") is None


def test_a_number_may_look_like_a_key(env: InMemoryEnvironment) -> None:
    env.connect()
    record = new_order(FIRM, OrderId("a"))
    env.services.ledger_of(FIRM).write(record.now("received", OrderFacts(title="PO#1")), "received")
    assert find_record(PersonStack(env).known_ledger(FIRM), "PO#1").key == "order#a"
    with pytest.raises(UserError, match="has no order 'PO#2'"):
        find_record(PersonStack(env).known_ledger(FIRM), "PO#2")


def test_a_record_of_an_unknown_kind_stops_no_list(env: InMemoryEnvironment) -> None:
    env.connect()
    open_exception(env, vendor_key(VendorId("v-1")))
    table = env.memory.tables.ledger
    stored = table.get(FIRM, "vendor#v-1")
    assert stored
    table.put({**stored, "sk": "site#1"})
    rows = list_open(PersonStack(env), FIRM, read_filter())
    assert {row["key"]: row["code"] for row in rows} == {
        "site#1": "RECORD_IS_NEWER",
        "vendor#v-1": "LINK_BROKEN",
    }


def test_a_name_of_several_orders_is_refused(env: InMemoryEnvironment) -> None:
    env.connect()
    for id in ("a", "b"):
        record = new_order(FIRM, OrderId(id))
        facts = OrderFacts(title="Laptops", division=BE.key if id == "b" else None)
        env.services.ledger_of(FIRM).write(record.now("received", facts), "received")
    with pytest.raises(UserError) as refused:
        find_order(PersonStack(env).known_ledger(FIRM), "laptops")
    assert str(refused.value) == (
        "'laptops' is the name of several orders: give one of the ids a (Laptops), "
        "b (Laptops in nl.2102)"
    )


def test_a_record_of_a_newer_version_is_a_line_of_its_own(env: InMemoryEnvironment) -> None:
    env.connect()
    post_many(env, 3)
    keys = [order_key(OrderId(f"id-{number}")) for number in range(3)]
    for key in keys[:2]:
        open_exception(env, key)
    table = env.memory.tables.ledger
    stored = table.get(FIRM, keys[0])
    assert stored
    table.put({**stored, "facts": compress('{"invented": 1}')})
    stack = PersonStack(env)
    rows = {row["key"]: row for row in list_open(stack, FIRM, read_filter())}
    assert {key: row["code"] for key, row in rows.items()} == {
        keys[0]: "RECORD_IS_NEWER",
        keys[1]: "LINK_BROKEN",
    }
    assert "invented" in rows[keys[0]]["cause"]
    assert "newer version" in rows[keys[0]]["remedy"]
    listed = {row["order"]: row for row in list_orders(stack.known_ledger(FIRM))}
    assert [each["code"] for each in listed["id-0"]["exceptions"]] == ["RECORD_IS_NEWER"]
    assert listed["id-2"]["title"] == "PO-2"
    assert retries.retry_where(stack, stack.actor, FIRM, read_filter(codes=["LINK_BROKEN"])) == [
        "PO-1"
    ]


def test_the_connections_own_record_may_be_newer(env: InMemoryEnvironment) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(problem("EXACT_DIVISION_BLOCKED", "Exact division 2"))
    table = env.memory.tables.ledger
    stored = table.get(FIRM, CONNECTION)
    assert stored
    table.put({**stored, "facts": compress('{"invented": 1}')})
    (row,) = list_open(PersonStack(env), FIRM, read_filter())
    assert (row["key"], row["code"]) == (CONNECTION, "RECORD_IS_NEWER")
