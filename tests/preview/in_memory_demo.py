"""The in-memory environment in place of the demo environment, so that its scenario runs there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.demo.mailbox import Mail
from local.demo.scenario import RECONNECT
from local.firm import Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.infrastructure.halts import Halts
from ml_connector.messages.sending import refresh_message


@dataclass
class InMemoryDemo:
    """What the scenario uses of a demo environment; every order is queued instead of webhooks."""

    env: InMemoryEnvironment

    def __post_init__(self) -> None:
        """Provide the attributes of a demo environment."""
        env = self.env
        self.airbase, self.sites, self.firm = env.airbase, env.sites, env.firm
        self.clock, self.services = env.clock, env.services
        self.stack = self.mailbox = self

    def drain(self) -> None:
        """Let the workers process every order and every change in Exact."""
        for order in list(self.airbase.orders.values()):
            if order["status"] != "pending":
                self.env.queue(order)
        self.env.work()
        for branch in self.firm.branches:
            division = branch.key
            message = refresh_message(FIRM, division, everything=True)
            self.env.memory.queues.send(message, f"{message.group} {self.clock()}")
        self.env.work()

    def fire(self, schedule: str) -> None:
        """Do nothing: there are no subscriptions here."""

    def read(self) -> list[Mail]:
        """Return no messages: nobody is notified here."""
        return []

    def give_consent(self, branch: Branch) -> None:
        """Give consent at the site of this branch, as the function of the redirect does."""
        self.env.consent(branch.app, branch.site)
        Halts(self.services.ledger_of(FIRM)).lift({branch.site: RECONNECT})

    def wait(self, by: timedelta) -> None:
        """Let time pass, sweep, and work."""
        self.env.wait(seconds=by.total_seconds())

    def __getattr__(self, name: str) -> Any:
        """Name what the scenario may not use here."""
        raise AttributeError(f"the in-memory demo has no {name}")
