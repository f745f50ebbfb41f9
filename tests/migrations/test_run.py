"""A migration is resumed, repeated, counted and recorded; newer data are refused."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector import __version__
from ml_connector.connections import manage
from ml_connector.domain.ids import ConnectionId
from ml_connector.health.checks import Check
from ml_connector.health.ping import ping_connection
from ml_connector.infrastructure.compression import compress
from ml_connector.infrastructure.data_form import NEWEST, DataForm, StackForm
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.messages.worker import worker
from ml_connector.migrations import run
from ml_connector.migrations.run import migrate
from ml_connector.migrations.step import Change, Step
from ml_connector.migrations.steps import STEPS
from tests.migrations.old_stack import (
    NAMES,
    all_pointers,
    forget_form,
    ledger_table,
    make_old,
    pointers,
)
from tests.person_stack import PERSON, PersonStack
from tests.sqs_events import CONTEXT, sqs_record

WRITES = ("put", "transact")


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def old(env: InMemoryEnvironment) -> InMemoryEnvironment:
    make_old(env)
    return env


def tables(env: InMemoryEnvironment) -> dict[str, Any]:
    return {name: table.items() for name, table in vars(env.memory.tables).items()}


def migrated(env: InMemoryEnvironment) -> list[dict[str, Any]]:
    trail = env.services.ledger_of(FIRM).trail(CONNECTION)
    return [each.as_dict() for each in trail if each.step == "migrated"]


def data_form_check(env: InMemoryEnvironment) -> Check:
    checks = ping_connection(env.services.bound(env.connection()))
    (found,) = (each for each in checks if each.check == "data_form")
    return found


def test_the_release_is_that_of_the_package() -> None:
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8")
    assert tomllib.loads(text)["project"]["version"] == __version__


def test_the_steps_are_numbered_up_to_the_newest_form() -> None:
    assert [step.number for step in STEPS] == list(range(1, NEWEST + 1))
    assert all(step.purpose for step in STEPS)


def test_who_migrated_is_recorded(old: InMemoryEnvironment) -> None:
    row, *then = migrate(PersonStack(old), PERSON)
    assert [(each["step"], each["state"], each["changes"]) for each in then] == [
        (2, "done", 0),
        (3, "done", 0),
    ]
    assert row == {
        "why": None,
        "connection": FIRM,
        "step": 1,
        "purpose": STEPS[0].purpose,
        "state": "done",
        "changes": 4,
    }
    entry, *later = migrated(old)
    assert [each["detail"]["form"] for each in later] == [2, 3]
    assert entry["actor"] == PERSON
    assert entry["detail"]["form"] == 1
    assert entry["detail"]["changes"] == 4
    stored = ledger_table(old).get("#form", "stack")
    assert stored
    assert (stored["by"], stored["done"], stored["begun"]) == (PERSON, NEWEST, NEWEST)


def test_a_second_run_has_no_effect(old: InMemoryEnvironment) -> None:
    migrate(PersonStack(old), PERSON)
    before = tables(old)
    old.clock.move(60)
    for row in migrate(PersonStack(old), PERSON):
        assert (row["state"], row["changes"]) == ("done", 0)
    assert tables(old) == before


def test_what_an_older_version_has_written_is_migrated_again(old: InMemoryEnvironment) -> None:
    migrate(PersonStack(old), PERSON)
    lost = next(iter(ledger_table(old).query(NAMES)))
    ledger_table(old).delete(NAMES, str(lost["sk"]))
    assert [row["changes"] for row in migrate(PersonStack(old), PERSON)] == [0, 0, 0]
    assert [row["changes"] for row in migrate(PersonStack(old), PERSON, again=True)] == [1, 0, 0]
    assert pointers(old) == all_pointers()


def test_a_dry_run_counts_and_writes_nothing(old: InMemoryEnvironment) -> None:
    before = tables(old)
    row, *_ = migrate(PersonStack(old), PERSON, dry_run=True)
    assert (row["state"], row["changes"]) == ("to_do", 4)
    assert tables(old) == before


def kill_before(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """End the process before its write number `count`."""
    left, inside = [count], [0]

    def killing(real: Any) -> Any:
        def write(*given: Any) -> Any:
            left[0] -= not inside[0]  # a transaction is one write
            if left[0] < 0:
                raise Killed
            inside[0] += 1
            try:
                return real(*given)
            finally:
                inside[0] -= 1

        return write

    for name in WRITES:
        monkeypatch.setattr(InMemoryTable, name, killing(getattr(InMemoryTable, name)))


def test_a_crash_between_any_two_writes_is_resumed(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_NOTED_EVERY", 2)
    make_old(env, orders=5)
    crashes, total = 0, 0
    while True:
        with monkeypatch.context() as patched:
            kill_before(patched, crashes)
            try:
                migrate(PersonStack(env), PERSON)
            except Killed:
                crashes += 1
            else:
                break
        total = max(total, len(pointers(env)))
        migrate(PersonStack(env), PERSON)
        assert pointers(env) == all_pointers(5), crashes
        assert len(migrated(env)) == crashes * len(STEPS), "one entry a step, not for each run"
        assert PersonStack(env).known_ledger(FIRM).has_form(NEWEST)
        forget_form(env)
    assert crashes > 10
    assert total == len(all_pointers(5))


def test_a_resumed_run_starts_where_the_last_has_ended(old: InMemoryEnvironment) -> None:
    seen: list[str] = []

    def changes(_stack: Any, _id: ConnectionId, after: str) -> Iterator[Change]:
        for number in range(60):
            key = f"{number:02}"
            if key > after:
                yield Change(key, lambda key=key: seen.append(key))  # type: ignore[misc]
            if key == "40" and "40" not in seen[:-1] and not after:
                raise Killed

    step = Step(1, "test", changes)
    with pytest.raises(Killed):
        migrate(PersonStack(old), PERSON, steps=[step])
    first = list(seen)
    migrate(PersonStack(old), PERSON, steps=[step])
    assert first[-1] == "40"
    assert seen[len(first)] == "25", "stored every 25 changes"
    (entry,) = migrated(old)
    assert entry["detail"]["changes"] == 60


def test_an_interrupted_check_is_continued_and_hides_nothing_from_later_steps(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_NOTED_EVERY", 1)
    migrate(PersonStack(old), PERSON)
    table = ledger_table(old)
    table.delete_all(NAMES, [str(row["sk"]) for row in table.query(NAMES)])
    with monkeypatch.context() as patched:
        kill_before(patched, 4)
        with pytest.raises(Killed):
            migrate(PersonStack(old), PERSON, again=True)
    migrate(PersonStack(old), PERSON)
    assert pointers(old) == all_pointers()


def test_one_connection_that_cannot_be_migrated_stops_no_other(old: InMemoryEnvironment) -> None:
    other = old.connect("zuiderzon").id
    forget_form(old)
    table = ledger_table(old)
    stored = table.get(FIRM, "order#id-1")
    assert stored
    table.put({**stored, "facts": compress('{"invented": 1}')})
    rows = migrate(PersonStack(old), PERSON)
    of_firm = [row for row in rows if row["connection"] == FIRM and row["state"] == "to_do"]
    assert of_firm
    assert "invented" in of_firm[0]["why"]
    assert {row["state"] for row in rows if row["connection"] == other} == {"done"}
    assert PersonStack(old).form.done == 0, "not everything is done"
    table.put(stored)
    assert {row["state"] for row in migrate(PersonStack(old), PERSON)} == {"done"}
    assert PersonStack(old).form.done == NEWEST


def test_one_connection_alone(old: InMemoryEnvironment) -> None:
    migrate(PersonStack(old), PERSON, FIRM)
    stack = PersonStack(old)
    assert stack.known_ledger(FIRM).has_form(NEWEST)
    assert not stack.services.ledger_of(ConnectionId("other")).has_form(NEWEST)
    assert data_form_check(old).ok


def test_ping_says_what_is_old(old: InMemoryEnvironment) -> None:
    found = data_form_check(old)
    assert (found.ok, found.code) == (False, "DATA_IS_OLD")
    assert "3 (1, 2, 3)" in found.cause
    assert "connector migrate" in found.remedy
    migrate(PersonStack(old), PERSON)
    assert data_form_check(old).ok


def test_a_new_stack_has_the_newest_form(env: InMemoryEnvironment) -> None:
    stack = PersonStack(env)
    stack.begin(PERSON)
    manage.record_step(stack.ledger_of(PERSON, FIRM), "app_credentials_stored")
    assert stack.form == StackForm(NEWEST, NEWEST, __version__)
    assert [row["state"] for row in migrate(PersonStack(env), PERSON)] == ["done"] * 3
    assert migrated(env) == []


def test_a_stack_with_records_is_not_new(old: InMemoryEnvironment) -> None:
    manage.record_step(PersonStack(old).ledger_of(PERSON, FIRM), "any")
    PersonStack(old).begin(PERSON)
    old.services.connections.remove(FIRM)
    PersonStack(old).begin(PERSON)
    assert PersonStack(old).form == StackForm()


def begin_newer(env: InMemoryEnvironment) -> None:
    table = ledger_table(env)
    newer: Item = {"begun": NEWEST + 1, "done": NEWEST, "release": "9.9.9"}
    table.put({"pk": "#form", "sk": "stack", **newer})


def test_a_worker_refuses_newer_data_and_keeps_the_message(
    env: InMemoryEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    env.connect()
    handled: list[object] = []
    handler = worker(lambda body, _: handled.append(body), env.memory.services())
    event = {"Records": [sqs_record("{}")]}
    assert handler(event, CONTEXT) == {"batchItemFailures": []}
    begin_newer(env)
    env.clock.move(61)
    assert handler(event, CONTEXT) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert handled == [{}]
    with pytest.raises(NewerDataError, match=r"9\.9\.9 .*install version 9\.9\.9"):
        env.memory.services().data_form.refuse_newer()


def test_newer_data_are_not_migrated(env: InMemoryEnvironment) -> None:
    env.connect()
    begin_newer(env)
    before = tables(env)
    for dry_run in (False, True):
        with pytest.raises(NewerDataError, match=r"install version 9\.9\.9"):
            migrate(PersonStack(env), PERSON, dry_run=dry_run)
    assert tables(env) == before


def test_the_workers_read_the_form_once_a_minute(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = env.memory.services().data_form
    reads: list[int] = []

    def of_stack(_form: DataForm) -> StackForm:
        reads.append(1)
        return StackForm()

    monkeypatch.setattr(DataForm, "of_stack", of_stack)
    for seconds in (0, 30, 29, 2):
        env.clock.move(seconds)
        form.refuse_newer()
    assert len(reads) == 2
