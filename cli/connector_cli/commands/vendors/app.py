"""`connector vendors ...`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from connector_cli.commands.common import Json
from connector_cli.commands.vendors import decisions, spreadsheet, views
from connector_cli.printing import print_beside, print_json
from ml_connector.domain.words import counted
from ml_connector.vendors.review import offline_match

app = typer.Typer(no_args_is_help=True, help="Link Airbase vendors to Exact suppliers.")
_UPDATE_EVERY = 256


app.command()(views.status)
app.command("list")(views.list_)
for _verb in (
    views.shared,
    views.show,
    decisions.accept,
    decisions.reject,
    decisions.link,
    decisions.unlink,
    spreadsheet.export,
):
    app.command()(_verb)
app.command("import")(spreadsheet.import_)


@app.command()
def match(
    airbase: Annotated[Path, typer.Option(help="CSV file with id, name and more: docs/cli.md.")],
    exact: Annotated[Path, typer.Option(help="CSV file with id, name and more: docs/cli.md.")],
    out: Annotated[Path, typer.Option(help="CSV file to write: one row per Airbase vendor.")],
    as_json: Json = False,
) -> None:
    """Preview the links between two exported lists, without AWS or a connection."""
    with _progress() as steps:
        found = offline_match.preview(airbase, exact, out, steps)
    if as_json:
        print_json({"file": str(out), **{each: found[each] for each in ("link", "review", "none")}})
        return
    print_beside(
        out,
        f"{counted(found.total(), 'vendor')}: {found['link']} link, {found['review']} review, "
        f"{found['none']} none; written to {out}.",
    )


@contextmanager
def _progress() -> Iterator[offline_match.StartProgress]:
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        bar.disable = not console.is_terminal
        task = bar.add_task("Reading", total=None)

        def steps(what: str, total: int) -> Callable[[int], None]:
            bar.update(task, description=what, total=total)

            def advance(done: int) -> None:
                if not done % _UPDATE_EVERY or done == total:
                    bar.update(task, completed=done)

            return advance

        yield steps
