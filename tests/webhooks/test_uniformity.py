"""Callers cannot learn which connections exist, and no altered byte passes verification."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.clock import MovableClock, now
from ml_connector.domain.ids import AppId
from ml_connector.infrastructure.inbox import KEPT_FOR
from ml_connector.webhooks import airbase as airbase_webhook
from ml_connector.webhooks import exact as exact_webhook
from ml_connector.webhooks.bootstrap import WebhookClients, open_airbase_webhook, open_exact_webhook
from ml_connector.webhooks.verification import (
    Event,
    UnverifiedError,
    WebhookCall,
)
from tests.webhooks.aws import (
    AIRBASE_EVENT,
    FIRM,
    OLDER_SECRET,
    SECRET,
    WebhookAws,
    airbase_headers,
    event,
    exact_body,
    raw,
)

BODY = raw(AIRBASE_EVENT)
NOTIFICATION = exact_body()
# The examples share the mocks and fixtures of their test on purpose.
RELAXED = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AIRBASE = airbase_webhook.parse_settings({"secrets": [SECRET, OLDER_SECRET]})
EXACT = exact_webhook.parse_settings({"secrets": [SECRET, OLDER_SECRET]})

UNKNOWN = ["nobody", "example-fir", "example-firm2", "Example-Firm", "", "-", "a" * 64, "a" * 5000,
           "../example-firm", "example-firm/x", "example%2dfirm", "*", "exämple", "a\nb", "a\x00",
           "stack/airbase-webhook/example-firm"]  # fmt: skip


@pytest.fixture
def webhooks(aws: WebhookAws) -> dict[str, Any]:
    aws.store_secret("airbase", {"secrets": [SECRET]})
    aws.store_secret("exact", {"secrets": [SECRET]})
    made: dict[str, Any] = {
        "airbase": open_airbase_webhook(aws.environment, aws.clients),
        "exact": open_exact_webhook(aws.environment, aws.clients),
    }
    return made


@pytest.mark.parametrize("source", ["airbase", "exact"])
@pytest.mark.parametrize("connection", [name for name in UNKNOWN if name], ids=ascii)
def test_unknown_and_wrongly_signed_get_the_same_bytes(
    aws: WebhookAws, webhooks: dict[str, Any], source: str, connection: str
) -> None:
    answer = webhooks[source].answer
    wrong = answer(event(b'{"a":1}', {"x-airbase-signature": "sha256=00"}))
    body = BODY if source == "airbase" else NOTIFICATION
    rightly_signed = answer(event(body, airbase_headers(body), connection))
    assert json.dumps(rightly_signed) == json.dumps(wrong)
    assert wrong["statusCode"] == 401
    assert wrong["body"] == ""
    assert aws.is_empty()


BROKEN = ["", "{", "[]", "null", "7", "{}", '{"secrets":[]}', '{"secrets":[""]}',
          '{"secrets":"text"}', '{"secrets":[7]}', '{"secrets":null}',
          '{"secrets":[null]}']  # fmt: skip
BROKEN_SCHEMES: list[Any] = [
    "hmac", 7, {"scheme": "magic"}, {"scheme": None}, {"scheme": "hmac", "algorithm": "md5"},
    {"scheme": "hmac", "algorithm": "sha1"}, {"scheme": "hmac", "encoding": "rot13"},
    {"scheme": "hmac", "header": 7}, {"scheme": "shared_header"}, {"scheme": ["none"]},
]  # fmt: skip


@pytest.mark.parametrize("source", ["airbase", "exact"])
@pytest.mark.parametrize("text", [text for text in BROKEN if text])
def test_a_connection_with_an_unusable_secret_looks_unknown(
    aws: WebhookAws, source: str, text: str
) -> None:
    aws.store_secret(source, text)
    make: Any = {"airbase": open_airbase_webhook, "exact": open_exact_webhook}[source]
    answer = make(aws.environment, aws.clients).answer(event(BODY, airbase_headers(BODY)))
    assert answer["statusCode"] == 401


@pytest.mark.parametrize("verification", BROKEN_SCHEMES, ids=str)
def test_an_unusable_scheme_refuses_every_call(aws: WebhookAws, verification: Any) -> None:
    aws.store_secret("airbase", {"verification": verification, "secrets": [SECRET]})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    assert webhook.answer(event(BODY, airbase_headers(BODY)))["statusCode"] == 401
    assert aws.is_empty()


def test_another_connection_s_secret_does_not_fit(
    aws: WebhookAws, webhooks: dict[str, Any]
) -> None:
    aws.store_secret("airbase", {"secrets": ["the-other-firm-s-secret"]}, "other-firm")
    headers = airbase_headers(BODY)
    assert webhooks["airbase"].answer(event(BODY, headers, "other-firm"))["statusCode"] == 401
    assert webhooks["airbase"].answer(event(BODY, headers, FIRM))["statusCode"] == 202


class _CountingClient:
    """Counts the calls to Secrets Manager."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.calls: list[dict[str, str]] = []

    def get_secret_value(self, **request: str) -> Any:
        self.calls.append(request)
        return self._client.get_secret_value(**request)


