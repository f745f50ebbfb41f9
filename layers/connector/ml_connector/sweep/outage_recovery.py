"""Recover from an outage: one check at a time, then full speed, the oldest order first.

Each minute a request without credentials checks whether the remote's site is up: it uses no API
call and no token. An API call follows when the site answers again, and in any case when the
circuit breaker says so, for an outage that the site does not show.
"""

from collections.abc import Callable

from ml_connector import telemetry
from ml_connector.connections.token_stores import level_token_stores
from ml_connector.domain.faults import Fault, Halt
from ml_connector.infrastructure.circuit_breaker import (
    AIRBASE,
    EXACT,
    CircuitBreaker,
    Outage,
    Remote,
)
from ml_connector.infrastructure.halts import Halts
from ml_connector.services import Services
from ml_connector.sweep.due_records import sweep_connection
from ml_connector.sweep.halt_recovery import lift_halts


def recover(services: Services, what: str) -> None:
    """Check whether `what` stops the connection is over: "exact" or "airbase" away, or "halts".

    If so, queue everything that waited for it. For "tokens", which stop nothing: make both stores
    hold the newest pair.
    """
    if what == "tokens":
        level_token_stores(services)
    elif _is_over(services, what):
        telemetry.logger().info("continuing", connection=services.id, after=what)
        sweep_connection(services)


def _is_over(services: Services, what: str) -> bool:
    if what == "halts":
        return lift_halts(services)
    return _is_back(services, EXACT if what == EXACT.name else AIRBASE)


def _is_back(services: Services, remote: Remote) -> bool:
    """Check as the only worker; return whether the circuit breaker is closed afterwards."""
    circuit_breaker = services.circuit_breaker(remote)
    with circuit_breaker.probing() as outage:
        if outage is None:
            return False
        try:
            _probe(circuit_breaker, outage, *_checks(services, remote))
        except Halt as halt:
            Halts(services.ledger).stop(halt.problem, halt.division)
        except Fault as fault:
            telemetry.logger().info(str(fault), connection=services.id)
    return not circuit_breaker.outage().is_open


def _probe(
    circuit_breaker: CircuitBreaker,
    outage: Outage,
    ask: Callable[[], object],
    site_answers: Callable[[], bool],
) -> None:
    """Check whether the site is up, and call the API if there is a reason to."""
    answers = site_answers()
    if answers != outage.site_answers:
        circuit_breaker.record_site_check(site_answers=answers)
    if outage.probe_is_due or (answers and not outage.site_answers):
        ask()


def _checks(services: Services, remote: Remote) -> tuple[Callable[[], object], Callable[[], bool]]:
    """Return a harmless API call of the remote, and the check whether its site is up."""
    if remote is EXACT:
        exact_client = services.exact
        return exact_client.current_user, exact_client.site_answers
    client = services.airbase()
    return client.check_access, client.site_answers
