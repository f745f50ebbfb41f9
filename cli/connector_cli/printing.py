"""Print results: tables and lines for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import typer

from connector_cli.tables import LINES, PLAIN, drawn
from ml_connector.domain.words import counted
from ml_connector.output.files import STANDARD_OUTPUT

_WIDTH_IN_A_PIPE = 160
_COMMAND = "`connector "
_TYPED: ContextVar[str] = ContextVar("typed", default="connector")


def propose_commands_as(typed: str) -> None:
    """Print proposed commands from now on as they work here: `connector --local`, for example."""
    _TYPED.set(typed)


def print_line(text: str = "") -> None:
    """Print a line to standard output."""
    typer.echo(_clean(text))


def print_error(text: str) -> None:
    """Print a line to standard error."""
    typer.echo(f"connector: {_clean(text)}", err=True)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_written(rows: int, path: Path) -> None:
    """Print how long the list is that was written to a file."""
    print_beside(path, f"{counted(rows, 'line')} written to {path}.")


def print_beside(path: Path | None, text: str) -> None:
    """Print a line about a file that was written, unless standard output is that file."""
    if path != STANDARD_OUTPUT:
        print_line(text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table; control characters in cells cannot affect the terminal."""
    in_a_pipe = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    width = _WIDTH_IN_A_PIPE if in_a_pipe else get_terminal_size().columns
    cells = ([_clean("" if cell is None else str(cell)) for cell in row] for row in rows)
    borders = LINES if (sys.stdout.encoding or "utf").lower().startswith("utf") else PLAIN
    typer.echo(drawn(columns, cells, title, width, borders))


def _clean(text: str) -> str:
    text = text.replace(_COMMAND, f"`{_TYPED.get()} ")
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
