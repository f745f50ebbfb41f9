"""Which exceptions are listed: by code, age, amount and assignee, the oldest first."""

from dataclasses import replace
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import OrderId, RecordKey, VendorId
from ml_connector.exceptions import decisions as exceptions
from ml_connector.exceptions import retry as retries
from ml_connector.exceptions import showing
from ml_connector.exceptions.listing import list_open, read_filter
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION, order_key, vendor_key
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack, actors

AMOUNTS = {"PO-1": "10.00", "PO-2": "999.99", "PO-3": "1000.00"}


@pytest.fixture
def stack(env: InMemoryEnvironment) -> PersonStack:
    """Three orders in review, opened 30, 20 and 10 hours ago, and a halt just now."""
    env.connect()
    for number, amount in AMOUNTS.items():
        env.post(env.order(number, lines=[env.airbase.line("4600", amount)]))
        env.clock.move(10 * 3_600)
    Halts(env.services.ledger_of(FIRM)).stop(problem("EXACT_DIVISION_BLOCKED", "Exact division 2"))
    return PersonStack(env)


def titles(stack: PersonStack, **conditions: Any) -> list[str]:
    return [row["title"] for row in list_open(stack, FIRM, read_filter(**conditions))]


def test_the_oldest_comes_first(stack: PersonStack) -> None:
    rows = list_open(stack, None, read_filter())
    assert [row["title"] for row in rows] == [*AMOUNTS, CONNECTION]
    assert [row["stops"] for row in rows] == [None, None, None, "all"]
    assert len({row["id"] for row in rows}) == 4
    assert rows[0]["total"] == "EUR 10.00"


