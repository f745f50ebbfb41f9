"""Pages to be printed: self-contained HTML, without scripts and without anything from elsewhere."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

from ml_connector.output.files import atomic_file

_STYLE = """
body { font: 10pt/1.35 system-ui, sans-serif; margin: 1.5cm; color: #111; }
h1 { font-size: 16pt; margin: 0 0 .2em; } h2 { font-size: 12pt; margin: 1.5em 0 .3em; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #bbb; padding: .2em .5em; text-align: left; vertical-align: top; }
table.aligned { table-layout: fixed; } table.aligned td { overflow-wrap: anywhere; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.sum td { font-weight: bold; border-top: 2px solid #111; }
.warn { font-weight: bold; }
@page { size: A4 landscape; margin: 1.2cm; }
@media print { body { margin: 0; } thead { display: table-header-group; }
  tr { break-inside: avoid; } h2 { break-after: avoid; } }
"""


def write_page(path: Path, title: str, body: Iterable[str]) -> None:
    """Write a page that only its owner can read; `body` is HTML.

    Raises `UserError` if the file cannot be written.
    """
    with atomic_file(path) as file:
        file.write("\n".join([*_head(title), *body, "</body></html>"]).encode())


def paragraph(text: str, style: str = "") -> str:
    """Return a paragraph; `style` is "warn" for a reservation."""
    return f'<p class="{style}">{escape(text)}</p>' if style else f"<p>{escape(text)}</p>"


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: int = 0
) -> Iterator[str]:
    """Yield a table with its title; the last `numbers` columns are numbers."""
    yield f"<h2>{escape(title)}</h2><table><thead>"
    yield table_row(columns, numbers=numbers).replace("<td", "<th").replace("</td", "</th")
    yield "</thead><tbody>"
    yield from (table_row(each, numbers=numbers) for each in rows)
    yield "</tbody></table>"


def columns_of(widths: Sequence[int]) -> str:
    """Return the beginning of a table whose columns have these widths, in percent.

    Tables that begin alike are aligned with each other.
    """
    columns = "".join(f'<col style="width: {each}%">' for each in widths)
    return f'<table class="aligned"><colgroup>{columns}</colgroup>'


def table_row(cells: Sequence[object], *, numbers: int, style: str = "") -> str:
    """Return a row; of several lines of a cell, each is one."""
    first = len(cells) - numbers
    kinds = ("" if at < first else ' class="n"' for at in range(len(cells)))
    marked = (f"<td{k}>{_shown(c)}</td>" for k, c in zip(kinds, cells, strict=True))
    return f'<tr class="{style}">{"".join(marked)}</tr>'


def _shown(cell: object) -> str:
    return escape("" if cell is None else str(cell)).replace("\n", "<br>")


def _head(title: str) -> Iterator[str]:
    yield '<!doctype html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta http-equiv="Content-Security-Policy" '
    yield "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    yield f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>{escape(title)}</h1>"
