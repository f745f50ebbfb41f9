"""Exact keeps refusing the write of one order, with an unknown error text."""

from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.infrastructure.halts import Halts
from tests.odd_answers.hostile import Refuser, answer_by, asks_for, page, refusal
from tests.site import SITE

_IN_USE = "Boekstuknummer in gebruik"
_CAUSE_SOUGHT = "Er is een probleem opgetreden. De oorzaak wordt zo spoedig mogelijk onderzocht."
_TRUNCATED = "String or binary data would be truncated."

ANSWERS: dict[str, tuple[Response, str]] = {
    "a business refusal": (refusal(500, _IN_USE), _IN_USE),
    "a general apology": (refusal(500, _CAUSE_SOUGHT), _CAUSE_SOUGHT),
    "a database error": (refusal(500, _TRUNCATED), _TRUNCATED),
    "500 without a body": (Response(500), ""),
    "408 without a body": (Response(408), ""),
    "an error page": (page(502, "Bad gateway"), ""),
}
"""Exact's answer, and its error text."""

_MOST_WRITES = 12


def refused(
    env: InMemoryEnvironment, response: Response, write: str
) -> tuple[dict[str, Any], Refuser]:
    """Return an order whose first write or change was just refused, and the refuser."""
    env.connect()
    order = env.order("PO-1")
    if write == "change":
        env.post(order)
        order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
        env.clock.move(60)
    refuser = Refuser(env, response)
    env.post(order)
    if len(refuser.times) != 1:
        raise RuntimeError("the write was not refused once")
    return order, refuser


@pytest.mark.parametrize("write", ["new order", "change"])
@pytest.mark.parametrize("name", ANSWERS)
def test_a_repeated_refusal_is_retried_less_often_and_is_an_exception(
    env: InMemoryEnvironment, name: str, write: str
) -> None:
    response, text = ANSWERS[name]
    order, refuser = refused(env, response, write)
    for _ in range(18):
        env.wait(minutes=10)
    writes = len(refuser.times)
    assert writes <= _MOST_WRITES, "in three hours"
    causes = [problem.cause for problem in env.record(order).problems]
    assert causes, "no exception is open"
    assert any(text in cause for cause in causes), "Exact's own text"


@pytest.mark.parametrize("write", ["new order", "change"])
def test_the_third_identical_answer_is_an_exception(env: InMemoryEnvironment, write: str) -> None:
    order, refuser = refused(env, refusal(500, _IN_USE), write)
    for _ in range(36):
        if env.codes(order):
            break
        env.wait(minutes=5)
    assert env.codes(order), "no exception is open"
    assert len(refuser.times) == 3


@pytest.mark.parametrize("name", ANSWERS)
def test_other_orders_are_posted_meanwhile(env: InMemoryEnvironment, name: str) -> None:
    refused(env, ANSWERS[name][0], "new order")
    for _ in range(10):
        env.wait(minutes=2)
    assert env.post(env.order("PO-2")).state == "posted"
    assert not env.services_of().exact_at(SITE).circuit_breaker.outage().is_open


def test_once_exact_accepts_it_the_order_is_posted_once(env: InMemoryEnvironment) -> None:
    order, refuser = refused(env, refusal(500, _IN_USE), "new order")
    for _ in range(10):
        env.wait(minutes=2)
    refuser.is_on = False
    env.wait(hours=25)
    env.wait(minutes=3)
    env.retry(order)
    env.wait(minutes=3)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]


@pytest.mark.parametrize("write", ["new order", "change"])
def test_then_it_is_tried_once_a_day_within_twelve_calls(
    env: InMemoryEnvironment, write: str
) -> None:
    order, refuser = refused(env, refusal(500, _IN_USE), write)
    for _ in range(12):
        env.wait(minutes=10)
    assert len(refuser.times) == 3
    calls = len(env.exact.calls) + len(refuser.times)
    for _ in range(50):
        env.wait(hours=1)
    assert len(refuser.times) == 5, "two more in fifty hours"
    about_it = [call for call in env.exact.calls[calls:] if "PurchaseOrder" in call.path]
    read = [call for call in about_it if "sync" not in call.path]
    assert len(read) + 2 <= 2 * _MOST_WRITES
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]


