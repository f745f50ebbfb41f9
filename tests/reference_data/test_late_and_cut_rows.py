"""Rows that appear below the cursor, and orders that the edge of a page cuts in two."""

from typing import Any

import pytest

from local.exact_simulator import Request
from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.reference_data import ACCOUNTS_PATH, DELETED_PATH
from ml_connector.infrastructure.reference_store import OVERLAP, OVERLAP_TIME, StreamCursor
from ml_connector.reference_data import refresh as reading
from ml_connector.reference_data.refresh import refresh
from tests.odd_answers.hostile import find_row

DIVISION = NL.key
_ORDERS = "purchaseorder/PurchaseOrders"


def read(env: InMemoryEnvironment) -> bool:
    return refresh(env.services_of(), DIVISION, everything=True)


def test_a_record_that_is_committed_late_is_read(env: InMemoryEnvironment) -> None:
    env.connect()
    data = env.services_of().reference_store(DIVISION)
    below = data.cursor("sync/Financial/GLAccounts").timestamp - 1
    key = env.exact.add_gl_account(NL.division, "4711", "Scent")
    env.exact.commit_late(NL.division, "financial/GLAccounts", key, below)
    read(env)
    assert env.services_of().division_data(DIVISION).gl_account("4711")


def test_an_order_that_is_committed_late_is_read(env: InMemoryEnvironment) -> None:
    env.connect()
    env.post(env.order())
    (there,) = env.in_exact()
    id = Guid(there["PurchaseOrderID"])
    before = env.services_of().reference_store(DIVISION).cursor(STREAM_PATH).timestamp
    env.exact.commit_late(NL.division, _ORDERS, id, max(1, before - 1))
    read(env)
    assert env.services_of().exact_orders(DIVISION).get(id)


def test_reading_again_takes_no_call_more_and_changes_nothing(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    read(env)
    env.work()
    calls, trail = env.exact_calls(), env.steps(order)
    read(env)
    first = env.exact_calls() - calls
    assert not read(env), "nothing that mapping uses has changed"
    assert env.exact_calls() - calls == 2 * first
    env.work()
    assert env.steps(order) == trail
    assert not env.memory.queues.waiting


def test_a_deletion_is_taken_note_of_once(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    read(env)
    (there,) = env.in_exact()
    env.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
    read(env)
    env.work()
    trail = env.steps(order)
    read(env)
    assert not env.memory.queues.waiting
    assert env.steps(order) == trail
    assert env.codes(order) == ["DELETED_IN_EXACT"]


def test_what_was_read_within_the_hour_is_read_again() -> None:
    now = clock.now()
    cursor = StreamCursor(timestamp=50_000).ended(now).reached(60_000)
    assert cursor.start == 60_000 - OVERLAP
    later = cursor.ended(now + OVERLAP_TIME)
    assert later.start == 50_000
    assert later.reached(61_000).ended(now + OVERLAP_TIME * 1.5).start == 50_000
    assert later.ended(now + OVERLAP_TIME * 2, is_small=False).start == 60_000 - OVERLAP
    assert StreamCursor().start == 1


def test_a_cursor_survives_its_storage(env: InMemoryEnvironment) -> None:
    env.connect()
    now = clock.now()
    cursor = StreamCursor(7, now, 2, now, now, 3, 5, now)
    data = env.services_of().reference_store(DIVISION)
    for path in (ACCOUNTS_PATH, DELETED_PATH):
        data.save_cursor(path, cursor)
        assert data.cursor(path) == cursor


# ---------------------------------------------------------------- orders cut in two


@pytest.fixture
def three_lines(env: InMemoryEnvironment) -> Guid:
    """An order with three lines that somebody entered in Exact; return its key."""
    env.connect()
    supplier = find_row(env, NL.division, "crm/Accounts", "Name", "Cloudwerk")
    item = find_row(env, NL.division, "logistics/Items", "Code", "COST-4100")
    lines = [
        {"Item": item["ID"], "QuantityInPurchaseUnits": 1, "UnitPrice": price}
        for price in (10, 20, 30)
    ]
    body = {"Supplier": supplier["ID"], "PurchaseOrderLines": lines}
    made = env.services_of().exact(DIVISION).create(DIVISION, _ORDERS, body)
    return Guid(made["PurchaseOrderID"])


def as_read(env: InMemoryEnvironment, id: Guid) -> ExactOrder:
    found = env.services_of().exact_orders(DIVISION).get(id)
    assert found
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_an_order_on_several_pages_is_read_whole(
    env: InMemoryEnvironment, three_lines: Guid, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(reading, "_PAGE", size)
    kept: list[int] = []
    keep = reading._Reader._keep_orders

    def note(self: Any, rows: Any, **named: Any) -> None:
        keep(self, rows, **named)
        kept.extend(len(order.lines) for order in self.orders.all())

    monkeypatch.setattr(reading._Reader, "_keep_orders", note)
    read(env)
    assert set(kept) == {3}, "it was never stored with fewer lines"
    assert as_read(env, three_lines).unreadable == ""
    assert env.services_of().reference_store(DIVISION).cursor(STREAM_PATH).timestamp > 1


@pytest.mark.parametrize("size", [2, 1000])
def test_a_stream_without_headers_gives_orders_that_are_not_complete(
    env: InMemoryEnvironment, three_lines: Guid, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(reading, "_PAGE", size)
    env.exact.policy.sync_headers = False
    read(env)
    found = as_read(env, three_lines)
    assert (len(found.lines), found.amount) == (3, None)
    assert found.unreadable == "only lines of it were read"


def test_our_order_without_a_header_is_read_by_itself(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    env.exact.policy.sync_headers = False
    asked: list[Request] = []

    def note(request: Request) -> None:
        if request.method == "GET" and request.path.endswith(_ORDERS):
            asked.append(request)

    env.exact.on_call = note
    read(env)
    env.work()
    env.exact.on_call = None
    assert len(asked) == 1
    assert env.codes(order) == []
    assert env.record(order).state == "posted"
