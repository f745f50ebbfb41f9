"""Any change of a stored trail is found and located."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml_connector.domain.audit_chain import START, Anchor, Entry, find_break, seal

RECORD = "firm#order#po-1"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
JSON = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(TEXTS, PLAIN, max_size=2)
DETAILS = st.dictionaries(TEXTS, JSON, max_size=2)
STEPS = st.lists(st.tuples(st.sampled_from(["fetched", "intent", "posted"]), DETAILS), max_size=4)
Trail = tuple[list[Entry], Anchor]


def sealed(steps: Sequence[tuple[str, Any]], record: str = RECORD) -> Trail:
    """Return a trail and its anchor in the ledger."""
    entries: list[Entry] = []
    anchor = Anchor()
    for number, (step, detail) in enumerate(steps):
        at = NOON + timedelta(seconds=number)
        entries.append(seal(record, anchor, at, "po_posting", step, detail))
        anchor = Anchor(entries[-1].seq, entries[-1].hash)
    return entries, anchor


TRAILS = STEPS.map(sealed)
LONG_TRAILS = TRAILS.filter(lambda trail: len(trail[0]) >= 2)
FULL_TRAILS = TRAILS.filter(lambda trail: len(trail[0]) >= 1)


@given(TRAILS)
def test_an_untouched_trail_is_intact(trail: Trail) -> None:
    assert find_break(RECORD, *trail) is None


@given(TRAILS)
def test_a_trail_is_intact_after_a_round_trip_through_json(trail: Trail) -> None:
    entries = [Entry(**json.loads(json.dumps(one.as_dict()))) for one in trail[0]]
    assert find_break(RECORD, entries, trail[1]) is None


@given(FULL_TRAILS, st.data())
def test_a_flipped_character_in_any_field_is_found(trail: Trail, data: st.DataObject) -> None:
    entries, anchor = trail
    place = data.draw(st.integers(0, len(entries) - 1))
    name = data.draw(st.sampled_from(["record", "at", "actor", "step", "previous", "hash"]))
    text = getattr(entries[place], name)
    spot = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != text[spot]))
    flipped = text[:spot] + other + text[spot + 1 :]
    entries[place] = replace(entries[place], **{name: flipped})
    found = find_break(RECORD, entries, anchor)
    assert found is not None
    assert f"entry {place + 1} " in found


@given(FULL_TRAILS, st.data(), DETAILS)
def test_another_detail_is_found(trail: Trail, data: st.DataObject, detail: Any) -> None:
    entries, anchor = trail
    place = data.draw(st.integers(0, len(entries) - 1))
    was = json.dumps(entries[place].detail, sort_keys=True)
    assume(json.dumps(detail, sort_keys=True) != was)
    entries[place] = replace(entries[place], detail=detail)
    assert find_break(RECORD, entries, anchor) == f"entry {place + 1} was changed"


@given(FULL_TRAILS, st.data())
def test_a_removed_entry_is_found(trail: Trail, data: st.DataObject) -> None:
    entries, anchor = trail
    place = data.draw(st.integers(0, len(entries) - 1))
    del entries[place]
    found = find_break(RECORD, entries, anchor)
    if place == len(entries):
        assert found == f"the trail ends at entry {place}, the ledger knows {place + 1}"
    else:
        assert found == f"entry {place + 1} is missing or out of place"


@given(FULL_TRAILS, st.data())
def test_a_trail_cut_off_at_its_end_is_found(trail: Trail, data: st.DataObject) -> None:
    entries, anchor = trail
    left = data.draw(st.integers(0, len(entries) - 1))
    found = find_break(RECORD, entries[:left], anchor)
    assert found == f"the trail ends at entry {left}, the ledger knows {len(entries)}"


@given(LONG_TRAILS, st.data())
def test_reordered_entries_are_found(trail: Trail, data: st.DataObject) -> None:
    entries, anchor = trail
    shuffled = data.draw(st.permutations(entries))
    assume(shuffled != entries)
    assert find_break(RECORD, shuffled, anchor) is not None


@given(LONG_TRAILS)
def test_reordered_entries_with_corrected_numbers_are_found(trail: Trail) -> None:
    entries, anchor = trail
    swapped = [replace(entries[1], seq=1), replace(entries[0], seq=2), *entries[2:]]
    assert find_break(RECORD, swapped, anchor) is not None


@given(TRAILS, st.data(), DETAILS)
def test_an_inserted_entry_is_found(trail: Trail, data: st.DataObject, detail: Any) -> None:
    entries, anchor = trail
    place = data.draw(st.integers(0, len(entries)))
    before = Anchor(place, entries[place - 1].hash if place else START)
    forged = seal(RECORD, before, NOON, "po_posting", "posted", detail)
    assume(place == len(entries) or forged != entries[place])
    assert find_break(RECORD, [*entries[:place], forged, *entries[place:]], anchor) is not None


@given(TRAILS, DETAILS)
def test_an_entry_after_the_last_one_is_found(trail: Trail, detail: Any) -> None:
    entries, anchor = trail
    forged = seal(RECORD, anchor, NOON, "po_posting", "posted", detail)
    found = find_break(RECORD, [*entries, forged], anchor)
    assert found == f"the trail's entry {len(entries) + 1} is not the one the ledger knows"


@given(FULL_TRAILS, DETAILS)
def test_a_trail_forged_anew_from_a_changed_entry_on_is_found(trail: Trail, detail: Any) -> None:
    entries, anchor = trail
    assume(detail != entries[-1].detail)
    forged, _ = sealed([*((e.step, e.detail) for e in entries[:-1]), ("posted", detail)])
    found = find_break(RECORD, forged, anchor)
    assert found == f"the trail's entry {len(entries)} is not the one the ledger knows"


@given(LONG_TRAILS, DETAILS)
def test_a_changed_entry_that_its_successor_was_pointed_at_is_found(
    trail: Trail, detail: Any
) -> None:
    entries, anchor = trail
    assume(detail != entries[0].detail)
    forged = seal(RECORD, Anchor(), NOON, "po_posting", "fetched", detail)
    pointed = replace(entries[1], previous=forged.hash)
    found = find_break(RECORD, [forged, pointed, *entries[2:]], anchor)
    assert found == "entry 2 was changed"


@given(FULL_TRAILS, st.data())
def test_an_entry_of_another_record_is_found(trail: Trail, data: st.DataObject) -> None:
    entries, anchor = trail
    place = data.draw(st.integers(0, len(entries) - 1))
    steps = [(one.step, one.detail) for one in entries]
    entries[place] = sealed(steps, "other#order#po-1")[0][place]
    found = find_break(RECORD, entries, anchor)
    assert found == f"entry {place + 1} belongs to another record"


def test_the_trail_of_another_record_is_not_accepted() -> None:
    other = sealed([("posted", {})], "firm#order#po-2")
    assert find_break(RECORD, *other) == "entry 1 belongs to another record"
    renamed = [replace(one, record=RECORD) for one in other[0]]
    assert find_break(RECORD, renamed, other[1]) == "entry 1 was changed"


@pytest.mark.parametrize("hours", [-11, 0, 14])
def test_moments_are_kept_in_utc(hours: int) -> None:
    at = NOON.astimezone(timezone(timedelta(hours=hours)))
    entry = seal(RECORD, Anchor(), at, "po_posting", "posted", {})
    assert entry.at == "2026-11-23T12:00:00+00:00"


def test_text_cannot_move_from_one_field_to_the_next() -> None:
    one = seal(RECORD, Anchor(), NOON, "ab", "c", {})
    other = seal(RECORD, Anchor(), NOON, "a", "bc", {})
    assert one.hash != other.hash
