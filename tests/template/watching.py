"""Notes what the functions of a stack call of AWS, to be held against what their roles allow."""

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
class Used:
    """One right that a function made use of, on a resource of the stack or a kind of secret."""

    function: str
    action: str
    resource: str


class Watch:
    """Notes the AWS calls made while a handler of the stack runs."""

    def __init__(self, stack: LocalStack) -> None:
        self.used: set[Used] = set()
        kinds = ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic")
        names = [name for kind in kinds for name in stack.blueprint.of_type(kind)]
        self._logical = {stack.resource(name): name for name in names}
        self._names = {stack.resource(function): function for function in FUNCTIONS}

    def note(self, service: str, operation: str, request: dict[str, Any]) -> None:
        function = self._names.get(_running.get() or "")
        if function is not None:
            for action, resource in self._rights(service, operation, request):
                self.used.add(Used(function, action, resource))

    def _rights(
        self, service: str, operation: str, request: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        if operation == "TransactWriteItems":
            for item in request["TransactItems"]:
                ((kind, inner),) = item.items()
                word = {"ConditionCheck": "ConditionCheckItem"}.get(kind, f"{kind}Item")
                yield f"dynamodb:{word}", self._logical[inner["TableName"]]
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
def watched(stack: LocalStack) -> Iterator[Watch]:
    """Watch the stack's functions at work until the block ends."""
    watch = Watch(stack)
    with pytest.MonkeyPatch.context() as patch:
        _attribute_calls(patch, watch)
        yield watch


def _attribute_calls(patch: pytest.MonkeyPatch, watch: Watch) -> None:
    base: Any = BaseClient
    call, make = LocalFunction.__call__, base._make_api_call

    def running(self: LocalFunction, event: Any) -> Any:
        before = _running.set(self.name)
        try:
            return call(self, event)
        finally:
            _running.reset(before)

    def noted(self: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        watch.note(self.meta.service_model.service_name, operation, request)
        return make(self, operation, request)

    patch.setattr(LocalFunction, "__call__", running)
    patch.setattr(base, "_make_api_call", noted)


def is_allowed(used: Used) -> bool:
    """Say whether the function's role gives it this right."""
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
