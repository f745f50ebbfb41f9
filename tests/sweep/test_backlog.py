"""No connection has more than a few messages in a queue; what waits is queued as places get free.

It waits in the inbox or the ledger, and nothing that is lost makes it wait for ever.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import QueuedMessage
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId, OrderId, VendorId
from ml_connector.domain.records import VendorState
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, vendor_key
from ml_connector.infrastructure.places import FEW, MOST, Places, read_places
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.messages import rooms
from ml_connector.messages.rooms import Rooms, queue_waiting_events
from ml_connector.messages.sending import order_message, vendor_message
from ml_connector.messages.worker import A_MOMENT
from ml_connector.sweep import due_records
from ml_connector.sweep.due_records import queue_at_once
from ml_connector.webhooks import airbase
from ml_connector.webhooks.handler import WebhookHandler, WebhookSender
from tests.webhooks.aws import SECRET, airbase_headers, event

OTHER = ConnectionId("zuiderzon")
_FREE_AGAIN = timedelta(minutes=20)
_SWEPT_EVERY = timedelta(minutes=10)


class _Secrets:
    """The webhook secret of every connection."""

    def get_secret_value(self, **_: Any) -> dict[str, str]:
        return {"SecretString": json.dumps({"secrets": [SECRET]})}


def receive(env: InMemoryEnvironment, order: dict[str, Any], id: ConnectionId = FIRM) -> int:
    """Call the webhook about an order as Airbase does, signed; return the status."""
    tables = env.memory.tables
    sender = WebhookSender(
        "airbase", airbase.accept, airbase.unknown_connection(), lambda _: False, airbase.is_signed
    )
    handler = WebhookHandler(
        sender,
        WebhookSecrets(_Secrets(), "airbase-webhook", airbase.parse_settings),
        partial(Inbox, tables.inbox),
        env.memory.queues,
        partial(WebhookSenders, tables.inbox),
        partial(Places, tables.coordination),
    )
    env.clock.move(0.001)
    created = clock.now().isoformat()
    said = {"id": f"{order['id']} {created}", "created_date": created, "data": {"id": order["id"]}}
    body = json.dumps(said).encode()
    return int(handler.answer(event(body, airbase_headers(body), id))["statusCode"])


def orders(env: InMemoryEnvironment, number: int, name: str = "PO") -> list[dict[str, Any]]:
    return [env.order(f"{name}-{at}") for at in range(number)]


def queued(env: InMemoryEnvironment, id: ConnectionId = FIRM) -> list[QueuedMessage]:
    """Return the messages about a connection's orders that are in the queue."""
    every = env.memory.queues.waiting
    return [one for one in every if one.message.body.get("connection") == id and is_order(one)]


def is_order(one: QueuedMessage) -> bool:
    return one.message.body["kind"] in {"order", "exact_order"}


def taken(env: InMemoryEnvironment, id: ConnectionId = FIRM) -> int:
    """Return how many places of the orders' queue are taken."""
    (places,) = read_places(env.memory.tables.coordination, id, [PURCHASE_ORDERS])
    return len(places.taken)


def states(env: InMemoryEnvironment, those: list[dict[str, Any]]) -> Counter[str]:
    return Counter(env.record(order).state for order in those)


def most_queued(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, id: ConnectionId = FIRM
) -> Callable[[], int]:
    """Watch the queue; return how to ask how many messages were in it at once, at most."""
    most, send = [0], type(env.memory.queues).send

    def watched(queues: Any, message: Any, once: str | None = None) -> None:
        send(queues, message, once)
        # One that a worker has is not ahead of anything.
        waiting = [one for one in queued(env, id) if one.visible_at <= clock.epoch()]
        most[0] = max(most[0], len(waiting))

    monkeypatch.setattr(type(env.memory.queues), "send", watched)
    return lambda: most[0]


