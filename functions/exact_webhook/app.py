"""POST /webhooks/exact/{connection}: Exact says that one of its own records has changed.

The notification carries only a key, signed with the app's webhook secret; it is kept in the
inbox and queued for the worker of its topic. The empty call that Exact makes when a
subscription is created is answered with 200.
"""

from typing import Any

from ml_connector.receivers.wiring import exact_receiver

_receiver = exact_receiver()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return _receiver.answer(event)
