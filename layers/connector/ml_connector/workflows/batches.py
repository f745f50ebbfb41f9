"""What Lambda hands a worker: an SQS batch, of which each message fails or succeeds alone."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aws_lambda_powertools.utilities.batch import SqsFifoPartialProcessor, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from ml_connector.workflows.doors import Doors

Handle = Callable[[Mapping[str, Any], Doors], None]


def worker(handle: Handle, doors: Doors) -> Callable[[dict[str, Any], Any], Any]:
    """Return the Lambda handler that gives each message to `handle`.

    Its answer names the messages to be delivered again; later ones of a failed message's group
    wait with it.
    """
    processor = SqsFifoPartialProcessor(skip_group_on_error=True)
    processor.raise_on_entire_batch_failure = False  # the answer names what failed

    def one(record: SQSRecord) -> None:
        handle(json.loads(record.body), doors)

    def handler(event: dict[str, Any], context: Any) -> Any:
        return process_partial_response(event, one, processor, context)

    return handler
