"""`make demo`: the story told on the local stack, with a table, an audit trail and a verdict."""

import logging
import os
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from local.scene import FIRM, Scene
from local.story import Story
from local.verdict import broken_invariants, calls_per_order, record_of
from ml_connector.audit_chain import Entry
from ml_connector.doors.ledger import Record

_console = Console(highlight=False)


def main() -> int:
    """Play the story; return 1 when an invariant broke."""
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # the functions' own logs would hide the story
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")  # they are lines of the log too
    logging.disable(logging.CRITICAL)
    started = time.monotonic()
    _console.print("[bold]Starting the stack of template.yaml and both simulators[/bold]")
    with Scene() as scene:
        scene.connect()
        story = Story(scene, lambda line: _console.print(f"[cyan]>[/cyan] {line}"))
        story.play()
        _console.print(_orders_table(scene))
        _print_trail(scene, story)
        made, orders = calls_per_order(scene)
        _console.print(
            f"Exact calls per posted order: {made / orders:.2f} ({made} for {orders} orders; the "
            "429 is the one beyond 1)."
        )
        broken = broken_invariants(scene, story)
    for sentence in broken:
        _console.print(f"[red]Broken:[/red] {sentence}")
    verdict = "[red]Invariants broke[/red]" if broken else "[green]Every invariant holds[/green]"
    _console.print(f"{verdict}; {time.monotonic() - started:.1f} s.")
    return 1 if broken else 0


def _orders_table(scene: Scene) -> Table:
    table = Table("Order", "Division", "State")
    table.add_column("Exact number or exception", overflow="fold")
    table.add_column("What to do", overflow="fold")
    records = list(scene.doors.ledger.records(FIRM, "order#"))
    for record in sorted(records, key=lambda one: str(one.facts.get("title", ""))):
        table.add_row(*_cells(record))
    return table


def _cells(record: Record) -> Iterator[str]:
    facts = record.facts
    number = str((facts.get("exact") or {}).get("number", ""))
    yield str(facts.get("title") or facts.get("order") or record.key)
    yield str(facts.get("division", ""))
    yield record.state.replace("_", " ")
    problems = record.problems
    yield "\n".join(f"{found['code']}\n{found['cause']}" for found in problems) or number
    yield "\n".join(found["remedy"] for found in problems)


def _print_trail(scene: Scene, story: Story) -> None:
    """Show the story of the order whose answer was lost."""
    for order in story.posted:
        record = record_of(scene, order["id"])
        entries = scene.doors.ledger.trail(FIRM, record.key)
        if any(entry.step == "adopted" for entry in entries):
            table = Table("#", "At", "Step", "Facts", "Hash", title=f"Audit of {order['number']}")
            for entry in entries:
                at = entry.at[11:19]
                table.add_row(str(entry.seq), at, entry.step, _facts(entry), entry.hash[:8])
            _console.print(table)
            return


def _facts(entry: Entry) -> str:
    """Return what a person would ask about the step first."""
    flat = dict(entry.detail) | entry.detail.get("intent", {}) | entry.detail.get("exact", {})
    shown = ("total", "division", "your_ref", "code", "number", "amount")
    return ", ".join(f"{name} {flat[name]}" for name in shown if flat.get(name))


if __name__ == "__main__":
    sys.exit(main())
