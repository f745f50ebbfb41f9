"""The two webhook functions over the tables and queues in memory."""

import base64
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.meter import Meter
from local.in_memory.rights import acting_as
from local.in_memory.tables import InMemorySecretStore
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.records import OrderState
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.places import Places
from ml_connector.infrastructure.secret_store import AIRBASE_WEBHOOK, EXACT_WEBHOOK
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.webhooks import airbase, exact
from ml_connector.webhooks.bootstrap import airbase_sender, exact_sender
from ml_connector.webhooks.handler import WebhookHandler

CALLBACKS = "https://callback.test/webhooks"
Around = Callable[[str], AbstractContextManager[object]]


class Receivers:
    """Both webhook functions of an environment, to which its simulators send their calls."""

    def __init__(self, env: InMemoryEnvironment, around: Around = nullcontext) -> None:
        """Store the secrets of the senders of its firm; the simulators call the functions.

        `around` is entered for each call with the function's logical id. `secret_reads` counts the
        calls of Secrets Manager.
        """
        self._env = env
        self._around = around
        self.secret_reads = 0
        self._secrets: dict[tuple[str, str], float] = {}
        self._client = _SecretsManager(env.memory.secret_store, self._count)
        self.renew()
        env.airbase.outbox.url = f"{CALLBACKS}/airbase/{FIRM}"
        env.airbase.outbox.deliver = self._from_airbase
        secrets = [env.airbase.outbox.secret]
        env.memory.secret_store.store(AIRBASE_WEBHOOK, FIRM, {"secrets": secrets})
        secrets = [env.exact.webhook_secret]
        env.memory.secret_store.store(EXACT_WEBHOOK, FIRM, {"secrets": secrets})
        env.exact.webhooks.deliver = self._from_exact

    def posted(self, number: str, **more: Any) -> Meter:
        """Return what an order asks of AWS from its webhook until it is posted.

        `more` are the order's fields.
        """
        env, meter = self._env, Meter(secrets=self._secrets)
        order = env.order(number, **more)
        with meter.running():
            env.airbase.announce(order, "purchase_request.approved")
            for one in list(env.memory.queues.ready()):
                env.services.data_form.refuse_newer()  # as before each message
                env.memory.queues.deliver(one, lambda each: env.memory.work(each, env.services))
        if env.record(order).state != OrderState.POSTED:
            raise RuntimeError(f"{number} was not posted: {env.record(order).problems}")
        return meter

    def renew(self) -> None:
        """Start both functions anew: they remember nothing."""
        tables, queues = self._env.memory.tables, self._env.memory.queues
        senders_of = partial(WebhookSenders, tables.inbox)
        places_of = partial(Places, tables.coordination)
        common = partial(Inbox, tables.inbox), queues, senders_of, places_of
        self._airbase, self._exact = (
            WebhookHandler(sender, WebhookSecrets(self._client, f"stack/{kind}", parse), *common)
            for sender, kind, parse in (
                (airbase_sender(), AIRBASE_WEBHOOK, airbase.parse_settings),
                (exact_sender(), EXACT_WEBHOOK, exact.parse_settings),
            )
        )

    def _count(self) -> None:
        self.secret_reads += 1

    def _from_airbase(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        return self._call("AirbaseWebhookFunction", self._airbase, url, headers, body)

    def _from_exact(self, url: str, body: bytes) -> int:
        return self._call("ExactWebhookFunction", self._exact, url, {}, body)

    def _call(
        self, function: str, handler: Any, url: str, headers: Mapping[str, str], body: bytes
    ) -> int:
        name = urlsplit(url).path.rpartition("/")[2]
        lower = {key.lower(): value for key, value in headers.items()}
        event = {
            "headers": {"content-type": "application/json", **lower},
            "requestContext": {"http": {"method": "POST"}},
            "pathParameters": {"connection": name},
            "isBase64Encoded": True,
            "body": base64.b64encode(body).decode(),
        }
        with self._around(function), acting_as(function):
            return int(handler.answer(event)["statusCode"])


class _SecretsManager:
    """As much of a client as a webhook function uses."""

    exceptions = SimpleNamespace(ClientError=ClientError)

    def __init__(self, store: InMemorySecretStore, note: Callable[[], None]) -> None:
        self._store = store
        self._note = note

    def get_secret_value(self, SecretId: str, VersionStage: str) -> dict[str, Any]:  # noqa: ARG002, N803  as botocore names them
        """Return the secret; raises as AWS for one that is not stored."""
        self._note()
        _, kind, connection = SecretId.split("/")
        found = self._store.read_plain(kind, ConnectionId(connection))
        if found is None:
            code = {"Error": {"Code": "ResourceNotFoundException"}}
            raise ClientError(code, "GetSecretValue")  # type: ignore[arg-type]
        return {"SecretString": json.dumps(found)}
