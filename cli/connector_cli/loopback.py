"""Exact's redirect on this machine: a listener on loopback that takes one answer and closes."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from connector_cli.complaints import Complaint
from ml_connector.consent import redirect
from ml_connector.consent.pages import HEADERS, PAGES
from ml_connector.consent.redirect import Outcome
from ml_connector.secret import Secret

Take = Callable[[str], Outcome]
"""Takes a redirect's raw query string."""

_PATH = "/"
_STUCK = 5  # seconds: browsers open connections that they then do not use
_GOES_ON = {"taking", "waiting"}


class Listener:
    """Listens on 127.0.0.1 within a `with` block."""

    def __init__(self, port: int) -> None:
        """Bind the port (0: a free one); raises `Complaint` when it is taken."""
        handler = type("Handler", (_Handler,), {"listener": self})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except (OSError, OverflowError):
            raise Complaint(f"port {port} cannot be listened on: name another one") from None
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{_PATH}"
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._state: Secret | None = None
        self._take: Take | None = None
        self._outcome: Outcome | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="consent", daemon=True
        )

    def __enter__(self) -> Self:
        """Listen; whoever comes before `expect` is told that nothing was asked."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def expect(self, state: Secret, take: Take) -> None:
        """Let the redirect with this state be taken by `take`, and no other."""
        self._state, self._take = state, take

    def wait(self, seconds: float) -> Outcome:
        """Return how the one redirect ended; raises `Complaint` when none came in time."""
        if not self._done.wait(seconds):
            raise Complaint(
                f"nobody came back from Exact to {self.url} within {seconds:g} seconds: start "
                "again, and see that this address is a redirect URI of the app"
            )
        if self._error:
            raise self._error
        if self._outcome is None:
            raise RuntimeError("done without an outcome")
        return self._outcome

    def answer(self, target: str) -> tuple[int, str]:
        """Return status and page for what a browser asks; once done, the same page again."""
        parts = urlsplit(target)
        if parts.path != _PATH:
            return PAGES["unknown"].status, PAGES["unknown"].html()
        with self._lock:
            outcome = self._received(parts.query)
        return outcome.page.status, outcome.html

    def _received(self, query: str) -> Outcome:
        try:
            brought = redirect.read(query)
        except redirect.UnreadableError:
            return Outcome("unreadable")
        if not (self._state and self._take and redirect.belongs_to(brought, self._state)):
            return Outcome("unknown")
        if self._done.is_set():
            good = self._outcome is not None and self._outcome.is_good
            return Outcome("given") if good else self._outcome or Outcome("failed")
        try:
            outcome = self._take(query)
        except Exception as error:  # noqa: BLE001  raised again by `wait`
            self._error, outcome = error, Outcome("failed")
        if outcome.word not in _GOES_ON:
            self._outcome = outcome
            self._done.set()
        return outcome


class _Handler(BaseHTTPRequestHandler):
    listener: Listener
    timeout = _STUCK

    def do_GET(self) -> None:
        """Answer with a page."""
        status, page = self.listener.answer(self.path)
        body = page.encode()
        self.send_response_only(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent: the address holds the code."""
