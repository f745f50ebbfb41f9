"""Crash the worker after its n-th write to a table, a queue or a remote system."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.vendors.vendor_environment import VendorEnvironment

_TABLE_WRITES = ("put", "put_all", "insert", "replace", "transact", "delete")


class Crashed(BaseException):
    """The process has crashed: not an `Exception`, so that no handler catches it."""


class CrashInjector:
    """Intercepts all writes of an environment; crashes once when armed."""

    def __init__(self, env: VendorEnvironment) -> None:
        """Intercept all writes of the environment."""
        self._left = 0
        self._is_inside = False
        self.has_crashed = False
        tables = env.memory.tables
        for name in tables.__dataclass_fields__:
            table = getattr(tables, name)
            for method in _TABLE_WRITES:
                setattr(table, method, self._intercepted(getattr(table, method)))
        env.memory.queues.send = self._intercepted(env.memory.queues.send)  # type: ignore[method-assign]
        transport: Any = env.memory.transport
        transport.handle_request = self._remote(transport.handle_request)

    def arm(self, write: int) -> None:
        """Crash after this write, counted from 1."""
        self._left = write

    def disarm(self) -> None:
        """Let a new process work without a crash."""
        self._left, self.has_crashed, self._is_inside = 0, False, False

    def _remote(
        self, handle: Callable[[httpx.Request], httpx.Response]
    ) -> Callable[[httpx.Request], httpx.Response]:
        intercepted = self._intercepted(handle)
        return lambda request: (handle if request.method == "GET" else intercepted)(request)

    def _intercepted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any, **named: Any) -> Any:
            if self.has_crashed:
                raise Crashed  # a crashed process writes nothing more, not even in a `finally`
            if self._is_inside or not self._left:
                return write(*given, **named)
            self._left -= 1
            self._is_inside = True
            answer = write(*given, **named)
            self._is_inside = False
            if not self._left:
                self.has_crashed = True
                raise Crashed
            return answer

        return act
