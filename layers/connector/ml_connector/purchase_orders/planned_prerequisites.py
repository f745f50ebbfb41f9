"""Answer as if the prerequisites that an order lacks existed; nothing is created."""

from typing import Any

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.carrier_items import (
    MissingCarrierItem,
    MissingSupplierItem,
)
from ml_connector.domain.orders.questions import Lookup
from ml_connector.domain.orders.reference_data import Item
from ml_connector.domain.orders.steps import Create
from ml_connector.purchase_orders.prerequisites import carrier_body, carrier_code


class PlannedPrerequisites:
    """What a preview would have created: `shown` to people, `answers` for the next decision.

    `placeholders` are the texts that stand for ids that Exact will give.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self.shown: list[dict[str, Any]] = []
        self.placeholders: list[str] = []
        self.answers: dict[Lookup, Any] = {}

    def plan(self, step: Create) -> list[str]:
        """Take what is missing as created; return its names."""
        for each in step.missing:
            if isinstance(each, MissingCarrierItem):
                self._plan_item(step, each)
            else:
                self._plan_link(step.division.division, each)
        return [each.name for each in step.missing]

    def _plan_item(self, step: Create, missing: MissingCarrierItem) -> None:
        account = missing.gl_account
        id = placeholder(missing)
        item = Item(
            id=id,
            code=carrier_code(account),
            description=account.description,
            gl_costs=account.id,
        )
        self.shown.append({"what": "item", "body": carrier_body(step.division, account)})
        self.placeholders.append(id)
        self.answers[Lookup(step.division.division, "carriers", (account.id,))] = [item]

    def _plan_link(self, division: Division, missing: MissingSupplierItem) -> None:
        item, supplier = missing.item.id, missing.supplier.id
        body = {"Item": item, "Supplier": supplier, "PurchasePrice": missing.price}
        self.shown.append({"what": "supplier_item", "body": body})
        self.answers[Lookup(division, "is_linked", (item, supplier))] = True


def placeholder(missing: MissingCarrierItem) -> Guid:
    """Return the text that stands for the id of an item that does not exist yet."""
    return Guid(f"(item {carrier_code(missing.gl_account)}, created first)")
