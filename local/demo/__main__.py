"""`make demo`: play the scenario on the local stack, print the orders and an audit trail."""

import logging
import os
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from local.demo.checks import broken_invariants, calls_per_order, record_of
from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import ABROAD
from ml_connector.domain.audit_chain import Entry
from ml_connector.infrastructure.ledger import OrderRecord

_console = Console(highlight=False)


def main() -> int:
    """Play the scenario; return 1 when an invariant is broken."""
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # the functions' logs would hide the output
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")  # metrics are log lines too
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    _console.print("[bold]Starting the stack of template.yaml and the simulators[/bold]")
    with DemoEnvironment(branches=ABROAD) as demo:
        demo.connect()
        scenario = Scenario(demo, lambda line: _console.print(f"[cyan]>[/cyan] {line}"))
        scenario.play()
        _console.print(_orders_table(demo))
        _print_trail(demo, scenario)
        made, orders = calls_per_order(demo)
        _console.print(
            f"Exact calls per posted order: {made / orders:.2f} ({made} for {orders} orders; the "
            "extra call is the 429)."
        )
        broken = broken_invariants(demo, scenario)
        demo.stack.rights.refusals.clear()  # they are among the broken invariants
    for sentence in broken:
        _console.print(f"[red]Broken:[/red] {sentence}")
    result = "[red]Invariants broke[/red]" if broken else "[green]Every invariant holds[/green]"
    _console.print(f"{result}; {time.monotonic() - started:.1f} s.")
    _console.print("To look at it as finance people do: `make local` prints the console's address.")
    return 1 if broken else 0


def _orders_table(demo: DemoEnvironment) -> Table:
    table = Table("Order", "Division", "State")
    table.add_column("Exact number or exception", overflow="fold")
    table.add_column("What to do", overflow="fold")
    records = list(demo.services.ledger_of(FIRM).orders())
    for record in sorted(records, key=lambda one: one.facts.title):
        table.add_row(*_cells(record))
    return table


def _cells(record: OrderRecord) -> Iterator[str]:
    facts = record.facts
    number = str(facts.exact.number) if facts.exact else ""
    yield facts.title or facts.order or record.key
    yield str(facts.division or "")
    yield record.state.replace("_", " ")
    problems = record.problems
    yield "\n".join(f"{found.code}\n{found.cause}" for found in problems) or number
    yield "\n".join(found.remedy for found in problems)


def _print_trail(demo: DemoEnvironment, scenario: Scenario) -> None:
    """Print the audit trail of the order whose answer was lost."""
    for order in scenario.posted:
        record = record_of(demo, order["id"])
        entries = demo.services.ledger_of(FIRM).trail(record.key)
        if any(entry.step == "adopted" for entry in entries):
            table = Table("#", "At", "Step", "Facts", "Hash", title=f"Audit of {order['number']}")
            for entry in entries:
                at = entry.at[11:19]
                table.add_row(str(entry.seq), at, entry.step, _facts(entry), entry.hash[:8])
            _console.print(table)
            return


def _facts(entry: Entry) -> str:
    """Return the most important facts of a step."""
    flat = dict(entry.detail) | entry.detail.get("intent", {}) | entry.detail.get("exact", {})
    shown = ("total", "site", "division", "your_ref", "code", "number", "amount")
    return ", ".join(f"{name} {flat[name]}" for name in shown if flat.get(name))


if __name__ == "__main__":
    sys.exit(main())
