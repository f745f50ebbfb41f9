"""Write the tables of docs/exceptions.md from the catalogue of exceptions.

The prose and the order of the sections are the page's own: only what stands between
`<!-- table: GROUP -->` and `<!-- end -->` is replaced. Usage: `make exceptions-page`.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from ml_connector.domain.exception_codes import GROUPS, CatalogueEntry
from ml_connector.domain.exception_codes.templates import in_general

PAGE = Path(__file__).with_name("exceptions.md")
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = "| code | severity | cause | what to do |\n|---|---|---|---|\n"


def written(page: str) -> str:
    """Return the page with all its tables as the catalogue has them.

    Raises `ValueError` unless each group has exactly one table.
    """
    named = [found[2] for found in _TABLE.finditer(page)]
    if sorted(named) != sorted(GROUPS):
        raise ValueError(f"the page has tables of {named}, the catalogue has {list(GROUPS)}")
    return _TABLE.sub(lambda found: f"{found[1]}\n{_table(GROUPS[found[2]])}\n{found[3]}", page)


def _table(group: Sequence[CatalogueEntry]) -> str:
    return _HEAD + "".join(_row(entry) for entry in sorted(group, key=lambda each: each.code))


def _row(entry: CatalogueEntry) -> str:
    cause, remedy = in_general(entry.cause), in_general(entry.remedy)
    return f"| `{entry.code}` | {entry.severity} | {cause} | {remedy} |\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
