"""Kills the worker after its n-th write to a table, a queue or a remote system."""

from collections.abc import Callable
from typing import Any

import httpx

from tests.workflows.vendor_office import VendorOffice

_TABLE_WRITES = ("put", "put_all", "insert", "replace", "transact", "delete")


class Killed(BaseException):
    """The process is gone: not an `Exception`, so that nothing of it goes on."""


class Guillotine:
    """Stands between an office and everything it writes; falls once when it is set."""

    def __init__(self, office: VendorOffice) -> None:
        """Watch all writes of the office."""
        self._left = 0
        self._is_inside = False
        self.has_fallen = False
        tables = office.mini.tables
        for name in tables.__dataclass_fields__:
            table = getattr(tables, name)
            for method in _TABLE_WRITES:
                setattr(table, method, self._guarded(getattr(table, method)))
        office.mini.queues.send = self._guarded(office.mini.queues.send)  # type: ignore[method-assign]
        transport: Any = office.mini.transport
        transport.handle_request = self._remote(transport.handle_request)

    def set(self, write: int) -> None:
        """Fall after this write, counted from 1."""
        self._left = write

    def lift(self) -> None:
        """Let a new process work in peace."""
        self._left, self.has_fallen, self._is_inside = 0, False, False

    def _remote(
        self, handle: Callable[[httpx.Request], httpx.Response]
    ) -> Callable[[httpx.Request], httpx.Response]:
        guarded = self._guarded(handle)
        return lambda request: (handle if request.method == "GET" else guarded)(request)

    def _guarded(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def act(*given: Any, **named: Any) -> Any:
            if self.has_fallen:
                raise Killed  # a dead process writes nothing more, in no `finally` either
            if self._is_inside or not self._left:
                return write(*given, **named)
            self._left -= 1
            self._is_inside = True
            answer = write(*given, **named)
            self._is_inside = False
            if not self._left:
                self.has_fallen = True
                raise Killed
            return answer

        return act
