"""The in-memory stack as a person's requests use it: no terminal and no AWS."""

from typing import Any

from connector_cli.stack import OpenedStack
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import Actor
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.queues import Message
from ml_connector.stack import Addresses

_ADDRESSES = Addresses(
    "https://stack.test/airbase/{connection}",
    "https://stack.test/exact/{connection}",
    "https://stack.test/oauth/exact",
)
PERSON = Actor("connector arn:aws:iam::000000000000:user/bookkeeper")


class _Topic:
    """The stack's topic, with one confirmed subscriber; others have yet to open AWS's link."""

    name = "topic"

    def __init__(self, env: InMemoryEnvironment) -> None:
        self._pending: list[str] = vars(env).setdefault("mails", [])

    def send(self, subject: str, text: str, html: str) -> None:
        """Deliver it to nobody."""

    def subscribe(self, address: str) -> bool:
        self._pending.append(address)
        return False

    def subscribers(self) -> tuple[int, int]:
        return 1, len(self._pending)


class PersonStack(OpenedStack):
    """A stack over an in-memory environment, opened by one person."""

    def __init__(self, env: InMemoryEnvironment) -> None:
        self.env = env
        self.tables = env.memory.tables
        self.queues = env.memory.queues
        opened: dict[str, Any] = {
            "services": env.services,
            "actor": PERSON,
            "secret_store": env.memory.secret_store,
            "addresses": _ADDRESSES,
            "topic": _Topic(env),
            "stand_ins": vars(env).get("stand_ins", {}),
            "tells_by_mail": vars(env).get("tells_by_mail", True),
            "sends_mail": False,
            "http": http_clients.client(env.memory.transport),
        }
        vars(self).update(opened)

    def send(self, message: Message, why: str) -> None:
        self.env.clock.move(0.001)
        self.queues.send(message, f"{message.group} {why} {self.env.clock()}")


def actors(env: InMemoryEnvironment, key: Any) -> dict[str, str]:
    """Return who took each step last."""
    return {entry.step: entry.actor for entry in env.services.ledger_of(FIRM).trail(key)}
