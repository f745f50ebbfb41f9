"""Send notifications: one message a connection, however many exceptions were opened.

Called at the end of every sweep. A notification is sent at once; after a message, exceptions wait
for the connection's `every_minutes` and are then sent together. Halts do not wait, and go to the
alarm topic as well, each by itself: its alarm rings once, however many halts follow. Delivery is
at least once: items are removed after sending, so a crash in between repeats a message.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ml_connector import clock, telemetry
from ml_connector.infrastructure.channels import Channel
from ml_connector.infrastructure.notification_outbox import OutboxItem
from ml_connector.notifications.message import WrittenMessage
from ml_connector.notifications.text import compose, compose_halts
from ml_connector.services import Services

_LEASE = timedelta(seconds=60)
_LONG = timedelta(seconds=20)
"""Of one sweep: whatever hangs must outlive neither the lease nor the worker."""
_MAX_ITEMS = 5000
_MOST_ALARMS = 20  # of a connection in one sweep
_REMEMBERED = timedelta(days=8)  # longer than the items themselves

RETRY_FOR = timedelta(hours=24)
"""How long a failing channel is retried with items that another channel has delivered."""


def send_due(services: Services) -> bool:
    """Send a connection's notifications through each channel that is due, its halts as alarms.

    A channel that fails is logged, counted, and retried by the next sweep. Return whether anything
    was waiting.
    """
    deliveries: list[_Delivery] = [_HaltAlarms(services, each) for each in services.alarms]
    deliveries += [_Delivery(services, each) for each in services.channels]
    waiting = services.outbox.waiting(_MAX_ITEMS) if deliveries else []
    if not _is_anything_due(deliveries, waiting):
        return bool(waiting)
    with services.leases.holding("news", _LEASE) as lease:
        if lease is None:
            return True
        # Read again: another sweep may have sent them before the lease was acquired.
        items = services.outbox.waiting(_MAX_ITEMS)
        began = clock.now()
        for delivery in deliveries:
            if clock.now() - began < _LONG:
                delivery.send(delivery.due(items))
        services.outbox.remove(_finished(items, deliveries))
    return True


def _is_anything_due(deliveries: "Sequence[_Delivery]", items: Sequence[OutboxItem]) -> bool:
    """Return whether there is something to send, or to remove after a crash."""
    if any(delivery.due(items) for delivery in deliveries):
        return True
    return bool(items and _finished(items, deliveries))


def _finished(items: Sequence[OutboxItem], deliveries: Iterable["_Delivery"]) -> list[OutboxItem]:
    """Return the items that every channel has delivered which wants them.

    For an old item, one of them is enough.
    """
    old = (clock.now() - RETRY_FOR).isoformat()
    having = [(each, each.delivered()) for each in deliveries]

    def is_finished(item: OutboxItem) -> bool:
        has = [item.key in keys for each, keys in having if each.wants(item)]
        return all(has) or (item.at < old and any(has))

    return [item for item in items if is_finished(item)]


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

    def wants(self, item: OutboxItem) -> bool:  # noqa: ARG002  by default, all
        """Return whether this channel is for the item."""
        return True

    def due(self, items: Sequence[OutboxItem]) -> list[OutboxItem]:
        """Return the items to send now: the undelivered ones, if the quiet time is over."""
        fresh = self._fresh(items)
        is_urgent = any(map(_has_halt, fresh))
        return fresh if is_urgent or not self._is_quiet() else []

    def send(self, items: Sequence[OutboxItem]) -> bool:
        """Send what is to be said about the items and remember them; return whether it worked."""
        if not items:
            return True
        log = telemetry.logger()
        try:
            for message in self._messages(items):
                self._channel.send(*message)
        except Exception:
            id, name = self._connection.id, self._channel.name
            log.exception("a channel failed", connection=id, channel=name)
            self._services.measure({"NotifyFailed": 1})
            return False
        until = clock.now() + _REMEMBERED
        self._shared.set(self._sent_at, clock.now().isoformat(), until)
        waiting = {item.key for item in self._services.outbox.waiting(_MAX_ITEMS)}
        keys = (self.delivered() & waiting) | {item.key for item in items}
        self._shared.set(self._keys, " ".join(sorted(keys)), until)
        return True

    def _fresh(self, items: Sequence[OutboxItem]) -> list[OutboxItem]:
        """Return those that this channel is for and has not delivered."""
        wanted = [item for item in items if self.wants(item)]
        delivered = self.delivered() if wanted else set()
        return [item for item in wanted if item.key not in delivered]

    def _messages(self, items: Sequence[OutboxItem]) -> Iterator[WrittenMessage]:
        yield compose(self._connection, items, self._services.console_url)

    def _is_quiet(self) -> bool:
        sent_at = self._shared.get(self._sent_at)
        quiet = timedelta(minutes=self._connection.notify.every_minutes)
        return sent_at is not None and clock.now() - datetime.fromisoformat(sent_at) < quiet


class _HaltAlarms(_Delivery):
    """The alarm topic: one message for each halt, at once."""

    def wants(self, item: OutboxItem) -> bool:
        """See `_Delivery.wants`: halts."""
        return _has_halt(item)

    def due(self, items: Sequence[OutboxItem]) -> list[OutboxItem]:
        """Return the first of the undelivered halts; the next sweep sends the others."""
        return self._fresh(items)[:_MOST_ALARMS]

    def send(self, items: Sequence[OutboxItem]) -> bool:
        """Send item after item, up to one that fails: what was sent is not repeated."""
        return all(super(_HaltAlarms, self).send([item]) for item in items)

    def _messages(self, items: Sequence[OutboxItem]) -> Iterator[WrittenMessage]:
        for item in items:
            yield from compose_halts(self._connection, item, self._services.console_url)


def _has_halt(item: OutboxItem) -> bool:
    return any(each.kind == "halt" for each in item.notifications)
