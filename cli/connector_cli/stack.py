"""A deployed stack, opened: its tables, queues, secrets and addresses, found by its outputs."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import botocore.session
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connector_cli.complaints import Complaint
from connector_cli.target import Target
from ml_connector.connection import Connection
from ml_connector.consent.desk import Desk
from ml_connector.consent.wiring import join_desk
from ml_connector.doors import http as http_door
from ml_connector.doors.channels import Topic
from ml_connector.doors.consents import Consents
from ml_connector.doors.ledger import CONNECTION, Ledger
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message, Queues
from ml_connector.doors.vault import EXACT_TOKENS, AwsVault
from ml_connector.ids import ConnectionId
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.wiring import Tables, join_doors, open_tables

_ACTOR = "connector"
_TABLES = {f"{name.upper()}_TABLE": f"{name.title()}Table" for name in Tables.__dataclass_fields__}
_QUEUES = {PURCHASE_ORDERS: "PurchaseOrderQueueUrl", VENDORS: "VendorQueueUrl"}
_DEAD_LETTERS = {
    PURCHASE_ORDERS: "PurchaseOrderDeadLetterQueueUrl",
    VENDORS: "VendorDeadLetterQueueUrl",
}
_TOPIC = "NotificationTopicArn"
_KEY, _AIRBASE_URL, _EXACT_URL = "KmsKeyId", "AirbaseWebhookUrl", "ExactWebhookUrl"
_REDIRECT_URI = "ExactRedirectUri"
_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 20,
    "retries": {"mode": "standard", "total_max_attempts": 4},
}


class AdminVault(AwsVault):
    """The vault, with a look at the plain secrets that only an administrator's command needs."""

    def peek(self, kind: str, connection: ConnectionId) -> dict[str, Any] | None:
        """Return the JSON of a secret, None when it is not stored; `Halt` when it is no JSON."""
        found = self._read(kind, connection)
        return None if found is None else dict(found)

    def make_room_for_tokens(self, connection: ConnectionId) -> None:
        """Create the secret that will hold the sealed tokens: no function may create secrets."""
        name = self._name(EXACT_TOKENS, connection)
        with suppress(self._manager.exceptions.ResourceExistsException):
            self._manager.create_secret(Name=name, KmsKeyId=self._key_id)

    def drop(self, kind: str, connection: ConnectionId) -> None:
        """Remove one plain secret; absent is fine."""
        try:
            self._manager.delete_secret(
                SecretId=self._name(kind, connection), ForceDeleteWithoutRecovery=True
            )
        except self._manager.exceptions.ResourceNotFoundException:
            return


class Clients:
    """Makes clients of AWS services for one target."""

    def __init__(self, target: Target) -> None:
        """Use the target's own settings where it has some, else the AWS SDK's rules."""
        self._target = target
        self._session = botocore.session.get_session()

    def client(self, service: str) -> Any:
        """Return a client; a proxy is never asked for a target of its own address."""
        target = self._target
        own: dict[str, Any] = {"proxies": {}} if target.endpoint_url else {}
        return self._session.create_client(
            service,
            region_name=target.region,
            endpoint_url=target.endpoint_url,
            aws_access_key_id=target.key_id,
            aws_secret_access_key=target.key,
            config=Config(**_TIMEOUTS, **own),
        )


@dataclass(frozen=True)
class Addresses:
    """Where the two senders shall deliver; `{connection}` stands for the id.

    `redirect_uri` is where Exact sends the browser of whoever consents.
    """

    airbase: str
    exact: str
    redirect_uri: str

    def of(self, connection: ConnectionId) -> dict[str, str]:
        """Return the webhook URLs of a connection, by sender."""
        return {
            "airbase": self.airbase.replace("{connection}", connection),
            "exact": self.exact.replace("{connection}", connection),
        }


