"""What DynamoDB refuses because of its size, and moto does not: of one request, in its own JSON.

An item has at most 400 KB with the names of its attributes, a partition key 2,048 bytes and a sort
key 1,024; a transaction has 100 actions and 4 MB, a batch 25 writes or 100 keys. That a batch of
reads answers at most 16 MB is played by moto.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

WireItem = Mapping[str, Mapping[str, Any]]

LARGEST_ITEM = 400 * 1024
LARGEST_TRANSACTION = 4 * 1024 * 1024
_LARGEST_KEYS = {"pk": ("hashkey", 2048), "sk": ("rangekey", 1024)}
_MOST = {"TransactWriteItems": 100, "BatchWriteItem": 25, "BatchGetItem": 100}


def refusal(operation: str, request: Mapping[str, Any]) -> str | None:
    """Return the message of DynamoDB's `ValidationException`; None when it takes the request."""
    actions = list(_actions(operation, request))
    most = _MOST.get(operation)
    if most is not None and not 0 < len(actions) <= most:
        return f"Member must have length less than or equal to {most}, and at least 1"
    items = [action["Item"] for action in actions if "Item" in action]
    sizes = [item_size(item) for item in items]
    if any(size > LARGEST_ITEM for size in sizes):
        return "Item size has exceeded the maximum allowed size"
    if operation == "TransactWriteItems" and sum(sizes) > LARGEST_TRANSACTION:
        return "Transaction cannot exceed the maximum size of 4 MB"
    keys = [*items, *(action["Key"] for action in actions if "Key" in action)]
    return next((text for key in keys if (text := _refused_key(key))), None)


def item_size(item: WireItem) -> int:
    """Return the bytes of an item."""
    return sum(len(name.encode()) + _value_size(value) for name, value in item.items())


def invalid(text: str, operation: str) -> ClientError:
    """Return the error that botocore raises for a refusal."""
    return ClientError({"Error": {"Code": "ValidationException", "Message": text}}, operation)


def _actions(operation: str, request: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if operation == "TransactWriteItems":
        yield from (one for each in request["TransactItems"] for one in each.values())
    elif operation == "BatchWriteItem":
        for writes in request["RequestItems"].values():
            yield from (one for each in writes for one in each.values())
    elif operation == "BatchGetItem":
        for asked in request["RequestItems"].values():
            yield from ({"Key": key} for key in asked["Keys"])
    elif "Item" in request or "Key" in request:
        yield request


def _value_size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    if kind == "N":
        return len(str(value).lstrip("-").replace(".", "")) // 2 + 2
    return 1 if kind in ("BOOL", "NULL") else len(str(value).encode())


def _refused_key(key: WireItem) -> str | None:
    for name, (kind, most) in _LARGEST_KEYS.items():
        if name in key and _value_size(key[name]) > most:
            return (
                f"One or more parameter values were invalid: Size of {kind} has exceeded the "
                f"maximum size limit of{most} bytes"
            )
    return None
