"""A DynamoDB table reduced to the few operations this system needs.

Items are flat: strings, integers and booleans, addressed by `pk` and `sk`; anything nested is
JSON text in an attribute. Only `members` is a set of strings, read as a text with one in each line.
`version` gives optimistic locking: an item is replaced only if it is still the version that was
read. Expired items (`expires_at`, epoch seconds) are treated as gone, because DynamoDB deletes them
only within days.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Protocol

from botocore.exceptions import ClientError
from msgspec import Struct

from ml_connector import clock
from ml_connector.infrastructure import backoff

Scalar = str | int | bool
Item = dict[str, Scalar]
Key = tuple[str, str]
"""The `pk` and the `sk` of an item."""

LARGEST_ITEM = 400 * 1024
"""Bytes of one item, with the names of its attributes."""
LARGEST_TRANSACTION = 4 * 1024 * 1024
MOST_WRITES = 100
"""In one transaction."""

_BATCH = 25  # DynamoDB's limit for one BatchWriteItem
_BATCH_GET = 100  # and for one BatchGetItem
_MOST_TRIES = 8
"""Of what a batch leaves undone, without any progress: about six seconds on average."""
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 10.0  # seconds
_sleep = time.sleep


class Insert(Struct, frozen=True):
    """Write a new item; refused when one with its key exists (expired ones do not count)."""

    table: "Table"
    item: Item


class Replace(Struct, frozen=True):
    """Write `item` over the one whose `version` is `expected`; refused when it has changed."""

    table: "Table"
    item: Item
    expected: int


class Put(Struct, frozen=True):
    """Write `item`, overwriting any other."""

    table: "Table"
    item: Item


class Delete(Struct, frozen=True):
    """Remove an item; absent is fine."""

    table: "Table"
    pk: str
    sk: str


class DeleteUnchanged(Struct, frozen=True):
    """Remove `item`; refused unless it is stored exactly as given."""

    table: "Table"
    item: Item


class CheckVersion(Struct, frozen=True):
    """Write nothing; refuse the transaction when the item's `version` is not `expected`."""

    table: "Table"
    pk: str
    sk: str
    expected: int


Write = Insert | Replace | Put | Delete | DeleteUnchanged | CheckVersion


class Table(Protocol):
    """A table's operations; `DynamoTable` is the real one."""

    name: str

    def get(self, pk: str, sk: str) -> Item | None:
        """Return the item, strongly consistent, or None when absent or expired."""
        ...

    def get_many(self, pk: str, sks: Iterable[str]) -> list[Item]:
        """Return those of the items under `pk` that exist, as `get` does, in no certain order."""
        ...

    def get_each(self, keys: Iterable[Key]) -> list[Item]:
        """Do as `get_many` with keys of several `pk`."""
        ...

    def insert(self, item: Item) -> bool:
        """Write a new item; return False when its key is taken."""
        ...

    def put(self, item: Item) -> None:
        """Write an item, overwriting any other."""
        ...

    def put_all(self, items: Iterable[Item]) -> None:
        """Write many items, overwriting others; not atomic, safe to repeat."""
        ...

    def replace(self, item: Item, expected: int) -> bool:
        """Write over the item of version `expected`; return False when it has changed."""
        ...

    def change(
        self, pk: str, sk: str, expected: int, values: Item, without: Sequence[str] = ()
    ) -> bool:
        """Set attributes of the item of version `expected`, and remove those of `without`.

        Return False when it has changed, or is gone.
        """
        ...

    def transact(self, writes: Sequence[Write]) -> bool:
        """Do all writes (of any tables) or none; return False when a condition refused them."""
        ...

    def delete(self, pk: str, sk: str) -> None:
        """Remove an item; absent is fine."""
        ...

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """Remove many items of one `pk`; not atomic, safe to repeat."""
        ...

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """Add to the counter `used` unless that exceeds `ceiling`; return whether it was added."""
        ...

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """Set the counter `used` to at least this."""
        ...

    def join(self, pk: str, sk: str, member: str, most: int, expires_at: int) -> bool:
        """Add to the set `members`; return False when it has `most` others already."""
        ...

    def leave(self, pk: str, sk: str, member: str) -> list[str]:
        """Remove from the set `members`, where absent is fine; return those that are left."""
        ...

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """Yield the items under `pk` whose `sk` starts with `prefix`, in key order."""
        ...

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """Yield the items under `pk` with a `sk` from `first` to `last`, in key order."""
        ...

    def page(self, pk: str, after: str, most: int) -> list[Item]:
        """Return up to `most` items under `pk`, in key order: those that come after this `sk`."""
        ...

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Item]:
        """Yield items of a sparse index (`{index}_group`, `{index}_at`) up to `until`, in order.

        `at_a_time`: how many to read at once, for who does not need all.
        """
        ...

    def partitions(self, sk: str) -> Iterator[str]:
        """Yield the `pk` of every item with this `sk`; reads the full table."""
        ...


