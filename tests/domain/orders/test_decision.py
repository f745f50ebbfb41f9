"""The decision about a posted order is right for every state of both sides."""

from dataclasses import replace
from decimal import Decimal
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.decision import (
    Action,
    Decision,
    WantedOrder,
    WhenCancelled,
    WhenClosed,
    decide,
)
from ml_connector.domain.orders.diff import Body
from ml_connector.domain.orders.edits import drift
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.states import ApprovalState
from tests.domain.orders.exact_model import a_body, a_found, apply

Case = tuple[WantedOrder, Body, ExactOrder | None]


@st.composite
def a_case(draw: st.DrawFn) -> Case:
    last_written = draw(a_body)
    target = draw(st.none() | st.just(last_written) | a_body)
    wanted = WantedOrder(
        state=draw(st.sampled_from(ApprovalState)),
        body=target,
        is_under_way=draw(st.booleans()),
        may_repost=draw(st.booleans()),
        last_written_amount=draw(st.none() | st.sampled_from([Decimal(1), Decimal("33.33")])),
        when_cancelled=draw(st.sampled_from(get_args(WhenCancelled))),
        when_closed=draw(st.sampled_from(get_args(WhenClosed))),
    )
    return wanted, last_written, draw(st.none() | a_found(last_written, target or last_written))


def _check(case: Case, decision: Decision) -> None:
    wanted, last_written, found = case
    assert decision.action in get_args(Action)
    assert (decision.action == "report") == bool(decision.code)
    if found is None:
        assert decision.action in {"end", "repost", "report"}
        return
    assert decision.action != "repost", "it is there"
    if decision.action in {"amend", "remove"}:
        assert not found.is_touched, "received or invoiced: nothing is overwritten"
        assert not found.is_cancelled
        assert wanted.is_under_way or not drift(last_written, wanted.last_written_amount, found), (
            "drift stays"
        )
    if decision.action == "amend":
        assert decision.edits
        assert apply(decision.edits, found).lines, "an order keeps a line"


@given(a_case())
def test_a_decision_is_always_made_and_overwrites_no_work_of_others(case: Case) -> None:
    _check(case, decide(*case))


@given(a_case())
def test_it_depends_on_the_two_sides_alone(case: Case) -> None:
    assert decide(*case) == decide(*case)


@given(a_case())
def test_what_was_amended_is_then_kept(case: Case) -> None:
    wanted, last_written, found = case
    decision = decide(wanted, last_written, found)
    if decision.action != "amend" or found is None or decision.edits is None:
        return
    after = replace(apply(decision.edits, found), amount=found.amount)
    settled = replace(wanted, is_under_way=False, last_written_amount=after.amount)
    assert decide(settled, wanted.body or last_written, after).action == "keep"


@given(a_case())
def test_only_airbase_can_have_an_order_removed(case: Case) -> None:
    wanted, _, _ = case
    if decide(*case).action == "remove":
        policies = {
            ApprovalState.CANCELLED: wanted.when_cancelled,
            ApprovalState.CLOSED: wanted.when_closed,
        }
        assert policies[wanted.state] == "delete"


def test_a_change_of_ours_that_is_half_written_is_finished_and_not_reported() -> None:
    """The header was written, the lines were not; nobody else changed the order."""
    line = {"Item": "item", "QuantityInPurchaseUnits": 1, "UnitPrice": 100}
    last_written = {"Supplier": "old", "PurchaseOrderLines": [line]}
    target = {"Supplier": "new", "PurchaseOrderLines": [{**line, "UnitPrice": 150}]}
    there = ExactLine(Guid("line"), 1, Guid("item"), Decimal(1), Decimal(100))
    found = ExactOrder(Guid("order"), "1", Guid("new"), "EUR", None, None, lines=(there,))
    under_way = WantedOrder(ApprovalState.APPROVED, target, is_under_way=True)
    assert decide(under_way, last_written, found).action == "amend"
    by_others = replace(under_way, is_under_way=False)
    assert decide(by_others, last_written, found).code == "CHANGED_IN_BOTH"
