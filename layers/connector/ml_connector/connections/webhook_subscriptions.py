"""The webhook subscriptions in the divisions of an Exact site."""

from collections.abc import Iterable
from datetime import timedelta

from ml_connector import clock
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division
from ml_connector.exact import subscriptions
from ml_connector.infrastructure.coordination import SharedValues
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.services import Services
from ml_connector.settings.connection import ExactSite

_RETRY_HELD_AFTER = timedelta(days=7)
"""When to try again to subscribe to a topic that another user's subscription holds: each refusal
counts towards Exact's hourly error limit."""


def ensure_subscriptions(services: Services, site: ExactSite, ledger: Ledger) -> list[Problem]:
    """Create what is missing in every division of a site that is not halted; report problems.

    They are returned, and stay on the connection's own record, written through `ledger`, until
    they are solved. Raises `Later`, without reporting, when Exact cannot be called now.
    """
    found: list[Problem] = []
    for each in site.divisions if site.exact_callback_url else ():
        if not Halts(services.ledger).is_stopped(each.division):
            found += _ensure(services, site, each.division, site.exact_callback_url or "")
    others = [each for each in services.connection.sites if each.site != site.site]
    kept = [
        each
        for each in ledger.connection().facts.problems
        if each.record.startswith(subscriptions.RECORD) and _is_of(each, others)
    ]
    report_connection_problems(ledger, subscriptions.RECORD, "subscriptions", [*kept, *found])
    return found


def _ensure(services: Services, site: ExactSite, division: Division, url: str) -> list[Problem]:
    known = topics_held_by_others(services.shared_values, site, division)
    exact_client, topics = services.exact(division), site.exact_topics
    kept = subscriptions.ensure(exact_client, division, topics, url, known)
    for topic in kept.unseen - known:
        until = clock.now() + _RETRY_HELD_AFTER
        services.shared_values.set(_key(division, topic), "", until)
    return kept.problems


def _is_of(problem: Problem, sites: Iterable[ExactSite]) -> bool:
    """Return whether a problem of subscriptions is about a division of these sites."""
    divisions = (each.division for site in sites for each in site.divisions)
    return any(problem.record.endswith(f" {division}") for division in divisions)


def topics_held_by_others(shared: SharedValues, site: ExactSite, division: Division) -> set[str]:
    """Return the topics of a division that another user's subscription holds."""
    return {topic for topic in site.exact_topics if shared.get(_key(division, topic)) is not None}


def _key(division: Division, topic: str) -> str:
    return f"webhook-unseen {division} {topic}"
