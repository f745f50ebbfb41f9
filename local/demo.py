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
from ml_connector.doors.ledger import Record

_console = Console(highlight=False)


def main() -> int:
    """Play the story; return 1 when an invariant broke."""
    os.environ.setdefault("LOG_LEVEL", "CRITICAL")  # the functions' own logs would hide the story
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
        _console.print(f"Exact calls for purchase orders: {made} for {orders} orders.")
        broken = broken_invariants(scene, story)
    for sentence in broken:
        _console.print(f"[red]Broken:[/red] {sentence}")
    verdict = "[red]Invariants broke[/red]" if broken else "[green]Every invariant holds[/green]"
    _console.print(f"{verdict}; {time.monotonic() - started:.1f} s.")
    return 1 if broken else 0


def _orders_table(scene: Scene) -> Table:
    table = Table("Order", "Division", "State", "Exact number or exception", "What to do")
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
    yield "\n".join(f"{found['code']}: {found['cause']}" for found in problems) or number
    yield "\n".join(found["remedy"] for found in problems)


def _print_trail(scene: Scene, story: Story) -> None:
    """Show the story of the order whose answer was lost."""
    for order in story.posted:
        record = record_of(scene, order["id"])
        entries = scene.doors.ledger.trail(FIRM, record.key)
        if any(entry.step == "adopted" for entry in entries):
            table = Table("#", "At", "Who", "Step", "Hash", title=f"Audit of {order['number']}")
            for entry in entries:
                table.add_row(
                    str(entry.seq), entry.at[:19], entry.actor, entry.step, entry.hash[:12]
                )
            _console.print(table)
            return


if __name__ == "__main__":
    sys.exit(main())
