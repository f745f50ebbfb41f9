"""List every value that can be mapped in a connection, with its state."""

from collections.abc import Iterator, Mapping
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import Division
from ml_connector.domain.mapped_values import AUTOMATIC, MAPPED, UNMAPPED, UNUSABLE, MappingRow
from ml_connector.domain.orders.mapping import elsewhere_for, serving_division
from ml_connector.domain.orders.order import Reference
from ml_connector.mapping.checker import MappingChecker, MappingResult
from ml_connector.mapping.kinds import (
    GL_ACCOUNTS,
    ITEMS,
    KINDS,
    SUBSIDIARIES,
)
from ml_connector.mapping.loaded_data import LoadedDivisionData
from ml_connector.mapping.proposals import propose, propose_division
from ml_connector.mapping.usage import AirbaseUsage, AirbaseValue
from ml_connector.settings.connection import Connection, ExactDivision

_NOT_FOUND = ("UNKNOWN_", "NO_CARRIER_", "SEVERAL_CARRIER_", "SUPPLIER_GONE")


class MappingOverview:
    """The rows of a connection, from the values that Airbase uses and those that are mapped."""

    def __init__(
        self,
        connection: Connection,
        division_data: Mapping[Division, LoadedDivisionData],
        usage: AirbaseUsage,
    ) -> None:
        """List the divisions for which there is `division_data`."""
        self._connection = connection
        self._division_data = division_data
        self._usage = usage

    def rows(self) -> list[MappingRow]:
        """Return one row per value: first what stops most orders, then by kind and name."""
        found = list(self._subsidiaries())
        for division in self._connection.divisions:
            if division.division in self._division_data:
                found += self._of_division(division)
        return sorted(found, key=_sort_key)

    def _subsidiaries(self) -> Iterator[MappingRow]:
        shown = set()
        for value in self._usage.values.get((None, SUBSIDIARIES), ()):
            row = self._subsidiary(value)
            shown.add(row.airbase)
            yield row
        for division in self._connection.divisions:
            for key in division.subsidiaries:
                if key not in shown:
                    yield _subsidiary_row(division, key, "", 0)

    def _subsidiary(self, value: AirbaseValue) -> MappingRow:
        wanted = value.wanted
        division = serving_division(wanted, self._connection)
        if division:
            key = next(key for key in wanted.keys if key in division.subsidiaries)
            return _subsidiary_row(division, key, wanted.name, value.orders)
        if elsewhere := elsewhere_for(wanted, clock.now().date(), self._connection):
            return MappingRow(
                None, SUBSIDIARIES, wanted.keys[0], wanted.name, "", str(elsewhere), MAPPED,
                value.orders,
            )  # fmt: skip
        cause = "No division of this connection serves the subsidiary."
        proposals = tuple(propose_division(wanted, self._connection))
        return MappingRow(
            None, SUBSIDIARIES, wanted.keys[0], wanted.name, "", "", UNMAPPED, value.orders,
            "UNKNOWN_SUBSIDIARY", cause, "Name the division that serves it.", proposals,
        )  # fmt: skip

    def _of_division(self, division: ExactDivision) -> Iterator[MappingRow]:
        checker = MappingChecker(self._connection, division, self._division_data[division.division])
        for kind in KINDS:
            if kind != SUBSIDIARIES:
                yield from self._of_kind(checker, division, kind)

    def _of_kind(
        self, checker: MappingChecker, division: ExactDivision, kind: str
    ) -> Iterator[MappingRow]:
        table: Mapping[str, str] = getattr(division.mappings, kind)
        used = set()
        for value in self._values_of(checker, division, kind):
            row = _row(checker, division, kind, value, table)
            used.add(row.airbase)
            yield row
        for key in table.keys() - used - {""}:
            yield _row(checker, division, kind, AirbaseValue(Reference(id=key)), table)

    def _values_of(
        self, checker: MappingChecker, division: ExactDivision, kind: str
    ) -> list[AirbaseValue]:
        if kind != ITEMS:
            return self._usage.values.get((division.division, kind), [])
        return list(self._accounts_for_items(checker, division))

    def _accounts_for_items(
        self, checker: MappingChecker, division: ExactDivision
    ) -> Iterator[AirbaseValue]:
        """Yield the Exact GL accounts that Airbase's map to: each needs an item."""
        found: dict[str, AirbaseValue] = {}
        for value in self._usage.values.get((division.division, GL_ACCOUNTS), ()):
            result = checker.check(GL_ACCOUNTS, value.wanted)
            if result.exact and not result.problems:
                wanted = Reference(code=result.exact, name=result.name)
                found.setdefault(result.exact, AirbaseValue(wanted)).orders += value.orders
        yield from found.values()


def _subsidiary_row(division: ExactDivision, key: str, name: str, orders: int) -> MappingRow:
    code = division.division
    return MappingRow(None, SUBSIDIARIES, key, name, code, division.name, MAPPED, orders)


def _row(
    checker: MappingChecker,
    division: ExactDivision,
    kind: str,
    value: AirbaseValue,
    table: Mapping[str, str],
) -> MappingRow:
    wanted = value.wanted
    key = next((key for key in wanted.keys if key in table), None)
    result = checker.check(kind, wanted)
    state = _state(key is not None, result)
    exact = table[key] if key is not None else result.exact if state == AUTOMATIC else ""
    row = MappingRow(
        division.division, kind, wanted.keys[0] if key is None else key, wanted.name,
        exact, result.name, state, value.orders,
    )  # fmt: skip
    return _with_problem(row, checker, wanted, result) if row.stops_orders else row


def _with_problem(
    row: MappingRow, checker: MappingChecker, wanted: Reference, result: MappingResult
) -> MappingRow:
    problem = result.problems[0]
    return MappingRow(
        row.division, row.kind, row.airbase, row.name, row.exact, row.exact_name, row.state,
        row.orders, problem.code, problem.cause, problem.remedy,
        tuple(propose(row.kind, wanted, checker.division_data)),
    )  # fmt: skip


def _state(is_mapped: bool, result: MappingResult) -> str:
    if not result.problems:
        return MAPPED if is_mapped else AUTOMATIC
    missing = result.problems[0].code.startswith(_NOT_FOUND)
    return UNMAPPED if missing and not is_mapped else UNUSABLE


def _sort_key(row: MappingRow) -> tuple[Any, ...]:
    return (
        not row.stops_orders, -row.orders if row.stops_orders else 0,
        row.division or "", KINDS.index(row.kind), row.airbase,
    )  # fmt: skip
