"""Refresh the tokens of every Exact site and keep its webhook subscriptions in place.

A refresh token expires after 30 days without use. Connections that post daily never get close;
this is for idle ones, and finds a lost consent early.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import timedelta

from ml_connector import telemetry
from ml_connector.connections.token_stores import level_token_stores
from ml_connector.connections.webhook_subscriptions import ensure_subscriptions
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import AppId
from ml_connector.exact.client import ExactClient
from ml_connector.infrastructure.coordination import care_of
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.services import Services
from ml_connector.settings.connection import ExactSite

WARN_AFTER = timedelta(days=20)
IDLE = timedelta(hours=24)
_DAY = timedelta(days=1)
# Less than a day: the runs are not exactly six hours apart.
_SUBSCRIPTIONS_EVERY = timedelta(hours=23)

Measure = Callable[[str, float], None]
"""Takes a metric's name and one value."""


def refresh_all(every: Iterable[Services], measure: Measure) -> None:
    """Refresh every site of every connection; a failure of one never affects the next."""
    for services in every:
        for site in services.connection.sites:
            measure("TokenRefreshFailed", 0.0 if _refresh(services, site, measure) else 1.0)


def _refresh(services: Services, site: ExactSite, measure: Measure) -> bool:
    """Return whether the site's tokens are valid."""
    log = telemetry.logger()
    try:
        exact_client = services.exact_at(site.site)
        is_valid = _renew(exact_client, services.ledger)
        _measure_age(site.id, exact_client, measure)
        level_token_stores(services)
        if is_valid:
            _subscribe(services, site)
            services.last_runs.note(care_of(site.id))
    except Exception:
        # A bug or an AWS outage: the others are still refreshed.
        log.exception("refreshing the tokens of a site failed", connection=site.id)
        return False
    return is_valid


def _renew(exact_client: ExactClient, ledger: Ledger) -> bool:
    try:
        exact_client.tokens.renew_if_idle(IDLE)
    except Later as later:
        telemetry.logger().warning(str(later), connection=ledger.id)
        return False
    except Halt as halt:
        telemetry.logger().error(str(halt), connection=ledger.id)
        Halts(ledger).stop(halt.problem, halt.scope)
        return False
    return True


def _measure_age(app: AppId, exact_client: ExactClient, measure: Measure) -> None:
    age = exact_client.tokens.age()
    if age is None:
        return
    measure("RefreshTokenAgeDays", age / _DAY)
    if age >= WARN_AFTER:
        telemetry.logger().warning(
            "the Exact consent expires after 30 days without a renewal",
            connection=app,
            age_days=age.days,
        )


def _subscribe(services: Services, site: ExactSite) -> None:
    """Check the subscriptions once a day, and again in the next run after a problem."""
    leases = services.leases
    lease = leases.acquire(f"subscriptions {_fingerprint(site)}", _SUBSCRIPTIONS_EVERY)
    if lease is None:
        return
    has_problem = True
    try:
        has_problem = bool(ensure_subscriptions(services, site, services.ledger))
    except Later as later:
        telemetry.logger().info(str(later), connection=services.id)
    if has_problem:
        leases.release(lease)


def _fingerprint(site: ExactSite) -> str:
    """Return a digest of the wanted subscriptions: it changes when they do."""
    divisions = [each.division for each in site.divisions]
    wanted = (site.exact_callback_url, site.exact_topics, divisions)
    return hashlib.sha256(repr(wanted).encode()).hexdigest()[:16]
