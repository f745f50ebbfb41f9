"""From the lines of a file to a changed connection, or to everything that is wrong with them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from connector_cli.actions.mapping.books import LoadedBooks
from connector_cli.actions.mapping.files import Line, Wrong
from connector_cli.actions.mapping.kinds import ITEMS, KINDS, SUBSIDIARIES, Judge
from ml_connector.connection import Connection
from ml_connector.ids import Division
from ml_connector.purchase_orders.model import Reference

_GUID = re.compile(r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")


@dataclass(frozen=True)
class Change:
    """One mapping that becomes another; empty where there was, or will be, none."""

    line: int
    division: Division | None
    kind: str
    airbase: str
    before: str
    after: str

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, as the audit trail keeps it."""
        names = ("division", "kind", "airbase", "before", "after")
        return {name: getattr(self, name) for name in names}


@dataclass
class Changes:
    """What a file would change in a connection. Lines that change nothing are not checked."""

    connection: Connection
    books: Callable[[Division], LoadedBooks]
    wrong: list[Wrong] = field(default_factory=list)
    made: list[Change] = field(default_factory=list)
    result: Connection | None = None
    """The connection with all changes; None while anything is wrong."""

    def plan(self, lines: Sequence[Line]) -> None:
        """Read the lines, check what they change, and make the result if all is well."""
        seen: dict[tuple[Division | None, str, str], tuple[int, str]] = {}
        for line in lines:
            change = self._read(line)
            if change is None:
                continue
            key = (change.division, change.kind, change.airbase)
            known = seen.setdefault(key, (line.number, change.after))
            if known[0] != line.number:
                self._note_repeated(line, change, *known)
            elif change.before != change.after:
                self.made.append(change)
        self._check()
        result = self._changed(self.made)
        self.result = result if not self.wrong else None

    def _note_repeated(self, line: Line, change: Change, number: int, after: str) -> None:
        if change.after != after:
            what = f"maps {change.airbase!r} to {change.after!r}, line {number} to {after!r}"
            self._wrong(line.number, what)

    def _read(self, line: Line) -> Change | None:
        kind = line.kind.strip().casefold()
        if kind not in KINDS:
            self._wrong(line.number, f"{line.kind!r} is no kind: use one of {', '.join(KINDS)}")
            return None
        if kind == SUBSIDIARIES:
            return self._read_subsidiary(line)
        division = self._division(line, line.division)
        if division is None:
            return None
        found = self.connection.division(division)
        table: dict[str, str] = getattr(found.mappings, kind) if found else {}
        airbase = self._airbase(line, table.keys())
        before = table.get(airbase, "")
        after = self._exact(line, kind, division, before)
        if after is None:
            return None
        if not airbase and before != after:
            self._wrong(line.number, "names nothing of Airbase")
            return None
        return Change(line.number, division, kind, airbase, before, after)

    def _read_subsidiary(self, line: Line) -> Change | None:
        exact = line.exact.strip()
        if exact and self._division(line, exact) is None:
            return None
        if line.division.strip() not in {"", exact}:
            self._wrong(line.number, "a subsidiary's division is named under exact alone")
            return None
        served = {key: str(d.division) for d in self.connection.divisions for key in d.subsidiaries}
        airbase = self._airbase(line, served.keys())
        if not airbase:
            self._wrong(line.number, "names no subsidiary")
            return None
        after = str(int(exact)) if exact else ""
        return Change(line.number, None, SUBSIDIARIES, airbase, served.get(airbase, ""), after)

    def _division(self, line: Line, text: str) -> Division | None:
        wanted = text.strip()
        codes = {str(each.division): each.division for each in self.connection.divisions}
        if wanted in codes:
            return codes[wanted]
        self._wrong(line.number, f"{wanted!r} is no division of {self.connection.id}; "
                    f"it has {', '.join(codes)}")  # fmt: skip
        return None

    def _airbase(self, line: Line, known: Any) -> str:
        return line.airbase if line.airbase in known else line.airbase.strip()

    def _exact(self, line: Line, kind: str, division: Division, before: str) -> str | None:
        """Return what is to be stored; an item may be named by its code."""
        exact = line.exact.strip()
        if exact == before.strip():
            return before
        if kind != ITEMS or not exact:
            return exact
        if _GUID.fullmatch(exact):
            return exact.strip("{}").lower()
        books = self.books(division)
        item = books.item_with_code(exact)
        if item or not books.is_read:
            return item.id if item else exact
        self._wrong(line.number, f"no item of division {division} has the code {exact!r}")
        return None

    def _check(self) -> None:
        """Judge each new mapping as planning would, with all the others in place."""
        changes = [change for change in self.made if change.kind != SUBSIDIARIES]
        changed = self._changed(changes)
        judges = {d.division: Judge(changed, d, self.books(d.division)) for d in changed.divisions}
        for change in changes:
            if change.division is not None and change.after:
                self.wrong += _judged(change, judges[change.division])

    def _changed(self, changes: Sequence[Change]) -> Connection:
        """Return the connection with the changes, unless a division is left unserving."""
        data = self.connection.model_dump(mode="json")
        for division in data["divisions"]:
            for change in changes:
                _apply(change, division)
            if not division["subsidiaries"]:
                self._note_unserving(division["division"])
                return self.connection
        return Connection.model_validate(data)

    def _note_unserving(self, division: int) -> None:
        left = [
            change.line
            for change in self.made
            if change.kind == SUBSIDIARIES and change.before == str(division)
        ]
        self._wrong(left[-1], f"division {division} would be left without a subsidiary")

    def _wrong(self, number: int, what: str) -> None:
        self.wrong.append(Wrong(number, what))


def _apply(change: Change, division: dict[str, Any]) -> None:
    if change.kind == SUBSIDIARIES:
        kept = [key for key in division["subsidiaries"] if key != change.airbase]
        here = str(division["division"]) == change.after
        division["subsidiaries"] = [*kept, change.airbase] if here else kept
    elif division["division"] == change.division:
        table = division["mappings"][change.kind]
        if change.after:
            table[change.airbase] = change.after
        else:
            table.pop(change.airbase, None)


def _judged(change: Change, judge: Judge) -> Iterator[Wrong]:
    if not judge.books.is_read:
        what = f"the data of division {change.division} are not read yet: `connector refresh`"
        yield Wrong(change.line, what)
        return
    for problem in judge.judge(change.kind, Reference(id=change.airbase)).problems:
        yield Wrong(change.line, f"{problem.code}: {problem.cause}")
