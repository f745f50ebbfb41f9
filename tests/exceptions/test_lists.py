"""Which exceptions are listed: by code, age, amount and assignee, the oldest first."""

from typing import Any

import pytest

from connector_cli.actions import exceptions, orders
from connector_cli.actions.exception_lists import list_open, wanted
from connector_cli.complaints import Complaint
from local.firm import NL
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.doors.ledger import CONNECTION, order_key, vendor_key
from ml_connector.ids import OrderId, RecordKey, VendorId
from tests.exceptions.desk import PERSON, Desk, actors

AMOUNTS = {"PO-1": "10.00", "PO-2": "999.99", "PO-3": "1000.00"}


@pytest.fixture
def desk(office: Office) -> Desk:
    """Three orders in review, opened 30, 20 and 10 hours ago, and a halt just now."""
    office.connect()
    for number, amount in AMOUNTS.items():
        office.post(office.order(number, lines=[office.airbase.line("4600", amount)]))
        office.clock.move(10 * 3_600)
    office.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "Exact division 2"))
    return Desk(office)


def titles(desk: Desk, **asked: Any) -> list[str]:
    return [row["title"] for row in list_open(desk, FIRM, wanted(**asked))]


def test_the_oldest_comes_first(desk: Desk) -> None:
    rows = list_open(desk, None, wanted())
    assert [row["title"] for row in rows] == [*AMOUNTS, CONNECTION]
    assert [row["stops"] for row in rows] == [None, None, None, "all"]
    assert len({row["id"] for row in rows}) == 4
    assert rows[0]["total"] == "EUR 10.00"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"codes": ["gl_account_blocked"]}, ["PO-1", "PO-2", "PO-3"]),
        ({"codes": ["EXACT_DIVISION_BLOCKED", "UNKNOWN_VENDOR"]}, [CONNECTION]),
        ({"older_than": "25h"}, ["PO-1"]),
        ({"older_than": "1200m"}, ["PO-1", "PO-2"]),
        ({"newer_than": "1d"}, ["PO-2", "PO-3", CONNECTION]),
        ({"older_than": "15h", "newer_than": "1d"}, ["PO-2"]),
        ({"min_amount": "1000"}, ["PO-3"]),
        ({"min_amount": "999.99 eur"}, ["PO-2", "PO-3"]),
        ({"min_amount": "1 USD"}, []),
        ({"min_amount": "0"}, ["PO-1", "PO-2", "PO-3"]),
        ({"codes": ["GL_ACCOUNT_BLOCKED"], "min_amount": "500", "older_than": "15h"}, ["PO-2"]),
    ],
    ids=str,
)
def test_all_that_is_asked_must_hold(desk: Desk, asked: dict[str, Any], found: list[str]) -> None:
    assert titles(desk, **asked) == found


