"""Ping one Exact division: is it reachable, may the app read what it needs, is there room.

At most one call an endpoint, and so at most one error: Exact blocks a key after ten within the
hour. Nothing is asked when the division's calls are short.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.codes.delays import DELAYS
from ml_connector.connection import Connection, ExactDivision
from ml_connector.exact import subscriptions
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.limits import next_day, next_minute
from ml_connector.exact.odata import trimmed
from ml_connector.faults import Fault, Later, Review
from ml_connector.workflows.ping.checks import Checklist, attempt, code_of, meaning
from ml_connector.workflows.ping.probes import Probe, probes_of

_UNREACHABLE = {"EXACT_UNREACHABLE", "EXACT_NO_ANSWER"}
_TOKEN = {
    "NOT_CONNECTED", "RECONNECT_NEEDED", "EXACT_TOKEN_REFUSED", "SECRET_UNREADABLE",
    "APP_CREDENTIALS_MISSING", "APP_CREDENTIALS_REFUSED", "EXACT_UNAUTHORIZED",
    "TOKEN_BUSY", "TOKEN_TOO_EARLY", "TOKEN_CALLS_SPENT", "TOKEN_UNAVAILABLE",
    "EXACT_USER_BLOCKED", "EXACT_CUSTOMER_BLOCKED",
}  # fmt: skip
STOPS_ALL = _UNREACHABLE | _TOKEN
"""After one of these no division is asked."""

_CLOSED = {"EXACT_DIVISION_NOT_ALLOWED", "EXACT_DIVISION_BLOCKED"}
_SPENT = {"EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_RATE_LIMITED"}
_NO_MODULE = {"EXACT_FORBIDDEN", "EXACT_LICENCE"}
_MOST_ROWS = 200

Rows = Sequence[Mapping[str, Any]]


class DivisionPing:
    """Asks one division; `stopped` is the fault after which no other needs to be asked."""

    def __init__(
        self,
        checklist: Checklist,
        gateway: ExactGateway,
        connection: Connection,
        division: ExactDivision,
    ) -> None:
        """Add to `checklist` what is found in `division`."""
        self._list = checklist
        self._gateway = gateway
        self._connection = connection
        self._division = division
        self._code = division.division
        self._fault: Fault | None = None
        self._heard: dict[str, Rows | Fault] = {}

    @property
    def stopped(self) -> Fault | None:
        """Return what keeps the other divisions from being asked as well."""
        fault = self._fault
        return fault if fault and code_of(fault) in STOPS_ALL else None

    def run(self, stopped: Fault | None) -> None:
        """Make all checks; `stopped`: nothing can be asked, for this reason."""
        probes = probes_of(self._connection, self._division)
        self._fault = stopped or self._shortage(len(probes))
        for probe in probes:
            self._ask(probe)
        self._judge("division", self._judge_division)
        self._judge("package", self._judge_package)
        for probe in probes:
            self._judge(probe.check, partial(self._judge_probe, probe))
        self._judge("budget", self._judge_budget)

    def _judge(self, check: str, judge: Callable[[], None]) -> None:
        with self._list.guarding(check, self._code):
            judge()

    def _shortage(self, calls: int) -> Later | None:
        """Leave what little is left of the calls to the orders."""
        minute, day = self._gateway.budget.left(self._code)
        if min(minute, day) >= calls:
            return None
        now = clock.now()
        until = next_minute(now) if day >= calls else next_day(now)
        code = "EXACT_MINUTE_LIMIT" if day >= calls else "EXACT_DAY_LIMIT"
        detail = f"{minute} of this minute and {day} of today are left, a ping takes {calls}."
        return Later(code, until, f"{DELAYS[code].cause} {detail}")

    def _ask(self, probe: Probe) -> None:
        if self._fault:
            return
        rows = self._gateway.rows(self._code, probe.path, probe.query)
        answer = attempt(lambda: list(islice(rows, _rows_wanted(probe))))
        self._heard[probe.check] = answer
        if isinstance(answer, Fault) and code_of(answer) in STOPS_ALL | _CLOSED | _SPENT:
            self._fault = answer

    def _judge_division(self) -> None:
        faults = [answer for answer in self._heard.values() if isinstance(answer, Fault)]
        if closed := [fault for fault in faults if code_of(fault) in _CLOSED]:
            self._red("division", closed[0])
        elif any(_was_answered(answer) for answer in self._heard.values()):
            self._list.green("division", self._division.name or "Reachable.", self._code)
        else:
            self._not_asked("division")

    def _judge_package(self) -> None:
        answer = self._heard.get("purchase_order")
        if isinstance(answer, Fault) and code_of(answer) in _NO_MODULE:
            detail = meaning(answer)[1]
            found = problem("EXACT_NO_PURCHASE_ORDERS", f"Division {self._code}", detail)
            self._red("package", Review([found]))
        elif answer is None or isinstance(answer, Fault):
            self._not_asked("package")
        else:
            self._list.green("package", "Purchase orders are available.", self._code)

    def _judge_probe(self, probe: Probe) -> None:
        answer = self._heard.get(probe.check)
        if answer is None:
            self._not_asked(probe.check)
        elif isinstance(answer, Fault):
            named = probe.scope and code_of(answer) == "EXACT_SCOPE_MISSING"
            hint = f"Scope: {probe.scope}." if named else ""
            self._list.red(probe.check, answer, self._code, hint)
        elif probe.check == "webhooks":
            self._judge_webhooks([subscriptions.read(row) for row in answer])
        elif probe.check == "supplier" and not answer:
            # Exact at times answers with nothing where the user lacks the right.
            self._list.unknown(probe.check, "No supplier is there, or visible.", self._code)
        else:
            self._list.green(probe.check, _described(probe, answer), self._code)

    def _judge_webhooks(self, there: Sequence[subscriptions.Subscription]) -> None:
        callback = self._connection.exact_callback_url
        if callback is None:
            why = "No exact_callback_url is set: changes in Exact are seen within hours."
            self._list.unknown("webhooks", why, self._code)
            return
        topics = self._connection.exact_topics
        ours = {each.topic for each in there if each.is_at(callback)}
        elsewhere = [each for each in there if each.topic in topics and not each.is_at(callback)]
        missing = [t for t in topics if t not in ours and t not in {e.topic for e in elsewhere}]
        record = f"Webhooks of division {self._code}"
        if elsewhere:
            detail = f"{', '.join(each.topic for each in elsewhere)} to {elsewhere[0].url}."
            raise Review([problem("WEBHOOK_ELSEWHERE", record, detail)])
        if missing:
            detail = f"Missing: {', '.join(missing)}."
            raise Review([problem("WEBHOOK_MISSING", record, detail)])
        self._list.green("webhooks", f"{', '.join(topics)} come to {callback}.", self._code)

    def _judge_budget(self) -> None:
        if self._fault and code_of(self._fault) in _SPENT:
            self._red("budget", self._fault)
            return
        minute, day = self._gateway.budget.left(self._code)
        self._list.green("budget", f"{minute} calls left this minute, {day} today.", self._code)

    def _red(self, check: str, fault: Fault) -> None:
        self._list.red(check, fault, self._code)

    def _not_asked(self, check: str) -> None:
        why = f"Not asked: {code_of(self._fault)}." if self._fault else "Not answered."
        self._list.unknown(check, why, self._code)


def _rows_wanted(probe: Probe) -> int:
    return _MOST_ROWS if probe.check == "webhooks" else 1


def _was_answered(answer: Rows | Fault) -> bool:
    """Return whether Exact let us into the division, whatever it then said."""
    if isinstance(answer, Fault):
        return not isinstance(answer, Later) and code_of(answer) not in STOPS_ALL
    return True


def _described(probe: Probe, rows: Rows) -> str:
    if probe.check == "purchase_order":
        return f"Order {rows[0].get('OrderNumber')} was read." if rows else "There is none yet."
    if probe.check == "supplier":
        return f"{trimmed(rows[0].get('Code'))} {trimmed(rows[0].get('Name'))} was read."
    return "Readable."
