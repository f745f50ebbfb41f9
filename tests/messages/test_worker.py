"""A failed message and those after it are delivered again; those before it are not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.infrastructure.queues import Queues
from ml_connector.messages.worker import DeliverAgain, worker
from ml_connector.services import StackServices
from tests.sqs_events import CONTEXT, Context, sqs_record


def event(*bodies: str) -> dict[str, Any]:
    return {"Records": [sqs_record(body, n) for n, body in enumerate(bodies)]}


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

    answer = worker(handle, env.services)(event(*bodies), CONTEXT)
    assert failures(answer) == again
    assert len(seen) <= len(bodies) - max(len(again) - 1, 0)


class Sqs:
    """Notes the changed visibility of each message: the last one, and all."""

    def __init__(self) -> None:
        self.changed: dict[str, int] = {}
        self.all: list[int] = []

    def change_message_visibility(self, **of: Any) -> None:
        assert of["QueueUrl"] == "https://sqs.test/orders.fifo"
        self.changed[of["ReceiptHandle"]] = of["VisibilityTimeout"]
        self.all.append(of["VisibilityTimeout"])


def returned(env: InMemoryEnvironment, *records: dict[str, Any]) -> dict[str, int]:
    """Let every message fail; return after how many seconds each is delivered again."""

    def fail(_message: object, _services: StackServices) -> None:
        raise RuntimeError("a bug")

    sqs = Sqs()
    queues = Queues(
        sqs, {"vendors": "https://sqs.test/x.fifo", "o": "https://sqs.test/orders.fifo"}
    )
    worker(fail, replace(env.services, queues=queues))({"Records": [*records]}, CONTEXT)
    return sqs.changed


def test_a_failed_message_waits_longer_each_time_and_half_an_hour_in_all(
    env: InMemoryEnvironment,
) -> None:
    waits = [returned(env, sqs_record("{}", 0, receives))["handle-0"] for receives in range(1, 5)]
    assert waits == sorted(set(waits))
    assert waits[0] <= 60
    assert sum(waits) >= 30 * 60


def test_after_the_last_receive_a_message_and_its_group_wait_no_longer(
    env: InMemoryEnvironment,
) -> None:
    assert returned(env, sqs_record("{}", 0, 5)) == {"handle-0": 0}


class Killed(BaseException):
    """The process is gone: nothing after it runs."""


@pytest.mark.parametrize(
    ("seconds", "hidden"), [(60, [66, 120, 480, 1200, 66]), (299.2, [305, 305, 480, 1200, 305])]
)
def test_a_message_over_which_the_worker_is_killed_comes_back_soon_after_it_is_gone(
    env: InMemoryEnvironment, seconds: float, hidden: list[int]
) -> None:
    def die(_message: object, _services: StackServices) -> None:
        raise Killed

    sqs = Sqs()
    queues = Queues(sqs, {"o": "https://sqs.test/orders.fifo"})
    handler = worker(die, replace(env.services, queues=queues))
    for receives in range(1, 6):
        with pytest.raises(Killed):
            handler({"Records": [sqs_record("{}", 0, receives)]}, Context(seconds))
    assert sqs.all == hidden
    assert sum(hidden[:4]) >= 30 * 60


def test_a_message_is_hidden_before_it_is_handled(env: InMemoryEnvironment) -> None:
    sqs = Sqs()
    queues = Queues(sqs, {"o": "https://sqs.test/orders.fifo"})
    seen: list[list[int]] = []
    handler = worker(lambda *_: seen.append([*sqs.all]), replace(env.services, queues=queues))
    assert failures(handler(event("{}", "{}"), CONTEXT)) == []
    assert seen == [[65], [65, 65]]


def test_messages_after_a_failed_one_do_not_wait(env: InMemoryEnvironment) -> None:
    found = returned(env, *event("{}", "{}", "{}")["Records"])
    assert found == {"handle-0": 60, "handle-1": 0, "handle-2": 0}


def test_a_visibility_that_cannot_be_changed_still_returns_the_message(
    env: InMemoryEnvironment,
) -> None:
    def fail(_message: object, _services: StackServices) -> None:
        raise RuntimeError("a bug")

    answer = worker(fail, replace(env.services, queues=Queues(None, {})))(event("{}"), CONTEXT)
    assert failures(answer) == ["m0"]


def test_a_message_with_more_to_do_comes_back_when_it_says(env: InMemoryEnvironment) -> None:
    sqs = Sqs()
    services = replace(env.services, queues=Queues(sqs, {"o": "https://sqs.test/orders.fifo"}))

    def handle(message: object, _services: StackServices) -> None:
        if message == {"again": 1}:
            raise DeliverAgain(timedelta(seconds=12.2))

    answer = worker(handle, services)(event('{"again": 1}', "{}"), CONTEXT)
    assert failures(answer) == ["m0", "m1"]
    assert sqs.changed == {"handle-0": 13, "handle-1": 0}
