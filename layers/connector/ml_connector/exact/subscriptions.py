"""Keeps a division's webhook subscriptions in place.

Exact allows one per app, division and topic, shows an app only its own, and answers a duplicate
with a business error in the user's language, also when a colleague's consent made the other one:
so a duplicate means that it is there.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.codes import problem
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import guid
from ml_connector.faults import Halt, Problem, Review
from ml_connector.ids import Division, Guid

RECORD = "Webhook"
"""What the name of every problem's record here begins with."""

PATH = "webhooks/WebhookSubscriptions"
FIELDS = {"$select": "ID,Topic,CallbackURL"}


@dataclass(frozen=True)
class Subscription:
    """One subscription: what is told, and to which address."""

    id: Guid
    topic: str
    url: str

    def is_at(self, url: str | None) -> bool:
        """Return whether it leads to this address."""
        return url is not None and self.url.rstrip("/") == url.rstrip("/")


@dataclass
class Kept:
    """How a division's subscriptions stand after they were looked after.

    `unseen`: topics that somebody else's subscription holds, which the app can not see.
    """

    problems: list[Problem] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)


def listed(gateway: ExactGateway, division: Division) -> list[Subscription]:
    """Return the division's subscriptions that the app can see; raises as the gateway does."""
    rows = gateway.rows(division, PATH, FIELDS)
    return [read(row) for row in rows]


def read(row: Mapping[str, Any]) -> Subscription:
    """Return the subscription that a row describes."""
    return Subscription(guid(row["ID"]), str(row.get("Topic")), str(row.get("CallbackURL")))


def ensure(
    gateway: ExactGateway,
    division: Division,
    topics: Sequence[str],
    callback_url: str,
    unseen: Collection[str] = (),
) -> Kept:
    """Subscribe to every topic that is missing; return what could not be had.

    `unseen` are topics found held before: they are not asked for again. Notifications are a
    convenience: no refusal here stops the connection.

    Raises:
        Later: Exact can not be asked now.
    """
    kept = Kept(unseen=set(unseen))
    try:
        there = listed(gateway, division)
        missing = [topic for topic in topics if topic not in {each.topic for each in there}]
        doubled = [
            topic
            for topic in missing
            if topic not in unseen and not _subscribe(gateway, division, topic, callback_url, kept)
        ]
        if doubled:  # somebody else was quicker, or it cannot be seen
            there = listed(gateway, division)
            kept.unseen |= set(doubled) - {each.topic for each in there}
    except (Halt, Review) as fault:
        kept.problems.append(_not_had(division, "all topics", fault))
        return kept
    kept.problems += _elsewhere(division, topics, callback_url, there)
    return kept


def remove(gateway: ExactGateway, division: Division, subscription: Subscription) -> None:
    """Delete the subscription; one that is gone already is fine."""
    name = _name(division, subscription.topic)
    try:
        gateway.remove(division, PATH, subscription.id, record=name)
    except Review as review:
        if any(each.code != "EXACT_NOT_FOUND" for each in review.problems):
            raise


def _subscribe(
    gateway: ExactGateway, division: Division, topic: str, callback_url: str, kept: Kept
) -> bool:
    """Make the subscription; return False when Exact says that there is one."""
    try:
        body = {"CallbackURL": callback_url, "Topic": topic}
        gateway.create(division, PATH, body, record=_name(division, topic))
    except Review as review:
        others = [each for each in review.problems if each.code != "EXACT_ALREADY_EXISTS"]
        kept.problems += others
        return bool(others)
    except Halt as halt:
        kept.problems.append(_not_had(division, topic, halt))
    return True


def _elsewhere(
    division: Division, topics: Sequence[str], url: str, there: Iterable[Subscription]
) -> list[Problem]:
    """Tell of topics that lead to other addresses alone; beside ours, another does no harm."""
    found = []
    for topic in topics:
        of_topic = [each for each in there if each.topic == topic]
        if of_topic and not any(each.is_at(url) for each in of_topic):
            detail = f"It points to {', '.join(each.url for each in of_topic)}."
            found.append(problem("WEBHOOK_ELSEWHERE", _name(division, topic), detail))
    return found


def _not_had(division: Division, topic: str, fault: Halt | Review) -> Problem:
    why = fault.problem if isinstance(fault, Halt) else fault.problems[0]
    return problem("WEBHOOK_NOT_SUBSCRIBED", _name(division, topic), why.cause)


def _name(division: Division, topic: str) -> str:
    return f"{RECORD} {topic} of division {division}"
