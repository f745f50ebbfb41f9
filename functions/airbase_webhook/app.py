"""POST /webhooks/airbase/{connection}: Airbase reports a changed purchase request or vendor.

The call is verified on its raw bytes, stored in the inbox, queued for its worker and answered with
2xx. Every unverified call gets the same 401.
"""

from typing import Any

from ml_connector.webhooks.bootstrap import open_airbase_webhook

_webhook = open_airbase_webhook()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return _webhook.answer(event)
