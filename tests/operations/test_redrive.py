"""Dead letters are sent back to their queues, and no order is posted twice."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from local.demo.checks import broken_invariants
from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import CONNECTION_ID, NL
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.operations import redrive
from ml_connector.stack import Stack
from tests.cli.terminal import Terminal


@contextmanager
def broken_settings(demo: DemoEnvironment) -> Iterator[None]:
    """Let every message of the firm fail: its settings are unreadable, as after a bad upgrade."""
    table = demo.services.connections._table
    good = table.get("#connections", FIRM)
    assert good is not None
    table.put(good | {"body": "{}"})
    yield
    table.put(good)
    demo.stack.crashes.clear()


def fail_five_times(demo: DemoEnvironment, scenario: Scenario) -> None:
    """Approve an order whose message fails five times."""
    with broken_settings(demo):
        scenario._approve(scenario._ordinary(NL, scenario.number))
        demo.stack.drain()


def dead_letters(demo: DemoEnvironment, queue: str = "PurchaseOrderDeadLetterQueue") -> int:
    found = demo.stack.client("sqs").get_queue_attributes(
        QueueUrl=demo.stack.resource(queue), AttributeNames=["ApproximateNumberOfMessages"]
    )
    return int(found["Attributes"]["ApproximateNumberOfMessages"])


def test_redriving_a_dead_letter_posts_its_order_once(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal
) -> None:
    fail_five_times(demo, scenario)
    assert dead_letters(demo) == 1
    found = terminal.ok("redrive", CONNECTION_ID, "--json").data
    assert found["moved"] == {"purchase_orders": 1, "vendors": 0}
    (message,) = found["messages"]
    assert message == {
        "queue": "purchase_orders",
        "connection": CONNECTION_ID,
        "kind": "order",
        "about": scenario.posted[-1]["id"],
    }
    demo.stack.drain()
    demo.wait(timedelta(minutes=20))
    assert (dead_letters(demo), broken_invariants(demo, scenario)) == (0, [])
    trail = demo.services.ledger_of(FIRM).trail(CONNECTION)
    assert [(e.step, dict(e.detail)) for e in trail][-1] == ("redriven", {"messages": 1})


def test_a_dead_letter_of_an_order_posted_meanwhile_posts_nothing(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal
) -> None:
    fail_five_times(demo, scenario)
    demo.wait(timedelta(hours=1))  # by then the queue has given it up
    assert broken_invariants(demo, scenario) == [], "the sweep has posted it"
    for _ in range(2):
        terminal.ok("redrive", "--all")
        demo.stack.drain()
    assert (dead_letters(demo), broken_invariants(demo, scenario)) == (0, [])


def test_dead_letters_of_other_connections_are_left(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal
) -> None:
    fail_five_times(demo, scenario)
    other: dict[str, Any] = {"kind": "vendor", "connection": "another", "vendor": "v-1"}
    put(demo, Message(VENDORS, "another#v-1", other))
    put(demo, Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep", "at": "x"}))
    found = terminal.ok("redrive", CONNECTION_ID, "--json").data
    assert (found["moved"], found["left"]) == ({"purchase_orders": 1, "vendors": 0}, 2)
    said = terminal.ok("redrive", "--all").out
    assert "Sent back: 2. Left for other connections: 0." in said
    assert "v-1" in said
    assert "Sent back: 0" in terminal.ok("redrive", "--all").out
    demo.stack.drain()
    assert broken_invariants(demo, scenario) == []


def test_an_interrupted_run_can_be_repeated(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_five_times(demo, scenario)
    send_back, seconds = redrive._send_back, redrive._INVISIBLE_SECONDS

    def interrupt(stack: Stack, letter: Any) -> None:
        monkeypatch.setattr(stack.sqs, "delete_message", interrupted)
        send_back(stack, letter)

    monkeypatch.setattr(redrive, "_send_back", interrupt)
    monkeypatch.setattr(redrive, "_INVISIBLE_SECONDS", 0)
    with pytest.raises(ConnectionAbortedError):
        terminal.ok("redrive", CONNECTION_ID)
    monkeypatch.setattr(redrive, "_send_back", send_back)
    monkeypatch.setattr(redrive, "_INVISIBLE_SECONDS", seconds)
    assert dead_letters(demo) == 1
    terminal.ok("redrive", CONNECTION_ID)
    assert dead_letters(demo) == 0
    demo.stack.drain()
    assert broken_invariants(demo, scenario) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "pass either a connection or --all"),
        ((CONNECTION_ID, "--all"), "pass either a connection or --all"),
        (("nobody",), "there is no connection 'nobody'"),
    ],
)
def test_wrong_use(terminal: Terminal, words: tuple[str, ...], said: str) -> None:
    assert said in terminal.refused("redrive", *words)


def interrupted(**_: Any) -> None:
    raise ConnectionAbortedError


def put(demo: DemoEnvironment, message: Message) -> None:
    """Put a message directly into its dead-letter queue."""
    name = {PURCHASE_ORDERS: "PurchaseOrder", VENDORS: "Vendor"}[message.queue]
    url = demo.stack.resource(f"{name}DeadLetterQueue")
    services = demo.services.queues
    type(services)(services._client, {message.queue: url}).send(message)
