"""Mappings lie in rows that are read by key; one write makes all changes of them visible."""

from datetime import timedelta
from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.mapping_rows import LongMappingError, MappingRows
from ml_connector.settings.connection import Connection, DivisionMappings
from tests.domain.orders.builders import any_connection, any_division

FIRM = ConnectionId("firm")
PK = f"{FIRM}#mappings"


class CountingTable(InMemoryTable):
    """Counts what is read and written, by operation."""

    def __init__(self, name: str = "mappings") -> None:
        super().__init__(name)
        self.calls: list[str] = []
        self.is_broken = False

    def get(self, pk: str, sk: str) -> Item | None:
        self.calls.append("get")
        return super().get(pk, sk)

    def put_all(self, items: Any) -> None:
        for item in items:
            self.calls.append("put")
            super().put_all([item])
            if self.is_broken:
                raise ConnectionError


@pytest.fixture
def table() -> CountingTable:
    return CountingTable()


@pytest.fixture
def store(table: CountingTable, time: MovableClock) -> ConnectionStore:
    del time  # the clock stands still
    return ConnectionStore(table)


def suppliers(number: int, **changed: str) -> dict[str, str]:
    return {f"ven-{n}": str(50_000 + n) for n in range(number)} | changed


def connection(**mappings: dict[str, str]) -> Connection:
    return any_connection(any_division(mappings=mappings), id=FIRM)


def stored_mappings(store: ConnectionStore) -> DivisionMappings:
    found = store.get(FIRM)
    assert found
    return found.divisions[0].mappings


def rows(table: InMemoryTable) -> dict[str, Item]:
    return {str(row["sk"]): row for row in table.query(PK)}


def lasting(table: InMemoryTable) -> set[str]:
    return {name for name, row in rows(table).items() if "expires_at" not in row}


def test_all_mappings_are_found_by_key_and_as_a_whole(store: ConnectionStore) -> None:
    given = connection(suppliers=suppliers(5000), gl_accounts={"Travel": "4500"})
    store.save(given)
    mappings, reader = stored_mappings(store), MappingRows(store._table, FIRM)
    assert mappings.suppliers == {}
    assert reader.find(mappings, "suppliers", ["nobody", "ven-4321"]) == "54321"
    assert reader.find(mappings, "gl_accounts", ["Travel"]) == "4500"
    assert reader.find(mappings, "suppliers", ["Travel"]) is None
    found = store.get(FIRM)
    assert found
    assert store.whole(found) == given


def test_a_look_up_reads_one_row_and_reads_it_once(
    store: ConnectionStore, table: CountingTable
) -> None:
    store.save(connection(suppliers=suppliers(100_000)))
    mappings, reader = stored_mappings(store), MappingRows(table, FIRM)
    table.calls.clear()
    for _ in range(3):
        assert reader.find(mappings, "suppliers", ["ven-77777"]) == "127777"
    assert table.calls == ["get"]


def test_the_reader_keeps_few_rows(store: ConnectionStore, table: CountingTable) -> None:
    store.save(connection(suppliers=suppliers(100_000)))
    mappings, reader = stored_mappings(store), MappingRows(table, FIRM)
    for number in range(2000):
        assert reader.find(mappings, "suppliers", [f"ven-{number}"]) == str(50_000 + number)
    assert len(reader._read) <= 64


def test_only_the_row_of_a_changed_mapping_is_written(
    store: ConnectionStore, table: CountingTable
) -> None:
    store.save(connection(suppliers=suppliers(10_000)))
    before, names = stored_mappings(store).supplier_rows, lasting(table)
    store.save(connection(suppliers=suppliers(10_000, **{"ven-3": "9"})))
    after = stored_mappings(store).supplier_rows
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert len(lasting(table)) == len(names)


def test_a_reader_of_the_version_before_still_finds_its_mappings_for_a_day(
    store: ConnectionStore, table: CountingTable, time: MovableClock
) -> None:
    store.save(connection(suppliers=suppliers(10)))
    before = stored_mappings(store)
    store.save(connection(suppliers={"ven-1": "new"}))
    time.move(timedelta(hours=23))
    assert MappingRows(table, FIRM).find(before, "suppliers", ["ven-1"]) == "50001"
    time.move(timedelta(hours=2))
    assert set(rows(table)) == set(stored_mappings(store).supplier_rows)
    assert MappingRows(table, FIRM).find(stored_mappings(store), "suppliers", ["ven-1"]) == "new"


