"""The firm in memory in the place of the running stack, so that a story can be played there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from local.firm import BRANCHES
from local.office import FIRM, Office
from ml_connector.ids import Division
from ml_connector.workflows.messages import refresh_message


@dataclass
class OfficeScene:
    """What a story uses of a scene. Instead of webhooks, every order is looked at each time."""

    office: Office

    def __post_init__(self) -> None:
        """Name what a scene has."""
        self.airbase, self.exact, self.firm = (
            self.office.airbase, self.office.exact, self.office.firm,
        )  # fmt: skip
        self.clock, self.stack = self.office.clock, self

    def drain(self) -> None:
        """Let the workers see every order and every change in Exact."""
        for order in list(self.airbase.orders.values()):
            if order["status"] != "pending":
                self.office.queue(order)
        self.office.work()
        for branch in BRANCHES:
            message = refresh_message(FIRM, Division(branch.division), everything=True)
            self.office.mini.queues.send(message, f"{message.group} {self.clock()}")
        self.office.work()

    def fire(self, schedule: str) -> None:
        """Nothing subscribes here."""

    def wait(self, by: timedelta) -> None:
        """Let time pass, sweep, and work."""
        self.office.wait(seconds=by.total_seconds())

    def __getattr__(self, name: str) -> Any:
        """Say what a story may not use here."""
        raise AttributeError(f"a story in memory has no {name}")
