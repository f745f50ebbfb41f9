"""`connector audit ...`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_beside, print_json, print_line, print_table
from ml_connector.audit import events as event_rows
from ml_connector.audit import export_files, export_rows, trail_checks, trails
from ml_connector.audit.trail_checks import TrailCheck
from ml_connector.domain.words import counted, instant

app = typer.Typer(no_args_is_help=True, help="Show, verify and export audit trails.")
_MAX_DETAIL = 300
_FINDINGS = 1


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str,
        typer.Argument(
            metavar="ORDER", help="Order id, order number, number in Exact, or record key."
        ),
    ],
    full: Annotated[bool, typer.Option("--full", help="Do not shorten the details.")] = False,
    as_json: Json = False,
) -> None:
    """Show what happened to one order, step by step."""
    trail = trail_checks.show(stack_of(context).known_ledger(connection), order)
    if as_json:
        print_json({**trail.check.as_dict(), "trail": [each.as_dict() for each in trail.entries]})
    else:
        rows = (
            (
                e.seq,
                instant(e.at),
                e.actor,
                e.step,
                _detail(e.detail, full),
                e.hash[:12],
            )
            for e in trail.entries
        )
        print_table(("#", "At", "Who", "Step", "Detail", "Hash"), rows, trail.check.title)
        print_line(_summary(trail.check))
    _exit_when_broken([trail.check])


@app.command()
def verify(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None, typer.Argument(metavar="ORDER", help="One order; default: every record.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find trails that were changed, reordered or cut off.

    Exit code 1 when there are any, or one could not be verified.
    """
    checks = trails.verify(stack_of(context), connection, order)
    broken = [each for each in checks if each.broken]
    unread = [each for each in checks if each.not_verified]
    if as_json:
        print_json({
            "whole": len(checks) - len(broken) - len(unread),
            "broken": [each.as_dict() for each in broken],
            "not_verified": [each.as_dict() for each in unread],
        })  # fmt: skip
    else:
        for each in (*broken, *unread):
            print_line(_summary(each))
        rest = f", {len(unread)} not verified" if unread else ""
        print_line(f"{counted(len(checks), 'trail')}, {len(broken)} broken{rest}.")
    _exit_when_broken(checks)


@app.command()
def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[Path, typer.Option(help="The file to write; it must not exist yet.")],
    order: Annotated[
        str | None, typer.Option(help="One order; default: every record of the connection.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Only entries from this date or time on (UTC).")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Only entries before this date or time (UTC).")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl or csv.")] = "jsonl",
    as_json: Json = False,
) -> None:
    """Write audit trails to a file that docs/verify_audit.py can verify without AWS.

    Exit code 1 when a record was left out.
    """
    period = export_rows.read_period(start, end)
    stack = stack_of(context)
    done = export_files.export(stack, stack.actor, connection, order, period, form, out)
    if as_json:
        print_json(done)
    else:
        entries = counted(done["entries"], "entry", "entries")
        print_beside(out, f"Wrote {entries} of {counted(done['records'], 'record')} to {out}.")
        for key in done["left_out"]:
            print_beside(out, f"LEFT OUT {key}: a newer version of the connector has written it.")
    if done["left_out"]:
        raise typer.Exit(_FINDINGS)


@app.command()
def events(
    context: typer.Context,
    connection: ConnectionArgument,
    event: Annotated[
        str | None,
        typer.Argument(metavar="EVENT", help="One event; default: list those not readable."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the event's bytes to a file that does not exist yet.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show webhook events as they came, for 30 days."""
    stack = stack_of(context)
    if event is None:
        rows = event_rows.unreadable_events(stack, connection)
        if as_json:
            print_json(rows)
        elif not rows:
            print_line("Every webhook of the last 30 days could be read.")
        else:
            print_table(
                ("Event", "Received"),
                ((row["event"], instant(row["received"])) for row in rows),
            )
        return
    found = event_rows.stored_event(stack, connection, event)
    if out:
        event_rows.write_body(found, out)
        print_beside(out, f"Wrote {counted(len(found.body), 'byte')} to {out}.")
        return
    for line in event_rows.lines_of(found):
        print_line(line)


def _exit_when_broken(checks: list[TrailCheck]) -> None:
    if any(each.broken or each.not_verified for each in checks):
        raise typer.Exit(_FINDINGS)


def _summary(check: TrailCheck) -> str:
    if check.broken:
        return f"BROKEN {check.title} ({check.record}): {check.broken}."
    if check.not_verified:
        return f"NOT VERIFIED {check.not_verified}."
    return f"The chain of {counted(check.entries, 'entry', 'entries')} is intact."


def _detail(detail: object, full: bool) -> str:
    text = json.dumps(detail, ensure_ascii=False)
    if text == "{}":
        return ""
    return text if full or len(text) <= _MAX_DETAIL else f"{text[:_MAX_DETAIL]}…"
