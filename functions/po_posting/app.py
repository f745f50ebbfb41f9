"""Purchase order queue: post approved orders, follow changes in Exact, sweep what waits.

A message that fails is reported alone; later ones of its group wait with it.
"""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    SqsFifoPartialProcessor,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from ml_connector.workflows.purchase_order_queue import handle
from ml_connector.workflows.wiring import open_doors

_doors = open_doors("po_posting")
_processor = SqsFifoPartialProcessor(skip_group_on_error=True)
_processor.raise_on_entire_batch_failure = False  # the answer below names what failed


def _handle(record: SQSRecord) -> None:
    handle(json.loads(record.body), _doors)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Work on one SQS batch; answer which messages are to be delivered again."""
    return process_partial_response(event, _handle, _processor, context)
