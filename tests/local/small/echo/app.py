"""Answers with the event."""

import json
import os
from typing import Any

GREETING = os.environ["GREETING"]
SEES_TABLE = "TABLE" in os.environ


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Echo; crash when asked to."""
    if event["pathParameters"]["name"] == "crash":
        raise RuntimeError("as asked")
    body = json.dumps({"greeting": GREETING, "sees_table": SEES_TABLE, "event": event})
    headers = {"Content-Type": "application/json", "X-Name": event["pathParameters"]["name"]}
    return {"statusCode": 201, "headers": headers, "body": body}