@pytest.mark.parametrize(
    ("conditions", "found"),
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
def test_every_condition_must_hold(
    stack: PersonStack, conditions: dict[str, Any], found: list[str]
) -> None:
    assert titles(stack, **conditions) == found


def test_exceptions_are_listed_by_assignee(env: InMemoryEnvironment, stack: PersonStack) -> None:
    exceptions.assign(stack, stack.actor, FIRM, "PO-2", " finance  team ")
    assert titles(stack, assigned_to="finance team") == ["PO-2"]
    assert titles(stack, unassigned=True) == ["PO-1", "PO-3", CONNECTION]
    env.wait(hours=25)
    assert titles(stack, assigned_to="finance team") == ["PO-2"], "a new attempt changes nothing"
    exceptions.assign(stack, stack.actor, FIRM, "PO-2", None)
    assert titles(stack, assigned_to="finance team") == []
    found = showing.show(stack.known_ledger(FIRM), "PO-2")
    assert [(e["step"], e["actor"], e["detail"]) for e in found["trail"]][-1] == (
        "unassigned",
        PERSON,
        {"assignee": None, "to": None},
    )


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"codes": ["NONSENSE"]}, "there is no code"),
        ({"older_than": "3 days"}, "--older-than '3 days' is not an age"),
        ({"newer_than": "-1d"}, "--newer-than '-1d' is not an age"),
        ({"min_amount": "a lot"}, "is not an amount"),
        ({"min_amount": "-5"}, "is not an amount"),
        ({"min_amount": "1e9"}, "is not an amount"),
        ({"assigned_to": "x", "unassigned": True}, "either --assigned-to or --unassigned"),
    ],
    ids=str,
)
def test_an_invalid_filter_is_refused(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_filter(**conditions)


def test_many_are_retried_by_the_same_filters(env: InMemoryEnvironment, stack: PersonStack) -> None:
    Halts(env.services.ledger_of(FIRM)).lift_all()
    assert retries.retry_where(stack, stack.actor, FIRM, read_filter(min_amount="500")) == [
        "PO-2",
        "PO-3",
    ]
    key = order_key(OrderId("PO-1"))
    assert env.services.ledger_of(FIRM).trail(key) == []
    conditions = [row["key"] for row in list_open(stack, FIRM, read_filter(min_amount="500"))]
    assert {actors(env, RecordKey(each))["retry_asked"] for each in conditions} == {PERSON}
    for order in conditions:
        env.clock.move(0.001)
        assert env.services.ledger_of(FIRM).read(RecordKey(order)).state == "review"
    before = len(env.airbase.calls)
    env.work()
    assert len(env.airbase.calls) > before


def test_the_connections_own_exceptions_cannot_be_retried(stack: PersonStack) -> None:
    assert (
        retries.retry_where(stack, stack.actor, FIRM, read_filter(codes=["EXACT_DIVISION_BLOCKED"]))
        == []
    )
    with pytest.raises(UserError, match="cannot be retried"):
        retries.retry(stack, stack.actor, FIRM, CONNECTION)
    with pytest.raises(UserError, match="stops the connection"):
        exceptions.dismiss(stack, stack.actor, FIRM, CONNECTION, "not needed", every=True)


def test_a_vendor_is_retried_by_its_key(env: InMemoryEnvironment, stack: PersonStack) -> None:
    key = vendor_key(VendorId("v-9"))
    record = env.services.ledger_of(FIRM).read(key)
    found = problem("LINK_BROKEN", "v-9")
    env.services.ledger_of(FIRM).write(
        record.now("review", replace(record.facts, problems=(found,))), "link_broken"
    )
    before = len(env.memory.queues.waiting)
    retries.retry(stack, stack.actor, FIRM, key)
    assert env.memory.queues.waiting[before].message.body["vendor"] == "v-9"
    exceptions.dismiss(stack, stack.actor, FIRM, key, "closed by hand")
    assert env.services.ledger_of(FIRM).read(key).state == "review", "only orders are set aside"
    assert titles(stack, codes=["LINK_BROKEN"]) == []


def test_one_exception_is_shown_with_its_details(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    lines = [env.airbase.line("4600", "10.00")]
    Halts(env.services.ledger_of(FIRM)).lift_all()
    env.wait(minutes=1)
    env.post(env.order("PO-4", lines=lines, payment_term="90"))
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-4", "agreed", ["UNKNOWN_PAYMENT_CONDITION"])
    found = showing.show(stack.known_ledger(FIRM), "PO-4")
    (shown,), (closed,) = found["exceptions"], found["dismissed"]
    assert shown["code"] == "GL_ACCOUNT_BLOCKED"
    assert str(NL.division) in shown["evidence"]["division"]
    assert (closed["reason"], closed["by"]) == ("agreed", PERSON)
    assert closed["at"] == clock.now().isoformat()
    assert [entry["step"] for entry in found["trail"]][-2:] == ["review", "dismissed"]
    assert (found["state"], found["total"]) == ("review", "EUR 10.00")


@pytest.mark.parametrize("name", ["nobody", "PO-99", "vendor#none"])
def test_a_record_that_is_not_there(stack: PersonStack, name: str) -> None:
    for act in (
        lambda: showing.show(stack.known_ledger(FIRM), name),
        lambda: exceptions.dismiss(stack, stack.actor, FIRM, name, "x"),
        lambda: exceptions.assign(stack, stack.actor, FIRM, name, "x"),
        lambda: retries.retry(stack, stack.actor, FIRM, name),
    ):
        with pytest.raises(UserError, match="has no order"):
            act()


def test_nothing_is_assigned_that_is_not_open(env: InMemoryEnvironment, stack: PersonStack) -> None:
    Halts(env.services.ledger_of(FIRM)).lift_all()
    env.wait(minutes=1)
    env.post(env.order("PO-5"))
    with pytest.raises(UserError, match="no open exception"):
        exceptions.assign(stack, stack.actor, FIRM, "PO-5", "finance")
    with pytest.raises(UserError, match="a name"):
        exceptions.assign(stack, stack.actor, FIRM, "PO-1", " ")
    with pytest.raises(UserError, match="no open exception UNKNOWN_VENDOR"):
        exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "x", ["UNKNOWN_VENDOR"])
