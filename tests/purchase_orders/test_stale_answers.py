"""What changes while a worker waits for a remote counts for what it does next."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.deeds import worker
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Division
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.reference_store import StoredDivisionData
from ml_connector.messages.sending import refresh_message
from ml_connector.purchase_orders import fetch as fetch_module
from ml_connector.purchase_orders import reader
from ml_connector.purchase_orders.prerequisites import Prerequisites


def while_it_is_fetched(monkeypatch: pytest.MonkeyPatch, happen: Callable[[], None]) -> None:
    fetch_order = fetch_module.fetch_order

    def fetch(*arguments: Any) -> Any:
        found = fetch_order(*arguments)
        happen()
        return found

    monkeypatch.setattr(reader, "fetch_order", fetch)


def lose(env: InMemoryEnvironment, order: dict[str, Any]) -> None:
    """Remove a posted order from the ledger, as a restore to an earlier moment does."""
    env.memory.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(env.memory.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        env.memory.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))


@pytest.mark.parametrize("division", [None, NL.key])
def test_a_halt_stops_an_order_that_is_being_fetched(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, division: Division | None
) -> None:
    env.connect()
    found = problem("EXACT_FORBIDDEN", "Exact division")
    while_it_is_fetched(
        monkeypatch, lambda: Halts(env.services.ledger_of(FIRM)).stop(found, division)
    )
    order = env.order()
    env.post(order)
    assert env.in_exact() == []
    assert env.record(order).facts.waiting_for == "HALTED"


def test_a_restore_counts_for_an_order_that_is_being_fetched(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    order = env.order()
    env.post(order)
    lose(env, order)
    env.clock.move(400)

    def restore() -> None:
        now = clock.now()
        env.services.ledger_of(FIRM).restored(now - timedelta(days=3), now + timedelta(days=30))

    while_it_is_fetched(monkeypatch, restore)
    env.post(order)
    assert len(env.in_exact()) == 1


def test_an_order_of_ours_that_is_reported_while_an_item_is_created_is_adopted(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect(**env.config(create_items=True, item_unit="pc"))
    order = env.order()
    env.post(order)
    lose(env, order)
    env.clock.move(400)
    carriers, created = StoredDivisionData.carriers, []

    def create(_: Prerequisites, missing: object) -> None:
        created.append(missing)
        message = refresh_message(FIRM, NL.key, everything=True)
        worker.handle(message.body, env.memory.services())

    monkeypatch.setattr(
        StoredDivisionData, "carriers", lambda self, key: carriers(self, key) if created else []
    )
    monkeypatch.setattr(Prerequisites, "create_all", create)
    env.post(order)
    assert created
    assert len(env.in_exact()) == 1
