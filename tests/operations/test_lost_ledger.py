"""With only the connection's id left, orders in Exact are found and not posted again."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryStack
from local.simulator import Request
from ml_connector import clock
from ml_connector.domain.records import posted_facts
from tests.odd_answers.hostile import ORDERS, alter, asks_for


def lose_everything(env: InMemoryEnvironment) -> None:
    """Start with empty tables, queues and secret store, as after the loss of the key."""
    env.memory = InMemoryStack(env.memory.transport)
    env.services = env.memory.services()
    env.clock.move(timedelta(days=3))
    env.connect()


def lose(env: InMemoryEnvironment, order: dict[str, Any]) -> None:
    """Remove the record of one order and its trail, as a restore of an older backup does."""
    env.memory.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(env.memory.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        env.memory.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))


@pytest.mark.parametrize("is_restored", [True, False])
@pytest.mark.parametrize("filters", [True, False])
def test_an_order_of_the_lost_ledger_is_found_with_and_without_restored(
    env: InMemoryEnvironment, is_restored: bool, filters: bool
) -> None:
    env.exact.policy.your_ref_filter = filters
    env.connect()
    order = env.order()
    number = posted_facts(env.post(order).facts).exact.number
    lose_everything(env)
    if is_restored:
        now = clock.now()
        env.services.ledger_of(FIRM).restored(now - timedelta(days=3), now + timedelta(days=30))
    record = env.post(order)
    assert record.state == "posted"
    assert len(env.in_exact()) == 1, "either way: Exact's stream has been read from its start"
    assert "found_again" in env.steps(order)
    assert posted_facts(record.facts).exact.number == str(number)


@pytest.mark.parametrize("is_restored", [True, False])
def test_an_order_not_in_the_stream_yet_is_found_only_after_restored(
    env: InMemoryEnvironment, is_restored: bool
) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    lose(env, order)
    env.clock.move(400)
    if is_restored:
        now = clock.now()
        env.services.ledger_of(FIRM).restored(now - timedelta(days=3), now + timedelta(days=30))
    assert env.post(order).state == "posted"
    if not is_restored:
        assert len(env.in_exact()) == 2, "which is why docs/operations.md has us run `restored`"
        return
    assert len(env.in_exact()) == 1
    assert env.steps(order)[-2:] == ["intent", "adopted"]


def test_an_answer_to_another_search_shows_nothing_of_a_restored_order(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order("PO-1")
    env.post(order)
    lose(env, order)
    env.clock.move(400)
    now = clock.now()
    env.services.ledger_of(FIRM).restored(now - timedelta(days=3), now + timedelta(days=30))
    answered: list[str] = []

    def of_another(request: Request, value: Any) -> None:
        if not answered and request.method == "GET" and asks_for(request, ORDERS):
            answered.append(request.path)
            for row in value["d"]["results"]:
                row.update(PurchaseOrderID=str(uuid4()), YourRef="PO-2", Remarks="")

    alter(env, of_another)
    env.post(order)
    for _ in range(6):
        env.wait(minutes=2)
    assert answered
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]
    assert env.record(order).state == "posted"


def test_the_search_takes_one_call_an_order_until_its_end(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    now = clock.now()
    env.services.ledger_of(FIRM).restored(now, now + timedelta(hours=2))
    for hours, calls in ((1, 2), (2, 1)):
        env.clock.move(timedelta(hours=hours))
        before = env.exact_calls()
        assert env.post(env.order(f"PO-{hours}")).state == "posted"
        assert env.exact_calls() - before == calls


def test_several_exact_orders_with_one_marker_are_an_exception(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    (posted,) = env.in_exact()
    twin = env.order("PO-2")
    env.post(twin)
    key = env.in_exact()[1]["PurchaseOrderID"]
    env.exact.change(NL.division, "purchaseorder/PurchaseOrders", key, Remarks=posted["Remarks"])
    lose_everything(env)
    assert env.post(order).state == "review"
    assert env.codes(order) == ["SEVERAL_IN_EXACT"]
    assert len(env.in_exact()) == 2
