"""An order whose exceptions were all dismissed is not posted until somebody takes it up again."""

from typing import Any

import pytest

from connector_cli.actions import exceptions, orders
from connector_cli.complaints import Complaint
from local.exact_simulator import Fault
from local.firm import NL
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.airbase.api import AirbaseClient
from ml_connector.codes import problem
from ml_connector.doors.ledger import Conflict, order_key
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from ml_connector.ids import OrderId
from tests.exceptions.desk import PERSON, Desk, actors

BLOCKED = "4600"
_POST = "purchaseorder/PurchaseOrders"


def blocked(office: Office, number: str = "PO-1") -> dict[str, Any]:
    order = office.order(number, lines=[office.airbase.line(BLOCKED, "10.00")])
    assert office.post(order).state == "review"
    return order


def mend(office: Office) -> None:
    accounts = office.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == BLOCKED)
    office.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    office.wait(hours=4, minutes=1)


@pytest.fixture
def desk(office: Office) -> Desk:
    office.connect()
    return Desk(office)


def test_nothing_posts_it_whatever_happens(office: Office, desk: Desk) -> None:
    order = blocked(office)
    done = exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate of PO-9")
    assert (done["state"], done["dismissed"], done["open"]) == (
        "set_aside",
        ["GL_ACCOUNT_BLOCKED"],
        [],
    )
    mend(office)
    office.post(order)
    order["description"] = "changed in Airbase"
    office.post(order)
    office.wait(hours=25)
    assert office.record(order).state == "set_aside"
    assert office.record(order).due_at is None
    assert office.in_exact() == []


