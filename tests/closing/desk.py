"""A stack over the firm in memory, as far as the month's close needs one."""

from typing import Any

from connector_cli.actions.closing.reconciling import Report
from connector_cli.actions.closing.reconciling import reconcile as reconcile_
from local.office import FIRM, Office
from ml_connector.doors.queues import Message
from tests.exceptions.desk import Desk as AnyDesk


class Desk(AnyDesk):
    """Keeps what is sent, and has it worked off at once unless it is `idle`."""

    def __init__(self, office: Office, *, idle: bool = False) -> None:
        super().__init__(office)
        self.idle = idle
        self.sent: list[Message] = []

    def send(self, message: Message, why: str) -> None:
        self.sent.append(message)
        super().send(message, why)
        if not self.idle:
            self.office.work()


def reconcile(office: Office, month: str, **more: Any) -> Report:
    """Reconcile the firm's month, and see that it adds up."""
    report = reconcile_(Desk(office), FIRM, month, **more)
    report.as_dict()
    return report


def by_category(report: Report) -> dict[str, list[str]]:
    """Return the titles of the orders of each category that has some."""
    found: dict[str, list[str]] = {}
    for line in report.lines:
        found.setdefault(line.category, []).append(line.title)
    return {category: sorted(titles) for category, titles in found.items()}
