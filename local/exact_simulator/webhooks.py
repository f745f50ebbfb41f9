"""Webhook subscriptions and the signed notifications of changes."""

import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpx

from local.exact_simulator import checks
from local.exact_simulator.context import CallContext
from local.exact_simulator.entities import ENTITIES
from local.exact_simulator.fields import read_body, read_values
from local.exact_simulator.listing import filtered, page
from local.exact_simulator.refusals import BusinessError
from local.exact_simulator.resources import created
from local.exact_simulator.schema import Entity
from local.exact_simulator.world import Division, World
from local.simulator import Response

Deliver = Callable[[str, bytes], int]
"""Posts a body to a URL and returns the status."""

SUBSCRIPTIONS = ENTITIES["webhooks/WebhookSubscriptions"]
TOPICS = frozenset(
    [
        "Accounts",
        "BankAccounts",
        "BankEntries",
        "CashEntries",
        "Contacts",
        "Documents",
        "GeneralJournalEntries",
        "GLAccounts",
        "GoodsDeliveries",
        "Items",
        "PurchaseEntries",
        "PurchaseOrders",
        "Quotations",
        "SalesEntries",
        "SalesInvoices",
        "SalesOrders",
        "Subscriptions",
    ]
)
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SECONDS = 10.0
_TRUSTED = ssl.create_default_context()  # made once: making it takes longer than a call


@dataclass(frozen=True, slots=True)
class SignedNotification:
    """One signed notification to a subscriber."""

    url: str
    body: bytes
    division: int
    topic: str
    action: str
    key: str


def post(url: str, body: bytes) -> int:
    """Post over HTTP and return the status; 0 without an answer."""
    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx.post(url, content=body, headers=headers, timeout=_SECONDS, verify=_TRUSTED)
    except httpx.HTTPError:
        return 0
    return answer.status_code


def sign(content: bytes, secret: str) -> bytes:
    """Return the signed body for raw Content bytes: with an upper-case hex HMAC-SHA256."""
    code = hmac.new(secret.encode(), content, hashlib.sha256).hexdigest().upper()
    return b'{"Content":' + content + b',"HashCode":"' + code.encode() + b'"}'


class Webhooks:
    """Queues a notification per change and subscription; `pump` sends them.

    Switches: the next `drop` notifications are lost, the next `duplicate` ones are queued
    twice, and `reorder` makes `pump` shuffle the queue.
    """

    def __init__(self, world: World, client_id: str, secret: str, deliver: Deliver) -> None:
        self.outbox: list[SignedNotification] = []
        self.delivered: list[tuple[SignedNotification, int]] = []
        self.drop = 0
        self.duplicate = 0
        self.reorder = False
        self.deliver = deliver
        self.secret = secret
        self.origin = "https://start.exactonline.nl"
        self.queued = threading.Event()
        self._world = world
        self._client_id = client_id
        world.listeners.append(self.on_change)

    def subscribe(self, context: CallContext) -> Response:
        """Create a subscription if its URL answers an empty POST with 2xx."""
        values = read_values(SUBSCRIPTIONS.path, read_body(context.request.body))
        row = {**values, "ID": context.world.guid(), "ClientID": self._client_id}
        row["UserID"] = context.world.user_id
        checks.refuse(checks.missing(SUBSCRIPTIONS, row))
        checks.refuse(_invalid(row["CallbackURL"], row["Topic"]))
        checks.refuse(checks.unique(context.division, SUBSCRIPTIONS, row))
        self._check(row["CallbackURL"])
        context.world.save(context.division, SUBSCRIPTIONS, row, "Create")
        return created(context, SUBSCRIPTIONS, row)

    def read_many(self, context: CallContext) -> Response:
        """Answer the subscriptions made with this user's consent: others are not visible."""
        every = context.division.table(SUBSCRIPTIONS.path).values()
        own = context.world.user_id
        rows = [row for row in every if row.get("UserID", own) == own]
        shape = context.shape(SUBSCRIPTIONS.path, SUBSCRIPTIONS.key)
        return page(
            context, shape, filtered(context, SUBSCRIPTIONS, rows), context.policy.page_size
        )

    def on_change(self, division: Division, entity: Entity, action: str, key: str) -> None:
        """Queue notifications for the division's subscribers to this kind of row."""
        for row in division.table(SUBSCRIPTIONS.path).values():
            if row["Topic"] == entity.topic:
                self._queue(row["CallbackURL"], division, entity, action, key)

    def pump(self) -> list[int]:
        """Send all queued notifications, once each, and return the statuses."""
        self.queued.clear()
        batch = [self.outbox.pop(0) for _ in range(len(self.outbox))]
        if self.reorder:
            self._world.rng.shuffle(batch)
        return [self._send(notification) for notification in batch]

    def _send(self, notification: SignedNotification) -> int:
        status = self.deliver(notification.url, notification.body)
        self.delivered.append((notification, status))
        return status

    def _check(self, url: str) -> None:
        status = self.deliver(url, b"")
        if not httpx.codes.is_success(status):
            raise BusinessError(("callback", str(status)))

    def _queue(self, url: str, division: Division, entity: Entity, action: str, key: str) -> None:
        if self.drop:
            self.drop -= 1
            return
        topic = entity.topic or ""
        content = self._content(division, entity, action, key)
        notification = SignedNotification(
            url, sign(content, self.secret), division.code, topic, action, key
        )
        copies = 2 if self.duplicate else 1
        self.duplicate = max(0, self.duplicate - 1)
        self.outbox.extend([notification] * copies)
        self.queued.set()

    def _content(self, division: Division, entity: Entity, action: str, key: str) -> bytes:
        moment = datetime.fromtimestamp(self._world.clock(), tz=UTC).replace(tzinfo=None)
        content = {
            "Topic": entity.topic,
            "ClientId": self._client_id,
            "Division": division.code,
            "Action": action,
            "Key": key,
            "ExactOnlineEndpoint": (
                f"{self.origin}/api/v1/{division.code}/{entity.path}(guid'{key}')"
            ),
            "EventCreatedOn": moment.isoformat(timespec="milliseconds"),
        }
        return json.dumps(content, separators=(",", ":")).encode()


def _invalid(url: str, topic: str) -> list[checks.Problem]:
    if topic not in TOPICS:
        return [("invalid", "Topic")]
    parts = urlsplit(url)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return [] if is_safe and parts.hostname else [("invalid", "Callback URL")]
