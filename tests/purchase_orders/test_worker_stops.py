"""What the posting worker and the sweep do not do while something else has to happen first."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import OrderId, VendorId
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, Ledger
from ml_connector.infrastructure.queues import VENDORS
from ml_connector.messages.sending import order_message, reconcile_message, vendor_message
from ml_connector.records.tracked_record import TrackedOrder
from tests.purchase_orders.test_events import incoming_event
from tests.site import SITE

_MINUTE = timedelta(minutes=1)


def waits_for(env: InMemoryEnvironment, order: dict[str, Any]) -> str:
    return env.record(order).facts.waiting_for


def queued_orders(env: InMemoryEnvironment) -> int:
    return sum(one.message.body["kind"] == "order" for one in env.memory.queues.waiting)


def due_tomorrow(env: InMemoryEnvironment) -> dict[str, Any]:
    """Return an order that is due tomorrow; no message is about it."""
    order = env.order()
    env.services.ledger_of(FIRM).write(
        env.record(order).now("received").due(env.tomorrow()), "received"
    )
    return order


def test_a_halted_connection_calls_neither_system(env: InMemoryEnvironment) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(problem("RECONNECT_NEEDED", FIRM, connection=FIRM))
    order = env.order()
    before = len(env.airbase.calls), len(env.exact.calls)
    env.post(order)
    assert waits_for(env, order) == "HALTED"
    assert (len(env.airbase.calls), len(env.exact.calls)) == before


def test_a_halted_division_is_not_posted_to(env: InMemoryEnvironment) -> None:
    env.connect()
    halt = problem("EXACT_FORBIDDEN", "Exact division")
    Halts(env.services.ledger_of(FIRM)).stop(halt, BE.key)
    stopped, other = env.order("PO-1", BE), env.order("PO-2", NL)
    env.post(stopped)
    assert (waits_for(env, stopped), env.in_exact(BE)) == ("HALTED", [])
    assert env.post(other).state == "posted"


def test_nothing_is_queued_for_a_halted_connection(env: InMemoryEnvironment) -> None:
    env.connect()
    due_tomorrow(env)
    Halts(env.services.ledger_of(FIRM)).stop(problem("RECONNECT_NEEDED", FIRM, connection=FIRM))
    env.clock.move(timedelta(hours=25))
    env.sweep()
    kinds = {one.message.body["kind"] for one in env.memory.queues.waiting}
    assert kinds == {"recover"}


def test_no_intent_is_recorded_during_an_outage(env: InMemoryEnvironment) -> None:
    env.connect()
    breaker = env.services_of().exact_at(SITE).circuit_breaker
    for _ in range(3):
        breaker.record_failure()
    env.clock.move(5)
    order = env.order()
    env.post(order)
    assert waits_for(env, order) == "EXACT_AWAY"
    assert "intent" not in env.steps(order)


def test_airbase_is_not_called_while_the_division_has_no_calls_left(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order(lines=[env.airbase.line("4600", "10.00")])
    env.post(order)  # its division is known from now on
    limiter = env.services_of().exact_at(SITE).rate_limiter
    limiter.reserve(NL.key, limiter.calls_left(NL.key))
    before = len(env.airbase.calls)
    env.post(order)
    assert waits_for(env, order) == "EXACT_MINUTE_LIMIT"
    assert len(env.airbase.calls) == before


def test_a_record_that_was_queued_is_not_queued_again_each_minute(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    due_tomorrow(env)
    env.clock.move(timedelta(days=1))
    for _ in range(9):
        env.sweep()
        env.clock.move(_MINUTE)
    assert queued_orders(env) == 1
    for _ in range(2):
        env.sweep()
        env.clock.move(_MINUTE)
    assert queued_orders(env) == 2, "its message may have been lost"


def test_a_record_that_a_worker_has_just_changed_is_not_queued(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    due_tomorrow(env)
    env.clock.move(timedelta(days=1))

    def changed_meanwhile(_ledger: Ledger, record: AnyRecord, _until: object) -> AnyRecord:
        raise Conflict(record.key)

    monkeypatch.setattr(Ledger, "postpone", changed_meanwhile)
    env.sweep()
    assert queued_orders(env) == 0


def test_a_fault_of_one_connection_does_not_stop_the_sweep_of_the_next(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    other = env.connect("zuiderzon").id
    record = env.record(env.order(), other)
    env.services.ledger_of(other).write(record.now("received").due(env.tomorrow()), "received")
    env.clock.move(timedelta(days=1))

    def fail_for_the_first(inbox: Inbox, _until: object) -> list[object]:
        if inbox._id == FIRM:
            raise RuntimeError("a bug")
        return []

    monkeypatch.setattr(Inbox, "open_events", fail_for_the_first)
    env.sweep()
    assert queued_orders(env) == 1
    assert {"SweepFailures": 1} in env.memory.figures


def test_two_orders_that_need_one_carrier_item_do_not_create_it_twice(
    env: InMemoryEnvironment,
) -> None:
    env.exact.add_gl_account(NL.division, "4700", "Research")
    env.connect(**env.config(create_items=True, item_unit="pc"))
    name = f"{NL.key}#item for GL account 4700"
    other = env.services_of().leases.acquire(name, _MINUTE)
    assert other, "another order is creating it"
    order = env.order(lines=[env.airbase.line("4700", "10.00")])
    before = env.exact_calls()
    env.post(order)
    assert (waits_for(env, order), env.exact_calls()) == ("PROVISION_BUSY", before)
    env.wait(minutes=2)
    assert env.record(order).state == "posted"


def test_an_item_with_our_code_that_books_elsewhere_is_not_used(env: InMemoryEnvironment) -> None:
    env.connect(**env.config(create_items=True, item_unit="pc"))
    account = env.exact.add_gl_account(NL.division, "4700", "Research")
    other = env.exact.add_gl_account(NL.division, "4800", "Gifts")
    assert account != other
    env.wait(hours=4, minutes=1)
    env.exact.add_item(NL.division, "AB-4700", "Gifts", other)
    order = env.order(lines=[env.airbase.line("4700", "10.00")])
    env.post(order)
    assert env.codes(order) == ["CARRIER_TAKEN"]
    assert env.in_exact() == []


def test_of_many_events_the_newest_are_known(env: InMemoryEnvironment) -> None:
    env.connect()
    tracked = TrackedOrder(env.services.ledger_of(FIRM), env.record(env.order()))
    for number in range(30):
        tracked.note_event(f"airbase#{number}", _MINUTE)
    assert tracked.facts.events[-1] == "airbase#29"


@pytest.mark.parametrize("kind", ["order", "vendor"])
def test_a_copy_that_arrived_during_the_work_stays_open(
    env: InMemoryEnvironment, kind: str
) -> None:
    env.connect()
    order = env.order()
    event = replace(incoming_event(order), every_copy_is_new=True)
    if kind == "vendor":
        message = {"kind": "vendor", "vendor": env.firm.vendors["Cloudwerk"]["id"]}
        event = replace(event, queue=VENDORS, message=message)
    first, _ = (env.services.inbox_of(FIRM).keep(event)[0] for _ in range(2))
    env.memory.queues.send(first.message)
    env.work()
    (still_open,) = env.services.inbox_of(FIRM).open_events(env.tomorrow())
    assert still_open.version == 2


def test_vendors_are_processed_one_after_another_and_orders_are_not() -> None:
    assert vendor_message(FIRM, VendorId("1")).group == vendor_message(FIRM, VendorId("2")).group
    assert vendor_message(FIRM, VendorId("1")).group == reconcile_message(FIRM).group
    one, other = OrderId("1"), OrderId("2")
    assert order_message(FIRM, one).group == order_message(FIRM, one, by_hand=True).group
    assert order_message(FIRM, one).group != order_message(FIRM, other).group
