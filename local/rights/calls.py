"""Which rights an AWS call needs: those of the call itself, and the key that the service uses.

A service that encrypts asks KMS in the caller's name, under `kms:ViaService`.
"""

import re
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.rights.conditions import Context
from local.rights.intrinsics import Place

Params = Mapping[str, Any]
VIA = "kms:viaservice"
_HASH_KEY = re.compile(r"\s*([#\w]+)\s*=\s*(:\w+)")
_SUFFIX = "-AbCdEf"  # Secrets Manager ends a secret's ARN with six characters of its own
_WRITES = {"PutItem": "Item", "GetItem": "Key", "DeleteItem": "Key", "UpdateItem": "Key"}
_TRANSACTED = {
    "Put": "PutItem",
    "Delete": "DeleteItem",
    "Update": "UpdateItem",
    "ConditionCheck": "ConditionCheckItem",
}
# What each action asks of the key: a service that encrypts also reads its data key again.
_DECRYPT, _ENCRYPT = ("kms:Decrypt",), ("kms:GenerateDataKey", "kms:Decrypt")
_SQS: dict[str, tuple[str, ...]] = {
    "ChangeMessageVisibility": (),
    "DeleteMessage": (),
    "GetQueueAttributes": (),
    "ReceiveMessage": _DECRYPT,
    "SendMessage": _ENCRYPT,
}
_SECRETS: dict[str, tuple[str, ...]] = {
    "CreateSecret": _ENCRYPT,
    "DeleteSecret": (),
    "DescribeSecret": (),
    "GetSecretValue": _DECRYPT,
    "PutSecretValue": _ENCRYPT,
}
_KMS = {"Decrypt", "Encrypt", "GenerateDataKey"}


@dataclass(frozen=True, eq=False)
class Need:
    """One right that a call needs; those that recur are the same object."""

    action: str
    resource: str
    context: Context


class UnknownCallError(Exception):
    """A call whose rights are not known here: it is refused rather than guessed."""


@dataclass(frozen=True)
class Encryption:
    """The keys (ARNs) of tables, queues and topics by their ARN, and the key of all secrets."""

    of: Mapping[str, str]
    of_secrets: str | None = None


