"""The simulator behind a real socket: HTTP/1.1 with keep-alive, on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote

from local.exact_simulator.messages import NoAnswerError, Request, Response
from local.exact_simulator.simulator import ExactSimulator

_IDLE_SECONDS = 30.0
_POLL_SECONDS = 0.05


@contextmanager
def serve(simulator: ExactSimulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve until the block ends and yield the base URL; port 0 takes a free one.

    Notifications go out from a thread of their own meanwhile. Faults that swallow an answer
    close the connection without one.
    """
    handler = type("Handler", (_Handler,), {"simulator": simulator})
    server = _Server((host, port), handler)
    base_url = f"http://{host}:{server.server_address[1]}"
    simulator.webhooks.origin = base_url
    stopped = threading.Event()
    threads = [
        threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), daemon=True),
        threading.Thread(target=_notify, args=(simulator, stopped), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield base_url
    finally:
        stopped.set()
        simulator.webhooks.queued.set()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(timeout=_IDLE_SECONDS)


def _notify(simulator: ExactSimulator, stopped: threading.Event) -> None:
    while not stopped.is_set():
        simulator.webhooks.queued.wait()
        if not stopped.is_set():
            simulator.webhooks.pump()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    simulator: ClassVar[ExactSimulator]
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    # One segment an answer: without this, keep-alive clients wait 40 ms for the second one.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Hand the call to the simulator and write its answer."""
        length = int(self.headers.get("Content-Length") or 0)
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        origin = f"http://{headers.get('host', '')}"
        body = self.rfile.read(length)
        request = Request(self.command, unquote(path), query, headers, body, origin)
        try:
            response = self.simulator.handle(request)
        except NoAnswerError:
            self.close_connection = True
            return
        if response.delay:
            time.sleep(response.delay)
        self._write(response)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815 - names http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the simulator keeps its own list of calls."""

    def _write(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if response.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)
        self.wfile.flush()
