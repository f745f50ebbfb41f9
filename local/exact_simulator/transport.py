"""The way in for `httpx` without a socket."""

from collections.abc import Callable

import httpx

from local.exact_simulator.messages import NoAnswerError, Request, Response


class SimulatorTransport(httpx.BaseTransport):
    """Hands each request to the simulator.

    An answer that comes later than the caller's read time-out is never slept for: the caller
    gets its `httpx.ReadTimeout` at once, as it does when a fault swallows the answer.
    """

    def __init__(self, handle: Callable[[Request], Response]) -> None:
        self._handle = handle

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        try:
            response = self._handle(read(request))
        except NoAnswerError:
            raise httpx.ReadTimeout("The simulator gave no answer.", request=request) from None
        patience = request.extensions.get("timeout", {}).get("read")
        if patience is not None and response.delay > patience:
            raise httpx.ReadTimeout("The simulator was too slow.", request=request)
        return httpx.Response(
            response.status, headers=dict(response.headers), content=response.body
        )


def read(request: httpx.Request) -> Request:
    """Return an `httpx` request in the simulator's own form."""
    url = request.url
    return Request(
        request.method,
        url.path,
        url.query.decode("ascii"),
        dict(request.headers.items()),
        request.read(),
        f"{url.scheme}://{url.netloc.decode('ascii')}",
    )
