"""Invariants that must hold at the end of the scenario."""

from collections.abc import Iterator

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import BRANCHES
from ml_connector.domain.ids import OrderId
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.ledger import OrderRecord


def broken_invariants(demo: DemoEnvironment, scenario: Scenario) -> list[str]:
    """Return a sentence for each invariant that does not hold."""
    return [
        *_wrong_counts(demo, scenario),
        *_unexpected_outcomes(demo, scenario),
        *_broken_trails(demo),
        *(f"{crash.function} crashed: {crash.error!r}" for crash in demo.stack.crashes),
        *(f"AWS would refuse it: {refusal}" for refusal in demo.stack.rights.refusals),
    ]


def calls_per_order(demo: DemoEnvironment) -> tuple[int, int]:
    """Return how many purchase orders were sent to Exact, and how many were posted."""
    sent = [call for call in demo.posting_calls() if call.method == "POST"]
    posts = [call for call in sent if call.path.endswith("purchaseorder/PurchaseOrders")]
    records = demo.services.ledger_of(FIRM).orders()
    return len(posts), sum(record.facts.posted_at is not None for record in records)


def record_of(demo: DemoEnvironment, order_id: str) -> OrderRecord:
    """Return an order's record."""
    return demo.services.ledger_of(FIRM).order(OrderId(order_id))


def _in_exact(demo: DemoEnvironment) -> Iterator[str]:
    for branch in BRANCHES:
        for order in demo.exact.purchase_orders(branch.division):
            yield str(order["Remarks"])


def _wrong_counts(demo: DemoEnvironment, scenario: Scenario) -> Iterator[str]:
    remarks = list(_in_exact(demo))
    for order in scenario.demo.airbase.orders.values():
        found = sum(is_marked_for(text, FIRM, OrderId(order["id"])) for text in remarks)
        wanted = sum(order is one for one in scenario.posted)
        if found != wanted:
            yield f"{order['number']} is in Exact {found} times, not {wanted}"
    if len(remarks) != len(scenario.posted):
        yield f"Exact holds {len(remarks)} orders, not {len(scenario.posted)}"


def _unexpected_outcomes(demo: DemoEnvironment, scenario: Scenario) -> Iterator[str]:
    for state, orders in (
        ("posted", scenario.posted),
        ("cancelled", scenario.cancelled),
        ("not_an_order", scenario.not_orders),
    ):
        for order in orders:
            if (found := record_of(demo, order["id"]).state) != state:
                yield f"{order['number']} is {found}, not {state}"
    for id, code in scenario.refused.items():
        codes = [found.code for found in record_of(demo, id).problems]
        if codes != [code]:
            yield f"order {id} has the exceptions {codes}, not {code}"


def _broken_trails(demo: DemoEnvironment) -> Iterator[str]:
    for record in demo.services.ledger_of(FIRM).records():
        if wrong := demo.services.ledger_of(FIRM).find_break(record):
            yield f"audit trail of {record.key}: {wrong}"
