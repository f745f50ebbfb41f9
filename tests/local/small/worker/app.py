"""Counts messages in a table; fails, crashes or queues itself again when asked to."""

import json
import os
from typing import Any

import boto3

TABLE = os.environ["TABLE"]
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Process a batch and report partial failures."""
    failures = [r["messageId"] for r in event["Records"] if not _work(r)]
    return {"batchItemFailures": [{"itemIdentifier": key} for key in failures]}


def _work(record: dict[str, Any]) -> bool:
    order = json.loads(record["body"])
    _count(order["as"])
    if order["do"] == "crash":
        raise RuntimeError("as asked")
    if order["do"] == "again":
        _send_again(order)
    return bool(order["do"] in {"note", "again"})


def _send_again(order: dict[str, Any]) -> None:
    body = json.dumps(order | {"times": order.get("times", 0) + 1})
    sqs.send_message(QueueUrl=os.environ["OWN_QUEUE_URL"], MessageBody=body, MessageGroupId="g")


def _count(name: str) -> None:
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": name}},
        UpdateExpression="ADD seen :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