class Calls:
    """Translates calls to the rights they need."""

    def __init__(
        self, place: Place, encryption: Encryption, hash_keys: Mapping[tuple[str, str], str]
    ) -> None:
        """`hash_keys` names the partition key of a table (ARN) and index ("" for the table)."""
        self._place = place
        self._encryption = encryption
        self._hash_keys = hash_keys
        self._recurring: dict[Hashable, list[Need]] = {}
        self._of: dict[str, Callable[[str, Params], Iterator[Need]]] = {
            "cloudformation": self._cloudformation,
            "dynamodb": self._dynamodb,
            "kms": self._kms,
            "secretsmanager": self._secretsmanager,
            "ses": self._ses,
            "sns": self._sns,
            "sqs": self._sqs,
            "sts": self._sts,
        }

    def needs(self, service: str, operation: str, params: Params) -> list[Need]:
        """Return the rights that a call needs; raises `UnknownCallError`."""
        try:
            return list(self._of[service](operation, params))
        except (KeyError, TypeError, AttributeError) as error:
            raise UnknownCallError(f"{service}:{operation}") from error

    def table(
        self, action: str, table: str, leading: Sequence[str] = (), index: str = ""
    ) -> Iterator[Need]:
        """Yield what an action on a table (by name) or its index needs, and its key."""
        arn = self._place.arn(f"dynamodb:{{region}}:{{account}}:table/{table}")
        resource = f"{arn}/index/{index}" if index else arn
        context = {"dynamodb:leadingkeys": tuple(sorted(set(leading)))} if leading else {}
        yield Need(f"dynamodb:{action}", resource, context)
        yield from self._key(arn, "dynamodb", _DECRYPT, {"aws:dynamodb:tableName": table})

    def queue(self, action: str, queue: str) -> Iterator[Need]:
        """Yield what an action on a queue (by name) needs, and its key."""
        arn = self._place.arn(f"sqs:{{region}}:{{account}}:{queue}")
        yield Need(f"sqs:{action}", arn, {})
        yield from self._key(arn, "sqs", _SQS[action], {"aws:sqs:arn": arn})

    def secret(self, action: str, name: str) -> Iterator[Need]:
        """Yield what an action on a secret (by name or ARN) needs, and its key."""
        rest = f"secretsmanager:{{region}}:{{account}}:secret:{name}{_SUFFIX}"
        arn = name if name.startswith("arn:") else self._place.arn(rest)
        yield Need(f"secretsmanager:{action}", arn, {})
        if self._encryption.of_secrets:
            key, context = self._encryption.of_secrets, {"SecretARN": arn, "SecretVersionId": "v"}
            yield from self._via("secretsmanager", key, _SECRETS[action], context)

    def key(self, action: str, key: str, context: Mapping[str, str]) -> Iterator[Need]:
        """Yield what a direct use of a key (by id or ARN) needs."""
        rest = f"kms:{{region}}:{{account}}:key/{key}"
        arn = key if key.startswith("arn:") else self._place.arn(rest)
        yield Need(f"kms:{action}", arn, _encryption_context(context))

    def topic(self, action: str, arn: str) -> Iterator[Need]:
        """Yield what an action on a topic needs, and its key."""
        yield Need(f"sns:{action}", arn, {})
        yield from self._key(arn, "sns", _ENCRYPT, {"aws:sns:topicArn": arn})

    def _key(
        self, of: str, service: str, actions: Sequence[str], context: Mapping[str, str]
    ) -> Iterator[Need]:
        if key := self._encryption.of.get(of):
            yield from self._via(service, key, actions, context)

    def _via(
        self, service: str, key: str, actions: Sequence[str], context: Mapping[str, str]
    ) -> Iterator[Need]:
        recurring = (service, key, *actions, *context.items())
        if recurring not in self._recurring:
            via = f"{service}.{self._place.region}.amazonaws.com"
            full = {VIA: (via,)} | _encryption_context(context)
            self._recurring[recurring] = [Need(action, key, full) for action in actions]
        yield from self._recurring[recurring]

    def _dynamodb(self, operation: str, params: Params) -> Iterator[Need]:
        if operation == "TransactWriteItems":
            for each in params["TransactItems"]:
                ((kind, inner),) = each.items()
                leading = self._leading(inner["TableName"], [inner.get("Item") or inner["Key"]])
                yield from self.table(_TRANSACTED[kind], inner["TableName"], leading)
        elif operation == "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                inner = (one for request in requests for one in request.values())
                items = [each.get("Item") or each["Key"] for each in inner]
                yield from self.table(operation, table, self._leading(table, items))
        elif operation == "BatchGetItem":
            for table, asked in params["RequestItems"].items():
                yield from self.table(operation, table, self._leading(table, asked["Keys"]))
        elif operation == "Query":
            table, index = params["TableName"], params.get("IndexName", "")
            yield from self.table(operation, table, self._queried(table, index, params), index)
        elif operation == "Scan":
            yield from self.table(operation, params["TableName"])
        else:
            item = params[_WRITES[operation]]
            leading = self._leading(params["TableName"], [item])
            yield from self.table(operation, params["TableName"], leading)

    def _leading(self, table: str, items: Sequence[Params]) -> list[str]:
        name = self._hash_key(table, "")
        return [_text(item[name]) for item in items]

    def _queried(self, table: str, index: str, params: Params) -> list[str]:
        """Return the partition key that a query asks for; raises KeyError for other forms."""
        names = params.get("ExpressionAttributeNames", {})
        for part in params["KeyConditionExpression"].split(" AND "):
            match = _HASH_KEY.fullmatch(part)
            if match and names.get(match[1], match[1]) == self._hash_key(table, index):
                return [_text(params["ExpressionAttributeValues"][match[2]])]
        raise KeyError("no partition key")

    def _hash_key(self, table: str, index: str) -> str:
        arn = self._place.arn(f"dynamodb:{{region}}:{{account}}:table/{table}")
        return self._hash_keys[arn, index]

    def _sqs(self, operation: str, params: Params) -> Iterator[Need]:
        queue = params["QueueUrl"].rpartition("/")[2]
        yield from self.queue(operation.removesuffix("Batch"), queue)

    def _sns(self, operation: str, params: Params) -> Iterator[Need]:
        if operation == "ListSubscriptionsByTopic":  # it reads nothing that is encrypted
            yield Need("sns:ListSubscriptionsByTopic", params["TopicArn"], {})
            return
        if operation == "Subscribe":
            yield Need("sns:Subscribe", params["TopicArn"], {"sns:protocol": (params["Protocol"],)})
            return
        yield from self.topic({"Publish": "Publish"}[operation], params["TopicArn"])

    def _ses(self, operation: str, params: Params) -> Iterator[Need]:
        """Yield the right to send as the sender: its own identity, else that of its domain."""
        sender = {"SendEmail": params}[operation]["FromEmailAddress"]
        arn = self._place.arn(f"ses:{{region}}:{{account}}:identity/{sender}")
        yield Need("ses:SendEmail", arn, {"ses:fromaddress": (sender,)})

    def _secretsmanager(self, operation: str, params: Params) -> Iterator[Need]:
        needs = list(self.secret(operation, params.get("SecretId") or params["Name"]))
        # Nothing is encrypted yet when a secret is created without a value.
        empty = operation == "CreateSecret" and "SecretString" not in params
        yield from needs[:1] if empty else needs

    def _kms(self, operation: str, params: Params) -> Iterator[Need]:
        if operation not in _KMS:
            raise KeyError(operation)
        yield from self.key(operation, params["KeyId"], params.get("EncryptionContext", {}))

    def _cloudformation(self, operation: str, params: Params) -> Iterator[Need]:
        stack = f"cloudformation:{{region}}:{{account}}:stack/{params['StackName']}/{'0' * 8}"
        yield Need(f"cloudformation:{operation}", self._place.arn(stack), {})

    def _sts(self, operation: str, _params: Params) -> Iterator[Need]:
        if operation != "GetCallerIdentity":  # that one AWS allows everybody
            raise KeyError(operation)
        yield from ()


def _encryption_context(context: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    values = {f"kms:encryptioncontext:{name.lower()}": (text,) for name, text in context.items()}
    return values | {"kms:encryptioncontextkeys": tuple(sorted(context))} if context else {}


def _text(value: Mapping[str, Any]) -> str:
    """Return the text of a key in DynamoDB's typed JSON."""
    ((_, text),) = value.items()
    return str(text)
