"""With every webhook of Airbase dropped, the listing still tells what was approved or changed."""

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
from local.office import FIRM, Office
from local.simulation import Fault, Request
from ml_connector.doors.ledger import CONNECTION
from ml_connector.doors.table import Item
from ml_connector.workflows.messages import listing_message
from ml_connector.workflows.upkeep.airbase_sweep import sweep_listing

LIST = "/v1/purchase_orders/"
HOUR = timedelta(hours=1)


def approved(office: Office, number: str = "PO-1", day: str | None = None, **more: Any) -> Row:
    """Approve an order today, or on `day`; its webhook goes nowhere."""
    order = office.order(number, status="pending", **more)
    office.airbase.approve(order)
    if day:
        order["approved_date"] = day
    return order


def hour(office: Office) -> Counter[str]:
    """Let an hour pass, sweep, and return what Airbase was asked: the listing, or else."""
    before = len(office.airbase.calls)
    office.wait(minutes=61)
    asked = office.airbase.calls[before:]
    return Counter("list" if c.path == LIST else c.path.split("/")[-3] for c in asked)


def numbers(office: Office) -> list[str]:
    return sorted(str(row["YourRef"]) for row in office.in_exact())


def problems(office: Office) -> list[str]:
    return [each["code"] for each in office.doors.ledger.read(FIRM, CONNECTION).problems]


def profile(office: Office, **changes: Any) -> dict[str, Any]:
    return office.connection().profile.model_dump() | changes


def reconnect(office: Office, **changes: Any) -> None:
    """Store the connection with changes, as an admin who adds the file again does."""
    config = office.connection().model_dump() | changes
    office.doors.mappings.save(type(office.connection()).model_validate(config))


def sorted_by_change(office: Office, *changed: Row) -> None:
    """List these orders first, as a site that sorts by change does."""
    ids = [order["id"] for order in changed]
    rest = {id: row for id, row in office.airbase.orders.items() if id not in ids}
    office.airbase.orders = {id: office.airbase.orders[id] for id in ids} | rest


# --- What no webhook told ------------------------------------------------------------------


def test_each_approval_is_posted_within_one_sweep(office: Office) -> None:
    office.connect()
    orders = [approved(office, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]
    asked = hour(office)
    assert [office.record(order).state for order in orders] == ["posted"] * 120
    assert (asked["list"], asked["purchase_orders"]) == (2, 120)


def test_unchanged_orders_cost_no_message_and_no_call(office: Office) -> None:
    office.connect()
    for number in range(30):
        approved(office, f"PO-{number}")
    hour(office)
    sent = len(office.mini.queues.seen)
    assert hour(office) == {"list": 1}
    new = {mark.partition("#")[2] for mark in list(office.mini.queues.seen)[sent:]}
    assert {mark.split()[0] for mark in new if "reference" not in mark} == {"listing"}


def test_a_connection_reads_its_listing_once_an_hour(office: Office) -> None:
    office.connect()
    before = len(office.airbase.calls)
    for _ in range(24 * 12):
        office.wait(minutes=5)
    assert 23 <= len(office.airbase.calls) - before <= 25


def test_how_often_is_a_setting(office: Office) -> None:
    office.connect(airbase_sweep_minutes=5)
    office.wait(minutes=5, seconds=2)
    before = len(office.airbase.calls)
    for _ in range(3):
        office.wait(minutes=5, seconds=2)
    assert len(office.airbase.calls) - before == 3


def test_an_order_that_changes_is_looked_at_again(office: Office) -> None:
    office.connect()
    amended, cancelled, kept = (approved(office, f"PO-{n}") for n in (1, 2, 3))
    hour(office)
    amended["expense_list"][0]["amount"] = amended["total_amount"] = "1300.00"
    office.airbase.amend(amended)
    office.airbase.cancel(cancelled)
    steps = len(office.steps(amended)), len(office.steps(cancelled))
    asked = hour(office)
    assert asked["purchase_orders"] == 2
    assert (len(office.steps(amended)), len(office.steps(cancelled))) > steps
    assert office.steps(kept)[-1] == "posted"


def test_a_request_is_posted_when_it_is_approved_and_not_looked_at_before(office: Office) -> None:
    office.connect()
    order = office.order("PO-1", status="pending", outcome=None)
    assert hour(office) == {"list": 1}
    office.airbase.approve(order)
    order["outcome"] = "purchase_order"
    hour(office)
    assert office.record(order).state == "posted"


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
def test_what_never_becomes_an_order_costs_no_message(
    office: Office, change: dict[str, str]
) -> None:
    office.connect()
    order = approved(office)
    order |= change
    assert hour(office) == {"list": 1}
    assert office.record(order).version == 0
    assert order["id"] in office.doors.mappings.listed(FIRM)


def test_an_unknown_word_is_an_exception_of_its_order(office: Office) -> None:
    office.connect()
    order = approved(office)
    order["status"] = "in_committee"
    hour(office)
    assert office.codes(order) == ["UNKNOWN_STATE"]


def test_a_tenant_without_a_listing_is_not_asked_for_one(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_path=""))
    order = approved(office)
    assert hour(office) == {}
    assert office.record(order).version == 0


