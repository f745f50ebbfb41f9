"""How many calls of functions led to a message: Lambda delivers none that ends a long chain.

AWS keeps the count in a tracing header; moto does not. Here it is kept for each message, by the key
that signed it. Of several calls under one key, the shortest chain counts: never one too long.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

LONGEST_CHAIN = 16


class MessageChains:
    """The chains of all messages that were sent to queues."""

    def __init__(self) -> None:
        """Start without any message."""
        self._lengths: dict[str, int] = {}
        self._under_way: dict[str, list[int]] = {}
        self._lock = Lock()

    def length(self, message: str) -> int:
        """Return how many calls led to the message with this id."""
        return self._lengths.get(message, 0)

    @contextmanager
    def calling(self, key: str, length: int) -> Iterator[None]:
        """Count what is sent under this key as led to by a call, itself led to by so many."""
        with self._lock:
            self._under_way.setdefault(key, []).append(length + 1)
        try:
            yield
        finally:
            with self._lock:
                self._under_way[key].remove(length + 1)

    def sent(self, key: str, message: str) -> None:
        """Note a message that was sent under a key."""
        with self._lock:
            length = min(self._under_way.get(key, ()), default=0)
            self._lengths.setdefault(message, length)