def to_wire(item: Mapping[str, Scalar]) -> dict[str, dict[str, Any]]:
    """Return the item in DynamoDB's typed JSON."""
    return {name: _value(value) for name, value in item.items()}


def from_wire(item: Mapping[str, Mapping[str, Any]]) -> Item:
    """Return a flat item from DynamoDB's typed JSON."""
    out: Item = {}
    for name, typed in item.items():
        ((kind, value),) = typed.items()
        if kind == "SS":
            value = "\n".join(sorted(value))
        out[name] = int(value) if kind == "N" else value
    return out


def is_expired(item: Mapping[str, Scalar]) -> bool:
    """Return whether the item's time to live is over."""
    return "expires_at" in item and int(item["expires_at"]) <= clock.epoch()


def members(item: Mapping[str, Scalar] | None) -> list[str]:
    """Return the members of an item's set, in order; none of an item without."""
    return str(item["members"]).split("\n") if item and item.get("members") else []


def item_size(item: Mapping[str, Scalar]) -> int:
    """Return the bytes that DynamoDB counts of an item, rounded up."""
    return sum(len(name.encode()) + len(str(value).encode()) for name, value in item.items())


def transaction_size(writes: Sequence[Write]) -> int:
    """Return the bytes of the items in a transaction."""
    return sum(
        0 if isinstance(each, Delete | CheckVersion) else item_size(each.item) for each in writes
    )


def _value(value: Scalar) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}


def _act(write: Write) -> dict[str, Any]:
    """Return the write as one action of a transaction."""
    if isinstance(write, Delete):
        return {"Delete": _keyed(write)}
    if isinstance(write, CheckVersion):
        return {"ConditionCheck": _keyed(write) | _version_is(write.expected)}
    if isinstance(write, DeleteUnchanged):
        return {"Delete": _removal(write)}
    return {"Put": _put(write)}


def _keyed(write: Delete | CheckVersion) -> dict[str, Any]:
    return {"TableName": write.table.name, "Key": to_wire({"pk": write.pk, "sk": write.sk})}


def _removal(write: DeleteUnchanged) -> dict[str, Any]:
    """Return the deletion of an item as it was read; names and values are numbered."""
    given = list(enumerate(write.item.items()))
    return {
        "TableName": write.table.name,
        "Key": to_wire({name: write.item[name] for name in ("pk", "sk")}),
        "ConditionExpression": " AND ".join(f"#n{at} = :v{at}" for at, _ in given),
        "ExpressionAttributeNames": {f"#n{at}": name for at, (name, _) in given},
        "ExpressionAttributeValues": to_wire({f":v{at}": value for at, (_, value) in given}),
    }


def _version_is(expected: int) -> dict[str, Any]:
    return {
        "ConditionExpression": "version = :expected",
        "ExpressionAttributeValues": {":expected": {"N": str(expected)}},
    }


def _put(write: Insert | Replace | Put) -> dict[str, Any]:
    base = {"TableName": write.table.name, "Item": to_wire(write.item)}
    if isinstance(write, Put):
        return base
    if isinstance(write, Replace):
        return base | _version_is(write.expected)
    return base | {
        "ConditionExpression": "attribute_not_exists(pk) OR expires_at <= :now",
        "ExpressionAttributeValues": {":now": {"N": str(int(clock.epoch()))}},
    }


def _in_batches(
    waiting: list[dict[str, Any]],
    size: int,
    process: Callable[[list[dict[str, Any]]], list[dict[str, Any]]],
    operation: str,
) -> None:
    """Pass everything to `process`, at most `size` at a time; it returns what is to be repeated.

    An answer may leave something undone because it is full (16 MB) or because the table is
    throttled: the latter is repeated with growing waits. Raises `ClientError`, as DynamoDB does
    when it processes nothing of a batch, after several batches in a row without any progress.
    """
    in_vain = 0
    while waiting:
        batch, waiting = waiting[:size], waiting[size:]
        left = process(batch)
        in_vain = in_vain + 1 if len(left) == len(batch) else 0
        if in_vain == _MOST_TRIES:
            raise _throttled(operation, len(left) + len(waiting))
        if left:
            _sleep(backoff.delay(in_vain, _FIRST_WAIT, _LONGEST_WAIT).total_seconds())
        waiting = left + waiting


