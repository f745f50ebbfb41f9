"""What DynamoDB refuses because of its size is refused locally: over moto and in memory."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws import LocalAws
from local.in_memory.tables import InMemoryTable
from ml_connector.infrastructure.dynamodb import DynamoTable, Insert, Item, Put, Table

KB = 1024
Use = Callable[[Table], object]


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    running = LocalAws()
    running.start()
    schema = [("pk", "HASH"), ("sk", "RANGE")]
    running.client("dynamodb").create_table(
        TableName="one",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n, _ in schema],
        KeySchema=[{"AttributeName": n, "KeyType": kind} for n, kind in schema],
    )
    yield running
    running.stop()


@pytest.fixture(params=["memory", "dynamo"])
def table(request: pytest.FixtureRequest, aws: LocalAws) -> Table:
    if request.param == "memory":
        return InMemoryTable()
    return DynamoTable(aws.client("dynamodb"), "one")


def item_of(size: int, sk: str = "1") -> Item:
    """Return an item of this many bytes."""
    item: Item = {"pk": "firm", "sk": sk, "text": ""}
    return {**item, "text": "x" * (size - sum(len(k) + len(str(v)) for k, v in item.items()))}


def items_of(size: int, number: int) -> list[Item]:
    return [item_of(size, f"{index:03}") for index in range(number)]


def key(length: int) -> Item:
    return {"pk": "firm", "sk": "k" * length}


REFUSED: dict[str, Use] = {
    "an item": lambda table: table.put(item_of(400 * KB + 1)),
    "a new item": lambda table: table.insert(item_of(400 * KB + 1, "new")),
    "an item in other letters": lambda table: table.put({**item_of(KB), "more": "é" * 205_000}),
    "an item of a batch": lambda table: table.put_all([item_of(KB), item_of(400 * KB + 1, "2")]),
    "an item of a transaction": lambda table: table.transact(
        [Put(table, item_of(400 * KB + 1)), Put(table, item_of(KB, "2"))]
    ),
    "a transaction in bytes": lambda table: table.transact(
        [Insert(table, each) for each in items_of(390 * KB, 11)]
    ),
    "a transaction in items": lambda table: table.transact(
        [Put(table, each) for each in items_of(100, 101)]
    ),
    "a sort key": lambda table: table.put(key(1025)),
    "a partition key": lambda table: table.put({"pk": "k" * 2049, "sk": "1"}),
}


@pytest.mark.parametrize("use", REFUSED.values(), ids=REFUSED)
def test_what_is_too_large_is_refused(table: Table, use: Use) -> None:
    with pytest.raises(ClientError) as raised:
        use(table)
    assert raised.value.response["Error"]["Code"] == "ValidationException"


TAKEN: dict[str, Use] = {
    "an item": lambda table: table.put(item_of(404_000)),  # moto takes a little less
    "a transaction": lambda table: table.transact(
        [Put(table, each) for each in items_of(10 * KB, 100)]
    ),
    "a transaction in bytes": lambda table: table.transact(
        [Put(table, each) for each in items_of(390 * KB, 10)]
    ),
    "a sort key": lambda table: table.put(key(1024)),
}


@pytest.mark.parametrize("use", TAKEN.values(), ids=TAKEN)
def test_what_just_fits_is_taken(table: Table, use: Use) -> None:
    use(table)


@pytest.mark.parametrize(("operation", "most"), [("write", 25), ("get", 100)])
def test_a_batch_of_too_many_is_refused(aws: LocalAws, operation: str, most: int) -> None:
    client = aws.client("dynamodb")
    keys = [{"pk": {"S": "firm"}, "sk": {"S": f"{n:03}"}} for n in range(most + 1)]

    def ask(some: list[Any]) -> None:
        if operation == "get":
            client.batch_get_item(RequestItems={"one": {"Keys": some}})
        else:
            writes = [{"PutRequest": {"Item": each}} for each in some]
            client.batch_write_item(RequestItems={"one": writes})

    ask(keys[:most])
    with pytest.raises(ClientError, match=f"less than or equal to {most}"):
        ask(keys)


def test_an_answer_of_more_than_16_mb_leaves_keys_unprocessed(aws: LocalAws) -> None:
    table = DynamoTable(aws.client("dynamodb"), "one")
    items = items_of(380 * KB, 45)
    table.put_all(items)
    keys = [{"pk": {"S": "firm"}, "sk": {"S": str(each["sk"])}} for each in items]
    answer = table.client.batch_get_item(RequestItems={"one": {"Keys": keys}})
    assert len(answer["Responses"]["one"]) == 43
    assert len(answer["UnprocessedKeys"]["one"]["Keys"]) == 2
    assert len(table.get_many("firm", [str(each["sk"]) for each in items])) == 45
