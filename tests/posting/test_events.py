"""What the posting worker does with events: Exact's own changes, odd ones, forgotten ones."""

import json
from datetime import timedelta
from typing import Any

import httpx

from local.exact_simulator import Fault, Request
from local.firm import NL
from local.office import FIRM, Office
from ml_connector.doors.inbox import Arrival
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from ml_connector.exact.reference import ACCOUNTS_PATH
from ml_connector.ids import Division, OrderId, RecordKey
from ml_connector.workflows.upkeep.refresh import fresh_since

KEY = "6f0a3f0e-8f0d-4a63-9d2b-1c6a8e0b7d15"


class Without(httpx.BaseTransport):
    """A network on which some endpoints do not exist."""

    def __init__(self, inner: httpx.BaseTransport, *absent: str) -> None:
        self.inner, self.absent = inner, absent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if any(endpoint in request.url.path for endpoint in self.absent):
            return httpx.Response(404)
        return self.inner.handle_request(request)


def tell(office: Office, kind: str, **facts: Any) -> None:
    body = {"kind": kind, "connection": FIRM, "event": "exact#1", **facts}
    office.mini.queues.send(Message(PURCHASE_ORDERS, f"{FIRM}#{facts}", body))
    office.work()


def notify(office: Office, topic: str, key: str = KEY, action: str = "Update") -> None:
    tell(office, "exact", division=NL.division, topic=topic, key=key, action=action)


def event_codes(office: Office) -> list[str]:
    record = office.doors.ledger.read(FIRM, RecordKey("event#exact#1"))
    return [found["code"] for found in record.problems]


def arrival(order: dict[str, Any], **body: Any) -> Arrival:
    return Arrival(
        connection=FIRM,
        source="airbase",
        key=f"event-of-{order['id']}",
        queue=PURCHASE_ORDERS,
        group=order["id"],
        message={"kind": "order", "order": order["id"]},
        body=json.dumps({"id": "1", "data": {"id": order["id"], **body}}).encode(),
        headers={},
    )


def test_a_storm_of_changed_gl_accounts_is_one_read_and_its_orders_go_on(office: Office) -> None:
    office.connect()
    order = office.order(lines=[office.airbase.line("4600", "10.00")])
    office.post(order)
    accounts = office.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    office.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    before = office.exact_calls()
    for _ in range(20):
        notify(office, "GLAccounts", key)
    assert office.exact_calls() == before
    office.wait(minutes=1)
    assert office.exact_calls() - before <= 6, "one increment, and the order"
    assert office.record(order).state == "posted"


def test_a_notification_never_takes_an_unsettled_order_off_the_sweeps_list(office: Office) -> None:
    office.connect()
    lost = Fault("timeout_after_commit", "POST", "purchaseorder/PurchaseOrders")
    office.exact.faults.append(lost)
    order = office.order()
    office.post(order)
    (there,) = office.in_exact()
    # A worker that died just before its last step has left this pointer.
    office.doors.mappings.note_posted(FIRM, there["PurchaseOrderID"], OrderId(order["id"]))
    notify(office, "PurchaseOrders", there["PurchaseOrderID"])
    office.wait(minutes=3)
    assert office.steps(order)[-1] == "adopted"


def test_orders_typed_in_by_hand_are_not_ours(office: Office) -> None:
    office.connect()
    notify(office, "PurchaseOrders")
    assert event_codes(office) == []


def test_a_topic_without_meaning_is_an_exception_with_a_name(office: Office) -> None:
    office.connect()
    notify(office, "SalesInvoices")
    assert event_codes(office) == ["UNKNOWN_TOPIC"]


def test_an_event_without_an_order_is_an_exception(office: Office) -> None:
    office.connect()
    tell(office, "unreadable")
    assert event_codes(office) == ["UNREADABLE_EVENT"]


def test_an_event_that_the_queue_forgot_is_found_by_the_sweep(office: Office) -> None:
    office.connect()
    order = office.order()
    office.doors.inbox.keep(arrival(order))
    office.wait(minutes=1)
    assert office.record(order).state == "new", "its own message may still be under way"
    office.wait(minutes=3)
    assert office.record(order).state == "posted"
    assert not list(office.doors.inbox.open_events(FIRM, office.in_a_while()))


def test_a_division_whose_data_are_too_old_reads_them_first(office: Office) -> None:
    office.connect()
    office.clock.move(timedelta(hours=25))
    order = office.order()
    assert office.post(order).facts["waiting"]["code"] == "REFERENCE_DATA_OLD"
    assert office.in_exact() == []
    office.wait(minutes=2)
    assert office.record(order).state == "posted"


def test_a_signed_event_may_carry_the_order_itself(office: Office) -> None:
    office.connect(profile={"order_source": "event", "event_order": "data"})
    order = office.order()
    del office.airbase.orders[order["id"]]
    kept, _ = office.doors.inbox.keep(arrival(order, **order))
    office.mini.queues.send(kept.message)
    office.work()
    assert office.record(order).state == "posted"


def test_a_removed_connection_leaves_its_orders_as_exceptions(office: Office) -> None:
    office.connect()
    office.doors.mappings.remove(FIRM)
    order = office.order()
    office.post(order)
    assert office.codes(order) == ["CONNECTION_GONE"]


def test_a_long_first_read_goes_on_where_it_stopped(office: Office) -> None:
    for number in range(2500):
        office.exact.add_supplier(NL.division, f"Supplier {number}", code=str(10_000 + number))

    def slowly(request: Request) -> None:
        if "sync/CRM/Accounts" in request.path:
            office.clock.move(30)

    office.exact.on_call = slowly
    office.connect()
    assert fresh_since(office.doors.data(FIRM, Division(NL.division))) is None
    for _ in range(6):
        office.wait(minutes=1)
    assert office.doors.books(office.connection(), NL.division).supplier("12499")  # type: ignore[arg-type]


def test_a_division_that_lacks_an_endpoint_still_gets_its_orders(office: Office) -> None:
    office.mini.transport = Without(office.mini.transport, "hrm/Costunits", "sync/Deleted")
    office.doors = office.mini.doors()
    office.connect()
    assert office.post(office.order()).state == "posted"


def test_a_notification_during_a_failed_read_is_not_forgotten(office: Office) -> None:
    office.connect()
    order = office.order(lines=[office.airbase.line("4600", "10.00")])
    office.post(order)
    accounts = office.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == "4600")
    office.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    office.clock.move(timedelta(minutes=2))
    notify(office, "GLAccounts", key)
    office.exact.faults.append(Fault("unavailable", "GET", "sync/Financial/GLAccounts"))
    office.wait(minutes=1)
    assert office.record(order).state == "review"
    office.wait(minutes=1)
    assert office.record(order).state == "posted"


def test_a_division_that_exact_moved_is_read_anew(office: Office) -> None:
    office.connect()
    division = office.exact.world.divisions[NL.division]
    office.exact.world.move(division)
    office.exact.add_gl_account(NL.division, "4700", "Travel")
    before = office.doors.data(FIRM, Division(NL.division)).reading(ACCOUNTS_PATH).cursor
    office.wait(days=1, minutes=1)
    office.wait(minutes=1)
    books = office.doors.books(office.connection(), Division(NL.division))
    assert books.gl_account("4700"), "its timestamps have begun again"
    assert office.doors.data(FIRM, Division(NL.division)).reading(ACCOUNTS_PATH).cursor < before
    reads = office.exact_calls()
    office.wait(minutes=1)
    assert office.exact_calls() == reads, "once"
