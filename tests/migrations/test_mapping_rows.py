"""Form 3: mappings go into rows; readers find them before, during and after it."""

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import Division
from ml_connector.domain.orders.reference_data import CodeKind
from ml_connector.infrastructure.data_form import MAPPING_ROWS
from ml_connector.migrations.run import migrate
from ml_connector.settings.connection import Connection
from tests.person_stack import PERSON, PersonStack

NL = Division("nl.2101")
MAPPINGS = {"suppliers": {f"ven-{n}": f"{n}" for n in range(1500)}, "gl_accounts": {"X": "4100"}}


class Killed(BaseException):
    """The process has ended."""


@pytest.fixture
def old(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """A firm whose connection was stored by an older version, with its mappings in it."""
    env.connect()
    _store_as_older(env, _connection(env))
    table = env.memory.tables.ledger
    table.delete("#form", "stack")
    return env


def _connection(env: InMemoryEnvironment) -> Connection:
    return Connection.model_validate(env.config(mappings=MAPPINGS))


def _store_as_older(env: InMemoryEnvironment, connection: Connection) -> None:
    table = env.memory.tables.mappings
    stored = table.get("#connections", FIRM)
    assert stored
    table.put({**stored, "body": connection.model_dump_json(), "version": 1})
    for row in list(table.query(f"{FIRM}#mappings")):
        table.delete(f"{FIRM}#mappings", str(row["sk"]))


def _found(env: InMemoryEnvironment) -> tuple[str | None, str | None]:
    data = env.memory.services().of(FIRM)
    assert data
    found = data.division_data(NL)
    return found.mapped("suppliers", ("ven-77",)), found.mapped("gl_accounts", ("no", "X"))


def _is_in_rows(env: InMemoryEnvironment) -> bool:
    mappings = env.connection().divisions[0].mappings
    return bool(mappings.supplier_rows and mappings.other_rows and not mappings.suppliers)


def test_the_step_moves_all_mappings_and_nothing_else(old: InMemoryEnvironment) -> None:
    rows = migrate(PersonStack(old), PERSON)
    assert [row["changes"] for row in rows if row["step"] == MAPPING_ROWS] == [1]
    assert _is_in_rows(old)
    assert old.services.connections.whole(old.connection()) == _connection(old)
    assert _found(old) == ("77", "4100")


def test_a_second_run_changes_nothing(old: InMemoryEnvironment) -> None:
    migrate(PersonStack(old), PERSON)
    before = old.connection()
    assert [row["changes"] for row in migrate(PersonStack(old), PERSON, again=True)] == [0, 0, 0]
    assert old.connection() == before


@pytest.mark.parametrize("name", ["put_all", "transact", "put"])
@pytest.mark.parametrize("number", range(1, 6))
def test_killed_before_any_write_nothing_is_lost(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    real, left = getattr(InMemoryTable, name), [number]

    def write(table: InMemoryTable, *given: object) -> object:
        left[0] -= 1
        if not left[0]:
            raise Killed
        return real(table, *given)

    with monkeypatch.context() as patched:
        patched.setattr(InMemoryTable, name, write)
        try:
            migrate(PersonStack(old), PERSON)
        except Killed:
            assert _found(old) == ("77", "4100")
    migrate(PersonStack(old), PERSON)
    assert _is_in_rows(old)
    assert old.services.connections.whole(old.connection()) == _connection(old)


def test_a_change_that_an_older_version_makes_meanwhile_is_kept(
    old: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, changed = InMemoryTable.put_all, list[bool]()
    theirs = _connection(old).model_copy(update={"name": "Renamed"})

    def meanwhile(table: InMemoryTable, items: object) -> None:
        real(table, items)  # type: ignore[arg-type]
        if not changed and table.name == "mappings":
            changed.append(True)
            _change(old, theirs)

    monkeypatch.setattr(InMemoryTable, "put_all", meanwhile)
    migrate(PersonStack(old), PERSON)
    assert changed
    assert _is_in_rows(old)
    assert old.services.connections.whole(old.connection()) == theirs


def _change(env: InMemoryEnvironment, connection: Connection) -> None:
    table = env.memory.tables.mappings
    stored = table.get("#connections", FIRM)
    assert stored
    table.put({**stored, "body": connection.model_dump_json(), "version": 2})


def test_an_order_is_posted_before_and_after(old: InMemoryEnvironment) -> None:
    line = old.airbase.line("X", "10.00", "x")
    assert old.post(old.order("PO-1", lines=[line])).state == "posted"
    migrate(PersonStack(old), PERSON)
    assert old.post(old.order("PO-2", lines=[line | {"amount": "11.00"}])).state == "posted"
    del old


def test_every_kind_is_found_in_rows(old: InMemoryEnvironment) -> None:
    kinds: tuple[CodeKind, ...] = ("cost_centre", "cost_unit", "project")
    given = {f"{kind}s": {"a": f"{kind}-1"} for kind in kinds}
    old.services.connections.save(Connection.model_validate(old.config(mappings=given)))
    found = old.services_of().division_data(NL)
    assert [found.mapped(f"{kind}s", ("a",)) for kind in kinds] == [f"{kind}-1" for kind in kinds]
