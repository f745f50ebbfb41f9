"""Take over what people decided in an exported file: all of it, or none when a line is wrong.

Every row is checked against the division's suppliers and against what holds now, before anything
is decided. What a row asks for may hold already: it then does nothing, so a file can be imported
again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from connector_cli.actions.vendors.sheet import DECISIONS, Row, code_alike, read_sheet
from connector_cli.actions.vendors.standings import Standing, Standings
from connector_cli.complaints import Complaint, Trouble, safe_lines
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Conflict
from ml_connector.faults import Fault
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.workflows.vendors import decisions as workflow

_ATTEMPTS = 3


@dataclass(frozen=True)
class Decision:
    """What a row changes."""

    row: Row
    standing: Standing
    supplier: Guid
    shown: Supplier | None

    @property
    def place(self) -> tuple[Division, Guid]:
        """Return the supplier that a link takes."""
        return self.row.division, self.supplier

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "line": self.row.line,
            "decision": self.row.decision,
            "vendor": self.row.vendor,
            "name": self.standing.vendor.name,
            "division": self.row.division,
            "supplier": {
                "id": self.supplier,
                "code": self.shown.code if self.shown else "",
                "name": self.shown.name if self.shown else "",
            },
        }


class _Wrong(Exception):
    """What is wrong with a row."""


def import_sheet(stack: Stack, id: str, file: Path, *, dry_run: bool = False) -> dict[str, Any]:
    """Decide as the file says, in an order in which no supplier is taken twice.

    Raises `Complaint` with every wrong line, and has then decided nothing; `Trouble` when a
    decision that was right a moment ago was refused: the same file can be imported again.
    """
    connection = stack.connection(id)
    rows = read_sheet(file)
    found = _Checker(stack, connection, file).check(rows)
    if not dry_run:
        _decide_all(stack, connection, file, found)
    counts = {each: sum(one.row.decision == each for one in found) for each in DECISIONS}
    return {
        "connection": connection.id,
        "file": str(file),
        "dry_run": dry_run,
        **counts,
        "unchanged": len(rows) - len(found),
        "decisions": [each.as_dict() for each in found],
    }


class _Checker:
    def __init__(self, stack: Stack, connection: Connection, file: Path) -> None:
        self._file = file
        self._connection = connection
        self._standings = Standings(stack, connection)
        self._suppliers = cache(self._standings.suppliers)
        self._of = cache(self._by_vendor)
        self._today = clock.now().date()

    def check(self, rows: Sequence[Row]) -> list[Decision]:
        """Return what is to be decided, in the order to do it in."""
        errors: dict[int, str] = {}
        found: list[Decision] = []
        for row in rows:
            try:
                found += self._check(row)
            except _Wrong as wrong:
                errors[row.line] = str(wrong)
        ordered, taken = self._in_order(found)
        errors |= taken
        if errors:
            texts = (f"{self._file.name}, line {n}: {errors[n]}" for n in sorted(errors))
            raise Complaint(*safe_lines(*texts))
        return ordered

    def _check(self, row: Row) -> Iterator[Decision]:
        """Yield what the row changes, if it changes anything."""
        codes = [each.division for each in self._connection.divisions]
        if row.division not in codes:
            known = ", ".join(map(str, codes))
            raise _Wrong(f"the connection has no division {row.division}; it has {known}")
        standing = self._of(row.division).get(row.vendor)
        if standing is None:
            if row.decision:
                raise _Wrong(str(problem("VENDOR_UNKNOWN", row.vendor)))
            return
        is_fresh = row.decided_at == (standing.decided[0] if standing.decided else None)
        if not row.decision:
            if is_fresh:
                self._refuse_forgotten(row, standing)
            return
        decision = getattr(self, f"_{row.decision}")(row, standing, is_fresh=is_fresh)
        if decision is None:
            return
        if not is_fresh:
            raise _Wrong(_stale(standing))
        yield decision

    def _refuse_forgotten(self, row: Row, standing: Standing) -> None:
        """Another supplier was entered, and the decision left as it was."""
        if row.names_a_supplier and not self._is_named(row, standing, standing.supplier):
            raise _Wrong("names another supplier but decides nothing: say link or reject")

    def _link(self, row: Row, standing: Standing, *, is_fresh: bool) -> Decision | None:
        held = standing.link
        if held and self._is_named(row, standing, held.supplier):
            is_confirmed = standing.decision == "review" and is_fresh
            if not is_confirmed:
                return None
        supplier = self._named(row)
        if not is_fresh:
            raise _Wrong(_stale(standing))
        if not standing.is_known:
            raise _Wrong(str(problem("VENDOR_UNKNOWN", row.vendor)))
        if not supplier.is_usable_on(self._today):
            name = f"{supplier.code} {supplier.name}"
            raise _Wrong(str(problem("SUPPLIER_UNUSABLE", name, f"Division {row.division}.")))
        return Decision(row, standing, supplier.id, supplier)

    def _reject(self, row: Row, standing: Standing, *, is_fresh: bool) -> Decision | None:
        del is_fresh
        linked = standing.link.supplier if standing.link else None
        near = (id for id in (standing.supplier, linked) if id)  # Exact may no longer have it
        id = next((id for id in near if self._is_named(row, standing, id)), None)
        id = id or self._named(row).id
        shown = self._suppliers(row.division).get(id)
        if id != linked and standing.is_rejected(id, shown):
            return None
        return Decision(row, standing, id, shown)

    def _unlink(self, row: Row, standing: Standing, *, is_fresh: bool) -> Decision | None:
        held = standing.link
        if held is None:
            if is_fresh:
                raise _Wrong(str(problem("NOT_LINKED", row.vendor, f"Division {row.division}.")))
            return None
        meant = {held.supplier, standing.supplier}
        if row.names_a_supplier and not any(self._is_named(row, standing, id) for id in meant):
            raise _Wrong("it is linked to another supplier than the row names")
        return Decision(
            row, standing, held.supplier, self._suppliers(row.division).get(held.supplier)
        )

    def _is_named(self, row: Row, standing: Standing, id: Guid | None) -> bool:
        """Tell whether the row names this supplier, as an export of it would."""
        supplier = self._suppliers(row.division).get(id)
        offered = next((each for each in standing.offered if each.id == id), None)
        known = supplier or offered
        code = known.code if known else ""
        by_id = row.exact_id == id
        by_code = bool(row.exact_code) and code_alike(row.exact_code, code)
        return (by_id or (not row.exact_id and by_code)) and (by_code or not row.exact_code)

    def _named(self, row: Row) -> Supplier:
        """Return the supplier that the row names, by its id, its code or both."""
        if not row.names_a_supplier:
            raise _Wrong("names no supplier: fill in exact_id or exact_code")
        suppliers = self._suppliers(row.division)
        found = suppliers.get(Guid(row.exact_id)) or (
            None if row.exact_id else suppliers.coded(row.exact_code)
        )
        if found is None:
            name = row.exact_id or row.exact_code
            raise _Wrong(str(problem("SUPPLIER_UNKNOWN", name, f"Division {row.division}.")))
        if row.exact_code and not code_alike(row.exact_code, found.code):
            raise _Wrong(
                f"exact_id is {found.code} {found.name}, exact_code is {row.exact_code}: "
                "empty the one that is not meant"
            )
        return found

    def _in_order(self, found: Sequence[Decision]) -> tuple[list[Decision], dict[int, str]]:
        """Return the decisions in an order that works, and what is wrong with the others.

        A supplier is free once its vendor has left it; a vendor that is gone or closed in Airbase
        keeps none.
        """
        links = [each for each in found if each.row.decision == "link"]
        ordered = [each for each in found if each.row.decision != "link"]
        holders = self._holders({each.row.division for each in links})
        for each in ordered:
            holders[each.place].discard(each.row.vendor)
        while links:
            free = next(
                (each for each in links if not holders[each.place] - {each.row.vendor}), None
            )
            if free is None:
                return ordered, {each.row.line: self._taken(each, holders) for each in links}
            if before := free.standing.link:
                holders[free.row.division, before.supplier].discard(free.row.vendor)
            holders[free.place].add(free.row.vendor)
            links.remove(free)
            ordered.append(free)
        return ordered, {}

    def _holders(
        self, divisions: set[Division]
    ) -> defaultdict[tuple[Division, Guid], set[VendorId]]:
        holders: defaultdict[tuple[Division, Guid], set[VendorId]] = defaultdict(set)
        for division in divisions:
            for vendor, standing in self._of(division).items():
                if standing.link and standing.is_known and standing.vendor.is_usable:
                    holders[division, standing.link.supplier].add(vendor)
        return holders

    def _taken(
        self, decision: Decision, holders: defaultdict[tuple[Division, Guid], set[VendorId]]
    ) -> str:
        shown = decision.shown
        name = f"{shown.code} {shown.name}" if shown else decision.supplier
        (other, *_) = sorted(holders[decision.place] - {decision.row.vendor})
        holder = self._of(decision.row.division)[other].vendor
        return str(problem("SUPPLIER_TAKEN", name, f"It is {holder.name} ({other})."))

    def _by_vendor(self, division: Division) -> dict[VendorId, Standing]:
        return {VendorId(each.vendor.id): each for each in self._standings.of(division)}


def _stale(standing: Standing) -> str:
    if standing.decided is None:
        return "was changed since the export: nothing is decided any more; export again"
    at, by = standing.decided
    who = f" by {by}" if by else ""
    return f"was changed since the export, at {at.isoformat(timespec='seconds')}{who}: export again"


def _decide_all(
    stack: Stack, connection: Connection, file: Path, found: Sequence[Decision]
) -> None:
    for done, each in enumerate(found):
        reason = f"line {each.row.line} of {file.name}"
        try:
            _decide(stack, connection, each, reason)
        except (Conflict, Fault) as refused:
            told = f"{done} of {len(found)} decisions were made, then {reason} was refused"
            rest = "import the file again for the rest, or export anew"
            raise Trouble(*safe_lines(f"{told}: {refused} ({rest})")) from refused


def _decide(stack: Stack, connection: Connection, decision: Decision, reason: str) -> None:
    """A worker may be at the same vendor: it is tried again."""
    row, doors, ledger = decision.row, stack.doors, stack.signed
    where = (doors, ledger, connection.id, row.division, row.vendor)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if row.decision == "unlink":
                workflow.unlink(*where, reason)
            elif row.decision == "reject":
                workflow.reject(*where, decision.supplier, reason)
            elif _is_offered(stack, connection, decision):
                workflow.accept(*where, decision.supplier, reason)
            else:
                workflow.link(*where, decision.supplier, reason)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _is_offered(stack: Stack, connection: Connection, decision: Decision) -> bool:
    """Tell whether the supplier is proposed: the link then keeps the evidence."""
    row = decision.row
    proposal = stack.doors.proposals.get(connection.id, row.division, row.vendor)
    return bool(proposal and any(each.id == decision.supplier for each in proposal.candidates))
