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
    """A page: its HTTP status, its heading and what to do next."""

    status: int
    heading: str
    text: str

    def html(self, connection: str = "") -> str:
        """Return the page as HTML, with the connection where it is known."""
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
        "The consent is stored and waiting orders resume. You can close this window.",
    ),
    "given": Page(
        200,
        "Already done",
        "This consent was stored before; nothing was changed. You can close this window.",
    ),
    "taking": Page(
        409,
        "One moment",
        "This consent is being stored. Reload this page in a few seconds; if it still says so "
        f"after a minute, the attempt was interrupted. {_AGAIN}",
    ),
    "waiting": Page(
        409, "One moment", "The tokens are in use right now. Reload this page in a few seconds."
    ),
    "unknown": Page(
        404, "Unknown request", f"This address belongs to no consent request. {_AGAIN}"
    ),
    "expired": Page(410, "Too late", f"Consent must be given within fifteen minutes. {_AGAIN}"),
    "denied": Page(
        403, "Consent was not given", f"Exact says that the request was declined. {_AGAIN}"
    ),
    "code": Page(
        400,
        "Exact did not accept the code",
        f"A code is valid for three minutes and can be used once. Nothing was changed. {_AGAIN}",
    ),
    "app": Page(
        400,
        "Exact does not accept the app",
        "The stored client id and secret do not belong to this app and country site, or cannot "
        f"be read. Store them again. {_AGAIN}",
    ),
    "no_answer": Page(
        424, "Exact did not answer", f"It is not known whether the code was used. {_AGAIN}"
    ),
    "unreadable": Page(400, "Unreadable request", f"A part of the address is missing. {_AGAIN}"),
    "failed": Page(
        500,
        "It was not stored",
        f"Something went wrong on our side; it was logged. {_AGAIN}",
    ),
}
"""By outcome. `taken`: this request stored the consent; `given`: an earlier one did."""
