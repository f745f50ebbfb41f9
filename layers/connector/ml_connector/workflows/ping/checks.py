"""A list of checks: each says what was found, or why it is red and what to do about it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from ml_connector import clock, telemetry
from ml_connector.codes import EXPLANATIONS, problem
from ml_connector.faults import Fault, Halt, Later, Problem, Review
from ml_connector.ids import ConnectionId, Division

MOST_CLOCK_DIFFERENCE = timedelta(seconds=30)
"""Exact counts calls in whole minutes, and renews a token only after 570 s."""

Found = TypeVar("Found")

_UNTIL = "Nothing is wrong with the settings: ping again after {until:%H:%M:%S} UTC."


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `ok`: true, false, or None when it could not be told.

    `detail` says what was found; a red check has `code`, `cause` and `remedy` instead.
    """

    connection: ConnectionId
    division: Division | None
    check: str
    ok: bool | None
    detail: str = ""
    code: str = ""
    cause: str = ""
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form without anything that looks like a secret."""
        values = asdict(self)
        texts = {n: telemetry.redact_text(values[n]) for n in ("detail", "cause", "remedy")}
        return values | texts


@dataclass
class Checklist:
    """The checks of one connection, in the order in which they were made."""

    connection: ConnectionId
    checks: list[Check] = field(default_factory=list)

    def green(self, check: str, detail: str = "", division: Division | None = None) -> None:
        """Note that all is well."""
        self._add(check, division, detail, ok=True)

    def unknown(self, check: str, why: str, division: Division | None = None) -> None:
        """Note that it could not be told."""
        self._add(check, division, why, ok=None)

    def red(
        self, check: str, fault: Fault, division: Division | None = None, hint: str = ""
    ) -> None:
        """Note what is wrong; `hint` is added to the remedy."""
        code, cause, remedy = meaning(fault)
        remedy = f"{remedy} {hint}".strip()
        self._add(check, division, "", code, cause, remedy, ok=False)

    def compare_clocks(self, check: str, whose: str, theirs: datetime | None) -> None:
        """Check the other side's clock (aware; None when it did not say) against ours."""
        if theirs is None:
            self.unknown(check, f"{whose} did not say what time it is.")
            return
        difference = theirs - clock.now()
        side = "behind" if difference < timedelta(0) else "ahead"
        said = f"{whose} is {abs(difference).total_seconds():.0f} s {side}."
        if abs(difference) > MOST_CLOCK_DIFFERENCE:
            self.red(check, Review([problem("CLOCK_DIFFERS", f"{whose}'s clock", said)]))
        else:
            self.green(check, said)

    @contextmanager
    def guarding(self, check: str, division: Division | None = None) -> Iterator[None]:
        """Turn whatever goes wrong in the block into a red check: the next ones still run."""
        try:
            yield
        except Fault as fault:
            self.red(check, fault, division)
        except Exception as error:  # noqa: BLE001  a diagnosis that crashes diagnoses nothing
            cause = f"The check itself failed ({type(error).__name__})."
            remedy = "Run this again; if it stays, report it."
            self._add(check, division, "", "", cause, remedy, ok=False)

    def _add(self, check: str, division: Division | None, *texts: str, ok: bool | None) -> None:
        self.checks.append(Check(self.connection, division, check, ok, *texts))


def attempt(ask: Callable[[], Found]) -> Found | Fault:
    """Return what `ask` returns, or the fault it raises."""
    try:
        return ask()
    except Fault as fault:
        return fault


def meaning(fault: Fault) -> tuple[str, str, str]:
    """Return the code, the cause and the remedy of a fault; the first of several problems."""
    if isinstance(fault, Later):
        return fault.code, _sentence(fault.cause), _remedy(fault)
    problem = _problem(fault)
    return problem.code, problem.cause, problem.remedy


def code_of(fault: Fault) -> str:
    """Return the code of a fault."""
    return meaning(fault)[0]


def _problem(fault: Fault) -> Problem:
    if isinstance(fault, Halt):
        return fault.problem
    if isinstance(fault, Review):
        return fault.problems[0]
    raise fault


def _remedy(later: Later) -> str:
    known = EXPLANATIONS[later.code].remedy
    if known.startswith("Nothing to do"):
        return _UNTIL.format(until=later.until)
    return known


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
