"""Shared by both simulators: requests and answers as plain values, faults, transport, server.

A simulator is one function `handle(Request) -> Response`. `HandlerTransport` connects an
`httpx.Client` to it without a socket; `serve` runs a threaded HTTP/1.1 server on loopback.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl

import httpx


class NoAnswer(Exception):
    """Raised by a handler that does not answer: a read timeout, or a closed socket."""


@dataclass(frozen=True)
class Request:
    """One HTTP request. Header names are lower case; `query` keeps the last value of a name.

    `origin` is scheme and host as the caller wrote them: answers point back to it.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = ""

    def json(self) -> Any:
        """Return the body as JSON; raises ValueError for anything else."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """One HTTP answer; it is sent after `delay` seconds (in process: compared with the timeout)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0

    @classmethod
    def of_json(
        cls, status: int, value: Any, headers: Mapping[str, str] | None = None
    ) -> "Response":
        """Return an answer with `value` as JSON."""
        kind = {"content-type": "application/json"}
        return cls(status, {**kind, **(headers or {})}, json.dumps(value).encode())


@dataclass(frozen=True)
class SimulatedFault:
    """One fault to inject; some kinds take `seconds`."""

    kind: str
    seconds: float = 0.0


Handler = Callable[[Request], Response]


def to_request(
    method: str, target: str, headers: Mapping[str, str], body: bytes, origin: str
) -> Request:
    """Return the request for a raw target: path and query, both still percent-encoded."""
    path, _, query = target.partition("?")
    values = dict(parse_qsl(query, keep_blank_values=True))
    lower = {name.lower(): value for name, value in headers.items()}
    return Request(method, path, values, lower, body, origin)


class HandlerTransport(httpx.BaseTransport):
    """Connects an `httpx.Client` to a handler in process, without sleeping."""

    def __init__(self, handle: Handler) -> None:
        """Answer every request by `handle`."""
        self._handle = handle

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the server does; a missing or late answer raises `httpx.ReadTimeout`."""
        url = request.url
        target = url.raw_path.decode("ascii")
        origin = f"{url.scheme}://{url.netloc.decode('ascii')}"
        try:
            answer = self._handle(
                to_request(request.method, target, request.headers, request.read(), origin)
            )
        except NoAnswer as error:
            raise httpx.ReadTimeout("no answer", request=request) from error
        read_timeout = request.extensions.get("timeout", {}).get("read")
        if read_timeout is not None and answer.delay > read_timeout:
            raise httpx.ReadTimeout("slow answer", request=request)
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)


def _socket_handler(handle: Handler) -> type[BaseHTTPRequestHandler]:
    class SocketHandler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave in one packet

        def _serve(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length) if length else b""
            origin = f"http://{self.headers.get('host', '')}"
            headers = dict(self.headers)
            try:
                answer = handle(to_request(self.command, self.path, headers, body, origin))
            except NoAnswer:
                self.close_connection = True
                return
            if answer.delay:
                time.sleep(answer.delay)
            self._send(answer)

        def _send(self, answer: Response) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve  # noqa: N815  the base's names

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the simulators record their calls."""

    return SocketHandler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore callers that closed the connection."""


@contextmanager
def serve(handle: Handler, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve `handle` on loopback while the context lasts; yield its base URL."""
    server = _Server((host, port), _socket_handler(handle))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
