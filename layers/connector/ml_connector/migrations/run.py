"""Run the migration steps that are still to do, or count what they would change."""

from collections.abc import Sequence
from typing import Any

from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.records import ConnectionState
from ml_connector.infrastructure.data_form import Progress
from ml_connector.infrastructure.ledger import Conflict, despite_conflicts
from ml_connector.infrastructure.record_codec import NewerDataError
from ml_connector.migrations.step import Step
from ml_connector.migrations.steps import STEPS
from ml_connector.services import StackServices
from ml_connector.stack import Stack

_NOTED_EVERY = 25


def migrate(
    stack: Stack,
    actor: Actor,
    id: str | None = None,
    *,
    dry_run: bool = False,
    again: bool = False,
    steps: Sequence[Step] = STEPS,
) -> list[dict[str, Any]]:
    """Migrate one connection, or all that the ledger knows; return one row for each step.

    A row has `connection`, `step`, `purpose`, `state` (done, to_do), `changes`, the number of
    changes now made, or with `dry_run` to be made, and `why` a step could not be finished: that
    does not stop the other connections. `again`: check steps that are done once more, because a
    version that did not know them has written meanwhile. A run that was interrupted is continued
    by the next. Raises `NewerDataError` for data that a newer version has migrated.
    """
    data_form = stack.services.data_form
    data_form.of_stack().refuse_newer()
    connections = _every(stack.services) if id is None else [stack.known_id(id)]
    if not dry_run:
        data_form.begin(actor)
    rows = []
    for each in connections:
        for step in steps:
            rows.append(_run(stack, actor, each, step, dry_run=dry_run, again=again))
            if rows[-1]["why"]:  # later steps build on this one
                break
    if id is None and not dry_run and all(row["state"] == "done" for row in rows):
        data_form.finish(actor)
    return rows


def _every(services: StackServices) -> list[ConnectionId]:
    """Return all connections, with removed ones: their orders are still looked up."""
    current = {each.id for each in services.connections.all()}
    return sorted(current | set(services.data_form.known()))


def _run(
    stack: Stack, actor: Actor, id: ConnectionId, step: Step, *, dry_run: bool, again: bool
) -> dict[str, Any]:
    data_form = stack.services.data_form
    known = data_form.of_connection(id)
    is_begun = known.step == step.number
    is_done = not (again or is_begun) and step.number <= max(known.done, data_form.of_stack().done)
    start = known if is_begun and not again else Progress(known.done, step=step.number)
    row: dict[str, Any] = {"connection": id, "step": step.number, "purpose": step.purpose}
    row |= {"state": "done" if is_done else "to_do", "changes": 0, "why": None}
    if is_done:
        return row
    if dry_run:
        return row | {"changes": sum(1 for _ in step.changes(stack, id, start.after))}
    data_form.note(id, start)
    try:
        progress = _apply(stack, id, step, start, row)
        _finish(stack, actor, id, step, progress)
    except (Conflict, NewerDataError) as error:  # one connection does not stop the others
        return row | {"why": str(error)}
    return row | {"state": "done"}


def _apply(
    stack: Stack, id: ConnectionId, step: Step, progress: Progress, row: dict[str, Any]
) -> Progress:
    """Make the changes, counted in the row; return how far the step has come."""
    for change in step.changes(stack, id, progress.after):
        change.apply()
        row["changes"] += 1
        progress = progress._replace(after=change.key, changed=progress.changed + 1)
        if row["changes"] % _NOTED_EVERY == 0:
            stack.services.data_form.note(id, progress)
    return progress


def _finish(stack: Stack, actor: Actor, id: ConnectionId, step: Step, progress: Progress) -> None:
    """Record that a step is done, and in the connection's audit trail who did it."""
    ledger, changed = stack.ledger_of(actor, id), progress.changed
    done = stack.services.data_form.noting(id, Progress(max(progress.done, step.number)))
    detail = {"form": step.number, "purpose": step.purpose, "changes": changed}

    def write() -> None:
        record = ledger.connection()
        known = record if record.version else record.now(ConnectionState.ACTIVE)
        ledger.write(known, "migrated", also=[done], detail=detail)

    despite_conflicts(write)
