"""A stack in memory whose n-th call to AWS fails, before it is done or after.

Tables and queues are in memory. What an error means is decided by the product's own adapters
(`DynamoTable`, `Queues`): they meet it over a client that raises it. The secret store is the
product's, over clients in memory.
"""

import base64
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal, NamedTuple, NoReturn

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from local.in_memory.stack import InMemoryQueues
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.faults import Fault, Halt
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.aws_faults import is_of_aws
from ml_connector.infrastructure.channels import SnsTopic
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message, Queues
from ml_connector.infrastructure.secret_store import EXACT_APP, AwsSecretStore
from tests.aws_errors import model

_ANY = ConnectionId("firm")
_SEALED = {"v": 1, "key": "eA==", "nonce": "eA==", "data": "eA=="}
_URLS = {PURCHASE_ORDERS: "https://sqs.test/po.fifo", VENDORS: "https://sqs.test/vendors.fifo"}
_METHODS = (
    "get", "get_many", "get_each", "insert", "put", "put_all", "replace", "change", "transact",
    "delete", "delete_all", "add",
    "join", "leave", "raise_to", "query", "between", "query_index", "partitions",
)  # fmt: skip


class Call(NamedTuple):
    """A call to AWS: which operation of which service, on what, and how to meet an error there."""

    service: str
    operation: str
    of: str
    method: str = ""
    """The adapter's method, where several of them call one operation."""

    @property
    def writes(self) -> bool:
        """Return whether the call changes something."""
        return not self.operation.startswith(("Get", "Query", "Scan", "BatchGet", "Decrypt"))


class Site(NamedTuple):
    """A call of a protocol, and how many equal ones come before it."""

    call: Call
    before: int


class Failure(NamedTuple):
    """An error of AWS; `is_done`: the call was done nevertheless.

    `lasts`: every later call of the service, or all of them, fails in the same way.
    """

    error: Exception
    is_done: bool = False
    lasts: Literal["", "service", "all"] = ""


@dataclass
class Plan:
    """Which call fails, and the calls that were made since the plan was set."""

    at: Site | None = None
    fault: Failure | None = None
    calls: list[Call] = field(default_factory=list)
    is_on: bool = False
    failed_at: Call | None = None
    """The first call that failed."""
    _failing: str = ""
    _depth: int = 0

    @contextmanager
    def on(self, at: Site | None = None, fault: Failure | None = None) -> Iterator[None]:
        """Note the calls within the block, and let the one at `at` fail."""
        self.at, self.fault, self.calls, self.is_on = at, fault, [], True
        self.failed_at, self._failing = None, ""
        try:
            yield
        finally:
            self.is_on = False

    def meet(self, call: Call, make: Callable[[], Any], fail: Callable[[Exception], Any]) -> Any:
        """Make the call, or let it fail with `fail` if it is the one."""
        if not self.is_on or self._depth:
            return make()
        fault, is_it = self.fault, Site(call, self.calls.count(call)) == self.at
        self.calls.append(call)
        if fault and fault.lasts and is_it:
            self._failing = call.service if fault.lasts == "service" else "all"
        is_it = is_it or self._failing in {call.service, "all"}
        if not fault or not is_it:
            return self._make(make)
        self.failed_at = self.failed_at or call
        if fault.is_done and self.failed_at is call:
            self._make(make)
        return fail(fault.error)

    def _make(self, make: Callable[[], Any]) -> Any:
        self._depth += 1
        try:
            return make()
        finally:
            self._depth -= 1


