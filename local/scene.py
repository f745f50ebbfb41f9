"""The whole system on one machine: the stack from template.yaml and both simulators over HTTP."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

from local import exact_simulator, simulation
from local.airbase_simulator import AirbaseSimulator
from local.exact_simulator import ExactSimulator
from local.firm import CONNECTION_ID, Firm
from local.stack import LocalStack
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.connection import Connection
from ml_connector.doors.vault import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    EXACT_APP,
    EXACT_WEBHOOK,
    AwsVault,
)
from ml_connector.exact.oauth import Tokens
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import refresh_message
from ml_connector.workflows.wiring import open_doors

WORKER = "PoPostingFunction"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of what is served; 0 takes a free one.

    `aws_listen`: another address for the AWS endpoint, so that containers can reach it.
    """

    webhooks: int = 0
    aws: int = 0
    exact: int = 0
    airbase: int = 0
    aws_listen: str = "127.0.0.1"


class Scene:
    """Everything running, sharing one clock that can be moved forward."""

    def __init__(
        self,
        ports: Ports | None = None,
        *,
        visibility: int | None = 1,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare; nothing runs before the context is entered.

        `visibility` (seconds) and `variables` are as for `LocalStack`.
        """
        ports = ports or Ports()
        self.clock = MovableClock()
        self.exact = ExactSimulator(clock=self.clock)
        self.airbase = AirbaseSimulator(clock=self.clock)
        self.firm = Firm(self.exact, self.airbase)
        self.stack = LocalStack(
            clock=self.clock,
            port=ports.webhooks,
            aws_port=ports.aws,
            aws_listen=ports.aws_listen,
            visibility=visibility,
            variables=variables,
        )
        self._ports = ports
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Start the stack and serve both simulators."""
        clock.read_from(self.clock)
        self._open.enter_context(self.stack)
        serve_exact = exact_simulator.serve(self.exact, port=self._ports.exact)
        self.exact_url = self._open.enter_context(serve_exact)
        serve_airbase = simulation.serve(self.airbase.handle, port=self._ports.airbase)
        self.airbase_url = self._open.enter_context(serve_airbase)
        self.doors = self._open_doors()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything and let time be real again."""
        self._open.close()
        clock.read_from(clock.MovableClock())

    def connect(self) -> None:
        """Furnish both systems and add the firm's connection, consent included."""
        self.firm.furnish()
        config = self.firm.connection(self.exact_url, self.airbase_url, self.url("exact"))
        self.add_connection(config)
        self.airbase.outbox.url = self.url("airbase")
        self.stack.drain()

    def add_connection(self, config: Mapping[str, Any]) -> None:
        """Add a connection of both simulators, with the secrets that they gave out."""
        connection = Connection.model_validate(config)
        vault, id = self._vault(), connection.id
        verification = connection.profile.verification.model_dump()
        secrets = [self.airbase.outbox.secret]
        vault.store(AIRBASE_KEY, id, {"api_key": self.airbase.api_key})
        vault.store(AIRBASE_WEBHOOK, id, {"verification": verification, "secrets": secrets})
        vault.store(EXACT_WEBHOOK, id, {"secrets": [self.exact.webhook_secret]})
        app = {"client_id": self.exact.client_id, "client_secret": self.exact.client_secret}
        vault.store(EXACT_APP, id, app)
        given = self.exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        vault.seal_tokens(id, Tokens(*pair, clock.now()).to_json())
        self.doors.mappings.save(connection)
        for division in connection.divisions:
            self.doors.queues.send(refresh_message(id, division.division))

    def url(self, sender: str, connection: str = CONNECTION_ID) -> str:
        """Return where `airbase` or `exact` shall send its webhooks."""
        return f"{self.stack.url}/webhooks/{sender}/{connection}"

    def wait(self, by: timedelta) -> None:
        """Let time pass, sweep as the schedule would, and work off the queues."""
        self.clock.move(by)
        self.sweep()

    def sweep(self) -> None:
        """Let Exact's notifications arrive, the sweep fire once, and work off the queues."""
        self.exact.webhooks.pump()
        self.stack.fire("SweepSchedule")
        self.stack.drain()

    def posting_calls(self) -> list[Any]:
        """Return the calls that Exact has answered, but those for tokens."""
        return [call for call in self.exact.calls if "oauth2" not in call.path]

    def _open_doors(self) -> Doors:
        return open_doors("local", self.stack.environment(WORKER))

    def _vault(self) -> AwsVault:
        variables = self.stack.environment(WORKER)
        clients = self.stack.client("secretsmanager"), self.stack.client("kms")
        return AwsVault(*clients, variables["SECRET_PREFIX"], variables["KMS_KEY_ID"])


FIRM = ConnectionId(CONNECTION_ID)
