"""GET /oauth/exact: the browser comes back from Exact with a consent code.

Exact wants one fixed redirect URI for an app, so the connection is found by the `state`. The code
is exchanged at once, the tokens are sealed, what waited for them goes on, and a page says so.
"""

from typing import Any

from ml_connector.consent.redirect import answer
from ml_connector.consent.wiring import open_desk

_desk = open_desk("exact_consent")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return answer(event, _desk)
