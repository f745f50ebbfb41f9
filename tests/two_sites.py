"""The firm with two Exact sites whose divisions have equal codes: one Airbase tenant, two apps."""

import random
from typing import Any

from local.exact_simulator import ExactSimulator
from local.firm import BE, NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts, InMemoryStack
from ml_connector import clock
from ml_connector.domain.ids import Actor, AppId, Division, SiteId, app_at
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.messages import refresh_message
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection

BELGIUM = SiteId("be")
BE_APP = app_at(FIRM, BELGIUM)
BE_DIVISION = Division(f"be.{NL.division}")
"""The Belgian division: its code is that of the Dutch one."""


class TwoSites(InMemoryEnvironment):
    """The Dutch division at one site, the Belgian one, with the same code, at another."""

    def __init__(self) -> None:
        """Fill all systems with the firm's data; `belgium` is the other Exact site."""
        super().__init__()
        self.belgium = ExactSimulator(clock=self.clock, rng=random.Random(3), site="be")
        self._populate_belgium()
        routes = {
            "exact.test": self.exact.transport(),
            "exact-be.test": self.belgium.transport(),
            "airbase.test": self.airbase.transport(),
        }
        self.memory = InMemoryStack(Hosts(routes))
        self.services = self.memory.services()

    def _populate_belgium(self) -> None:
        code, exact = NL.division, self.belgium
        exact.add_division(code, BE.country, description=BE.name)
        exact.add_vat_code(code, BE.vat_code, BE.percentage)
        exact.add_payment_condition(code, "30", "30 days")
        exact.add_supplier(code, "Cloudwerk", code="102")
        account = exact.add_gl_account(code, "4100", "Software subscriptions")
        exact.add_item(code, "COST-4100", "Software subscriptions", account)

    def file(self) -> dict[str, Any]:
        """Return the firm's connection file with both sites."""
        flat = self.config()
        dutch, belgian, _ = flat["divisions"]
        of_site = ("exact_site", "exact_base_url", "exact_callback_url", "divisions")
        shared = {name: value for name, value in flat.items() if name not in of_site}
        nl = {
            "id": FIRM,
            "exact_site": "nl",
            "exact_base_url": flat["exact_base_url"],
            "divisions": [dutch],
        }
        be = {
            "exact_site": "be",
            "exact_base_url": "https://exact-be.test",
            "divisions": [belgian | {"division": NL.division}],
        }
        return {**shared, "sites": [nl, be]}

    def connect_both(self) -> Connection:
        """Add the connection, give consent at both sites, read the reference data."""
        connection = Connection.model_validate(self.file())
        self.services.data_form.finish(Actor("connect"))
        secret_store = self.memory.secret_store
        secret_store.store(AIRBASE_KEY, FIRM, {"api_key": self.airbase.api_key})
        for app, exact in ((AppId(FIRM), self.exact), (BE_APP, self.belgium)):
            pair = {"client_id": exact.client_id, "client_secret": exact.client_secret}
            secret_store.store(EXACT_APP, app, pair)
            self.consent_at(app, exact)
        self.services.connections.save(connection)
        for each in connection.divisions:
            self.memory.queues.send(refresh_message(FIRM, each.division))
        self.work()
        return connection

    def consent_at(self, app: AppId, exact: ExactSimulator) -> None:
        """Give consent (again) for an app at its site."""
        given = exact.issue_tokens()
        tables = self.memory.tables
        pairs = TokenPairs(app, self.memory.secret_store, tables.coordination)
        number = pairs.next_number(of_new_consent=True)
        tokens = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs.store(Tokens(*tokens, clock.now(), number=number))

    def numbers_at(self, exact: ExactSimulator) -> list[str]:
        """Return the Airbase numbers of the orders at a site."""
        return sorted(each["YourRef"] for each in exact.purchase_orders(NL.division))

    def order_of(self, branch: Branch, number: str) -> dict[str, Any]:
        """Add an approved order of a branch's subsidiary."""
        return self.order(number, branch)