def test_numbers_and_ids_in_the_text_make_no_other_answer(env: InMemoryEnvironment) -> None:
    order, refuser = refused(env, refusal(500, "Entry 1 of 2026-11-23 is locked"), "new order")
    for number in range(2, 30):
        refuser.response = refusal(500, f"Entry {number} of 2026-12-{number} is locked")
        env.wait(minutes=10)
    assert len(refuser.times) == 3
    assert "is locked" in env.record(order).problems[0].cause


def test_five_different_answers_in_a_day_count_as_equal(env: InMemoryEnvironment) -> None:
    order, refuser = refused(env, refusal(500, "Reason a"), "new order")
    for letter in "bcdefghijklmnopqrst":
        refuser.response = refusal(500, f"Reason {letter}")
        env.wait(minutes=10)
    assert len(refuser.times) == 5
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]


def test_a_change_in_airbase_is_tried_at_once(env: InMemoryEnvironment) -> None:
    order, refuser = refused(env, refusal(500, _IN_USE), "new order")
    for _ in range(12):
        env.wait(minutes=10)
    refuser.is_on = False
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    env.clock.move(60)
    env.post(order)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


def test_a_person_may_ask_for_it_but_not_without_end(env: InMemoryEnvironment) -> None:
    order, refuser = refused(env, refusal(500, _IN_USE), "new order")
    for _ in range(12):
        env.wait(minutes=10)
    for _ in range(10):
        env.retry(order)
        env.wait(minutes=3)
    assert len(refuser.times) == 5
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]
    refuser.is_on = False
    env.wait(hours=25)
    assert env.record(order).state == "posted"
    assert env.record(order).facts.refusals == ()


def test_so_is_the_creation_of_an_item(env: InMemoryEnvironment) -> None:
    env.exact.add_gl_account(NL.division, "4700", "Research")
    env.connect(**env.config(create_items=True, item_unit="pc"))
    tried: list[Request] = []

    def refuse_items(request: Request) -> Response | None:
        if request.method != "POST" or not asks_for(request, "logistics/Items"):
            return None
        tried.append(request)
        return refusal(500, _IN_USE)

    answer_by(env, refuse_items)
    order = env.order("PO-1", lines=[env.airbase.line("4700", "10.00")])
    env.post(order)
    for _ in range(50):
        env.wait(minutes=10)
    assert len(tried) == 3
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]
    assert env.in_exact() == []


# ---------------------------------------------------------------- put off without end

PUT_OFF = {
    "401 for writes alone": Response(401),
    "429 without headers": Response(429),
    "a limit, in words": refusal(400, "Rate limit exceeded"),
}


@pytest.mark.parametrize("write", ["new order", "change"])
@pytest.mark.parametrize("name", PUT_OFF)
def test_a_write_that_is_always_put_off_is_an_exception_within_twelve_writes_a_day(
    env: InMemoryEnvironment, name: str, write: str
) -> None:
    order, refuser = refused(env, PUT_OFF[name], write)
    for _ in range(12 * 6):
        env.wait(minutes=10)
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]
    assert len(refuser.times) <= _MOST_WRITES
    assert Halts(env.services.ledger_of(FIRM)).all() == {}
    refuser.is_on = False
    env.retry(order)
    env.wait(minutes=3)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]


def test_an_order_that_was_put_off_twice_is_posted_within_half_an_hour(
    env: InMemoryEnvironment,
) -> None:
    order, refuser = refused(env, Response(429), "new order")
    env.wait(minutes=2)
    refuser.is_on = False
    for _ in range(3):
        env.wait(minutes=10)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


def test_a_limit_that_exact_names_is_waited_for_and_never_an_exception(
    env: InMemoryEnvironment,
) -> None:
    """Another program may use up the calls of every minute; the server says until when."""
    used_up = {"X-RateLimit-Minutely-Limit": "60", "X-RateLimit-Minutely-Remaining": "0"}
    order, refuser = refused(env, Response(429, used_up), "new order")
    for _ in range(12):
        env.wait(minutes=2)
    assert len(refuser.times) > 6
    assert env.codes(order) == []
    refuser.is_on = False
    env.wait(minutes=2)
    assert env.record(order).state == "posted"
