"""Check to the cent whether Exact holds what was approved, and report what differs."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.money import round_to_step
from ml_connector.domain.orders.decision import Decision
from ml_connector.domain.orders.edits import Difference
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.exact.odata import guid
from ml_connector.settings.connection import Connection


def amount_problems(title: str, approved: Decimal, found: Any, number: Any) -> Sequence[Problem]:
    """Return what is wrong with the total `found` of Exact order `number`.

    Exact may leave the amount out: then nothing is wrong.
    """
    if found is None:
        return []
    posted = round_to_step(Decimal(str(found)), approved)
    if approved == posted:
        return []
    detail = f"Approved {approved}, in Exact {posted} (order {number})."
    return [problem("POSTED_AMOUNT_DIFFERS", title, detail)]


def total_problems(
    connection: Connection, order: Order, found: ExactOrder, number: str
) -> Sequence[Problem]:
    """Return what is wrong with the total of an order that is otherwise as approved."""
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    return amount_problems(order.title, order.total.amount, amount, number)


def posted_facts(
    connection: Connection, title: str, approved: Decimal, entity: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the facts of an order that is in Exact as `entity`."""
    amount, number = entity.get("AmountFC"), entity.get("OrderNumber")
    found = amount if connection.amounts_include_vat else entity.get("AmountFCExclVat")
    problems = amount_problems(title, approved, found, number)
    id, posted = guid(entity["PurchaseOrderID"]), None if amount is None else str(amount)
    return {
        "exact": {"id": id, "number": number, "amount": posted},
        "problems": [p.as_dict() for p in problems],
        "waiting": None,
    }


_MOST_SHOWN = 20
_MOST_NAMED = 3


def report_problem(decision: Decision, title: str, number: str) -> Problem:
    """Return the problem that a decision to report a posted order carries."""
    detail = decision.detail or f"Exact order {number}. {_in_words(decision.differences)}".strip()
    return problem(decision.code, title, detail, evidence=_evidence(decision.differences))


def not_applied_problem(differences: Sequence[Difference], title: str, number: str) -> Problem:
    """Return the problem of a change that Exact accepted without applying it."""
    detail = f"Exact order {number}. {_in_words(differences)}"
    return problem("CHANGE_NOT_TAKEN", title, detail, evidence=_evidence(differences))


def _evidence(differences: Sequence[Difference]) -> Mapping[str, Any]:
    shown = [each.as_dict() for each in differences[:_MOST_SHOWN]]
    return {"differences": shown} if shown else {}


def _in_words(differences: Sequence[Difference]) -> str:
    if not differences:
        return ""
    extra = len(differences) - _MOST_NAMED
    more = f" and {extra} more" if extra > 0 else ""
    return "; ".join(str(each) for each in differences[:_MOST_NAMED]) + more + "."
