"""Handle SQS records in order: the first that fails stops the rest.

It replaces Powertools' batch utility, whose imports (asyncio among them) cost a twelfth of the
posting worker's init: see docs/decisions.md.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.services import StackServices
from ml_connector.telemetry import logger

Handle = Callable[[object, StackServices], None]


def worker(handle: Handle, services: StackServices) -> Callable[[dict[str, Any], Any], Any]:
    """Return the Lambda handler that passes each message to `handle`.

    It returns the messages to be delivered again: the first that failed and, to keep a group in
    order, all after it. Every message fails while the stack's data are newer than this version
    (`NewerDataError`): the queue keeps them, and an alarm reports them.
    """

    def handler(event: dict[str, Any], _context: Any) -> Any:
        waiting = list(event["Records"])
        while waiting and _succeeds(waiting[0], handle, services):
            waiting.pop(0)
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in waiting]}

    return handler


def _succeeds(record: Mapping[str, Any], handle: Handle, services: StackServices) -> bool:
    try:
        services.data_form.refuse_newer()
        handle(json.loads(record["body"]), services)
    except Exception:  # noqa: BLE001  redelivered; the dead-letter queue after five times
        logger().exception("message not handled", message_id=record["messageId"])
        return False
    return True
