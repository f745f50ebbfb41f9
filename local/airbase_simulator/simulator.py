"""One tenant's API: its key, rate limit and faults; `handle` answers every call."""

import random
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode

from local.airbase_simulator.resources import AirbaseRefusal, answer, refusal
from local.airbase_simulator.tenant import Tenant
from local.simulator import HandlerTransport, NoAnswer, Request, Response, SimulatedFault
from ml_connector import clock as connector_clock

_LIMIT = 500
_WINDOW = 60.0  # Airbase does not publish its length
KINDS = frozenset(
    {
        "timeout",
        "timeout_after_commit",
        "slow",
        "rate_limited",
        "unauthorized",
        "server_error",
        "server_error_after_commit",
        "unavailable",
        "garbage",
    }
)


@dataclass(frozen=True)
class AirbaseCall:
    """One recorded call; status 0 when it got no answer."""

    method: str
    path: str
    status: int
    at: float
    fault: str | None = None


class AirbaseSimulator(Tenant):
    """A tenant that answers calls.

    `faults` hit the next calls in turn: `timeout` (nothing done), `timeout_after_commit`,
    `slow` (`seconds`), `rate_limited` (with Retry-After when `seconds`), `unauthorized`,
    `server_error`, `server_error_after_commit`, `unavailable`, `garbage`. `on_call`, when set,
    is called first: it may return a fault, or change the tenant's data.
    """

    def __init__(
        self,
        clock: Callable[[], float] = connector_clock.epoch,
        rng: random.Random | None = None,
    ) -> None:
        """Start an empty tenant; with an `rng` its ids are the same in every run."""
        super().__init__(clock, rng or random.Random())
        self.faults: deque[SimulatedFault] = deque()
        self.on_call: Callable[[Request], SimulatedFault | None] | None = None
        self.calls: list[AirbaseCall] = []
        self.limit = _LIMIT
        self.retry_after = False
        """Whether the rate limit's 429 has `Retry-After`; unknown for Airbase itself."""
        self.lock = threading.RLock()
        self._window = (0.0, 0)

    def transport(self) -> HandlerTransport:
        """Return an `httpx` transport to this tenant, without a socket."""
        return HandlerTransport(self.handle)

    def handle(self, request: Request) -> Response:
        """Answer one call; raises `NoAnswer` when a fault suppresses the answer."""
        with self.lock:
            fault = self._fault(request)
            response = None
            try:
                response = self._answer_with(fault, request)
            finally:
                self._log(request, response, fault)
            return self._with_headers(response)

    def _fault(self, request: Request) -> SimulatedFault | None:
        injected = self.on_call(request) if self.on_call else None
        fault = injected or (self.faults.popleft() if self.faults else None)
        if fault and fault.kind not in KINDS:
            raise ValueError(f"unknown fault {fault.kind!r}; one of {', '.join(sorted(KINDS))}")
        return fault

    def _log(
        self, request: Request, response: Response | None, fault: SimulatedFault | None
    ) -> None:
        status = response.status if response else 0
        kind = fault.kind if fault else None
        self.calls.append(AirbaseCall(request.method, request.path, status, self.clock(), kind))

    def _answer_with(self, fault: SimulatedFault | None, request: Request) -> Response:
        is_over = self._count()
        try:
            if fault is None and is_over:
                raise _throttled(self._wait() if self.retry_after else 0)
            return self._answer(request) if fault is None else self._faulty_answer(fault, request)
        except AirbaseRefusal as refused:
            return refused.response

    def _count(self) -> bool:
        """Count the call; return whether it exceeds the limit."""
        started, used = self._window
        if self.clock() - started >= _WINDOW:
            started, used = self.clock(), 0
        self._window = (started, used + 1)
        return used >= self.limit

    def _wait(self) -> float:
        return max(1.0, self._window[0] + _WINDOW - self.clock())

    def _faulty_answer(self, fault: SimulatedFault, request: Request) -> Response:
        match fault.kind:
            case "timeout":
                raise NoAnswer
            case "rate_limited":
                raise _throttled(fault.seconds)
            case "unauthorized":
                raise _unauthorized("Invalid token.")
            case "server_error":
                return _html(502, b"<html>Bad Gateway</html>")
            case "unavailable":
                return _html(503, b"<html>Maintenance</html>")
        return self._fault_after_commit(fault, self._answer(request))

    def _fault_after_commit(self, fault: SimulatedFault, good: Response) -> Response:
        match fault.kind:
            case "timeout_after_commit":
                raise NoAnswer
            case "server_error_after_commit":
                return _html(500, b"<html>Server Error (500)</html>")
            case "slow":
                return Response(good.status, good.headers, good.body, fault.seconds)
        return Response(good.status, good.headers, good.body[: len(good.body) // 2] + b"\xff")

    def _answer(self, request: Request) -> Response:
        if not request.path.endswith("/"):
            query = f"?{urlencode(request.query)}" if request.query else ""
            return Response(301, {"Location": f"{request.path}/{query}"})
        given = request.headers.get("authorization")
        if given is None:
            raise _unauthorized("Authentication credentials were not provided.")
        if given != f"Token {self.api_key}":
            raise _unauthorized("Invalid token.")
        return answer(self, request)

    def _with_headers(self, response: Response) -> Response:
        remaining = max(self.limit - self._window[1], 0)
        more = {
            "Date": format_datetime(datetime.fromtimestamp(self.clock(), tz=UTC), usegmt=True),
            "X-Request-Id": f"request-{len(self.calls)}",
            "X-Ratelimit-Limit": str(self.limit),
            "X-Ratelimit-Remaining": str(remaining),
        }
        headers = {**response.headers, **more}
        return Response(response.status, headers, response.body, response.delay)


def _throttled(seconds: float) -> AirbaseRefusal:
    wait = {"Retry-After": str(int(seconds))} if seconds else {}
    return refusal(429, "Request was throttled.", wait)


def _unauthorized(detail: str) -> AirbaseRefusal:
    return refusal(401, detail, {"WWW-Authenticate": "Token"})


def _html(status: int, body: bytes) -> Response:
    return Response(status, {"content-type": "text/html"}, body)