def test_where_only_events_carry_orders_a_missed_one_is_an_exception(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, order_source="event"))
    order = approved(office)
    assert hour(office) == {"list": 1}
    assert office.codes(order) == ["NOT_IN_AIRBASE"]


def test_a_halted_connection_is_left_alone(office: Office) -> None:
    office.connect()
    office.airbase.api_key = "another"
    approved(office)
    assert hour(office) == {"list": 1}
    assert office.doors.ledger.halted(FIRM)
    assert hour(office) == {"list": 1}, "the one question that may lift the halt"
    assert office.doors.ledger.halted(FIRM)


# --- History is not posted -----------------------------------------------------------------


def test_what_was_approved_before_the_connection_is_left_alone(office: Office) -> None:
    old = [approved(office, f"OLD-{n}", day="2026-01-15") for n in range(150)]
    office.connect()
    approved(office, "NEW-1")
    assert hour(office)["purchase_orders"] == 1
    assert numbers(office) == ["NEW-1"]
    old[3]["status"] = "closed"
    office.airbase.amend(old[4])
    hour(office)
    assert numbers(office) == ["NEW-1"]
    assert not any(office.record(order).version for order in old)


def test_a_webhook_or_a_person_posts_an_old_order_and_then_it_is_watched(office: Office) -> None:
    old = approved(office, day="2026-01-15")
    office.connect()
    hour(office)
    assert office.post(old).state == "posted"
    steps = office.steps(old)
    office.airbase.amend(old, notes="more")
    hour(office)
    assert len(office.steps(old)) > len(steps)


def test_the_first_day_is_a_setting_and_may_be_moved_later(office: Office) -> None:
    old = [approved(office, f"PO-{day}", day=f"2026-09-{day}") for day in (10, 11, 12)]
    office.connect(post_orders_from="2026-09-12")
    hour(office)
    assert numbers(office) == ["PO-12"]
    reconnect(office, post_orders_from="2026-09-11")
    hour(office)
    assert numbers(office) == ["PO-11", "PO-12"]
    assert office.record(old[0]).version == 0


def test_adding_the_file_again_keeps_the_first_day(office: Office) -> None:
    office.connect()
    added_at = office.doors.mappings.added_at(FIRM)
    hour(office)
    reconnect(office, name="New name")
    assert office.doors.mappings.added_at(FIRM) == added_at


def test_a_connection_whose_first_day_is_not_known_posts_nothing_by_itself(office: Office) -> None:
    office.connect()
    table = office.mini.tables.mappings
    item = table.get("#connections", FIRM) or {}
    table.put({name: value for name, value in item.items() if name != "added_at"})
    assert office.doors.mappings.added_at(FIRM) is None
    approved(office)
    hour(office)
    assert numbers(office) == []


def test_where_the_listing_has_no_day_the_first_reading_is_history(office: Office) -> None:
    old, asked = approved(office, "OLD-1"), office.order("NEW-1", status="pending")
    office.connect()
    reconnect(office, profile=profile(office, order={"order_date": "no_such_field"}))
    hour(office)
    assert numbers(office) == []
    office.airbase.approve(asked)
    approved(office, "NEW-2")
    office.airbase.amend(old, notes="more")
    hour(office)
    assert numbers(office) == ["NEW-1", "NEW-2"]


# --- Pages ---------------------------------------------------------------------------------


def while_paging(office: Office, page: int, act: Any) -> None:
    """Do something once, just before this page is answered."""
    waiting = [act]

    def on_call(request: Request) -> None:
        if request.path == LIST and request.query["page"] == str(page) and waiting:
            waiting.pop()()

    office.airbase.on_call = on_call


