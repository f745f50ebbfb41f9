"""Receive a simulator's redirect on this machine: a loopback listener for one answer.

Exact itself redirects to public https addresses only.
"""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import urlsplit

from ml_connector.consent import redirect
from ml_connector.consent.pages import HEADERS, PAGES
from ml_connector.consent.redirect import ConsentOutcome
from ml_connector.secret import Secret
from ml_connector.user_errors import UserError

HandleRedirect = Callable[[str], ConsentOutcome]
"""Takes a redirect's raw query string."""

_PATH = "/"
_IDLE_SECONDS = 5  # browsers open connections and then leave them unused
_UNFINISHED = {"taking", "waiting"}


class LoopbackListener:
    """Listens on 127.0.0.1 within a `with` block."""

    def __init__(self, port: int) -> None:
        """Bind the port (0: a free one); raise `UserError` when it is in use."""
        handler = type("Handler", (_RedirectHandler,), {"listener": self})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except (OSError, OverflowError):
            raise UserError(f"cannot listen on port {port}: choose another one") from None
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}{_PATH}"
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._state: Secret | None = None
        self._handle: HandleRedirect | None = None
        self._outcome: ConsentOutcome | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="consent", daemon=True
        )

    def __enter__(self) -> Self:
        """Start listening; a redirect before `expect` is answered as unknown."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def expect(self, state: Secret, handle: HandleRedirect) -> None:
        """Pass the redirect with this state to `handle`, and no other redirect."""
        self._state, self._handle = state, handle

    def wait(self, seconds: float) -> ConsentOutcome:
        """Return the outcome of the redirect; raise `UserError` when none arrived in time."""
        if not self._done.wait(seconds):
            raise UserError(
                f"Exact did not redirect to {self.url} within {seconds:g} seconds: check that it "
                "is a redirect URI of the app, then start again"
            )
        if self._error:
            raise self._error
        if self._outcome is None:
            raise RuntimeError("done without an outcome")
        return self._outcome

    def answer(self, target: str) -> tuple[int, str]:
        """Return the status and page for a browser's request; reloading is harmless."""
        parts = urlsplit(target)
        if parts.path != _PATH:
            return PAGES["unknown"].status, PAGES["unknown"].html()
        with self._lock:
            outcome = self._outcome_of(parts.query)
        return outcome.page.status, outcome.html

    def _outcome_of(self, query: str) -> ConsentOutcome:
        try:
            brought = redirect.read(query)
        except redirect.UnreadableRedirectError:
            return ConsentOutcome("unreadable")
        if not (self._state and self._handle and redirect.belongs_to(brought, self._state)):
            return ConsentOutcome("unknown")
        if self._done.is_set():
            good = self._outcome is not None and self._outcome.is_stored
            return ConsentOutcome("given") if good else self._outcome or ConsentOutcome("failed")
        try:
            outcome = self._handle(query)
        except Exception as error:  # noqa: BLE001  raised again by `wait`
            self._error, outcome = error, ConsentOutcome("failed")
        if outcome.word not in _UNFINISHED:
            self._outcome = outcome
            self._done.set()
        return outcome


class _RedirectHandler(BaseHTTPRequestHandler):
    listener: LoopbackListener
    timeout = _IDLE_SECONDS

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
        """Log nothing: the URL contains the code."""
