"""Tens of thousands of mappings are imported with few calls, and looked up one by one."""

from collections import Counter
from collections.abc import Iterable
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import Division, code_of
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.lists.writing import write_list
from ml_connector.mapping import files
from ml_connector.mapping import import_export as verbs
from tests.person_stack import PersonStack

NL = Division("nl.2101")
MANY, VERY_MANY = 6_500, 100_000


@pytest.fixture
def calls(env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count calls as DynamoDB is called: a batch is one of 25 writes or 100 reads."""
    counted = Counter[str]()

    def count(name: str, size: int = 0) -> None:
        real = getattr(InMemoryTable, name)

        def called(table: InMemoryTable, *given: Any, **more: Any) -> Any:
            if size:
                given = (*given[:-1], list(given[-1]))
            counted[name] += ceil(len(given[-1]) / size) if size else 1
            return real(table, *given, **more)

        monkeypatch.setattr(InMemoryTable, name, called)

    env.connect()
    for name in ("get", "insert", "put", "replace", "transact", "query", "delete"):
        count(name)
    for name, size in (("put_all", 25), ("delete_all", 25), ("get_many", 100)):
        count(name, size)
    return counted


def supplier_codes(env: InMemoryEnvironment) -> list[str]:
    rows = env.exact.world.divisions[code_of(NL)].table("crm/Accounts").values()
    return [str(row["Code"]).strip() for row in rows if row["IsSupplier"]]


def import_suppliers(
    env: InMemoryEnvironment, path: Path, lines: Iterable[tuple[str, str]]
) -> verbs.MappingImport:
    stack = PersonStack(env)
    rows = ((NL, "suppliers", airbase, exact, "") for airbase, exact in lines)
    write_list(path, files.COLUMNS, rows)
    return verbs.import_(stack, stack.actor, FIRM, path)


@pytest.mark.parametrize(("number", "most"), [(MANY, 250), (VERY_MANY, 300)])
def test_an_import_calls_the_tables_seldom(
    env: InMemoryEnvironment, calls: Counter[str], tmp_path: Path, number: int, most: int
) -> None:
    one, other = supplier_codes(env)[:2]
    path = tmp_path / "map.csv"
    done = import_suppliers(env, path, ((f"vendor-{n}", one) for n in range(number)))
    assert len(done.changes) == number
    assert calls.total() <= most, calls
    calls.clear()
    assert len(import_suppliers(env, path, [("vendor-77", other)]).changes) == 1
    assert calls.total() <= 40, calls
    table = env.memory.tables.mappings
    assert isinstance(table, InMemoryTable)
    assert _largest(table.items()) < 100_000
    found = env.services_of().division_data(NL)
    assert found.mapped("suppliers", ("vendor-77",)) == other
    assert found.mapped("suppliers", (f"vendor-{number - 1}",)) == one


def test_every_change_is_audited(env: InMemoryEnvironment, tmp_path: Path) -> None:
    env.connect()
    (one, *_) = supplier_codes(env)
    import_suppliers(env, tmp_path / "map.csv", ((f"vendor-{n}", one) for n in range(12_000)))
    ledger = env.services.ledger_of(FIRM)
    steps = [each for each in ledger.entries(CONNECTION) if each.step == "mappings_changed"]
    changed = [change["airbase"] for each in steps for change in each.detail["changes"]]
    assert len(set(changed)) == 12_000
    assert ledger.find_break(ledger.connection()) is None


def test_an_order_reads_its_own_mappings_only(
    env: InMemoryEnvironment, calls: Counter[str], tmp_path: Path
) -> None:
    calls.clear()
    env.post(env.order("PO-1"))
    before = calls.total()
    cloudwerk = str(env.firm.vendors["Cloudwerk"]["id"])
    one, other = supplier_codes(env)[:2]
    lines = [(f"vendor-{n}", one) for n in range(20_000)]
    import_suppliers(env, tmp_path / "map.csv", [*lines, (cloudwerk, other)])
    calls.clear()
    line = env.airbase.line("4100", "77.00", "x")
    order = env.order("PO-2", lines=[line])
    assert env.post(order).state == "posted"
    assert calls.total() <= before + 10
    suppliers = env.exact.world.divisions[code_of(NL)].table("crm/Accounts")
    (posted,) = (each for each in env.in_exact() if each["YourRef"] == "PO-2")
    assert str(suppliers[posted["Supplier"]]["Code"]).strip() == other


def _largest(items: list[Item]) -> int:
    return max(sum(len(str(value)) for value in item.values()) for item in items)
