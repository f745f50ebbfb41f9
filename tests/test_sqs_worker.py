"""A failed message and those after it are delivered again; those before it are not."""

from dataclasses import replace
from typing import Any

import pytest

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.infrastructure.queues import Queues
from ml_connector.services import StackServices
from ml_connector.sqs_worker import worker


def event(*bodies: str) -> dict[str, Any]:
    return {"Records": [record(n, body) for n, body in enumerate(bodies)]}


def record(number: int, body: str, receives: int = 1) -> dict[str, Any]:
    return {
        "messageId": f"m{number}",
        "receiptHandle": f"handle-{number}",
        "body": body,
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders.fifo",
        "attributes": {"ApproximateReceiveCount": str(receives)},
    }


def failures(answer: Any) -> list[str]:
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


@pytest.mark.parametrize(
    ("bodies", "again"),
    [
        (("{}", "{}"), []),
        (('{"fails": 1}',), ["m0"]),
        (("{}", '{"fails": 1}', "{}"), ["m1", "m2"]),
        (("no JSON", "{}"), ["m0", "m1"]),
    ],
)
def test_the_first_failure_stops_the_rest(
    env: InMemoryEnvironment, bodies: tuple[str, ...], again: list[str]
) -> None:
    seen: list[object] = []

    def handle(message: object, _services: StackServices) -> None:
        seen.append(message)
        if message == {"fails": 1}:
            raise RuntimeError("a bug")

    answer = worker(handle, env.services)(event(*bodies), None)
    assert failures(answer) == again
    assert len(seen) <= len(bodies) - max(len(again) - 1, 0)


class Sqs:
    """Notes the changed visibility of each message."""

    def __init__(self) -> None:
        self.changed: dict[str, int] = {}

    def change_message_visibility(self, **of: Any) -> None:
        assert of["QueueUrl"] == "https://sqs.test/orders.fifo"
        self.changed[of["ReceiptHandle"]] = of["VisibilityTimeout"]


def returned(env: InMemoryEnvironment, *records: dict[str, Any]) -> dict[str, int]:
    """Let every message fail; return after how many seconds each is delivered again."""

    def fail(_message: object, _services: StackServices) -> None:
        raise RuntimeError("a bug")

    sqs = Sqs()
    queues = Queues(
        sqs, {"vendors": "https://sqs.test/x.fifo", "o": "https://sqs.test/orders.fifo"}
    )
    worker(fail, replace(env.services, queues=queues))({"Records": [*records]}, None)
    return sqs.changed


def test_a_failed_message_waits_longer_each_time_and_half_an_hour_in_all(
    env: InMemoryEnvironment,
) -> None:
    waits = [returned(env, record(0, "{}", receives))["handle-0"] for receives in range(1, 5)]
    assert waits == sorted(set(waits))
    assert waits[0] <= 60
    assert sum(waits) >= 30 * 60


def test_messages_after_a_failed_one_do_not_wait(env: InMemoryEnvironment) -> None:
    found = returned(env, record(0, "{}"), record(1, "{}"), record(2, "{}"))
    assert found == {"handle-0": 60, "handle-1": 0, "handle-2": 0}


def test_a_visibility_that_cannot_be_changed_still_returns_the_message(
    env: InMemoryEnvironment,
) -> None:
    def fail(_message: object, _services: StackServices) -> None:
        raise RuntimeError("a bug")

    answer = worker(fail, replace(env.services, queues=Queues(None, {})))(event("{}"), None)
    assert failures(answer) == ["m0"]
