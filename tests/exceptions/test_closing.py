"""An exception that a later event resolves closes by itself, on every kind of record."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.connections import token_refresh
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import RecordKey, VendorId
from ml_connector.exceptions import retry as retries
from ml_connector.exceptions.listing import ExceptionFilter, list_open
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from tests.person_stack import PERSON, PersonStack

KEY = "6f0a3f0e-8f0d-4a63-9d2b-1c6a8e0b7d15"
EVENT = RecordKey("event#exact#1")


def codes(env: InMemoryEnvironment) -> list[str]:
    return [row["code"] for row in list_open(PersonStack(env), FIRM, ExceptionFilter())]


def exact_message(env: InMemoryEnvironment, topic: str) -> Message:
    body = {"kind": "exact", "connection": FIRM, "event": "exact#1", "division": NL.division}
    return Message(PURCHASE_ORDERS, topic, {**body, "topic": topic, "key": KEY, "action": "Update"})


def test_an_order_that_is_corrected_or_no_longer_wanted(env: InMemoryEnvironment) -> None:
    env.connect()
    corrected, denied = (
        env.order(number, lines=[env.airbase.line("4600", "10.00")]) for number in ("PO-1", "PO-2")
    )
    for order in (corrected, denied):
        env.post(order)
    assert codes(env) == ["GL_ACCOUNT_BLOCKED"] * 2
    corrected["expense_list"][0]["account"] = env.airbase.line("4100", "10.00")["account"]
    denied["status"] = "denied"
    env.wait(hours=24, minutes=1)
    assert codes(env) == []


def test_an_event_that_can_be_read_later(env: InMemoryEnvironment) -> None:
    env.connect()
    env.memory.work(exact_message(env, "SalesInvoices"), env.services)
    assert codes(env) == ["UNKNOWN_TOPIC"]
    env.memory.work(exact_message(env, "GLAccounts"), env.services)
    assert codes(env) == []
    record = env.services.ledger_of(FIRM).read(EVENT)
    assert record.state == "handled"
    assert [entry.step for entry in env.services.ledger_of(FIRM).trail(EVENT)] == [
        "review",
        "handled",
    ]


def test_an_unreadable_event_is_not_tried_for_ever(env: InMemoryEnvironment) -> None:
    env.connect()
    for _ in range(2):
        env.memory.work(exact_message(env, "SalesInvoices"), env.services)
        assert env.services.ledger_of(FIRM).read(EVENT).due_at is None
    version = env.services.ledger_of(FIRM).read(EVENT).version
    for _ in range(5):
        env.wait(hours=25)
    assert env.services.ledger_of(FIRM).read(EVENT).version == version


def test_events_that_went_well_leave_no_record(env: InMemoryEnvironment) -> None:
    env.connect()
    env.memory.work(exact_message(env, "GLAccounts"), env.services)
    assert env.services.ledger_of(FIRM).read(EVENT).version == 0


def test_a_kept_event_is_retried_by_hand(env: InMemoryEnvironment) -> None:
    env.connect()
    message = exact_message(env, "SalesInvoices").body
    arrival = IncomingEvent(FIRM, "exact", "1", PURCHASE_ORDERS, None, message, b"{}", {})
    env.services.inbox_of(FIRM).keep(arrival)
    env.memory.work(exact_message(env, "SalesInvoices"), env.services)
    before = len(env.memory.queues.waiting)
    assert retries.retry(PersonStack(env), PERSON, FIRM, EVENT) == "exact#1"
    assert len(env.memory.queues.waiting) == before + 1
    env.work()
    assert codes(env) == ["UNKNOWN_TOPIC"]


def test_a_vendor_that_can_be_read_again(env: InMemoryEnvironment) -> None:
    env.connect()
    vendor = env.firm.vendors["Cloudwerk"]
    vendor["is_active"] = "perhaps"
    id = VendorId(str(vendor["id"]))
    env.memory.work(_about(id), env.services)
    assert codes(env) == ["BAD_FIELD"]
    vendor["is_active"] = True
    env.clock.move(timedelta(days=1))
    env.memory.work(Message(VENDORS, "all", {"kind": "reconcile"}), env.services)
    env.work()
    assert codes(env) == [], "the daily comparison reads the vendor again"


def test_subscriptions_that_are_made_later_or_no_longer_wanted(env: InMemoryEnvironment) -> None:
    env.exact.webhooks.deliver = lambda _url, _body: 200
    env.connect(exact_callback_url="https://callback.test/exact")
    found = problem("WEBHOOK_NOT_SUBSCRIBED", f"Webhook Items of division {NL.key}")
    for settings in ({}, {"exact_callback_url": None}):
        record = env.services.ledger_of(FIRM).read(CONNECTION)
        env.services.ledger_of(FIRM).write(
            record.now("active", replace(record.facts, problems=(found,))), "subscriptions"
        )
        assert codes(env) == ["WEBHOOK_NOT_SUBSCRIBED"]
        (site,) = env.connection().sites
        changed = env.connection().model_copy(update={"sites": (site.model_copy(update=settings),)})
        env.services.connections.save(changed)
        token_refresh.refresh_all(env.services.all(), lambda _name, _value: None)
        assert codes(env) == []


def test_a_halt_that_is_lifted(env: InMemoryEnvironment) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(problem("NOT_CONNECTED", "firm", connection="firm"))
    (row,) = list_open(PersonStack(env), FIRM, ExceptionFilter())
    assert (row["code"], row["stops"]) == ("NOT_CONNECTED", "all")
    Halts(env.services.ledger_of(FIRM)).lift_all()
    assert codes(env) == []


def _about(id: VendorId) -> Message:
    body: dict[str, Any] = {"kind": "vendor", "connection": FIRM, "vendor": id}
    return Message(VENDORS, json.dumps(body), body)