def _counted(aws: WebhookAws) -> tuple[_CountingClient, Any]:
    counting = _CountingClient(aws.clients.secretsmanager)
    clients = WebhookClients(aws.clients.dynamodb, aws.clients.sqs, counting)
    return counting, open_airbase_webhook(aws.environment, clients)


@pytest.mark.parametrize("connection", ["nobody", FIRM])
def test_secrets_are_read_once_a_minute_for_known_and_unknown_connections(
    aws: WebhookAws, time: MovableClock, connection: str
) -> None:
    aws.store_secret("airbase", {"secrets": [SECRET]})
    counting, webhook = _counted(aws)
    for _ in range(59):
        webhook.answer(event(b"x", connection=connection))
        time.move(1)
    assert len(counting.calls) == 1
    time.move(2)
    webhook.answer(event(b"x", connection=connection))
    assert len(counting.calls) == 2
    assert {call["VersionStage"] for call in counting.calls} == {"AWSCURRENT"}


@pytest.mark.parametrize("connection", ["UPPER", "a b", "../x", "a" * 64, "é"])
def test_an_impossible_id_reads_no_secret(aws: WebhookAws, connection: str) -> None:
    counting, webhook = _counted(aws)
    assert webhook.answer(event(BODY, connection=connection))["statusCode"] == 401
    assert counting.calls == []


def test_an_oversized_or_misdirected_call_reads_no_secret(aws: WebhookAws) -> None:
    counting, webhook = _counted(aws)
    webhook.answer(event(b"x" * 7_000_000))
    webhook.answer(event(BODY, method="GET"))
    assert counting.calls == []


def test_the_cache_of_unknown_connections_is_bounded(aws: WebhookAws) -> None:
    _, webhook = _counted(aws)
    secrets: Any = webhook._secrets
    for number in range(1005):
        secrets._cache(f"c{number}", None)
    assert len(secrets._cached) == 1000


@RELAXED
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_an_airbase_event_passes(position: int, flip: int) -> None:
    body = bytearray(BODY)
    body[position] ^= flip
    call = WebhookCall(AppId(FIRM), airbase_headers(BODY), {}, bytes(body))
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)


@RELAXED
@given(st.integers(0, len("sha256=") + 63), st.integers(1, 0x10FFFF))
def test_no_changed_character_of_an_airbase_signature_passes(position: int, other: int) -> None:
    header = airbase_headers(BODY)["x-airbase-signature"]
    changed = header[:position] + chr(other) + header[position + 1 :]
    if changed == header:
        return
    call = WebhookCall(AppId(FIRM), {"x-airbase-signature": changed}, {}, BODY)
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)


@RELAXED
@given(st.integers(0, len(NOTIFICATION) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_an_exact_notification_passes(position: int, flip: int) -> None:
    body = bytearray(NOTIFICATION)
    body[position] ^= flip
    with pytest.raises(UnverifiedError):
        exact_webhook.accept(WebhookCall(AppId(FIRM), {}, {}, bytes(body)), EXACT, now(), KEPT_FOR)


@RELAXED
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_invented_body_passes(body: bytes) -> None:
    call = WebhookCall(AppId(FIRM), airbase_headers(body, "guess"), {}, body)
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)
    with pytest.raises(UnverifiedError):
        exact_webhook.accept(call, EXACT, now(), KEPT_FOR)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.sampled_from([*AIRBASE_EVENT, "Topic", "Key", "Division", "Action", "EventCreatedOn"])


KINDS = {"order", "exact", "account", "unreadable"}


def outcome(accept: Callable[[], Event]) -> str:
    try:
        return str(accept().message.kind)
    except UnverifiedError as error:
        return str(error)[:5]


@RELAXED
@given(st.dictionaries(FIELDS, JSON) | JSON)
def test_any_genuine_json_is_an_event_or_unreadable(value: Any) -> None:
    body = raw(value)
    call = WebhookCall(AppId(FIRM), airbase_headers(body), {}, body)
    notification = WebhookCall(AppId(FIRM), {}, {}, exact_body(body))
    found = {
        outcome(lambda: airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)),
        outcome(lambda: exact_webhook.accept(notification, EXACT, now(), KEPT_FOR)),
    }
    assert found <= ({*KINDS, "stale"} if isinstance(value, dict) else {"unreadable"})
