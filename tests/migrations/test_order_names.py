"""Form 1: rows by name for existing orders, while workers go on."""

from dataclasses import replace
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import Actor, OrderId
from ml_connector.exceptions.listing import list_open, read_filter
from ml_connector.infrastructure.dynamodb import CheckVersion
from ml_connector.infrastructure.ledger import order_key
from ml_connector.migrations.order_names import STEP
from ml_connector.migrations.run import migrate
from ml_connector.records.lookup import find_order
from tests.migrations.old_stack import (
    IN_REVIEW,
    NAMES,
    all_pointers,
    ledger_table,
    make_old,
    pointers,
    records,
)
from tests.person_stack import PERSON, PersonStack


@pytest.fixture
def old(env: InMemoryEnvironment) -> InMemoryEnvironment:
    make_old(env)
    return env


def found(env: InMemoryEnvironment) -> list[str]:
    stack = PersonStack(env)
    names = ("id-2", "PO-2", "po-2", "7002")
    return [find_order(stack.known_ledger(FIRM), name).key for name in names]


def listed(env: InMemoryEnvironment) -> list[str]:
    return [row["key"] for row in list_open(PersonStack(env), FIRM, read_filter())]


def test_the_old_form_is_readable_before_and_after(old: InMemoryEnvironment) -> None:
    assert found(old) == ["order#id-2"] * 4
    assert listed(old) == [IN_REVIEW]
    migrate(PersonStack(old), PERSON)
    assert found(old) == ["order#id-2"] * 4
    assert listed(old) == [IN_REVIEW]
    assert pointers(old) == all_pointers()


def test_after_it_no_order_is_looked_for_among_all(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(PersonStack(old), PERSON)

    def refused(*_: Any) -> Any:
        raise AssertionError("all orders are read")

    monkeypatch.setattr(type(old.services.ledger_of(FIRM)), "records", refused)
    monkeypatch.setattr(type(old.services.ledger_of(FIRM)), "readable_or_not", refused)
    assert found(old) == ["order#id-2"] * 4
    assert listed(old) == [IN_REVIEW]


def test_records_and_their_trails_stay_as_they_are(old: InMemoryEnvironment) -> None:
    ledger = old.services.ledger_of(FIRM)
    before = records(old)
    trails = {key: ledger.trail(key) for key in before}
    migrate(PersonStack(old), PERSON)
    after = records(old)
    for key, record in before.items():
        assert replace(after[key], version=record.version) == record
        assert ledger.trail(key) == trails[key]
        assert ledger.find_break(after[key]) is None
    changed = [key for key, record in before.items() if after[key].version != record.version]
    assert changed == [IN_REVIEW], "only to bring it into the index"


def test_an_order_that_is_renamed_meanwhile(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker renames the order after the step has read it: its row is not stored as read."""
    ledger, key = old.services.ledger_of(FIRM), order_key(OrderId("id-2"))
    real = InMemoryTable.transact
    renamed: list[str] = []

    def transact(table: InMemoryTable, writes: Any) -> bool:
        is_step = any(isinstance(each, CheckVersion) and each.sk == key for each in writes)
        if is_step and not renamed:
            renamed.append(key)
            record = ledger.read(key)
            ledger.write(record.now("posted", replace(record.facts, title="PO-2b")), "renamed")
        return real(table, writes)

    monkeypatch.setattr(InMemoryTable, "transact", transact)
    migrate(PersonStack(old), PERSON)
    assert renamed
    wanted = all_pointers() - {("po-2", key)} | {("po-2b", key)}
    assert pointers(old) == wanted


def test_a_record_that_never_stops_changing_is_reported(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = InMemoryTable.transact

    def transact(table: InMemoryTable, writes: Any) -> bool:
        return not any(isinstance(each, CheckVersion) for each in writes) and real(table, writes)

    with monkeypatch.context() as patched:
        patched.setattr(InMemoryTable, "transact", transact)
        rows = migrate(PersonStack(old), PERSON)
        assert rows[0]["state"] == "to_do"
        assert "order#id-0" in rows[0]["why"]
    migrate(PersonStack(old), PERSON)
    assert pointers(old) == all_pointers()


def test_removed_connections_are_migrated_too(old: InMemoryEnvironment) -> None:
    record = old.services.ledger_of(FIRM).connection()
    old.services.ledger_of(FIRM).write(record.now("removed"), "connection_removed")
    old.services.connections.remove(FIRM)
    row, *_ = migrate(PersonStack(old), Actor("somebody"))
    assert (row["connection"], row["changes"]) == (FIRM, 4)
    assert found(old) == ["order#id-2"] * 4
    assert old.services.ledger_of(FIRM).connection().state == "removed"


def test_it_goes_on_behind_the_last_key(old: InMemoryEnvironment) -> None:
    changes = STEP.changes(PersonStack(old), FIRM, "order#id-1")
    assert [each.key for each in changes] == ["order#id-2", "order#id-3"]


def test_an_order_has_at_most_two_rows(old: InMemoryEnvironment) -> None:
    migrate(PersonStack(old), PERSON)
    assert len(list(ledger_table(old).query(NAMES))) == 2 * 4
