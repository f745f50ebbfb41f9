"""Who is to take care of something is told so, by name."""

from dataclasses import replace

from local.in_memory.tables import InMemoryTable
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import OrderState
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.notification_outbox import NotificationOutbox
from ml_connector.notifications.text import compose
from tests.domain.orders.builders import any_connection
from tests.infrastructure.test_open_groups import moved, stop

FIRM = ConnectionId("firm")


def test_who_is_assigned_is_told_once_and_by_name() -> None:
    table = InMemoryTable("ledger")
    ledger = Ledger(table, InMemoryTable("audit"), "test", FIRM)
    outbox = NotificationOutbox(table, FIRM)
    record = stop(ledger, "PO-1")
    outbox.remove(outbox.waiting(10))
    record = ledger.write(moved(record, OrderState.REVIEW, assignee="Ada\nLovelace"), "assigned")
    ledger.write(replace(record, receives=0), "looked")
    items = outbox.waiting(10)
    assert len(items) == 1
    subject, text, _ = compose(any_connection(), items)
    assert "assigned to Ada" in subject
    assert "\n" not in subject
    assert "Assigned to Ada" in text
    assert "New exceptions" not in text
    assert "STOPPED" not in text
    assert "resumed" not in text


def test_taking_it_away_tells_nobody() -> None:
    table = InMemoryTable("ledger")
    ledger = Ledger(table, InMemoryTable("audit"), "test", FIRM)
    outbox = NotificationOutbox(table, FIRM)
    record = stop(ledger, "PO-1")
    record = ledger.write(moved(record, OrderState.REVIEW, assignee="Ada"), "assigned")
    outbox.remove(outbox.waiting(10))
    ledger.write(moved(record, OrderState.REVIEW, assignee=None), "unassigned")
    assert outbox.waiting(10) == []
