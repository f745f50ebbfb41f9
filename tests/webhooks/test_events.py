"""The samples in `events/` match what the senders send and what the functions answer."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from tests.webhooks.aws import WebhookAws

ROOT = Path(__file__).parents[2]
SAMPLE_SECRET = "sample-webhook-secret"
SAMPLES = {
    "airbase-webhook-approved": ("airbase", 202),
    "airbase-webhook-base64": ("airbase", 202),
    "exact-webhook-purchase-order": ("exact", 202),
    "exact-webhook-subscription-check": ("exact", 200),
}


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((ROOT / "events" / f"{name}.json").read_text())
    return read


def handler(source: str) -> Any:
    """Import the function's own entry point, as Lambda does."""
    path = ROOT / "functions" / f"{source}_webhook" / "app.py"
    spec = importlib.util.spec_from_file_location(f"{source}_webhook_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler


@pytest.fixture
def variables(aws: WebhookAws, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = aws.environment
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("SECRET_PREFIX", environment.secret_prefix)
    monkeypatch.setenv("INBOX_TABLE", environment.inbox_table)
    monkeypatch.setenv("COORDINATION_TABLE", environment.coordination_table)
    monkeypatch.setenv("PURCHASE_ORDER_QUEUE_URL", environment.queue_urls["purchase_orders"])
    monkeypatch.setenv("VENDOR_QUEUE_URL", environment.queue_urls["vendors"])


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize("name", SAMPLES)
def test_each_webhook_sample_is_answered_by_its_function(aws: WebhookAws, name: str) -> None:
    source, status = SAMPLES[name]
    aws.store_secret(source, {"secrets": [SAMPLE_SECRET]}, "example-firm")
    answer = handler(source)(sample(name), None)
    assert answer["statusCode"] == status
    assert len(aws.stored_events()) == (1 if status == 202 else 0)


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    ("webhook", "message"),
    [
        ("airbase-webhook-approved", "po-posting-order"),
        ("exact-webhook-purchase-order", "po-posting-exact-change"),
    ],
)
def test_the_queue_samples_match_the_queued_messages(
    aws: WebhookAws, webhook: str, message: str
) -> None:
    source, _ = SAMPLES[webhook]
    aws.store_secret(source, {"secrets": [SAMPLE_SECRET]}, "example-firm")
    handler(source)(sample(webhook), None)
    (sent,) = aws.messages()
    (record,) = sample(message)["Records"]
    assert json.loads(record["body"]) == sent["body"]
    assert record["attributes"]["MessageGroupId"] == sent["group"]


@pytest.mark.usefixtures("variables")
@pytest.mark.parametrize(
    "missing",
    ["SECRET_PREFIX", "INBOX_TABLE", "COORDINATION_TABLE", "PURCHASE_ORDER_QUEUE_URL"],
)
def test_a_webhook_function_without_its_settings_does_not_start(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(KeyError, match=missing):
        handler("airbase")
