"""GET /oauth/exact: Exact redirects the browser here with a consent code.

Exact requires one fixed redirect URI for an app, so the `state` identifies the connection. The code
is exchanged at once, the tokens are sealed, the connection resumes, and a page reports it.
"""

from typing import Any

from ml_connector.consent.bootstrap import open_exchange
from ml_connector.consent.redirect import answer

_exchange = open_exchange("exact_consent")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return answer(event, _exchange)
