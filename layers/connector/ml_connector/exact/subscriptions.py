"""Keeps a division's webhook subscriptions in place.

Exact allows one per app, division and topic, shows an app only its own, and answers a duplicate
with a business error: so a duplicate means that it is there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ml_connector.codes import problem
from ml_connector.exact.gateway import ExactGateway
from ml_connector.faults import Halt, Problem, Review
from ml_connector.ids import Division

PATH = "webhooks/WebhookSubscriptions"
FIELDS = {"$select": "ID,Topic,CallbackURL"}


def ensure(
    gateway: ExactGateway, division: Division, topics: Sequence[str], callback_url: str
) -> list[Problem]:
    """Subscribe to every topic that is missing; return what could not be had.

    Notifications are a convenience: no refusal here stops the connection.

    Raises:
        Later: Exact can not be asked now.
    """
    try:
        there = by_topic(gateway.rows(division, PATH, FIELDS))
    except (Halt, Review) as fault:
        return [_not_had(division, "all topics", fault)]
    return list(_missing(gateway, division, topics, callback_url, there))


def by_topic(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return where the notifications go, by topic, of the subscriptions in these rows."""
    return {str(row.get("Topic")): str(row.get("CallbackURL")) for row in rows}


def is_same(url: str, callback_url: str) -> bool:
    """Return whether both are one address."""
    return url.rstrip("/") == callback_url.rstrip("/")


def _missing(
    gateway: ExactGateway,
    division: Division,
    topics: Sequence[str],
    callback_url: str,
    there: dict[str, str],
) -> Iterator[Problem]:
    for topic in topics:
        if topic not in there:
            yield from _subscribe(gateway, division, topic, callback_url)
        elif not is_same(there[topic], callback_url):
            detail = f"It points to {there[topic]}."
            yield problem("WEBHOOK_ELSEWHERE", _name(division, topic), detail)


def _subscribe(
    gateway: ExactGateway, division: Division, topic: str, callback_url: str
) -> Iterator[Problem]:
    try:
        body = {"CallbackURL": callback_url, "Topic": topic}
        gateway.create(division, PATH, body, record=_name(division, topic))
    except Review as review:
        # "Already exists" from a colleague's consent: it fires, though it can not be seen.
        yield from (p for p in review.problems if p.code != "EXACT_ALREADY_EXISTS")
    except Halt as halt:
        yield _not_had(division, topic, halt)


def _not_had(division: Division, topic: str, fault: Halt | Review) -> Problem:
    why = fault.problem if isinstance(fault, Halt) else fault.problems[0]
    return problem("WEBHOOK_NOT_SUBSCRIBED", _name(division, topic), why.cause)


def _name(division: Division, topic: str) -> str:
    return f"Webhook {topic} of division {division}"
