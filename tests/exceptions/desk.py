"""The command's actions over the firm in memory: a person at a desk, without a terminal."""

from typing import Any

from connector_cli.stack import Stack
from local.office import FIRM, Office
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.queues import Message

PERSON = "connector arn:aws:iam::000000000000:user/bookkeeper"


class Desk(Stack):
    """A stack whose doors are those of an office."""

    def __init__(self, office: Office) -> None:
        self.office = office
        tables = office.mini.tables
        opened: dict[str, Any] = {
            "doors": office.doors,
            "signed": Ledger(tables.ledger, tables.audit, PERSON),
            "actor": PERSON,
        }
        vars(self).update(opened)

    def send(self, message: Message, why: str) -> None:
        self.office.clock.move(0.001)
        self.office.mini.queues.send(message, f"{message.group} {why} {self.office.clock()}")


def actors(office: Office, key: Any) -> dict[str, str]:
    """Return who took each step last."""
    return {entry.step: entry.actor for entry in office.doors.ledger.trail(FIRM, key)}
