"""What DynamoDB is asked for, where a local DynamoDB would not show the difference."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from ml_connector.infrastructure import dynamodb
from ml_connector.infrastructure.dynamodb import DynamoTable, Insert


class RecordingClient:
    """Answers with nothing, and records each request."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.unprocessed = 0
        self.is_throttled = False
        self.refusal: str | None = None

    def get_item(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return the keys that were asked for, but as many not yet as the test says."""
        self.requests.append(request)
        ((name, asked),) = request["RequestItems"].items()
        keys, left = asked["Keys"], self.unprocessed
        self.unprocessed = 0 if not self.is_throttled else left
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
        left = batch[: self.unprocessed]
        self.unprocessed = 0 if not self.is_throttled else self.unprocessed
        return {"UnprocessedItems": {name: left}} if left else {}

    def transact_write_items(self, **request: Any) -> None:
        self.requests.append(request)
        if self.refusal:
            reasons = [{"Code": "None"}, {"Code": self.refusal}]
            error: Any = {"Error": {"Code": "TransactionCanceledException"}}
            raise ClientError(error | {"CancellationReasons": reasons}, "TransactWriteItems")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds waited between the tries of a batch, without waiting them."""
    waited: list[float] = []
    monkeypatch.setattr(dynamodb, "_sleep", waited.append)
    monkeypatch.setattr("random.uniform", lambda _, longest: longest)
    return waited


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
    list(table.between("firm", "order#1", "order#2"))
    assert [request["ConsistentRead"] for request in client.requests] == [True] * 4


def test_what_a_batch_left_unprocessed_is_written_again(
    client: RecordingClient, table: DynamoTable, waits: list[float]
) -> None:
    client.unprocessed = 2
    table.put_all({"pk": "firm", "sk": f"{number}"} for number in range(3))
    sizes = [len(request["RequestItems"]["ledger"]) for request in client.requests]
    assert sizes == [3, 2]
    assert len(waits) == 1


def test_what_a_batch_left_unread_is_read_again(
    client: RecordingClient, table: DynamoTable, waits: list[float]
) -> None:
    client.unprocessed = 2
    found = table.get_many("firm", ["1", "2", "3"])
    assert sorted(str(item["sk"]) for item in found) == ["1", "2", "3"]
    asked = [request["RequestItems"]["ledger"] for request in client.requests]
    assert [len(each["Keys"]) for each in asked] == [3, 2]
    assert all(each["ConsistentRead"] for each in asked)
    assert len(waits) == 1


def _write_three(table: DynamoTable) -> None:
    table.put_all({"pk": "firm", "sk": f"{number}"} for number in range(3))


def _delete_three(table: DynamoTable) -> None:
    table.delete_all("firm", ["1", "2", "3"])


def _read_three(table: DynamoTable) -> None:
    table.get_many("firm", ["1", "2", "3"])


@pytest.mark.parametrize("use", [_write_three, _delete_three, _read_three])
def test_a_batch_that_is_never_processed_ends_as_throttled(
    client: RecordingClient, table: DynamoTable, waits: list[float], use: Any
) -> None:
    client.unprocessed, client.is_throttled = 3, True
    with pytest.raises(ClientError) as raised:
        use(table)
    assert raised.value.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert waits == sorted(set(waits)), "each wait is longer than the one before"
    assert len(client.requests) == len(waits) + 1 <= 10
    assert sum(waits) < 30, "a worker has 60 seconds"


def test_a_batch_goes_on_as_long_as_some_of_it_is_processed(
    client: RecordingClient,
    table: DynamoTable,
    waits: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client.unprocessed, client.is_throttled = 24, True

    def wait(seconds: float) -> None:
        client.unprocessed -= 1
        waits.append(seconds)

    monkeypatch.setattr(dynamodb, "_sleep", wait)
    table.put_all({"pk": "firm", "sk": f"{number:02}"} for number in range(25))
    assert len(client.requests) == 25
    assert max(waits) <= 0.1


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
