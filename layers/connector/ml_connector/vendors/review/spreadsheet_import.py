"""Import the decisions of an edited export: all of them, or none if a line is wrong.

Every row is checked against the division's suppliers and the vendor's current state before anything
is decided. A row that is already in effect changes nothing, so a file can be imported again.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Actor, Division, Guid, VendorId
from ml_connector.domain.matching.rules import are_one_vendor
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.words import counted, instant, verb
from ml_connector.infrastructure.ledger import Conflict, Ledger
from ml_connector.infrastructure.vendor_links import SupplierProposals
from ml_connector.lists.known_codes import KnownCodes, same_code
from ml_connector.services import Services
from ml_connector.stack import Stack
from ml_connector.user_errors import ServiceError, UserError, safe_lines
from ml_connector.vendors.review import decisions
from ml_connector.vendors.review.spreadsheet import (
    DECISIONS,
    SpreadsheetRow,
    read_spreadsheet,
)
from ml_connector.vendors.review.vendor_states import VendorInDivision, VendorStates

_ATTEMPTS = 3


@dataclass(frozen=True)
class RowDecision:
    """The change that a row makes."""

    row: SpreadsheetRow
    state: VendorInDivision
    supplier: Guid
    shown: Supplier | None

    @property
    def notes(self) -> Iterator[str]:
        """Yield which cell was read otherwise than written."""
        written, code = self.row.exact_code.strip(), self.shown.code if self.shown else ""
        if written and written.casefold() != code.casefold() and same_code(written, code):
            cell = f"line {self.row.line}, cell {self.row.code_cell}"
            yield f"{cell}: {written!r} is read as {code!r}, of which a spreadsheet has made it"

    @property
    def link_key(self) -> tuple[Division, Guid]:
        """Return the division and supplier."""
        return self.row.division, self.supplier

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "line": self.row.line,
            "decision": self.row.decision,
            "vendor": self.row.vendor,
            "name": self.state.vendor.name,
            "division": self.row.division,
            "supplier": {
                "id": self.supplier,
                "code": self.shown.code if self.shown else "",
                "name": self.shown.name if self.shown else "",
            },
        }


class _RowError(Exception):
    """What is wrong with a row."""


def import_spreadsheet(
    stack: Stack, actor: Actor, id: str, file: Path, *, dry_run: bool = False
) -> dict[str, Any]:
    """Make the decisions of a file, in an order in which no supplier is linked twice.

    Raise `UserError` with every invalid line, before anything is decided; `ServiceError` when a
    decision was refused although it was checked: the same file can be imported again.
    """
    services = stack.services_of(id)
    rows = read_spreadsheet(file, services.connection)
    found = _SpreadsheetChecker(services, file).check(rows)
    if not dry_run:
        _decide_all(services, stack.ledger_of(actor, services.id), file, found)
    counts = {each: sum(one.row.decision == each for one in found) for each in DECISIONS}
    return {
        "connection": services.id,
        "file": str(file),
        "dry_run": dry_run,
        **counts,
        "unchanged": len(rows) - len(found),
        "notes": safe_lines(*(f"{file.name}, {note}" for each in found for note in each.notes)),
        "decisions": [each.as_dict() for each in found],
    }


class _SpreadsheetChecker:
    def __init__(self, services: Services, file: Path) -> None:
        self._file = file
        self._connection = services.connection
        self._states = VendorStates(services)
        self._suppliers = cache(self._states.suppliers)
        self._of = cache(self._by_vendor)
        self._today = clock.now().date()

    def check(self, rows: Sequence[SpreadsheetRow]) -> list[RowDecision]:
        """Return the decisions, in the order in which to make them."""
        errors: dict[int, str] = {}
        found: list[RowDecision] = []
        for row in rows:
            try:
                found += self._check(row)
            except _RowError as error:
                errors[row.line] = str(error)
        ordered, taken = self._in_order(found)
        errors |= taken
        if errors:
            texts = (f"{self._file.name}, line {n}: {errors[n]}" for n in sorted(errors))
            raise UserError(*safe_lines(*texts))
        return ordered

    def _check(self, row: SpreadsheetRow) -> Iterator[RowDecision]:
        """Yield what the row changes, if it changes anything."""
        if self._connection.division(row.division) is None:
            known = ", ".join(each.division for each in self._connection.divisions)
            raise _RowError(f"the connection has no division {row.division}; it has {known}")
        state = self._of(row.division).get(row.vendor)
        if state is None:
            if row.decision:
                raise self._unknown_vendor(row)
            return
        is_fresh = row.decided_at == (state.last_decision[0] if state.last_decision else None)
        if not row.decision:
            if is_fresh:
                self._refuse_missing_decision(row, state)
            return
        decision = getattr(self, f"_{row.decision}")(row, state, is_fresh=is_fresh)
        if decision is None:
            return
        if not is_fresh:
            raise _RowError(_stale(state))
        yield decision

    def _refuse_missing_decision(self, row: SpreadsheetRow, state: VendorInDivision) -> None:
        """Refuse a row in which another supplier was entered, but no decision."""
        if row.names_a_supplier and not self._is_named(row, state, state.supplier):
            raise _RowError("names another supplier but has no decision: enter link or reject")

    def _link(
        self, row: SpreadsheetRow, state: VendorInDivision, *, is_fresh: bool
    ) -> RowDecision | None:
        current = state.link
        if current and self._is_named(row, state, current.supplier):
            is_confirmed = state.decision == "review" and is_fresh
            if not is_confirmed:
                return None
        supplier = self._named(row)
        if not is_fresh:
            raise _RowError(_stale(state))
        if not state.is_known:
            raise _RowError(str(problem("VENDOR_UNKNOWN", row.vendor)))
        if not supplier.is_usable_on(self._today):
            name = f"{supplier.code} {supplier.name}"
            raise _RowError(_in_division("SUPPLIER_UNUSABLE", name, row.division))
        return RowDecision(row, state, supplier.id, supplier)

    def _reject(
        self, row: SpreadsheetRow, state: VendorInDivision, *, is_fresh: bool
    ) -> RowDecision | None:
        del is_fresh
        linked = state.link.supplier if state.link else None
        known = (id for id in (state.supplier, linked) if id)  # Exact may no longer have it
        id = next((id for id in known if self._is_named(row, state, id)), None)
        id = id or self._named(row).id
        shown = self._suppliers(row.division).get(id)
        if id != linked and state.is_rejected(id, shown):
            return None
        return RowDecision(row, state, id, shown)

    def _unlink(
        self, row: SpreadsheetRow, state: VendorInDivision, *, is_fresh: bool
    ) -> RowDecision | None:
        current = state.link
        if current is None:
            if is_fresh:
                raise _RowError(_in_division("NOT_LINKED", row.vendor, row.division))
            return None
        known = {current.supplier, state.supplier}
        if row.names_a_supplier and not any(self._is_named(row, state, id) for id in known):
            raise _RowError("the vendor is linked to another supplier than the row names")
        return RowDecision(
            row, state, current.supplier, self._suppliers(row.division).get(current.supplier)
        )

    def _is_named(self, row: SpreadsheetRow, state: VendorInDivision, id: Guid | None) -> bool:
        """Tell whether the row names this supplier, as an export of it would."""
        supplier = self._suppliers(row.division).get(id)
        candidate = next((each for each in state.candidates if each.id == id), None)
        known = supplier or candidate
        code = known.code if known else ""
        by_id = row.exact_id == id
        by_code = bool(row.exact_code) and same_code(row.exact_code, code)
        return (by_id or (not row.exact_id and by_code)) and (by_code or not row.exact_code)

    def _named(self, row: SpreadsheetRow) -> Supplier:
        """Return the supplier that the row names, by its id, its code or both."""
        if not row.names_a_supplier:
            raise _RowError("names no supplier: fill in exact_id or exact_code")
        suppliers = self._suppliers(row.division)
        found = suppliers.get(Guid(row.exact_id)) or (
            None if row.exact_id else suppliers.with_code(row.exact_code)
        )
        if found is None:
            name = row.exact_id or row.exact_code
            text = _in_division("SUPPLIER_UNKNOWN", name, row.division)
            likely = suppliers.possible_codes(row.exact_code) if not row.exact_id else []
            raise _RowError(f"{text}{_is_it(row.code_cell, likely)}")
        if row.exact_code and not same_code(row.exact_code, found.code):
            raise _RowError(
                f"exact_id is {found.code} {found.name}, exact_code is {row.exact_code}: "
                "clear the wrong one"
            )
        return found

    def _unknown_vendor(self, row: SpreadsheetRow) -> _RowError:
        likely = KnownCodes(self._of(row.division)).possible(row.vendor)
        text = str(problem("VENDOR_UNKNOWN", row.vendor))
        return _RowError(f"{text}{_is_it(row.vendor_cell, likely)}")

    def _in_order(self, found: Sequence[RowDecision]) -> tuple[list[RowDecision], dict[int, str]]:
        """Return the decisions in an order that works, and the errors of the others.

        A supplier is free once its vendor is unlinked, or gone or closed in Airbase; and for a
        vendor that is the same company a second time.
        """
        links = [each for each in found if each.row.decision == "link"]
        ordered = [each for each in found if each.row.decision != "link"]
        holders = self._holders({each.row.division for each in links})
        for each in ordered:
            holders[each.link_key].discard(each.row.vendor)
        while links:
            free = next((each for each in links if not self._others(each, holders)), None)
            if free is None:
                return ordered, {each.row.line: self._taken(each, holders) for each in links}
            if before := free.state.link:
                holders[free.row.division, before.supplier].discard(free.row.vendor)
            holders[free.link_key].add(free.row.vendor)
            links.remove(free)
            ordered.append(free)
        return ordered, {}

    def _holders(
        self, divisions: set[Division]
    ) -> defaultdict[tuple[Division, Guid], set[VendorId]]:
        holders: defaultdict[tuple[Division, Guid], set[VendorId]] = defaultdict(set)
        for division in divisions:
            for vendor, state in self._of(division).items():
                if state.link and state.is_known and state.vendor.is_usable:
                    holders[division, state.link.supplier].add(vendor)
        return holders

    def _others(
        self, decision: RowDecision, holders: defaultdict[tuple[Division, Guid], set[VendorId]]
    ) -> list[VendorId]:
        """Return the vendors that have the supplier and are other companies."""
        vendor = decision.state.vendor
        states = self._of(decision.row.division)
        return sorted(
            each
            for each in holders[decision.link_key] - {decision.row.vendor}
            if not are_one_vendor(vendor, states[each].vendor)
        )

    def _taken(
        self, decision: RowDecision, holders: defaultdict[tuple[Division, Guid], set[VendorId]]
    ) -> str:
        shown = decision.shown
        name = f"{shown.code} {shown.name}" if shown else decision.supplier
        (other, *_) = self._others(decision, holders)
        holder = self._of(decision.row.division)[other].vendor
        return str(problem("SUPPLIER_TAKEN", name, "vendor", vendor=holder.name, id=other))

    def _by_vendor(self, division: Division) -> dict[VendorId, VendorInDivision]:
        return {VendorId(each.vendor.id): each for each in self._states.of(division)}


def _in_division(code: str, record: str, division: Division) -> str:
    return str(problem(code, record, "division", division=division))


def _is_it(cell: str, likely: Sequence[str]) -> str:
    names = " or ".join(map(repr, likely[:3]))
    return f" Cell {cell}: is it {names}, which a spreadsheet changed?" if likely else ""


def _stale(state: VendorInDivision) -> str:
    if state.last_decision is None:
        return "was changed since the export: no decision holds any more; export again"
    at, by = state.last_decision
    who = f" by {by}" if by else ""
    return f"was changed since the export, at {instant(at)}{who}: export again"


def _decide_all(
    services: Services, ledger: Ledger, file: Path, found: Sequence[RowDecision]
) -> None:
    for done, each in enumerate(found):
        reason = f"line {each.row.line} of {file.name}"
        try:
            _decide(services, ledger, each, reason)
        except (Conflict, Fault) as refused:
            every = f"{counted(len(found), 'decision')} {verb(len(found), 'was', 'were')}"
            progress = f"{done} of {every} made, then {reason} was refused"
            rest = "import the file again for the rest, or export again"
            raise ServiceError(*safe_lines(f"{progress}: {refused} ({rest})")) from refused


def _decide(services: Services, ledger: Ledger, decision: RowDecision, reason: str) -> None:
    """Make one decision; try again if a worker changes the vendor meanwhile."""
    row = decision.row
    where = (services, ledger, row.division, row.vendor)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            if row.decision == "unlink":
                decisions.unlink(*where, reason)
            elif row.decision == "reject":
                decisions.reject(*where, decision.supplier, reason)
            elif _is_proposed(services.supplier_proposals, decision):
                decisions.accept(*where, decision.supplier, reason)
            else:
                decisions.link(*where, decision.supplier, reason)
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
        else:
            return


def _is_proposed(proposals: SupplierProposals, decision: RowDecision) -> bool:
    """Tell whether the supplier is proposed: the link then keeps the evidence."""
    row = decision.row
    proposal = proposals.get(row.division, row.vendor)
    return bool(proposal and any(each.id == decision.supplier for each in proposal.candidates))
