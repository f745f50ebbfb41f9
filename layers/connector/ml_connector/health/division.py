"""Ping one Exact division: is it reachable, can the app read what it needs, are calls left.

At most one call to each endpoint, so at most one error: Exact blocks a key after ten errors within
an hour. Exact is not called when too few calls are left.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from ml_connector import clock
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Fault, Later, Review
from ml_connector.domain.ids import code_of as number_of
from ml_connector.domain.words import counted
from ml_connector.exact import subscriptions
from ml_connector.exact.client import ExactClient
from ml_connector.exact.divisions import is_about_endpoint, may_be_virtual, virtual
from ml_connector.exact.rate_limit_headers import next_day
from ml_connector.exact.rate_limiter import after_minute
from ml_connector.exact.rows import RowReader, read_listed
from ml_connector.exact.turns import kept
from ml_connector.health.checks import Checklist, code_of, explain, result_or_fault
from ml_connector.health.probes import Probe, probes_of
from ml_connector.settings.connection import Dimension, ExactDivision, ExactSite

_UNREACHABLE = {"EXACT_UNREACHABLE", "EXACT_NO_ANSWER"}
_TOKEN = {
    "NOT_CONNECTED", "RECONNECT_NEEDED", "EXACT_TOKEN_REFUSED", "SECRET_UNREADABLE",
    "APP_CREDENTIALS_MISSING", "APP_CREDENTIALS_REFUSED", "EXACT_UNAUTHORIZED",
    "TOKEN_BUSY", "TOKEN_TOO_EARLY", "TOKEN_CALLS_SPENT", "TOKEN_UNAVAILABLE",
    "TOKEN_STORE_AWAY", "TOKEN_NOT_STORED", "EXACT_USER_BLOCKED", "EXACT_CUSTOMER_BLOCKED",
}  # fmt: skip
STOPS_ALL = _UNREACHABLE | _TOKEN
"""Codes after which no division is called."""

_CLOSED = {"EXACT_DIVISION_NOT_ALLOWED", "EXACT_DIVISION_BLOCKED"}
_SPENT = {"EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED"}
_NO_MODULE = {"EXACT_FORBIDDEN", "EXACT_LICENCE"}
_MAX_ROWS = 200
_MOST_PAUSES, _PAUSE = 15, 2.0
_sleep = time.sleep

Rows = Sequence[Mapping[str, Any]]


class DivisionPing:
    """Pings one division; `stopped` is a fault that stops the pings of the others too."""

    def __init__(
        self,
        checklist: Checklist,
        exact_client: ExactClient,
        site: ExactSite,
        division: ExactDivision,
        tag_kinds: frozenset[Dimension],
    ) -> None:
        """Add the results for `division` to `checklist`."""
        self._list = checklist
        self._exact_client = exact_client
        self._site = site
        self._division = division
        self._tag_kinds = tag_kinds
        self._code = division.division
        self._fault: Fault | None = None
        self._answers: dict[str, Rows | Fault] = {}
        self._read_instead: dict[str, str] = {}

    @property
    def stopped(self) -> Fault | None:
        """Return the fault that also keeps the other divisions from being called."""
        fault = self._fault
        return fault if fault and code_of(fault) in STOPS_ALL else None

    def run(self, stopped: Fault | None) -> None:
        """Make all checks; `stopped`: Exact cannot be called, for this reason."""
        probes = probes_of(self._tag_kinds, self._division)
        with kept():
            self._fault = stopped or self._shortage(len(probes)) or self._others_turn()
            for probe in probes:
                self._ask(probe)
        self._guarded("division", self._check_division)
        self._guarded("package", self._check_package)
        for probe in probes:
            self._guarded(probe.check, partial(self._check_probe, probe))
        self._guarded("budget", self._check_rate_limits)

    def _guarded(self, check: str, make_check: Callable[[], None]) -> None:
        with self._list.guarding(check, self._code):
            make_check()

    def _shortage(self, calls: int) -> Later | None:
        """Return why not to ping: the few calls left are for the orders."""
        minute, day = self._exact_client.rate_limiter.minute_and_day_left(self._code)
        if min(minute, day) >= calls:
            return None
        now = clock.now()
        until = after_minute(now) if day >= calls else next_day(now)
        code = "EXACT_MINUTE_LIMIT" if day >= calls else "EXACT_DAY_LIMIT"
        return delay(code, until, "ping", minute=minute, day=day, calls=calls)

    def _others_turn(self) -> Later | None:
        """Wait a moment while a worker calls the division; return why not to ping then."""
        for _ in range(_MOST_PAUSES):
            try:
                self._exact_client.turns.take(self._code)
            except Later as later:
                taken = later
                _sleep(_PAUSE)
            else:
                return None
        return taken

    def _ask(self, probe: Probe) -> None:
        if self._fault:
            return
        answer = self._answer(probe)
        if probe.instead and _says_nothing(answer):
            other = self._answer(probe.instead)
            if not _says_nothing(other):
                answer = other
                self._read_instead[probe.check] = probe.instead.path
        self._answers[probe.check] = answer
        if isinstance(answer, Fault) and code_of(answer) in STOPS_ALL | _CLOSED | _SPENT:
            self._fault = answer

    def _answer(self, probe: Probe) -> Rows | Fault:
        rows = self._exact_client.rows(self._code, probe.path, probe.query)
        return result_or_fault(lambda: list(islice(rows, _rows_wanted(probe))))

    def _check_division(self) -> None:
        faults = [answer for answer in self._answers.values() if isinstance(answer, Fault)]
        if closed := [fault for fault in faults if code_of(fault) in _CLOSED]:
            self._red("division", closed[0])
        elif any(_was_answered(answer) for answer in self._answers.values()):
            self._list.green("division", self._division.name or "Reachable.", self._code)
        else:
            self._not_checked("division")

    def _check_package(self) -> None:
        answer = self._answers.get("purchase_order")
        if isinstance(answer, Fault) and code_of(answer) in _NO_MODULE:
            record, reason = f"Division {self._code}", explain(answer)[1]
            found = problem("EXACT_NO_PURCHASE_ORDERS", record, "reason", reason=reason)
            self._red("package", Review([found]))
        elif answer is None or isinstance(answer, Fault):
            self._not_checked("package")
        else:
            self._list.green("package", "Purchase orders are available.", self._code)

    def _check_probe(self, probe: Probe) -> None:
        answer = self._answers.get(probe.check)
        if answer is None:
            self._not_checked(probe.check)
        elif isinstance(answer, Fault):
            named = probe.scope and code_of(answer) == "EXACT_SCOPE_MISSING"
            hint = f"Scope: {probe.scope}." if named else ""
            self._list.red(probe.check, answer, self._code, hint)
        elif probe.check == "webhooks":
            read = read_listed(answer, subscriptions.read_subscription)
            self._check_webhooks([each.value for each in read if not each.odd])
        elif probe.instead and not answer and may_be_virtual(number_of(self._code)):
            raise virtual(number_of(self._code))
        elif probe.check in self._read_instead:
            other = self._read_instead[probe.check]
            self._list.green(probe.check, f"Readable as {other} alone.", self._code)
        elif probe.check == "supplier" and not answer:
            # Exact sometimes returns no rows where the user lacks the right.
            self._list.unknown(probe.check, "There is no supplier, or none is visible.", self._code)
        else:
            self._list.green(probe.check, _described(probe, answer), self._code)

    def _check_webhooks(self, found: Sequence[subscriptions.Subscription]) -> None:
        callback = self._site.exact_callback_url
        if callback is None:
            why = "No exact_callback_url is set: changes in Exact are found within hours."
            self._list.unknown("webhooks", why, self._code)
            return
        topics = self._site.exact_topics
        ours = {each.topic for each in found if each.is_at(callback)}
        elsewhere = [each for each in found if each.topic in topics and not each.is_at(callback)]
        missing = [t for t in topics if t not in ours and t not in {e.topic for e in elsewhere}]
        record = f"Webhooks of division {self._code}"
        if elsewhere:
            listed = ", ".join(each.topic for each in elsewhere)
            problem_found = problem(
                "WEBHOOK_ELSEWHERE", record, "topics", topics=listed, address=elsewhere[0].url,
                connection=self._site.id,
            )  # fmt: skip
            raise Review([problem_found])
        if missing:
            listed = ", ".join(missing)
            raise Review([problem("WEBHOOK_MISSING", record, "topics", topics=listed)])
        self._list.green("webhooks", f"{', '.join(topics)} are sent to {callback}.", self._code)

    def _check_rate_limits(self) -> None:
        if self._fault and code_of(self._fault) in _SPENT:
            self._red("budget", self._fault)
            return
        minute, day = self._exact_client.rate_limiter.minute_and_day_left(self._code)
        left = f"{counted(minute, 'call')} left this minute, {day:,} today."
        self._list.green("budget", left, self._code)

    def _red(self, check: str, fault: Fault) -> None:
        self._list.red(check, fault, self._code)

    def _not_checked(self, check: str) -> None:
        why = f"Not checked: {code_of(self._fault)}." if self._fault else "No answer."
        if self._fault and code_of(self._fault) == "EXACT_TURN_TAKEN":
            why = "Not checked: the division is being called by a worker. Ping again in a minute."
        self._list.unknown(check, why, self._code)


def _rows_wanted(probe: Probe) -> int:
    return _MAX_ROWS if probe.check == "webhooks" else 1


def _says_nothing(answer: Rows | Fault) -> bool:
    """Return whether Exact refused an endpoint by itself, or showed nothing there."""
    return is_about_endpoint(answer) if isinstance(answer, Fault) else not answer


def _was_answered(answer: Rows | Fault) -> bool:
    """Return whether Exact let us into the division, whatever it answered."""
    if isinstance(answer, Fault):
        return not isinstance(answer, Later) and code_of(answer) not in STOPS_ALL
    return True


def _described(probe: Probe, rows: Rows) -> str:
    if probe.check == "purchase_order":
        number = RowReader(rows[0]).text("OrderNumber") if rows else ""
        return f"Order {number} was read." if rows else "There is none yet."
    if probe.check == "supplier":
        supplier = RowReader(rows[0])
        return f"{supplier.text('Code')} {supplier.text('Name')} was read."
    return "Readable."
