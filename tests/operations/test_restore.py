"""Ledger and audit trail are restored to an earlier moment, and no order is posted twice."""

from datetime import timedelta

import pytest

from local.demo.checks import broken_invariants, record_of
from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.exact_simulator import ExactFault
from local.firm import CONNECTION_ID, NL
from ml_connector import clock
from ml_connector.infrastructure.ledger import CONNECTION
from tests.cli.terminal import Terminal

RESTORED = ("LedgerTable", "AuditTable")
MAY_START_EMPTY = ("ReferenceTable", "CoordinationTable")
_POST = "purchaseorder/PurchaseOrders"


def back_up(demo: DemoEnvironment) -> dict[str, str]:
    """Return a backup of each table as it is now, as a point-in-time restore gives it."""
    dynamodb, kept = demo.stack.client("dynamodb"), {}
    for table in RESTORED:
        name = demo.stack.resource(table)
        copy = f"{name}-restored"
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=copy, UseLatestRestorableTime=True
        )
        backup = dynamodb.create_backup(TableName=copy, BackupName=copy)
        kept[name] = backup["BackupDetails"]["BackupArn"]
    return kept


def replace_tables(demo: DemoEnvironment, copies: dict[str, str]) -> None:
    """Replace the tables by the copies, as docs/operations.md says."""
    dynamodb = demo.stack.client("dynamodb")
    for name, backup in copies.items():
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)
        dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backup)


def empty(demo: DemoEnvironment, logical_id: str) -> None:
    dynamodb, name = demo.stack.client("dynamodb"), demo.stack.resource(logical_id)
    for item in dynamodb.scan(TableName=name)["Items"]:
        dynamodb.delete_item(TableName=name, Key={key: item[key] for key in ("pk", "sk")})


def test_orders_missing_from_the_backup_are_found_in_exact(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal
) -> None:
    scenario.one_order_per_division()
    scenario.orders_with_exceptions()
    demo.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
    scenario._approve(scenario._ordinary(NL, 3))
    demo.stack.drain()
    unsettled = scenario.posted[-1]
    assert record_of(demo, unsettled["id"]).state == "posting"
    moment = clock.now()
    demo.clock.move(1)
    copies = back_up(demo)

    scenario.many_orders_at_once()
    demo.wait(timedelta(minutes=3))
    scenario.exception_resolved()
    assert broken_invariants(demo, scenario) == []

    replace_tables(demo, copies)
    for table in MAY_START_EMPTY:
        empty(demo, table)
    forgotten = [o for o in scenario.posted if record_of(demo, o["id"]).state != "posted"]
    assert len(forgotten) > 15

    found = terminal.ok("restored", CONNECTION_ID, "--to", moment.isoformat(), "--json").data
    assert found[0]["events_queued"] >= len(forgotten) - 1
    demo.stack.drain()
    for _ in range(6):
        demo.wait(timedelta(minutes=5))
    assert broken_invariants(demo, scenario) == []
    trail = demo.services.ledger_of(FIRM).trail(CONNECTION)
    assert "restored" in [entry.step for entry in trail]

    scenario._approve(scenario._ordinary(NL, 4))  # new ones are posted as usual, after a search
    demo.stack.drain()
    assert broken_invariants(demo, scenario) == []


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("yesterday", "is not a time"),
        ("2026-11-20T10:00", "has no time zone"),
        ("2019-11-20T10:00Z", "within the last 30 days"),
        ("2199-11-20T10:00Z", "within the last 30 days"),
    ],
)
def test_wrong_use(terminal: Terminal, to: str, said: str) -> None:
    assert said in terminal.refused("restored", "--all", "--to", to)
