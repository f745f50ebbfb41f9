"""`connector audit ...`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.actions import audit_exports, audit_files, audits
from connector_cli.actions.audits import Verdict
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json, say_table

app = typer.Typer(no_args_is_help=True, help="Read audit trails and check that they are whole.")
_LONGEST = 300
_FINDING = 1


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[str, typer.Argument(help="Order id, number, number in Exact, or record key.")],
    full: Annotated[bool, typer.Option("--full", help="Show all of each step's detail.")] = False,
    as_json: Json = False,
) -> None:
    """Tell one order's story, step by step."""
    trail = audits.show(opened(context), connection, order)
    if as_json:
        say_json({**trail.verdict.as_dict(), "trail": [each.as_dict() for each in trail.entries]})
    else:
        rows = (
            (e.seq, e.at[:19], e.actor, e.step, _detail(e.detail, full), e.hash[:12])
            for e in trail.entries
        )
        say_table(("#", "At (UTC)", "Who", "Step", "Detail", "Hash"), rows, trail.verdict.title)
        say(_sentence(trail.verdict))
    _end([trail.verdict])


@app.command()
def verify(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[str | None, typer.Argument(help="One order; default: every record.")] = None,
    as_json: Json = False,
) -> None:
    """Find trails that were changed, reordered or cut; exit 1 when there is one."""
    verdicts = audits.verify(opened(context), connection, order)
    broken = [each for each in verdicts if each.broken]
    if as_json:
        whole = len(verdicts) - len(broken)
        say_json({"whole": whole, "broken": [each.as_dict() for each in broken]})
    else:
        for each in broken:
            say(_sentence(each))
        say(f"{len(verdicts)} trails, {len(broken)} broken.")
    _end(verdicts)


@app.command()
def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[Path, typer.Option(help="The file to write; it must not be there yet.")],
    order: Annotated[
        str | None, typer.Option(help="One order; default: every record of the connection.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Entries since this date or time (UTC).")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Entries before this date or time (UTC).")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="jsonl or csv.")] = "jsonl",
    as_json: Json = False,
) -> None:
    """Write audit trails to a file that docs/verify_audit.py verifies without AWS."""
    asked = audit_exports.period(start, end)
    done = audit_files.export(opened(context), connection, order, asked, form, out)
    if as_json:
        say_json(done)
    else:
        trails = "1 record" if done["records"] == 1 else f"{done['records']} records"
        say(f"Wrote {done['entries']} entries of {trails} to {out}.")


def _end(verdicts: list[Verdict]) -> None:
    if any(each.broken for each in verdicts):
        raise typer.Exit(_FINDING)


def _sentence(verdict: Verdict) -> str:
    if verdict.broken:
        return f"BROKEN {verdict.title} ({verdict.record}): {verdict.broken}."
    return f"The chain of {verdict.entries} entries is whole."


def _detail(detail: object, full: bool) -> str:
    text = json.dumps(detail, ensure_ascii=False)
    if text == "{}":
        return ""
    return text if full or len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
