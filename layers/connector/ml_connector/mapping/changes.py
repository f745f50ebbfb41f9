"""Turn the lines of a file into a changed connection, or into the errors of all lines."""

import re
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.words import command, counted, verb
from ml_connector.infrastructure.mapping_rows import LONGEST
from ml_connector.lists.known_codes import KnownCodes, spreadsheet_form
from ml_connector.lists.reading import InvalidLine
from ml_connector.mapping.airbase_codes import AirbaseCodes, unknown_note
from ml_connector.mapping.checker import MappingChecker
from ml_connector.mapping.files import MappingLine
from ml_connector.mapping.kinds import GL_ACCOUNTS, ITEMS, KINDS, SUBSIDIARIES
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.settings.airbase_profile import STORED
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.settings.division_names import find_division
from ml_connector.user_errors import UserError

_MOST_UNKNOWN_NAMED = 50
_GUID = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")


@dataclass(frozen=True)
class MappingChange:
    """One changed mapping; `before` or `after` is empty where there is none.

    `cell` is the one with the Exact code, as a spreadsheet names it.
    """

    line: int
    division: Division | None
    kind: str
    airbase: str
    before: str
    after: str
    cell: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, as the audit trail keeps it."""
        names = ("division", "kind", "airbase", "before", "after")
        return {name: getattr(self, name) for name in names}


@dataclass
class MappingChanges:
    """The changes of a file to a connection. Lines that change nothing are not checked."""

    connection: Connection
    division_data: Callable[[Division], LoadedDivisionData]
    airbase_codes: AirbaseCodes
    errors: list[InvalidLine] = field(default_factory=list)
    changes: list[MappingChange] = field(default_factory=list)
    notes: list[InvalidLine] = field(default_factory=list)
    """Cells that were read otherwise than written, or that Airbase has never shown."""
    unknown: int = 0
    """Cells that Airbase has never shown, of which the first are in the notes."""
    result: Connection | None = None
    """The connection with all changes; None if there are errors."""

    @property
    def more_unknown(self) -> Iterator[str]:
        """Yield how many values are unknown to Airbase beside those in the notes, if any."""
        if self.unknown > _MOST_UNKNOWN_NAMED:
            more = self.unknown - _MOST_UNKNOWN_NAMED
            values = f"{counted(more, 'more value')} {verb(more, 'is', 'are')}"
            yield f"{values} unknown so far in Airbase"

    def read(self, lines: Sequence[MappingLine]) -> None:
        """Read the lines, check their changes, and set the result if there are no errors."""
        seen: dict[tuple[Division | None, str, str], tuple[int, str]] = {}
        for line in lines:
            change = self._read(line)
            if change is None:
                continue
            key = (change.division, change.kind, change.airbase)
            known = seen.setdefault(key, (line.number, change.after))
            if known[0] != line.number:
                self._check_repeated(line, change, *known)
            elif change.before != change.after:
                self.changes.append(change)
        self._finish()

    def take(self, change: MappingChange) -> None:
        """Check one change that no file holds, and set the result if there are no errors."""
        self.changes += [change] if change.before != change.after else []
        self._finish()

    def _finish(self) -> None:
        self._check()
        result = self._changed(self.changes)
        self.result = result if not self.errors else None

    def _check_repeated(
        self, line: MappingLine, change: MappingChange, number: int, after: str
    ) -> None:
        if change.after != after:
            what = f"maps {change.airbase!r} to {change.after!r}, line {number} to {after!r}"
            self._error(line.number, what)

    def _read(self, line: MappingLine) -> MappingChange | None:
        kind = line.kind.strip().casefold()
        if kind not in KINDS:
            self._error(line.number, f"{line.kind!r} is not a kind: use one of {', '.join(KINDS)}")
            return None
        if kind == SUBSIDIARIES:
            return self._read_subsidiary(line)
        division = self._division(line, line.division)
        if division is None:
            return None
        found = self.connection.division(division)
        table: dict[str, str] = getattr(found.mappings, kind) if found else {}
        airbase = self._airbase(line, division, kind, table.keys())
        before = table.get(airbase, "")
        after = self._exact(line, kind, division, before)
        if after is None:
            return None
        if max(len(airbase), len(after)) > LONGEST:
            self._error(line.number, f"has a value of more than {LONGEST} characters")
            return None
        if not airbase and before != after:
            self._error(line.number, "has no Airbase value")
            return None
        if airbase not in table and before != after:
            self._note_unknown(line, division, kind, airbase)
        return MappingChange(line.number, division, kind, airbase, before, after, line.exact_cell)

    def _read_subsidiary(self, line: MappingLine) -> MappingChange | None:
        exact = line.exact.strip()
        after = self._division(line, exact) if exact else ""
        if after is None:
            return None
        if line.division.strip() not in {"", exact}:
            self._error(line.number, "a subsidiary's division is given under exact only")
            return None
        served = {key: d.division for d in self.connection.divisions for key in d.subsidiaries}
        airbase = self._airbase(line, None, SUBSIDIARIES, served.keys())
        if not airbase:
            self._error(line.number, "names no subsidiary")
            return None
        if airbase not in served and after:
            self._note_unknown(line, None, SUBSIDIARIES, airbase)
        return MappingChange(
            line.number, None, SUBSIDIARIES, airbase, served.get(airbase, ""), after
        )

    def _division(self, line: MappingLine, text: str) -> Division | None:
        try:
            return find_division(self.connection, text)
        except UserError as error:
            self._error(line.number, str(error))
            return None

    def _airbase(
        self, line: MappingLine, division: Division | None, kind: str, mapped: KeysView[str]
    ) -> str:
        """Return the value meant: as written, or what a spreadsheet has made that of."""
        text = line.airbase if line.airbase in mapped else line.airbase.strip()
        if not text or text in mapped:
            return text
        shown = self._shown(division, kind)
        if shown is None or text in shown:
            return text
        meant = shown.same(text)
        if len(meant) != 1:
            return text
        self._note(line.number, _read_as(line.airbase_cell, text, meant[0]))
        return meant[0]

    def _exact(self, line: MappingLine, kind: str, division: Division, before: str) -> str | None:
        """Return the value to store; an item may be given by its code."""
        exact = line.exact.strip()
        if exact == before.strip():
            return before
        if not exact or _GUID.fullmatch(exact):
            return exact.strip("{}").lower() if exact else ""
        division_data = self.division_data(division)
        if not division_data.is_read:
            return exact
        known = division_data.codes_of(kind)
        if exact not in known:
            meant = known.same(exact)
            if len(meant) > 1:
                names = " or ".join(map(repr, meant))
                self._error(line.number, f"cell {line.exact_cell}: {exact!r} can be {names}")
                return None
            if meant:
                self._note(line.number, _read_as(line.exact_cell, exact, meant[0]))
                exact = meant[0]
        if kind != ITEMS:
            return before if exact == before.strip() else exact
        if item := division_data.item_with_code(exact):
            return item.id
        what = f"cell {line.exact_cell}: no item of division {division} has the code {exact!r}"
        self._error(line.number, what + _hint(exact, known))
        return None

    def _note_unknown(
        self, line: MappingLine, division: Division | None, kind: str, airbase: str
    ) -> None:
        shown = (
            self._shown(division, kind) if kind != ITEMS else None
        )  # a wrong account is an error
        if airbase and shown is not None and airbase not in shown:
            self.unknown += 1
            if self.unknown <= _MOST_UNKNOWN_NAMED:
                self._note(line.number, unknown_note(line.airbase_cell, airbase, shown))

    def _shown(self, division: Division | None, kind: str) -> KnownCodes | None:
        """Return the known values of the Airbase side; for items, they are GL accounts of Exact."""
        if kind == ITEMS and division is not None:
            return self.division_data(division).codes_of(GL_ACCOUNTS)
        return self.airbase_codes.shown(division, kind)

    def _check(self) -> None:
        """Check each new mapping as on an order, with all other changes applied."""
        changes = [change for change in self.changes if change.kind != SUBSIDIARIES]
        changed = self._changed(changes)
        checkers = {
            d.division: MappingChecker(changed, d, self.division_data(d.division))
            for d in changed.divisions
        }
        for change in changes:
            if change.division is not None and change.after:
                self.errors += _errors_of(changed.id, change, checkers[change.division])

    def _changed(self, changes: Sequence[MappingChange]) -> Connection:
        """Return the changed connection, unless a division would be left without a subsidiary.

        A subsidiary that is served elsewhere is refused, too.
        """
        changed = self.connection.with_divisions(lambda each: _with_changes(each, changes))
        for before, after in zip(self.connection.divisions, changed.divisions, strict=True):
            if before.subsidiaries and not after.subsidiaries:
                self._report_without_subsidiary(after.division)
                return self.connection
        try:
            changed.refuse_unserved()
        except ValueError as error:
            self._error(self._lines_of_subsidiaries[-1], str(error))
            return self.connection
        return Connection.model_validate(changed.model_dump(mode="json"), context=STORED)

    def _report_without_subsidiary(self, division: Division) -> None:
        left = [
            change.line
            for change in self.changes
            if change.kind == SUBSIDIARIES and change.before == division
        ]
        self._error(
            left[-1],
            f"division {division} would be left without a subsidiary: if that is meant, say so "
            "with `subsidiaries = []` in the connection's file",
        )

    @property
    def _lines_of_subsidiaries(self) -> list[int]:
        return [each.line for each in self.changes if each.kind == SUBSIDIARIES]

    def _error(self, number: int, what: str) -> None:
        self.errors.append(InvalidLine(number, what))

    def _note(self, number: int, what: str) -> None:
        self.notes.append(InvalidLine(number, what))


def _with_changes(division: ExactDivision, changes: Iterable[MappingChange]) -> ExactDivision:
    """Return the division with the changes that concern it; the result is not validated."""
    subsidiaries = list(division.subsidiaries)
    tables: dict[str, dict[str, str]] = {}
    for each in changes:
        if each.kind == SUBSIDIARIES:
            subsidiaries = [key for key in subsidiaries if key != each.airbase]
            subsidiaries += [each.airbase] if each.after == division.division else []
        elif each.division == division.division:
            known = dict(getattr(division.mappings, each.kind))
            table = tables.setdefault(each.kind, known)
            if each.after:
                table[each.airbase] = each.after
            else:
                table.pop(each.airbase, None)
    mappings = division.mappings.model_copy(update=tables)
    return division.model_copy(update={"subsidiaries": tuple(subsidiaries), "mappings": mappings})


def _errors_of(
    id: ConnectionId, change: MappingChange, checker: MappingChecker
) -> Iterator[InvalidLine]:
    if not checker.division_data.is_read:
        reading = command("refresh", id, change.division)
        what = f"the data of division {change.division} are not read yet: {reading}"
        yield InvalidLine(change.line, what)
        return
    known = checker.division_data.codes_of(change.kind)
    for problem in checker.check(change.kind, Reference(id=change.airbase)).problems:
        hint = _hint(change.after, known)
        yield InvalidLine(change.line, f"{problem.code}: {problem.cause} Cell {change.cell}{hint}.")


def _read_as(cell: str, text: str, meant: str) -> str:
    return f"cell {cell}: {text!r} is read as {meant!r}, of which a spreadsheet has made it"


def _hint(text: str, known: KnownCodes) -> str:
    """Say what a spreadsheet has probably done to an unknown code; empty if nothing."""
    form, likely = spreadsheet_form(text), known.possible(text)
    if text in known:
        return ""
    named = f"; is it {' or '.join(map(repr, likely[:3]))}?" if likely else ""
    return f"; it looks like {form}{named}" if form else named
