"""Whether Exact holds what was approved, to the cent."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ml_connector.codes import problem
from ml_connector.faults import Problem
from ml_connector.money import round_to_step


def amount_problems(
    title: str, intent: Mapping[str, Any], entity: Mapping[str, Any], includes_vat: bool
) -> Sequence[Problem]:
    """Return what is wrong with the total of a purchase order as Exact answered it.

    An answer without the amount (Exact may leave fields empty) is taken as it is.
    """
    found = entity.get("AmountFC" if includes_vat else "AmountFCExclVat")
    if found is None:
        return []
    approved = Decimal(intent["amount"])
    posted = round_to_step(Decimal(str(found)), approved)
    if approved == posted:
        return []
    detail = f"Approved {approved}, in Exact {posted} (order {entity.get('OrderNumber')})."
    return [problem("POSTED_AMOUNT_DIFFERS", title, detail)]
