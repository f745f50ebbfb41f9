"""A list of checks: each has a finding, or why it is red and what to do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import CATALOGUE, problem
from ml_connector.domain.faults import Fault, Halt, Later, Problem, Review
from ml_connector.domain.ids import ConnectionId, Scope, is_division, site_in

MAX_CLOCK_DIFFERENCE = timedelta(seconds=30)
"""Exact counts calls per clock minute and renews a token only after 570 s."""

Found = TypeVar("Found")

# Delays that end only once something else is repaired.
_REPAIRED_BY_A_PERSON = {"EXACT_ERROR_LIMIT", "HALTED", "TOKEN_STORE_AWAY", "TOKEN_NOT_STORED"}
_UNTIL = "Nothing is wrong with the settings: ping again after {until:%H:%M:%S} UTC."


@dataclass(frozen=True)
class Check:
    """One check, of a division, a site or the connection.

    `ok`: true, false, or None when it could not be checked.

    `detail` is the finding; a red check has `code`, `cause` and `remedy` instead, and so has one
    that is no fault but that a person should look at: its `ok` is None.
    """

    connection: ConnectionId
    scope: Scope
    check: str
    ok: bool | None
    detail: str = ""
    code: str = ""
    cause: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, without anything that looks like a secret."""
        values = asdict(self)
        scope = values.pop("scope")
        values |= {"site": site_in(scope), "division": scope if is_division(scope) else None}
        texts = {n: telemetry.redact_text(values[n]) for n in ("detail", "cause", "remedy")}
        return values | texts


@dataclass
class Checklist:
    """The checks of one connection, in order."""

    connection: ConnectionId
    checks: list[Check] = field(default_factory=list)

    def green(self, check: str, detail: str = "", scope: Scope = None) -> None:
        """Add a passed check."""
        self._add(check, scope, detail, ok=True)

    def unknown(self, check: str, why: str, scope: Scope = None) -> None:
        """Add a check that could not be made."""
        self._add(check, scope, why, ok=None)

    def warn(self, check: str, found: Problem, scope: Scope = None) -> None:
        """Add what a person should look at."""
        self._add(check, scope, "", found.code, found.cause, found.remedy, ok=None)

    def red(self, check: str, fault: Fault, scope: Scope = None, hint: str = "") -> None:
        """Add a failed check; `hint` is appended to the remedy."""
        code, cause, remedy = explain(fault)
        remedy = f"{remedy} {hint}".strip()
        self._add(check, scope, "", code, cause, remedy, ok=False)

    def compare_clocks(
        self, check: str, whose: str, theirs: datetime | None, scope: Scope = None
    ) -> None:
        """Compare a system's clock (aware; None when not reported) with ours."""
        if theirs is None:
            self.unknown(check, f"{whose} did not report its time.", scope)
            return
        difference = theirs - clock.now()
        side = "behind" if difference < timedelta(0) else "ahead"
        seconds = f"{abs(difference).total_seconds():.0f}"
        if abs(difference) > MAX_CLOCK_DIFFERENCE:
            record = f"{whose}'s clock"
            found = problem("CLOCK_DIFFERS", record, side, system=whose, seconds=seconds)
            self.red(check, Review([found]), scope)
        else:
            self.green(check, f"{whose} is {seconds} s {side}.", scope)

    @contextmanager
    def guarding(self, check: str, scope: Scope = None) -> Iterator[None]:
        """Turn any error in the block into a red check: the next checks still run."""
        try:
            yield
        except Fault as fault:
            self.red(check, fault, scope)
        except Exception as error:  # noqa: BLE001  a ping must not crash
            cause = f"The check itself failed ({type(error).__name__})."
            remedy = "Run this again; if it fails again, report it."
            self._add(check, scope, "", "", cause, remedy, ok=False)

    def _add(self, check: str, scope: Scope, *texts: str, ok: bool | None) -> None:
        self.checks.append(Check(self.connection, scope, check, ok, *texts))


def result_or_fault(call: Callable[[], Found]) -> Found | Fault:
    """Return the result of `call`, or the fault it raises."""
    try:
        return call()
    except Fault as fault:
        return fault


def explain(fault: Fault) -> tuple[str, str, str]:
    """Return code, cause and remedy of a fault, of the first if there are several problems."""
    if isinstance(fault, Later):
        return fault.code, fault.cause, _remedy(fault)
    problem = _problem(fault)
    return problem.code, problem.cause, problem.remedy


def code_of(fault: Fault) -> str:
    """Return the code of a fault."""
    return explain(fault)[0]


def _problem(fault: Fault) -> Problem:
    if isinstance(fault, Halt):
        return fault.problem
    if isinstance(fault, Review):
        return fault.problems[0]
    raise fault


def _remedy(later: Later) -> str:
    if later.code in _REPAIRED_BY_A_PERSON:
        return CATALOGUE[later.code].remedy
    return _UNTIL.format(until=later.until)
