"""The scenario of `make demo`, on the stack of the template, over sockets."""

from collections.abc import Iterator

import pytest

from local.demo.checks import broken_invariants, calls_per_order
from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import ABROAD

Played = tuple[DemoEnvironment, Scenario]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    with DemoEnvironment(branches=ABROAD) as demo:
        demo.connect()
        scenario = Scenario(demo, lambda _: None)
        scenario.play()
        yield demo, scenario


def test_every_invariant_holds(played: Played) -> None:
    assert broken_invariants(*played) == []


def test_every_step_was_played(played: Played) -> None:
    demo, scenario = played
    statuses = {call.status for call in demo.posting_calls()}
    assert 429 in statuses
    assert len(scenario.posted) + len(scenario.cancelled) >= 25
    for exact in demo.sites.values():
        assert sum("oauth2/token" in call.path for call in exact.calls) >= 1


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


def test_people_are_notified_and_the_outbox_is_emptied(played: Played) -> None:
    rights, resource = played[0].stack.rights, played[0].stack.resource
    used = {(asked.action, asked.resource) for asked in rights.allowed.values()}
    assert ("sns:Publish", resource("NotificationTopic")) in used
    ledger = rights.policies.resolver.arn("LedgerTable")
    assert ("dynamodb:BatchWriteItem", ledger) in used
