"""Orders of the demo firm, as the pages of the console show them."""

from typing import Any

from local.demo.environment import FIRM, DemoEnvironment
from local.firm import NL, Branch
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.ledger import OrderRecord, order_key


def approve(
    demo: DemoEnvironment, number: str, account: str, amount: str, branch: Branch = NL, **more: Any
) -> str:
    """Have an order approved and processed; return its id."""
    vendor = demo.firm.vendors[more.pop("vendor", "Cloudwerk")]
    lines = [demo.airbase.line(account, amount)]
    order = demo.airbase.add_order(number, branch.subsidiary, vendor, lines, **more)
    demo.airbase.approve(order)
    demo.stack.drain()
    return str(order["id"])


def record_of(demo: DemoEnvironment, number: str) -> OrderRecord:
    """Return the record of the order with this number."""
    id = next(id for id, each in demo.airbase.orders.items() if each["number"] == number)
    return demo.services.ledger_of(FIRM).read(order_key(OrderId(id)))


def address_of(demo: DemoEnvironment, number: str) -> str:
    """Return the address of the order's page."""
    return f"/record?of={FIRM}&key=order%23{record_of(demo, number).key.partition('#')[2]}"
