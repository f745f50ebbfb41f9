"""Map an order as if its missing prerequisites existed; nothing is created, Exact is not called."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.carrier_items import (
    MissingCarrierItem,
    MissingSupplierItem,
    Prerequisite,
)
from ml_connector.domain.orders.mapping import MappedOrder, map_order
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.reference_data import Item
from ml_connector.infrastructure.reference_store import StoredDivisionData
from ml_connector.purchase_orders.prerequisites import (
    ROUNDS,
    carrier_body,
    carrier_code,
    refuse_stale_data,
)
from ml_connector.services import Services
from ml_connector.settings.connection import ExactDivision


class PreviewPrerequisites:
    """Collects the prerequisites that an order lacks while a preview maps it."""

    def __init__(self, services: Services) -> None:
        """Map with the stored reference data of the connection's divisions."""
        self._services = services
        self._connection = services.connection
        self._division: ExactDivision = services.connection.divisions[0]
        self._missing: dict[str, Prerequisite] = {}

    def map_order(self, order: Order, division: ExactDivision) -> MappedOrder:
        """Return what would be sent; an item to be created has a placeholder for its id.

        Raises as `prerequisites.map_with_prerequisites` does.
        """
        refuse_stale_data(self._services.reference_store(division.division), division.division)
        self._division, self._missing = division, {}
        data = self._services.reference_store(division.division)
        division_data = _PlannedDivisionData(data, self._services.vendor_links, division.division)
        mapped = map_order(order, self._connection, division, division_data)
        for _ in range(ROUNDS):
            if mapped.missing:
                self._missing |= {each.name: each for each in mapped.missing}
                division_data.add_planned(mapped.missing)
                mapped = map_order(order, self._connection, division, division_data)
        return mapped

    def missing(self) -> list[dict[str, Any]]:
        """Return what would be created first, as far as it is known without calling Exact."""
        return [self._shown(each) for each in self._missing.values()]

    def placeholders(self) -> list[str]:
        """Return the texts that stand for ids that Exact will give."""
        items = (each for each in self._missing.values() if isinstance(each, MissingCarrierItem))
        return [placeholder(each) for each in items]

    def _shown(self, missing: Prerequisite) -> dict[str, Any]:
        if isinstance(missing, MissingCarrierItem):
            return {"what": "item", "body": carrier_body(self._division, missing.gl_account)}
        body = {
            "Item": missing.item.id,
            "Supplier": missing.supplier.id,
            "PurchasePrice": missing.price,
        }
        return {"what": "supplier_item", "body": body}


class _PlannedDivisionData(StoredDivisionData):
    """A division's data, together with planned items and links."""

    planned_items: Mapping[Guid, Item] = MappingProxyType({})
    planned_links: frozenset[tuple[Guid, Guid]] = frozenset()

    def add_planned(self, missing: Sequence[Prerequisite]) -> None:
        """Answer from now on as if these had been created."""
        links = {(m.item.id, m.supplier.id) for m in missing if isinstance(m, MissingSupplierItem)}
        self.planned_items = {**self.planned_items, **_items(missing)}
        self.planned_links |= links

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `DivisionData.carriers`."""
        planned = self.planned_items.get(gl_account)
        return [*super().carriers(gl_account), *([planned] if planned else [])]

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """See `DivisionData.is_linked`."""
        return (item, supplier) in self.planned_links or super().is_linked(item, supplier)


def placeholder(missing: MissingCarrierItem) -> Guid:
    """Return the text that stands for the id of an item that does not exist yet."""
    return Guid(f"(item {carrier_code(missing.gl_account)}, created first)")


def _items(missing: Sequence[Prerequisite]) -> dict[Guid, Item]:
    accounts = {m.gl_account.id: m for m in missing if isinstance(m, MissingCarrierItem)}
    return {
        id: Item(
            id=placeholder(each),
            code=carrier_code(each.gl_account),
            description=each.gl_account.description,
            gl_costs=id,
        )
        for id, each in accounts.items()
    }
