"""A failed message and those after it are delivered again; those before it are not."""

from typing import Any

import pytest

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.services import StackServices
from ml_connector.sqs_worker import worker


def event(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]}


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
