"""Check to the cent whether Exact holds what was approved, and report what differs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division
from ml_connector.domain.money import round_to_step
from ml_connector.domain.orders.decision import Decision
from ml_connector.domain.orders.edits import Difference, as_body
from ml_connector.domain.orders.exact_order import ExactHeader, ExactOrder
from ml_connector.domain.orders.order import Order
from ml_connector.domain.records import (
    SETTLE,
    BegunChange,
    Body,
    ExactReference,
    Intent,
    OrderFacts,
    posted_facts,
)
from ml_connector.domain.states import ApprovalState
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


def intended(facts: OrderFacts, intent: Intent, body: Body) -> OrderFacts:
    """Return the facts of an order that is about to be posted as `body`.

    How long it has waited counts until it is posted.
    """
    waits = tuple(each for each in facts.problems if each.code == "WAITS_TOO_LONG")
    return replace(facts, intent=intent, body=body, problems=waits)


def confirmed(
    connection: Connection, title: str, facts: OrderFacts, found: ExactHeader, at: datetime
) -> OrderFacts:
    """Return the facts of an order that was posted and is `found` in Exact."""
    intent = intent_of(facts)
    amount = found.amount if connection.amounts_include_vat else found.amount_without_vat
    return replace(
        facts,
        exact=ExactReference(found.id, found.number, found.amount),
        problems=amount_problems(title, intent.amount, amount, found.number),
        waiting=None,
        refusals=(),
        posted_at=at,
    )


def intent_of(facts: OrderFacts) -> Intent:
    """Return the intent of an order that is being posted; none is a bug (`ValueError`)."""
    if facts.intent is None:
        raise ValueError(f"{facts.title} is being posted without an intent")
    return facts.intent


def settled(facts: OrderFacts) -> OrderFacts:
    """Return the facts of a posted order with nothing left to do or to report."""
    return replace(
        facts,
        problems=(),
        waiting=None,
        change=None,
        refusals=(),
        is_changed_in_exact=False,
        is_pending=False,
    )


def recovered(
    facts: OrderFacts, found: ExactOrder, division: Division, body: Body, at: datetime
) -> OrderFacts:
    """Return the facts of an order of ours found in Exact, to be brought in line with `body`."""
    return replace(
        facts,
        exact=ExactReference(found.id, found.number),
        division=division,
        body=body,
        change=BegunChange("adoption", at - SETTLE, body),
        problems=(),
    )


def unlinked(facts: OrderFacts) -> OrderFacts:
    """Return the facts of an order that is in Exact no longer."""
    return replace(
        settled(facts), exact=None, intent=None, removed=facts.exact, adopted_as=None,
        adopted_fingerprint="",
    )  # fmt: skip


def as_found(facts: OrderFacts, found: ExactOrder, like: Body) -> OrderFacts:
    """Return the facts after an incomplete change: what Exact holds now."""
    return replace(facts, change=None, body=as_body(found, like), exact=_reference(facts, found))


def as_approved(
    connection: Connection, facts: OrderFacts, order: Order, body: Body, found: ExactOrder
) -> OrderFacts:
    """Return the facts of an order that Exact holds as it was approved."""
    exact = _reference(facts, found)
    facts = replace(settled(facts), body=body, exact=exact, status=found.status)
    if order.state is ApprovalState.PENDING:  # totals that are not approved do not count
        return replace(facts, is_pending=True)
    problems = total_problems(connection, order, found, exact.number)
    return replace(with_approved(facts, order), problems=problems)


def _reference(facts: OrderFacts, found: ExactOrder) -> ExactReference:
    before = posted_facts(facts).exact
    return ExactReference(before.id, before.number, found.amount)


def with_approved(facts: OrderFacts, order: Order) -> OrderFacts:
    """Return the facts with what Airbase has approved."""
    return replace(
        with_vendor(facts, order),
        fingerprint=order.fingerprint,
        title=order.title,
        total=str(order.total),
        subsidiary=order.subsidiary.keys,
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
