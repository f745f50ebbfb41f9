"""Without any webhook from Airbase, the listing shows what was approved or changed."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.airbase_simulator.tenant import Row
from local.firm import BRANCHES
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, SimulatedFault
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.messages.sending import listing_message
from ml_connector.sweep.missed_approvals import search_listing

LIST = "/v1/purchase_orders/"
HOUR = timedelta(hours=1)


def approved(
    env: InMemoryEnvironment, number: str = "PO-1", day: str | None = None, **more: Any
) -> Row:
    """Approve an order today, or on `day`, without a webhook."""
    order = env.order(number, status="pending", **more)
    env.airbase.approve(order)
    if day:
        order["approved_date"] = day
    return order


def hour(env: InMemoryEnvironment) -> Counter[str]:
    """Let an hour pass, sweep, and count the calls to Airbase by kind."""
    before = len(env.airbase.calls)
    env.wait(minutes=61)
    asked = env.airbase.calls[before:]
    return Counter("list" if c.path == LIST else c.path.split("/")[-3] for c in asked)


def numbers(env: InMemoryEnvironment) -> list[str]:
    return sorted(str(row["YourRef"]) for row in env.in_exact())


def problems(env: InMemoryEnvironment) -> list[str]:
    return [each.code for each in env.services.ledger_of(FIRM).read(CONNECTION).problems]


def profile(env: InMemoryEnvironment, **changes: Any) -> dict[str, Any]:
    return env.connection().profile.model_dump() | changes


def reconnect(env: InMemoryEnvironment, **changes: Any) -> None:
    """Store the connection with changes, as an admin who adds the file again does."""
    config = env.connection().model_dump() | changes
    env.services.connections.save(type(env.connection()).model_validate(config))


def sorted_by_change(env: InMemoryEnvironment, *changed: Row) -> None:
    """List these orders first, as a site that sorts by change does."""
    ids = [order["id"] for order in changed]
    rest = {id: row for id, row in env.airbase.orders.items() if id not in ids}
    env.airbase.orders = {id: env.airbase.orders[id] for id in ids} | rest


# --- Missed webhooks -----------------------------------------------------------------------


def test_each_approval_is_posted_within_one_sweep(env: InMemoryEnvironment) -> None:
    env.connect()
    orders = [approved(env, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]
    asked = hour(env)
    assert [env.record(order).state for order in orders] == ["posted"] * 120
    assert (asked["list"], asked["purchase_orders"]) == (2, 120)


def test_unchanged_orders_need_no_message_and_no_call(env: InMemoryEnvironment) -> None:
    env.connect()
    for number in range(30):
        approved(env, f"PO-{number}")
    hour(env)
    sent = len(env.memory.queues.seen)
    assert hour(env) == {"list": 1}
    new = {key.partition("#")[2] for key in list(env.memory.queues.seen)[sent:]}
    assert {key.split()[0] for key in new if "reference" not in key} == {"listing", "sweep"}


def test_a_connection_reads_its_listing_once_an_hour(env: InMemoryEnvironment) -> None:
    env.connect()
    before = len(env.airbase.calls)
    for _ in range(24 * 12):
        env.wait(minutes=5)  # which may be as much too late
    assert 22 <= len(env.airbase.calls) - before <= 25


def test_how_often_is_a_setting(env: InMemoryEnvironment) -> None:
    env.connect(airbase_sweep_minutes=5)
    env.wait(minutes=5, seconds=2)
    before = len(env.airbase.calls)
    for _ in range(3):
        env.wait(minutes=5, seconds=2)
    assert len(env.airbase.calls) - before == 3


def test_an_order_that_changes_is_processed_again(env: InMemoryEnvironment) -> None:
    env.connect()
    amended, cancelled, kept = (approved(env, f"PO-{n}") for n in (1, 2, 3))
    hour(env)
    amended["expense_list"][0]["amount"] = amended["total_amount"] = "1300.00"
    env.airbase.amend(amended)
    env.airbase.cancel(cancelled)
    steps = len(env.steps(amended)), len(env.steps(cancelled))
    asked = hour(env)
    assert asked["purchase_orders"] == 2
    assert (len(env.steps(amended)), len(env.steps(cancelled))) > steps
    assert env.steps(kept)[-1] == "posted"


def test_a_request_is_processed_only_once_it_is_approved(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order("PO-1", status="pending", outcome=None)
    assert hour(env) == {"list": 1}
    env.airbase.approve(order)
    order["outcome"] = "purchase_order"
    hour(env)
    assert env.record(order).state == "posted"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "pending"},
        {"status": "denied"},
        {"status": "archived"},
        {"status": "cancelled"},
        {"outcome": "virtual_card"},
    ],
)
def test_a_row_that_is_no_order_needs_no_message(
    env: InMemoryEnvironment, change: dict[str, str]
) -> None:
    env.connect()
    order = approved(env)
    order |= change
    assert hour(env) == {"list": 1}
    assert env.record(order).version == 0
    assert order["id"] in env.services_of().notes.listed_orders()


def test_an_unknown_state_is_an_exception_of_its_order(env: InMemoryEnvironment) -> None:
    env.connect()
    order = approved(env)
    order["status"] = "in_committee"
    hour(env)
    assert env.codes(order) == ["UNKNOWN_STATE"]


def test_a_tenant_without_a_listing_is_not_asked_for_one(env: InMemoryEnvironment) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_path=""))
    order = approved(env)
    assert hour(env) == {}
    assert env.record(order).version == 0


def test_where_only_events_carry_orders_a_missed_one_is_an_exception(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, order_source="event"))
    order = approved(env)
    assert hour(env) == {"list": 1}
    assert env.codes(order) == ["NOT_IN_AIRBASE"]


def test_a_halted_connection_is_not_read(env: InMemoryEnvironment) -> None:
    env.connect()
    env.airbase.api_key = "another-key"
    approved(env)
    assert hour(env) == {"list": 1}
    assert Halts(env.services.ledger_of(FIRM)).is_stopped()
    assert hour(env) == {"list": 1}, "the one call that may lift the halt"
    assert Halts(env.services.ledger_of(FIRM)).is_stopped()


# --- History is not posted -----------------------------------------------------------------


def test_orders_approved_before_the_connection_are_not_posted(env: InMemoryEnvironment) -> None:
    old = [approved(env, f"OLD-{n}", day="2026-01-15") for n in range(150)]
    env.connect()
    approved(env, "NEW-1")
    assert hour(env)["purchase_orders"] == 1
    assert numbers(env) == ["NEW-1"]
    old[3]["status"] = "closed"
    env.airbase.amend(old[4])
    hour(env)
    assert numbers(env) == ["NEW-1"]
    assert not any(env.record(order).version for order in old)


def test_a_webhook_or_a_person_posts_an_old_order_and_then_it_is_watched(
    env: InMemoryEnvironment,
) -> None:
    old = approved(env, day="2026-01-15")
    env.connect()
    hour(env)
    assert env.post(old).state == "posted"
    steps = env.steps(old)
    env.airbase.amend(old, notes="more")
    hour(env)
    assert len(env.steps(old)) > len(steps)


def test_the_first_day_is_a_setting_and_may_be_moved_later(env: InMemoryEnvironment) -> None:
    old = [approved(env, f"PO-{day}", day=f"2026-09-{day}") for day in (10, 11, 12)]
    env.connect(post_orders_from="2026-09-12")
    hour(env)
    assert numbers(env) == ["PO-12"]
    reconnect(env, post_orders_from="2026-09-11")
    hour(env)
    assert numbers(env) == ["PO-11", "PO-12"]
    assert env.record(old[0]).version == 0


def test_adding_the_file_again_keeps_the_first_day(env: InMemoryEnvironment) -> None:
    env.connect()
    added_at = env.services.connections.added_at(FIRM)
    hour(env)
    reconnect(env, name="New name")
    assert env.services.connections.added_at(FIRM) == added_at


def test_a_connection_whose_first_day_is_not_known_posts_nothing_by_itself(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    table = env.memory.tables.mappings
    item = table.get("#connections", FIRM) or {}
    table.put({name: value for name, value in item.items() if name != "added_at"})
    assert env.services.connections.added_at(FIRM) is None
    approved(env)
    hour(env)
    assert numbers(env) == []


def test_where_the_listing_has_no_day_the_first_reading_is_history(
    env: InMemoryEnvironment,
) -> None:
    old, asked = approved(env, "OLD-1"), env.order("NEW-1", status="pending")
    env.connect()
    reconnect(env, profile=profile(env, order={"order_date": "no_such_field"}))
    hour(env)
    assert numbers(env) == []
    env.airbase.approve(asked)
    approved(env, "NEW-2")
    env.airbase.amend(old, notes="more")
    hour(env)
    assert numbers(env) == ["NEW-1", "NEW-2"]


# --- Pages ---------------------------------------------------------------------------------


def while_paging(env: InMemoryEnvironment, page: int, act: Any) -> None:
    """Call `act` once, just before this page is answered."""
    waiting = [act]

    def on_call(request: Request) -> None:
        if request.path == LIST and request.query["page"] == str(page) and waiting:
            waiting.pop()()

    env.airbase.on_call = on_call


def test_rows_that_move_down_while_paging_are_processed_once(env: InMemoryEnvironment) -> None:
    env.connect()
    first = [approved(env, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(150)]
    while_paging(env, 2, lambda: sorted_by_change(env, approved(env, "LATE")))
    assert hour(env)["purchase_orders"] == 150
    assert all(env.record(order).state == "posted" for order in first)
    hour(env)
    assert "LATE" in numbers(env)


def test_a_row_that_moves_up_while_paging_is_found_by_the_next_reading(
    env: InMemoryEnvironment,
) -> None:
    """The first row of the next page moves to the page that was already read."""
    env.connect()
    reconnect(env, profile=profile(env, orders_query={"status": "approved"}))
    orders = [approved(env, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(150)]
    hour(env)
    fresh = approved(env, "FRESH")
    sorted_by_change(env, *orders[:100], fresh)
    while_paging(env, 2, lambda: env.airbase.cancel(orders[0]))
    assert hour(env)["list"] == 2
    assert "FRESH" not in numbers(env)
    hour(env)
    assert "FRESH" in numbers(env)


def test_an_order_that_leaves_a_filtered_listing_is_processed_once(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_query={"status": "approved"}))
    posted, never = approved(env, "PO-1"), approved(env, "PO-2", outcome="virtual_card")
    approved(env, "PO-3")
    hour(env)
    posted["status"] = never["status"] = "cancelled"
    assert hour(env)["purchase_orders"] == 1
    assert hour(env) == {"list": 1}
    posted["status"] = "approved"
    assert hour(env)["purchase_orders"] == 1


def test_a_single_empty_listing_is_ignored(env: InMemoryEnvironment) -> None:
    env.connect()
    approved(env)
    hour(env)
    orders, env.airbase.orders = env.airbase.orders, {}
    assert hour(env) == {"list": 1}
    env.airbase.orders = orders
    assert hour(env) == {"list": 1}


def test_rows_that_cannot_be_read_stop_no_others_and_are_reported_once(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    garbage: Sequence[Any] = (None, 7, [], {}, {"id": None}, {"id": {"a": 1}}, {"id": "x" * 300})
    env.airbase.orders = {f"garbage {n}": row for n, row in enumerate(garbage)}
    approved(env)
    hour(env)
    assert numbers(env) == ["PO-1"]
    assert problems(env) == ["LISTED_ROW_UNREADABLE"]
    version = env.services.ledger_of(FIRM).read(CONNECTION).version
    hour(env)
    assert env.services.ledger_of(FIRM).read(CONNECTION).version == version
    env.airbase.orders = dict(list(env.airbase.orders.items())[len(garbage) :])
    hour(env)
    assert problems(env) == []


def test_a_refused_listing_is_an_exception_until_it_is_answered(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    right = profile(env)
    reconnect(env, profile=right | {"orders_path": "/v1/no_such_list/"})
    env.wait(minutes=61)
    assert problems(env) == ["LISTING_REFUSED"]
    env.wait(minutes=2)
    assert sum(call.path == "/v1/no_such_list/" for call in env.airbase.calls) == 1
    reconnect(env, profile=right)
    hour(env)
    assert problems(env) == []


# --- Interrupted ---------------------------------------------------------------------------


def test_a_long_reading_continues_where_it_stopped(env: InMemoryEnvironment) -> None:
    env.connect()
    orders = [approved(env, f"PO-{n}", outcome="virtual_card") for n in range(450)]

    def slowly(request: Request) -> None:
        if request.path == LIST:
            env.clock.move(25)

    env.airbase.on_call = slowly
    pages = []
    for minutes in (61, 1, 1, 1):
        before = len(env.airbase.calls)
        env.wait(minutes=minutes)
        pages.append(len(env.airbase.calls) - before)
    assert pages == [2, 2, 1, 0]
    assert env.services_of().notes.listed_orders().keys() >= {order["id"] for order in orders}


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable", "timeout", "garbage"])
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_a_reading_that_fails_in_the_middle_continues_a_minute_later(
    env: InMemoryEnvironment, kind: str, calls_before: int
) -> None:
    env.connect()
    for number in range(250):
        approved(env, f"PO-{number}", outcome="virtual_card")
    last = approved(env, "LAST")
    left = [calls_before]

    def on_call(request: Request) -> SimulatedFault | None:
        if request.path == LIST:
            left[0] -= 1
            return SimulatedFault(kind) if left[0] == -1 else None
        return None

    env.airbase.on_call = on_call
    asked = hour(env)
    assert asked["list"] == calls_before + 1
    assert problems(env) == []
    env.wait(minutes=2)
    assert env.record(last).state == "posted"
    assert left[0] == calls_before - 4, "three pages, and the failed one again"


def test_only_one_worker_reads_at_a_time(env: InMemoryEnvironment) -> None:
    env.connect()
    approved(env)

    def another(request: Request) -> None:
        if request.path == LIST:
            search_listing(env.services_of())

    env.airbase.on_call = another
    assert hour(env)["list"] == 1


class WorkerKilled(BaseException):
    """The worker died in the middle of its work."""


def test_after_a_worker_died_between_two_pages_no_page_is_skipped(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_sorting="recently_changed_first"))
    hour(env)
    orders = [approved(env, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]

    def die() -> None:
        raise WorkerKilled

    while_paging(env, 2, die)
    with pytest.raises(WorkerKilled):
        search_listing(env.services_of())
    hour(env)
    assert {env.record(order).state for order in orders} == {"posted"}


@pytest.mark.parametrize("sorting", ["unknown", "recently_changed_first"])
@pytest.mark.parametrize("writes", range(12))
def test_a_worker_that_dies_at_any_write_loses_nothing(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, sorting: str, writes: int
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_sorting=sorting))
    hour(env)
    orders = [approved(env, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]
    env.clock.move(HOUR.total_seconds() + 2)
    left = [writes]

    def shaky(real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                raise WorkerKilled
            return real(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for table in (env.memory.tables.mappings, env.memory.tables.coordination):
            for name in ("put", "put_all", "delete"):
                patch.setattr(table, name, shaky(getattr(table, name)))
        with suppress(WorkerKilled):
            search_listing(env.services_of())
    env.clock.move(120)
    env.memory.queues.send(listing_message(FIRM), "once more")
    for _ in range(3):
        env.wait(minutes=3)
    assert {env.record(order).state for order in orders} == {"posted"}


def test_an_order_is_queued_before_it_is_remembered(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = approved(env)
    queued: list[str] = []
    monkeypatch.setattr(env.memory.queues, "send", lambda m, _: queued.append(m.group))

    def full(items: Any) -> None:
        assert f"{FIRM}#{order['id']}" in queued
        raise RuntimeError("out of order")

    monkeypatch.setattr(env.memory.tables.mappings, "put_all", full)
    with pytest.raises(RuntimeError, match="out of order"):
        search_listing(env.services_of())


# --- Recently changed first ----------------------------------------------------------------


def test_reading_stops_where_nothing_is_new_and_is_full_once_a_day(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_sorting="recently_changed_first"))
    orders = [approved(env, f"PO-{n}", outcome="virtual_card") for n in range(450)]
    assert hour(env)["list"] == 5
    assert hour(env)["list"] == 1
    orders[449]["outcome"] = orders[120]["outcome"] = "purchase_order"
    sorted_by_change(env, orders[449], orders[120])
    assert hour(env)["list"] == 2
    assert numbers(env) == ["PO-120", "PO-449"]
    asked = [hour(env)["list"] for _ in range(24)]
    assert (asked.count(1), asked.count(5)) == (23, 1)


def test_the_daily_full_reading_finds_what_the_sorting_hid(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    reconnect(env, profile=profile(env, orders_sorting="recently_changed_first"))
    orders = [approved(env, f"PO-{n}", outcome="virtual_card") for n in range(250)]
    hour(env)
    orders[240]["outcome"] = "purchase_order"
    for _ in range(24):
        hour(env)
    assert numbers(env) == ["PO-240"]


# --- What is compared ----------------------------------------------------------------------


def test_fields_that_change_by_themselves_may_be_left_out(env: InMemoryEnvironment) -> None:
    env.connect()
    compared = "{state: status, revision: revision}"
    reconnect(env, profile=profile(env, orders_compared=compared))
    order = approved(env)
    hour(env)
    order["receipt_link"] = "https://files.test/signed?at=1"
    assert hour(env) == {"list": 1}
    env.airbase.amend(order)
    assert hour(env)["purchase_orders"] == 1


# --- Any webhooks --------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[int, str]], list[int]]:
    """Draw acts on up to four orders, and which of their webhooks arrive in which order."""
    count = draw(st.integers(1, 4))
    acts = [(order, "approve") for order in range(count)]
    amended = draw(st.lists(st.integers(0, count - 1), max_size=3))
    acts += [(order, "amend") for order in amended]
    arriving = draw(st.lists(st.integers(0, len(acts) - 1), max_size=2 * len(acts)))
    return acts, arriving


@settings(max_examples=40, deadline=None)
@given(histories())
def test_after_one_sweep_the_posted_orders_are_the_same(
    history: tuple[list[tuple[int, str]], list[int]],
) -> None:
    acts, arriving = history
    env = InMemoryEnvironment()
    env.connect()
    orders = [
        env.order(f"PO-{n}", status="pending", outcome="virtual_card" if n == 3 else None)
        for n in range(1 + max(order for order, _ in acts))
    ]
    for order in orders:
        order["outcome"] = order["outcome"] or "purchase_order"
    for which, act in acts:
        getattr(env.airbase, act)(orders[which])
    for event in arriving:
        env.post(orders[acts[event][0]])
    hour(env)
    assert numbers(env) == [f"PO-{n}" for n in range(len(orders)) if n != 3]
    assert not env.memory.queues.dead
    assert not any(env.memory.queues.waiting)


def test_the_digests_of_a_removed_connection_are_gone(env: InMemoryEnvironment) -> None:
    env.connect()
    approved(env)
    hour(env)
    env.services.connections.remove(FIRM)
    items: list[Item] = list(env.memory.tables.mappings.query(FIRM))
    assert items == []


def test_an_order_that_a_newer_version_has_written_stops_no_other(env: InMemoryEnvironment) -> None:
    env.connect()
    order = approved(env, "PO-1")
    env.post(order)
    table, key = env.services.tables.ledger, env.record(order).key
    item = table.get("example-firm", key)
    assert item
    table.put(item | {"facts": '{"brand_new":1}'})
    other = approved(env, "PO-2")
    env.clock.move(HOUR)
    search_listing(env.services_of())
    queued = [each.message.body.get("order") for each in env.memory.queues.waiting]
    assert other["id"] in queued
