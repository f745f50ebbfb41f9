"""When calls are accepted and refused is noted for people, whatever anybody sends."""

from typing import Any

import pytest

from ml_connector.clock import MovableClock
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.webhook_senders import WebhookSenders, WebhookSenderState
from ml_connector.webhooks.bootstrap import (
    WebhookClients,
    open_airbase_webhook,
    open_exact_webhook,
)
from tests.webhooks.aws import (
    AIRBASE_EVENT,
    FIRM,
    SECRET,
    WebhookAws,
    airbase_headers,
    event,
    exact_body,
    raw,
)

BODY = raw(AIRBASE_EVENT)
RIGHT = event(BODY, airbase_headers(BODY))
WRONG = event(BODY, airbase_headers(BODY, "another secret"))


def known(aws: WebhookAws) -> list[WebhookSenderState]:
    return WebhookSenders(DynamoTable(aws.clients.dynamodb, "inbox"), FIRM).all()


class CountingDynamo:
    """Counts the writes."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.writes = 0

    def put_item(self, **request: Any) -> Any:
        self.writes += 1
        return self._client.put_item(**request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_the_last_accepted_and_the_last_refused_call_are_noted_with_the_reason(
    aws: WebhookAws, time: MovableClock
) -> None:
    aws.store_secret("airbase", {"secrets": [SECRET]})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    assert webhook.answer(RIGHT)["statusCode"] == 202
    accepted = time()
    for _ in range(3):
        time.move(61)
        assert webhook.answer(WRONG)["statusCode"] == 401
    (state,) = known(aws)
    assert state.sender == "airbase"
    assert state.accepted_at
    assert state.refused_at
    assert state.refused_since
    assert state.accepted_at.timestamp() == accepted
    assert state.refused_at.timestamp() == time()
    assert state.refused_since.timestamp() == accepted + 61
    assert (state.refusals, state.reason) == (3, "not signed by a valid secret")
    webhook.answer(RIGHT)
    (state,) = known(aws)
    assert state.accepted_at
    assert (state.refusals, state.accepted_at.timestamp()) == (0, time())


def test_exact_is_noted_apart(aws: WebhookAws) -> None:
    aws.store_secret("exact", {"secrets": [SECRET]})
    webhook = open_exact_webhook(aws.environment, aws.clients)
    webhook.answer(event(exact_body(secret="another")))
    webhook.answer(event(exact_body()))
    (state,) = known(aws)
    assert (state.sender, state.refusals, bool(state.accepted_at)) == ("exact", 0, True)


def test_many_refused_calls_are_few_writes(aws: WebhookAws, time: MovableClock) -> None:
    aws.store_secret("airbase", {"secrets": [SECRET]})
    counting = CountingDynamo(aws.clients.dynamodb)
    clients = WebhookClients(counting, aws.clients.sqs, aws.clients.secretsmanager)
    webhooks = [open_airbase_webhook(aws.environment, clients) for _ in range(3)]
    for _ in range(60):
        for webhook in webhooks:  # processes that know nothing of each other
            webhook.answer(WRONG)
        time.move(2)
    assert counting.writes <= 3


def test_unknown_connections_leave_nothing(aws: WebhookAws) -> None:
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    webhook.answer(WRONG)
    assert aws.clients.dynamodb.scan(TableName="inbox")["Items"] == []


def test_a_call_is_accepted_although_its_outcome_cannot_be_noted(aws: WebhookAws) -> None:
    aws.store_secret("airbase", {"secrets": [SECRET]})

    class Away(CountingDynamo):
        def get_item(self, **request: Any) -> Any:
            if "#senders" in str(request["Key"]):
                raise aws.clients.dynamodb.exceptions.InternalServerError({}, "GetItem")
            return self._client.get_item(**request)

    clients = WebhookClients(
        Away(aws.clients.dynamodb), aws.clients.sqs, aws.clients.secretsmanager
    )
    webhook = open_airbase_webhook(aws.environment, clients)
    assert webhook.answer(RIGHT)["statusCode"] == 202


@pytest.mark.parametrize("sender", ["airbase", "exact"])
def test_a_correct_call_right_after_the_connection_was_added_is_accepted(
    aws: WebhookAws, sender: str
) -> None:
    make: Any = {"airbase": open_airbase_webhook, "exact": open_exact_webhook}[sender]
    call = RIGHT if sender == "airbase" else event(exact_body())
    webhook = make(aws.environment, aws.clients)
    assert webhook.answer(call)["statusCode"] == 401
    aws.store_secret(sender, {"secrets": [SECRET]})
    assert webhook.answer(call)["statusCode"] == 202


def test_a_correct_call_right_after_a_new_secret_is_accepted(aws: WebhookAws) -> None:
    aws.store_secret("airbase", {"secrets": ["an older secret"]})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    assert webhook.answer(RIGHT)["statusCode"] == 401
    aws.change_secret("airbase", {"secrets": [SECRET]})
    assert webhook.answer(RIGHT)["statusCode"] == 202


class CountingSecrets:
    """Counts the reads."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.reads = 0

    def get_secret_value(self, **request: str) -> Any:
        self.reads += 1
        return self._client.get_secret_value(**request)


@pytest.mark.parametrize("connection", [FIRM, "nobody"])
def test_refused_calls_cause_few_reads_of_secrets(
    aws: WebhookAws, time: MovableClock, connection: str
) -> None:
    aws.store_secret("airbase", {"secrets": [SECRET]})
    counting = CountingSecrets(aws.clients.secretsmanager)
    webhook = open_airbase_webhook(
        aws.environment, WebhookClients(aws.clients.dynamodb, aws.clients.sqs, counting)
    )
    call = event(BODY, airbase_headers(BODY, "another secret"), connection)
    for _ in range(59):
        webhook.answer(call)
        time.move(1)
    assert counting.reads <= 11
