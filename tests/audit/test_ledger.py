"""A record and its audit trail are written together, by one writer at a time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId, Division, OrderId, SiteId, VendorId
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.compression import compress
from ml_connector.infrastructure.dynamodb import Write
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import (
    CONNECTION,
    AnyRecord,
    Conflict,
    Ledger,
    new_order,
    new_record,
    order_key,
    vendor_key,
)
from ml_connector.infrastructure.record_codec import NewerDataError

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
KEY = order_key(OrderId("po-1"))
NL, BE = Division("nl.101"), Division("nl.102")
AWAY = problem("NOT_CONNECTED", "firm", connection="firm")
BLOCKED = problem("EXACT_DIVISION_BLOCKED", "firm")


class CrashingTable(InMemoryTable):
    """A table whose transactions fail before or after they are committed."""

    after = False

    def transact(self, writes: Sequence[Write]) -> bool:
        if self.after:
            super().transact(writes)
        raise ConnectionError


def fresh(key: str = "po-1", connection: ConnectionId = FIRM) -> AnyRecord:
    return new_order(connection, OrderId(key)).now(OrderState.RECEIVED)


def steps_of(ledger: Ledger, key: Any = KEY) -> list[str]:
    return [entry.step for entry in ledger.trail(key)]


# --- One write -----------------------------------------------------------------------------


def test_a_record_that_was_never_written_is_new(ledger: Ledger) -> None:
    record = ledger.read(KEY)
    assert record == new_order(FIRM, OrderId("po-1"))
    assert (record.state, record.version, record.problems) == ("new", 0, ())
    assert ledger.trail(KEY) == []
    assert ledger.find_break(record) is None


def test_a_record_is_read_as_written(ledger: Ledger) -> None:
    at = clock.now() + timedelta(seconds=90)
    facts = OrderFacts(events=("a",), title="é 漢")
    stored = ledger.write(fresh().now(OrderState.RECEIVED, facts).due(at), "received")
    assert stored.version == 1
    assert stored.received_at == "2026-11-23T12:00:00+00:00"
    assert ledger.read(KEY) == stored
    (entry,) = ledger.trail(KEY)
    assert (entry.actor, entry.step) == ("po_posting", "received")
    assert entry.detail == {"events": ["a"], "title": "é 漢"}
    assert entry.at == stored.received_at
    assert stored.anchor.hash == entry.hash


def test_the_moment_of_receipt_stays(ledger: Ledger, time: MovableClock) -> None:
    first = ledger.write(fresh(), "received")
    time.move(60)
    second = ledger.write(first.now(OrderState.POSTING), "intent")
    assert second.received_at == first.received_at
    assert second.facts == first.facts
    assert steps_of(ledger) == ["received", "intent"]


def test_a_new_state_keeps_the_facts_and_is_not_due(ledger: Ledger) -> None:
    record = ledger.write(fresh(), "received")
    record = record.now(OrderState.REVIEW, OrderFacts(problems=(AWAY,))).due(clock.now())
    moved = ledger.write(record, "review").now(OrderState.POSTED)
    assert moved.facts.opened_at.keys() == {AWAY.digest}
    assert moved.due_at is None
    assert [one.code for one in moved.problems] == ["NOT_CONNECTED"]


def test_a_crash_before_the_commit_leaves_neither_record_nor_entry() -> None:
    records, trails = CrashingTable(), InMemoryTable()
    with pytest.raises(ConnectionError):
        Ledger(records, trails, "po_posting", FIRM).write(fresh(), "received")
    assert records.items() == []
    assert trails.items() == []


def test_a_crash_after_the_commit_leaves_both() -> None:
    records, trails = CrashingTable(), InMemoryTable()
    records.after = True
    ledger = Ledger(records, trails, "po_posting", FIRM)
    with pytest.raises(ConnectionError):
        ledger.write(fresh(), "received")
    record = ledger.read(KEY)
    assert record.version == 1
    assert ledger.find_break(record) is None
    assert steps_of(ledger) == ["received"]


# --- Two writers ---------------------------------------------------------------------------


def test_one_of_two_first_writers_wins(ledger: Ledger) -> None:
    ledger.write(fresh(), "received")
    with pytest.raises(Conflict):
        ledger.write(fresh(), "received")
    assert steps_of(ledger) == ["received"]


def test_a_stale_version_writes_neither_record_nor_entry(
    ledger: Ledger, records: InMemoryTable, trails: InMemoryTable
) -> None:
    stale = ledger.write(fresh(), "received")
    ledger.write(stale.now("posting"), "intent")
    before = records.items(), trails.items()
    with pytest.raises(Conflict, match="firm#order#po-1"):
        ledger.write(stale.now("cancelled"), "ended")
    with pytest.raises(Conflict):
        ledger.postpone(stale, clock.now())
    assert (records.items(), trails.items()) == before


def test_postponing_makes_a_new_version(ledger: Ledger) -> None:
    stale = ledger.write(fresh(), "received")
    moved = ledger.postpone(stale, clock.now())
    with pytest.raises(Conflict):
        ledger.write(stale.now("cancelled"), "ended")
    assert ledger.write(moved.now("cancelled"), "ended").version == 3


def test_an_existing_entry_is_never_overwritten(ledger: Ledger, trails: InMemoryTable) -> None:
    trails.put({"pk": "firm#order#po-1", "sk": "00000001", "step": "planted"})
    with pytest.raises(Conflict):
        ledger.write(fresh(), "received")
    assert ledger.read(KEY).version == 0


def test_a_record_of_a_newer_version_is_refused_and_stops_no_other(
    ledger: Ledger, records: InMemoryTable
) -> None:
    at = clock.now()
    for key in ("po-1", "po-2"):
        ledger.write(fresh(key).due(at), "received")
    stored = records.get(FIRM, KEY)
    assert stored
    records.replace({**stored, "facts": compress('{"invented": 1}')}, 1)
    assert [each.key for each in ledger.due(at)] == [order_key(OrderId("po-2"))]
    with pytest.raises(NewerDataError, match=r"order#po-1 of firm .*invented.*deploy that version"):
        ledger.read(KEY)


def test_postponing_leaves_no_entry(ledger: Ledger) -> None:
    record = ledger.write(fresh(), "received")
    until = clock.now() + timedelta(minutes=5)
    moved = ledger.postpone(record, until)
    assert moved == replace(record, due_at=until, version=2)
    assert ledger.read(KEY) == moved
    assert steps_of(ledger) == ["received"]
    assert ledger.find_break(moved) is None


def test_a_record_that_was_never_stored_cannot_be_postponed(ledger: Ledger) -> None:
    with pytest.raises(Conflict):
        ledger.postpone(fresh(), clock.now())


# --- Due -----------------------------------------------------------------------------------


@given(st.lists(st.integers(-3, 3), max_size=8))
def test_the_longest_waiting_record_is_due_first(offsets: list[int]) -> None:
    ledger = Ledger(InMemoryTable("ledger"), InMemoryTable("audit"), "po_posting", FIRM)
    for number, seconds in enumerate(offsets):
        at = clock.now() + timedelta(seconds=seconds)
        ledger.write(fresh(str(number)).due(at), "received")
    due = [(r.due_at, int(r.key.partition("#")[2])) for r in ledger.due(clock.now())]
    assert [moment for moment, _ in due] == sorted(moment for moment, _ in due if moment)
    assert {number for _, number in due} == {n for n, s in enumerate(offsets) if s <= 0}


def test_of_two_due_at_once_the_one_received_earlier_comes_first(ledger: Ledger) -> None:
    for key, received in (("po-1", "2026-11-23T11:00:01"), ("po-9", "2026-11-23T11:00:00")):
        ledger.write(replace(fresh(key), received_at=received).due(clock.now()), "received")
    assert [r.key for r in ledger.due(clock.now())] == ["order#po-9", "order#po-1"]


def test_a_microsecond_too_early_is_not_due(ledger: Ledger) -> None:
    at = clock.now() + timedelta(seconds=5, microseconds=1)
    ledger.write(fresh().due(at), "received")
    assert list(ledger.due(at - timedelta(microseconds=1))) == []
    assert [r.due_at for r in ledger.due(at)] == [at]


def test_due_records_are_of_one_connection(ledger: Ledger, others: Ledger) -> None:
    others.write(fresh(connection=OTHER).due(clock.now()), "received")
    assert list(ledger.due(clock.now())) == []


def test_a_record_in_a_new_state_is_not_due_any_more(ledger: Ledger) -> None:
    record = ledger.write(fresh().due(clock.now()), "received")
    ledger.write(record.now(OrderState.CLOSED), "ended")
    assert list(ledger.due(datetime(9999, 1, 1, tzinfo=UTC))) == []


def test_records_are_listed_by_kind(ledger: Ledger, others: Ledger) -> None:
    vendor = new_record(FIRM, vendor_key(VendorId("po-1")))
    for record in (fresh("1"), fresh("2"), vendor):
        ledger.write(record, "received")
    others.write(fresh("3", OTHER), "received")
    assert [r.key for r in ledger.records("order#")] == ["order#1", "order#2"]
    assert [r.key for r in ledger.records("vendor#")] == ["vendor#po-1"]
    assert len(list(ledger.records())) == 3


def test_parked_records_keep_their_order_on_a_separate_list(
    ledger: Ledger, time: MovableClock
) -> None:
    for key in ("po-9", "po-1"):
        ledger.write(fresh(key).due(clock.now()), "received")
        time.move(60)
    for key in ("po-1", "po-9"):
        ledger.save_unaudited(ledger.read(order_key(OrderId(key))).park("EXACT_AWAY"))
        time.move(1)
    assert list(ledger.due(clock.now())) == []
    parked = list(ledger.due(clock.now(), "EXACT_AWAY"))
    assert [r.key for r in parked] == ["order#po-9", "order#po-1"], "the oldest first"
    assert {r.parked for r in parked} == {"EXACT_AWAY"}
    assert list(ledger.due(clock.now(), "HALTED")) == []
    moved = ledger.postpone(parked[0], clock.now())
    assert ledger.read(moved.key) == moved
    assert [r.key for r in ledger.due(clock.now())] == ["order#po-9"]
    assert ledger.write(parked[1].now("cancelled"), "ended").parked == ""


# --- Halts ---------------------------------------------------------------------------------


def test_a_halt_is_written_despite_concurrent_writes(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, rivals = ledger.read, [BE, NL]

    def overtaken(key: Any) -> AnyRecord:
        record = real(key)
        if rivals:
            Halts(ledger).stop(BLOCKED, rivals.pop())
        return record

    monkeypatch.setattr(ledger, "read", overtaken)
    Halts(ledger).stop(AWAY)
    assert {where: p.code for where, p in Halts(ledger).all().items()} == {
        "": "NOT_CONNECTED",
        "nl.101": "EXACT_DIVISION_BLOCKED",
        "nl.102": "EXACT_DIVISION_BLOCKED",
    }


def test_only_the_given_halt_is_lifted(ledger: Ledger) -> None:
    Halts(ledger).stop(AWAY)
    Halts(ledger).stop(BLOCKED, NL)
    assert not Halts(ledger).lift({"": "EXACT_USER_BLOCKED", "nl.102": "EXACT_DIVISION_BLOCKED"})
    assert Halts(ledger).lift({"": "NOT_CONNECTED"})
    assert set(Halts(ledger).all()) == {"nl.101"}


def test_a_halt_names_what_it_stops(records: InMemoryTable, trails: InMemoryTable) -> None:
    ledger = Ledger(records, trails, "po_posting", FIRM, SiteId("nl"))
    Halts(ledger).stop(BLOCKED, NL)
    Halts(ledger).stop(AWAY)
    assert set(Halts(ledger).all()) == {"", "nl.101"}
    Halts(ledger).lift_all()
    said = [(entry.step, entry.detail["stopped"]) for entry in ledger.trail(CONNECTION)]
    assert said == [("halted", "nl.101"), ("halted", ""), ("continued", "nl.101")]
    assert not Halts(ledger).all()


def test_a_halted_connection_stops_all_its_divisions_and_no_other_connection(
    ledger: Ledger, others: Ledger
) -> None:
    assert not Halts(ledger).is_stopped()
    Halts(ledger).stop(AWAY)
    assert Halts(ledger).is_stopped()
    assert Halts(ledger).is_stopped(NL)
    assert not Halts(others).is_stopped()
    assert not Halts(others).is_stopped(NL)


def test_a_halted_division_stops_no_other(ledger: Ledger) -> None:
    Halts(ledger).stop(BLOCKED, NL)
    assert Halts(ledger).is_stopped(NL)
    assert not Halts(ledger).is_stopped(BE)
    assert not Halts(ledger).is_stopped()


def test_repeating_a_halt_changes_nothing(ledger: Ledger) -> None:
    for _ in range(3):
        Halts(ledger).stop(BLOCKED, NL)
    assert steps_of(ledger, CONNECTION) == ["halted"]
    Halts(ledger).stop(BLOCKED, BE)
    Halts(ledger).stop(AWAY, NL)
    assert steps_of(ledger, CONNECTION) == ["halted"] * 3
    assert {where: one.code for where, one in Halts(ledger).all().items()} == {
        "nl.101": "NOT_CONNECTED",
        "nl.102": "EXACT_DIVISION_BLOCKED",
    }


def test_a_halted_site_stops_its_divisions_and_no_other_site(ledger: Ledger) -> None:
    Halts(ledger).stop(AWAY, SiteId("nl"))
    assert Halts(ledger).is_stopped(NL)
    assert not Halts(ledger).is_stopped(Division("be.101"))
    assert not Halts(ledger).is_stopped()


def test_lifting_one_halt_leaves_the_others(ledger: Ledger) -> None:
    Halts(ledger).stop(AWAY, SiteId("nl"))
    Halts(ledger).stop(BLOCKED, NL)
    Halts(ledger).stop(BLOCKED, BE)
    assert Halts(ledger).lift({NL: BLOCKED.code})
    assert set(Halts(ledger).all()) == {"nl", "nl.102"}
    assert Halts(ledger).is_stopped(NL), "its site is still stopped"
    assert ledger.read(CONNECTION).state == "halted"


def test_lifting_the_connection_lifts_its_divisions(ledger: Ledger) -> None:
    Halts(ledger).stop(AWAY)
    Halts(ledger).stop(BLOCKED, NL)
    Halts(ledger).lift_all()
    assert not Halts(ledger).is_stopped(NL)
    assert ledger.read(CONNECTION).state == "active"
    assert steps_of(ledger, CONNECTION) == ["halted", "halted", "continued"]


def test_lifting_nothing_is_not_audited(ledger: Ledger) -> None:
    Halts(ledger).lift_all()
    assert ledger.trail(CONNECTION) == []
    Halts(ledger).stop(BLOCKED, BE)
    assert not Halts(ledger).lift({NL: BLOCKED.code})
    assert steps_of(ledger, CONNECTION) == ["halted"]


# --- Trails --------------------------------------------------------------------------------

LONG = {"lines": [{"Item": f"é{n}", "UnitPrice": n / 4} for n in range(5_000)]}


def written(ledger: Ledger, *details: dict[str, Any]) -> AnyRecord:
    record = fresh()
    for number, detail in enumerate(details):
        record = ledger.write(record, f"step {number}", detail=detail)
    return record


def test_a_long_detail_is_compressed_and_verified(ledger: Ledger, trails: InMemoryTable) -> None:
    record = written(ledger, {"a": 1}, LONG, {"a": 2})
    assert ledger.find_break(record) is None
    assert ledger.trail(KEY)[1].detail == LONG
    stored = str(trails.items()[1]["detail"])
    assert len(stored) < 50_000
    assert not stored.startswith("{")


def test_a_record_with_thousands_of_problems_fits_an_item(
    ledger: Ledger, records: InMemoryTable
) -> None:
    problems = tuple(
        problem("BAD_FIELD", f"PO-1, line {n}", "not_text", what="x" * 200) for n in range(5_000)
    )
    record = ledger.write(fresh(), "received")
    facts = OrderFacts(problems=problems)
    record = ledger.write(record.now(OrderState.REVIEW, facts), "review")
    assert ledger.read(KEY).problems == problems
    assert ledger.find_break(record) is None
    assert sum(len(str(value)) for value in records.items()[0].values()) < 300_000


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("detail", '{"a":2}'),
        ("step", "step 9"),
        ("actor", "somebody"),
        ("at", "2026-11-23T12:00:01+00:00"),
        ("previous", "1" * 64),
        ("hash", "1" * 64),
    ],
)
def test_a_changed_attribute_in_the_table_is_found(
    ledger: Ledger, trails: InMemoryTable, name: str, value: str
) -> None:
    record = written(ledger, {"a": 1}, {"a": 1}, {"a": 1})
    trails.put({**trails.items()[1], name: value})
    assert ledger.find_break(record) == "entry 2 was changed"


def test_a_removed_item_is_found(ledger: Ledger, trails: InMemoryTable) -> None:
    record = written(ledger, {}, {}, {})
    trails.delete("firm#order#po-1", "00000002")
    assert ledger.find_break(record) == "entry 2 is missing or out of place"
    trails.delete("firm#order#po-1", "00000003")
    assert ledger.find_break(record) == "the trail ends at entry 1, the ledger knows 3"


def test_a_planted_item_is_found(ledger: Ledger, trails: InMemoryTable) -> None:
    record = written(ledger, {}, {})
    trails.put({**trails.items()[1], "sk": "00000003"})
    assert ledger.find_break(record) == "entry 3 was changed"


def test_an_item_of_another_record_is_found(ledger: Ledger, trails: InMemoryTable) -> None:
    record = written(ledger, {}, {})
    ledger.write(fresh("po-2"), "step 0")
    foreign = trails.get("firm#order#po-2", "00000001") or {}
    trails.put({**foreign, "pk": "firm#order#po-1"})
    assert ledger.find_break(record) == "entry 1 was changed"


def test_swapped_items_are_found(ledger: Ledger, trails: InMemoryTable) -> None:
    record = written(ledger, {"a": 1}, {"a": 2})
    first, second = trails.items()
    trails.put({**first, "sk": second["sk"]})
    trails.put({**second, "sk": first["sk"]})
    assert ledger.find_break(record) == "entry 1 was changed"
