"""What pages show of a connection, read without the models of its settings.

Those check what people type in, and cost a cold start a quarter of a second; what is stored was
checked.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from ml_connector.domain.ids import (
    AppId,
    ConnectionId,
    Division,
    SiteId,
    app_at,
    code_of,
    division_at,
    site_of,
)
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.settings.exact_sites import site_at
from ml_connector.settings.record_pages import (
    AIRBASE_ORDER,
    AIRBASE_VENDOR,
    EXACT_ORDER,
    EXACT_SUPPLIER,
    address_of,
)

_CONNECTIONS = "#connections"  # as in `connection_store`


class DivisionView(Struct, frozen=True):
    """A division, and how people call it."""

    division: Division
    name: str


class SiteView(Struct, frozen=True):
    """An Exact site: its app, or whose app it uses (`owner`), and its divisions by key."""

    site: SiteId
    app: AppId
    owner: AppId | None
    divisions: tuple[Division, ...]

    @property
    def app_of(self) -> AppId:
        """Return under which name the consent is kept that is used here."""
        return self.owner or self.app


class RecordPages(Struct, frozen=True):
    """Where both systems show records, by the connection's settings; None: that is not known."""

    airbase: Mapping[str, str]
    exact: Mapping[SiteId, Mapping[str, str]]

    def order_in_airbase(self, id: str, number: str) -> str | None:
        """Return the address of an order's page in Airbase."""
        template = self.airbase.get("airbase_order_page", "")
        return address_of(template, AIRBASE_ORDER, {"id": id, "number": number})

    def vendor_in_airbase(self, id: str) -> str | None:
        """Return the address of a vendor's page in Airbase."""
        return address_of(self.airbase.get("airbase_vendor_page", ""), AIRBASE_VENDOR, {"id": id})

    def order_in_exact(self, division: Division, id: str, number: str) -> str | None:
        """Return the address of an order's page in Exact."""
        values = {"id": id, "number": number, "division": str(code_of(division))}
        return address_of(self._at(division, "exact_order_page"), EXACT_ORDER, values)

    def supplier_in_exact(self, division: Division, id: str, code: str) -> str | None:
        """Return the address of a supplier's page in Exact."""
        values = {"id": id, "code": code, "division": str(code_of(division))}
        return address_of(self._at(division, "exact_supplier_page"), EXACT_SUPPLIER, values)

    def _at(self, division: Division, name: str) -> str:
        return self.exact.get(site_of(division), {}).get(name, "")


class ConnectionView(Struct, frozen=True):
    """A connection: how people call it, the site that it had first, and its divisions."""

    id: ConnectionId
    name: str
    first_site: SiteId
    divisions: tuple[DivisionView, ...]
    pages: RecordPages
    sites: tuple[SiteView, ...]

    @property
    def names(self) -> dict[str, str]:
        """Return how people call each division."""
        return {each.division: each.name for each in self.divisions}


class ConnectionViews:
    """Reads the connections of a stack."""

    def __init__(self, mappings: Table) -> None:
        """Read them in the mappings table."""
        self._table = mappings

    def get(self, id: ConnectionId) -> ConnectionView | None:
        """Return a connection, or None when there is none."""
        item = self._table.get(_CONNECTIONS, id)
        return _view(item) if item else None

    def all(self) -> Iterator[ConnectionView]:
        """Yield every connection of the stack."""
        return map(_view, self._table.query(_CONNECTIONS))


def _view(item: Item) -> ConnectionView:
    body: Mapping[str, Any] = json.loads(str(item["body"]))
    id = ConnectionId(str(item["sk"]))
    sites: list[Mapping[str, Any]] = body.get("sites") or [{**body, "id": id}]
    first = next((each for each in sites if each.get("id") == id), sites[0])
    divisions = tuple(_division(of, each) for of in sites for each in of.get("divisions", ()))
    name, pages = str(body.get("name") or id), _pages(body, sites)
    views = tuple(_site_view(id, each) for each in sites)
    return ConnectionView(id, name, _site(first), divisions, pages, views)


def _site_view(id: ConnectionId, stored: Mapping[str, Any]) -> SiteView:
    site, owner = _site(stored), stored.get("shares_app_with")
    app = AppId(ConnectionId(str(stored.get("id") or app_at(id, site))))
    divisions = tuple(_division(stored, each).division for each in stored.get("divisions", ()))
    return SiteView(site, app, AppId(ConnectionId(str(owner))) if owner else None, divisions)


def _pages(body: Mapping[str, Any], sites: list[Mapping[str, Any]]) -> RecordPages:
    def named(stored: Mapping[str, Any], system: str) -> dict[str, str]:
        names = (f"{system}_{what}_page" for what in ("order", "vendor", "supplier"))
        return {name: str(stored[name]) for name in names if stored.get(name)}

    return RecordPages(
        named(body, "airbase"), {_site(each): named(each, "exact") for each in sites}
    )


def _site(stored: Mapping[str, Any]) -> SiteId:
    named = stored.get("exact_site")
    return SiteId(str(named)) if named else site_at(str(stored.get("exact_base_url", "")))


def _division(of: Mapping[str, Any], stored: Mapping[str, Any]) -> DivisionView:
    """Return a division, which is stored by its code or as `nl.2101`."""
    code = str(stored["division"]).rpartition(".")[2]
    division = division_at(_site(of), int(code))
    return DivisionView(division, str(stored.get("name") or division))
