"""Connections and the origin of Exact's orders are stored, separately per connection."""

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId, Division, OrderId, VendorId
from ml_connector.infrastructure.connection_store import (
    ConnectionNotes,
    ConnectionStore,
    ListedOrder,
)
from ml_connector.infrastructure.vendor_links import Link, VendorLinks
from tests.domain.orders.builders import another_guid, any_connection, any_division
from tests.site import keys_of

FIRM, OTHER = ConnectionId("firm"), ConnectionId("firm-2")
NL, BE = Division("nl.101"), Division("nl.102")
VENDOR = VendorId("ven-1")
LINK = Link(NL, VENDOR, another_guid(1), "name")


@pytest.fixture
def table() -> InMemoryTable:
    return InMemoryTable("mappings")


@pytest.fixture
def mappings(table: InMemoryTable) -> ConnectionStore:
    return ConnectionStore(table)


@pytest.fixture
def notes(table: InMemoryTable) -> ConnectionNotes:
    return ConnectionNotes(table, FIRM)


def test_a_connection_is_stored_in_full(mappings: ConnectionStore) -> None:
    connection = any_connection(
        any_division(mappings={"gl_accounts": {"Travel": "4500"}}, currency="USD"),
        profile={"auth_scheme": "Bearer", "order": {"number": "no"}},
        exact_callback_url="https://hooks.example.com/x",
    )
    mappings.save(connection)
    (found,) = mappings.all()
    assert mappings.get(FIRM) == found
    assert mappings.whole(found) == connection


def test_a_connection_that_was_never_added_is_none(mappings: ConnectionStore) -> None:
    assert mappings.get(FIRM) is None
    assert list(mappings.all()) == []


def test_saving_again_replaces(mappings: ConnectionStore) -> None:
    mappings.save(any_connection())
    mappings.save(any_connection(name="New"))
    assert [one.name for one in mappings.all()] == ["New"]


def test_removing_a_connection_removes_only_its_own_links(
    mappings: ConnectionStore, table: InMemoryTable
) -> None:
    links = {id: VendorLinks(table, keys_of(id)) for id in (FIRM, OTHER)}
    for id in (FIRM, OTHER):
        mappings.save(any_connection(id=id))
        links[id].save(LINK)
    mappings.remove(FIRM)
    assert [one.id for one in mappings.all()] == [OTHER]
    assert links[FIRM].get(NL, VENDOR) is None
    assert links[OTHER].get(NL, VENDOR) == LINK
    mappings.remove(FIRM)


def test_no_connection_id_hides_or_removes_other_connections(
    mappings: ConnectionStore, table: InMemoryTable
) -> None:
    awkward = ConnectionId("connections")
    for id in (FIRM, awkward):
        mappings.save(any_connection(id=id))
    VendorLinks(table, keys_of(awkward)).save(LINK)
    assert {one.id for one in mappings.all()} == {FIRM, awkward}
    mappings.remove(awkward)
    assert [one.id for one in mappings.all()] == [FIRM]


def test_the_origin_of_an_order_in_exact_is_known(
    notes: ConnectionNotes, table: InMemoryTable
) -> None:
    notes.note_posted("exact-1", OrderId("po-1"))
    assert notes.order_of("exact-1") == "po-1"
    assert notes.order_of("exact-2") is None
    assert ConnectionNotes(table, OTHER).order_of("exact-1") is None


def test_an_unreadable_connection_does_not_hide_the_next(
    table: InMemoryTable, mappings: ConnectionStore
) -> None:
    mappings.save(any_connection(id=FIRM))
    mappings.save(any_connection(id=OTHER))
    table.put({"pk": "#connections", "sk": FIRM, "body": '{"of": "another version"}'})
    assert [one.id for one in mappings.all()] == [OTHER]


def test_changing_a_connection_keeps_the_day_it_was_added(
    mappings: ConnectionStore, time: MovableClock
) -> None:
    assert mappings.added_at(FIRM) is None
    mappings.save(any_connection())
    added_at = mappings.added_at(FIRM)
    assert added_at == clock.now()
    time.move(86_400)
    mappings.save(any_connection(name="New"))
    assert mappings.added_at(FIRM) == added_at
    mappings.remove(FIRM)
    mappings.save(any_connection())
    assert mappings.added_at(FIRM) == clock.now()


def test_listed_orders_are_stored_per_connection(
    mappings: ConnectionStore, notes: ConnectionNotes, table: InMemoryTable
) -> None:
    first, second = OrderId("a#1"), OrderId("b")
    notes.save_listed_orders({first: ListedOrder("x"), second: ListedOrder("y", is_skipped=True)})
    notes.save_listed_orders({first: ListedOrder("z")})
    notes.save_listed_orders({})
    assert notes.listed_orders() == {
        first: ListedOrder("z"),
        second: ListedOrder("y", is_skipped=True),
    }
    assert ConnectionNotes(table, OTHER).listed_orders() == {}
    mappings.save(any_connection())
    mappings.remove(FIRM)
    assert notes.listed_orders() == {}


def test_a_connection_that_has_changed_is_not_overwritten(mappings: ConnectionStore) -> None:
    mappings.save(any_connection(name="First"))
    read = mappings.versioned(FIRM)
    assert read is not None
    connection, version = read
    assert connection == any_connection(name="First")
    mappings.save(any_connection(name="Theirs"))
    assert not mappings.save_if_unchanged(any_connection(name="Ours"), version)
    assert [one.name for one in mappings.all()] == ["Theirs"]
    mappings.remove(FIRM)
    assert not mappings.save_if_unchanged(any_connection(name="Ours"), version)
    assert mappings.versioned(FIRM) is None


def test_saving_the_same_settings_again_is_no_change(mappings: ConnectionStore) -> None:
    mappings.save(any_connection(name="First"))
    read = mappings.versioned(FIRM)
    assert read is not None
    mappings.save(any_connection(name="First"))
    assert mappings.save_if_unchanged(any_connection(name="Ours"), read[1])
    assert [one.name for one in mappings.all()] == ["Ours"]
