"""Connections and the origin of Exact's orders are kept, each connection's apart."""

import pytest

from local.memory import MemoryTable
from ml_connector.doors.links import Link, Links
from ml_connector.doors.mappings import Mappings
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
