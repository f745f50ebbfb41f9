"""Chance is taken out: equal schedules play equally. What never changes is read once."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from unittest.mock import patch
from zlib import crc32

from ml_connector import backoff
from ml_connector.domain.ids import OrderId
from ml_connector.domain.orders.order import Order
from ml_connector.infrastructure import circuit_breaker, coordination
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.purchase_orders import reader
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.services import Services
from tests.exploration.actors import DONE, call, here


@contextmanager
def without_chance() -> Iterator[None]:
    """Let every wait be the longest, and name a lease's holder after the actor."""
    longest = SimpleNamespace(uniform=lambda _, most: most)
    with (
        patch.object(backoff, "random", longest),
        patch.object(circuit_breaker, "random", longest),
        patch.object(coordination, "secrets", _Named()),
        patch.object(reader, "fetch_order", _ReadOnce()),
    ):
        yield


class _Named:
    """Stands for `secrets`: what it gives is new to each actor at each call."""

    def token_hex(self, _: int) -> str:
        return here()

    def randbelow(self, _: int) -> int:
        return crc32(here().encode()) % 1_000_000


class _ReadOnce:
    """Reads an order in Airbase once: it never changes here."""

    def __init__(self) -> None:
        self._orders: dict[OrderId, Order] = {}

    def __call__(self, services: Services, id: OrderId, record: OrderRecord) -> Order:
        def read() -> Order:
            if id not in self._orders:
                self._orders[id] = fetch_order(services, id, record)
            return self._orders[id]

        order: Order = call("read Airbase", {DONE: read}, is_noticed=False)
        return order
