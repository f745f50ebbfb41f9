"""Maintain a division's webhook subscriptions.

Exact allows one per app, division and topic and refuses a duplicate. It does not show one that was
created with another user's consent, so a refused duplicate is the only sign that it exists.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Problem, Review
from ml_connector.domain.ids import ConnectionId, Division, Guid
from ml_connector.exact.client import ExactClient
from ml_connector.exact.rows import ReadRow, RowReader, read_listed

RECORD = "Webhook"
"""Prefix of the record names in this module's problems."""

PATH = "webhooks/WebhookSubscriptions"
FIELDS = {"$select": "ID,Topic,CallbackURL"}


@dataclass(frozen=True)
class Subscription:
    """One subscription: the topic, and the address that is notified."""

    id: Guid
    topic: str
    url: str

    def is_at(self, url: str | None) -> bool:
        """Return whether it notifies this address."""
        return url is not None and self.url.rstrip("/") == url.rstrip("/")


@dataclass
class SubscriptionState:
    """The result of `ensure` for a division.

    `unseen`: topics whose subscription exists but is not visible to the app.
    """

    problems: list[Problem] = field(default_factory=list)
    unseen: set[str] = field(default_factory=set)


def list_visible(exact_client: ExactClient, division: Division) -> list[Subscription]:
    """Return the division's subscriptions that are visible to the app and can be read."""
    return _readable(_read(exact_client, division))


def read_subscription(row: RowReader) -> Subscription:
    """Return the subscription that a row describes."""
    return Subscription(row.key("ID"), row.text("Topic"), row.long_text("CallbackURL").strip())


def _read(exact_client: ExactClient, division: Division) -> list[ReadRow[Subscription]]:
    return read_listed(exact_client.rows(division, PATH, FIELDS), read_subscription)


def _readable(rows: Iterable[ReadRow[Subscription]]) -> list[Subscription]:
    return [each.value for each in rows if not each.odd]


def _unreadable(division: Division, rows: Iterable[ReadRow[Subscription]]) -> list[Problem]:
    """Return a problem for each subscription that cannot be read."""
    return [
        problem(
            "EXACT_ROW_UNREADABLE", _name(division, each.odd.name), "row", name=each.odd.name,
            identity=each.odd.identity, path=PATH, division=division, wrong=each.odd.wrong,
        )
        for each in rows
        if each.odd
    ]  # fmt: skip


def ensure(
    exact_client: ExactClient,
    division: Division,
    topics: Sequence[str],
    callback_url: str,
    unseen: Collection[str] = (),
) -> SubscriptionState:
    """Subscribe to every missing topic; return the problems.

    `unseen` are the topics of an earlier result: they are not tried again. Notifications are a
    convenience: no refusal here stops the connection.

    Raises:
        Later: Exact cannot be called now.
    """
    state = SubscriptionState(unseen=set(unseen))
    try:
        rows = _read(exact_client, division)
        existing = _readable(rows)
        state.problems += _unreadable(division, rows)
        missing = [topic for topic in topics if topic not in {each.topic for each in existing}]
        duplicates = [
            topic
            for topic in missing
            if topic not in unseen
            and not _subscribe(exact_client, division, topic, callback_url, state)
        ]
        if duplicates:  # another worker was faster, or it is not visible
            existing = list_visible(exact_client, division)
            state.unseen |= set(duplicates) - {each.topic for each in existing}
    except (Halt, Review) as fault:
        state.problems.append(_not_subscribed(division, "all topics", fault))
        return state
    state.problems += _other_addresses(
        exact_client.tokens.app, division, topics, callback_url, existing
    )
    return state


def remove(exact_client: ExactClient, division: Division, subscription: Subscription) -> None:
    """Delete the subscription; absent is fine."""
    name = _name(division, subscription.topic)
    try:
        exact_client.remove(division, PATH, subscription.id, record=name)
    except Review as review:
        if any(each.code != "EXACT_NOT_FOUND" for each in review.problems):
            raise


def _subscribe(
    exact_client: ExactClient,
    division: Division,
    topic: str,
    callback_url: str,
    state: SubscriptionState,
) -> bool:
    """Create the subscription; return False when Exact says that it exists."""
    try:
        body = {"CallbackURL": callback_url, "Topic": topic}
        exact_client.create(division, PATH, body, record=_name(division, topic))
    except Review as review:
        others = [each for each in review.problems if each.code != "EXACT_ALREADY_EXISTS"]
        state.problems += others
        return bool(others)
    except Halt as halt:
        state.problems.append(_not_subscribed(division, topic, halt))
    return True


def _other_addresses(
    connection: ConnectionId,
    division: Division,
    topics: Sequence[str],
    url: str,
    existing: Iterable[Subscription],
) -> list[Problem]:
    """Return a problem for each topic that only notifies other addresses."""
    found = []
    for topic in topics:
        of_topic = [each for each in existing if each.topic == topic]
        if of_topic and not any(each.is_at(url) for each in of_topic):
            address = ", ".join(each.url for each in of_topic)
            name = _name(division, topic)
            found.append(
                problem(
                    "WEBHOOK_ELSEWHERE", name, "address", address=address, connection=connection
                )
            )
    return found


def _not_subscribed(division: Division, topic: str, fault: Halt | Review) -> Problem:
    why = fault.problem if isinstance(fault, Halt) else fault.problems[0]
    return problem("WEBHOOK_NOT_SUBSCRIBED", _name(division, topic), "reason", reason=why.cause)


def _name(division: Division, topic: str) -> str:
    return f"{RECORD} {topic} of division {division}"
