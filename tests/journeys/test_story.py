"""The story of `make demo`, on the stack made from the template, over real sockets."""

from collections.abc import Iterator

import pytest

from local.scene import Scene
from local.story import Story
from local.verdict import broken_invariants, calls_per_order


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Scene, Story]]:
    with Scene() as scene:
        scene.connect()
        story = Story(scene, lambda _: None)
        story.play()
        yield scene, story


def test_every_invariant_holds(told: tuple[Scene, Story]) -> None:
    assert broken_invariants(*told) == []


def test_every_chapter_left_its_mark(told: tuple[Scene, Story]) -> None:
    scene, story = told
    statuses = {call.status for call in scene.posting_calls()}
    assert 429 in statuses
    assert len(story.posted) + len(story.cancelled) >= 25
    assert sum("oauth2/token" in call.path for call in scene.exact.calls) >= 1


def test_calls_per_order_stay_near_one(told: tuple[Scene, Story]) -> None:
    made, orders = calls_per_order(told[0])
    assert made == orders + 1, "beyond one each: the 429"


def test_dead_letter_queues_stay_empty(told: tuple[Scene, Story]) -> None:
    sqs = told[0].stack.client("sqs")
    for queue in ("PurchaseOrderDeadLetterQueue", "VendorDeadLetterQueue"):
        url = told[0].stack.resource(queue)
        found = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        assert found["Attributes"]["ApproximateNumberOfMessages"] == "0"
