"""The open exceptions of one connection or of all, and which of them are wanted."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from connector_cli.actions import codes as codes_
from connector_cli.actions import records
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.doors.ledger import Record
from ml_connector.open_exceptions import digest

_AGE = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,4})?)(?: ?([A-Za-z]{3}))?")


@dataclass(frozen=True)
class Wanted:
    """Which exceptions are meant: those that meet all that is set."""

    codes: frozenset[str] = frozenset()
    opened_before: datetime | None = None
    opened_after: datetime | None = None
    least: Decimal | None = None
    currency: str | None = None
    assignee: str | None = None
    unassigned: bool = False

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Return whether an exception, as `open_rows` gives it, is meant."""
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


def wanted(
    codes: Sequence[str] = (),
    older_than: str | None = None,
    newer_than: str | None = None,
    min_amount: str | None = None,
    assigned_to: str | None = None,
    *,
    unassigned: bool = False,
) -> Wanted:
    """Read what a person asks for; raises `Complaint`.

    Ages are like `90m`, `4h`, `3d`, `2w`; an amount is `1000` (of any currency) or `1000 EUR`.
    """
    if unassigned and assigned_to is not None:
        raise Complaint("say either --assigned-to or --unassigned")
    known = frozenset(each["code"] for code in codes for each in codes_.explain(code))
    least, currency = _amount(min_amount)
    return Wanted(
        codes=known,
        opened_before=_ago("--older-than", older_than),
        opened_after=_ago("--newer-than", newer_than),
        least=least,
        currency=currency,
        assignee=assigned_to,
        unassigned=unassigned,
    )


def list_open(stack: Stack, id: str | None, wanted: Wanted) -> list[dict[str, Any]]:
    """Return the wanted exceptions of one connection or of all, the oldest first."""
    known = (
        [each.id for each in stack.doors.mappings.connections()]
        if id is None
        else [stack.known_id(id)]
    )
    rows = (
        row
        for each in known
        for record in stack.doors.ledger.records(each)
        for row in open_rows(record)
        if wanted.admits(row)
    )
    return sorted(rows, key=lambda row: row["opened_at"])


def open_rows(record: Record) -> Iterator[dict[str, Any]]:
    """Yield the open exceptions of a record; `stops` names what a halt stops."""
    for where, problem in sorted(record.facts.get("halts", {}).items()):
        yield _row(record, problem) | {"stops": f"division {where}" if where else "all"}
    for problem in record.problems:
        yield _row(record, problem)


def brief(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a problem says to a person."""
    names = ("code", "record", "cause", "remedy", "candidates")
    return {name: problem.get(name, "") for name in names}


def _row(record: Record, problem: Mapping[str, Any]) -> dict[str, Any]:
    facts, id = record.facts, digest(problem)
    return {
        "connection": record.connection,
        "key": record.key,
        "id": id,
        **brief(problem),
        "stops": None,
        "opened_at": facts.get("opened_at", {}).get(id, record.received_at),
        "assignee": facts.get("assignee"),
        "title": records.title(record),
        "division": facts.get("division"),
        "total": facts.get("total"),
    }


def _ago(option: str, age: str | None) -> datetime | None:
    if age is None:
        return None
    found = _AGE.fullmatch(age.strip().lower())
    if found is None:
        raise Complaint(f"{option} {age!r} is no age: write it like 90m, 4h, 3d or 2w")
    return clock.now() - timedelta(**{_UNITS[found[2]]: int(found[1])})


def _amount(text: str | None) -> tuple[Decimal | None, str | None]:
    if text is None:
        return None, None
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise Complaint(f"--min-amount {text!r} is no amount: write it like 1000 or '1000 EUR'")
    return Decimal(found[1]), found[2].upper() if found[2] else None
