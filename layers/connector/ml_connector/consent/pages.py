"""What the browser shows after Exact has sent it back: plain words, and nothing of what it brought.

Each page is one of a fixed set; no text of a request, of Exact or of a secret is ever in it.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass

HEADERS: Mapping[str, str] = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    # The address of this page holds the code: it is told to nobody.
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Page:
    """A page: its HTTP status, its heading and what to do next."""

    status: int
    heading: str
    text: str

    def html(self, connection: str = "") -> str:
        """Return the page, for this connection where one is known."""
        about = f"<p>Connection: {html.escape(connection)}</p>\n" if connection else ""
        heading = html.escape(self.heading)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{heading}</title>\n</head>\n<body>\n<h1>{heading}</h1>\n"
            f"{about}<p>{html.escape(self.text)}</p>\n</body>\n</html>\n"
        )


_AGAIN = "Start again with: connector connect CONNECTION --reconnect"

PAGES: Mapping[str, Page] = {
    "taken": Page(
        200,
        "Connected to Exact Online",
        "The consent was stored, and what waited for it goes on. You may close this window.",
    ),
    "given": Page(
        200,
        "Already done",
        "This consent was stored before; nothing was changed. You may close this window.",
    ),
    "taking": Page(
        409,
        "One moment",
        "This consent is being stored. Load this page again in a few seconds; if it still says "
        f"so after a minute, the attempt was interrupted. {_AGAIN}",
    ),
    "waiting": Page(
        409, "One moment", "The tokens are in use right now. Load this page again in a few seconds."
    ),
    "unknown": Page(
        404, "Unknown request", f"This address belongs to no consent that was asked for. {_AGAIN}"
    ),
    "expired": Page(410, "Too late", f"A consent has to be given within fifteen minutes. {_AGAIN}"),
    "denied": Page(
        403, "Consent was not given", f"Exact says that the request was declined. {_AGAIN}"
    ),
    "code": Page(
        400,
        "Exact did not accept the code",
        f"A code is good for three minutes, and once. Nothing was changed. {_AGAIN}",
    ),
    "app": Page(
        400,
        "Exact does not accept the app",
        "The client id and secret that are stored do not belong to this app and country site, or "
        f"cannot be read. Store them again. {_AGAIN}",
    ),
    "no_answer": Page(
        424, "Exact did not answer", f"Whether the code was used up is not known. {_AGAIN}"
    ),
    "unreadable": Page(400, "Unreadable request", f"A part of the address is missing. {_AGAIN}"),
    "failed": Page(
        500,
        "It was not stored",
        f"Something went wrong on our side; it was noted. {_AGAIN}",
    ),
}
"""By the word of the outcome. `taken` is this very request; `given` an earlier one."""
