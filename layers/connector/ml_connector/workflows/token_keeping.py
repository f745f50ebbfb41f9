"""Keeps every connection alive: its tokens, its webhook subscriptions, and its way back.

A refresh token dies after 30 days without use. Connections that post daily never get near that;
this is for those on holiday, and for finding out early that a consent was lost.
"""

from collections.abc import Callable
from datetime import timedelta

from ml_connector import telemetry
from ml_connector.connection import Connection
from ml_connector.doors.ledger import CONNECTION, Conflict
from ml_connector.exact import odata, subscriptions
from ml_connector.exact.gateway import ExactGateway
from ml_connector.faults import Halt, Later, Problem, Review
from ml_connector.ids import Division
from ml_connector.open_exceptions import are_alike
from ml_connector.workflows.doors import Doors

WARN_FROM = timedelta(days=20)
IDLE = timedelta(hours=24)
_DAY = timedelta(days=1)
# What asking Exact can prove to be over; anything else is for others to lift.
_PROVABLE = ("EXACT_", "RECONNECT_", "NOT_CONNECTED", "APP_CREDENTIALS_", "SECRET_")
_PROBE = "purchaseorder/PurchaseOrders"
_NOBODY = "00000000-0000-0000-0000-000000000000"

Measure = Callable[[str, float], None]
"""Takes a metric's name and one value."""


def keep_all(doors: Doors, measure: Measure) -> None:
    """Look after every connection; what goes wrong with one never touches the next."""
    for connection in doors.mappings.connections():
        measure("TokenRefreshFailed", 0.0 if _keep(connection, doors, measure) else 1.0)


def _keep(connection: Connection, doors: Doors, measure: Measure) -> bool:
    """Return whether the tokens are alive and well."""
    log = telemetry.logger()
    try:
        gateway = doors.exact(connection)
        alive = _renew(connection, gateway, doors)
        _measure_age(connection, gateway, measure)
        if alive:
            _lift_halts(connection, gateway, doors)
            _subscribe(connection, gateway, doors)
    except Exception:
        # A bug or an outage of our own platform: the other connections still get their turn.
        log.exception("keeping a connection failed", connection=connection.id)
        return False
    return alive


def _renew(connection: Connection, gateway: ExactGateway, doors: Doors) -> bool:
    try:
        gateway.tokens.renew_if_idle(IDLE)
    except Later as later:
        telemetry.logger().warning(str(later), connection=connection.id)
        return False
    except Halt as halt:
        telemetry.logger().error(str(halt), connection=connection.id)
        doors.ledger.halt(connection.id, halt.problem)
        return False
    return True


def _measure_age(connection: Connection, gateway: ExactGateway, measure: Measure) -> None:
    age = gateway.tokens.age()
    if age is None:
        return
    measure("RefreshTokenAgeDays", age / _DAY)
    if age >= WARN_FROM:
        telemetry.logger().warning(
            "the Exact consent dies at 30 days without a renewal",
            connection=connection.id,
            age_days=age.days,
        )


def _lift_halts(connection: Connection, gateway: ExactGateway, doors: Doors) -> None:
    """Let go on what was stopped, where one harmless question shows that Exact answers again."""
    for where, code in sorted(_halts(connection, doors).items()):
        division = Division(int(where)) if where else None
        if code.startswith(_PROVABLE) and _answers(connection, gateway, division):
            telemetry.logger().info("a halt is over", connection=connection.id, division=where)
            doors.ledger.clear_halt(connection.id, division)


def _halts(connection: Connection, doors: Doors) -> dict[str, str]:
    record = doors.ledger.read(connection.id, CONNECTION)
    halts = record.facts.get("halts", {})
    return {str(where): str(problem["code"]) for where, problem in halts.items()}


def _answers(connection: Connection, gateway: ExactGateway, division: Division | None) -> bool:
    asked = connection.divisions[0].division if division is None else division
    query = {
        "$filter": f"PurchaseOrderID eq {odata.guid_literal(_NOBODY)}",
        "$select": "PurchaseOrderID",
    }
    try:
        list(gateway.rows(asked, _PROBE, query))
    except Halt as halt:
        # Another division's trouble is no reason to keep the whole connection stopped.
        return division is None and halt.division is not None
    except (Later, Review):
        return False
    return True


def _subscribe(connection: Connection, gateway: ExactGateway, doors: Doors) -> None:
    if connection.exact_callback_url is None:
        _report(connection, [], doors)
        return
    found: list[Problem] = []
    for each in connection.divisions:
        if doors.ledger.halted(connection.id, each.division):
            continue
        try:
            found += subscriptions.ensure(
                gateway, each.division, connection.exact_topics, connection.exact_callback_url
            )
        except Later as later:
            telemetry.logger().info(str(later), connection=connection.id)
            return
    _report(connection, found, doors)


def _report(connection: Connection, found: list[Problem], doors: Doors) -> None:
    """Keep the subscriptions' problems with the connection's record, when they changed."""
    record = doors.ledger.read(connection.id, CONNECTION)
    problems = [problem.as_dict() for problem in found]
    if are_alike(problems, record.every_problem):
        return
    state = "active" if record.state == "new" else record.state
    try:
        doors.ledger.write(record.now(state, problems=problems), "subscriptions", problems=problems)
    except Conflict:
        telemetry.logger().info("the next run reports it", connection=connection.id)
