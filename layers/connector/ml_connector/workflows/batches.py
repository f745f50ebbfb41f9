"""What Lambda hands a worker: SQS records, of which the first that fails stops the rest.

Fifteen lines in place of Powertools' batch utility, whose imports (asyncio among them) cost a
twelfth of the posting worker's init: see docs/decisions.md.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.telemetry import logger
from ml_connector.workflows.doors import Doors

Handle = Callable[[Mapping[str, Any], Doors], None]


def worker(handle: Handle, doors: Doors) -> Callable[[dict[str, Any], Any], Any]:
    """Return the Lambda handler that gives each message to `handle`.

    Its answer names the messages to be delivered again: the first that failed and, so that a
    group stays in order, all behind it.
    """

    def handler(event: dict[str, Any], _context: Any) -> Any:
        waiting = list(event["Records"])
        while waiting and _succeeds(waiting[0], handle, doors):
            waiting.pop(0)
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in waiting]}

    return handler


def _succeeds(record: Mapping[str, Any], handle: Handle, doors: Doors) -> bool:
    try:
        handle(json.loads(record["body"]), doors)
    except Exception:  # noqa: BLE001  the queue redrives it; after five times a person is called
        logger().exception("message not handled", message_id=record["messageId"])
        return False
    return True
