"""Ledger and audit trail are put back to an earlier moment, and no order is posted twice."""

from datetime import timedelta

import pytest

from local.exact_simulator import Fault
from local.firm import CONNECTION_ID, NL
from local.scene import FIRM, Scene
from local.story import Story
from local.verdict import broken_invariants, record_of
from ml_connector import clock
from ml_connector.doors.ledger import CONNECTION
from tests.cli.terminal import Terminal

PUT_BACK = ("LedgerTable", "AuditTable")
MAY_START_EMPTY = ("ReferenceTable", "CoordinationTable")
_POST = "purchaseorder/PurchaseOrders"


def keep_copies(scene: Scene) -> dict[str, str]:
    """Return a backup of each table as it is now: what a point in time restores to."""
    dynamodb, kept = scene.stack.client("dynamodb"), {}
    for table in PUT_BACK:
        name = scene.stack.resource(table)
        copy = f"{name}-restored"
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=name, TargetTableName=copy, UseLatestRestorableTime=True
        )
        backup = dynamodb.create_backup(TableName=copy, BackupName=copy)
        kept[name] = backup["BackupDetails"]["BackupArn"]
    return kept


def put_back(scene: Scene, copies: dict[str, str]) -> None:
    """Do the page's steps: the copies take the names that the functions know."""
    dynamodb = scene.stack.client("dynamodb")
    for name, backup in copies.items():
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=name)
        dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backup)


def empty(scene: Scene, logical_id: str) -> None:
    dynamodb, name = scene.stack.client("dynamodb"), scene.stack.resource(logical_id)
    for item in dynamodb.scan(TableName=name)["Items"]:
        dynamodb.delete_item(TableName=name, Key={key: item[key] for key in ("pk", "sk")})


def test_orders_that_the_copy_does_not_know_are_found_in_exact(
    scene: Scene, story: Story, terminal: Terminal
) -> None:
    story.an_ordinary_morning()
    story.what_a_person_must_see()
    scene.exact.faults.append(Fault("timeout_after_commit", "POST", _POST))
    story._approve(story._ordinary(NL, 3))
    scene.stack.drain()
    unsettled = story.posted[-1]
    assert record_of(scene, unsettled["id"]).state == "posting"
    moment = clock.now()
    scene.clock.move(1)
    copies = keep_copies(scene)

    story.a_busy_day()
    scene.wait(timedelta(minutes=3))
    story.the_exception_is_mended()
    assert broken_invariants(scene, story) == []

    put_back(scene, copies)
    for table in MAY_START_EMPTY:
        empty(scene, table)
    forgotten = [o for o in story.posted if record_of(scene, o["id"]).state != "posted"]
    assert len(forgotten) > 15

    found = terminal.ok("restored", CONNECTION_ID, "--to", moment.isoformat(), "--json").data
    assert found[0]["events_queued"] >= len(forgotten) - 1
    scene.stack.drain()
    for _ in range(6):
        scene.wait(timedelta(minutes=5))
    assert broken_invariants(scene, story) == []
    trail = scene.doors.ledger.trail(FIRM, CONNECTION)
    assert "restored" in [entry.step for entry in trail]

    story._approve(story._ordinary(NL, 4))  # new ones are posted as ever, after a look
    scene.stack.drain()
    assert broken_invariants(scene, story) == []


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("yesterday", "is not a moment"),
        ("2026-11-20T10:00", "has no zone"),
        ("2019-11-20T10:00Z", "within the last 30 days"),
        ("2199-11-20T10:00Z", "within the last 30 days"),
    ],
)
def test_wrong_use(terminal: Terminal, to: str, said: str) -> None:
    assert said in terminal.refused("restored", "--all", "--to", to)
