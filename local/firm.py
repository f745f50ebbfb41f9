"""The firm of the demo: three European divisions in Exact and one Airbase tenant."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from ml_connector.domain.ids import Division, SiteId, division_at

CONNECTION_ID = "example-firm"  # the samples in events/ use it


@dataclass(frozen=True)
class Branch:
    """One division and the Airbase subsidiary that it serves."""

    division: int
    country: str
    subsidiary: str
    name: str
    vat_code: str
    percentage: float

    @property
    def key(self) -> Division:
        """Return what the connector calls the division."""
        return division_at(SITE, self.division)


SITE = SiteId("nl")

NL = Branch(2101, "NL", "sub-nl", "Noorderlicht Nederland", "5", 0.21)
BE = Branch(2102, "BE", "sub-be", "Noorderlicht Belgium", "4", 0.21)
DE = Branch(2103, "DE", "sub-de", "Noorderlicht Deutschland", "3", 0.19)
BRANCHES = (NL, BE, DE)

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
    """The firm's data in both systems; `vendors` by name."""

    exact: ExactSimulator
    airbase: AirbaseSimulator
    vendors: dict[str, dict[str, Any]] = field(default_factory=dict)

    def populate(self) -> None:
        """Add the firm's data to both systems."""
        for number, name in enumerate(_SUPPLIERS, start=101):
            self.vendors[name] = self.airbase.add_vendor(name, str(number))
        self.vendors["Nieuwkomer Catering"] = self.airbase.add_vendor("Nieuwkomer Catering")
        for branch in BRANCHES:
            self.add_branch(branch)

    def add_branch(self, branch: Branch) -> None:
        """Add a division with what orders need, and the subsidiary that it serves."""
        self.airbase.add_subsidiary(branch.subsidiary, branch.name)
        code = branch.division
        self.exact.add_division(code, branch.country, description=branch.name)
        self.exact.add_vat_code(code, branch.vat_code, branch.percentage)
        self.exact.add_payment_condition(code, "30", "30 days")
        self.exact.add_cost_centre(code, "MKT", "Marketing")
        self.exact.add_cost_centre(code, "OPS", "Operations")
        for number, name in enumerate(_SUPPLIERS, start=101):
            self.exact.add_supplier(code, name, code=str(number))
        for account, description in _GL_ACCOUNTS:
            self._add_account(code, account, description)
        self._add_account(code, CONSULTING, "Consulting", use_cost_centre=1)
        self._add_account(code, FLEET, "Fleet", blocked=True)

    def _add_account(self, division: int, code: str, description: str, **more: Any) -> None:
        key = self.exact.add_gl_account(division, code, description, **more)
        self.exact.add_item(division, f"COST-{code}", description, key)

    def connection(
        self,
        exact_url: str,
        airbase_url: str,
        callback_url: str,
        branches: Iterable[Branch] = BRANCHES,
    ) -> dict[str, Any]:
        """Return the connection file of this firm."""
        return {
            "id": CONNECTION_ID,
            "name": "Noorderlicht",
            "exact_site": SITE,
            "exact_base_url": exact_url,
            "airbase_base_url": airbase_url,
            "exact_callback_url": callback_url,
            "when_cancelled": "delete",
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
