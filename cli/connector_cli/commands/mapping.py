"""`connector map ...`."""

from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table, print_written
from ml_connector.connections.versions import naming_who_was_faster
from ml_connector.domain.mapped_values import MappingProposal, MappingRow
from ml_connector.domain.words import command, counted
from ml_connector.mapping import import_export, listings
from ml_connector.mapping.kinds import ITEMS

app = typer.Typer(no_args_is_help=True, help="Map Airbase values to Exact codes.")


@app.command()
def show(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[str | None, typer.Option(help="Only this Exact division.")] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="Only this kind: subsidiaries, gl_accounts, items, cost_centres, cost_units, "
            "projects, vat_codes, payment_conditions or suppliers."
        ),
    ] = None,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Only values that stop orders, with proposals.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show Airbase values and their Exact codes; values that stop the most orders come first."""
    found = import_export.show(
        stack_of(context).services_of(connection), division, kind, unmapped=unmapped
    )
    if as_json:
        print_json({"connection": connection, **found.as_dict()})
        return
    if found.rows:
        columns = ("Division", "Kind", "Airbase", "Exact", "State", "Orders", "Proposals")
        print_table(columns, map(_row, found.rows))
    else:
        print_line("Nothing is unmapped." if unmapped else "Nothing to show.")
    print_line(f"Orders checked: {found.orders}.")
    for code in found.not_read:
        reading = command("refresh", connection, code)
        print_line(f"Division {code} is left out: its data are not read yet; run {reading}.")
    if found.unknown_tags:
        labels = ", ".join(found.unknown_tags)
        print_line(f"Tags to add to tag_dimensions or ignored_tags: {labels}.")


@app.command()
def export(
    context: typer.Context,
    connection: ConnectionArgument,
    out: Annotated[
        Path,
        typer.Option(help="File to write, .csv or .xlsx: division, kind, airbase, exact, name."),
    ],
    as_json: Json = False,
) -> None:
    """Write all mappings to a list (CSV, xlsx); fill in the empty exact cells, then import it."""
    written = import_export.export(stack_of(context).services_of(connection), out)
    if as_json:
        print_json({"connection": connection, "file": str(out), "lines": written})
    else:
        print_written(written, out)


@app.command("import")
def import_(
    context: typer.Context,
    connection: ConnectionArgument,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV or .xlsx with the columns of the export; it need not have all lines.",
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the file and show the changes; save nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Change mappings from a list (CSV, xlsx), all or nothing; an empty exact cell removes one."""
    stack = stack_of(context)
    with naming_who_was_faster(stack, connection):
        done = import_export.import_(stack, stack.actor, connection, file, dry_run=dry_run)
    if as_json:
        print_json({"connection": connection, "dry_run": dry_run, **done.as_dict()})
        return
    columns = ("Division", "Kind", "Airbase", "Was", "Becomes" if dry_run else "Is")
    if done.changes:
        rows = ((c.division, c.kind, c.airbase, c.before, c.after) for c in done.changes)
        print_table(columns, rows)
    for note in done.notes:
        print_line(note)
    word = "that would change" if dry_run else "changed"
    print_line(
        f"Mappings {word}: {len(done.changes):,}; orders queued for another check: {done.queued:,}."
    )


def _row(row: MappingRow) -> tuple[object, ...]:
    """Put names before ids: people know the names."""
    airbase = "\n".join(dict.fromkeys(filter(None, (row.name, row.airbase))))
    shown = (
        (row.exact_name,) if row.kind == ITEMS and row.exact_name else (row.exact, row.exact_name)
    )
    proposals = "\n".join(f"{_label(row, p)} ({p.why})" for p in row.proposals)
    hint = proposals or row.cause if row.stops_orders else ""
    exact = " ".join(filter(None, shown))
    return row.division, row.kind, airbase, exact, row.state, row.orders, hint


def _label(row: MappingRow, proposal: MappingProposal) -> str:
    return proposal.name if row.kind == ITEMS else f"{proposal.exact} {proposal.name}"


@app.command("accept-listing")
def accept_listing(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[str, typer.Argument(metavar="DIVISION", help="Exact's division code.")],
    listing: Annotated[
        str, typer.Argument(metavar="LISTING", help="As the exception names it: vat/VATCodes.")
    ],
    reason: Annotated[str, typer.Option(help="Why it is right; kept in the audit trail.")],
    as_json: Json = False,
) -> None:
    """Accept that a listing of Exact has lost most of its rows (EXACT_LISTING_SHRANK)."""
    stack = stack_of(context)
    done = listings.accept_listing(stack, stack.actor, connection, division, listing, reason)
    if as_json:
        print_json(done)
        return
    print_line(
        f"Accepted. {listing} of division {division} is read again now and replaced by "
        f"{counted(done['rows'], 'row')} if Exact still says so."
    )