class Raising:
    """A client each of whose operations raises the same error; it notes which was called."""

    def __init__(self, error: Exception, service: str = "dynamodb") -> None:
        """Raise this error."""
        self._error = error
        self.called = ""
        self.exceptions = model.client(service).exceptions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operation; of a paginator, its operation."""

        def operation(*given: Any, **_: Any) -> NoReturn:
            self.called = given[0] if name == "get_paginator" else name
            raise self._error.with_traceback(None)

        return operation


class _NotedError(Exception):
    """The operation was noted."""


class FaultyTable(InMemoryTable):
    """A table of a plan: each method is one call to DynamoDB."""

    def __init__(self, name: str, plan: Plan) -> None:
        """Start empty."""
        super().__init__(name)
        self.plan = plan


def _faulty(method: str) -> Callable[..., Any]:
    def faulty(self: FaultyTable, *given: Any, **named: Any) -> Any:
        given = tuple(list(each) if isinstance(each, Iterator) else each for each in given)

        def make() -> Any:
            return getattr(InMemoryTable, method)(self, *given, **named)

        def fail(error: Exception) -> Any:
            return _done(getattr(DynamoTable(Raising(error), self.name), method)(*given, **named))

        if not self.plan.is_on or (given and given[-1] == []):  # an empty batch calls nothing
            return make()
        call = Call("dynamodb", _operation(method), self.name, method)
        return self.plan.meet(call, make, fail)

    return faulty


for _method in _METHODS:
    setattr(FaultyTable, _method, _faulty(_method))


def _done(answer: Any) -> Any:
    """Return the answer; one that is read page by page fails at its first."""
    return list(answer) if isinstance(answer, Iterator) else answer


_EXAMPLES: dict[str, Sequence[Any]] = {
    "get": ("pk", "sk"), "get_many": ("pk", ["sk"]), "get_each": ([("pk", "sk")],),
    "insert": ({"pk": "", "sk": ""},),
    "put": ({"pk": "", "sk": ""},), "put_all": ([{"pk": "", "sk": ""}],),
    "replace": ({"pk": "", "sk": ""}, 1), "change": ("pk", "sk", 1, {"a": 1}),
    "between": ("pk", "a", "b"), "transact": ([],), "delete": ("pk", "sk"),
    "delete_all": ("pk", ["sk"]), "add": ("pk", "sk", 1, 2, 3),
    "join": ("pk", "sk", "a", 1, 2), "leave": ("pk", "sk", "a"), "raise_to": ("pk", "sk", 1, 2),
    "query": ("pk",), "query_index": ("due", "group", "until"), "partitions": ("sk",),
}  # fmt: skip


@cache
def _operation(method: str) -> str:
    """Return the operation that a method of a table calls, as the adapter does."""
    return called("dynamodb", lambda client: _use_table(client, method))


def _use_table(client: Any, method: str) -> Any:
    return _done(getattr(DynamoTable(client, "t"), method)(*_EXAMPLES[method]))


def called(service: str, use: Callable[[Any], Any]) -> str:
    """Return the operation that an adapter calls of a client of the service."""
    raising = Raising(_NotedError(), service)
    try:
        _done(use(raising))
    except _NotedError:
        return next(op for op in model.operations()[service] if xform_name(op) == raising.called)
    raise AssertionError("no operation was called")


def _send(client: Any) -> None:
    Queues(client, _URLS).send(Message(VENDORS, "group", {}))


_SECRETS: dict[str, Callable[[AwsSecretStore], object]] = {
    "GetSecretValue": lambda store: store.app(_ANY),
    "PutSecretValue": lambda store: store.store(EXACT_APP, _ANY, {}),
    "GenerateDataKey": lambda store: store.prepare_sealing(_ANY),
    "Decrypt": lambda store: store.open_copy(_ANY, json.dumps(_SEALED)),
}


def handling(call: Call, error: Exception) -> str:
    """Return what the product's adapter makes of an error at this call.

    Errors that are handled alike have the same effect on a protocol.
    """
    raising = Raising(error, call.service)
    answer: Any = None
    try:
        if call.service == "dynamodb":
            answer = _use_table(raising, call.method)
        elif call.service == "sqs":
            _send(raising)
        elif call.service == "sns":
            SnsTopic(lambda: raising, "arn").send("", "")
        else:
            store = AwsSecretStore(raising, raising, "connector", "key")
            answer = _SECRETS[call.operation](store)
    except Fault as fault:
        return (
            f"{type(fault).__name__} {fault.problem.code}" if isinstance(fault, Halt) else "fault"
        )
    except (ClientError, BotoCoreError) as raised:
        kind = "answered" if isinstance(raised, ClientError) else "unanswered"
        return f"raised, {kind}, {'of AWS' if is_of_aws(raised) else 'over what was given'}"
    return f"returns {answer!r}"


@dataclass
class FaultyQueues(InMemoryQueues):
    """The queues of a plan."""

    plan: Plan = field(default_factory=Plan)

    def send(self, message: Any, once: str | None = None) -> None:
        """See `Queues.send`."""
        call = Call("sqs", called("sqs", _send), message.queue)

        def fail(error: Exception) -> Any:
            return Queues(Raising(error), _URLS).send(message, once)

        self.plan.meet(call, lambda: InMemoryQueues.send(self, message, once), fail)


class FaultyClient:
    """A client of a plan over operations in memory, with the real one's classes of errors."""

    def __init__(self, service: str, plan: Plan, does: Any) -> None:
        """Do what the object's methods do."""
        self._service, self._plan, self._does = service, plan, does
        self.exceptions = model.client(service).exceptions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return an operation."""
        operation = next(o for o in model.operations()[self._service] if xform_name(o) == name)

        def call(**given: Any) -> Any:
            def fail(error: Exception) -> NoReturn:
                raise error.with_traceback(None)

            where = str(given.get("SecretId", given.get("Name", "")))
            make = getattr(self._does, name)
            return self._plan.meet(
                Call(self._service, operation, where), lambda: make(**given), fail
            )

        return call


class Secrets:
    """Secrets Manager in memory."""

    def __init__(self) -> None:
        """Start without secrets."""
        self.texts: dict[str, str] = {}

    def get_secret_value(self, **given: str) -> dict[str, str]:
        """Return a secret."""
        self._refuse_missing("GetSecretValue", given["SecretId"])
        return {"SecretString": self.texts[given["SecretId"]]}

    def put_secret_value(self, **given: str) -> None:
        """Store a new version."""
        self._refuse_missing("PutSecretValue", given["SecretId"])
        self.texts[given["SecretId"]] = given["SecretString"]

    def create_secret(self, **given: str) -> None:
        """Create a secret."""
        self.texts[given["Name"]] = given["SecretString"]

    def _refuse_missing(self, operation: str, name: str) -> None:
        if name not in self.texts:
            raise model.refusal("secretsmanager", operation, "ResourceNotFoundException")


class Kms:
    """A key in memory: a wrapped key is the key, turned round."""

    def generate_data_key(self, **_: Any) -> dict[str, bytes]:
        """Return a new key."""
        key = secrets.token_bytes(32)
        return {"Plaintext": key, "CiphertextBlob": base64.b64encode(key[::-1])}

    def decrypt(self, **given: Any) -> dict[str, bytes]:
        """Unwrap a key."""
        return {"Plaintext": base64.b64decode(given["CiphertextBlob"])[::-1]}


class Sns:
    """A topic in memory."""

    def __init__(self) -> None:
        """Start without messages."""
        self.subjects: list[str] = []

    def publish(self, **given: str) -> None:
        """Take a message."""
        self.subjects.append(given["Subject"])


@dataclass
class Aws:
    """The clients of a plan; a new process opens its secret store anew."""

    plan: Plan
    secrets: Secrets = field(default_factory=Secrets)
    kms: Kms = field(default_factory=Kms)
    sns: Sns = field(default_factory=Sns)

    def secret_store(self) -> AwsSecretStore:
        """Return a secret store without any cached value."""
        manager = FaultyClient("secretsmanager", self.plan, self.secrets)
        return AwsSecretStore(manager, FaultyClient("kms", self.plan, self.kms), "connector", "key")

    def topic(self) -> SnsTopic:
        """Return a topic."""
        return SnsTopic(lambda: FaultyClient("sns", self.plan, self.sns), "arn")