def test_rows_that_move_down_while_paging_come_once(office: Office) -> None:
    office.connect()
    first = [approved(office, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(150)]
    while_paging(office, 2, lambda: sorted_by_change(office, approved(office, "LATE")))
    assert hour(office)["purchase_orders"] == 150
    assert all(office.record(order).state == "posted" for order in first)
    hour(office)
    assert "LATE" in numbers(office)


def test_a_row_that_moves_up_while_paging_is_found_by_the_next_reading(office: Office) -> None:
    """The row after a page's edge moves to the page that was read already."""
    office.connect()
    reconnect(office, profile=profile(office, orders_query={"status": "approved"}))
    orders = [approved(office, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(150)]
    hour(office)
    fresh = approved(office, "FRESH")
    sorted_by_change(office, *orders[:100], fresh)
    while_paging(office, 2, lambda: office.airbase.cancel(orders[0]))
    assert hour(office)["list"] == 2
    assert "FRESH" not in numbers(office)
    hour(office)
    assert "FRESH" in numbers(office)


def test_an_order_that_leaves_a_filtered_listing_is_looked_at_once(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_query={"status": "approved"}))
    posted, never = approved(office, "PO-1"), approved(office, "PO-2", outcome="virtual_card")
    approved(office, "PO-3")
    hour(office)
    posted["status"] = never["status"] = "cancelled"
    assert hour(office)["purchase_orders"] == 1
    assert hour(office) == {"list": 1}
    posted["status"] = "approved"
    assert hour(office)["purchase_orders"] == 1


def test_a_listing_that_is_empty_for_once_is_not_believed(office: Office) -> None:
    office.connect()
    approved(office)
    hour(office)
    held, office.airbase.orders = office.airbase.orders, {}
    assert hour(office) == {"list": 1}
    office.airbase.orders = held
    assert hour(office) == {"list": 1}


def test_rows_that_cannot_be_read_stop_no_others_and_are_told_once(office: Office) -> None:
    office.connect()
    garbage: Sequence[Any] = (None, 7, [], {}, {"id": None}, {"id": {"a": 1}}, {"id": "x" * 300})
    office.airbase.orders = {f"garbage {n}": row for n, row in enumerate(garbage)}
    approved(office)
    hour(office)
    assert numbers(office) == ["PO-1"]
    assert problems(office) == ["LISTED_ROW_UNREADABLE"]
    version = office.doors.ledger.read(FIRM, CONNECTION).version
    hour(office)
    assert office.doors.ledger.read(FIRM, CONNECTION).version == version
    office.airbase.orders = dict(list(office.airbase.orders.items())[len(garbage) :])
    hour(office)
    assert problems(office) == []


def test_a_listing_that_is_refused_is_an_exception_until_it_is_not(office: Office) -> None:
    office.connect()
    right = profile(office)
    reconnect(office, profile=right | {"orders_path": "/v1/no_such_list/"})
    office.wait(minutes=61)
    assert problems(office) == ["LISTING_REFUSED"]
    office.wait(minutes=2)
    assert sum(call.path == "/v1/no_such_list/" for call in office.airbase.calls) == 1
    reconnect(office, profile=right)
    hour(office)
    assert problems(office) == []


# --- Cut off -------------------------------------------------------------------------------


def test_a_long_reading_goes_on_where_it_was(office: Office) -> None:
    office.connect()
    orders = [approved(office, f"PO-{n}", outcome="virtual_card") for n in range(450)]

    def slowly(request: Request) -> None:
        if request.path == LIST:
            office.clock.move(25)

    office.airbase.on_call = slowly
    pages = []
    for minutes in (61, 1, 1, 1):
        before = len(office.airbase.calls)
        office.wait(minutes=minutes)
        pages.append(len(office.airbase.calls) - before)
    assert pages == [2, 2, 1, 0]
    assert office.doors.mappings.listed(FIRM).keys() >= {order["id"] for order in orders}


@pytest.mark.parametrize("kind", ["rate_limited", "unavailable", "timeout", "garbage"])
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_a_fault_in_the_middle_ends_it_and_it_goes_on_a_minute_later(
    office: Office, kind: str, calls_before: int
) -> None:
    office.connect()
    for number in range(250):
        approved(office, f"PO-{number}", outcome="virtual_card")
    last = approved(office, "LAST")
    left = [calls_before]

    def on_call(request: Request) -> Fault | None:
        if request.path == LIST:
            left[0] -= 1
            return Fault(kind) if left[0] == -1 else None
        return None

    office.airbase.on_call = on_call
    asked = hour(office)
    assert asked["list"] == calls_before + 1
    assert problems(office) == []
    office.wait(minutes=2)
    assert office.record(last).state == "posted"
    assert left[0] == calls_before - 4, "three pages, and the one that failed once more"


def test_two_never_read_at_once(office: Office) -> None:
    office.connect()
    approved(office)

    def another(request: Request) -> None:
        if request.path == LIST:
            sweep_listing(office.doors, FIRM)

    office.airbase.on_call = another
    assert hour(office)["list"] == 1


class Killed(BaseException):
    """The worker is gone in the middle of something."""


def test_after_a_worker_died_between_two_pages_no_page_is_passed_over(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_sorting="recently_changed_first"))
    hour(office)
    orders = [approved(office, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]

    def die() -> None:
        raise Killed

    while_paging(office, 2, die)
    with pytest.raises(Killed):
        sweep_listing(office.doors, FIRM)
    hour(office)
    assert {office.record(order).state for order in orders} == {"posted"}


@pytest.mark.parametrize("sorting", ["unknown", "recently_changed_first"])
@pytest.mark.parametrize("writes", range(12))
def test_a_worker_that_dies_at_any_write_loses_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, sorting: str, writes: int
) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_sorting=sorting))
    hour(office)
    orders = [approved(office, f"PO-{n}", branch=BRANCHES[n % 3]) for n in range(120)]
    office.clock.move(HOUR.total_seconds() + 2)
    left = [writes]

    def shaky(real: Any) -> Any:
        def call(*args: Any, **more: Any) -> Any:
            left[0] -= 1
            if left[0] == -1:
                raise Killed
            return real(*args, **more)

        return call

    with monkeypatch.context() as patch:
        for table in (office.mini.tables.mappings, office.mini.tables.coordination):
            for name in ("put", "put_all", "delete"):
                patch.setattr(table, name, shaky(getattr(table, name)))
        with suppress(Killed):
            sweep_listing(office.doors, FIRM)
    office.clock.move(120)
    office.mini.queues.send(listing_message(FIRM), "once more")
    for _ in range(3):
        office.wait(minutes=3)
    assert {office.record(order).state for order in orders} == {"posted"}


