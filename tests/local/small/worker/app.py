"""Counts messages in a table; fails or crashes when asked to."""

import json
import os
from typing import Any

import boto3

TABLE = os.environ["TABLE"]
dynamodb = boto3.client("dynamodb")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Process a batch and report partial failures."""
    failures = [r["messageId"] for r in event["Records"] if not _work(r)]
    return {"batchItemFailures": [{"itemIdentifier": key} for key in failures]}


def _work(record: dict[str, Any]) -> bool:
    order = json.loads(record["body"])
    _count(order["as"])
    if order["do"] == "crash":
        raise RuntimeError("as asked")
    return bool(order["do"] == "note")


def _count(name: str) -> None:
    dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": name}},
        UpdateExpression="ADD seen :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )
