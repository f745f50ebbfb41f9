"""Invariants that must hold at the end of the scenario."""

from collections.abc import Iterator

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import RECONNECT, Scenario
from local.firm import Branch
from ml_connector.domain.ids import OrderId, SiteId
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import OrderRecord


def broken_invariants(demo: DemoEnvironment, scenario: Scenario) -> list[str]:
    """Return a sentence for each invariant that does not hold."""
    return [
        *_wrong_counts(demo, scenario),
        *_unexpected_outcomes(demo, scenario),
        *_wrong_while_a_site_was_stopped(demo, scenario),
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


def _in_exact(demo: DemoEnvironment, branch: Branch) -> list[str]:
    orders = demo.sites[branch.site].purchase_orders(branch.division)
    return [str(order["Remarks"]) for order in orders]


def _wrong_counts(demo: DemoEnvironment, scenario: Scenario) -> Iterator[str]:
    remarks = {branch.subsidiary: _in_exact(demo, branch) for branch in demo.firm.branches}
    for order in demo.airbase.orders.values():
        own = remarks[order["subsidiary"]["airbase_id"]]
        found = sum(is_marked_for(text, FIRM, OrderId(order["id"])) for text in own)
        wanted = sum(order is one for one in scenario.posted)
        if found != wanted:
            yield f"{order['number']} is in its division {found} times, not {wanted}"
    if (held := sum(map(len, remarks.values()))) != len(scenario.posted):
        yield f"Exact holds {held} orders, not {len(scenario.posted)}"


def _wrong_while_a_site_was_stopped(demo: DemoEnvironment, scenario: Scenario) -> Iterator[str]:
    """Compare what was seen while the German site had no consent, and after it had one again."""
    lost, site = scenario.lost, scenario.de.site
    if lost is None:
        if len(demo.sites) > 1:
            yield "no site was stopped"
        return
    if lost.halts != {site: RECONNECT}:
        yield f"stopped was {lost.halts}, not the site {site} alone"
    for orders, wanted in ((lost.waiting, f"HALTED {site}"), (lost.others, "")):
        for order in orders:
            state, parked = lost.states[order["number"]]
            if parked != wanted or (state == "posted") == bool(wanted):
                yield f"{order['number']} was {state} meanwhile, parked for {parked or 'nothing'}"
    if f"Site {site} is STOPPED: {RECONNECT}" not in lost.told:
        yield f"people were told: {lost.told}"
    if f"Site {site} has resumed" not in scenario.told_after:
        yield f"people were told afterwards: {scenario.told_after}"
    if lost.api_calls:
        yield f"the site without consent was called {lost.api_calls} times"
    yield from _wrong_after_the_new_consent(demo, site)


def _wrong_after_the_new_consent(demo: DemoEnvironment, site: SiteId) -> Iterator[str]:
    if halts := Halts(demo.services.ledger_of(FIRM)).all():
        yield f"still stopped: {', '.join(halts)}"
    for name, exact in demo.sites.items():
        if exact.oauth.consents != (wanted := 2 if name == site else 1):
            yield f"consent was given {exact.oauth.consents} times at {name}, not {wanted}"


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
