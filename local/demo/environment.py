"""The demo environment: the stack from template.yaml, the simulators and an identity provider."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from types import TracebackType
from typing import Any, Self

import httpx

from local import airbase_simulator, exact_simulator
from local.airbase_simulator import AirbaseSimulator
from local.demo.mailbox import Mailbox
from local.exact_simulator import ExactSimulator
from local.exact_simulator.sites import build_sites
from local.firm import BRANCHES, CONNECTION_ID, Branch, Firm
from local.identity_provider import CLIENT_ID, CLIENT_SECRET, GRANTS, IdentityProvider
from local.simulator import serve
from local.stack import CONSOLE_API, WEBHOOK_API, LocalStack
from ml_connector import clock
from ml_connector.bootstrap import open_services
from ml_connector.clock import MovableClock
from ml_connector.domain.console_access import AccessRules, Admin, Grant
from ml_connector.domain.ids import Actor, AppId, ConnectionId
from ml_connector.domain.records import Note
from ml_connector.exact.oauth import Tokens, authorize_url
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.consents import Consents
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.secret_store import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    CONSOLE_CLIENT,
    EXACT_APP,
    EXACT_WEBHOOK,
    WHOLE_STACK,
    AwsSecretStore,
)
from ml_connector.messages.sending import refresh_message
from ml_connector.secret import Secret
from ml_connector.services import Services, StackServices
from ml_connector.settings.connection import Connection

WORKER = "PoPostingFunction"

FIRM = ConnectionId(CONNECTION_ID)
SENDER = "orders@firm.example.test"
"""Who sends the stack's mail; its domain is verified in SES."""


@dataclass(frozen=True)
class Ports:
    """Loopback ports; 0 takes a free one.

    `exact` is that of the first site. `aws_listen`: another address for the AWS endpoint, so that
    containers can reach it.
    """

    webhooks: int = 0
    aws: int = 0
    exact: int = 0
    airbase: int = 0
    console: int = 0
    identity: int = 0
    exact_be: int = 0
    exact_de: int = 0
    aws_listen: str = "127.0.0.1"


