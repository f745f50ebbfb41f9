"""The in-memory environment in place of the demo environment, so that its scenario runs there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.firm import BRANCHES
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.messages import refresh_message


@dataclass
class InMemoryDemo:
    """What the scenario uses of a demo environment; every order is queued instead of webhooks."""

    env: InMemoryEnvironment

    def __post_init__(self) -> None:
        """Provide the attributes of a demo environment."""
        self.airbase, self.exact, self.firm = (
            self.env.airbase, self.env.exact, self.env.firm,
        )  # fmt: skip
        self.clock, self.stack = self.env.clock, self

    def drain(self) -> None:
        """Let the workers process every order and every change in Exact."""
        for order in list(self.airbase.orders.values()):
            if order["status"] != "pending":
                self.env.queue(order)
        self.env.work()
        for branch in BRANCHES:
            division = branch.key
            message = refresh_message(FIRM, division, everything=True)
            self.env.memory.queues.send(message, f"{message.group} {self.clock()}")
        self.env.work()

    def fire(self, schedule: str) -> None:
        """Do nothing: there are no subscriptions here."""

    def wait(self, by: timedelta) -> None:
        """Let time pass, sweep, and work."""
        self.env.wait(seconds=by.total_seconds())

    def __getattr__(self, name: str) -> Any:
        """Name what the scenario may not use here."""
        raise AttributeError(f"the in-memory demo has no {name}")
