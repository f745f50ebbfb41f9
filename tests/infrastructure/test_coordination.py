"""Leases, shared values and error windows."""

from datetime import timedelta

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import ConnectionId, Division, code_of
from ml_connector.infrastructure.coordination import ErrorWindow, Leases, SharedValues

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
NL = Division("nl.1")
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def table() -> InMemoryTable:
    return InMemoryTable("coordination")


def test_a_lease_has_one_holder_at_a_time(table: InMemoryTable) -> None:
    one, two = Leases(table, FIRM), Leases(table, FIRM)
    held = one.acquire("token", MINUTE)
    assert held
    assert two.acquire("token", MINUTE) is None
    assert two.acquire("item", MINUTE)
    assert Leases(table, OTHER).acquire("token", MINUTE)
    one.release(held)
    assert two.acquire("token", MINUTE)


def test_a_lease_expires(table: InMemoryTable, time: MovableClock) -> None:
    leases = Leases(table, FIRM)
    held = leases.acquire("token", MINUTE)
    assert held
    assert not held.has_expired
    time.move(61)
    assert leases.acquire("token", MINUTE)


def test_a_late_release_does_not_free_a_successor(table: InMemoryTable, time: MovableClock) -> None:
    leases = Leases(table, FIRM)
    late = leases.acquire("token", MINUTE)
    time.move(61)
    assert leases.acquire("token", MINUTE)
    assert late
    leases.release(late)
    assert leases.acquire("token", MINUTE) is None


def test_a_block_releases_even_when_it_fails(table: InMemoryTable) -> None:
    leases = Leases(table, FIRM)

    def fail_while_holding() -> None:
        with leases.holding("token", MINUTE) as held, leases.holding("token", MINUTE) as second:
            assert held
            assert second is None
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_while_holding()
    assert leases.acquire("token", MINUTE)


def test_a_shared_value_expires_when_it_was_set_to(
    table: InMemoryTable, time: MovableClock
) -> None:
    values = SharedValues(table, FIRM)
    values.set("pause", "why", clock.now() + MINUTE)
    assert SharedValues(table, FIRM).get("pause") == "why"
    assert SharedValues(table, OTHER).get("pause") is None
    time.move(62)
    assert values.get("pause") is None
    values.set("pause", "again", clock.now() + MINUTE)
    values.clear("pause")
    assert values.get("pause") is None


def test_six_errors_stop_an_endpoint(table: InMemoryTable, time: MovableClock) -> None:
    window = ErrorWindow(table, FIRM)
    for _ in range(6):
        window.check(NL, "crm/Accounts")
        window.record(NL, "crm/Accounts")
        time.move(60)
    with pytest.raises(Later) as later:
        ErrorWindow(table, FIRM).check(NL, "crm/Accounts")
    assert later.value.code == "EXACT_ERROR_LIMIT"
    oldest_leaves = clock.now() + timedelta(minutes=60 - 6)
    assert later.value.until == oldest_leaves
    window.check(NL, "logistics/Items")
    window.check(Division("nl.2"), "crm/Accounts")
    ErrorWindow(table, OTHER).check(NL, "crm/Accounts")


def test_errors_of_an_older_version_count_for_their_hour(
    table: InMemoryTable, time: MovableClock
) -> None:
    for minute in range(5):
        at = (clock.now() - timedelta(minutes=59 - minute)).isoformat(timespec="microseconds")
        key = {"pk": f"{FIRM}#errors#{code_of(NL)}#crm/Accounts", "sk": f"{at}#ab"}
        table.put({**key, "at": at, "expires_at": int(clock.epoch()) + 3600})
    window = ErrorWindow(table, FIRM)
    window.check(NL, "crm/Accounts")
    window.record(NL, "crm/Accounts")
    with pytest.raises(Later) as later:
        window.check(NL, "crm/Accounts")
    assert later.value.until == clock.now() + timedelta(minutes=1), "when the oldest is an hour old"
    time.move(60 * 61)
    window.check(NL, "crm/Accounts")


def test_the_window_rolls(table: InMemoryTable, time: MovableClock) -> None:
    window = ErrorWindow(table, FIRM)
    for _ in range(8):
        window.record(NL, "crm/Accounts")
        time.move(60)
    with pytest.raises(Later) as later:
        window.check(NL, "crm/Accounts")
    time.move((later.value.until - clock.now()).total_seconds() - 1)
    with pytest.raises(Later):
        window.check(NL, "crm/Accounts")
    time.move(1)
    window.check(NL, "crm/Accounts")


def test_errors_of_others_are_seen_within_seconds(table: InMemoryTable, time: MovableClock) -> None:
    mine, theirs = ErrorWindow(table, FIRM), ErrorWindow(table, FIRM)
    mine.check(NL, "crm/Accounts")
    for _ in range(6):
        theirs.record(NL, "crm/Accounts")
    time.move(5)
    with pytest.raises(Later):
        mine.check(NL, "crm/Accounts")


def test_an_error_of_the_same_process_is_seen_at_once(table: InMemoryTable) -> None:
    window = ErrorWindow(table, FIRM)
    window.check(NL, "crm/Accounts")
    for _ in range(6):
        window.record(NL, "crm/Accounts")
    with pytest.raises(Later):
        window.check(NL, "crm/Accounts")


def test_some_errors_are_reserved(table: InMemoryTable, time: MovableClock) -> None:
    window = ErrorWindow(table, FIRM)
    for _ in range(3):
        window.check(NL, "crm/Accounts", reserve=3)
        window.record(NL, "crm/Accounts")
        time.move(60)
    with pytest.raises(Later):
        window.check(NL, "crm/Accounts", reserve=3)
    window.check(NL, "crm/Accounts")
