"""An order that is refused before it was read in full keeps what could be read of it."""

from collections.abc import Callable
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.exceptions.listing import list_open, read_filter
from ml_connector.records.lookup import find_order
from tests.person_stack import PersonStack

Order = dict[str, Any]
Spoil = Callable[[InMemoryEnvironment, Order], None]


def spoil_line(_env: InMemoryEnvironment, order: Order) -> None:
    order["expense_list"][0]["amount"] = "a lot"


def set_fields(**fields: Any) -> Spoil:
    return lambda _env, order: order.update(fields)


def deactivate_vendor(env: InMemoryEnvironment, order: Order) -> None:
    env.airbase.vendors[order["vendor"]["airbase_id"]]["is_active"] = False


def rename(env: InMemoryEnvironment, order: Order) -> None:
    """Let Airbase answer with another id than it was asked for."""
    env.airbase.orders[order["id"]] = order | {"id": "another"}


NUMBER, VENDOR, TOTAL = "PO-1", "Cloudwerk", "EUR 1250.00"
CASES: dict[str, tuple[Spoil, str, tuple[str, str, str]]] = {
    "an unreadable line": (spoil_line, "BAD_AMOUNT", (NUMBER, VENDOR, TOTAL)),
    "an unreadable total": (
        set_fields(total_amount="a lot"), "BAD_AMOUNT", (NUMBER, VENDOR, ""),
    ),
    "no currency": (set_fields(currency=None), "MISSING_FIELD", (NUMBER, VENDOR, "")),
    "no vendor": (set_fields(vendor=None), "MISSING_FIELD", (NUMBER, "", TOTAL)),
    "an unknown state": (set_fields(status="odd"), "UNKNOWN_STATE", (NUMBER, VENDOR, TOTAL)),
    "an unknown subsidiary": (
        set_fields(subsidiary={"airbase_id": "sub-fr"}), "UNKNOWN_SUBSIDIARY",
        (NUMBER, VENDOR, TOTAL),
    ),
    "an inactive vendor": (deactivate_vendor, "VENDOR_INACTIVE", (NUMBER, VENDOR, TOTAL)),
    "another order": (rename, "NOT_THE_ORDER", (NUMBER, VENDOR, TOTAL)),
}  # fmt: skip


def shown(env: InMemoryEnvironment, order: Order) -> tuple[str, str, str]:
    facts = env.record(order).facts
    return facts.title, facts.vendor, facts.total


@pytest.mark.parametrize("name", CASES)
def test_what_was_readable_is_kept(env: InMemoryEnvironment, name: str) -> None:
    spoil, code, expected = CASES[name]
    env.connect()
    order = env.order(NUMBER)
    spoil(env, order)
    env.post(order)
    assert code in env.codes(order)
    assert shown(env, order) == expected
    assert env.in_exact() == []
    stack = PersonStack(env)
    (row, *_) = list_open(stack, FIRM, read_filter())
    assert (row["title"], row["total"] or "") == (expected[0], expected[2])
    assert find_order(stack.known_ledger(FIRM), NUMBER).key == env.record(order).key


def test_people_are_told(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order(NUMBER)
    spoil_line(env, order)
    env.queue(order)
    env.memory.drain(env.services)
    (item,) = env.services.bound(env.connection()).outbox.waiting(10)
    (told,) = item.notifications
    assert (told.vendor, told.total) == (VENDOR, TOTAL)


def test_the_same_exception_with_another_amount_is_kept_anew(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order(NUMBER)
    spoil_line(env, order)
    env.post(order)
    order["total_amount"] = "20.00"
    env.post(order)
    assert shown(env, order) == (NUMBER, VENDOR, "EUR 20.00")
    before = env.steps(order)
    env.post(order)
    assert env.steps(order) == before, "nothing has changed"


def test_a_posted_order_keeps_what_was_posted(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order(NUMBER)
    env.post(order)
    order |= {"total_amount": "20.00", "number": "PO-1b", "revision": 2}
    spoil_line(env, order)
    env.post(order)
    assert "BAD_AMOUNT" in env.codes(order)
    assert shown(env, order) == (NUMBER, VENDOR, TOTAL)
