"""Every error at every call of AWS, from the webhook to the notification: nothing is lost."""

from collections.abc import Callable
from typing import Protocol

import pytest

from tests.aws_errors.edge_worlds import NotificationWorld, VendorWorld, WebhookWorld
from tests.aws_errors.faulty import Failure, Site
from tests.aws_errors.worlds import (
    FaultyEnvironment,
    PostingWorld,
    TokenWorld,
    cases,
)


class World(Protocol):
    """A protocol that can be run again and again."""

    env: FaultyEnvironment

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Run it; return what is wrong afterwards."""
        ...


def posting() -> World:
    return PostingWorld("posting")


def change() -> World:
    return PostingWorld("change")


def sweep() -> World:
    return PostingWorld("sweep")


def sweeps() -> World:
    return PostingWorld("sweeps")


def renewal() -> World:
    return TokenWorld(goes_home=False)


def renewal_that_goes_home() -> World:
    return TokenWorld(goes_home=True)


@pytest.mark.parametrize(
    ("protocol", "least_calls"),
    [
        (posting, 35), (change, 35), (sweeps, 4), (sweep, 20), (renewal, 20),
        (renewal_that_goes_home, 25),
        (WebhookWorld, 5), (VendorWorld, 20), (NotificationWorld, 10),
    ],
)  # fmt: skip
def test_whatever_aws_answers_nothing_is_lost(
    protocol: Callable[[], World], least_calls: int
) -> None:
    world = protocol()
    assert world.run() == ""
    calls = tuple(world.env.plan.calls)
    assert len(calls) >= least_calls
    found = []
    for case in cases(calls):
        wrong = world.run(case.at, case.failure)
        if world.env.plan.failed_at != case.at.call:  # an old world may make fewer calls
            world = protocol()
            wrong = world.run(case.at, case.failure)
        assert world.env.plan.failed_at == case.at.call, case.name
        if wrong:
            found.append(f"{case.name}: {wrong}")
            world = protocol()
    assert found == []
