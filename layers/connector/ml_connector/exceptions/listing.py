"""List and filter the open exceptions of one connection or of all."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from ml_connector.exceptions.codes import explain
from ml_connector.exceptions.open_rows import open_rows, with_exceptions
from ml_connector.lists.writing import write_list
from ml_connector.records.ages import ago
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

COLUMNS = (
    "connection", "title", "division", "total", "code", "record", "cause", "remedy", "stops",
    "opened_at", "assignee", "key", "id",
)  # fmt: skip
"""Of a written list: the fields of a listed exception, without its candidates."""

_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,4})?)(?: ?([A-Za-z]{3}))?")


@dataclass(frozen=True)
class ExceptionFilter:
    """Selects the exceptions that meet every condition that is set."""

    codes: frozenset[str] = frozenset()
    opened_before: datetime | None = None
    opened_after: datetime | None = None
    least: Decimal | None = None
    currency: str | None = None
    assignee: str | None = None
    unassigned: bool = False

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Return whether an exception, as `open_rows` yields it, is selected."""
        opened = datetime.fromisoformat(row["opened_at"])
        return (
            (not self.codes or row["code"] in self.codes)
            and (self.opened_before is None or opened <= self.opened_before)
            and (self.opened_after is None or opened > self.opened_after)
            and (self.assignee is None or row["assignee"] == self.assignee)
            and not (self.unassigned and row["assignee"])
            and (self.least is None or self._is_enough(row["total"]))
        )

    def _is_enough(self, total: str | None) -> bool:
        currency, _, amount = (total or "").partition(" ")
        if not amount or (self.currency and currency != self.currency):
            return False
        return Decimal(amount) >= (self.least or 0)


def read_filter(
    codes: Sequence[str] = (),
    older_than: str | None = None,
    newer_than: str | None = None,
    min_amount: str | None = None,
    assigned_to: str | None = None,
    *,
    unassigned: bool = False,
) -> ExceptionFilter:
    """Return the filter that a person asks for; raises `UserError`.

    Ages are like `90m`, `4h`, `3d`, `2w`; an amount is `1000` (of any currency) or `1000 EUR`.
    """
    if unassigned and assigned_to is not None:
        raise UserError("pass either --assigned-to or --unassigned")
    least, currency = _amount(min_amount)
    return ExceptionFilter(
        codes=frozenset(each["code"] for code in codes for each in explain(code)),
        opened_before=_ago("--older-than", older_than),
        opened_after=_ago("--newer-than", newer_than),
        least=least,
        currency=currency,
        assignee=assigned_to,
        unassigned=unassigned,
    )


def list_open(stack: Stack, id: str | None, wanted: ExceptionFilter) -> list[dict[str, Any]]:
    """Return the wanted exceptions of one connection or of all, the oldest first."""
    ledgers = stack.current_ledgers() if id is None else [stack.known_ledger(id)]
    rows = (
        row
        for each in ledgers
        for record in with_exceptions(each)
        for row in open_rows(record)
        if wanted.matches(row)
    )
    return sorted(rows, key=lambda row: row["opened_at"])


def write_open(path: Path, found: Iterable[Mapping[str, Any]]) -> None:
    """Write a row for each of the listed exceptions; raises `UserError` if it cannot be done."""
    write_list(path, COLUMNS, ([each[name] for name in COLUMNS] for each in found))


def _ago(option: str, age: str | None) -> datetime | None:
    return None if age is None else ago(option, age)


def _amount(text: str | None) -> tuple[Decimal | None, str | None]:
    if text is None:
        return None, None
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise UserError(f"--min-amount {text!r} is not an amount: write it like 1000 or '1000 EUR'")
    return Decimal(found[1]), found[2].upper() if found[2] else None
