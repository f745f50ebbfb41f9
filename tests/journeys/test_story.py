"""The story of `make demo`, on the stack made from the template, over real sockets."""

from collections.abc import Iterator

import pytest

from local.scene import Scene
from local.story import Story
from local.verdict import broken_invariants, calls_per_order
from tests.template.watching import Used, Watch, is_allowed, watched

Told = tuple[Scene, Story, Watch]


@pytest.fixture(scope="module")
def told() -> Iterator[Told]:
    with Scene() as scene, watched(scene.stack) as watch:
        scene.connect()
        story = Story(scene, lambda _: None)
        story.play()
        yield scene, story, watch


def test_every_invariant_holds(told: Told) -> None:
    assert broken_invariants(*told[:2]) == []


def test_every_chapter_left_its_mark(told: Told) -> None:
    scene, story, _ = told
    statuses = {call.status for call in scene.posting_calls()}
    assert 429 in statuses
    assert len(story.posted) + len(story.cancelled) >= 25
    assert sum("oauth2/token" in call.path for call in scene.exact.calls) >= 1


def test_calls_per_order_stay_near_one(told: Told) -> None:
    made, orders = calls_per_order(told[0])
    assert made == orders + 1, "beyond one each: the 429"


def test_dead_letter_queues_stay_empty(told: Told) -> None:
    sqs = told[0].stack.client("sqs")
    for queue in ("PurchaseOrderDeadLetterQueue", "VendorDeadLetterQueue"):
        url = told[0].stack.resource(queue)
        found = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert found["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_every_call_is_allowed_by_the_roles(told: Told) -> None:
    scene, _, watch = told
    for schedule in scene.stack.blueprint.schedules():
        scene.stack.fire(schedule)
    scene.stack.drain()
    assert [call for call in watch.used if not is_allowed(call)] == []


def test_people_were_told_and_their_news_removed(told: Told) -> None:
    used = told[2].used
    assert Used("PoPostingFunction", "sns:Publish", "NotificationTopic") in used
    assert Used("PoPostingFunction", "dynamodb:BatchWriteItem", "LedgerTable") in used
