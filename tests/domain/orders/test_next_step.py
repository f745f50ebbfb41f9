"""The next step of an order, decided from values alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.exception_codes import delay
from ml_connector.domain.faults import Later, Problem
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.orders.exact_order import CANCELLED, PARTIAL, ExactHeader, ExactOrder
from ml_connector.domain.orders.next_step import next_step
from ml_connector.domain.orders.order import Order, Reference
from ml_connector.domain.orders.outcome import with_approved
from ml_connector.domain.orders.questions import (
    AirbaseOrder,
    AnyQuestion,
    ConnectionStanding,
    HasUsableData,
    Known,
    Lookup,
    MarkedOrders,
    OrderInExact,
    OrdersNear,
    OriginOf,
    Outcome,
    Standing,
    StreamPosition,
    TurnAtExact,
    WaitForExact,
)
from ml_connector.domain.orders.reference_data import GLAccount
from ml_connector.domain.orders.steps import (
    Adopt,
    Amend,
    Create,
    LeaveAside,
    Move,
    Post,
    Read,
    Refuse,
    Remove,
    Rest,
    Step,
    Wait,
)
from ml_connector.domain.records import (
    SETTLE,
    BegunChange,
    ExactReference,
    Intent,
    OrderFacts,
    OrderState,
)
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.settings.connection import Connection
from tests.domain.orders.builders import (
    ITEM,
    SUPPLIER_ID,
    DictDivisionData,
    another_guid,
    any_connection,
    any_division,
    any_line,
    any_order,
)
from tests.domain.orders.exact_model import ORDER_ID, as_posted

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DIVISION = Division("nl.101")
POSITION = 77
ORDER = any_order()
WORKS = ConnectionStanding()
HEADER = ExactHeader(ORDER_ID, 26000001, Decimal("121.00"), Decimal("100.00"))


@dataclass
class World:
    """What would be read: the simplest order, which nothing keeps from being posted."""

    order: Order = ORDER
    standing: ConnectionStanding = WORKS
    wait: Later | None = None
    turn: Later | None = None
    is_usable: bool = True
    data: DictDivisionData = field(default_factory=DictDivisionData)
    outcome: tuple[ExactHeader, ...] = ()
    marked: tuple[ExactOrder, ...] = ()
    near: tuple[ExactOrder, ...] = ()
    origin: OrderId | None = None
    found: ExactOrder | None = None

    def answer(self, question: AnyQuestion) -> Any:
        match question:
            case Lookup(_, what, arguments):
                return getattr(self.data, what)(*arguments)
            case _:
                return {
                    Standing: self.standing,
                    WaitForExact: self.wait,
                    TurnAtExact: self.turn,
                    AirbaseOrder: self.order,
                    Outcome: self.outcome,
                    HasUsableData: self.is_usable,
                    OrderInExact: self.found,
                    MarkedOrders: self.marked,
                    OrdersNear: self.near,
                    OriginOf: self.origin,
                    StreamPosition: POSITION,
                }[type(question)]


def known(facts: OrderFacts | None = None, **more: Any) -> Known:
    """Return what is known at first of an order that has just been received."""
    given_values: dict[str, Any] = {
        "now": NOW,
        "connection": any_connection(),
        "id": ORDER.id,
        "state": OrderState.RECEIVED,
        "facts": facts or OrderFacts(),
    }
    return Known(**{**given_values, **more})


def decided(start: Known, world: World) -> tuple[Step, Known]:
    """Return the first step that is no reading, and what is known by then."""
    now_known = start
    while isinstance(step := next_step(now_known), Read):
        assert not set(step.questions) & set(now_known.answers), "asked again"
        now_known = now_known.told({each: world.answer(each) for each in step.questions})
    return step, now_known


def step_of(start: Known, world: World | None = None) -> Step:
    return decided(start, world or World())[0]


def fetched(order: Order = ORDER) -> OrderFacts:
    return replace(with_approved(OrderFacts(), order), division=DIVISION)


def codes(step: Step) -> list[str]:
    assert isinstance(step, Refuse), step
    return [each.code for each in step.problems]


def body_of(order: Order = ORDER, connection: Connection | None = None) -> Mapping[str, Any]:
    """Return what is posted of the order."""
    start = known(fetched(order), connection=connection or any_connection())
    step = step_of(start, World(order=order))
    assert isinstance(step, Post), step
    return step.body


def posted(order: Order = ORDER, **more: Any) -> OrderFacts:
    """Return the facts of an order that is in Exact as `order` was approved."""
    exact = ExactReference(ORDER_ID, 26000001, Decimal("121.00"))
    facts = replace(fetched(order), exact=exact, body=body_of(order), posted_at=NOW)
    return replace(facts, **more)


def in_exact(order: Order = ORDER, **more: Any) -> ExactOrder:
    amounts = {"amount": Decimal("121.00"), "amount_without_vat": order.total.amount}
    return replace(as_posted(body_of(order)), **{**amounts, **more})


DEARER = any_order(
    lines=(any_line(amount=Decimal("110.00"), unit_price=Decimal("110.00")),), revision="2"
)


class TestBeforeAnythingIsRead:
    def test_the_first_question_is_whether_the_connection_works(self) -> None:
        assert next_step(known()) == Read((Standing(),))

    def test_an_order_that_was_set_aside_is_left(self) -> None:
        assert next_step(known(state=OrderState.SET_ASIDE)) == LeaveAside()

    def test_a_halted_connection_waits_before_airbase_is_asked(self) -> None:
        halted = ConnectionStanding(frozenset({""}))
        step, then = decided(known(), World(standing=halted))
        assert isinstance(step, Wait)
        assert (step.later.code, step.because) == ("HALTED", Standing())
        assert set(then.answers) == {Standing()}

    def test_so_does_an_order_whose_division_cannot_be_called(self) -> None:
        away = delay("EXACT_AWAY", NOW + timedelta(minutes=1))
        step, then = decided(known(fetched()), World(wait=away))
        assert step == Wait(away, WaitForExact(DIVISION))
        assert AirbaseOrder() not in then.answers

    def test_a_halted_division_stops_its_orders_alone(self) -> None:
        step = step_of(known(fetched()), World(standing=ConnectionStanding(frozenset({"nl.101"}))))
        assert isinstance(step, Wait)
        assert "101" in step.later.cause
        other = World(standing=ConnectionStanding(frozenset({"nl.102"})))
        assert isinstance(step_of(known(fetched()), other), Post)


class TestAnOrderThatIsNotInExact:
    def test_what_was_fetched_is_recorded_first(self) -> None:
        assert step_of(known()) == Move(OrderState.RECEIVED, "fetched", fetched())

    def test_mappings_in_rows_are_asked_together_and_alone(self) -> None:
        stored = any_division(mappings={"supplier_rows": ["a"], "other_rows": ["b"]})
        account = GLAccount(Guid("acc-9"), "4999", "Mapped")
        item = replace(ITEM, id=Guid("item-9"), gl_costs=account.id)
        data = DictDivisionData(
            gl_accounts=[account],
            items=[item],
            mappings={("gl_accounts", ORDER.lines[0].gl_account.keys[-1]): "4999"},
        )
        start = known(fetched(), connection=any_connection(stored))
        step, then = decided(start, World(data=data))
        assert isinstance(step, Post)
        assert step.body["PurchaseOrderLines"][0]["Item"] == item.id
        asked = [each for each in then.answers if isinstance(each, Lookup)]
        kinds = {each.arguments[0] for each in asked if each.what == "mapped"}
        assert {"suppliers", "gl_accounts", "items"} <= kinds
        first = next(each for each in asked if each.what != "mapped")
        assert asked.index(first) >= 2, "mappings first: then one reading answers all of them"

    def test_it_is_posted_with_what_finds_it_again(self) -> None:
        step = step_of(known(fetched()))
        assert isinstance(step, Post)
        intent = step.intent
        assert (intent.division, intent.your_ref, intent.cursor) == (DIVISION, "PO-1", POSITION)
        assert (intent.at, intent.amount) == (NOW, Decimal("100.00"))
        assert step.body["Supplier"] == SUPPLIER_ID
        assert step.body["Remarks"].startswith("Airbase PO-1 [airbase ")

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"state": ApprovalState.PENDING}, OrderState.AWAITING_APPROVAL),
            ({"state": ApprovalState.DENIED}, OrderState.DENIED),
            ({"state": ApprovalState.CANCELLED}, OrderState.CANCELLED),
            ({"state": ApprovalState.CLOSED}, OrderState.CLOSED),
            ({"state": ApprovalState.ARCHIVED}, OrderState.ARCHIVED),
            ({"outcome": RequestOutcome.OTHER}, OrderState.NOT_AN_ORDER),
        ],
    )
    def test_what_is_not_wanted_rests(self, changes: Mapping[str, Any], state: OrderState) -> None:
        step, then = decided(known(), World(order=any_order(**changes)))
        assert step == Move(state, state, OrderFacts(order="PO-1"), is_last=True)
        assert set(then.answers) == {Standing(), AirbaseOrder()}

    def test_everything_that_is_wrong_is_refused_at_once(self) -> None:
        step = step_of(known(fetched()), World(data=DictDivisionData(links={}, gl_accounts=())))
        assert codes(step) == ["UNKNOWN_VENDOR", "UNKNOWN_GL_ACCOUNT"]

    def test_a_subsidiary_that_no_division_serves_is_refused(self) -> None:
        elsewhere = any_order(subsidiary=Reference("sub-fr", "FR01", "Firm FR"))
        assert codes(step_of(known(), World(order=elsewhere))) == ["UNKNOWN_SUBSIDIARY"]

    def test_what_may_have_changed_while_airbase_was_called_is_asked_again(self) -> None:
        """A halt, a restore: neither may be missed because the order was fetched meanwhile."""
        _, then = decided(known(fetched()), World())
        assert {Standing(), Standing(is_fetched=True)} <= set(then.answers)
        halted = then.told({Standing(is_fetched=True): ConnectionStanding(frozenset({""}))})
        assert isinstance(next_step(halted), Wait)
        restored = then.told({Standing(is_fetched=True): ConnectionStanding(looks_first=True)})
        assert isinstance(next_step(restored), Read)

    def test_all_but_airbases_order_is_asked_again_after_something_was_created(self) -> None:
        _, then = decided(known(fetched()), World())
        assert set(then.having_created(["item"]).answers) == {AirbaseOrder()}

    def test_old_reference_data_are_waited_for(self) -> None:
        step = step_of(known(fetched()), World(is_usable=False))
        assert isinstance(step, Wait)
        assert (step.later.code, step.because) == ("REFERENCE_DATA_OLD", None)

    def test_a_carrier_item_is_created_first(self) -> None:
        connection = any_connection(any_division(create_items=True))
        without = World(data=DictDivisionData(items=()))
        step, then = decided(known(fetched(), connection=connection), without)
        assert isinstance(step, Create)
        assert [each.name for each in step.missing] == ["item for GL account 4406"]
        after = then.having_created([each.name for each in step.missing])
        assert isinstance(step_of(after, World()), Post)
        assert codes(step_of(after, without)) == ["CREATED_ITEM_UNUSABLE"], "not created for ever"

    def test_the_link_of_a_created_item_is_next(self) -> None:
        connection = any_connection(any_division(create_items=True, link_supplier_items=True))
        start = known(fetched(), connection=connection, created=frozenset({"item for 4406"}))
        step = step_of(start)
        assert isinstance(step, Create)
        linked = World(data=DictDivisionData(supplied={(ITEM.id, SUPPLIER_ID)}))
        assert isinstance(step_of(start, linked), Post)

    def test_one_of_ours_that_the_ledger_has_lost_is_adopted(self) -> None:
        step = step_of(known(fetched()), World(marked=(in_exact(),)))
        assert isinstance(step, Adopt)
        assert (step.state, step.step) == (OrderState.AMENDING, "found_again")
        assert step.facts.exact == ExactReference(ORDER_ID, "1")
        assert step.facts.change
        assert step.facts.change.at == NOW - SETTLE, "it may be brought in line at once"

    def test_a_look_alike_is_decided_by_a_person(self) -> None:
        alike = in_exact(id=another_guid(5), number="26000005", supplier=SUPPLIER_ID, remarks="")
        step = step_of(known(fetched()), World(near=(alike,)))
        assert codes(step) == ["POSSIBLE_DUPLICATE"]
        of_another = World(near=(alike,), origin=OrderId("po-id-2"))
        assert isinstance(step_of(known(fetched()), of_another), Post)

    def test_after_a_restore_exact_is_searched_before(self) -> None:
        restored = ConnectionStanding(looks_first=True)
        step, then = decided(known(fetched()), World(standing=restored, outcome=(HEADER,)))
        assert isinstance(step, Move)
        assert (step.state, step.step) == (OrderState.POSTING, "intent")
        assert step.facts.intent
        assert step.facts.intent.cursor == 1, "all of the stream"
        after = replace(then, state=step.state, facts=step.facts)
        assert isinstance(next_step(after), Adopt), "nothing was sent: there is nothing to settle"
        assert isinstance(step_of(known(fetched()), World(standing=restored)), Post)


class TestAnOrderThatMayHaveBeenPosted:
    intent = Intent(DIVISION, "PO-1", POSITION, NOW - SETTLE, Decimal("100.00"))

    def start(self, **more: Any) -> Known:
        facts = replace(fetched(), intent=replace(self.intent, **more), body={})
        return known(facts, state=OrderState.POSTING)

    def test_it_is_left_alone_until_the_attempt_has_settled(self) -> None:
        step, then = decided(self.start(at=NOW - SETTLE + timedelta(seconds=1)), World())
        assert isinstance(step, Wait)
        assert step.later.until == NOW + timedelta(seconds=1)
        assert set(then.answers) == {Standing()}

    def test_it_is_looked_up_before_airbase_is_asked(self) -> None:
        step, then = decided(self.start(), World(outcome=(HEADER,)))
        assert isinstance(step, Adopt)
        assert (step.state, step.step) == (OrderState.POSTED, "adopted")
        assert step.facts.exact == ExactReference(ORDER_ID, 26000001, Decimal("121.00"))
        assert step.facts.posted_at == NOW
        assert set(then.answers) == {
            Standing(),
            Outcome(DIVISION, "PO-1", POSITION, self.intent.at),
        }

    def test_another_total_than_approved_is_a_problem_of_the_adopted_order(self) -> None:
        step = step_of(self.start(amount=Decimal("90.00")), World(outcome=(HEADER,)))
        assert isinstance(step, Adopt)
        assert [each.code for each in step.facts.problems] == ["POSTED_AMOUNT_DIFFERS"]

    def test_where_nothing_is_found_it_goes_on(self) -> None:
        start = self.start()
        step, then = decided(start, World())
        nothing = {"found": "nothing"}
        assert step == Move(OrderState.RECEIVED, "looked", start.facts, detail=nothing)
        assert isinstance(step_of(replace(then, state=OrderState.RECEIVED)), Post)

    def test_of_several_a_person_chooses(self) -> None:
        two = (HEADER, ExactHeader(another_guid(2), 26000002, None, None))
        assert codes(step_of(self.start(), World(outcome=two))) == ["SEVERAL_IN_EXACT"]


class TestAnOrderThatIsInExact:
    def start(self, facts: OrderFacts | None = None, **more: Any) -> Known:
        return known(facts or posted(), **{"state": OrderState.POSTED, **more})

    def test_an_unchanged_one_costs_no_call(self) -> None:
        step, then = decided(self.start(), World())
        assert step == Rest()
        assert set(then.answers) == {Standing(), AirbaseOrder()}
        due = step_of(self.start(due_at=NOW))
        assert due == Move(OrderState.POSTED, "unchanged", posted(), is_last=True)

    def test_a_change_is_written(self) -> None:
        step = step_of(self.start(), World(order=DEARER, found=in_exact()))
        assert isinstance(step, Amend)
        assert step.body["PurchaseOrderLines"][0]["UnitPrice"] == 110
        assert [str(each.field) for each in step.differences] == ["UnitPrice"]

    def test_what_was_received_is_not_overwritten(self) -> None:
        world = World(order=DEARER, found=in_exact(receipt_status=PARTIAL))
        step = step_of(self.start(), world)
        assert codes(step) == ["CHANGED_AFTER_RECEIPT"]
        assert isinstance(step, Refuse)
        assert step.first
        assert (step.first.step, step.first.facts.status["receipt"]) == ("exact_status", "partial")

    def test_a_halted_division_is_not_written_to(self) -> None:
        halted = ConnectionStanding(frozenset({"nl.101"}))
        step, then = decided(self.start(), World(order=DEARER, standing=halted))
        assert isinstance(step, Wait)
        assert not any(isinstance(each, OrderInExact) for each in then.answers)
        assert step_of(self.start(), World(standing=halted)) == Rest(), "an unchanged one rests"

    def test_a_changed_vendor_is_recorded_first(self) -> None:
        moved = any_order(vendor=Reference("ven-2", "", "Other"))
        step = step_of(self.start(), World(order=moved))
        assert isinstance(step, Move)
        assert (step.step, step.facts.vendor_id) == ("vendor_changed", "ven-2")

    def test_a_change_under_way_settles_first(self) -> None:
        change = BegunChange("amendment", NOW - timedelta(seconds=1), body_of(DEARER))
        step = step_of(
            self.start(posted(change=change), state=OrderState.AMENDING), World(order=DEARER)
        )
        assert isinstance(step, Wait)
        assert step.later.until == change.at + SETTLE

    def test_a_change_that_was_done_is_settled(self) -> None:
        change = BegunChange("amendment", NOW - SETTLE, body_of(DEARER))
        facts = posted(change=change)
        found = in_exact(DEARER, amount=Decimal("133.10"))
        step = step_of(
            self.start(facts, state=OrderState.AMENDING), World(order=DEARER, found=found)
        )
        assert isinstance(step, Move)
        assert (step.state, step.step, step.is_last) == (OrderState.POSTED, "as_approved", True)
        assert step.facts.change is None
        assert step.facts.fingerprint == DEARER.fingerprint

    def test_while_a_change_waits_for_approval_the_last_approval_counts(self) -> None:
        pending = replace(DEARER, state=ApprovalState.PENDING)
        step = step_of(self.start(), World(order=pending))
        assert isinstance(step, Move)
        assert (step.step, step.facts.is_pending) == ("approval_pending", True)
        assert step_of(self.start(posted(is_pending=True)), World(order=pending)) == Rest()

    @pytest.mark.parametrize(
        ("by_hand", "step"), [(False, "DELETED_IN_EXACT"), (True, "posted_anew")]
    )
    def test_one_that_is_gone_is_posted_anew_on_request_only(
        self, by_hand: bool, step: str
    ) -> None:
        start = self.start(posted(is_changed_in_exact=True), by_hand=by_hand)
        found = step_of(start)
        if by_hand:
            assert isinstance(found, Move)
            assert (found.state, found.step) == (OrderState.RECEIVED, step)
            assert (found.facts.exact, found.facts.removed) == (None, posted().exact)
        else:
            assert codes(found) == [step]

    @pytest.mark.parametrize("by_hand", [False, True])
    def test_another_division_waits_until_the_old_order_is_gone(self, by_hand: bool) -> None:
        connection = any_connection(
            any_division(), any_division(division=102, subsidiaries=["sub-be"])
        )
        start = self.start(posted(is_changed_in_exact=True), connection=connection, by_hand=by_hand)
        moved = any_order(subsidiary=Reference("sub-be", "", "Firm BE"))
        step = step_of(start, World(order=moved, found=in_exact()))
        assert codes(step) == ["DIVISION_CHANGED"]
        gone = step_of(start, World(order=moved))
        assert isinstance(gone, Move) if by_hand else codes(gone) == ["DIVISION_CHANGED"]

    def test_it_stays_in_its_division_when_the_settings_move_its_subsidiary(self) -> None:
        connection = any_connection(
            any_division(subsidiaries=["sub-be"]),
            any_division(division=102, subsidiaries=["sub-nl"]),
        )
        start = self.start(posted(is_changed_in_exact=True), connection=connection)
        step = step_of(start, World(found=in_exact()))
        assert isinstance(step, Move)
        assert (step.step, step.facts.division) == ("as_approved", posted().division)

    def test_its_division_was_taken_out_of_the_settings(self) -> None:
        connection = any_connection(any_division(division=102, subsidiaries=["sub-nl"]))
        start = self.start(posted(is_changed_in_exact=True), connection=connection)
        assert codes(step_of(start, World(found=in_exact()))) == ["DIVISION_TAKEN_OUT"]

    @pytest.mark.parametrize("when_cancelled", ["report", "delete"])
    def test_a_cancelled_order_is_reported_or_removed(self, when_cancelled: str) -> None:
        connection = any_connection(when_cancelled=when_cancelled)
        cancelled = any_order(state=ApprovalState.CANCELLED)
        world = World(order=cancelled, found=in_exact())
        step = step_of(self.start(connection=connection), world)
        if when_cancelled == "delete":
            assert step == Remove(cancelled)
        else:
            assert codes(step) == ["CANCELLED_AFTER_POSTING"]

    @pytest.mark.parametrize("state", [ApprovalState.CANCELLED, ApprovalState.CLOSED])
    def test_what_was_received_is_not_removed(self, state: ApprovalState) -> None:
        connection = any_connection(when_cancelled="delete", when_closed="delete")
        world = World(order=any_order(state=state), found=in_exact(receipt_status=PARTIAL))
        assert isinstance(step_of(self.start(connection=connection), world), Refuse)
        untouched = replace(world, found=in_exact())
        assert isinstance(step_of(self.start(connection=connection), untouched), Remove)

    def test_an_order_cancelled_on_both_sides_ends(self) -> None:
        cancelled = any_order(state=ApprovalState.CANCELLED)
        world = World(order=cancelled, found=in_exact(order_status=CANCELLED))
        step = step_of(self.start(), world)
        assert isinstance(step, Move)
        assert (step.state, step.step, step.is_last) == (OrderState.CANCELLED, "ended", True)

    def test_an_adopted_order_stays_as_people_entered_it(self) -> None:
        facts = posted(
            adopted_as=body_of(), body={**body_of(), "Description": "By hand"}, fingerprint=""
        )
        found = in_exact(description="By hand")
        step = step_of(self.start(facts), World(found=found))
        assert isinstance(step, Move)
        assert (step.step, step.facts.body) == ("as_approved", facts.body)


@st.composite
def a_world(draw: st.DrawFn) -> World:
    orders = [
        ORDER,
        DEARER,
        any_order(state=ApprovalState.PENDING),
        any_order(state=ApprovalState.CANCELLED),
        any_order(subsidiary=Reference("sub-fr")),
    ]
    maybe_found = st.none() | st.sampled_from([in_exact(), in_exact(DEARER)])
    return World(
        order=draw(st.sampled_from(orders)),
        standing=ConnectionStanding(
            draw(st.sets(st.sampled_from(["", "nl.101", "nl.102"])).map(frozenset)),
            draw(st.booleans()),
        ),
        wait=draw(st.none() | st.just(delay("EXACT_AWAY", NOW))),
        is_usable=draw(st.booleans()),
        data=draw(
            st.sampled_from([DictDivisionData(), DictDivisionData(links={}, gl_accounts=())])
        ),
        outcome=draw(st.sampled_from([(), (HEADER,), (HEADER, HEADER)])),
        marked=draw(maybe_found.map(lambda found: (found,) if found else ())),
        near=draw(maybe_found.map(lambda found: (found,) if found else ())),
        origin=draw(st.none() | st.just(OrderId("po-id-2"))),
        found=draw(maybe_found),
    )


@st.composite
def a_start(draw: st.DrawFn) -> Known:
    intent = Intent(DIVISION, "PO-1", POSITION, NOW - SETTLE, Decimal("100.00"))
    problem = Problem("UNKNOWN_VENDOR", "PO-1", "It is unknown.", "Link it.")
    state, facts = draw(
        st.sampled_from(
            [
                (OrderState.RECEIVED, OrderFacts()),
                (OrderState.RECEIVED, fetched()),
                (OrderState.REVIEW, replace(fetched(), problems=(problem,))),
                (OrderState.POSTING, replace(fetched(), intent=intent, body={})),
                (OrderState.POSTED, posted()),
                (OrderState.POSTED, posted(problems=(problem,))),
                (
                    OrderState.AMENDING,
                    posted(change=BegunChange("amendment", NOW - SETTLE, body_of())),
                ),
                (OrderState.CANCELLED, posted()),
            ]
        )
    )
    return known(facts, state=state, by_hand=draw(st.booleans()))


def shown(step: Step) -> object:
    """Return what of a step can be compared: of a delay, what it says."""
    return (str(step.later), step.because) if isinstance(step, Wait) else step


@given(a_start(), a_world(), st.data())
def test_to_know_more_than_was_asked_changes_no_decision(
    start: Known, world: World, data: st.DataObject
) -> None:
    """Whatever is known besides, and in which order it was read, the step is the same."""
    step, then = decided(start, world)
    asked = list(then.answers)
    first = data.draw(st.lists(st.sampled_from(asked), unique=True)) if asked else []
    some = start.told({each: then.answers[each] for each in first})
    assert shown(decided(some, world)[0]) == shown(step)
    assert shown(next_step(then)) == shown(step), "nothing else decides"


@given(a_start(), a_world())
def test_it_is_only_posted_when_nothing_like_it_is_known(start: Known, world: World) -> None:
    step, then = decided(start, world)
    if isinstance(step, Post):
        assert not (world.marked and then.facts.removed is None)
        assert not start.facts.exact
        assert world.order.is_wanted
        assert not world.standing.halts & {"", "101"}
        assert not (world.standing.looks_first and world.outcome)
        assert start.state is not OrderState.POSTING


def test_a_line_on_an_unknown_account_is_named_and_the_others_are_not() -> None:
    lines = (any_line(), any_line(number=2, gl_account=Reference("acc-2", "9999", "Unknown")))
    order = any_order(lines=lines)
    step = step_of(known(fetched(order)), World(order=order))
    assert isinstance(step, Refuse)
    assert [each.record for each in step.problems] == ["PO-1, line 2"]
