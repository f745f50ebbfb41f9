"""The scenario of `make demo`, on the stack of the template, over sockets."""

from collections.abc import Iterator

import pytest

from local.demo.checks import broken_invariants, calls_per_order
from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from tests.template.aws_calls import CallRecorder, UsedRight, is_allowed, recording_calls

Played = tuple[DemoEnvironment, Scenario, CallRecorder]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with DemoEnvironment() as demo, recording_calls(demo.stack) as watch:
        demo.connect()
        scenario = Scenario(demo, lambda _: None)
        scenario.play()
        yield demo, scenario, watch


def test_every_invariant_holds(played: Played) -> None:
    assert broken_invariants(*played[:2]) == []


def test_every_step_was_played(played: Played) -> None:
    demo, scenario, _ = played
    statuses = {call.status for call in demo.posting_calls()}
    assert 429 in statuses
    assert len(scenario.posted) + len(scenario.cancelled) >= 25
    assert sum("oauth2/token" in call.path for call in demo.exact.calls) >= 1


def test_calls_per_order_stay_near_one(played: Played) -> None:
    made, orders = calls_per_order(played[0])
    assert made == orders + 1, "one call each, and the 429"


def test_dead_letter_queues_stay_empty(played: Played) -> None:
    sqs = played[0].stack.client("sqs")
    for queue in ("PurchaseOrderDeadLetterQueue", "VendorDeadLetterQueue"):
        url = played[0].stack.resource(queue)
        found = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert found["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_every_call_is_allowed_by_the_roles(played: Played) -> None:
    demo, _, watch = played
    for schedule in demo.stack.template.schedules():
        demo.stack.fire(schedule)
    demo.stack.drain()
    assert [call for call in watch.used if not is_allowed(call)] == []


def test_people_are_notified_and_the_outbox_is_emptied(played: Played) -> None:
    used = played[2].used
    assert UsedRight("PoPostingFunction", "sns:Publish", "NotificationTopic") in used
    assert UsedRight("PoPostingFunction", "dynamodb:BatchWriteItem", "LedgerTable") in used
