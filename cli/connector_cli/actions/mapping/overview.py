"""Everything that can be mapped in a connection, and how each thing stands."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from connector_cli.actions.mapping.books import LoadedBooks
from connector_cli.actions.mapping.kinds import (
    GL_ACCOUNTS,
    ITEMS,
    KINDS,
    SUBSIDIARIES,
    Judge,
    Verdict,
    serving,
)
from connector_cli.actions.mapping.proposals import Proposal, propose, propose_division
from connector_cli.actions.mapping.usage import Thing, Usage
from ml_connector.connection import Connection, ExactDivision
from ml_connector.ids import Division
from ml_connector.purchase_orders.model import Reference

MAPPED, AUTOMATIC, UNMAPPED, UNUSABLE = "mapped", "automatic", "unmapped", "unusable"
_NOT_THERE = ("UNKNOWN_", "NO_CARRIER_", "SEVERAL_CARRIER_", "SUPPLIER_GONE")


@dataclass(frozen=True)
class Row:
    """One thing in one division; `airbase` and `exact` are as an import takes them.

    `state`: `mapped`, `automatic` (its own code or name is found in Exact), `unmapped`, or
    `unusable` (what it leads to cannot be used). The last two stop orders.
    """

    division: Division | None
    kind: str
    airbase: str
    name: str
    exact: str
    exact_name: str
    state: str
    orders: int = 0
    code: str = ""
    cause: str = ""
    remedy: str = ""
    proposals: tuple[Proposal, ...] = ()

    @property
    def stops_orders(self) -> bool:
        """Return whether an order with this thing becomes an exception."""
        return self.state in (UNMAPPED, UNUSABLE)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return asdict(self)


class Overview:
    """Makes the rows of a connection, from what Airbase uses and what is mapped."""

    def __init__(
        self, connection: Connection, books: Mapping[Division, LoadedBooks], usage: Usage
    ) -> None:
        """Look at the divisions of which there are `books`."""
        self._connection = connection
        self._books = books
        self._usage = usage

    def rows(self) -> list[Row]:
        """Return one row for each thing: first what stops most orders, then by kind and name."""
        found = list(self._subsidiaries())
        for division in self._connection.divisions:
            if division.division in self._books:
                found += self._of_division(division)
        return sorted(found, key=_order_of)

    def _subsidiaries(self) -> Iterator[Row]:
        shown = set()
        for thing in self._usage.things.get((None, SUBSIDIARIES), ()):
            row = self._subsidiary(thing)
            shown.add(row.airbase)
            yield row
        for division in self._connection.divisions:
            for key in division.subsidiaries:
                if key not in shown:
                    yield _serves(division, key, "", 0)

    def _subsidiary(self, thing: Thing) -> Row:
        wanted = thing.wanted
        division = serving(self._connection, wanted)
        if division:
            key = next(key for key in wanted.keys if key in division.subsidiaries)
            return _serves(division, key, wanted.name, thing.orders)
        cause = "No division of this connection serves the subsidiary."
        proposals = tuple(propose_division(wanted, self._connection))
        return Row(
            None, SUBSIDIARIES, wanted.keys[0], wanted.name, "", "", UNMAPPED, thing.orders,
            "UNKNOWN_SUBSIDIARY", cause, "Say which division serves it.", proposals,
        )  # fmt: skip

    def _of_division(self, division: ExactDivision) -> Iterator[Row]:
        judge = Judge(self._connection, division, self._books[division.division])
        for kind in KINDS:
            if kind != SUBSIDIARIES:
                yield from self._of_kind(judge, division, kind)

    def _of_kind(self, judge: Judge, division: ExactDivision, kind: str) -> Iterator[Row]:
        table: Mapping[str, str] = getattr(division.mappings, kind)
        used = set()
        for thing in self._things(judge, division, kind):
            row = _row(judge, division, kind, thing, table)
            used.add(row.airbase)
            yield row
        for key in table.keys() - used - {""}:
            yield _row(judge, division, kind, Thing(Reference(id=key)), table)

    def _things(self, judge: Judge, division: ExactDivision, kind: str) -> list[Thing]:
        if kind != ITEMS:
            return self._usage.things.get((division.division, kind), [])
        return list(self._accounts_to_carry(judge, division))

    def _accounts_to_carry(self, judge: Judge, division: ExactDivision) -> Iterator[Thing]:
        """Yield the Exact GL accounts that Airbase's lead to: each needs an item."""
        found: dict[str, Thing] = {}
        for thing in self._usage.things.get((division.division, GL_ACCOUNTS), ()):
            verdict = judge.judge(GL_ACCOUNTS, thing.wanted)
            if verdict.exact and not verdict.problems:
                wanted = Reference(code=verdict.exact, name=verdict.name)
                found.setdefault(verdict.exact, Thing(wanted)).orders += thing.orders
        yield from found.values()


def _serves(division: ExactDivision, key: str, name: str, orders: int) -> Row:
    code = str(division.division)
    return Row(None, SUBSIDIARIES, key, name, code, division.name, MAPPED, orders)


def _row(
    judge: Judge, division: ExactDivision, kind: str, thing: Thing, table: Mapping[str, str]
) -> Row:
    wanted = thing.wanted
    key = next((key for key in wanted.keys if key in table), None)
    verdict = judge.judge(kind, wanted)
    state = _state(key is not None, verdict)
    exact = table[key] if key is not None else verdict.exact if state == AUTOMATIC else ""
    row = Row(
        division.division, kind, wanted.keys[0] if key is None else key, wanted.name,
        exact, verdict.name, state, thing.orders,
    )  # fmt: skip
    return _with_problem(row, judge, wanted, verdict) if row.stops_orders else row


def _with_problem(row: Row, judge: Judge, wanted: Reference, verdict: Verdict) -> Row:
    problem = verdict.problems[0]
    return Row(
        row.division, row.kind, row.airbase, row.name, row.exact, row.exact_name, row.state,
        row.orders, problem.code, problem.cause[:1].upper() + problem.cause[1:], problem.remedy,
        tuple(propose(row.kind, wanted, judge.books)),
    )  # fmt: skip


def _state(is_mapped: bool, verdict: Verdict) -> str:
    if not verdict.problems:
        return MAPPED if is_mapped else AUTOMATIC
    missing = verdict.problems[0].code.startswith(_NOT_THERE)
    return UNMAPPED if missing and not is_mapped else UNUSABLE


def _order_of(row: Row) -> tuple[Any, ...]:
    return (
        not row.stops_orders, -row.orders if row.stops_orders else 0,
        row.division or 0, KINDS.index(row.kind), row.airbase,
    )  # fmt: skip
