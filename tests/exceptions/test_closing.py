"""An exception that a later event makes moot closes itself, on every kind of record."""

import json
from datetime import timedelta
from typing import Any

from connector_cli.actions import orders
from connector_cli.actions.exception_lists import Wanted, list_open
from local.firm import NL
from local.office import FIRM, Office
from ml_connector.codes import problem
from ml_connector.doors.inbox import Arrival
from ml_connector.doors.ledger import CONNECTION
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.ids import RecordKey, VendorId
from ml_connector.workflows.upkeep import token_keeping
from tests.exceptions.desk import Desk

KEY = "6f0a3f0e-8f0d-4a63-9d2b-1c6a8e0b7d15"
EVENT = RecordKey("event#exact#1")


def codes(office: Office) -> list[str]:
    return [row["code"] for row in list_open(Desk(office), FIRM, Wanted())]


def notice(office: Office, topic: str) -> Message:
    body = {"kind": "exact", "connection": FIRM, "event": "exact#1", "division": NL.division}
    return Message(PURCHASE_ORDERS, topic, {**body, "topic": topic, "key": KEY, "action": "Update"})


def test_an_order_that_is_mended_or_no_longer_wanted(office: Office) -> None:
    office.connect()
    mended, denied = (
        office.order(number, lines=[office.airbase.line("4600", "10.00")])
        for number in ("PO-1", "PO-2")
    )
    for order in (mended, denied):
        office.post(order)
    assert codes(office) == ["GL_ACCOUNT_BLOCKED"] * 2
    mended["expense_list"][0]["account"] = office.airbase.line("4100", "10.00")["account"]
    denied["status"] = "denied"
    office.wait(hours=24, minutes=1)
    assert codes(office) == []


def test_an_event_that_is_understood_later(office: Office) -> None:
    office.connect()
    office.mini.work(notice(office, "SalesInvoices"), office.doors)
    assert codes(office) == ["UNKNOWN_TOPIC"]
    office.mini.work(notice(office, "GLAccounts"), office.doors)
    assert codes(office) == []
    record = office.doors.ledger.read(FIRM, EVENT)
    assert record.state == "handled"
    assert [entry.step for entry in office.doors.ledger.trail(FIRM, EVENT)] == ["review", "handled"]


def test_an_event_that_nobody_can_read_is_not_tried_for_ever(office: Office) -> None:
    office.connect()
    for _ in range(2):
        office.mini.work(notice(office, "SalesInvoices"), office.doors)
        assert office.doors.ledger.read(FIRM, EVENT).due_at is None
    version = office.doors.ledger.read(FIRM, EVENT).version
    for _ in range(5):
        office.wait(hours=25)
    assert office.doors.ledger.read(FIRM, EVENT).version == version


def test_events_that_went_well_leave_no_record(office: Office) -> None:
    office.connect()
    office.mini.work(notice(office, "GLAccounts"), office.doors)
    assert office.doors.ledger.read(FIRM, EVENT).version == 0


def test_a_kept_event_is_retried_by_hand(office: Office) -> None:
    office.connect()
    message = notice(office, "SalesInvoices").body
    arrival = Arrival(FIRM, "exact", "1", PURCHASE_ORDERS, None, message, b"{}", {})
    office.doors.inbox.keep(arrival)
    office.mini.work(notice(office, "SalesInvoices"), office.doors)
    before = len(office.mini.queues.waiting)
    assert orders.retry(Desk(office), FIRM, EVENT) == "exact#1"
    assert len(office.mini.queues.waiting) == before + 1
    office.work()
    assert codes(office) == ["UNKNOWN_TOPIC"]


def test_a_vendor_that_can_be_read_again(office: Office) -> None:
    office.connect()
    vendor = office.firm.vendors["Cloudwerk"]
    vendor["is_active"] = "perhaps"
    id = VendorId(str(vendor["id"]))
    office.mini.work(_about(id), office.doors)
    assert codes(office) == ["BAD_FIELD"]
    vendor["is_active"] = True
    office.clock.move(timedelta(days=1))
    office.mini.work(Message(VENDORS, "all", {"kind": "reconcile"}), office.doors)
    office.work()
    assert codes(office) == [], "the daily comparison reads the vendor again"


def test_subscriptions_that_are_made_later_or_no_longer_wanted(office: Office) -> None:
    office.exact.webhooks.deliver = lambda _url, _body: 200
    office.connect(exact_callback_url="https://callback.test/exact")
    found = problem("WEBHOOK_NOT_SUBSCRIBED", f"Webhook Items of division {NL.division}").as_dict()
    for settings in ({}, {"exact_callback_url": None}):
        record = office.doors.ledger.read(FIRM, CONNECTION)
        office.doors.ledger.write(record.now("active", problems=[found]), "subscriptions")
        assert codes(office) == ["WEBHOOK_NOT_SUBSCRIBED"]
        office.doors.mappings.save(office.connection().model_copy(update=settings))
        token_keeping.keep_all(office.doors, lambda _name, _value: None)
        assert codes(office) == []


def test_a_halt_that_is_lifted(office: Office) -> None:
    office.connect()
    office.doors.ledger.halt(FIRM, problem("NOT_CONNECTED", "firm"))
    (row,) = list_open(Desk(office), FIRM, Wanted())
    assert (row["code"], row["stops"]) == ("NOT_CONNECTED", "all")
    office.doors.ledger.clear_halt(FIRM)
    assert codes(office) == []


def _about(id: VendorId) -> Message:
    body: dict[str, Any] = {"kind": "vendor", "connection": FIRM, "vendor": id}
    return Message(VENDORS, json.dumps(body), body)
