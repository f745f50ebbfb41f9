"""Choose the item through which an order line reaches its GL account.

Exact's order lines have no GL account. Each line needs an item, and its cost is booked on the
item's `GLCosts`: a *carrier item* of that account.
"""

from msgspec import Struct

from ml_connector.domain.ids import Guid
from ml_connector.domain.money import to_wire
from ml_connector.domain.orders.order import OrderLine
from ml_connector.domain.orders.reference_data import GLAccount, Item, Supplier
from ml_connector.domain.orders.validation import MappingContext


class MissingCarrierItem(Struct, frozen=True):
    """A GL account without a carrier item, in a division where one may be created."""

    gl_account: GLAccount

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"item for GL account {self.gl_account.code}"


class MissingSupplierItem(Struct, frozen=True):
    """A supplier item that the division demands: this supplier delivers this item."""

    item: Item
    supplier: Supplier
    price: float | int

    @property
    def name(self) -> str:
        """Return what is needed, for leases and messages."""
        return f"link of item {self.item.code} to supplier {self.supplier.code}"


Prerequisite = MissingCarrierItem | MissingSupplierItem


def find_gl_account(context: MappingContext, line: OrderLine, where: str) -> GLAccount | None:
    """Return the line's GL account in the division; None, with a problem reported, if unknown."""
    requested = line.gl_account
    code = context.mapped("gl_accounts", *requested.keys) or requested.code or requested.name
    account = context.division_data.gl_account(code) if code else None
    key = next(iter(requested.keys), "")
    if account is None:
        context.report(
            "UNKNOWN_GL_ACCOUNT", where=where, account=str(requested), code=code, airbase=key
        )
    elif account.unreadable:
        name = f"GL account {_title(account)}"
        context.report("EXACT_RECORD_UNREADABLE", where=where, what=name, wrong=account.unreadable)
    elif account.is_blocked:
        context.report("GL_ACCOUNT_BLOCKED", where=where, account=_title(account), airbase=key)
    return account


def find_carrier(
    context: MappingContext, account: GLAccount, where: str
) -> Item | MissingCarrierItem | None:
    """Return the carrier item or what has to be created; None, with a problem reported."""
    if mapped_item := context.mapped("items", account.code):
        return _mapped_item(context, Guid(mapped_item), account, where)
    day = context.order.order_date
    found = [item for item in context.division_data.carriers(account.id) if item.is_carrier_on(day)]
    if len(found) == 1:
        _refuse_unreadable(context, found[0], where)
        return found[0]
    if found:
        candidates = [{"id": i.id, "code": i.code, "name": i.description} for i in found]
        code = account.code
        context.report("SEVERAL_CARRIER_ITEMS", candidates, where=where, account=code, airbase=code)
    elif context.division.create_items:
        return MissingCarrierItem(account)
    else:
        name = _title(account)
        context.report("NO_CARRIER_ITEM", where=where, account=name, airbase=account.code)
    return None


def find_missing_link(
    context: MappingContext, item: Item, supplier: Supplier, line: OrderLine
) -> MissingSupplierItem | None:
    """Return the link to be created, if the division wants links and lacks this one."""
    is_required = context.division.link_supplier_items
    if not is_required or context.division_data.is_linked(item.id, supplier.id):
        return None
    return MissingSupplierItem(item, supplier, to_wire(line.unit_price))


def _mapped_item(context: MappingContext, id: Guid, account: GLAccount, where: str) -> Item | None:
    item = context.division_data.item(id)
    is_usable = item is not None and item.is_carrier_on(context.order.order_date)
    if item is None or not is_usable or item.gl_costs != account.id:
        name = item.code if item else id
        code = account.code
        context.report("MAPPED_ITEM_UNUSABLE", where=where, account=code, item=name, airbase=code)
        return None
    _refuse_unreadable(context, item, where)
    return item


def _refuse_unreadable(context: MappingContext, item: Item, where: str) -> None:
    if item.unreadable:
        name = f"Item {item.code}"
        context.report("EXACT_RECORD_UNREADABLE", where=where, what=name, wrong=item.unreadable)


def _title(account: GLAccount) -> str:
    return f"{account.code} {account.description}"
