"""Run the migration steps that are still to do, or count what they would change."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ml_connector.domain.ids import Actor, ConnectionId
from ml_connector.domain.records import ConnectionState
from ml_connector.infrastructure.data_form import Progress
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.migrations.step import Step
from ml_connector.migrations.steps import STEPS
from ml_connector.services import StackServices
from ml_connector.stack import Stack

_NOTED_EVERY = 25
_ATTEMPTS = 5


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

    A row has `connection`, `step`, `purpose`, `state` (done, to_do) and `changes`, the number of
    changes now made, or with `dry_run` to be made. `again`: check steps that are done once more,
    because a version that did not know them has written meanwhile. A run that was interrupted is
    continued by the next. Raises `NewerDataError` for data that a newer version has migrated,
    `Conflict` when others keep changing a record.
    """
    data_form = stack.services.data_form
    data_form.of_stack().refuse_newer()
    connections = _every(stack.services) if id is None else [stack.known_id(id)]
    if not dry_run:
        data_form.begin(actor)
    rows = [
        _run(stack, actor, each, step, dry_run=dry_run, again=again)
        for each in connections
        for step in steps
    ]
    if id is None and not dry_run:
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
    progress = Progress(known.done) if again else known
    is_done = not again and step.number <= max(known.done, data_form.of_stack().done)
    changes = 0
    if not is_done:
        for change in step.changes(stack, id, progress.after):
            changes += 1
            if not dry_run:
                change.apply()
                progress = Progress(progress.done, change.key, progress.changed + 1)
                if changes % _NOTED_EVERY == 0:
                    data_form.note(id, progress)
        if not dry_run:
            _finish(stack, actor, id, step, progress.changed)
    return {
        "connection": id,
        "step": step.number,
        "purpose": step.purpose,
        "state": "to_do" if dry_run and not is_done else "done",
        "changes": changes,
    }


def _finish(stack: Stack, actor: Actor, id: ConnectionId, step: Step, changed: int) -> None:
    """Record that a step is done, and in the connection's audit trail who did it."""
    ledger = stack.ledger_of(actor, id)
    done = stack.services.data_form.noting(id, Progress(step.number))
    detail = {"form": step.number, "purpose": step.purpose, "changes": changed}
    for _ in range(_ATTEMPTS):  # workers write the connection's record too
        record = ledger.connection()
        known = record if record.version else record.now(ConnectionState.ACTIVE)
        with suppress(Conflict):
            ledger.write(known, "migrated", also=[done], detail=detail)
            return
    raise Conflict(f"{id}#{record.key}")
