"""An exception keeps its age and its dismissal while it stays the same one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Actor, ConnectionId, Division, OrderId
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.domain.records import Note, OrderState
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION, AnyRecord, Ledger, order_key
from ml_connector.records.tracked_record import TrackedOrder

FIRM = ConnectionId("firm")
KEY = order_key(OrderId("po-1"))
ONE = problem("EXACT_MANDATORY", "PO-1", "quoted", text="Mandatory: Item")
TWO = problem("VENDOR_INACTIVE", "PO-1")

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(InMemoryTable("ledger"), InMemoryTable("audit"), "po_posting", FIRM)


@pytest.fixture
def tracked(ledger: Ledger) -> TrackedOrder:
    received = ledger.order(OrderId("po-1")).now(OrderState.RECEIVED)
    return TrackedOrder(ledger, ledger.write(received, "received"))


def opened(record: AnyRecord, found: Any = ONE) -> str | None:
    value = record.facts.opened_at.get(found.digest)
    return None if value is None else value.isoformat()


def dismissed(ledger: Ledger, record: AnyRecord, *found: Any) -> AnyRecord:
    notes = {each.digest: Note("known", Actor("somebody"), clock.now()) for each in found}
    return ledger.write(
        record.now(record.state, replace(record.facts, dismissed=notes)), "dismissed"
    )


def move(tracked: TrackedOrder, state: OrderState, step: str) -> None:
    tracked.step(state, step, replace(tracked.facts, problems=()))


def test_a_problem_is_identified_by_code_record_and_cause() -> None:
    same = problem(
        "EXACT_MANDATORY", "PO-1", "quoted", text="Mandatory: Item", evidence={"status": 500}
    )
    assert ONE.digest == same.digest
    others = [
        problem("EXACT_INVALID", "PO-1", "quoted", text="Mandatory: Item"),
        problem("EXACT_MANDATORY", "PO-2", "quoted", text="Mandatory: Item"),
        problem("EXACT_MANDATORY", "PO-1", "quoted", text="Mandatory: VAT"),
    ]
    assert len({each.digest for each in [ONE, *others]}) == 4


def test_a_repeated_problem_keeps_its_age(tracked: TrackedOrder, time: MovableClock) -> None:
    tracked.apply_fault(Review([ONE]))
    first = opened(tracked.record)
    assert first == clock.now().isoformat()
    time.move(3_600)
    tracked.apply_fault(Review([ONE, TWO]))
    assert opened(tracked.record) == first
    assert opened(tracked.record, TWO) == clock.now().isoformat()


def test_an_attempt_in_between_does_not_reset_its_age(
    tracked: TrackedOrder, time: MovableClock
) -> None:
    tracked.apply_fault(Review([ONE]))
    first = opened(tracked.record)
    time.move(86_400)
    move(tracked, OrderState.POSTING, "intent")
    tracked.step(OrderState.RECEIVED, "refused")
    tracked.apply_fault(Review([ONE]))
    assert opened(tracked.record) == first


def test_what_was_gone_and_comes_back_is_new(tracked: TrackedOrder, time: MovableClock) -> None:
    tracked.apply_fault(Review([ONE]))
    move(tracked, OrderState.POSTED, "posted")
    assert tracked.facts.opened_at == {}
    time.move(60)
    tracked.apply_fault(Review([ONE]))
    assert opened(tracked.record) == clock.now().isoformat()


def test_the_same_problem_with_another_request_id_is_not_audited_again(
    tracked: TrackedOrder, ledger: Ledger
) -> None:
    for id in ("r-1", "r-2"):
        evidence = {"status": 500, "answer": f"words {id}", "request_id": id}
        tracked.apply_fault(Review([problem("EXACT_REFUSED", "PO-1", evidence=evidence)]))
    assert [entry.step for entry in ledger.trail(KEY)] == ["received", "review"]


def test_other_evidence_or_candidates_are_another_problem() -> None:
    plain = [problem("LINK_BROKEN", "V")]
    found = [problem("LINK_BROKEN", "V", candidates=[{"id": "1"}])]
    proved = [problem("LINK_BROKEN", "V", evidence={"division": 1})]
    sets = [plain, found, proved]
    assert [are_alike(one, other) for one in sets for other in sets].count(True) == 3


def test_a_dismissed_problem_stays_closed_while_it_lasts(
    tracked: TrackedOrder, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE, TWO]))
    tracked.record = dismissed(ledger, tracked.record, ONE)
    assert tracked.record.problems == (TWO,)
    tracked.apply_fault(Review([ONE, TWO]))
    move(tracked, OrderState.POSTING, "intent")
    tracked.step(OrderState.RECEIVED, "refused")
    tracked.apply_fault(Review([ONE]))
    assert [each.code for each in tracked.record.problems] == []
    assert tracked.facts.problems == (ONE,)


def test_a_dismissed_problem_that_changes_or_comes_back_is_open(
    tracked: TrackedOrder, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE]))
    tracked.record = dismissed(ledger, tracked.record, ONE)
    changed = problem("EXACT_MANDATORY", "PO-1", "quoted", text="Mandatory: VAT code")
    tracked.apply_fault(Review([changed]))
    assert tracked.record.problems == (changed,)
    tracked.apply_fault(Review([ONE]))
    assert tracked.record.problems == (ONE,)


def test_halts_are_dated_too(ledger: Ledger, time: MovableClock) -> None:
    halt = problem("EXACT_DIVISION_BLOCKED", "firm")
    Halts(ledger).stop(halt, Division("nl.1"))
    first = opened(ledger.read(CONNECTION), halt)
    assert first == clock.now().isoformat()
    time.move(60)
    Halts(ledger).stop(problem("NOT_CONNECTED", "firm", connection="firm"))
    assert opened(ledger.read(CONNECTION), halt) == first
    Halts(ledger).lift_all()
    assert ledger.connection().facts.opened_at == {}


def test_the_assignee_is_removed_with_the_last_problem(
    tracked: TrackedOrder, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE]))
    tracked.record = ledger.write(
        tracked.record.now(OrderState.REVIEW, replace(tracked.facts, assignee="finance")),
        "assigned",
    )
    move(tracked, OrderState.POSTING, "intent")
    assert tracked.facts.assignee == "finance"
    move(tracked, OrderState.POSTED, "posted")
    assert tracked.facts.assignee is None


CODES = ("EXACT_MANDATORY", "EXACT_INVALID", "VENDOR_INACTIVE")
FOUND = st.lists(st.sampled_from(CODES), unique=True, max_size=3)
STATES = [OrderState.CANCELLED, OrderState.RECEIVED]  # at rest, and on its way
STEPS = st.lists(st.tuples(st.sampled_from(STATES), FOUND), max_size=8)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_problem_is_as_old_as_its_first_uninterrupted_occurrence(
    time: MovableClock, steps: Sequence[tuple[str, list[str]]]
) -> None:
    ledger = Ledger(InMemoryTable("ledger"), InMemoryTable("audit"), "po_posting", FIRM)
    record = ledger.order(OrderId("po-1")).now(OrderState.RECEIVED)
    record = ledger.write(record, "received")
    since: dict[str, str] = {}
    for state, codes in steps:
        time.move(60)
        problems = tuple(problem(code, "PO-1") for code in codes)
        record = ledger.write(record.now(state, replace(record.facts, problems=problems)), state)
        if state != OrderState.RECEIVED:
            since = {code: at for code, at in since.items() if code in codes}
        since |= {code: clock.now().isoformat() for code in codes if code not in since}
        ages = [record.facts.opened_at[each.digest].isoformat() for each in problems]
        assert ages == [since[code] for code in codes]
