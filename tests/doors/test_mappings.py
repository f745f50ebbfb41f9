"""Connections and the origin of Exact's orders are kept, each connection's apart."""

import pytest

from local.memory import MemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.doors.links import Link, Links
from ml_connector.doors.mappings import Listed, Mappings
from ml_connector.ids import ConnectionId, Division, OrderId, VendorId
from tests.purchase_orders.builders import another_guid, any_connection, any_division

FIRM, OTHER = ConnectionId("firm"), ConnectionId("firm-2")
NL, BE = Division(101), Division(102)
VENDOR = VendorId("ven-1")
LINK = Link(NL, VENDOR, another_guid(1), "name")


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable("mappings")


@pytest.fixture
def mappings(table: MemoryTable) -> Mappings:
    return Mappings(table)


@pytest.fixture
def links(table: MemoryTable) -> Links:
    return Links(table)


def test_a_connection_is_kept_whole(mappings: Mappings) -> None:
    connection = any_connection(
        any_division(mappings={"gl_accounts": {"Travel": "4500"}}, currency="USD"),
        profile={"auth_scheme": "Bearer", "order": {"number": "no"}},
        exact_callback_url="https://hooks.example.com/x",
    )
    mappings.save(connection)
    assert mappings.connection(FIRM) == connection
    assert list(mappings.connections()) == [connection]


def test_a_connection_that_was_never_added_is_none(mappings: Mappings) -> None:
    assert mappings.connection(FIRM) is None
    assert list(mappings.connections()) == []


def test_saving_again_replaces(mappings: Mappings) -> None:
    mappings.save(any_connection())
    mappings.save(any_connection(name="New"))
    assert [one.name for one in mappings.connections()] == ["New"]


def test_removing_a_connection_forgets_its_links_and_nobody_elses(
    mappings: Mappings, links: Links
) -> None:
    for id in (FIRM, OTHER):
        mappings.save(any_connection(id=id))
        links.save(id, LINK)
    mappings.remove(FIRM)
    assert [one.id for one in mappings.connections()] == [OTHER]
    assert links.get(FIRM, NL, VENDOR) is None
    assert links.get(OTHER, NL, VENDOR) == LINK
    mappings.remove(FIRM)


def test_no_id_of_a_connection_hides_or_removes_the_others(
    mappings: Mappings, links: Links
) -> None:
    awkward = ConnectionId("connections")
    for id in (FIRM, awkward):
        mappings.save(any_connection(id=id))
    links.save(awkward, LINK)
    assert {one.id for one in mappings.connections()} == {FIRM, awkward}
    mappings.remove(awkward)
    assert [one.id for one in mappings.connections()] == [FIRM]


def test_the_origin_of_an_order_in_exact_is_known(mappings: Mappings) -> None:
    mappings.note_posted(FIRM, "exact-1", OrderId("po-1"))
    assert mappings.order_of(FIRM, "exact-1") == "po-1"
    assert mappings.order_of(FIRM, "exact-2") is None
    assert mappings.order_of(OTHER, "exact-1") is None


def test_a_connection_that_cannot_be_read_does_not_stop_the_next(
    table: MemoryTable, mappings: Mappings
) -> None:
    mappings.save(any_connection(id=FIRM))
    mappings.save(any_connection(id=OTHER))
    table.put({"pk": "#connections", "sk": FIRM, "body": '{"of": "another version"}'})
    assert [one.id for one in mappings.connections()] == [OTHER]


def test_the_day_a_connection_was_added_outlives_its_changes(
    mappings: Mappings, time: MovableClock
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


def test_what_the_listing_had_is_kept_for_each_connection(mappings: Mappings) -> None:
    first, second = OrderId("a#1"), OrderId("b")
    mappings.keep_listed(FIRM, {first: Listed("x"), second: Listed("y", is_left=True)})
    mappings.keep_listed(FIRM, {first: Listed("z")})
    mappings.keep_listed(FIRM, {})
    assert mappings.listed(FIRM) == {first: Listed("z"), second: Listed("y", is_left=True)}
    assert mappings.listed(OTHER) == {}
    mappings.save(any_connection())
    mappings.remove(FIRM)
    assert mappings.listed(FIRM) == {}


def test_a_connection_is_saved_over_only_as_it_was_read(mappings: Mappings) -> None:
    mappings.save(any_connection(name="First"))
    read = mappings.versioned(FIRM)
    assert read is not None
    connection, version = read
    assert connection == any_connection(name="First")
    mappings.save(any_connection(name="Theirs"))
    assert not mappings.save_over(any_connection(name="Ours"), version)
    assert [one.name for one in mappings.connections()] == ["Theirs"]
    mappings.remove(FIRM)
    assert not mappings.save_over(any_connection(name="Ours"), version)
    assert mappings.versioned(FIRM) is None


def test_saving_the_same_again_is_no_change(mappings: Mappings) -> None:
    mappings.save(any_connection(name="First"))
    read = mappings.versioned(FIRM)
    assert read is not None
    mappings.save(any_connection(name="First"))
    assert mappings.save_over(any_connection(name="Ours"), read[1])
    assert [one.name for one in mappings.connections()] == ["Ours"]
