"""Whether Exact holds what was approved, to the cent."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.exact.odata import guid
from ml_connector.faults import Problem
from ml_connector.money import round_to_step
from ml_connector.purchase_orders.exact_order import ExactOrder
from ml_connector.purchase_orders.model import Order


def amount_problems(title: str, approved: Decimal, found: Any, number: Any) -> Sequence[Problem]:
    """Return what is wrong with the total of purchase order `number` as Exact answered it.

    An answer without the amount (Exact may leave fields empty) is taken as it is.
    """
    if found is None:
        return []
    posted = round_to_step(Decimal(str(found)), approved)
    if approved == posted:
        return []
    detail = f"Approved {approved}, in Exact {posted} (order {number})."
    return [problem("POSTED_AMOUNT_DIFFERS", title, detail)]


def kept_problems(
    connection: Connection, order: Order, found: ExactOrder, number: str
) -> Sequence[Problem]:
    """Return what is still wrong with an order that is in Exact as approved: its total."""
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    return amount_problems(order.title, order.total.amount, amount, number)


def confirmed(
    connection: Connection, title: str, approved: Decimal, entity: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the facts of an order that Exact has answered as `entity`: it is there."""
    amount, number = entity.get("AmountFC"), entity.get("OrderNumber")
    found = amount if connection.amounts_include_vat else entity.get("AmountFCExclVat")
    problems = amount_problems(title, approved, found, number)
    id, posted = guid(entity["PurchaseOrderID"]), None if amount is None else str(amount)
    return {
        "exact": {"id": id, "number": number, "amount": posted},
        "problems": [p.as_dict() for p in problems],
        "waiting": None,
    }
