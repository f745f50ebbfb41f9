"""A division of a simulated Exact site, with an authorised client."""

import random
from dataclasses import dataclass

import httpx

from local.exact_simulator import Contract, ExactSimulator
from ml_connector.clock import MovableClock

SUMMER_NOON = 1782390490.0  # 2026-06-25T12:28:10Z
MIDNIGHT_MS = "1782432000000"
DIVISION = 101
ORDERS, LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"


@dataclass
class Opened:
    """A site with one division that has what an order needs."""

    simulator: ExactSimulator
    clock: MovableClock
    client: httpx.Client
    supplier: str
    item: str

    def get(
        self, endpoint: str, params: dict[str, str] | None = None, division: int = DIVISION
    ) -> httpx.Response:
        """Return the answer to a GET inside the division."""
        return self.client.get(f"/api/v1/{division}/{endpoint}", params=params)

    def post_order(self, **fields: object) -> httpx.Response:
        """Return the answer to a POST of an order with one line."""
        line = {"Item": self.item, "QuantityInPurchaseUnits": 1, "UnitPrice": 10}
        body = {"Supplier": self.supplier, "PurchaseOrderLines": [line], **fields}
        return self.client.post(f"/api/v1/{DIVISION}/{ORDERS}", json=body)

    def new_consent(self) -> None:
        """Use the tokens of a new consent."""
        token = self.simulator.issue_tokens()["access_token"]
        self.client.headers["Authorization"] = f"Bearer {token}"


def open_site(
    site: str = "nl",
    country: str = "NL",
    contract: Contract | None = None,
    clock: MovableClock | None = None,
    seed: int = 7,
) -> Opened:
    """Return a site with a fixed clock and the same keys in every run."""
    moving = clock or MovableClock(SUMMER_NOON)
    simulator = ExactSimulator(
        moving, random.Random(seed), lambda _url, _body: 200, site=site, contract=contract
    )
    simulator.add_division(DIVISION, country)
    supplier = simulator.add_supplier(DIVISION, "Northern Paper", code="11")
    account = simulator.add_gl_account(DIVISION, "4406", "Office costs")
    item = simulator.add_item(DIVISION, "GL4406", "Office costs", account)
    client = httpx.Client(
        transport=simulator.transport(),
        base_url=f"https://start.exactonline.{site}",
        headers={"Accept": "application/json"},
    )
    opened = Opened(simulator, moving, client, supplier, item)
    opened.new_consent()
    return opened


def message(response: httpx.Response) -> str:
    """Return the message of an error answer."""
    return str(response.json()["error"]["message"]["value"]).strip()


def rate_headers(response: httpx.Response) -> dict[str, str]:
    """Return the headers about call limits, by lower-case name without the prefix."""
    prefix = "x-ratelimit-"
    return {
        name.removeprefix(prefix): value
        for name, value in response.headers.items()
        if name.startswith(prefix)
    }
