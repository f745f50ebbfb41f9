"""The pages a browser shows after Exact has redirected it.

They are a fixed set: no page contains text from the request, from Exact or from a secret.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass

HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    # The address of this page holds the code: send it to nobody.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Page:
    """A page: its HTTP status, its heading, what happened, and whether to start again."""

    status: int
    heading: str
    text: str
    is_over: bool = True

    def html(self, connection: str = "") -> str:
        """Return the page as HTML, with the connection where it is known."""
        about = f"<p>Connection: {html.escape(connection)}</p>\n" if connection else ""
        heading = html.escape(self.heading)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{heading}</title>\n</head>\n<body>\n<h1>{heading}</h1>\n"
            f"{about}<p>{html.escape(self.text)}</p>\n{self._next(connection)}</body>\n</html>\n"
        )

    def _next(self, connection: str) -> str:
        if not self.is_over:
            return ""
        again = f"connector connect {connection or 'CONNECTION'} --reconnect"
        return (
            "<p>Go on in the terminal if it asks again. Otherwise start again with: "
            f"{html.escape(again)}</p>\n"
        )


PAGES: Mapping[str, Page] = {
    "taken": Page(
        200,
        "Connected to Exact Online",
        "The consent is stored and waiting orders resume. You can close this window.",
        is_over=False,
    ),
    "given": Page(
        200,
        "Already done",
        "This consent was stored before; nothing was changed. You can close this window.",
        is_over=False,
    ),
    "taking": Page(
        409,
        "One moment",
        "This consent is being stored. Reload this page in a few seconds; if it still says so "
        "after a minute, the attempt was interrupted.",
    ),
    "waiting": Page(
        409,
        "One moment",
        "The tokens are in use right now. Reload this page in a few seconds.",
        is_over=False,
    ),
    "unknown": Page(404, "Unknown request", "This address belongs to no consent request."),
    "expired": Page(410, "Too late", "Consent must be given within fifteen minutes."),
    "denied": Page(403, "Consent was not given", "Exact says that the request was declined."),
    "code": Page(
        400,
        "Exact did not accept the code",
        "A code is valid for three minutes and can be used once. Nothing was changed.",
    ),
    "app": Page(
        400,
        "Exact does not accept the app",
        "The stored client id and secret do not belong to this app and country site, or cannot "
        "be read. Store them again.",
    ),
    "no_answer": Page(424, "Exact did not answer", "It is not known whether the code was used."),
    "unreadable": Page(400, "Unreadable request", "A part of the address is missing."),
    "failed": Page(
        500,
        "It was not stored",
        "Something went wrong on our side; it was logged.",
    ),
}
"""By outcome. `taken`: this request stored the consent; `given`: an earlier one did."""
