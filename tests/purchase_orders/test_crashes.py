"""A record over which workers crash, or are killed, ends as an exception."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import OrderId, VendorId
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.infrastructure.ledger import VENDORS, AnyRecord, vendor_key
from ml_connector.infrastructure.queues import Message
from ml_connector.messages.sending import changed_order_message, reconcile_message, vendor_message
from ml_connector.messages.worker import wait_after
from ml_connector.purchase_orders import fetch, posting, reader
from ml_connector.services import StackServices
from ml_connector.vendors import reconcile_all, reconcile_vendor, worker

GIVEN_UP = ["PROCESSING_FAILED"]


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


def ending(error: BaseException) -> Callable[..., Any]:
    def end(*_: object, **__: object) -> Any:
        raise error

    return end


ENDS = pytest.mark.parametrize("error", [RuntimeError("a bug"), Killed()], ids=["crash", "kill"])


def lose(env: InMemoryEnvironment) -> None:
    """Sweep for an hour and a half; a message over which a worker crashes is lost."""
    work = env.memory.work

    def losing(message: Message, services: StackServices) -> None:
        with suppress(RuntimeError):
            work(message, services)

    env.memory.work = losing  # type: ignore[method-assign]
    env.work()
    for _ in range(9):
        env.wait(minutes=10)


def deliver(env: InMemoryEnvironment) -> None:
    """Process the queues until nothing comes back, an hour and a half at most."""
    for receives in range(1, 14):
        for _ in range(20):
            with suppress(RuntimeError, Killed):
                env.work()
                break
        env.clock.move(wait_after(min(receives, 4)))
        with suppress(RuntimeError, Killed):
            env.wait(minutes=1)


def record(env: InMemoryEnvironment, key: str) -> AnyRecord:
    return env.services.ledger_of(FIRM).read(key)  # type: ignore[arg-type]


@ENDS
def test_an_order_that_cannot_be_processed_is_an_exception_with_what_was_read(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    env.connect()
    order = env.order("PO-1")
    monkeypatch.setattr(posting, "intended", ending(error))
    env.queue(order)
    deliver(env)
    assert env.codes(order) == GIVEN_UP
    facts = env.record(order).facts
    assert (facts.title, facts.vendor, facts.total) == ("PO-1", "Cloudwerk", "EUR 1250.00")
    assert env.record(order).receives == 6
    assert len(env.exact.calls) < 40
    assert f"retry {FIRM} PO-1" in env.record(order).problems[0].remedy


@ENDS
def test_reading_an_order_that_ends_the_worker_is_an_exception_with_what_was_read(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    env.connect()
    order = env.order("PO-1")
    monkeypatch.setattr(fetch, "read_order", ending(error))
    env.queue(order)
    deliver(env)
    assert env.codes(order) == GIVEN_UP
    facts = env.record(order).facts
    assert (facts.title, facts.vendor, facts.total) == ("PO-1", "Cloudwerk", "EUR 1250.00")


def test_an_order_that_was_given_up_is_left_until_a_person_asks(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = env.order()
    calls: list[int] = []

    def crash(*_: object, **__: object) -> None:
        calls.append(1)
        raise RuntimeError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(reader, "fetch_order", crash)
        env.queue(order)
        deliver(env)
        assert len(calls) == 5
        env.queue(order)
        deliver(env)
        assert len(calls) == 5, "it is not tried again"
        with suppress(RuntimeError):
            env.retry(order)
        deliver(env)
        assert len(calls) == 10, "the count starts anew"
    env.retry(order)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


def test_an_order_that_was_given_up_is_tried_again_a_day_later(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = env.order()
    with monkeypatch.context() as patched:
        patched.setattr(reader, "fetch_order", ending(RuntimeError("a bug")))
        env.queue(order)
        deliver(env)
    env.wait(hours=25)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


def test_a_single_crash_leaves_no_trace(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = env.order()
    with monkeypatch.context() as patched:
        patched.setattr(posting, "intended", ending(RuntimeError("a bug")))
        with pytest.raises(RuntimeError):
            env.post(order)
    assert env.record(order).receives == 1
    env.wait(minutes=2)
    assert (env.record(order).state, env.record(order).receives) == ("posted", 0)


def test_an_order_that_is_posted_at_once_costs_no_more_writes(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    assert env.record(order).version == len(env.steps(order))


@ENDS
def test_an_order_changed_in_exact_that_ends_the_worker_is_an_exception(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    (changed,) = env.in_exact(NL)
    assert changed
    monkeypatch.setattr(ExactOrders, "get", ending(error))
    monkeypatch.setattr(reader, "fetch_current", ending(error))
    env.memory.queues.send(changed_order_message(FIRM, OrderId(order["id"])))
    deliver(env)
    assert env.codes(order) == GIVEN_UP
    assert env.record(order).state == "posted"


def test_crashes_end_as_exceptions_although_every_message_is_lost(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    new, posted = env.order("PO-1"), env.order("PO-2")
    env.post(posted)
    vendor = VendorId(env.firm.vendors["Cloudwerk"]["airbase_id"])
    crash = ending(RuntimeError("a bug"))
    monkeypatch.setattr(fetch, "read_order", crash)
    monkeypatch.setattr(posting, "next_step", crash)
    monkeypatch.setattr(ExactOrders, "get", crash)
    monkeypatch.setattr(worker, "reconcile_vendor", crash)
    env.queue(new)
    env.memory.queues.send(changed_order_message(FIRM, OrderId(posted["id"])))
    env.memory.queues.send(vendor_message(FIRM, vendor))
    lose(env)
    assert env.codes(new) == env.codes(posted) == GIVEN_UP
    assert [each.code for each in record(env, vendor_key(vendor)).problems] == GIVEN_UP


@ENDS
def test_a_vendor_that_ends_the_worker_is_an_exception(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    env.connect()
    vendor = VendorId(env.firm.vendors["Cloudwerk"]["airbase_id"])
    with monkeypatch.context() as patched:
        patched.setattr(worker, "reconcile_vendor", ending(error))
        env.memory.queues.send(vendor_message(FIRM, vendor))
        deliver(env)
        found = record(env, vendor_key(vendor))
        assert [each.code for each in found.problems] == GIVEN_UP
    env.memory.queues.send(vendor_message(FIRM, vendor), "another")
    env.work()
    assert record(env, vendor_key(vendor)).problems, "it waits for a person"


def test_a_vendor_that_crashes_does_not_stop_the_comparison_of_the_others(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    env.memory.queues.send(reconcile_message(FIRM))
    env.work()
    monkeypatch.setattr(reconcile_vendor, "reconcile_vendor", ending(RuntimeError("a bug")))
    env.memory.queues.send(reconcile_message(FIRM), "again")
    deliver(env)
    assert record(env, VENDORS).state == "reconciled"


def test_a_comparison_that_kills_the_worker_is_an_exception(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    monkeypatch.setattr(reconcile_all, "open_context", ending(Killed()))
    env.memory.queues.send(reconcile_message(FIRM))
    for _ in range(3):
        deliver(env)
    assert [each.code for each in record(env, VENDORS).problems] == GIVEN_UP
