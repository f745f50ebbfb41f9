"""Keeps every connection alive: its tokens and its webhook subscriptions.

A refresh token dies after 30 days without use. Connections that post daily never get near that;
this is for those on holiday, and for finding out early that a consent was lost.
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta

from ml_connector import telemetry
from ml_connector.connection import Connection
from ml_connector.exact.gateway import ExactGateway
from ml_connector.faults import Halt, Later
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.upkeep.subscribing import keep_subscriptions

WARN_FROM = timedelta(days=20)
IDLE = timedelta(hours=24)
_DAY = timedelta(days=1)
# Less than a day: the schedule's runs are not a day apart to the second.
_SUBSCRIPTIONS_EVERY = timedelta(hours=23)

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
            _subscribe(connection, doors)
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


def _subscribe(connection: Connection, doors: Doors) -> None:
    """Check the subscriptions once a day, and again at the next run when something is amiss."""
    leases = doors.leases(connection.id)
    turn = leases.acquire(f"subscriptions {_wanted(connection)}", _SUBSCRIPTIONS_EVERY)
    if turn is None:
        return
    is_amiss = True
    try:
        is_amiss = bool(keep_subscriptions(doors, connection, doors.ledger))
    except Later as later:
        telemetry.logger().info(str(later), connection=connection.id)
    if is_amiss:
        leases.release(turn)


def _wanted(connection: Connection) -> str:
    """Return what tells one wish for subscriptions from the next: a changed one is new."""
    divisions = [each.division for each in connection.divisions]
    wish = (connection.exact_callback_url, connection.exact_topics, divisions)
    return hashlib.sha256(repr(wish).encode()).hexdigest()[:16]
