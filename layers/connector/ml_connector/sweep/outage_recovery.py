"""Recover from an outage: one check at a time, then full speed, the oldest order first.

The longer a remote is away, the rarer it is probed (`Outage.pause`). A request without credentials
shows whether its site is up: it uses no API call and no token. An API call follows when the site
answers, and at every sixth probe although it does not. Once the site was seen to be up, the API
alone is asked. Exact sites that are away at once are probed in turn; when one is back, the others
are probed as well. Airbase is asked for one of the records that wait for it, another one each time:
its listing may fail when orders are answered, and be answered when they fail.
"""

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TypeAlias

from ml_connector import clock, telemetry
from ml_connector.airbase.client import AirbaseClient
from ml_connector.connections.token_stores import level_token_stores
from ml_connector.domain.faults import Fault, Halt
from ml_connector.domain.ids import OrderId, RecordKey, SiteId, VendorId
from ml_connector.infrastructure.circuit_breaker import AIRBASE, CircuitBreaker, Outage
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.messages.kinds import Recoverable
from ml_connector.messages.sending import recover_message
from ml_connector.services import Services
from ml_connector.sweep.due_records import sweep_connection
from ml_connector.sweep.halt_recovery import lift_halts
from ml_connector.sweep.outages import read_outages

_MOST_PROBED = 50
"""Of the longest waiting records; each probe asks for the next of them."""
_API_AS_WELL = 6
"""The API is called at one of so many probes although the site is down."""

Checks: TypeAlias = tuple[Callable[[], object], Callable[[], bool]]
"""A harmless API call of a remote, and the check whether its site is up."""


def recover(services: Services, what: Recoverable, site: SiteId | None) -> None:
    """Check whether `what` stops the connection is over: a remote that is away, or "halts".

    `site` is the Exact site that is away; None in what older versions sent: the first. If it is
    over, queue everything that waited for it. For "tokens", which stop nothing: make both stores
    hold the newest pair.
    """
    if what == "tokens":
        level_token_stores(services)
    elif _is_over(services, what, site or services.connection.first_site):
        telemetry.logger().info("continuing", connection=services.id, after=what)
        sweep_connection(services)
        if what == "exact":
            _probe_other_sites(services)


def _probe_other_sites(services: Services) -> None:
    """Queue a probe of each Exact site that is still away: it may be back as well."""
    for away in read_outages(services):
        if away.site:
            message = recover_message(services.id, "exact", away.site)
            services.queues.send(message, f"{message.group} after another {clock.epoch() // 60}")


def _is_over(services: Services, what: Recoverable, site: SiteId) -> bool:
    if what == "halts":
        return lift_halts(services)
    if what == "airbase":
        checks = partial(_airbase_checks, services)
        return _is_back(services.ledger, services.airbase_breaker, checks)
    exact = services.exact_at(site)
    return _is_back(
        services.ledger,
        exact.circuit_breaker,
        lambda _probes: (exact.current_user, exact.site_answers),
    )


def _is_back(
    ledger: Ledger, circuit_breaker: CircuitBreaker, checks: Callable[[int], Checks]
) -> bool:
    """Check as the only worker; return whether the circuit breaker is closed afterwards.

    `checks` takes how often the remote was probed before.
    """
    with circuit_breaker.probing() as outage:
        if outage is None:
            return False
        try:
            _probe(circuit_breaker, outage, *checks(outage.probes))
        except Halt as halt:
            Halts(ledger).stop(halt.problem, halt.scope)
        except Fault as fault:
            telemetry.logger().info(str(fault), connection=ledger.id)
    return not circuit_breaker.outage().is_open


def _probe(
    circuit_breaker: CircuitBreaker,
    outage: Outage,
    ask: Callable[[], object],
    site_answers: Callable[[], bool],
) -> None:
    """Call the API, unless the site is found to be down."""
    is_up = outage.site_answers and outage.probes > 0
    if not is_up:
        is_up = site_answers()
        circuit_breaker.record_site_check(site_answers=is_up)
    if is_up or outage.probes % _API_AS_WELL == 0:
        ask()
    else:
        circuit_breaker.record_failure()


def _airbase_checks(services: Services, probes: int) -> Checks:
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