def test_a_burst_of_one_connection_is_not_ahead_of_anothers_order(
    at_rest: InMemoryEnvironment,
) -> None:
    at_rest.connect(OTHER)
    (many,) = orders(at_rest, 1, "many")
    one = at_rest.order("one")
    statuses = {receive(at_rest, many) for _ in range(1000)}
    receive(at_rest, one, OTHER)
    waiting = [each for each in at_rest.memory.queues.waiting if is_order(each)]
    assert statuses == {202}, "all are stored"
    assert len(queued(at_rest)) == FEW
    assert [each.message.body["connection"] for each in waiting] == [FIRM] * FEW + [OTHER]


def test_what_waits_in_the_inbox_is_worked_off_few_at_a_time(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = orders(at_rest, 40)
    most = most_queued(at_rest, monkeypatch)
    for order in many:
        receive(at_rest, order)
    at_rest.work()
    assert states(at_rest, many) == {"posted": 40}, "without a sweep"
    assert FEW < most() <= MOST
    assert (taken(at_rest), at_rest.memory.queues.dead) == (0, [])


def test_a_long_backlog_goes_on_from_sweep_to_sweep(at_rest: InMemoryEnvironment) -> None:
    """Lambda would end a chain of messages that queue one another for ever."""
    many = orders(at_rest, 130)
    for order in many:
        receive(at_rest, order)
    for _ in range(4):
        at_rest.wait(minutes=1)
    assert states(at_rest, many) == {"posted": 130}
    assert at_rest.memory.queues.dead == []


def test_few_are_givenwhile_others_wait_for_a_worker(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = orders(at_rest, 12)
    for order in many:
        receive(at_rest, order)
    most = most_queued(at_rest, monkeypatch)
    for _ in many:
        at_rest.clock.move(A_MOMENT + 1)  # each waited, as the one before it took as long
        ready = [each for each in at_rest.memory.queues.ready() if is_order(each)]
        at_rest.memory.queues.deliver(
            ready[0], lambda each: at_rest.memory.work(each, at_rest.services)
        )
    assert states(at_rest, many) == {"posted": 12}
    assert most() == FEW


def test_a_sweep_queues_few_of_each_connection(at_rest: InMemoryEnvironment) -> None:
    at_rest.connect(OTHER)
    for id in (FIRM, OTHER):
        for order in orders(at_rest, 6, id):
            event_of(at_rest, order, id)
    at_rest.clock.move(_SWEPT_EVERY)
    at_rest.sweep()
    assert [len(queued(at_rest, id)) for id in (FIRM, OTHER)] == [FEW, FEW]


def event_of(env: InMemoryEnvironment, order: dict[str, Any], id: ConnectionId = FIRM) -> None:
    """Store an event as a webhook function does that ends before it has queued anything."""
    message = order_message(id, OrderId(order["id"]))
    env.services.inbox_of(id).keep_message(message, f"event of {order['id']}")


def test_a_webhook_that_ended_before_it_givenanything_is_taken_up(
    at_rest: InMemoryEnvironment,
) -> None:
    (order,) = orders(at_rest, 1)
    event_of(at_rest, order)
    for _ in range(11):
        at_rest.wait(minutes=1)
    assert at_rest.record(order).state == "posted"


def test_places_that_are_lost_are_free_again(at_rest: InMemoryEnvironment) -> None:
    """Whoever took them ended before anything was queued: nobody gives them back."""
    places = at_rest.services_of().places(PURCHASE_ORDERS)
    lost = order_message(FIRM, OrderId("lost"))
    assert all(places.take(lost, f"lost {number}") for number in range(FEW))
    (order,) = orders(at_rest, 1)
    receive(at_rest, order)
    assert queued(at_rest) == []
    minutes = int((_FREE_AGAIN + _SWEPT_EVERY) / timedelta(minutes=1)) + 1
    for _ in range(minutes):
        at_rest.wait(minutes=1)
    assert (at_rest.record(order).state, taken(at_rest)) == ("posted", 0)


def test_a_killed_worker_keeps_its_place_and_the_others_go_on(
    at_rest: InMemoryEnvironment,
) -> None:
    many = orders(at_rest, 6)
    for order in many:
        receive(at_rest, order)

    def kill(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        at_rest.memory.queues.deliver(queued(at_rest)[0], kill)
    at_rest.work()
    assert states(at_rest, many) == {"posted": 5, "new": 1}
    assert taken(at_rest) == 1
    at_rest.wait(minutes=2)
    assert (states(at_rest, many), taken(at_rest)) == ({"posted": 6}, 0)


def test_what_fails_gives_its_place_to_others_and_is_not_giventwice(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = orders(at_rest, 8)
    bad = {many[0]["id"], many[1]["id"]}
    real = at_rest.memory.work

    def work(message: Any, services: Any) -> None:
        if message.body.get("order") in bad:
            monkeypatch.setattr(
                "ml_connector.purchase_orders.worker.advance_order", _raise_an_error
            )
        try:
            real(message, services)
        finally:
            monkeypatch.undo()

    for order in many:
        receive(at_rest, order)
    for _ in range(5):
        for one in list(at_rest.memory.queues.ready()):
            try:
                at_rest.memory.queues.deliver(one, lambda each: work(each, at_rest.services))
            except RuntimeError:
                continue
        at_rest.clock.move(60)
        at_rest.sweep()
    assert states(at_rest, many) == {"posted": 6, "new": 2}
    assert Counter(one.message.body["order"] for one in queued(at_rest)) == dict.fromkeys(bad, 1)


def _raise_an_error(*_: Any, **__: Any) -> None:
    raise RuntimeError("a bug")


def test_missed_approvals_wait_in_the_inbox(at_rest: InMemoryEnvironment) -> None:
    many = orders(at_rest, 30)
    at_rest.clock.move(timedelta(hours=25))
    at_rest.sweep()
    (listing,) = [
        one for one in at_rest.memory.queues.ready() if one.message.body["kind"] == "listing"
    ]
    at_rest.memory.queues.deliver(listing, lambda each: at_rest.memory.work(each, at_rest.services))
    assert 0 < len(queued(at_rest)) <= FEW
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=1)
    assert states(at_rest, many) == {"posted": 30}


def test_orders_that_an_import_wakes_are_givenfew_at_a_time(
    at_rest: InMemoryEnvironment,
) -> None:
    many = orders(at_rest, 25)
    ledger = at_rest.services.ledger_of(FIRM)
    later = at_rest.tomorrow()
    for order in many:
        ledger.write(at_rest.record(order).now("received").due(later), "received")
    queue_at_once(at_rest.services_of(), [at_rest.record(order) for order in many])
    assert len(queued(at_rest)) == MOST
    at_rest.work()
    at_rest.wait(minutes=1)
    assert states(at_rest, many) == {"posted": 25}


# ---------------------------------------------------------------- nothing waits unseen


def vendor_events(env: InMemoryEnvironment, number: int) -> None:
    """Store events about vendors that nobody has queued, all older than what follows."""
    inbox = env.services.inbox_of(FIRM)
    for at in range(number):
        inbox.keep_message(vendor_message(FIRM, VendorId(f"v{at}")), f"event of vendor {at}")


def test_an_order_does_not_wait_behind_events_of_the_other_queue(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_MOST_SEEN", 5)
    vendor_events(at_rest, 12)
    at_rest.clock.move(1)
    (order,) = orders(at_rest, 1)
    event_of(at_rest, order)
    queue_waiting_events(at_rest.services.inbox_of(FIRM), Rooms(at_rest.services_of()))
    assert len(queued(at_rest)) == 1


@pytest.mark.parametrize(("most", "vendors"), [(3, 5), (500, 200)])
def test_due_orders_do_not_wait_behind_due_vendors(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, most: int, vendors: int
) -> None:
    """Neither behind those that a sweep offers nor behind more than there are calls left."""
    monkeypatch.setattr(due_records, "_MOST_AT_ONCE", most)
    ledger = at_rest.services.ledger_of(FIRM)
    long_ago = clock.now() - timedelta(hours=1)
    for at in range(vendors):
        vendor = ledger.read(vendor_key(VendorId(f"v{at}")))
        ledger.write(vendor.now(VendorState.NEW).due(long_ago), "received")
    (order,) = orders(at_rest, 1)
    ledger.write(at_rest.record(order).now("received").due(clock.now()), "received")
    due_records.queue_due(at_rest.services_of(), Rooms(at_rest.services_of(), MOST))
    assert len(queued(at_rest)) == 1


def test_who_gives_back_a_place_reads_no_more_than_it_can_queue(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of thousands of vendors that are due at once, each that is done would read all others."""
    ledger = at_rest.services.ledger_of(FIRM)
    for at in range(100):
        vendor = ledger.read(vendor_key(VendorId(f"v{at}")))
        ledger.write(vendor.now(VendorState.NEW).due(clock.now()), "received")
    real, looked_at = Ledger.due, list[str]()

    def due(ledger: Ledger, *until: Any) -> Iterator[AnyRecord]:
        for record in real(ledger, *until):
            looked_at.append(record.key)
            yield record

    monkeypatch.setattr(Ledger, "due", due)
    rooms = Rooms(at_rest.services_of(), MOST, more=2)
    due_records.queue_due(at_rest.services_of(), rooms, {VENDORS})
    given = [each for each in at_rest.memory.queues.waiting if each.message.queue == VENDORS]
    assert (len(given), len(looked_at)) == (2, 4)


def test_what_waits_is_givenafter_a_message_that_cannot_be_read(
    at_rest: InMemoryEnvironment,
) -> None:
    own = at_rest.services_of()
    for at in range(FEW):
        odd = Message(PURCHASE_ORDERS, f"{FIRM}#odd{at}", {"kind": f"odd {at}", "connection": FIRM})
        assert Rooms(own).send(odd, f"odd {at}")
    (order,) = orders(at_rest, 1)
    receive(at_rest, order)
    assert queued(at_rest) == []
    at_rest.work()
    assert at_rest.record(order).state == "posted", "without a sweep"


def test_those_that_failed_long_ago_are_forgotten(at_rest: InMemoryEnvironment) -> None:
    own = at_rest.services_of()
    places = own.places(PURCHASE_ORDERS)

    def fail(name: str) -> list[str]:
        taken_ = places.take(order_message(FIRM, OrderId(name)), name, MOST)
        assert taken_
        places.set_aside(str(taken_.body["place"]))
        (found,) = read_places(at_rest.memory.tables.coordination, FIRM, [PURCHASE_ORDERS])
        return found.tried

    assert len(fail("first")) == 1
    at_rest.clock.move(timedelta(minutes=20))
    assert len(fail("second")) == 2
    at_rest.clock.move(timedelta(minutes=40))
    assert len(fail("third")) == 2


def due_since(env: InMemoryEnvironment, order: dict[str, Any], minutes: int) -> None:
    """Let an order be due since some minutes ago."""
    at = clock.now() - timedelta(minutes=minutes)
    env.services.ledger_of(FIRM).write(env.record(order).now("received").due(at), "received")


def test_those_that_wait_longest_are_givenfirst(at_rest: InMemoryEnvironment) -> None:
    many = orders(at_rest, 4)
    for order, minutes in zip(many, (1, 4, 2, 3), strict=True):
        due_since(at_rest, order, minutes)
    due_records.queue_due(at_rest.services_of(), Rooms(at_rest.services_of()))
    asked_for = [one.message.body["order"] for one in queued(at_rest)]
    assert asked_for == [many[1]["id"], many[3]["id"]]


def test_a_halted_division_gets_neither_orders_nor_runs(at_rest: InMemoryEnvironment) -> None:
    here, there = at_rest.order("PO-NL", NL), at_rest.order("PO-BE", BE)
    for order, branch in ((here, NL), (there, BE)):
        ledger, record = at_rest.services.ledger_of(FIRM), at_rest.record(order)
        facts = replace(record.facts, division=branch.key)
        ledger.write(replace(record, facts=facts), "fetched")
        due_since(at_rest, order, 1)
    at_rest.clock.move(timedelta(days=2))  # both divisions' reference data are to be read again
    Halts(ledger).stop(problem("EXACT_DIVISION_BLOCKED", "x"), NL.key)
    due_records.sweep_connection(at_rest.services_of())
    bodies = [one.message.body for one in at_rest.memory.queues.waiting]
    assert here["id"] not in [body.get("order") for body in bodies]
    runs = {body["division"] for body in bodies if body["kind"] == "refresh"}
    assert BE.division in runs
    assert NL.division not in runs
