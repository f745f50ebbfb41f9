"""The inbox keeps an event once, and closes only what was really looked at."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from local.memory import MemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.doors.inbox import KEPT_FOR, Arrival, Inbox
from ml_connector.ids import ConnectionId

FIRM = ConnectionId("example-firm")
NOON = 1_793_016_000.0

pytestmark = pytest.mark.usefixtures("time")


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(MemoryTable("inbox"))


def any_arrival(key: str = "evt-1", *, is_news_each_time: bool = False) -> Arrival:
    return Arrival(
        connection=FIRM,
        source="airbase",
        key=key,
        queue="purchase_orders",
        group="o-1",
        message={"kind": "order", "order": "o-1"},
        body=b'{"a":1}',
        headers={"user-agent": "Airbase"},
        is_news_each_time=is_news_each_time,
    )


def test_of_many_copies_at_once_one_is_news(inbox: Inbox) -> None:
    with ThreadPoolExecutor(16) as pool:
        kept = list(pool.map(lambda _: inbox.keep(any_arrival()), range(32)))
    assert sum(is_news for _, is_news in kept) == 1
    assert {event.once for event, _ in kept} == {"example-firm#airbase#evt-1#1"}


def test_of_many_copies_that_are_news_none_is_lost(inbox: Inbox) -> None:
    arrival = any_arrival(is_news_each_time=True)
    versions = [inbox.keep(arrival)[0].version for _ in range(5)]
    assert versions == [1, 2, 3, 4, 5]
    assert not inbox.mark_handled(FIRM, "airbase#evt-1", version=4)
    assert inbox.mark_handled(FIRM, "airbase#evt-1", version=5)


@pytest.mark.parametrize("body", [b"", b"{}", "é".encode(), b"\xff\x00", b"\xef\xbb\xbf{}"])
def test_a_body_comes_back_byte_by_byte(inbox: Inbox, body: bytes) -> None:
    kept, _ = inbox.keep(replace(any_arrival(), body=body))
    held = inbox.get(FIRM, kept.sk)
    assert held is not None
    assert held.body == body
    assert held == kept


def test_what_is_handled_is_open_no_more(inbox: Inbox, time: MovableClock) -> None:
    kept, _ = inbox.keep(any_arrival())
    assert inbox.mark_handled(FIRM, kept.sk)
    assert inbox.mark_handled(FIRM, kept.sk), "twice is fine"
    assert inbox.mark_handled(FIRM, "airbase#never-seen")
    time.move(1)
    assert list(inbox.open_events(FIRM, clock.now())) == []
    held = inbox.get(FIRM, kept.sk)
    assert held is not None
    assert not held.is_open


def test_open_events_are_those_of_the_connection_oldest_first(
    inbox: Inbox, time: MovableClock
) -> None:
    for key in ("b", "a", "c"):
        inbox.keep(any_arrival(key))
        time.move(60)
    inbox.keep(replace(any_arrival("d"), connection=ConnectionId("other-firm")))
    found = list(inbox.open_events(FIRM, clock.now() - timedelta(seconds=90)))
    assert [event.sk for event in found] == ["airbase#b", "airbase#a"]


def test_copies_do_not_defer_an_open_event(inbox: Inbox, time: MovableClock) -> None:
    arrival = any_arrival(is_news_each_time=True)
    inbox.keep(arrival)
    received = clock.now()
    time.move(600)
    inbox.keep(arrival)
    assert len(list(inbox.open_events(FIRM, received))) == 1


def test_after_the_retention_an_event_is_forgotten(inbox: Inbox, time: MovableClock) -> None:
    inbox.keep(any_arrival())
    time.move(KEPT_FOR)
    assert inbox.get(FIRM, "airbase#evt-1") is None
    assert inbox.keep(any_arrival())[1]
