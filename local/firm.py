"""The firm of the demo: one Airbase tenant, and three divisions on one Exact site or on three."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from ml_connector.domain.ids import (
    AppId,
    ConnectionId,
    Division,
    SiteId,
    app_at,
    division_at,
)

CONNECTION_ID = "example-firm"  # the samples in events/ use it
SITE = SiteId("nl")


@dataclass(frozen=True)
class Branch:
    """One division and the Airbase subsidiary that it serves."""

    division: int
    country: str
    subsidiary: str
    name: str
    vat_code: str
    percentage: float
    site: SiteId = SITE

    @property
    def key(self) -> Division:
        """Return what the connector calls the division."""
        return division_at(self.site, self.division)

    @property
    def app(self) -> AppId:
        """Return under which name the connector keeps the app of the division's site."""
        connection = ConnectionId(CONNECTION_ID)
        return AppId(connection) if self.site == SITE else app_at(connection, self.site)


NL = Branch(2101, "NL", "sub-nl", "Noorderlicht Nederland", "5", 0.21)
BE = Branch(2102, "BE", "sub-be", "Noorderlicht Belgium", "4", 0.21)
DE = Branch(2103, "DE", "sub-de", "Noorderlicht Deutschland", "3", 0.19)
BRANCHES = (NL, BE, DE)
"""All on one site."""
ABROAD = (NL, replace(BE, site=SiteId("be"), division=NL.division), replace(DE, site=SiteId("de")))
"""Each on the site of its country; two have the same code."""

_GL_ACCOUNTS = (
    ("4100", "Software subscriptions"),
    ("4200", "Office supplies"),
    ("4300", "Cleaning and maintenance"),
    ("4400", "Marketing and events"),
)
CONSULTING, FLEET = "4500", "4600"  # requires a cost centre; is blocked
_SUPPLIERS = ("Papierhandel Vos", "Cloudwerk", "Schoonmaak Zuid", "Druckhaus Elbe", "Expo Partners")


@dataclass
class Firm:
    """The firm's data in both systems: `sites` by name, `vendors` by theirs."""

    sites: Mapping[str, ExactSimulator]
    airbase: AirbaseSimulator
    branches: Sequence[Branch] = BRANCHES
    vendors: dict[str, dict[str, Any]] = field(default_factory=dict)

    def populate(self) -> None:
        """Add the firm's data to both systems."""
        for number, name in enumerate(_SUPPLIERS, start=101):
            self.vendors[name] = self.airbase.add_vendor(name, str(number))
        self.vendors["Nieuwkomer Catering"] = self.airbase.add_vendor("Nieuwkomer Catering")
        for branch in self.branches:
            self.add_branch(branch)

    def add_branch(self, branch: Branch) -> None:
        """Add a division with what orders need, and the subsidiary that it serves."""
        self.airbase.add_subsidiary(branch.subsidiary, branch.name)
        code, exact = branch.division, self.sites[branch.site]
        exact.add_division(code, branch.country, description=branch.name)
        exact.add_vat_code(code, branch.vat_code, branch.percentage)
        exact.add_payment_condition(code, "30", "30 days")
        exact.add_cost_centre(code, "MKT", "Marketing")
        exact.add_cost_centre(code, "OPS", "Operations")
        for number, name in enumerate(_SUPPLIERS, start=101):
            exact.add_supplier(code, name, code=str(number))
        for account, description in _GL_ACCOUNTS:
            _add_account(exact, code, account, description)
        _add_account(exact, code, CONSULTING, "Consulting", use_cost_centre=1)
        _add_account(exact, code, FLEET, "Fleet", blocked=True)

    def connection(
        self,
        exact_urls: str | Mapping[str, str],
        airbase_url: str,
        callback_url: str,
        branches: Sequence[Branch] | None = None,
    ) -> dict[str, Any]:
        """Return the connection file of this firm; the address of each site, or of the only one.

        The callback of a further site is that of the first, with the site's name at its end.
        """
        served = branches or self.branches
        shared = {
            "id": CONNECTION_ID,
            "name": "Noorderlicht",
            "airbase_base_url": airbase_url,
            "when_cancelled": "delete",
        }
        if isinstance(exact_urls, str):
            exact_urls = {str(served[0].site): exact_urls}
        sites = [
            _site(
                [each for each in served if each.site == site],
                url,
                callback_url if site == SITE else f"{callback_url}.{site}",
            )
            for site, url in exact_urls.items()
        ]
        if len(sites) == 1:
            return {**shared, **sites[0]}
        sites[0]["id"] = CONNECTION_ID
        return {**shared, "sites": sites}


def _site(branches: Sequence[Branch], url: str, callback_url: str) -> dict[str, Any]:
    """Return the settings of one site, which has these branches."""
    return {
        "exact_site": branches[0].site,
        "exact_base_url": url,
        "exact_callback_url": callback_url,
        "divisions": [
            {
                "division": branch.division,
                "name": branch.name,
                "subsidiaries": [branch.subsidiary],
                "default_vat_code": branch.vat_code,
                "default_payment_condition": "30",
            }
            for branch in branches
        ],
    }


def _add_account(
    exact: ExactSimulator, division: int, code: str, description: str, **more: Any
) -> None:
    key = exact.add_gl_account(division, code, description, **more)
    exact.add_item(division, f"COST-{code}", description, key)
