"""POST /webhooks/exact/{connection}: Exact reports that one of its records changed.

The notification contains only a key, signed with the app's webhook secret. It is stored in the
inbox and queued for the worker of its topic. The empty call that Exact makes when a subscription
is created is answered with 200.
"""

from typing import Any

from ml_connector.webhooks.bootstrap import open_exact_webhook

_webhook = open_exact_webhook()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return _webhook.answer(event)
