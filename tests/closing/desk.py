"""A stack over the firm in memory, as far as the month's close needs one."""

from dataclasses import dataclass, field
from typing import Any, cast

from connector_cli.actions.closing.reconciling import Report
from connector_cli.actions.closing.reconciling import reconcile as reconcile_
from connector_cli.stack import Stack
from local.office import FIRM, Office
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.queues import Message
from ml_connector.ids import ConnectionId


@dataclass
class Desk:
    """Takes the place of a `Stack`. What is sent is worked off at once, unless `is_idle`."""

    office: Office
    actor: str = "connector tester"
    is_idle: bool = False
    sent: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the same doors as the workers."""
        tables = self.office.mini.tables
        self.doors = self.office.doors
        self.signed = Ledger(tables.ledger, tables.audit, self.actor)

    def connection(self, id: str) -> Connection:
        """Return a connection of the firm."""
        return self.office.connection(ConnectionId(id))

    def send(self, message: Message, why: str) -> None:
        """Send, and let the workers do what was asked."""
        self.sent.append(message)
        if not self.is_idle:
            self.office.clock.move(0.001)
            self.office.mini.queues.send(message, f"{message.group} {why}")
            self.office.work()


def reconcile(office: Office, month: str, **more: Any) -> Report:
    """Reconcile the firm's month, and see that it adds up."""
    report = reconcile_(cast(Stack, Desk(office)), FIRM, month, **more)
    report.as_dict()
    return report


def by_category(report: Report) -> dict[str, list[str]]:
    """Return the titles of the orders of each category that has some."""
    found: dict[str, list[str]] = {}
    for line in report.lines:
        found.setdefault(line.category, []).append(line.title)
    return {category: sorted(titles) for category, titles in found.items()}
