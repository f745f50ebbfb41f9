"""Recover from an outage: one check at a time, then full speed, the oldest order first.

Each minute a request without credentials checks whether the remote's site is up: it uses no API
call and no token. An API call follows when the site answers again, and in any case when the
circuit breaker says so, for an outage that the site does not show. Airbase is then asked for one of
the records that wait for it, another one each time: its listing may fail when orders are answered,
and be answered when they fail.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice

from ml_connector import clock, telemetry
from ml_connector.airbase.client import AirbaseClient
from ml_connector.connections.token_stores import level_token_stores
from ml_connector.domain.faults import Fault, Halt
from ml_connector.domain.ids import OrderId, RecordKey, VendorId
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

_MOST_PROBED = 50
"""Of the longest waiting records; each probe asks for the next of them."""


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
            _probe(circuit_breaker, outage, *_checks(services, remote, outage.probes))
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


def _checks(
    services: Services, remote: Remote, probes: int
) -> tuple[Callable[[], object], Callable[[], bool]]:
    """Return a harmless API call of the remote, and the check whether its site is up.

    `probes`: how often the remote was probed before.
    """
    if remote is EXACT:
        exact_client = services.exact
        return exact_client.current_user, exact_client.site_answers
    client = services.airbase()
    waiting = list(islice(services.ledger.due(clock.now(), AIRBASE.away), _MOST_PROBED))
    if not waiting:
        return client.check_access, client.site_answers
    record = waiting[probes % len(waiting)]
    fetches = services.connection.profile.order_source == "detail"
    ask = partial(_ask_for, client, record.key, fetches_orders=fetches)
    return ask, client.site_answers


def _ask_for(client: AirbaseClient, key: RecordKey, *, fetches_orders: bool) -> None:
    """Ask Airbase for what a record waits for."""
    kind, _, id = key.partition("#")
    if kind == "order" and fetches_orders:
        client.order(OrderId(id))
    elif kind == "vendor":
        client.vendor(VendorId(id))
    elif kind == "vendors":
        client.vendors()
    else:
        client.check_access()
