"""Record the AWS calls of a stack's functions, to compare them with what their roles allow."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.client import BaseClient

from local.functions import LocalFunction
from local.stack import LocalStack
from tests.template.deployed import FUNCTIONS, actions_on, actions_on_table, rights, secrets_of

_running: ContextVar[str | None] = ContextVar("running", default=None)


@dataclass(frozen=True)
class UsedRight:
    """One right a function used, on a resource of the stack or a kind of secret."""

    function: str
    action: str
    resource: str


class CallRecorder:
    """Records the AWS calls made while a function of the stack runs."""

    def __init__(self, stack: LocalStack) -> None:
        self.used: set[UsedRight] = set()
        kinds = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic")
        names = [name for kind in kinds for name in stack.template.of_type(kind)]
        self._logical = {stack.resource(name): name for name in names}
        self._names = {stack.resource(function): function for function in FUNCTIONS}

    def record(self, service: str, operation: str, request: dict[str, Any]) -> None:
        function = self._names.get(_running.get() or "")
        if function is not None:
            for action, resource in self._rights(service, operation, request):
                self.used.add(UsedRight(function, action, resource))

    def _rights(
        self, service: str, operation: str, request: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        if operation == "TransactWriteItems":
            for item in request["TransactItems"]:
                ((kind, inner),) = item.items()
                action = {"ConditionCheck": "ConditionCheckItem"}.get(kind, f"{kind}Item")
                yield f"dynamodb:{action}", self._logical[inner["TableName"]]
        elif operation in ("BatchWriteItem", "BatchGetItem"):
            for table in request["RequestItems"]:
                yield f"dynamodb:{operation}", self._logical[table]
        elif service == "dynamodb":
            index = f"/index/{request['IndexName']}" if "IndexName" in request else ""
            yield f"dynamodb:{operation}", self._logical[request["TableName"]] + index
        elif service == "sqs":
            action = operation.removesuffix("Batch")
            yield f"sqs:{action}", self._logical[request["QueueUrl"]]
        elif service == "sns":
            yield f"sns:{operation}", self._logical[request["TopicArn"]]
        elif service == "secretsmanager":
            yield f"secretsmanager:{operation}", request["SecretId"].split("/")[-2]
        else:
            context = ",".join(request.get("EncryptionContext", {}))
            yield f"{service}:{operation}", f"context {context}"


@contextmanager
def recording_calls(stack: LocalStack) -> Iterator[CallRecorder]:
    """Record the calls of the stack's functions until the block ends."""
    recorder = CallRecorder(stack)
    with pytest.MonkeyPatch.context() as patch:
        _attribute_calls(patch, recorder)
        yield recorder


def _attribute_calls(patch: pytest.MonkeyPatch, recorder: CallRecorder) -> None:
    base: Any = BaseClient
    call, make = LocalFunction.__call__, base._make_api_call

    def running(self: LocalFunction, event: Any) -> Any:
        before = _running.set(self.name)
        try:
            return call(self, event)
        finally:
            _running.reset(before)

    def recorded(self: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        recorder.record(self.meta.service_model.service_name, operation, request)
        return make(self, operation, request)

    patch.setattr(LocalFunction, "__call__", running)
    patch.setattr(base, "_make_api_call", recorded)


def is_allowed(used: UsedRight) -> bool:
    """Return whether the function's role gives it this right."""
    service = used.action.partition(":")[0]
    if service == "secretsmanager":
        return used.resource in secrets_of(used.function, used.action)
    if service == "kms":
        sealing = (s for s in rights(used.function) if "ForAllValues:StringEquals" in s.condition)
        return used.resource == "context connection" and any(
            used.action in s.actions for s in sealing
        )
    if service == "dynamodb":
        table, _, index = used.resource.partition("/index/")
        return used.action in actions_on_table(used.function, table, index)
    return used.action in actions_on(used.function, used.resource)
