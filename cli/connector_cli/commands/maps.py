"""`connector map ...`."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.actions.mapping import verbs
from connector_cli.actions.mapping.kinds import ITEMS
from connector_cli.actions.mapping.overview import Row
from connector_cli.actions.mapping.proposals import Proposal
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json, say_table

app = typer.Typer(no_args_is_help=True, help="Which Airbase word is which Exact code.")


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[int | None, typer.Option(help="Only this Exact division.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only subsidiaries, gl_accounts, items, cost_centres, cost_units, projects, "
            "vat_codes, payment_conditions or suppliers."
        ),
    ] = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only what stops orders, with proposals.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what Airbase uses and what it means in Exact; what stops most orders first."""
    found = verbs.show(opened(context), connection, division, kind, unmapped=unmapped)
    if as_json:
        say_json({"connection": connection, **found.as_dict()})
        return
    if found.rows:
        columns = ("Division", "Kind", "Airbase", "Exact", "State", "Orders", "Proposals")
        say_table(columns, map(_row, found.rows))
    else:
        say("Nothing is unmapped." if unmapped else "Nothing to show.")
    say(f"Orders looked at: {found.orders}.")
    for code in found.not_read:
        say(f"Division {code} is left out: its data are not read yet; `connector refresh`.")
    if found.unknown_tags:
        labels = ", ".join(found.unknown_tags)
        say(f"Tags without a meaning, for tag_dimensions or ignored_tags: {labels}.")


@app.command()
def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[Path, typer.Option(help="CSV to write: division,kind,airbase,exact,name.")],
    as_json: Json = False,
) -> None:
    """Write all mappings, and what is unmapped with an empty exact to fill in."""
    written = verbs.export(opened(context), connection, out)
    if as_json:
        say_json({"connection": connection, "file": str(out), "lines": written})
    else:
        say(f"{written} lines written to {out}.")


@app.command("import")
def import_(
    context: typer.Context,
    connection: ConnectionArgument,
    file: Annotated[Path, typer.Argument(help="CSV as export writes it; a part is enough.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show only.")] = False,
    as_json: Json = False,
) -> None:
    """Change mappings from a CSV: all of it or nothing. An empty exact removes a mapping."""
    done = verbs.import_(opened(context), connection, file, dry_run=dry_run)
    if as_json:
        say_json({"connection": connection, "dry_run": dry_run, **done.as_dict()})
        return
    columns = ("Division", "Kind", "Airbase", "Was", "Becomes" if dry_run else "Is")
    if done.changes:
        rows = ((c.division, c.kind, c.airbase, c.before, c.after) for c in done.changes)
        say_table(columns, rows)
    word = "that would change" if dry_run else "changed"
    say(f"Mappings {word}: {len(done.changes)}; orders looked at again: {done.queued}.")


def _row(row: Row) -> tuple[object, ...]:
    """Put names before ids: those are what people know."""
    airbase = "\n".join(dict.fromkeys(filter(None, (row.name, row.airbase))))
    shown = (
        (row.exact_name,) if row.kind == ITEMS and row.exact_name else (row.exact, row.exact_name)
    )
    proposals = "\n".join(f"{_named(row, p)} ({p.why})" for p in row.proposals)
    told = proposals or row.cause if row.stops_orders else ""
    exact = " ".join(filter(None, shown))
    return row.division, row.kind, airbase, exact, row.state, row.orders, told


def _named(row: Row, proposal: Proposal) -> str:
    return proposal.name if row.kind == ITEMS else f"{proposal.exact} {proposal.name}"