class Stack:
    """All that the actions need of a stack."""

    def __init__(
        self,
        clients: Clients,
        name: str,
        outputs: Mapping[str, str],
        http: httpx.Client | None = None,
    ) -> None:
        """Open the stack `name` with these outputs; `http` replaces the client for Exact."""
        self._clients = clients
        self.name = name
        self.addresses = Addresses(
            outputs[_AIRBASE_URL], outputs[_EXACT_URL], outputs[_REDIRECT_URI]
        )
        names = {variable: outputs[output] for variable, output in _TABLES.items()}
        self.tables = open_tables(clients.client("dynamodb"), names)
        self.sqs = clients.client("sqs")
        self.queue_urls = {queue: outputs[output] for queue, output in _QUEUES.items()}
        self.dead_letter_urls = {queue: outputs[output] for queue, output in _DEAD_LETTERS.items()}
        self.queues = Queues(self.sqs, self.queue_urls)
        self._topic = Topic(lambda: clients.client("sns"), outputs[_TOPIC])
        secrets, kms = clients.client("secretsmanager"), clients.client("kms")
        self.vault = AdminVault(secrets, kms, name, outputs[_KEY])
        self._http = http

    @cached_property
    def http(self) -> httpx.Client:
        """Return the client for Airbase and Exact."""
        return self._http or http_door.client()

    @cached_property
    def doors(self) -> Doors:
        """Return the doors of the workflows, for reading; what is written here is signed."""
        return join_doors(_ACTOR, self.tables, self.queues, self.vault, self.http, [self._topic])

    @cached_property
    def consents(self) -> Consents:
        """Return the consents that were asked for."""
        return Consents(self.tables.coordination)

    @cached_property
    def desk(self) -> Desk:
        """Return where a consent code is brought, by whoever runs the command."""
        return join_desk(self.tables.coordination, self.signed, self.vault, self.http)

    @cached_property
    def signed(self) -> Ledger:
        """Return the ledger as whoever runs the command: the audit trail names the AWS identity."""
        return Ledger(self.tables.ledger, self.tables.audit, self.actor)

    @cached_property
    def actor(self) -> str:
        """Return who runs the command, as the audit trail names them."""
        return f"{_ACTOR} {self._who()}".strip()

    def send(self, message: Message, why: str) -> None:
        """Queue a message that is never taken for an earlier one; `why` is a unique text."""
        self.queues.send(message, f"{message.group} {why}")

    def connection(self, id: str) -> Connection:
        """Return a connection; raises `Complaint` when there is none of this name."""
        found = self.doors.mappings.connection(ConnectionId(id))
        if found is None:
            raise Complaint(f"there is no connection {id!r}; see `connector connection list`")
        return found

    def known_id(self, id: str) -> ConnectionId:
        """Return the id of a connection that is, or was: its ledger and audit trail stay.

        Raises `Complaint` when nothing is known of it.
        """
        known = ConnectionId(id)
        if not self.doors.ledger.read(known, CONNECTION).version:
            return self.connection(id).id
        return known

    def _who(self) -> str:
        try:
            return str(self._clients.client("sts").get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError):
            return ""


def open_stack(target: Target, http: httpx.Client | None = None) -> Stack:
    """Find the stack and open it; raises `Complaint` when it is not there or not one of ours."""
    clients = Clients(target)
    outputs = _outputs(clients.client("cloudformation"), target)
    needed = {*_TABLES.values(), *_QUEUES.values(), *_DEAD_LETTERS.values()}
    needed |= {_KEY, _TOPIC, _AIRBASE_URL, _EXACT_URL, _REDIRECT_URI}
    if missing := sorted(needed - outputs.keys()):
        raise Complaint(f"stack {target.stack!r} is no connector: no output {', '.join(missing)}")
    return Stack(clients, target.stack, outputs, http)


def _outputs(cloudformation: Any, target: Target) -> dict[str, str]:
    try:
        (found,) = cloudformation.describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        region = cloudformation.meta.region_name
        raise Complaint(
            f"there is no stack {target.stack!r} in {region}: name it with --stack or "
            "CONNECTOR_STACK, and its region with --region"
        ) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
    if base := (target.webhook_base_url or "").rstrip("/"):
        outputs[_AIRBASE_URL] = f"{base}/webhooks/airbase/{{connection}}"
        outputs[_EXACT_URL] = f"{base}/webhooks/exact/{{connection}}"
        outputs[_REDIRECT_URI] = f"{base}/oauth/exact"
    return outputs
