"""The record of a division: what could not be read of its data, as exceptions."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.domain.records import DivisionFacts, ReadingState
from ml_connector.exact.reference_data import SCOPES
from ml_connector.infrastructure.ledger import Conflict, DivisionRecord, Ledger

_ATTEMPTS = 3

Change = Callable[[DivisionFacts], DivisionFacts]


class DivisionReadings:
    """One division's record, as its data are read."""

    def __init__(self, ledger: Ledger, division: Division) -> None:
        """Work on the division's record in `ledger`."""
        self._ledger = ledger
        self._division = division
        self._known: DivisionFacts | None = None

    @property
    def facts(self) -> DivisionFacts:
        """Return the facts as last read or written."""
        if self._known is None:
            self._known = self._ledger.division(self._division).facts
        return self._known

    def change(self, change: Change, step: str = "read") -> None:
        """Change the facts; exceptions follow from them, and `step` is audited when they change.

        `change` may be applied several times. Raises `Conflict` when others keep changing it.
        """
        for _ in range(_ATTEMPTS):
            record = self._ledger.division(self._division)
            after = self._with_problems(change(record.facts))
            if after == record.facts:
                self._known = after
                return
            try:
                self._known = self._write(record, after, step)
            except Conflict:  # a person has dismissed or assigned something
                continue
            return
        raise Conflict(f"division {self._division}")

    def _write(self, record: DivisionRecord, facts: DivisionFacts, step: str) -> DivisionFacts:
        if record.version and facts.problems == record.facts.problems:
            return self._ledger.save_unaudited(replace(record, facts=facts)).facts
        state = ReadingState.REVIEW if facts.problems else ReadingState.READ
        return self._ledger.write(record.now(state, facts), step).facts

    def _with_problems(self, facts: DivisionFacts) -> DivisionFacts:
        title = f"Data of division {self._division}"
        found = tuple(problems_of(facts, self._ledger.id, self._division))
        return replace(facts, title=title, problems=found)


def problems_of(
    facts: DivisionFacts, connection: ConnectionId, division: Division
) -> Iterator[Problem]:
    """Yield the exceptions that follow from what is known of a division's readings."""
    for path, failed in facts.failed.items():
        code = "EXACT_READING_REFUSED" if failed.is_refused else "EXACT_READING_FAILS"
        yield problem(
            code, f"{path} in division {division}", "words", path=path, division=division,
            connection=connection, scope=SCOPES.get(path, "for this endpoint"),
            since=f"{failed.since:%Y-%m-%d %H:%M} UTC", words=failed.words,
        )  # fmt: skip
    for path, kept in facts.kept.items():
        yield problem(
            "EXACT_LISTING_SHRANK", f"{path} in division {division}",
            "confirmed" if kept.confirmed else "", path=path, division=division,
            connection=connection, stored=kept.stored, found=kept.found,
            by=kept.confirmed.by if kept.confirmed else "",
        )  # fmt: skip
    for each in facts.odd_rows:
        yield problem(
            "EXACT_ROW_UNREADABLE", f"{each.path} {each.name} in division {division}", "row",
            name=each.name, identity=each.identity, path=each.path, division=division,
            wrong=each.wrong,
        )  # fmt: skip
    for path, count in facts.odd_rows_left.items():
        yield problem(
            "EXACT_ROWS_UNREADABLE", f"{path} in division {division}", "count", count=count,
            path=path, division=division, connection=connection,
        )  # fmt: skip
