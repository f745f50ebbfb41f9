"""Plan an order as if what it needs in Exact were made already; nothing is made or asked."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.reference import DivisionBooks
from ml_connector.ids import Guid
from ml_connector.purchase_orders.books import Item
from ml_connector.purchase_orders.carriers import CarrierNeeded, LinkNeeded, Need
from ml_connector.purchase_orders.model import Order
from ml_connector.purchase_orders.plan import Plan, plan
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders.planning import ROUNDS, refuse_old_data
from ml_connector.workflows.orders.provision import carrier_body, carrier_code


class Promises:
    """What the orders of one preview need first, gathered while they are planned."""

    def __init__(self, doors: Doors, connection: Connection) -> None:
        """Plan over what is known of the connection's divisions."""
        self._doors = doors
        self._connection = connection
        self._division: ExactDivision = connection.divisions[0]
        self._needs: dict[str, Need] = {}

    def plan(self, order: Order, division: ExactDivision) -> Plan:
        """Return what would be sent; an item that is to be made has a placeholder for its id.

        Raises as `planning.plan_order` does.
        """
        refuse_old_data(self._doors, self._connection, division.division)
        self._division, self._needs = division, {}
        data = self._doors.data(self._connection.id, division.division)
        books = _PromisedBooks(data, self._doors.links, self._connection.id, division.division)
        made = plan(order, self._connection, division, books)
        for _ in range(ROUNDS):
            self._needs |= {need.name: need for need in made.needs}
            books.promise(made.needs)
            made = plan(order, self._connection, division, books) if made.needs else made
        return made

    def needs(self) -> list[dict[str, Any]]:
        """Return what is made first, as far as it is known before Exact was asked."""
        return [self._shown(need) for need in self._needs.values()]

    def placeholders(self) -> list[str]:
        """Return the texts that stand for ids that Exact will give."""
        carriers = (need for need in self._needs.values() if isinstance(need, CarrierNeeded))
        return [placeholder(need) for need in carriers]

    def _shown(self, need: Need) -> dict[str, Any]:
        if isinstance(need, CarrierNeeded):
            return {"what": "item", "body": carrier_body(self._division, need.gl_account)}
        body = {"Item": need.item.id, "Supplier": need.supplier.id, "PurchasePrice": need.price}
        return {"what": "supplier_item", "body": body}


class _PromisedBooks(DivisionBooks):
    """A division's books, with what was promised in them."""

    promised_items: Mapping[Guid, Item] = MappingProxyType({})
    promised_links: frozenset[tuple[Guid, Guid]] = frozenset()

    def promise(self, needs: Sequence[Need]) -> None:
        """Answer from now on as if these had been made."""
        links = {(n.item.id, n.supplier.id) for n in needs if isinstance(n, LinkNeeded)}
        self.promised_items = {**self.promised_items, **_items(needs)}
        self.promised_links |= links

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `Books.carriers`."""
        promised = self.promised_items.get(gl_account)
        return [*super().carriers(gl_account), *([promised] if promised else [])]

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """See `Books.is_linked`."""
        return (item, supplier) in self.promised_links or super().is_linked(item, supplier)


def placeholder(need: CarrierNeeded) -> Guid:
    """Return what stands for the id of an item that does not exist yet."""
    return Guid(f"(item {carrier_code(need.gl_account)}, made first)")


def _items(needs: Sequence[Need]) -> dict[Guid, Item]:
    accounts = {n.gl_account.id: n for n in needs if isinstance(n, CarrierNeeded)}
    return {
        id: Item(
            id=placeholder(need),
            code=carrier_code(need.gl_account),
            description=need.gl_account.description,
            gl_costs=id,
        )
        for id, need in accounts.items()
    }