def _throttled(operation: str, left: int) -> ClientError:
    text = f"DynamoDB keeps leaving {left} items of a batch unprocessed. Try again later."
    code = "ProvisionedThroughputExceededException"
    return ClientError({"Error": {"Code": code, "Message": text}}, operation)


# A write that meets a transaction of another is refused like one that comes too late.
_REFUSED = {"ConditionalCheckFailedException", "TransactionConflictException"}


def _is_refused(error: ClientError) -> bool:
    """Return whether a condition or another write refused it; of a transaction, any part of it."""
    answer = error.response
    reasons = {f"{reason.get('Code')}Exception" for reason in answer.get("CancellationReasons", ())}
    return bool({answer["Error"]["Code"], *reasons} & _REFUSED)


class DynamoTable:
    """The real table, over a botocore DynamoDB client."""

    def __init__(self, client: Any, name: str) -> None:
        """Use the table `name` through `client`."""
        self.client = client
        self.name = name

    def get(self, pk: str, sk: str) -> Item | None:
        """See `Table.get`."""
        answer = self.client.get_item(
            TableName=self.name, Key=to_wire({"pk": pk, "sk": sk}), ConsistentRead=True
        )
        item = from_wire(answer["Item"]) if "Item" in answer else None
        return None if item is None or is_expired(item) else item

    def get_many(self, pk: str, sks: Iterable[str]) -> list[Item]:
        """See `Table.get_many`."""
        return self.get_each((pk, sk) for sk in sks)

    def get_each(self, keys: Iterable[Key]) -> list[Item]:
        """See `Table.get_each`."""
        wanted = [to_wire({"pk": pk, "sk": sk}) for pk, sk in dict.fromkeys(keys)]
        found: list[Item] = []

        def read(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
            asked = {self.name: {"Keys": some, "ConsistentRead": True}}
            answer = self.client.batch_get_item(RequestItems=asked)
            found.extend(map(from_wire, answer["Responses"].get(self.name, ())))
            left = answer.get("UnprocessedKeys", {}).get(self.name, {})
            return list(left.get("Keys", ()))

        _in_batches(wanted, _BATCH_GET, read, "BatchGetItem")
        return [item for item in found if not is_expired(item)]

    def insert(self, item: Item) -> bool:
        """See `Table.insert`."""
        return self._conditional("put_item", **_put(Insert(self, item)))

    def put(self, item: Item) -> None:
        """See `Table.put`."""
        self.client.put_item(TableName=self.name, Item=to_wire(item))

    def put_all(self, items: Iterable[Item]) -> None:
        """See `Table.put_all`."""
        self._batch([{"PutRequest": {"Item": to_wire(item)}} for item in items])

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        """See `Table.delete_all`."""
        keys = (to_wire({"pk": pk, "sk": sk}) for sk in sks)
        self._batch([{"DeleteRequest": {"Key": key}} for key in keys])

    def _batch(self, waiting: list[dict[str, Any]]) -> None:
        def write(some: list[dict[str, Any]]) -> list[dict[str, Any]]:
            answer = self.client.batch_write_item(RequestItems={self.name: some})
            return list(answer.get("UnprocessedItems", {}).get(self.name, ()))

        _in_batches(waiting, _BATCH, write, "BatchWriteItem")

    def replace(self, item: Item, expected: int) -> bool:
        """See `Table.replace`."""
        return self._conditional("put_item", **_put(Replace(self, item, expected)))

    def change(
        self, pk: str, sk: str, expected: int, values: Item, without: Sequence[str] = ()
    ) -> bool:
        """See `Table.change`."""
        new = dict(enumerate(values.items()))
        assigned = ", ".join(f"#n{at} = :v{at}" for at in new)
        removed = ", ".join(f"#w{at}" for at in range(len(without)))
        names = {f"#n{at}": name for at, (name, _) in new.items()}
        names |= {f"#w{at}": name for at, name in enumerate(without)}
        given = {f":v{at}": value for at, (_, value) in new.items()}
        return self._conditional(
            "update_item",
            TableName=self.name,
            Key=to_wire({"pk": pk, "sk": sk}),
            UpdateExpression=f"SET {assigned}" + (f" REMOVE {removed}" if removed else ""),
            ConditionExpression="version = :expected",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=to_wire({**given, ":expected": expected}),
        )

    def transact(self, writes: Sequence[Write]) -> bool:
        """See `Table.transact`."""
        try:
            self.client.transact_write_items(TransactItems=[_act(w) for w in writes])
        except ClientError as error:
            if _is_refused(error):
                return False
            raise
        return True

    def delete(self, pk: str, sk: str) -> None:
        """See `Table.delete`."""
        self.client.delete_item(TableName=self.name, Key=to_wire({"pk": pk, "sk": sk}))

    def add(self, pk: str, sk: str, by: int, ceiling: int, expires_at: int) -> bool:
        """See `Table.add`."""
        if by > ceiling:
            return False
        return self._conditional(
            "update_item",
            TableName=self.name,
            Key=to_wire({"pk": pk, "sk": sk}),
            UpdateExpression="ADD used :by SET expires_at = :expires",
            ConditionExpression="attribute_not_exists(used) OR used <= :most",
            ExpressionAttributeValues=to_wire(
                {":by": by, ":most": ceiling - by, ":expires": expires_at}
            ),
        )

    def raise_to(self, pk: str, sk: str, used: int, expires_at: int) -> None:
        """See `Table.raise_to`."""
        self._conditional(
            "update_item",
            TableName=self.name,
            Key=to_wire({"pk": pk, "sk": sk}),
            UpdateExpression="SET used = :used, expires_at = :expires",
            ConditionExpression="attribute_not_exists(used) OR used < :used",
            ExpressionAttributeValues=to_wire({":used": used, ":expires": expires_at}),
        )

    def join(self, pk: str, sk: str, member: str, most: int, expires_at: int) -> bool:
        """See `Table.join`."""
        return self._conditional(
            "update_item",
            TableName=self.name,
            Key=to_wire({"pk": pk, "sk": sk}),
            UpdateExpression="ADD members :members SET expires_at = :expires",
            ConditionExpression=(
                "attribute_not_exists(members) OR size(members) < :most"
                " OR contains(members, :member)"
            ),
            ExpressionAttributeValues={
                ":members": {"SS": [member]},
                **to_wire({":member": member, ":most": most, ":expires": expires_at}),
            },
        )

    def leave(self, pk: str, sk: str, member: str) -> list[str]:
        """See `Table.leave`."""
        answer = self.client.update_item(
            TableName=self.name,
            Key=to_wire({"pk": pk, "sk": sk}),
            UpdateExpression="DELETE members :members",
            ExpressionAttributeValues={":members": {"SS": [member]}},
            ReturnValues="ALL_NEW",
        )
        return members(from_wire(answer.get("Attributes", {})))

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        """See `Table.query`."""
        condition = "pk = :pk AND begins_with(sk, :prefix)" if prefix else "pk = :pk"
        values = {":pk": pk, ":prefix": prefix} if prefix else {":pk": pk}
        return self._pages(
            KeyConditionExpression=condition,
            ExpressionAttributeValues=to_wire(values),
            ScanIndexForward=not backwards,
            ConsistentRead=True,
        )

    def between(self, pk: str, first: str, last: str) -> Iterator[Item]:
        """See `Table.between`."""
        return self._pages(
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues=to_wire({":pk": pk, ":first": first, ":last": last}),
            ConsistentRead=True,
        )

    def page(self, pk: str, after: str, most: int) -> list[Item]:
        """See `Table.page`."""
        values = to_wire({":pk": pk, ":after": after or " "})
        condition = "pk = :pk AND sk > :after"
        found = self._pages(
            KeyConditionExpression=condition, ExpressionAttributeValues=values, Limit=most
        )
        return list(islice(found, most))

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Item]:
        """See `Table.query_index`."""
        limit = {"Limit": at_a_time} if at_a_time else {}
        return self._pages(
            **limit,
            IndexName=index,
            KeyConditionExpression=f"{index}_group = :group AND {index}_at <= :until",
            ExpressionAttributeValues=to_wire({":group": group, ":until": until}),
        )

    def partitions(self, sk: str) -> Iterator[str]:
        """See `Table.partitions`."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name,
            ProjectionExpression="pk",
            FilterExpression="sk = :sk",
            ExpressionAttributeValues=to_wire({":sk": sk}),
        )
        for page in pages:
            yield from (item["pk"]["S"] for item in page["Items"])

    def _pages(self, **request: Any) -> Iterator[Item]:
        for page in self.client.get_paginator("query").paginate(TableName=self.name, **request):
            items = (from_wire(raw) for raw in page["Items"])
            yield from (item for item in items if not is_expired(item))

    def _conditional(self, operation: str, **request: Any) -> bool:
        try:
            getattr(self.client, operation)(**request)
        except ClientError as error:
            if _is_refused(error):
                return False
            raise
        return True
