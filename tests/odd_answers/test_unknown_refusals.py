"""Exact refuses one order's write again and again, in words that no table knows."""

from typing import Any

import pytest

from local.office import FIRM, Office
from local.simulation import Response
from ml_connector.doors.circuit import EXACT
from tests.odd_answers.hostile import Refuser, page, refusal

_IN_USE = "Boekstuknummer in gebruik"
_CAUSE_SOUGHT = "Er is een probleem opgetreden. De oorzaak wordt zo spoedig mogelijk onderzocht."
_TRUNCATED = "String or binary data would be truncated."

ANSWERS: dict[str, tuple[Response, str]] = {
    "a business refusal": (refusal(500, _IN_USE), _IN_USE),
    "a general apology": (refusal(500, _CAUSE_SOUGHT), _CAUSE_SOUGHT),
    "a database's own words": (refusal(500, _TRUNCATED), _TRUNCATED),
    "500 without a word": (Response(500), ""),
    "408 without a word": (Response(408), ""),
    "a gateway's page": (page(502, "Bad gateway"), ""),
}
"""What Exact answers, and its own words in it."""

_MOST_WRITES = 12
_fails = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a write refused in unknown words is sent again every two minutes, with no exception",
)


def refused(office: Office, response: Response, write: str) -> tuple[dict[str, Any], Refuser]:
    """Return an order whose first write (or its change) has just been refused, and by whom."""
    office.connect()
    order = office.order("PO-1")
    if write == "change":
        office.post(order)
        order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
        office.clock.move(60)
    refuser = Refuser(office, response)
    office.post(order)
    if len(refuser.times) != 1:
        raise RuntimeError("the write was not met")
    return order, refuser


@_fails
@pytest.mark.parametrize("write", ["new order", "change"])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_same_refusal_is_met_less_and_less_often_and_told(
    office: Office, name: str, write: str
) -> None:
    response, words = ANSWERS[name]
    order, refuser = refused(office, response, write)
    for _ in range(18):
        office.wait(minutes=10)
    writes = len(refuser.times)
    assert writes <= _MOST_WRITES, "in three hours"
    causes = [problem["cause"] for problem in office.record(order).problems]
    assert causes, "no exception is open"
    assert any(words in cause for cause in causes), "Exact's own words"


@_fails
@pytest.mark.parametrize("write", ["new order", "change"])
def test_the_third_equal_answer_is_an_exception(office: Office, write: str) -> None:
    order, refuser = refused(office, refusal(500, _IN_USE), write)
    for _ in range(36):
        if office.codes(order):
            break
        office.wait(minutes=5)
    assert office.codes(order), "no exception is open"
    assert len(refuser.times) == 3


@pytest.mark.parametrize("name", ANSWERS)
def test_other_orders_are_posted_meanwhile(office: Office, name: str) -> None:
    refused(office, ANSWERS[name][0], "new order")
    for _ in range(10):
        office.wait(minutes=2)
    assert office.post(office.order("PO-2")).state == "posted"
    assert not office.doors.circuit(FIRM, EXACT).outage().is_open


def test_once_exact_takes_it_the_order_is_there_once(office: Office) -> None:
    order, refuser = refused(office, refusal(500, _IN_USE), "new order")
    for _ in range(10):
        office.wait(minutes=2)
    refuser.is_on = False
    office.wait(hours=25)
    office.wait(minutes=3)
    office.ask(order)
    office.wait(minutes=3)
    assert (office.record(order).state, office.codes(order)) == ("posted", [])
    assert [each["YourRef"] for each in office.in_exact()] == ["PO-1"]