class DemoEnvironment:
    """The stack, the simulators and an identity provider, on one clock that can be moved.

    `sites` are the simulators of Exact, by the name of their site; `exact` is the first.
    """

    def __init__(
        self,
        ports: Ports | None = None,
        *,
        branches: Sequence[Branch] = BRANCHES,
        visibility: int | None = 1,
        variables: Mapping[str, str] | None = None,
        identity: IdentityProvider | None = None,
    ) -> None:
        """Prepare; entering the context starts everything.

        `branches` are the firm's divisions, on as many sites as they name. `visibility` (seconds)
        and `variables` are as for `LocalStack`; `identity` replaces the identity provider, which
        serves from now on: the stack is made for its address.
        """
        ports = ports or Ports()
        self.clock = MovableClock()
        self.sites = build_sites(tuple(dict.fromkeys(each.site for each in branches)), self.clock)
        for exact in self.sites.values():
            exact.oauth.accepts_loopback = True  # the stack's own route is one
        self.exact = self.sites[branches[0].site]
        self.exact_urls: dict[str, str] = {}
        self.airbase = AirbaseSimulator(clock=self.clock)
        self.firm = Firm(self.sites, self.airbase, branches)
        self.identity = identity or IdentityProvider()
        self._running = ExitStack()
        serve_identity = serve(self.identity.handle, port=ports.identity)
        self.identity_url = self._running.enter_context(serve_identity)
        self.stack = LocalStack(
            clock=self.clock,
            api_ports={WEBHOOK_API: ports.webhooks, CONSOLE_API: ports.console},
            aws_port=ports.aws,
            aws_listen=ports.aws_listen,
            visibility=visibility,
            variables=variables,
            parameters={
                "ConsoleIssuer": self.identity_url,
                "ConsoleClientId": CLIENT_ID,
                "NotificationSender": SENDER,
            },
        )
        self.stack.mail.verified.add(SENDER.partition("@")[2])
        self._ports = ports

    def __enter__(self) -> Self:
        """Start the stack and serve the simulators; stop what was started if something fails."""
        try:
            return self._start()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def _start(self) -> Self:
        clock.read_from(self.clock)
        self._running.enter_context(self.stack)
        ports = (self._ports.exact, self._ports.exact_be, self._ports.exact_de)
        for (name, exact), port in zip(self.sites.items(), ports, strict=False):
            serve_exact = exact_simulator.serve(exact, port=port)
            self.exact_urls[name] = self._running.enter_context(serve_exact)
        self.exact_url = next(iter(self.exact_urls.values()))
        serve_airbase = airbase_simulator.serve(self.airbase, port=self._ports.airbase)
        self.airbase_url = self._running.enter_context(serve_airbase)
        self.services = self._open_services()
        self._give_access()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything and restore the real clock; raises as `LocalStack` does."""
        try:
            self._running.__exit__(kind, error, trace)
        finally:
            clock.read_from(clock.MovableClock())

    def connect(self) -> None:
        """Fill both systems and add the firm's connection, with the consent of every site."""
        self.firm.populate()
        config = self.firm.connection(self.exact_urls, self.airbase_url, self.url("exact"))
        self.add_connection(config)
        self.airbase.outbox.url = self.url("airbase")
        self.stack.drain()

    def add_connection(self, config: Mapping[str, Any]) -> None:
        """Add a connection to the simulators, with the secrets that they issued."""
        connection = Connection.model_validate(config)
        secret_store, id = self._secret_store(), connection.id
        verification = connection.profile.verification.model_dump()
        secrets = [self.airbase.outbox.secret]
        secret_store.store(AIRBASE_KEY, id, {"api_key": self.airbase.api_key})
        secret_store.store(AIRBASE_WEBHOOK, id, {"verification": verification, "secrets": secrets})
        for site in connection.sites:
            exact = self.sites.get(site.site, self.exact)
            app = {"client_id": exact.client_id, "client_secret": exact.client_secret}
            secret_store.store(EXACT_WEBHOOK, site.id, {"secrets": [exact.webhook_secret]})
            secret_store.store(EXACT_APP, site.id, app)
            self._store_consent(secret_store, site.id, exact)
        self.services.data_form.finish(Actor("demo"))
        self.services.connections.save(connection)
        for division in connection.divisions:
            message = refresh_message(id, division.division)
            self.services.queues.send(message)

    def give_consent(self, branch: Branch) -> None:
        """Let a person's browser follow Exact's redirect after consent at a branch's site."""
        consents = Consents(self.services.tables.coordination)
        redirect_uri = self.stack.outputs["ExactRedirectUri"]
        base_url, client_id = self.exact_urls[branch.site], self.sites[branch.site].client_id
        state = consents.create(branch.app, branch.site, base_url, redirect_uri)
        url = authorize_url(base_url, client_id, redirect_uri, state.reveal())
        httpx.get(url, follow_redirects=True).raise_for_status()

    @cached_property
    def mailbox(self) -> Mailbox:
        """Return what people are sent, from the first use on."""
        return Mailbox(self.stack)

    def url(self, sender: str, connection: str = CONNECTION_ID) -> str:
        """Return the webhook URL for `airbase` or `exact`."""
        return f"{self.stack.url}/webhooks/{sender}/{connection}"

    def wait(self, by: timedelta) -> None:
        """Move the clock, sweep, and process the queues."""
        self.clock.move(by)
        self.sweep()

    def sweep(self) -> None:
        """Deliver Exact's notifications, sweep once, and process the queues."""
        for exact in self.sites.values():
            exact.webhooks.pump()
        self.stack.fire("SweepSchedule")
        self.stack.drain()

    def services_of(self, id: ConnectionId = FIRM) -> Services:
        """Return a connection's services; raises KeyError when it has no settings."""
        found = self.services.of(id)
        if found is None:
            raise KeyError(id)
        return found

    def posting_calls(self) -> list[Any]:
        """Return the calls to all Exact sites, token calls excluded."""
        every = (call for exact in self.sites.values() for call in exact.calls)
        return [call for call in every if "oauth2" not in call.path]

    def _store_consent(
        self, secret_store: AwsSecretStore, app: AppId, exact: ExactSimulator
    ) -> None:
        given = exact.issue_tokens()
        pair = Secret(given["access_token"]), Secret(given["refresh_token"])
        pairs = TokenPairs(app, secret_store, self.services.tables.coordination)
        number = pairs.next_number(of_new_consent=True)
        pairs.store(Tokens(*pair, clock.now(), number=number))

    def _give_access(self) -> None:
        """Let the people of the identity provider into the console."""
        secret = {"client_secret": CLIENT_SECRET}
        self._secret_store().store(CONSOLE_CLIENT, WHOLE_STACK, secret)
        note = Note("", Actor("demo"), clock.now())
        rules = AccessRules(
            tuple(Grant(role, value, note, divisions) for role, value, divisions in GRANTS),
            (Admin("u-admin", note),),
        )
        ConsoleRules(self.services.tables.mappings).change(lambda _: rules)

    def _open_services(self) -> StackServices:
        return open_services("local", self.stack.environment(WORKER))

    def _secret_store(self) -> AwsSecretStore:
        variables = self.stack.environment(WORKER)
        clients = self.stack.client("secretsmanager"), self.stack.client("kms")
        return AwsSecretStore(*clients, variables["SECRET_PREFIX"], variables["KMS_KEY_ID"])
