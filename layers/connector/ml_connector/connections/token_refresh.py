"""Refresh the tokens of every Exact site and keep its webhook subscriptions in place.

A refresh token expires after 30 days without use. Connections that post daily never get close;
this is for idle ones, and finds a lost consent early.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta

from ml_connector import telemetry
from ml_connector.connections.token_stores import level_token_stores
from ml_connector.connections.webhook_subscriptions import ensure_subscriptions
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import AppId
from ml_connector.exact.client import ExactClient
from ml_connector.infrastructure.care_turns import CareTurns
from ml_connector.infrastructure.coordination import care_of
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.services import Services, StackServices
from ml_connector.settings.connection import ExactSite

WARN_AFTER = timedelta(days=20)
IDLE = timedelta(hours=24)
_DAY = timedelta(days=1)
# Less than a day: the runs are not exactly six hours apart.
_SUBSCRIPTIONS_EVERY = timedelta(hours=23)

Measure = Callable[[str, float], None]
"""Takes a metric's name and one value."""


AT_ONCE = 24
"""Connections that are refreshed at the same time, fewer than the HTTP client has sockets."""


def refresh_in_turn(stack: StackServices, may_begin: Callable[[], bool]) -> None:
    """Refresh every connection of a stack, the one that waited longest first, and measure.

    None is begun once `may_begin` says no: those come first in the next run.
    """
    by_id = {each.id: each for each in stack.all()}
    every = [by_id[id] for id in CareTurns(stack.tables.coordination).in_order(by_id)]
    measured: dict[str, list[float]] = defaultdict(list)
    refresh_all(
        every,
        lambda name, value: measured[name].append(value),
        at_once=AT_ONCE,
        may_begin=may_begin,
    )
    figures = {
        "TokenRefreshFailed": sum(measured["TokenRefreshFailed"]),
        "RefreshTokenAgeDays": max(measured["RefreshTokenAgeDays"], default=None),
    }
    stack.measure({name: value for name, value in figures.items() if value is not None})


def refresh_all(
    every: Iterable[Services],
    measure: Measure,
    *,
    at_once: int = 1,
    may_begin: Callable[[], bool] = lambda: True,
) -> None:
    """Refresh every site of every connection; one that fails or is slow never stops another.

    `at_once`: how many connections have their turn at the same time. Figures are passed on in the
    order of the connections.
    """
    with ThreadPoolExecutor(at_once, "refresh") as pool:
        turns = [pool.submit(copy_context().run, _take_turn, each, may_begin) for each in every]
        for turn in turns:
            for name, value in turn.result():
                measure(name, value)


def _take_turn(services: Services, may_begin: Callable[[], bool]) -> list[tuple[str, float]]:
    """Refresh the sites of one connection; return what is to be measured."""
    measured: list[tuple[str, float]] = []
    log = telemetry.logger()
    if not may_begin():
        log.warning("refreshed in the next run", connection=services.id)
        return measured

    def measure(name: str, value: float) -> None:
        measured.append((name, value))

    try:
        services.begin_care()
        for site in services.connection.sites:
            measure("TokenRefreshFailed", 0.0 if _refresh(services, site, measure) else 1.0)
        services.sweep_soon()
    except Exception:
        log.exception("refreshing a connection failed", connection=services.id)
        measure("TokenRefreshFailed", 1.0)
    return measured


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
