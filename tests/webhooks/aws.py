"""AWS as the webhooks use it (moto), one known connection, and correctly signed calls."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.inbox import Inbox, StoredEvent
from ml_connector.webhooks.bootstrap import WebhookClients, WebhookEnvironment

FIRM = ConnectionId("example-firm")
PREFIX = "stack"
SECRET = "sample-webhook-secret-of-the-tests"
OLDER_SECRET = "sample-secret-that-is-rotated-out"
NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC
"""2026-11-23T12:00:00Z."""

ORDER = "0f2d6a3e-order"
KEY = "8c1d2e3f-0000-4000-8000-00000000abcd"

AIRBASE_EVENT: dict[str, Any] = {
    "id": "evt-1",
    "object": "purchase_request",
    "type": "purchase_request.approved",
    "created_date": "2026-11-23T11:59:00.123456",
    "data": {"id": ORDER, "status": "approved"},
}
EXACT_CONTENT: dict[str, Any] = {
    "Topic": "PurchaseOrders",
    "ClientId": "0a0b0c0d-0000-4000-8000-000000000001",
    "Division": 101,
    "Action": "Update",
    "Key": KEY,
    "ExactOnlineEndpoint": f"https://exact.test/api/v1/101/x(guid'{KEY}')",
    "EventCreatedOn": "2026-11-23T11:59:30.123",
}


def raw(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def event(
    body: bytes | str | None,
    headers: Mapping[str, str] | None = None,
    connection: str | None = FIRM,
    query: Mapping[str, str] | None = None,
    *,
    is_base64: bool = False,
    method: str = "POST",
) -> dict[str, Any]:
    """Return API Gateway's event (payload 2.0)."""
    text = body.decode("utf-8", "surrogateescape") if isinstance(body, bytes) else body
    if is_base64 and isinstance(body, bytes):
        text = base64.b64encode(body).decode()
    built: dict[str, Any] = {
        "version": "2.0",
        "headers": {"content-type": "application/json", **(headers or {})},
        "requestContext": {"http": {"method": method}},
        "pathParameters": {} if connection is None else {"connection": connection},
        "isBase64Encoded": is_base64,
    }
    if text is not None:
        built["body"] = text
    if query:
        built["queryStringParameters"] = dict(query)
    return built


def hex_mac(text: bytes, secret: str = SECRET, algorithm: str = "sha256") -> str:
    return hmac.new(secret.encode(), text, algorithm).hexdigest()


def base64_mac(text: bytes, key: bytes, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.new(key, text, algorithm).digest()).decode()


def airbase_headers(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"x-airbase-signature": f"sha256={hex_mac(body, secret)}"}


def exact_body(content: Any = EXACT_CONTENT, secret: str = SECRET) -> bytes:
    signed = content if isinstance(content, bytes) else raw(content)
    code = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().upper()
    return b'{"Content":' + signed + b',"HashCode":"' + code.encode() + b'"}'


@dataclass
class WebhookAws:
    """The AWS resources of one test."""

    clients: WebhookClients
    environment: WebhookEnvironment

    @classmethod
    def build(cls, clients: WebhookClients) -> "WebhookAws":
        """Create the table and the queues."""
        _create_inbox(clients.dynamodb)
        clients.dynamodb.create_table(
            TableName="coordination",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in ("pk", "sk")],
            KeySchema=_schema("pk", "sk"),
        )
        urls = {name: create_queue(clients.sqs, name) for name in ("purchase_orders", "vendors")}
        return cls(clients, WebhookEnvironment(PREFIX, "inbox", "coordination", urls))

    @property
    def inbox(self) -> Inbox:
        return Inbox(DynamoTable(self.clients.dynamodb, "inbox"), FIRM)

    def store_secret(self, source: str, config: Any, connection: str = FIRM) -> None:
        """Store a connection's webhook secret; a string is stored unchanged."""
        text = config if isinstance(config, str) else json.dumps(config)
        self.clients.secretsmanager.create_secret(
            Name=f"{PREFIX}/{source}-webhook/{connection}", SecretString=text
        )

    def change_secret(self, source: str, config: Any, connection: str = FIRM) -> None:
        self.clients.secretsmanager.put_secret_value(
            SecretId=f"{PREFIX}/{source}-webhook/{connection}", SecretString=json.dumps(config)
        )

    def messages(self, queue: str = "purchase_orders") -> list[dict[str, Any]]:
        """Return and delete the messages waiting in a queue: bodies and groups.

        Each was sent with a place of the queue.
        """
        url = self.environment.queue_urls[queue]
        answer = self.clients.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]
        )
        found = answer.get("Messages", [])
        for message in found:
            self.clients.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        bodies = [json.loads(message["Body"]) for message in found]
        assert all(body.pop("place") for body in bodies)
        groups = [message["Attributes"]["MessageGroupId"] for message in found]
        return [{"body": b, "group": g} for b, g in zip(bodies, groups, strict=True)]

    def stored_events(self) -> list[StoredEvent]:
        """Return every event in the inbox, open or handled."""
        table = DynamoTable(self.clients.dynamodb, "inbox")
        items = self.clients.dynamodb.scan(TableName="inbox")["Items"]
        found = [Inbox(table, ConnectionId(i["pk"]["S"])).get(i["sk"]["S"]) for i in items]
        return [event for event in found if event is not None]

    def is_empty(self) -> bool:
        """Return whether no event was stored and no message sent."""
        return not self.stored_events() and not self.messages() and not self.messages("vendors")


def _create_inbox(client: Any) -> None:
    keys = ("pk", "sk", "open_group", "open_at")
    client.create_table(
        TableName="inbox",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k in keys],
        KeySchema=_schema("pk", "sk"),
        GlobalSecondaryIndexes=[
            {
                "IndexName": "open",
                "KeySchema": _schema("open_group", "open_at"),
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def _schema(group: str, order: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": group, "KeyType": "HASH"},
        {"AttributeName": order, "KeyType": "RANGE"},
    ]


def create_queue(client: Any, name: str) -> str:
    answer = client.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})
    return str(answer["QueueUrl"])
