"""Facts survive storage, and an order only goes where its state allows."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Actor, Division, Guid
from ml_connector.domain.records import (
    ORDER_TRANSITIONS,
    BegunChange,
    ConnectionFacts,
    ExactReference,
    Facts,
    HaltProblem,
    IllegalTransitionError,
    Intent,
    LiftedHalt,
    Note,
    OrderFacts,
    OrderState,
    VendorDivision,
    VendorFacts,
    Waiting,
    check_transition,
    posted_facts,
)
from ml_connector.infrastructure.record_codec import NewerDataError, changed, decode, encode

AT = datetime(2026, 11, 29, 12, 30, 15, 250_000, tzinfo=UTC)
FOUND = problem("EXACT_REFUSED", "PO-1", candidates=[{"id": "1"}], evidence={"status": 500})
BODY = {"YourRef": "PO-1", "PurchaseOrderLines": [{"UnitPrice": 0.25}]}

_amounts = st.decimals(allow_nan=False, allow_infinity=False, places=4)
_moments = st.datetimes(timezones=st.just(UTC))
_intents = st.builds(
    Intent, st.just(Division("nl.2101")), st.text(), st.integers(0, 2**53), _moments, _amounts
)
_orders = st.builds(
    OrderFacts,
    title=st.text(),
    problems=st.lists(st.just(FOUND), max_size=2).map(tuple),
    dismissed=st.dictionaries(st.text(), st.just(Note("known", Actor("a"), AT)), max_size=1),
    waiting=st.none() | st.builds(Waiting, st.text(), st.integers(1, 9)),
    events=st.lists(st.text(), max_size=3).map(tuple),
    division=st.none() | st.just(Division("nl.2101")),
    intent=st.none() | _intents,
    body=st.none() | st.just(BODY),
    exact=st.none() | st.builds(ExactReference, st.just(Guid("g")), st.integers(), _amounts),
    change=st.none() | st.just(BegunChange("amendment", AT, BODY)),
    is_changed_in_exact=st.booleans(),
    aside_from=st.none() | st.sampled_from(OrderState),
)


@given(_orders)
def test_an_orders_facts_are_read_as_written(facts: OrderFacts) -> None:
    assert decode(encode(facts), OrderFacts) == facts


@pytest.mark.parametrize(
    "facts",
    [
        ConnectionFacts(
            halts={"": HaltProblem(**vars(FOUND), times=2)},
            lifted={"101": LiftedHalt("NOT_CONNECTED", AT)},
            looks_first_until=AT,
        ),
        VendorFacts(divisions={"101": VendorDivision(agreed={"vendor": "V"}, problem=FOUND)}),
    ],
    ids=lambda facts: type(facts).__name__,
)
def test_other_facts_are_read_as_written(facts: Facts) -> None:
    assert decode(encode(facts), type(facts)) == facts


def test_facts_at_their_default_are_not_stored() -> None:
    assert encode(OrderFacts()) == {}
    assert encode(OrderFacts(is_changed_in_exact=True)) == {"look": True}


def test_what_earlier_versions_stored_is_read() -> None:
    stored: dict[str, Any] = {
        "events": [], "waiting": None, "look": None, "exact": None,
        "opened_at": {"d": "2026-11-23T10:00:00+00:00"},
        "intent": {
            "division": 101, "your_ref": "PO-1", "cursor": 7, "at": "2026-11-23T10:00:00+00:00",
            "digest": "d", "amount": "12.50",
        },
    }  # fmt: skip
    facts = decode(stored, OrderFacts)
    assert facts.intent
    assert (facts.intent.amount, facts.intent.at.tzinfo) == (Decimal("12.50"), UTC)
    assert facts.opened_at["d"] == datetime(2026, 11, 23, 10, tzinfo=UTC)
    assert facts.is_changed_in_exact is False


def test_a_fact_of_a_newer_version_is_refused() -> None:
    with pytest.raises(NewerDataError, match="it does not know invented"):
        decode({"title": "PO-1", "invented": 1}, OrderFacts)


def test_a_value_that_only_a_newer_version_has_is_refused() -> None:
    change = {"what": "invented", "at": "2026-11-29T12:00:00Z", "body": {}}
    with pytest.raises(NewerDataError, match="invented"):
        decode({"change": change}, OrderFacts)


def test_changes_name_what_differs() -> None:
    before = OrderFacts(title="PO-1", waiting=Waiting("HALTED"))
    after = replace(before, waiting=None, is_pending=True)
    assert changed(before, after) == {"is_pending": True, "waiting": None}
    assert changed(after, after) == {}


@pytest.mark.parametrize(("before", "after"), list(product(OrderState, repeat=2)))
def test_an_order_goes_only_where_the_table_says(before: OrderState, after: OrderState) -> None:
    if before == after or after in ORDER_TRANSITIONS[before]:
        check_transition(before, after)
    else:
        with pytest.raises(IllegalTransitionError, match=f"{before} cannot become {after}"):
            check_transition(before, after)


def test_nothing_is_posted_without_an_intent() -> None:
    direct = {state for state, after in ORDER_TRANSITIONS.items() if OrderState.POSTED in after}
    unwanted = ORDER_TRANSITIONS[OrderState.CLOSED] - {OrderState.RECEIVED, OrderState.POSTING}
    by_hand_or_again = {OrderState.REVIEW, OrderState.AMENDING} | unwanted
    assert OrderState.POSTING in direct
    assert direct - {OrderState.POSTING} <= by_hand_or_again
    assert OrderState.NEW not in set().union(*ORDER_TRANSITIONS.values())


@pytest.mark.parametrize("before", list(OrderState))
def test_a_person_may_adopt_what_was_never_sent(before: OrderState) -> None:
    may_be = {OrderState.NEW, OrderState.RECEIVED, OrderState.POSTED}
    if before in may_be or OrderState.POSTED in ORDER_TRANSITIONS[before]:
        check_transition(before, OrderState.POSTED, is_adopted=True)
    else:
        with pytest.raises(IllegalTransitionError, match=f"{before} cannot become posted"):
            check_transition(before, OrderState.POSTED, is_adopted=True)
    if before is OrderState.NEW:
        with pytest.raises(IllegalTransitionError, match="new cannot become posted"):
            check_transition(before, OrderState.POSTED)


def test_an_order_that_was_not_posted_has_no_posted_facts() -> None:
    with pytest.raises(ValueError, match="PO-1 is not in Exact"):
        posted_facts(OrderFacts(title="PO-1"))


def test_every_kind_of_facts_has_a_default_for_each_field() -> None:
    kinds: list[Any] = [OrderFacts, VendorFacts, ConnectionFacts]
    assert all(
        kind() == kind(**{f.name: getattr(kind(), f.name) for f in fields(kind)}) for kind in kinds
    )


def test_the_same_problem_has_the_same_digest_when_read_back() -> None:
    stored = encode(OrderFacts(problems=(FOUND,)))
    (found,) = decode(stored, OrderFacts).problems
    assert (found, found.digest) == (FOUND, FOUND.digest)
    assert isinstance(found, Problem)