def test_an_order_is_queued_before_it_is_remembered(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.connect()
    order = approved(office)
    told: list[str] = []
    monkeypatch.setattr(office.mini.queues, "send", lambda m, _: told.append(m.group))

    def full(items: Any) -> None:
        assert f"{FIRM}#{order['id']}" in told
        raise RuntimeError("out of order")

    monkeypatch.setattr(office.mini.tables.mappings, "put_all", full)
    with pytest.raises(RuntimeError, match="out of order"):
        sweep_listing(office.doors, FIRM)


# --- Recently changed first ----------------------------------------------------------------


def test_reading_stops_where_nothing_is_new_and_is_full_once_a_day(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_sorting="recently_changed_first"))
    orders = [approved(office, f"PO-{n}", outcome="virtual_card") for n in range(450)]
    assert hour(office)["list"] == 5
    assert hour(office)["list"] == 1
    orders[449]["outcome"] = orders[120]["outcome"] = "purchase_order"
    sorted_by_change(office, orders[449], orders[120])
    assert hour(office)["list"] == 2
    assert numbers(office) == ["PO-120", "PO-449"]
    asked = [hour(office)["list"] for _ in range(24)]
    assert (asked.count(1), asked.count(5)) == (23, 1)


def test_the_daily_reading_finds_what_the_order_of_the_rows_hid(office: Office) -> None:
    office.connect()
    reconnect(office, profile=profile(office, orders_sorting="recently_changed_first"))
    orders = [approved(office, f"PO-{n}", outcome="virtual_card") for n in range(250)]
    hour(office)
    orders[240]["outcome"] = "purchase_order"
    for _ in range(24):
        hour(office)
    assert numbers(office) == ["PO-240"]


# --- What is compared ----------------------------------------------------------------------


def test_fields_that_change_by_themselves_may_be_left_out(office: Office) -> None:
    office.connect()
    compared = "{state: status, revision: revision}"
    reconnect(office, profile=profile(office, orders_compared=compared))
    order = approved(office)
    hour(office)
    order["receipt_link"] = "https://files.test/signed?at=1"
    assert hour(office) == {"list": 1}
    office.airbase.amend(order)
    assert hour(office)["purchase_orders"] == 1


# --- Whatever becomes of the webhooks ------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[tuple[int, str]], list[int]]:
    """Return acts on up to four orders, and which of their webhooks arrive, in which order."""
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
    office = Office()
    office.connect()
    orders = [
        office.order(f"PO-{n}", status="pending", outcome="virtual_card" if n == 3 else None)
        for n in range(1 + max(order for order, _ in acts))
    ]
    for order in orders:
        order["outcome"] = order["outcome"] or "purchase_order"
    for which, act in acts:
        getattr(office.airbase, act)(orders[which])
    for event in arriving:
        office.post(orders[acts[event][0]])
    hour(office)
    assert numbers(office) == [f"PO-{n}" for n in range(len(orders)) if n != 3]
    assert not office.mini.queues.dead
    assert not any(office.mini.queues.waiting)


def test_the_digests_of_a_removed_connection_are_gone(office: Office) -> None:
    office.connect()
    approved(office)
    hour(office)
    office.doors.mappings.remove(FIRM)
    items: list[Item] = list(office.mini.tables.mappings.query(FIRM))
    assert items == []
