"""A reading that is interrupted, or overtaken by a change, loses no row of Exact's streams."""

from typing import Any

import pytest

from local.exact_simulator import Request
from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.stack import InMemoryQueues
from ml_connector import clock
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.infrastructure import reference_store
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.infrastructure.reference_store import ReferenceStore, StreamCursor
from ml_connector.reference_data.refresh import is_due, note_stale, refresh

DIVISION = NL.key
_ORDERS = "purchaseorder/PurchaseOrders"


class WorkerDied(Exception):
    """The worker ended in the middle of its work."""


def read(env: InMemoryEnvironment) -> None:
    refresh(env.services_of(), DIVISION, everything=True)


def dies_in(monkeypatch: pytest.MonkeyPatch, env: InMemoryEnvironment, of: type, name: str) -> None:
    """Read, with a worker that dies when it gets to this method; then read again.

    Row versions just below the cursor are not read again here: that would hide a lost row.
    """
    monkeypatch.setattr(reference_store, "OVERLAP", 0)

    def die(*_arguments: Any, **_named: Any) -> None:
        raise WorkerDied

    with monkeypatch.context() as patched:
        patched.setattr(of, name, die)
        with pytest.raises(WorkerDied):
            read(env)
    env.clock.move(60)
    read(env)


def test_a_worker_that_dies_before_it_stores_rows_reads_them_again(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    env.exact.add_gl_account(NL.division, "4711", "Scent")
    dies_in(monkeypatch, env, ReferenceStore, "store")
    assert env.services_of().division_data(DIVISION).gl_account("4711")


@pytest.mark.parametrize("where", [(ExactOrders, "keep"), (InMemoryQueues, "send")])
def test_a_worker_that_dies_before_it_stores_or_queues_an_order_reads_it_again(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, where: tuple[type, str]
) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    (there,) = env.in_exact()
    env.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], OrderStatus=40)
    dies_in(monkeypatch, env, *where)
    env.work()
    assert env.codes(order) == ["CANCELLED_IN_EXACT"]


def test_a_worker_that_dies_before_it_notes_a_deletion_reads_it_again(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    read(env)
    (there,) = env.in_exact()
    env.exact.remove(NL.division, _ORDERS, there["PurchaseOrderID"])
    dies_in(monkeypatch, env, ExactOrders, "mark_deleted")
    env.work()
    assert env.codes(order) == ["DELETED_IN_EXACT"]


def test_a_reading_from_the_start_compares_our_orders(env: InMemoryEnvironment) -> None:
    """As after Exact moved the division: its cursors start over."""
    env.connect()
    order = env.order()
    env.post(order)
    (there,) = env.in_exact()
    env.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], OrderStatus=40)
    env.services_of().reference_store(DIVISION).save_cursor(STREAM_PATH, StreamCursor())
    read(env)
    env.work()
    assert env.codes(order) == ["CANCELLED_IN_EXACT"]


def test_what_changes_while_its_stream_is_read_is_read_again(env: InMemoryEnvironment) -> None:
    env.connect()
    env.clock.move(60)
    data = env.services_of().reference_store(DIVISION)

    def change_meanwhile(request: Request) -> None:
        if STREAM_PATH in request.path:
            env.clock.move(1)
            note_stale(data, STREAM_PATH)
            env.clock.move(5)

    env.exact.on_call = change_meanwhile
    read(env)
    env.exact.on_call = None
    assert is_due(env.services_of().reference_store(DIVISION))
    read(env)
    assert not is_due(env.services_of().reference_store(DIVISION))


def test_a_change_of_the_same_moment_counts_as_later(env: InMemoryEnvironment) -> None:
    env.connect()
    env.clock.move(60)
    data = env.services_of().reference_store(DIVISION)
    note_stale(data, ACCOUNTS_PATH)
    data.save_cursor(ACCOUNTS_PATH, data.cursor(ACCOUNTS_PATH).ended(clock.now()))
    assert is_due(env.services_of().reference_store(DIVISION))


def test_a_cursor_never_moves_backwards() -> None:
    assert StreamCursor(timestamp=7).reached(5).timestamp == 7
    assert StreamCursor(timestamp=7).reached(9).timestamp == 9
