"""What DynamoDB is asked for, where a local DynamoDB would not show the difference."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml_connector.infrastructure.dynamodb import DynamoTable, Insert


class RecordingClient:
    """Answers with nothing, and records each request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.unprocessed = 0
        self.refusal: str | None = None

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return the keys that were asked for, but as many not yet as the test says."""
        self.requests.append(request)
        ((name, asked),) = request["RequestItems"].items()
        keys, left = asked["Keys"], self.unprocessed
        self.unprocessed = 0
        unread = {name: {"Keys": keys[:left]}} if left else {}
        return {"Responses": {name: keys[left:]}, "UnprocessedKeys": unread}

    def get_paginator(self, _operation: str) -> "RecordingClient":
        return self

    def paginate(self, **request: Any) -> list[dict[str, Any]]:
        self.requests.append(request)
        return [{"Items": []}]

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """Leave as many writes of the batch unprocessed as the test says."""
        self.requests.append(request)
        ((name, batch),) = request["RequestItems"].items()
        left, self.unprocessed = batch[: self.unprocessed], 0
        return {"UnprocessedItems": {name: left}} if left else {}

    def transact_write_items(self, **request: Any) -> None:
        self.requests.append(request)
        if self.refusal:
            reasons = [{"Code": "None"}, {"Code": self.refusal}]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}}
            raise ClientError(error | {"CancellationReasons": reasons}, "TransactWriteItems")


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


@pytest.fixture
def table(client: RecordingClient) -> DynamoTable:
    return DynamoTable(client, "ledger")


def test_a_read_sees_every_earlier_write(client: RecordingClient, table: DynamoTable) -> None:
    table.get("firm", "order#1")
    list(table.query("firm", "order#"))
    list(table.query("firm"))
    assert [request["ConsistentRead"] for request in client.requests] == [True] * 3


def test_what_a_batch_left_unprocessed_is_written_again(
    client: RecordingClient, table: DynamoTable
) -> None:
    client.unprocessed = 2
    table.put_all({"pk": "firm", "sk": f"{number}"} for number in range(3))
    sizes = [len(request["RequestItems"]["ledger"]) for request in client.requests]
    assert sizes == [3, 2]


def test_what_a_batch_left_unread_is_read_again(
    client: RecordingClient, table: DynamoTable
) -> None:
    client.unprocessed = 2
    found = table.get_many("firm", ["1", "2", "3"])
    assert sorted(str(item["sk"]) for item in found) == ["1", "2", "3"]
    asked = [request["RequestItems"]["ledger"] for request in client.requests]
    assert [len(each["Keys"]) for each in asked] == [3, 2]
    assert all(each["ConsistentRead"] for each in asked)


@pytest.mark.parametrize("reason", ["ConditionalCheckFailed", "TransactionConflict"])
def test_a_transaction_that_lost_a_race_is_refused(
    client: RecordingClient, table: DynamoTable, reason: str
) -> None:
    client.refusal = reason
    assert not table.transact([Insert(table, {"pk": "firm", "sk": "1"})])


def test_a_transaction_that_failed_otherwise_raises(
    client: RecordingClient, table: DynamoTable
) -> None:
    client.refusal = "ThrottlingError"
    with pytest.raises(ClientError):
        table.transact([Insert(table, {"pk": "firm", "sk": "1"})])