def test_by_whoever_looks_after_it(office: Office, desk: Desk) -> None:
    exceptions.assign(desk, FIRM, "PO-2", " finance  team ")
    assert titles(desk, assigned_to="finance team") == ["PO-2"]
    assert titles(desk, unassigned=True) == ["PO-1", "PO-3", CONNECTION]
    office.wait(hours=25)
    assert titles(desk, assigned_to="finance team") == ["PO-2"], "a new attempt changes nothing"
    exceptions.assign(desk, FIRM, "PO-2", None)
    assert titles(desk, assigned_to="finance team") == []
    found = exceptions.show(desk, FIRM, "PO-2")
    assert [(e["step"], e["actor"], e["detail"]) for e in found["trail"]][-1] == (
        "unassigned",
        PERSON,
        {"to": None},
    )


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"codes": ["NONSENSE"]}, "there is no code"),
        ({"older_than": "3 days"}, "--older-than '3 days' is no age"),
        ({"newer_than": "-1d"}, "--newer-than '-1d' is no age"),
        ({"min_amount": "a lot"}, "is no amount"),
        ({"min_amount": "-5"}, "is no amount"),
        ({"min_amount": "1e9"}, "is no amount"),
        ({"assigned_to": "x", "unassigned": True}, "either --assigned-to or --unassigned"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(asked: dict[str, Any], said: str) -> None:
    with pytest.raises(Complaint, match=said):
        wanted(**asked)


def test_many_are_retried_by_the_same_filters(office: Office, desk: Desk) -> None:
    office.doors.ledger.clear_halt(FIRM)
    assert orders.retry_where(desk, FIRM, wanted(min_amount="500")) == ["PO-2", "PO-3"]
    key = order_key(OrderId("PO-1"))
    assert office.doors.ledger.trail(FIRM, key) == []
    asked = [row["key"] for row in list_open(desk, FIRM, wanted(min_amount="500"))]
    assert {actors(office, RecordKey(each))["retry_asked"] for each in asked} == {PERSON}
    for order in asked:
        office.clock.move(0.001)
        assert office.doors.ledger.read(FIRM, RecordKey(order)).state == "review"
    before = len(office.airbase.calls)
    office.work()
    assert len(office.airbase.calls) > before


def test_the_connections_own_exceptions_cannot_be_retried(desk: Desk) -> None:
    assert orders.retry_where(desk, FIRM, wanted(codes=["EXACT_DIVISION_BLOCKED"])) == []
    with pytest.raises(Complaint, match="cannot be retried"):
        orders.retry(desk, FIRM, CONNECTION)
    with pytest.raises(Complaint, match="stops the connection"):
        exceptions.dismiss(desk, FIRM, CONNECTION, "who cares", every=True)


def test_a_vendor_is_retried_by_its_key(office: Office, desk: Desk) -> None:
    key = vendor_key(VendorId("v-9"))
    record = office.doors.ledger.read(FIRM, key)
    found = problem("LINK_BROKEN", "v-9").as_dict()
    office.doors.ledger.write(record.now("review", problems=[found]), "link_broken")
    before = len(office.mini.queues.waiting)
    orders.retry(desk, FIRM, key)
    assert office.mini.queues.waiting[before].message.body["vendor"] == "v-9"
    exceptions.dismiss(desk, FIRM, key, "closed by hand")
    assert office.doors.ledger.read(FIRM, key).state == "review", "only orders are set aside"
    assert titles(desk, codes=["LINK_BROKEN"]) == []


def test_what_is_shown_of_one(office: Office, desk: Desk) -> None:
    lines = [office.airbase.line("4600", "10.00")]
    office.doors.ledger.clear_halt(FIRM)
    office.wait(minutes=1)
    office.post(office.order("PO-4", lines=lines, payment_term="90"))
    exceptions.dismiss(desk, FIRM, "PO-4", "agreed", ["UNKNOWN_PAYMENT_CONDITION"])
    found = exceptions.show(desk, FIRM, "PO-4")
    (shown,), (closed,) = found["exceptions"], found["dismissed"]
    assert shown["code"] == "GL_ACCOUNT_BLOCKED"
    assert str(NL.division) in shown["evidence"]["division"]
    assert (closed["reason"], closed["by"]) == ("agreed", PERSON)
    assert closed["at"] == clock.now().isoformat()
    assert [entry["step"] for entry in found["trail"]][-2:] == ["review", "dismissed"]
    assert (found["state"], found["total"]) == ("review", "EUR 10.00")


@pytest.mark.parametrize("name", ["nobody", "PO-99", "vendor#none"])
def test_a_record_that_is_not_there(desk: Desk, name: str) -> None:
    for act in (
        lambda: exceptions.show(desk, FIRM, name),
        lambda: exceptions.dismiss(desk, FIRM, name, "x"),
        lambda: exceptions.assign(desk, FIRM, name, "x"),
        lambda: orders.retry(desk, FIRM, name),
    ):
        with pytest.raises(Complaint, match="has no order"):
            act()


def test_nothing_is_assigned_that_is_not_open(office: Office, desk: Desk) -> None:
    office.doors.ledger.clear_halt(FIRM)
    office.wait(minutes=1)
    office.post(office.order("PO-5"))
    with pytest.raises(Complaint, match="no open exception"):
        exceptions.assign(desk, FIRM, "PO-5", "finance")
    with pytest.raises(Complaint, match="a name"):
        exceptions.assign(desk, FIRM, "PO-1", " ")
    with pytest.raises(Complaint, match="no open exception UNKNOWN_VENDOR"):
        exceptions.dismiss(desk, FIRM, "PO-1", "x", ["UNKNOWN_VENDOR"])
