"""Chance is taken out: equal schedules play equally. What never changes is read once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from zlib import crc32

from ml_connector.airbase.client import AirbaseClient
from ml_connector.domain import personal_values
from ml_connector.infrastructure import backoff, coordination
from ml_connector.infrastructure.connection_store import ConnectionStore
from tests.exploration.actors import DONE, call, here


@contextmanager
def without_chance() -> Iterator[None]:
    """Let every wait be the longest, and name a lease's holder, and salts, after the actor."""
    longest = SimpleNamespace(uniform=lambda _, most: most)
    with (
        patch.object(backoff, "random", longest),
        patch.object(coordination, "secrets", _Named()),
        patch.object(personal_values, "secrets", _Named()),
        patch.object(AirbaseClient, "order", _read_once(AirbaseClient.order)),
        patch.object(AirbaseClient, "vendor", _read_once(AirbaseClient.vendor)),
        patch.object(ConnectionStore, "get", _read_once(ConnectionStore.get)),
    ):
        yield


class _Named:
    """Stands for `secrets`: what it gives is new to each actor at each call."""

    def token_hex(self, _: int) -> str:
        return here()

    def token_urlsafe(self, _: int) -> str:
        return here()

    def randbelow(self, _: int) -> int:
        return crc32(here().encode()) % 1_000_000


def _read_once(read: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Return a method that reads each record once: none of these changes here."""
    found: dict[str, Any] = {}

    def once(reader: Any, id: Any) -> Any:
        def answer() -> Any:
            if id not in found:
                found[id] = read(reader, id)
            return found[id]

        return call("read once", {DONE: answer}, is_noticed=False)

    return once
