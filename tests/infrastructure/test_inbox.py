"""The inbox keeps an event once, and closes only the version that was handled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.inbox import KEPT_FOR, Inbox, IncomingEvent

FIRM = ConnectionId("example-firm")
NOON = 1_793_016_000.0

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(InMemoryTable("inbox"), FIRM)


def any_event(key: str = "evt-1", *, every_copy_is_new: bool = False) -> IncomingEvent:
    return IncomingEvent(
        connection=FIRM,
        source="airbase",
        key=key,
        queue="purchase_orders",
        group="o-1",
        message={"kind": "order", "order": "o-1"},
        body=b'{"a":1}',
        headers={"user-agent": "Airbase"},
        every_copy_is_new=every_copy_is_new,
    )


def test_one_of_many_simultaneous_copies_is_new(inbox: Inbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(lambda _: inbox.keep(any_event()), range(32)))
    assert sum(is_new for _, is_new in kept) == 1
    assert {event.once for event, _ in kept} == {"example-firm#airbase#evt-1#1"}


def test_no_copy_is_lost_when_every_copy_is_new(inbox: Inbox) -> None:
    event = any_event(every_copy_is_new=True)
    versions = [inbox.keep(event)[0].version for _ in range(5)]
    assert versions == [1, 2, 3, 4, 5]
    assert not inbox.mark_handled("airbase#evt-1", version=4)
    assert inbox.mark_handled("airbase#evt-1", version=5)


@pytest.mark.parametrize("body", [b"", b"{}", "é".encode(), b"\xff\x00", b"\xef\xbb\xbf{}"])
def test_a_body_is_stored_byte_by_byte(inbox: Inbox, body: bytes) -> None:
    kept, _ = inbox.keep(replace(any_event(), body=body))
    stored = inbox.get(kept.sk)
    assert stored is not None
    assert stored.body == body
    assert stored == kept


def test_a_handled_event_is_not_open(inbox: Inbox, time: MovableClock) -> None:
    kept, _ = inbox.keep(any_event())
    assert inbox.mark_handled(kept.sk)
    assert inbox.mark_handled(kept.sk), "twice is fine"
    assert inbox.mark_handled("airbase#never-seen")
    time.move(1)
    assert list(inbox.open_events(clock.now())) == []
    stored = inbox.get(kept.sk)
    assert stored is not None
    assert not stored.is_open


def test_open_events_are_those_of_the_connection_oldest_first(time: MovableClock) -> None:
    table, other = InMemoryTable("inbox"), ConnectionId("other-firm")
    inbox = Inbox(table, FIRM)
    Inbox(table, other).keep(replace(any_event("d"), connection=other))
    for key in ("b", "a", "c"):
        inbox.keep(any_event(key))
        time.move(60)
    found = list(inbox.open_events(clock.now() - timedelta(seconds=90)))
    assert [event.sk for event in found] == ["airbase#b", "airbase#a"]


def test_copies_do_not_delay_an_open_event(inbox: Inbox, time: MovableClock) -> None:
    event = any_event(every_copy_is_new=True)
    inbox.keep(event)
    received = clock.now()
    time.move(600)
    inbox.keep(event)
    assert len(list(inbox.open_events(received))) == 1


def test_an_event_expires(inbox: Inbox, time: MovableClock) -> None:
    inbox.keep(any_event())
    time.move(KEPT_FOR)
    assert inbox.get("airbase#evt-1") is None
    assert inbox.keep(any_event())[1]


class RacedTable(InMemoryTable):
    """Runs `meanwhile` once, after what was known was read and before it is written."""

    meanwhile: Callable[[], object] | None = None

    def get(self, pk: str, sk: str) -> Item | None:
        found = super().get(pk, sk)
        self._race()
        return found

    def change(self, pk: str, sk: str, *args: Any, **more: Any) -> bool:
        self._race()
        return super().change(pk, sk, *args, **more)

    def _race(self) -> None:
        if race := self.meanwhile:
            self.meanwhile = None
            race()


def test_a_copy_that_arrives_while_the_event_is_closed_stays_open() -> None:
    table = RacedTable("inbox")
    inbox, event = Inbox(table, FIRM), any_event(every_copy_is_new=True)
    handled, _ = inbox.keep(event)
    table.meanwhile = lambda: inbox.keep(event)
    assert not inbox.mark_handled(handled.sk, handled.version)
    stored = inbox.get(handled.sk)
    assert stored
    assert (stored.is_open, stored.version) == (True, 2)


def test_two_copies_at_once_get_two_versions() -> None:
    table = RacedTable("inbox")
    inbox, event = Inbox(table, FIRM), any_event(every_copy_is_new=True)
    inbox.keep(event)
    faster = []
    table.meanwhile = lambda: faster.append(inbox.keep(event)[0].version)
    assert inbox.keep(event)[0].version == 3
    assert faster == [2]