def test_the_first_that_asks_for_it_is_audited_once(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    for _ in range(3):
        office.post(order)
    assert office.steps(order).count("left_aside") == 1
    assert actors(office, order_key(OrderId(order["id"])))["dismissed"] == PERSON


def test_a_webhook_that_speaks_of_it_leaves_nothing_due(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    for event in ("e1", "e2"):
        message = {"kind": "order", "connection": FIRM, "order": order["id"], "event": event}
        office.mini.work(Message(PURCHASE_ORDERS, "g", message), office.doors)
        assert office.record(order).due_at is None
        assert office.record(order).state == "set_aside"
    assert office.steps(order)[-3:] == ["received", "left_aside", "received"]


def test_a_removed_connection_does_not_take_it_up(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    office.doors.mappings.remove(FIRM)
    office.post(order)
    assert office.record(order).state == "set_aside"


def test_a_retry_by_hand_posts_it(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    mend(office)
    orders.retry(desk, FIRM, "PO-1")
    assert office.record(order).state == "received"
    assert "dismissed" not in office.record(order).facts
    office.work()
    assert office.record(order).state == "posted"
    assert len(office.in_exact()) == 1


def test_a_retry_whose_message_is_lost_is_found_by_the_sweep(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    mend(office)
    orders.retry(desk, FIRM, "PO-1")
    office.mini.queues.waiting.clear()
    office.wait(minutes=1)
    assert office.record(order).state == "posted"


def test_a_retry_shows_the_exception_again_where_it_lasts(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    orders.retry(desk, FIRM, "PO-1")
    office.work()
    assert office.codes(order) == ["GL_ACCOUNT_BLOCKED"]
    assert office.record(order).state == "review"


def test_retrying_all_leaves_it_aside(office: Office, desk: Desk) -> None:
    order = blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    assert orders.retry_all(desk, FIRM) == []
    assert office.record(order).state == "set_aside"


def test_an_order_that_may_be_in_exact_is_looked_for_when_it_is_taken_up(
    office: Office, desk: Desk
) -> None:
    office.exact.faults.append(Fault("timeout_after_commit", "POST", _POST))
    order = office.order()
    assert office.post(order).state == "posting"
    record = office.record(order)
    found = problem("SEVERAL_IN_EXACT", "PO-1").as_dict()
    office.doors.ledger.write(record.now("posting", problems=[found]), "review")
    exceptions.dismiss(desk, FIRM, "PO-1", "one of them is deleted by hand")
    office.wait(hours=1)
    assert office.record(order).state == "set_aside"
    orders.retry(desk, FIRM, "PO-1")
    office.work()
    assert office.steps(order)[-1] == "adopted"
    assert len(office.in_exact()) == 1, "posted again without a look"


def test_one_of_two_exceptions_leaves_the_order_in_review(office: Office, desk: Desk) -> None:
    lines = [office.airbase.line(BLOCKED, "10.00")]
    order = office.order(lines=lines, payment_term="90")
    office.post(order)
    assert len(office.codes(order)) == 2
    with pytest.raises(Complaint, match="2 open exceptions"):
        exceptions.dismiss(desk, FIRM, "PO-1", "known")
    done = exceptions.dismiss(desk, FIRM, "PO-1", "known", ["unknown_payment_condition"])
    assert (done["state"], done["open"]) == ("review", ["GL_ACCOUNT_BLOCKED"])
    assert office.record(order).due_at is not None
    office.wait(hours=25)
    assert office.codes(order) == ["GL_ACCOUNT_BLOCKED"], "the very same one stays closed"
    done = exceptions.dismiss(desk, FIRM, "PO-1", "known", every=True)
    assert done["state"] == "set_aside"


def test_on_a_posted_order_it_just_closes(office: Office, desk: Desk) -> None:
    order = office.order()
    posted = office.post(order).facts["exact"]["id"]
    office.doors.mappings.note_posted(FIRM, posted, OrderId(order["id"]))
    record = office.record(order)
    found = problem("DELETED_IN_EXACT", "PO-1").as_dict()
    office.doors.ledger.write(record.now("posted", problems=[found]), "deleted_in_exact")
    assert exceptions.dismiss(desk, FIRM, "PO-1", "on purpose")["state"] == "posted"
    assert office.codes(order) == []
    (listed,) = orders.list_orders(desk, FIRM)
    assert (listed["state"], listed["set_aside"]) == ("posted", None)


def test_a_set_aside_order_says_so_in_the_list(office: Office, desk: Desk) -> None:
    blocked(office)
    exceptions.dismiss(desk, FIRM, "PO-1", "a  duplicate\nof PO-9")
    (listed,) = orders.list_orders(desk, FIRM, ("set_aside",))
    assert listed["set_aside"] == {
        "reason": "a duplicate of PO-9",
        "by": PERSON,
        "at": clock.now().isoformat(),
    }
    assert listed["exceptions"] == []


def test_a_worker_that_is_at_it_is_not_overrun(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = blocked(office)
    write = type(desk.signed).write
    moves = iter([True, False])

    def overtaken(self: Any, record: Any, step: str, **detail: Any) -> Any:
        if self is desk.signed and next(moves):
            newest = office.record(order)
            write(office.doors.ledger, newest.now("posted", problems=[]), "posted")
        return write(self, record, step, **detail)

    monkeypatch.setattr(type(desk.signed), "write", overtaken)
    with pytest.raises(Complaint, match="no open exception"):
        exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
    assert office.record(order).state == "posted"


def test_a_worker_that_read_it_before_does_not_post_it(
    office: Office, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = blocked(office)
    read = AirbaseClient.order

    def dismissed_meanwhile(self: AirbaseClient, id: OrderId) -> Any:
        monkeypatch.undo()
        exceptions.dismiss(desk, FIRM, "PO-1", "a duplicate")
        return read(self, id)

    monkeypatch.setattr(AirbaseClient, "order", dismissed_meanwhile)
    order["expense_list"][0]["account"] = office.airbase.line("4100", "10.00")["account"]
    office.queue(order)
    with pytest.raises(Conflict):
        office.work()
    office.clock.move(400)
    office.work()
    assert office.record(order).state == "set_aside"
    assert office.in_exact() == []


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501])
def test_a_dismissal_needs_a_reason(office: Office, desk: Desk, reason: str) -> None:
    blocked(office)
    with pytest.raises(Complaint, match="a reason"):
        exceptions.dismiss(desk, FIRM, "PO-1", reason)
