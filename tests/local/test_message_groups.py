"""A message that fails holds up its own group alone, for as long as the template and worker say."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from moto.core.utils import unix_time_millis
from moto.sqs.models import sqs_backends

from local.aws import LocalAws
from local.in_memory.environment import InMemoryEnvironment
from local.message_chains import MessageChains
from local.sam_template import ACCOUNT, REGION, QueueSource, SamTemplate
from local.sqs_pollers import Poller
from ml_connector.infrastructure.queues import Queues
from ml_connector.messages.worker import wait_after, worker
from ml_connector.services import StackServices
from tests.sqs_events import Context
from tests.template.deployed import resources

_HALF_AN_HOUR = 1800
SOURCES = SamTemplate().sources()


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    running = LocalAws()
    running.start()
    yield running
    running.stop()


def guilty(record: dict[str, Any]) -> bool:
    return bool(record["body"] == "guilty")


def crash(records: list[dict[str, Any]]) -> None:
    if any(map(guilty, records)):
        raise RuntimeError("killed")


def report(records: list[dict[str, Any]]) -> Any:
    failed = [{"itemIdentifier": each["messageId"]} for each in records if guilty(each)]
    return {"batchItemFailures": failed}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.queue)
@pytest.mark.parametrize("fail", [crash, report])
def test_thirty_messages_of_other_groups_pass_one_that_fails(
    aws: LocalAws, source: QueueSource, fail: Callable[[list[dict[str, Any]]], Any]
) -> None:
    queue, sqs = resources("AWS::SQS::Queue")[source.queue], aws.client("sqs")
    attributes = {"FifoQueue": "true", "VisibilityTimeout": str(queue["VisibilityTimeout"])}
    name = f"{source.queue}-{fail.__name__}.fifo"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    handled: list[str] = []

    def function(event: Any) -> Any:
        answer = fail(event["Records"])
        handled.extend(each["body"] for each in event["Records"] if not guilty(each))
        return answer

    def send(body: str, group: str) -> None:
        once = f"{group} {body}"
        sqs.send_message(
            QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=once
        )

    send("guilty", "held")
    send("after it", "held")
    for number in range(30):
        send(f"innocent {number}", f"group {number}".replace(" ", "-"))
    poller = Poller(source, url, sqs, sqs, function, MessageChains(), "key")
    while poller.once(retry_at_once=False):
        pass
    assert handled == [f"innocent {number}" for number in range(30)]


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.queue)
def test_a_message_over_which_the_worker_is_killed_comes_back_as_soon_as_it_is_gone(
    aws: LocalAws, env: InMemoryEnvironment, source: QueueSource
) -> None:
    queue, sqs = resources("AWS::SQS::Queue")[source.queue], aws.client("sqs")
    lives = resources("AWS::Lambda::Function")[source.function]["Timeout"]
    attributes = {"FifoQueue": "true", "VisibilityTimeout": str(queue["VisibilityTimeout"])}
    name = f"{source.queue}-killed.fifo"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    sqs.send_message(
        QueueUrl=url, MessageBody="{}", MessageGroupId="held", MessageDeduplicationId="1"
    )

    def die(_message: object, _services: StackServices) -> None:
        raise Killed

    handler = worker(die, replace(env.services, queues=Queues(sqs, {"any": url})))

    def function(event: Any) -> Any:
        return handler(event, Context(lives))

    poller = Poller(source, url, sqs, sqs, function, MessageChains(), "key")
    waits = []
    for _ in range(queue["RedrivePolicy"]["maxReceiveCount"]):
        with pytest.raises(Killed):
            poller.once(retry_at_once=False)
        (message,) = sqs_backends[ACCOUNT][REGION].queues[name]._messages
        waits.append((message.visible_at - unix_time_millis()) / 1000)
        assert waits[-1] > lives, "the worker may still run"
        message.visible_at = 0
    first, *_, last = waits
    assert max(first, last) < lives + 10
    assert sum(waits[:-1]) >= _HALF_AN_HOUR


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.queue)
def test_a_failed_message_is_waited_for_half_an_hour_before_it_is_given_up(
    source: QueueSource,
) -> None:
    queue = resources("AWS::SQS::Queue")[source.queue]
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    waits = [wait_after(number) for number in range(1, receives)]
    assert sum(waits) >= _HALF_AN_HOUR
    assert waits[0] < queue["VisibilityTimeout"], "sooner than one whose worker was killed"
    assert (source.batch_size, source.reports_failures) == (1, True)
