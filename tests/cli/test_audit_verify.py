"""`connector audit verify` finds every kind of tampering with a trail."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.ledger import CONNECTION, AnyRecord, Ledger, new_order, new_record
from tests.cli.terminal import Terminal

_numbers = count()
STEPS = ("received", "fetched", "intent", "posted", "changed_in_exact")


class Trail:
    """One order's trail, with full access to its tables."""

    def __init__(self, demo: DemoEnvironment, connection: str, order: str) -> None:
        self.demo, self.connection, self.order = demo, connection, order
        self.pk = f"{connection}#order#{order}"
        self.audit = demo.stack.resource("AuditTable")
        self.ledger = demo.stack.resource("LedgerTable")
        self.dynamodb = demo.stack.client("dynamodb")
        record = new_order(ConnectionId(connection), OrderId(order))
        for number, step in enumerate(STEPS):
            record = demo.services.ledger_of(record.connection).write(
                record.now(OrderState.RECEIVED, OrderFacts(title=f"T-{order}")),
                step,
                detail={"n": number},
            )

    def entry(self, number: int) -> dict[str, Any]:
        key = {"pk": {"S": self.pk}, "sk": {"S": f"{number:08d}"}}
        found: dict[str, Any] = self.dynamodb.get_item(TableName=self.audit, Key=key)["Item"]
        return found

    def put(self, entry: dict[str, Any], **texts: str) -> None:
        item = entry | {name: {"S": text} for name, text in texts.items()}
        self.dynamodb.put_item(TableName=self.audit, Item=item)

    def drop(self, number: int) -> None:
        key = {"pk": {"S": self.pk}, "sk": {"S": f"{number:08d}"}}
        self.dynamodb.delete_item(TableName=self.audit, Key=key)

    def drop_record(self) -> None:
        key = {"pk": {"S": self.connection}, "sk": {"S": f"order#{self.order}"}}
        self.dynamodb.delete_item(TableName=self.ledger, Key=key)


def flip_detail(trail: Trail) -> None:
    trail.put(trail.entry(2), detail='{"n":7}')


def flip_step(trail: Trail) -> None:
    trail.put(trail.entry(4), step="adopted")


def flip_actor(trail: Trail) -> None:
    trail.put(trail.entry(1), actor="somebody")


def flip_time(trail: Trail) -> None:
    trail.put(trail.entry(3), at="2020-01-01T00:00:00+00:00")


def garble(trail: Trail) -> None:
    trail.put(trail.entry(2), detail="neither JSON nor packed")


def remove_first(trail: Trail) -> None:
    trail.drop(1)


def remove_middle(trail: Trail) -> None:
    trail.drop(3)


def cut_off(trail: Trail) -> None:
    trail.drop(5)


def cut_off_all(trail: Trail) -> None:
    for number in range(1, 6):
        trail.drop(number)


def reorder(trail: Trail) -> None:
    second, third = trail.entry(2), trail.entry(3)
    trail.put(second, sk=third["sk"]["S"])
    trail.put(third, sk=second["sk"]["S"])


def close_the_gap(trail: Trail) -> None:
    for number in (3, 4):
        trail.put(trail.entry(number + 1), sk=f"{number:08d}")
    trail.drop(5)


def append(trail: Trail) -> None:
    trail.put(trail.entry(5), sk="00000006")


def delete_the_record(trail: Trail) -> None:
    trail.drop_record()


TAMPERINGS: dict[Callable[[Trail], None], str] = {
    flip_detail: "entry 2 was changed",
    flip_step: "entry 4 was changed",
    flip_actor: "entry 1 was changed",
    flip_time: "entry 3 was changed",
    garble: "cannot be read",
    remove_first: "entry 1 is missing",
    remove_middle: "entry 3 is missing",
    cut_off: "ends at entry 4, the ledger knows 5",
    cut_off_all: "ends at entry 0, the ledger knows 5",
    reorder: "entry 2 was changed",
    close_the_gap: "entry 3 was changed",
    append: "entry 6 was changed",
    delete_the_record: "the ledger does not know",
}


@pytest.fixture
def trail(demo: DemoEnvironment) -> Trail:
    """A connection of its own for each test, with one order."""
    connection = f"audited-{next(_numbers)}"
    record = new_record(ConnectionId(connection), CONNECTION)
    demo.services.ledger_of(record.connection).write(record.now("active"), "connection_added")
    return Trail(demo, connection, "o1")


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_tampering_is_found_and_named(
    trail: Trail, terminal: Terminal, tamper: Callable[[Trail], None]
) -> None:
    tamper(trail)
    run = terminal.run("audit", "verify", trail.connection, "--json")
    assert run.exit_code == 1
    (broken,) = run.data["broken"]
    assert broken["record"] == "order#o1"
    assert TAMPERINGS[tamper] in broken["broken"]


def test_intact_trails_verify(trail: Trail, terminal: Terminal) -> None:
    assert "2 trails, 0 broken." in terminal.ok("audit", "verify", trail.connection).out
    flip_step(trail)
    run = terminal.run("audit", "verify", trail.connection)
    assert run.exit_code == 1
    assert "BROKEN T-o1 (order#o1): entry 4 was changed." in run.out


def test_a_single_order_is_verified(trail: Trail, terminal: Terminal) -> None:
    other = Trail(trail.demo, trail.connection, "o2")
    flip_detail(other)
    terminal.ok("audit", "verify", trail.connection, "o1")
    assert terminal.run("audit", "verify", trail.connection, "T-o2").exit_code == 1


def test_a_broken_trail_is_shown_as_broken(trail: Trail, terminal: Terminal) -> None:
    flip_detail(trail)
    shown = terminal.run("audit", "show", trail.connection, "o1")
    assert shown.exit_code == 1
    assert "BROKEN T-o1 (order#o1): entry 2 was changed." in shown.out
    garble(trail)
    assert "cannot be shown" in terminal.refused("audit", "show", trail.connection, "o1")


def test_the_connection_has_a_trail_of_its_own(trail: Trail, terminal: Terminal) -> None:
    shown = terminal.ok("audit", "show", trail.connection, CONNECTION, "--json").data
    assert [entry["step"] for entry in shown["trail"]] == ["connection_added"]


def test_a_step_written_during_verification_is_not_a_break(
    trail: Trail, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, steps = Ledger.find_break, iter(("retry_asked", "received"))

    def find_break(self: Any, record: AnyRecord) -> str | None:
        if step := next(steps, None):
            newest = self.read(record.key)
            self.write(newest, step)
        return original(self, record)

    monkeypatch.setattr(Ledger, "find_break", find_break)
    terminal.ok("audit", "verify", trail.connection, "o1")
