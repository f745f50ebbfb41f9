"""An exception keeps its age and its dismissal while it stays the same one."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.domain.open_exceptions import are_alike, digest
from ml_connector.infrastructure.ledger import CONNECTION, Ledger, Record, order_key
from ml_connector.tracked_record import TrackedRecord

FIRM = ConnectionId("firm")
KEY = order_key(OrderId("po-1"))
ONE = problem("EXACT_MANDATORY", "PO-1", 'Exact says: "Mandatory: Item"')
TWO = problem("VENDOR_INACTIVE", "PO-1")

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(InMemoryTable("ledger"), InMemoryTable("audit"), "po_posting")


@pytest.fixture
def tracked(ledger: Ledger) -> TrackedRecord:
    return TrackedRecord(ledger, ledger.read(FIRM, KEY))


def opened(record: Record, found: Any = ONE) -> str | None:
    value = record.facts.get("opened_at", {}).get(digest(found.as_dict()))
    return None if value is None else str(value)


def dismissed(ledger: Ledger, record: Record, *found: Any) -> Record:
    notes = {digest(each.as_dict()): {"reason": "known"} for each in found}
    return ledger.write(record.now(record.state, dismissed=notes), "dismissed")


def test_a_problem_is_identified_by_code_record_and_cause() -> None:
    same = problem(
        "EXACT_MANDATORY", "PO-1", 'Exact says: "Mandatory: Item"', evidence={"status": 500}
    )
    assert digest(ONE.as_dict()) == digest(same.as_dict())
    others = [
        problem("EXACT_INVALID", "PO-1", 'Exact says: "Mandatory: Item"'),
        problem("EXACT_MANDATORY", "PO-2", 'Exact says: "Mandatory: Item"'),
        problem("EXACT_MANDATORY", "PO-1", 'Exact says: "Mandatory: VAT"'),
    ]
    assert len({digest(each.as_dict()) for each in [ONE, *others]}) == 4


def test_a_repeated_problem_keeps_its_age(tracked: TrackedRecord, time: MovableClock) -> None:
    tracked.apply_fault(Review([ONE]))
    first = opened(tracked.record)
    assert first == clock.now().isoformat()
    time.move(3_600)
    tracked.apply_fault(Review([ONE, TWO]))
    assert opened(tracked.record) == first
    assert opened(tracked.record, TWO) == clock.now().isoformat()


def test_an_attempt_in_between_does_not_reset_its_age(
    tracked: TrackedRecord, time: MovableClock
) -> None:
    tracked.apply_fault(Review([ONE]))
    first = opened(tracked.record)
    time.move(86_400)
    tracked.step("posting", "intent", problems=[])
    tracked.step("received", "refused")
    tracked.apply_fault(Review([ONE]))
    assert opened(tracked.record) == first


def test_what_was_gone_and_comes_back_is_new(tracked: TrackedRecord, time: MovableClock) -> None:
    tracked.apply_fault(Review([ONE]))
    tracked.step("posted", "posted", problems=[])
    assert "opened_at" not in tracked.record.facts
    time.move(60)
    tracked.apply_fault(Review([ONE]))
    assert opened(tracked.record) == clock.now().isoformat()


def test_the_same_problem_with_another_request_id_is_not_audited_again(
    tracked: TrackedRecord, ledger: Ledger
) -> None:
    for id in ("r-1", "r-2"):
        evidence = {"status": 500, "answer": f"words {id}", "request_id": id}
        tracked.apply_fault(Review([problem("EXACT_REFUSED", "PO-1", evidence=evidence)]))
    assert [entry.step for entry in ledger.trail(FIRM, KEY)] == ["review"]


def test_other_evidence_or_candidates_are_another_problem() -> None:
    plain = [problem("LINK_BROKEN", "V")]
    found = [problem("LINK_BROKEN", "V", candidates=[{"id": "1"}])]
    proved = [problem("LINK_BROKEN", "V", evidence={"division": 1})]
    sets = [[each.as_dict() for each in one] for one in (plain, found, proved)]
    assert [are_alike(one, other) for one in sets for other in sets].count(True) == 3


def test_a_dismissed_problem_stays_closed_while_it_lasts(
    tracked: TrackedRecord, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE, TWO]))
    tracked.record = dismissed(ledger, tracked.record, ONE)
    assert tracked.record.problems == [TWO.as_dict()]
    tracked.apply_fault(Review([ONE, TWO]))
    tracked.step("posting", "intent", problems=[])
    tracked.step("received", "refused")
    tracked.apply_fault(Review([ONE]))
    assert tracked.record.problems == []
    assert tracked.record.all_problems == [ONE.as_dict()]


def test_a_dismissed_problem_that_changes_or_comes_back_is_open(
    tracked: TrackedRecord, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE]))
    tracked.record = dismissed(ledger, tracked.record, ONE)
    changed = problem("EXACT_MANDATORY", "PO-1", 'Exact says: "Mandatory: VAT code"')
    tracked.apply_fault(Review([changed]))
    assert tracked.record.problems == [changed.as_dict()]
    tracked.apply_fault(Review([ONE]))
    assert tracked.record.problems == [ONE.as_dict()]


def test_halts_are_dated_too(ledger: Ledger, time: MovableClock) -> None:
    halt = problem("EXACT_DIVISION_BLOCKED", "firm")
    ledger.halt(FIRM, halt, Division(1))
    first = opened(ledger.read(FIRM, CONNECTION), halt)
    assert first == clock.now().isoformat()
    time.move(60)
    ledger.halt(FIRM, problem("NOT_CONNECTED", "firm"))
    assert opened(ledger.read(FIRM, CONNECTION), halt) == first
    ledger.clear_halt(FIRM)
    assert "opened_at" not in ledger.read(FIRM, CONNECTION).facts


def test_the_assignee_is_removed_with_the_last_problem(
    tracked: TrackedRecord, ledger: Ledger
) -> None:
    tracked.apply_fault(Review([ONE]))
    tracked.record = ledger.write(tracked.record.now("review", assignee="finance"), "assigned")
    tracked.step("posting", "intent", problems=[])
    assert tracked.record.facts["assignee"] == "finance"
    tracked.step("posted", "posted", problems=[])
    assert "assignee" not in tracked.record.facts


CODES = ("EXACT_MANDATORY", "EXACT_INVALID", "VENDOR_INACTIVE")
FOUND = st.lists(st.sampled_from(CODES), unique=True, max_size=3)
STEPS = st.lists(st.tuples(st.sampled_from(["review", "posted", "posting"]), FOUND), max_size=8)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_problem_is_as_old_as_its_first_uninterrupted_occurrence(
    time: MovableClock, steps: Sequence[tuple[str, list[str]]]
) -> None:
    ledger = Ledger(InMemoryTable("ledger"), InMemoryTable("audit"), "po_posting")
    record = ledger.read(FIRM, KEY)
    since: dict[str, str] = {}
    for state, codes in steps:
        time.move(60)
        problems = [problem(code, "PO-1").as_dict() for code in codes]
        record = ledger.write(record.now(state, problems=problems), state)
        if state != "posting":
            since = {code: at for code, at in since.items() if code in codes}
        since |= {code: clock.now().isoformat() for code in codes if code not in since}
        ages = [record.facts["opened_at"][digest(each)] for each in problems]
        assert ages == [since[code] for code in codes]
