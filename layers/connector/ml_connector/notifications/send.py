"""Send notifications: one message a connection, however many exceptions were opened.

Called at the end of every sweep. A notification is sent at once; after a message, exceptions wait
for the connection's `every_minutes` and are then sent together. Halts do not wait. Delivery is at
least once: items are removed after sending, so a crash in between repeats a message.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from ml_connector import clock, telemetry
from ml_connector.infrastructure.channels import Channel
from ml_connector.infrastructure.notification_outbox import OutboxItem
from ml_connector.notifications.text import compose
from ml_connector.services import Services

# A sweep has 60 seconds, also for other work: the next one sends what is left.
_TIME_LIMIT = timedelta(seconds=20)
_LEASE = timedelta(seconds=60)
_MAX_ITEMS = 5000
_REMEMBERED = timedelta(days=8)  # longer than the items themselves

RETRY_FOR = timedelta(hours=24)
"""How long a failing channel is retried with items that another channel has delivered."""


def send_all(every: Iterable[Services]) -> None:
    """Send every connection's notifications; never raises and never takes long."""
    log = telemetry.logger()
    try:
        connections = list(every)
    except Exception:
        log.exception("notifications not sent")
        return
    started = clock.now()
    # Start with another one each minute: a slow channel never delays the same ones.
    first = int(clock.epoch() // 60) % max(len(connections), 1)
    for each in connections[first:] + connections[:first]:
        if clock.now() - started > _TIME_LIMIT:
            return
        try:
            send_due(each)
        except Exception:
            log.exception("notifications not sent", connection=each.id)


def send_due(services: Services) -> None:
    """Send a connection's notifications through each channel that is due.

    A channel that fails is logged, counted, and retried by the next sweep.
    """
    deliveries = [_Delivery(services, each) for each in services.channels]
    if not deliveries or not _is_anything_due(deliveries, services.outbox.waiting(_MAX_ITEMS)):
        return
    with services.leases.holding("news", _LEASE) as lease:
        if lease is None:
            return
        # Read again: another sweep may have sent them before the lease was acquired.
        items = services.outbox.waiting(_MAX_ITEMS)
        for delivery in deliveries:
            delivery.send(delivery.due(items))
        services.outbox.remove(_finished(items, [delivery.delivered() for delivery in deliveries]))


def _is_anything_due(deliveries: "Sequence[_Delivery]", items: Sequence[OutboxItem]) -> bool:
    """Return whether there is something to send, or to remove after a crash."""
    if any(delivery.due(items) for delivery in deliveries):
        return True
    return bool(items and _finished(items, [delivery.delivered() for delivery in deliveries]))


def _finished(items: Sequence[OutboxItem], delivered: Sequence[set[str]]) -> list[OutboxItem]:
    """Return the items that every channel has delivered; for an old item, one is enough."""
    old = (clock.now() - RETRY_FOR).isoformat()
    return [
        item
        for item in items
        if all(item.key in keys for keys in delivered)
        or (item.at < old and any(item.key in keys for keys in delivered))
    ]


class _Delivery:
    """Delivery through one channel of a connection, and what it has delivered."""

    def __init__(self, services: Services, channel: Channel) -> None:
        self._services = services
        self._connection = services.connection
        self._channel = channel
        self._shared = services.shared_values
        self._keys, self._sent_at = f"news-had-{channel.name}", f"news-at-{channel.name}"

    def delivered(self) -> set[str]:
        """Return the keys of the items it has delivered; removed items may be missing."""
        return set((self._shared.get(self._keys) or "").split())

    def due(self, items: Sequence[OutboxItem]) -> list[OutboxItem]:
        """Return the items to send now: the undelivered ones, if the quiet time is over."""
        if not items:
            return []
        delivered = self.delivered()
        fresh = [item for item in items if item.key not in delivered]
        is_urgent = any(each.kind == "halt" for item in fresh for each in item.notifications)
        return fresh if is_urgent or not self._is_quiet() else []

    def send(self, items: Sequence[OutboxItem]) -> None:
        """Send one message about the items and remember them."""
        if not items:
            return
        log = telemetry.logger()
        try:
            self._channel.send(*compose(self._connection, items))
        except Exception:
            id, name = self._connection.id, self._channel.name
            log.exception("a channel failed", connection=id, channel=name)
            self._services.measure({"NotifyFailed": 1})
            return
        until = clock.now() + _REMEMBERED
        self._shared.set(self._sent_at, clock.now().isoformat(), until)
        waiting = {item.key for item in self._services.outbox.waiting(_MAX_ITEMS)}
        keys = (self.delivered() & waiting) | {item.key for item in items}
        self._shared.set(self._keys, " ".join(sorted(keys)), until)

    def _is_quiet(self) -> bool:
        sent_at = self._shared.get(self._sent_at)
        quiet = timedelta(minutes=self._connection.notify.every_minutes)
        return sent_at is not None and clock.now() - datetime.fromisoformat(sent_at) < quiet
