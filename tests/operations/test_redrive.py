"""Dead letters go back to work, and no order is posted twice by that."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from connector_cli.actions import operating
from connector_cli.stack import Stack
from local.firm import CONNECTION_ID, NL
from local.scene import FIRM, Scene
from local.story import Story
from local.verdict import broken_invariants
from ml_connector.doors.ledger import CONNECTION
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message
from tests.cli.terminal import Terminal


@contextmanager
def out_of_order(scene: Scene) -> Iterator[None]:
    """Let every message of the firm fail: its settings cannot be read, as after a bad upgrade."""
    table = scene.doors.mappings._table
    good = table.get("#connections", FIRM)
    assert good is not None
    table.put(good | {"body": "{}"})
    yield
    table.put(good)
    scene.stack.crashes.clear()


def die(scene: Scene, story: Story) -> None:
    """Approve an order whose message fails five times."""
    with out_of_order(scene):
        story._approve(story._ordinary(NL, story.number))
        scene.stack.drain()


def dead(scene: Scene, queue: str = "PurchaseOrderDeadLetterQueue") -> int:
    found = scene.stack.client("sqs").get_queue_attributes(
        QueueUrl=scene.stack.resource(queue), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_an_order_is_posted_once_by_its_dead_letter(
    scene: Scene, story: Story, terminal: Terminal
) -> None:
    die(scene, story)
    assert dead(scene) == 1
    found = terminal.ok("redrive", CONNECTION_ID, "--json").data
    assert found["moved"] == {"purchase_orders": 1, "vendors": 0}
    (message,) = found["messages"]
    assert message == {
        "queue": "purchase_orders",
        "connection": CONNECTION_ID,
        "kind": "order",
        "about": story.posted[-1]["id"],
    }
    scene.stack.drain()
    scene.wait(timedelta(minutes=20))
    assert (dead(scene), broken_invariants(scene, story)) == (0, [])
    trail = scene.doors.ledger.trail(FIRM, CONNECTION)
    assert [(e.step, dict(e.detail)) for e in trail][-1] == ("redriven", {"messages": 1})


def test_a_letter_of_an_order_that_was_posted_meanwhile_posts_nothing(
    scene: Scene, story: Story, terminal: Terminal
) -> None:
    die(scene, story)
    scene.wait(timedelta(minutes=20))
    assert broken_invariants(scene, story) == [], "the sweep has posted it"
    for _ in range(2):
        terminal.ok("redrive", "--all")
        scene.stack.drain()
    assert (dead(scene), broken_invariants(scene, story)) == (0, [])


def test_letters_of_others_are_left(scene: Scene, story: Story, terminal: Terminal) -> None:
    die(scene, story)
    other: dict[str, Any] = {"kind": "vendor", "connection": "another", "vendor": "v-1"}
    put(scene, Message(VENDORS, "another#v-1", other))
    put(scene, Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep", "at": "x"}))
    found = terminal.ok("redrive", CONNECTION_ID, "--json").data
    assert (found["moved"], found["left"]) == ({"purchase_orders": 1, "vendors": 0}, 2)
    said = terminal.ok("redrive", "--all").out
    assert "Sent back: 2. Left to other connections: 0." in said
    assert "v-1" in said
    assert "Sent back: 0" in terminal.ok("redrive", "--all").out
    scene.stack.drain()
    assert broken_invariants(scene, story) == []


def test_a_run_that_broke_off_between_the_two_steps_is_repeated(
    scene: Scene, story: Story, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(scene, story)
    sends, held = operating._send_back, operating._HELD_SECONDS

    def break_off(stack: Stack, letter: Any) -> None:
        monkeypatch.setattr(stack.sqs, "delete_message", interrupted)
        sends(stack, letter)

    monkeypatch.setattr(operating, "_send_back", break_off)
    monkeypatch.setattr(operating, "_HELD_SECONDS", 0)
    with pytest.raises(ConnectionAbortedError):
        terminal.ok("redrive", CONNECTION_ID)
    monkeypatch.setattr(operating, "_send_back", sends)
    monkeypatch.setattr(operating, "_HELD_SECONDS", held)
    assert dead(scene) == 1
    terminal.ok("redrive", CONNECTION_ID)
    assert dead(scene) == 0
    scene.stack.drain()
    assert broken_invariants(scene, story) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say either a connection or --all"),
        ((CONNECTION_ID, "--all"), "say either a connection or --all"),
        (("nobody",), "there is no connection 'nobody'"),
    ],
)
def test_wrong_use(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    assert said in terminal.refused("redrive", *words)


def interrupted(**_: Any) -> None:
    raise ConnectionAbortedError


def put(scene: Scene, message: Message) -> None:
    """Put a message straight into the dead-letter queue of its queue."""
    name = {PURCHASE_ORDERS: "PurchaseOrder", VENDORS: "Vendor"}[message.queue]
    url = scene.stack.resource(f"{name}DeadLetterQueue")
    doors = scene.doors.queues
    type(doors)(doors._client, {message.queue: url}).send(message)
