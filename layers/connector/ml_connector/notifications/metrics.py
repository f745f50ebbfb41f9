"""The metrics of the dashboard: of the whole stack, from what each sweep has found.

A sweep counts its connection in a small index of unfinished records: one read, however many orders
there are. The figures of a connection stand in its mark (`infrastructure/sweep_marks`), where
ping, health and the console find them. docs/operations.md explains each metric.
"""

from collections.abc import Iterable
from datetime import datetime

from ml_connector import clock
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.sweep_marks import Found
from ml_connector.telemetry import Measure


def figures_of(ledger: Ledger, halts: int, overdue: int, counted_at: datetime) -> Found:
    """Return what is counted of a connection."""
    unfinished = list(ledger.unfinished())
    waiting = [str(each["open_at"]) for each in unfinished if each["waits"]]
    words = (word for each in unfinished for word in str(each["codes"]).split())
    exceptions = sum(int(word.partition("*")[2] or 1) for word in words)
    oldest = min(waiting, default="")
    return Found(halts, len(waiting), exceptions, oldest, overdue, counted_at)


def measure_stack(measure: Measure, every: Iterable[Found]) -> None:
    """Measure the stack: what its connections have together, or at most."""
    found = list(every)
    oldest = min((each.oldest for each in found if each.oldest), default="")
    age = clock.now() - datetime.fromisoformat(oldest) if oldest else None
    measure(
        {
            "OldestWaitingSeconds": age.total_seconds() if age else 0,
            "Halts": sum(each.halts for each in found),
            "OverdueJobs": sum(each.overdue for each in found),
        }
    )
