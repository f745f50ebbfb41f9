"""Events that the posting worker handles: Exact's own changes, unreadable ones, lost ones."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from local.exact_simulator import ExactFault, Request
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import OrderId, RecordKey
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.services import StackServices

KEY = "6f0a3f0e-8f0d-4a63-9d2b-1c6a8e0b7d15"


class TransportWithout(httpx.BaseTransport):
    """A network on which some endpoints do not exist."""

    def __init__(self, inner: httpx.BaseTransport, *absent: str) -> None:
        self.inner, self.absent = inner, absent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if any(endpoint in request.url.path for endpoint in self.absent):
            return httpx.Response(404)
        return self.inner.handle_request(request)


def send(env: InMemoryEnvironment, kind: str, **facts: Any) -> None:
    body = {"kind": kind, "connection": FIRM, "event": "exact#1", **facts}
    env.memory.queues.send(Message(PURCHASE_ORDERS, f"{FIRM}#{facts}", body))
    env.work()


def notify(env: InMemoryEnvironment, topic: str, key: str = KEY, action: str = "Update") -> None:
    send(env, "exact", division=NL.division, topic=topic, key=key, action=action)


def event_codes(env: InMemoryEnvironment) -> list[str]:
    record = env.services.ledger_of(FIRM).read(RecordKey("event#exact#1"))
    return [found.code for found in record.problems]


def incoming_event(order: dict[str, Any], **body: Any) -> IncomingEvent:
    return IncomingEvent(
        connection=FIRM,
        source="airbase",
        key=f"event-of-{order['id']}",
        queue=PURCHASE_ORDERS,
        group=order["id"],
        message={"kind": "order", "order": order["id"]},
        body=json.dumps({"id": "1", "data": {"id": order["id"], **body}}).encode(),
        headers={},
    )


def test_many_changed_gl_accounts_are_one_read_and_their_orders_continue(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order(lines=[env.airbase.line("4600", "10.00")])
    env.post(order)
    accounts = env.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    env.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    before = env.exact_calls()
    for _ in range(20):
        notify(env, "GLAccounts", key)
    assert env.exact_calls() == before
    env.wait(minutes=1)
    assert env.exact_calls() - before <= 6, "one increment, and the order"
    assert env.record(order).state == "posted"


def test_a_notification_leaves_an_unsettled_order_to_the_sweep(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    lost = ExactFault("timeout_after_commit", "POST", "purchaseorder/PurchaseOrders")
    env.exact.faults.append(lost)
    order = env.order()
    env.post(order)
    (there,) = env.in_exact()
    # A worker that died just before its last step has left this pointer.
    env.services_of().notes.note_posted(there["PurchaseOrderID"], OrderId(order["id"]))
    notify(env, "PurchaseOrders", there["PurchaseOrderID"])
    env.wait(minutes=3)
    assert env.steps(order)[-1] == "adopted"


def test_orders_entered_by_hand_are_ignored(env: InMemoryEnvironment) -> None:
    env.connect()
    notify(env, "PurchaseOrders")
    assert event_codes(env) == []


def test_an_unknown_topic_is_an_exception(env: InMemoryEnvironment) -> None:
    env.connect()
    notify(env, "SalesInvoices")
    assert event_codes(env) == ["UNKNOWN_TOPIC"]


def test_an_event_without_an_order_is_an_exception(env: InMemoryEnvironment) -> None:
    env.connect()
    send(env, "unreadable")
    assert event_codes(env) == ["UNREADABLE_EVENT"]


def test_an_event_that_the_queue_lost_is_found_by_the_sweep(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.services.inbox_of(FIRM).keep(incoming_event(order))
    env.wait(minutes=1)
    assert env.record(order).state == "new", "its own message may still be under way"
    env.wait(minutes=3)
    assert env.record(order).state == "posted"
    assert not list(env.services.inbox_of(FIRM).open_events(env.tomorrow()))


def test_a_division_whose_data_are_too_old_reads_them_first(env: InMemoryEnvironment) -> None:
    env.connect()
    env.clock.move(timedelta(hours=25))
    order = env.order()
    assert env.post(order).facts.waiting_for == "REFERENCE_DATA_OLD"
    assert env.in_exact() == []
    env.wait(minutes=2)
    assert env.record(order).state == "posted"


def test_a_signed_event_may_carry_the_order_itself(env: InMemoryEnvironment) -> None:
    env.connect(profile={"order_source": "event", "event_order": "data"})
    order = env.order()
    del env.airbase.orders[order["id"]]
    kept, _ = env.services.inbox_of(FIRM).keep(incoming_event(order, **order))
    env.memory.queues.send(kept.message)
    env.work()
    assert env.record(order).state == "posted"


def test_a_removed_connection_leaves_its_orders_as_exceptions(env: InMemoryEnvironment) -> None:
    env.connect()
    env.services.connections.remove(FIRM)
    order = env.order()
    env.post(order)
    assert env.codes(order) == ["CONNECTION_GONE"]


def test_a_long_first_read_continues_where_it_stopped(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked: list[float] = []
    work = env.memory.work

    def timed(message: Message, services: StackServices) -> None:
        started = env.clock()
        try:
            work(message, services)
        finally:
            worked.append(env.clock() - started)

    monkeypatch.setattr(env.memory, "work", timed)
    for number in range(2500):
        env.exact.add_supplier(NL.division, f"Supplier {number}", code=str(10_000 + number))

    def slowly(request: Request) -> None:
        if "sync/CRM/Accounts" in request.path:
            env.clock.move(15)

    env.exact.on_call = slowly
    env.connect()
    assert len([each for each in worked if each]) > 1, "by several workers"
    assert max(worked) < 60, "none of which was killed"
    assert env.services_of().division_data(NL.key).supplier("12499")


def test_a_division_that_lacks_an_endpoint_still_gets_its_orders(
    env: InMemoryEnvironment,
) -> None:
    env.memory.transport = TransportWithout(env.memory.transport, "hrm/Costunits", "sync/Deleted")
    env.services = env.memory.services()
    env.connect()
    assert env.post(env.order()).state == "posted"


def test_a_notification_during_a_failed_read_is_not_forgotten(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order(lines=[env.airbase.line("4600", "10.00")])
    env.post(order)
    accounts = env.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    env.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    env.clock.move(timedelta(minutes=2))
    notify(env, "GLAccounts", key)
    env.exact.faults.append(ExactFault("unavailable", "GET", "sync/Financial/GLAccounts"))
    env.wait(minutes=1)
    assert env.record(order).state == "review"
    env.wait(minutes=1)
    assert env.record(order).state == "posted"


def test_a_division_that_exact_moved_is_read_again(env: InMemoryEnvironment) -> None:
    env.connect()
    division = env.exact.world.divisions[NL.division]
    env.exact.world.move(division)
    env.exact.add_gl_account(NL.division, "4700", "Travel")
    before = env.services_of().reference_store(NL.key).cursor(ACCOUNTS_PATH).timestamp
    env.wait(days=1, minutes=1)
    env.wait(minutes=1)
    division_data = env.services_of().division_data(NL.key)
    assert division_data.gl_account("4700"), "its timestamps started over"
    assert env.services_of().reference_store(NL.key).cursor(ACCOUNTS_PATH).timestamp < before
    reads = env.exact_calls()
    env.wait(minutes=1)
    assert env.exact_calls() == reads, "once"
