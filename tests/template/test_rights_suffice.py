"""What the functions really call, in the whole story, is what their roles allow."""

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient

from local.functions import LocalFunction
from local.samples import EVENTS, connect_with_samples, sample
from local.scene import FIRM, Scene
from local.stack import LocalStack
from local.story import Story
from ml_connector.doors.consents import Consents
from ml_connector.exact.oauth import authorize_url
from tests.template.deployed import FUNCTIONS, actions_on, rights, secrets_of

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
            yield f"dynamodb:{operation}", self._logical[request["TableName"]]
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


@pytest.fixture(scope="module")
def used() -> set[Used]:
    """Return what the story and the samples of every trigger made use of."""
    return _watched(_story) | _watched(_samples)


def _watched(play: Callable[[Scene], None]) -> set[Used]:
    with pytest.MonkeyPatch.context() as patch, Scene() as scene:
        watch = Watch(scene.stack)
        _attribute_calls(patch, watch)
        play(scene)
        return watch.used


def _story(scene: Scene) -> None:
    scene.connect()
    Story(scene, lambda _: None).play()
    for schedule in scene.stack.blueprint.schedules():
        scene.stack.fire(schedule)
    scene.stack.drain()


def _samples(scene: Scene) -> None:
    connect_with_samples(scene)
    _consent(scene)
    for name in sorted(path.stem for path in EVENTS.glob("*-webhook-*.json")) * 2:
        function = "ExactWebhookFunction" if name.startswith("exact") else "AirbaseWebhookFunction"
        scene.stack.invoke(function, sample(name))
        scene.stack.drain()


def _consent(scene: Scene) -> None:
    """Let a browser come back from Exact twice, with a code, and once with a refusal."""
    consents = Consents(scene.doors.coordination)
    back = scene.stack.outputs["ExactRedirectUri"]
    for denies in (False, True):
        scene.exact.oauth.denies = denies
        state = consents.ask(FIRM, scene.exact_url, back)
        url = authorize_url(scene.exact_url, scene.exact.client_id, back, state.reveal())
        answers = httpx.get(url, follow_redirects=True), httpx.get(url, follow_redirects=True)
        assert [each.status_code for each in answers] == ([403, 403] if denies else [200, 200])
    scene.exact.oauth.denies = False


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


def _is_allowed(used: Used) -> bool:
    service = used.action.partition(":")[0]
    if service == "secretsmanager":
        return used.resource in secrets_of(used.function, used.action)
    if service == "kms":
        sealing = (s for s in rights(used.function) if "ForAllValues:StringEquals" in s.condition)
        return used.resource == "context connection" and any(
            used.action in s.actions for s in sealing
        )
    return used.action in actions_on(used.function, used.resource)


def test_every_call_of_the_story_is_allowed(used: set[Used]) -> None:
    assert [call for call in used if not _is_allowed(call)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_was_watched_at_work(used: set[Used], function: str) -> None:
    assert any(call.function == function for call in used)


def test_people_were_told_and_their_news_removed(used: set[Used]) -> None:
    assert Used("PoPostingFunction", "sns:Publish", "NotificationTopic") in used
    assert Used("PoPostingFunction", "dynamodb:BatchWriteItem", "LedgerTable") in used
