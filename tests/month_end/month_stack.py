"""A stack over the firm in memory, for month-end tests."""

from typing import Any

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.infrastructure.queues import Message
from ml_connector.month_end.reconcile import ReconciledMonth
from ml_connector.month_end.reconcile import reconcile as reconcile_
from tests.person_stack import PERSON, PersonStack


class MonthStack(PersonStack):
    """Records the messages, and runs the workers at once unless it is `idle`."""

    def __init__(self, env: InMemoryEnvironment, *, idle: bool = False) -> None:
        super().__init__(env)
        self.idle = idle
        self.sent: list[Message] = []

    def send(self, message: Message, why: str) -> None:
        self.sent.append(message)
        super().send(message, why)
        if not self.idle:
            self.env.work()


def reconcile(env: InMemoryEnvironment, month: str, **more: Any) -> ReconciledMonth:
    """Reconcile the firm's month, and check that it is serialisable."""
    report = reconcile_(MonthStack(env), PERSON, FIRM, month, **more)
    report.as_dict()
    return report


def by_category(report: ReconciledMonth) -> dict[str, list[str]]:
    """Return the titles of the orders by category."""
    found: dict[str, list[str]] = {}
    for line in report.lines:
        found.setdefault(line.category, []).append(line.title)
    return {category: sorted(titles) for category, titles in found.items()}