def test_an_interrupted_change_is_not_seen_and_its_rows_expire_later(
    store: ConnectionStore, table: CountingTable, time: MovableClock
) -> None:
    store.save(connection(suppliers=suppliers(2000)))
    before = stored_mappings(store)
    table.is_broken = True
    with pytest.raises(ConnectionError):
        store.save(connection(suppliers=dict.fromkeys(suppliers(2000), "changed")))
    table.is_broken = False
    assert stored_mappings(store) == before
    orphans = lasting(table) - set(before.supplier_rows)
    assert orphans
    store.save(connection(suppliers=suppliers(2000, one="1")))
    assert orphans <= lasting(table), "an import that is not finished may have written them"
    time.move(timedelta(hours=2))
    store.save(connection(suppliers=suppliers(2000, one="2")))
    assert lasting(table) == set(stored_mappings(store).supplier_rows)


def test_the_later_of_two_changes_is_refused_whatever_rows_it_wrote(
    store: ConnectionStore, table: CountingTable, time: MovableClock
) -> None:
    store.save(connection(suppliers=suppliers(2000)))
    read = store.versioned(FIRM)
    assert read
    theirs = connection(suppliers=suppliers(2000, theirs="1"))
    store.save(theirs)
    ours = connection(suppliers=suppliers(2000, ours="1"))
    assert not store.save_if_unchanged(ours, read[1])
    time.move(timedelta(days=2))
    found = store.get(FIRM)
    assert found
    assert store.whole(found) == theirs


def test_settings_read_before_mappings_changed_are_not_saved_over_them(
    store: ConnectionStore,
) -> None:
    store.save(connection(suppliers=suppliers(10)))
    stale = store.get(FIRM)
    assert stale
    store.save(connection(suppliers=suppliers(11)))
    with pytest.raises(RuntimeError, match="changes faster"):
        store.save(stale.model_copy(update={"name": "New"}))
    fresh = store.get(FIRM)
    assert fresh
    store.save(fresh.model_copy(update={"name": "New"}))
    assert store.whole(store.get(FIRM) or fresh).divisions[0].mappings.suppliers == suppliers(11)


def test_other_mappings_share_no_row_with_suppliers(store: ConnectionStore) -> None:
    store.save(connection(suppliers=suppliers(10), gl_accounts={"a": "1"}))
    before = stored_mappings(store)
    store.save(connection(suppliers=suppliers(10), gl_accounts={"a": "2"}))
    after = stored_mappings(store)
    assert after.supplier_rows == before.supplier_rows
    assert after.other_rows != before.other_rows


def test_long_mappings_fit_and_longer_ones_are_refused(store: ConnectionStore) -> None:
    long = {f"{n}" + "é" * 1990: "x" * 2000 for n in range(300)}
    store.save(connection(cost_centres=long))
    found = store.get(FIRM)
    assert found
    assert store.whole(found).divisions[0].mappings.cost_centres == long
    with pytest.raises(LongMappingError, match=r"cost_centres: 'aaa.* 2000 characters"):
        store.save(connection(cost_centres={"a" * 2001: "1"}))


def test_a_removed_connection_leaves_no_rows(store: ConnectionStore, table: CountingTable) -> None:
    store.save(connection(suppliers=suppliers(1000)))
    store.remove(FIRM)
    assert table.items() == []


def test_what_an_older_version_stored_is_read(store: ConnectionStore, table: CountingTable) -> None:
    older = connection(suppliers=suppliers(3))
    body = older.model_dump_json()
    assert "rows" not in body, "an older version can read it"
    table.put({"pk": "#connections", "sk": FIRM, "body": body})
    mappings = stored_mappings(store)
    assert MappingRows(table, FIRM).find(mappings, "suppliers", ["ven-2"]) == "50002"
    assert store.whole(older) == older
