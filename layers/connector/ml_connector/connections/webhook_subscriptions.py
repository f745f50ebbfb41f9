"""A connection's webhook subscriptions in all its Exact divisions."""

from datetime import timedelta

from ml_connector import clock
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division
from ml_connector.exact import subscriptions
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.services import Services

_RETRY_HELD_AFTER = timedelta(days=7)
"""When to try again to subscribe to a topic that another user's subscription holds: each refusal
counts towards Exact's hourly error limit."""


def ensure_subscriptions(services: Services, ledger: Ledger) -> list[Problem]:
    """Create what is missing in every division that is not halted; return and report problems.

    They stay on the connection's own record, written through `ledger`, until they are solved.
    Raises `Later`, without reporting, when Exact cannot be called now.
    """
    url = services.connection.exact_callback_url
    found: list[Problem] = []
    if url is None:
        report_connection_problems(ledger, subscriptions.RECORD, "subscriptions", found)
        return found
    exact_client = services.exact
    for each in services.connection.divisions:
        if Halts(services.ledger).is_stopped(each.division):
            continue
        known = topics_held_by_others(services, each.division)
        topics = services.connection.exact_topics
        kept = subscriptions.ensure(exact_client, each.division, topics, url, known)
        for topic in kept.unseen - known:
            until = clock.now() + _RETRY_HELD_AFTER
            services.shared_values.set(_key(each.division, topic), "", until)
        found += kept.problems
    report_connection_problems(ledger, subscriptions.RECORD, "subscriptions", found)
    return found


def topics_held_by_others(services: Services, division: Division) -> set[str]:
    """Return the topics held by another user's subscription."""
    shared = services.shared_values
    return {
        t for t in services.connection.exact_topics if shared.get(_key(division, t)) is not None
    }


def _key(division: Division, topic: str) -> str:
    return f"webhook-unseen {division} {topic}"
