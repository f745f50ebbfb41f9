"""Ping a connection: both systems for real, in seconds, reading only.

What it leaves behind is bookkeeping: the calls count against Exact's limits like any others, and
an access token that has expired is renewed as before any call.
"""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.circuit import REMOTES
from ml_connector.doors.ledger import CONNECTION
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import parse_moment
from ml_connector.faults import Fault, Halt, Problem, Review
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.ping.airbase import AirbasePing
from ml_connector.workflows.ping.checks import Check, Checklist, attempt, code_of
from ml_connector.workflows.ping.division import STOPS_ALL, DivisionPing
from ml_connector.workflows.upkeep.token_keeping import WARN_FROM

_LIFE = timedelta(days=30)
_DAY = timedelta(days=1)
_AGAIN = "If it stays for ten minutes: `connector connection consent {}`."


def ping(doors: Doors, connection: Connection) -> list[Check]:
    """Return all checks of a connection; none keeps another from being made."""
    checklist = Checklist(connection.id)
    with checklist.guarding("running"):
        _check_running(checklist, doors, connection)
    with ExitStack() as stack:  # an outage is for this to see, not to believe
        for remote in REMOTES:
            stack.enter_context(doors.circuit(connection.id, remote).regardless())
        with checklist.guarding("airbase_key"):
            AirbasePing(checklist, doors, connection).run()
        with checklist.guarding("consent"):
            _ping_exact(checklist, doors.exact(connection), connection)
    return checklist.checks


def _check_running(checklist: Checklist, doors: Doors, connection: Connection) -> None:
    halts = doors.ledger.read(connection.id, CONNECTION).facts.get("halts", {})
    if not halts:
        checklist.green("running", "Nothing stops the connection.")
    for where, kept in sorted(halts.items()):
        detail = f"Stopped: {where or 'all divisions'}."
        known = Problem(kept["code"], kept["record"], f"{kept['cause']} {detail}", kept["remedy"])
        checklist.red("running", Halt(known))


def _ping_exact(checklist: Checklist, gateway: ExactGateway, connection: Connection) -> None:
    with checklist.guarding("consent"):
        _check_consent(checklist, gateway)
    me = attempt(gateway.me)
    _check_user(checklist, connection, me)
    with checklist.guarding("exact_clock"):
        theirs = None if isinstance(me, Fault) else _server_time(me)
        checklist.compare_clocks("exact_clock", "Exact", theirs)
    stopped = me if isinstance(me, Fault) and code_of(me) in STOPS_ALL else None
    for division in connection.divisions:
        one = DivisionPing(checklist, gateway, connection, division)
        one.run(stopped)
        stopped = stopped or one.stopped


def _check_consent(checklist: Checklist, gateway: ExactGateway) -> None:
    """Say how old the consent is, before this ping itself renews it."""
    age = gateway.tokens.age()
    if age is None:
        gateway.tokens.access_token()  # says why there is none
        return
    left = f"Renewed {age / _DAY:.1f} days ago, {max(_LIFE - age, timedelta(0)) / _DAY:.1f} left."
    if age >= WARN_FROM:
        raise Review([problem("CONSENT_AGEING", f"Connection {checklist.connection}", left)])
    checklist.green("consent", left)


def _check_user(checklist: Checklist, connection: Connection, me: dict[str, Any] | Fault) -> None:
    if isinstance(me, Fault):
        young = code_of(me) == "EXACT_UNAUTHORIZED"
        checklist.red("user", me, hint=_AGAIN.format(connection.id) if young else "")
    else:
        checklist.green("user", f"Exact answers as {me.get('FullName') or me.get('UserName')}.")


def _server_time(me: dict[str, Any]) -> datetime | None:
    """Read `ServerTime`, a wall clock, and `ServerUtcOffset`, its distance from UTC in seconds."""
    text, offset = me.get("ServerTime"), me.get("ServerUtcOffset")
    if not isinstance(text, str) or not isinstance(offset, int | float):
        return None
    try:
        wall = parse_moment(text) if text.startswith("/") else datetime.fromisoformat(text)
    except ValueError:
        return None
    return wall.replace(tzinfo=UTC) - timedelta(seconds=offset) if wall else None
