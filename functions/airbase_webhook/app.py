"""POST /webhooks/airbase/{connection}: Airbase says that a purchase request or vendor changed.

The call is verified on its raw bytes, kept in the inbox, queued for its worker and answered
with 2xx. Who may not know gets the same 401, whatever was wrong.
"""

from typing import Any

from ml_connector.receivers.wiring import airbase_receiver

_receiver = airbase_receiver()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return _receiver.answer(event)
