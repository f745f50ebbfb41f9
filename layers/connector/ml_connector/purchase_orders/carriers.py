"""How a line reaches its GL account: through an item whose cost account it is.

Exact's purchase orders have no GL account. Each line needs an item, and what it costs is booked
on the item's `GLCosts`: a *carrier item* of that account.
"""

from dataclasses import dataclass

from ml_connector.ids import Guid
from ml_connector.money import to_wire
from ml_connector.purchase_orders.books import GLAccount, Item, Supplier
from ml_connector.purchase_orders.desk import Desk, mapped
from ml_connector.purchase_orders.model import OrderLine


@dataclass(frozen=True)
class CarrierNeeded:
    """A GL account that no item carries, in a division that lets us make one."""

    gl_account: GLAccount

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"item for GL account {self.gl_account.code}"


@dataclass(frozen=True)
class LinkNeeded:
    """An item that the division must know the supplier to deliver."""

    item: Item
    supplier: Supplier
    price: float | int

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"link of item {self.item.code} to supplier {self.supplier.code}"


Need = CarrierNeeded | LinkNeeded


def find_gl_account(desk: Desk, line: OrderLine, where: str) -> GLAccount | None:
    """Return the line's GL account in the division; None, reported, when it is not there."""
    wanted = line.gl_account
    named = mapped(desk.division.mappings.gl_accounts, wanted) or wanted.code or wanted.name
    account = desk.books.gl_account(named) if named else None
    if account is None:
        desk.report("UNKNOWN_GL_ACCOUNT", where=where, account=str(wanted), code=named)
    elif account.is_blocked:
        desk.report("GL_ACCOUNT_BLOCKED", where=where, account=_title(account))
    return account


def find_carrier(desk: Desk, account: GLAccount, where: str) -> Item | CarrierNeeded | None:
    """Return the item for the account, what has to be made, or None with a problem reported."""
    if chosen := desk.division.mappings.items.get(account.code):
        return _chosen(desk, chosen, account, where)
    day = desk.order.order_date
    found = [item for item in desk.books.carriers(account.id) if item.is_carrier_on(day)]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = [{"id": i.id, "code": i.code, "name": i.description} for i in found]
        desk.report("SEVERAL_CARRIER_ITEMS", candidates, where=where, account=account.code)
    elif desk.division.create_items:
        return CarrierNeeded(account)
    else:
        desk.report("NO_CARRIER_ITEM", where=where, account=_title(account))
    return None


def find_missing_link(
    desk: Desk, item: Item, supplier: Supplier, line: OrderLine
) -> LinkNeeded | None:
    """Return the link to be made, where the division wants links and does not have this one."""
    wanted = desk.division.link_supplier_items
    if not wanted or desk.books.is_linked(item.id, supplier.id):
        return None
    return LinkNeeded(item, supplier, to_wire(line.unit_price))


def _chosen(desk: Desk, id: Guid, account: GLAccount, where: str) -> Item | None:
    item = desk.books.item(id)
    usable = item is not None and item.is_carrier_on(desk.order.order_date)
    if item is None or not usable or item.gl_costs != account.id:
        named = item.code if item else id
        desk.report("MAPPED_ITEM_UNUSABLE", where=where, account=account.code, item=named)
        return None
    return item


def _title(account: GLAccount) -> str:
    return f"{account.code} {account.description}"
