"""The firm with two Exact sites whose divisions have equal codes: one Airbase tenant, two apps."""

from typing import Any

from local.exact_simulator import ExactSimulator
from local.firm import ABROAD, NL
from local.in_memory.environment import InMemoryEnvironment
from ml_connector.domain.ids import AppId, SiteId
from ml_connector.settings.connection import Connection

_, _BELGIAN, _ = ABROAD
BELGIUM, BE_APP, BE_DIVISION = _BELGIAN.site, _BELGIAN.app, _BELGIAN.key
"""The Belgian division: its code is that of the Dutch one."""


class TwoSites(InMemoryEnvironment):
    """The Dutch division at one site, the Belgian one, with the same code, at another."""

    def __init__(self) -> None:
        """Fill all systems with the firm's data; `belgium` is the other Exact site."""
        super().__init__(ABROAD[:2])
        self.belgium = self.sites[BELGIUM]

    def config(self, **division_changes: Any) -> dict[str, Any]:
        """Return the firm's connection file before it had the Belgian site."""
        shared = super().config(**division_changes)
        dutch: dict[str, Any] = shared.pop("sites")[0]
        return shared | dutch

    def file(self) -> dict[str, Any]:
        """Return the firm's connection file with both sites, without subscriptions."""
        config = super().config()
        for site in config["sites"]:
            del site["exact_callback_url"]
        return config

    def connect_both(self) -> Connection:
        """Add the connection, give consent at both sites, read the reference data."""
        return self.add(Connection.model_validate(self.file()))

    def consent_at(self, app: AppId, exact: ExactSimulator) -> None:
        """Give consent (again) for an app at its site."""
        self.consent(app, SiteId(exact.world.site))

    def numbers_at(self, exact: ExactSimulator) -> list[str]:
        """Return the Airbase numbers of the orders at a site."""
        return sorted(each["YourRef"] for each in exact.purchase_orders(NL.division))
