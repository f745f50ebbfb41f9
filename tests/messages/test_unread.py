"""A message that a worker cannot read is kept as an exception until a release can read it."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.deeds import worker as purchase_order_worker
from ml_connector.domain.ids import ConnectionId, OrderId, RecordKey
from ml_connector.domain.records import OrderState
from ml_connector.exceptions import decisions, retry
from ml_connector.exceptions.listing import ExceptionFilter, list_open
from ml_connector.infrastructure.inbox import IncomingEvent, StoredEvent
from ml_connector.infrastructure.ledger import AnyRecord, Conflict, Ledger
from ml_connector.infrastructure.places import FEW
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.messages.kinds import AnyMessage, ProcessOrder, ProcessVendor
from ml_connector.messages.outcome import AGAIN_AFTER, UnreadableMessageError
from ml_connector.messages.parsing import parse
from ml_connector.messages.sending import order_message, suppliers_message
from ml_connector.messages.worker import worker
from ml_connector.purchase_orders import worker as posting_worker
from ml_connector.services import Services
from ml_connector.vendors import worker as vendor_worker
from tests.person_stack import PERSON, PersonStack
from tests.sqs_events import CONTEXT, sqs_record

QUEUES = (PURCHASE_ORDERS, VENDORS)
EVENT = RecordKey("event#airbase#e-1")
both_queues = pytest.mark.parametrize("queue", QUEUES)


def open_codes(env: InMemoryEnvironment) -> list[str]:
    return [row["code"] for row in list_open(PersonStack(env), FIRM, ExceptionFilter())]


def keep(env: InMemoryEnvironment, queue: str, **body: Any) -> StoredEvent:
    """Store an event as a webhook does; by default of a kind that no worker knows."""
    message = {"kind": "invoice", "invoice": 7} | body
    arrival = IncomingEvent(FIRM, "airbase", "e-1", queue, "g", message, b"{}", {})
    stored, _ = env.services.inbox_of(FIRM).keep(arrival)
    return stored


def receive(env: InMemoryEnvironment, queue: str, **body: Any) -> None:
    """Store an event, queue its message, and run the workers."""
    env.memory.queues.send(keep(env, queue, **body).message)
    env.work()


def is_open(env: InMemoryEnvironment) -> bool:
    event = env.services.inbox_of(FIRM).get("airbase#e-1")
    assert event is not None
    return event.is_open


def understand(monkeypatch: pytest.MonkeyPatch, order: dict[str, Any], vendor: str) -> None:
    """Become the release that knows the kind `invoice`: it is an order, or a vendor."""

    def read(body: object) -> AnyMessage:
        assert isinstance(body, dict)
        kind = "vendor" if body.get("about") == "vendor" else "order"
        about = {"kind": kind, "order": order["id"], "vendor": vendor}
        return parse(body | about if body.get("kind") == "invoice" else body)

    for each in (purchase_order_worker, vendor_worker):
        monkeypatch.setattr(each, "parse", read)


@both_queues
def test_an_unknown_kind_is_an_exception(env: InMemoryEnvironment, queue: str) -> None:
    env.connect()
    receive(env, queue)
    record = env.services.ledger_of(FIRM).read(EVENT)
    (found,) = record.problems
    assert (found.code, found.record) == ("UNREADABLE_EVENT", "airbase#e-1")
    assert "does not know the kind 'invoice'" in found.cause
    assert json.loads(found.evidence["message"])["invoice"] == 7
    assert open_codes(env) == ["UNREADABLE_EVENT"]
    assert env.memory.queues.dead == []


@both_queues
@pytest.mark.parametrize(
    "body",
    [
        {"kind": "order"},
        {"kind": "refresh", "division": "2101"},
        {"kind": "vendor", "vendor": 5},
        {"kind": "suppliers", "division": True},
        {"kind": None},
    ],
)
def test_a_body_that_lacks_something_is_an_exception(
    env: InMemoryEnvironment, queue: str, body: dict[str, Any]
) -> None:
    env.connect()
    receive(env, queue, **body)
    assert open_codes(env) == ["UNREADABLE_EVENT"]


@pytest.mark.parametrize(
    ("queue", "message"),
    [
        (VENDORS, order_message(FIRM, OrderId("po-1"))),
        (PURCHASE_ORDERS, suppliers_message(FIRM, NL.key)),
    ],
)
def test_a_message_in_the_wrong_queue_is_an_exception(
    env: InMemoryEnvironment, queue: str, message: Message
) -> None:
    env.connect()
    env.memory.queues.send(Message(queue, message.group, message.body))
    env.work()
    assert open_codes(env) == ["UNREADABLE_EVENT"]


@both_queues
def test_copies_are_one_exception(env: InMemoryEnvironment, queue: str) -> None:
    env.connect()
    for copy in range(3):
        body = {"kind": "invoice", "connection": FIRM, "at": copy}
        env.memory.queues.send(Message(queue, "g", body))
        env.work()
    assert open_codes(env) == ["UNREADABLE_EVENT"]
    (record,) = env.services.ledger_of(FIRM).records("event#")
    assert [e.step for e in env.services.ledger_of(FIRM).trail(record.key)] == ["review"]


@both_queues
def test_it_does_not_hold_up_its_group(env: InMemoryEnvironment, queue: str) -> None:
    env.connect()
    order = env.order()
    env.memory.queues.send(Message(queue, "g", {"kind": "invoice", "connection": FIRM}))
    known = order_message(FIRM, OrderId(order["id"]))
    env.memory.queues.send(Message(PURCHASE_ORDERS, "g", known.body))
    env.work()
    assert env.record(order).state == "posted"
    assert env.memory.queues.waiting == []


@both_queues
def test_its_event_is_closed_only_after_the_exception_is_stored(
    env: InMemoryEnvironment, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    event = keep(env, queue)
    with monkeypatch.context() as failing:
        failing.setattr(Ledger, "write", fail)
        with pytest.raises(Conflict):
            env.memory.work(event.message, env.services)
        assert is_open(env), "the sweep queues it again"
    env.memory.work(event.message, env.services)
    assert not is_open(env)


def fail(*_: Any, **__: Any) -> AnyRecord:
    raise Conflict("event")


# ---------------------------------------------------------------- the next release


@both_queues
@pytest.mark.parametrize("by_hand", [True, False])
def test_the_next_release_handles_it(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, queue: str, *, by_hand: bool
) -> None:
    env.connect()
    order, vendor = env.order(), env.firm.vendors["Cloudwerk"]
    about = "vendor" if queue == VENDORS else "order"
    receive(env, queue, about=about)
    handled: list[AnyMessage] = []
    understand(monkeypatch, order, str(vendor["id"]))
    note_what_is_handled(monkeypatch, handled)
    if by_hand:
        assert retry.retry(PersonStack(env), PERSON, FIRM, EVENT) == "airbase#e-1"
        env.work()
    else:
        env.wait(minutes=61)
    (message,) = (each for each in handled if getattr(each, "closes", None))
    assert isinstance(message, ProcessVendor if queue == VENDORS else ProcessOrder)
    assert message.event == "airbase#e-1"
    assert open_codes(env) == []
    assert env.services.ledger_of(FIRM).read(EVENT).state == "handled"
    if queue == PURCHASE_ORDERS:
        assert env.record(order).state == "posted"


def note_what_is_handled(monkeypatch: pytest.MonkeyPatch, handled: list[AnyMessage]) -> None:
    for each in (posting_worker, vendor_worker):
        inner = each.finish

        def finish(services: Services, message: Any, inner: Any = inner) -> None:
            handled.append(message)
            inner(services, message)

        monkeypatch.setattr(each, "finish", finish)


@both_queues
def test_one_without_an_event_is_kept_too(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    env.connect()
    order, vendor = env.order(), env.firm.vendors["Cloudwerk"]
    about = "vendor" if queue == VENDORS else "order"
    body = {"kind": "invoice", "connection": FIRM, "about": about}
    env.memory.queues.send(Message(queue, "g", body))
    env.work()
    (record,) = env.services.ledger_of(FIRM).records("event#message#")
    understand(monkeypatch, order, str(vendor["id"]))
    retry.retry(PersonStack(env), PERSON, FIRM, record.key)
    env.work()
    assert open_codes(env) == []
    assert queue == VENDORS or env.record(order).state == "posted"


@both_queues
def test_while_no_release_reads_it_only_its_due_time_changes(
    env: InMemoryEnvironment, queue: str
) -> None:
    env.connect()
    receive(env, queue)
    for _ in range(5):
        env.wait(hours=1, minutes=1)
    trail = env.services.ledger_of(FIRM).trail(EVENT)
    assert [each.step for each in trail] == ["review"], "one exception, one notification"
    record = env.services.ledger_of(FIRM).read(EVENT)
    assert record.due_at is not None
    env.wait(days=31)
    env.wait(hours=2)
    assert env.services.ledger_of(FIRM).read(EVENT).due_at is None, "no longer than events are kept"
    assert retry.retry(PersonStack(env), PERSON, FIRM, EVENT) == "airbase#e-1", "by hand"


def test_a_dismissed_one_stays_dismissed(env: InMemoryEnvironment) -> None:
    env.connect()
    receive(env, VENDORS)
    decisions.dismiss(PersonStack(env), PERSON, FIRM, EVENT, "a test of the sender")
    env.wait(hours=1, minutes=1)
    assert open_codes(env) == []


def test_many_of_them_take_no_calls_from_orders(env: InMemoryEnvironment) -> None:
    env.connect()
    for number in range(200):
        body = {"kind": "invoice", "connection": FIRM, "invoice": number}
        env.memory.queues.send(Message(PURCHASE_ORDERS, f"g{number}", body))
    env.work()
    order = env.order()
    due_after_them = clock.now() + AGAIN_AFTER + timedelta(seconds=30)
    record = env.record(order).now("received").due(due_after_them)
    env.services.ledger_of(FIRM).write(record, "received")
    env.clock.move(AGAIN_AFTER + timedelta(minutes=1))
    env.sweep()
    queued = [each.message.body["kind"] for each in env.memory.queues.waiting]
    assert (queued.count("invoice"), queued.count("order")) == (FEW - 1, 1)
    env.work()
    assert env.record(order).state == OrderState.POSTED


# ---------------------------------------------------------------- without a connection


@pytest.fixture
def logged() -> Iterator[None]:
    logging.disable(logging.NOTSET)
    yield
    logging.disable(logging.CRITICAL)


@pytest.mark.parametrize("handle", [purchase_order_worker.handle, vendor_worker.handle])
@pytest.mark.parametrize(
    "body",
    [
        {"kind": "invoice"},
        {"kind": "order", "order": "po-1"},
        {"kind": "invoice", "connection": 5},
        {"kind": "invoice", "connection": "no-such-firm"},
        [],
        None,
    ],
)
def test_one_that_no_connection_can_show_is_a_dead_letter(
    env: InMemoryEnvironment,
    logged: None,
    capsys: pytest.CaptureFixture[str],
    handle: Any,
    body: Any,
) -> None:
    env.connect()
    with pytest.raises(UnreadableMessageError):
        handle(body, env.services)
    capsys.readouterr()
    record = sqs_record(json.dumps(body))
    answer = worker(handle, env.services)({"Records": [record]}, CONTEXT)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    line, *_ = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    assert (line["level"], line["message_id"]) == ("ERROR", "m0")
    assert line["exception_name"] == "UnreadableMessageError"
    assert list(env.services.ledger_of(ConnectionId("no-such-firm")).records()) == []


def test_a_removed_connection_still_shows_it(env: InMemoryEnvironment) -> None:
    env.connect()
    record = env.services.ledger_of(FIRM).read(RecordKey("connection"))
    env.services.ledger_of(FIRM).write(record.now("active"), "connected")
    env.services.connections.remove(FIRM)
    receive(env, VENDORS)
    assert env.services.ledger_of(FIRM).read(EVENT).problems
