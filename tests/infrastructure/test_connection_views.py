"""What pages show of a connection is what its settings say."""

from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.connection_views import ConnectionViews
from ml_connector.settings.connection import Connection

ID = ConnectionId("firm")
DIVISIONS = [
    {"division": 2101, "name": "Nederland", "subsidiaries": ["a"]},
    {"division": 7, "subsidiaries": ["b"]},
]


@pytest.mark.parametrize(
    "settings",
    [
        {"exact_site": "nl"},
        {"exact_site": "co.uk", "name": "The firm"},
        {"exact_base_url": "https://start.exactonline.be"},
        {"exact_base_url": "https://exact.example"},
        {"sites": [{"exact_site": "be"}, {"exact_site": "nl", "id": "firm"}]},
    ],
)
def test_a_view_says_what_the_settings_say(settings: dict[str, Any]) -> None:
    table = InMemoryTable("mappings")
    sites = settings.get("sites", [])
    for number, site in enumerate(sites):
        site["divisions"] = [{**DIVISIONS[number]}]
    own = {} if sites else {"divisions": DIVISIONS}
    connection = Connection.model_validate({"id": ID, **own, **settings})
    ConnectionStore(table).save(connection)
    view = ConnectionViews(table).get(ID)
    assert view is not None
    assert list(ConnectionViews(table).all()) == [view]
    assert (view.id, view.first_site) == (ID, connection.first_site)
    assert view.name == (connection.name or ID)
    assert view.names == {
        each.division: each.name or each.division for each in connection.divisions
    }


def test_each_site_says_where_exact_shows_a_record() -> None:
    table = InMemoryTable("mappings")
    sites = [
        {
            "exact_site": site,
            "divisions": [{"division": 7, "subsidiaries": [site]}],
            "exact_order_page": f"https://{site}.test/{{division}}/{{number}}",
            "exact_supplier_page": f"https://{site}.test/{{code}}",
        }
        for site in ("nl", "be")
    ]
    settings = {"airbase_order_page": "https://a.test/{id}", "id": ID, "sites": sites}
    ConnectionStore(table).save(Connection.model_validate(settings))
    view = ConnectionViews(table).get(ID)
    assert view is not None
    pages, nl, be = view.pages, Division("nl.7"), Division("be.7")
    assert pages.order_in_exact(nl, "guid", "26") == "https://nl.test/7/26"
    assert pages.order_in_exact(be, "guid", "26") == "https://be.test/7/26"
    assert pages.supplier_in_exact(be, "guid", "S/1") == "https://be.test/S%2F1"
    assert pages.order_in_exact(Division("de.7"), "guid", "26") is None, "a site that is gone"
    assert pages.order_in_exact(nl, "guid", "") is None, "its number is not known"
    assert pages.order_in_airbase("4711", "") == "https://a.test/4711"
    assert pages.vendor_in_airbase("v-1") is None, "it is not set"


def test_there_is_no_view_of_what_there_is_not() -> None:
    assert ConnectionViews(InMemoryTable("mappings")).get(ID) is None
