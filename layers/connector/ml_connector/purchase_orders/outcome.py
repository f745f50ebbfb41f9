"""Check to the cent whether Exact holds what was approved, and report what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.money import round_to_step
from ml_connector.domain.orders.decision import Decision
from ml_connector.domain.orders.edits import Difference
from ml_connector.domain.orders.exact_order import ExactOrder
from ml_connector.domain.orders.fingerprint import fingerprint
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import ExactReference, OrderFacts
from ml_connector.exact.odata import guid
from ml_connector.settings.connection import Connection


def amount_problems(title: str, approved: Decimal, found: Any, number: Any) -> tuple[Problem, ...]:
    """Return what is wrong with the total `found` of Exact order `number`.

    Exact may leave the amount out: then nothing is wrong.
    """
    if found is None:
        return ()
    posted = round_to_step(Decimal(str(found)), approved)
    if approved == posted:
        return ()
    found_problem = problem(
        "POSTED_AMOUNT_DIFFERS", title, "amounts",
        approved=approved, posted=posted, number=number,
    )  # fmt: skip
    return (found_problem,)


def total_problems(
    connection: Connection, order: Order, found: ExactOrder, number: object
) -> tuple[Problem, ...]:
    """Return what is wrong with the total of an order that is otherwise as approved."""
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    return amount_problems(order.title, order.total.amount, amount, number)


def posted_order(
    connection: Connection, title: str, approved: Decimal, entity: Mapping[str, Any]
) -> tuple[ExactReference, tuple[Problem, ...]]:
    """Return the order that is in Exact as `entity`, and what is wrong with its total."""
    amount, number = entity.get("AmountFC"), entity.get("OrderNumber")
    found = amount if connection.amounts_include_vat else entity.get("AmountFCExclVat")
    problems = amount_problems(title, approved, found, number)
    posted = None if amount is None else Decimal(str(amount))
    return ExactReference(guid(entity["PurchaseOrderID"]), number, posted), problems


def with_approved(facts: OrderFacts, order: Order) -> OrderFacts:
    """Return the facts with what Airbase has approved."""
    return replace(
        with_vendor(facts, order),
        fingerprint=fingerprint(order),
        title=order.title,
        total=str(order.total),
    )


def with_vendor(facts: OrderFacts, order: Order) -> OrderFacts:
    """Return the facts with the order's vendor: waiting orders are found by it."""
    vendor = order.vendor
    return replace(
        facts,
        vendor=str(vendor),
        vendor_id=vendor.id,
        vendor_name=vendor.name,
        vendor_code=vendor.code,
    )


_MOST_SHOWN = 20
_MOST_NAMED = 3


def report_problem(decision: Decision, title: str, number: object) -> Problem:
    """Return the problem that a decision to report a posted order carries."""
    evidence = _evidence(decision.differences)
    if decision.detail:
        return problem(decision.code, title, decision.detail, **decision.values, evidence=evidence)
    return _about_differences(decision.code, title, number, decision.differences)


def not_applied_problem(differences: Sequence[Difference], title: str, number: object) -> Problem:
    """Return the problem of a change that Exact accepted without applying it."""
    return _about_differences("CHANGE_NOT_TAKEN", title, number, differences)


def _about_differences(
    code: str, title: str, number: object, differences: Sequence[Difference]
) -> Problem:
    rest = len(differences) - _MOST_NAMED
    detail = "more" if rest > 0 else "differences" if differences else "number"
    return problem(
        code, title, detail,
        number=number, count=rest,
        differences="; ".join(str(each) for each in differences[:_MOST_NAMED]),
        evidence=_evidence(differences),
    )  # fmt: skip


def _evidence(differences: Sequence[Difference]) -> Mapping[str, Any]:
    shown = [each.as_dict() for each in differences[:_MOST_SHOWN]]
    return {"differences": shown} if shown else {}
