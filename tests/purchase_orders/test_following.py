"""What becomes of a posted order is decided for every state of both sides, and never wrongly."""

from dataclasses import replace
from decimal import Decimal
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from ml_connector.purchase_orders.amendment import drift
from ml_connector.purchase_orders.comparison import Body
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.following import (
    Act,
    Decision,
    WhenCancelled,
    WhenClosed,
    Wish,
    decide,
)
from ml_connector.words import State
from tests.purchase_orders.exact_model import a_body, a_found, apply

Case = tuple[Wish, Body, ExactOrder | None]


@st.composite
def a_case(draw: st.DrawFn) -> Case:
    held = draw(a_body)
    target = draw(st.none() | st.just(held) | a_body)
    wish = Wish(
        state=draw(st.sampled_from(State)),
        body=target,
        is_under_way=draw(st.booleans()),
        is_asked=draw(st.booleans()),
        held_amount=draw(st.none() | st.sampled_from([Decimal(1), Decimal("33.33")])),
        when_cancelled=draw(st.sampled_from(get_args(WhenCancelled))),
        when_closed=draw(st.sampled_from(get_args(WhenClosed))),
    )
    return wish, held, draw(st.none() | a_found(held, target or held))


def _check(case: Case, decision: Decision) -> None:
    wish, held, found = case
    assert decision.act in get_args(Act)
    assert (decision.act == "report") == bool(decision.code)
    if found is None:
        assert decision.act in {"end", "repost", "report"}
        return
    assert decision.act != "repost", "it is there"
    if decision.act in {"amend", "remove"}:
        assert not found.is_touched, "received or invoiced: nothing is overwritten"
        assert not found.is_cancelled
        assert wish.is_under_way or not drift(held, wish.held_amount, found), "drift stays"
    if decision.act == "amend":
        assert decision.edits
        assert apply(decision.edits, found).lines, "an order keeps a line"


@given(a_case())
def test_a_decision_is_always_made_and_overwrites_nobodys_work(case: Case) -> None:
    _check(case, decide(*case))


@given(a_case())
def test_it_depends_on_the_two_sides_alone(case: Case) -> None:
    assert decide(*case) == decide(*case)


@given(a_case())
def test_what_was_amended_is_then_kept(case: Case) -> None:
    wish, held, found = case
    decision = decide(wish, held, found)
    if decision.act != "amend" or found is None or decision.edits is None:
        return
    after = replace(apply(decision.edits, found), amount=found.amount)
    settled = replace(wish, is_under_way=False, held_amount=after.amount)
    assert decide(settled, wish.body or held, after).act == "keep"


@given(a_case())
def test_only_the_word_of_airbase_removes_an_order(case: Case) -> None:
    wish, _, _ = case
    if decide(*case).act == "remove":
        policies = {State.CANCELLED: wish.when_cancelled, State.CLOSED: wish.when_closed}
        assert policies[wish.state] == "delete"
