"""A browser gets one of a few fixed pages, which contain nothing from its request."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from ml_connector.clock import MovableClock
from ml_connector.consent import redirect
from ml_connector.consent.exchange import CodeExchange
from ml_connector.consent.pages import PAGES
from ml_connector.consent.redirect import UnreadableRedirectError, answer, read
from tests.consent.environment import ConsentEnvironment

ROOT = Path(__file__).parents[2]


def call(consent: ConsentEnvironment, query: str) -> dict[str, Any]:
    return answer({"rawQueryString": query}, consent.exchange())


def test_success_then_reload(consent: ConsentEnvironment) -> None:
    query = consent.query(consent.ask())
    first, again = call(consent, query), call(consent, query)
    assert (first["statusCode"], again["statusCode"]) == (200, 200)
    assert "Connected to Exact Online" in first["body"]
    assert "Already done" in again["body"]
    assert "Connection: firm" in first["body"]
    assert "start again" not in first["body"] + again["body"]


def test_each_refusal_has_a_page_of_its_own(
    consent: ConsentEnvironment, time: MovableClock
) -> None:
    found = {
        "unknown": call(consent, f"code=c&state={'A' * 43}"),
        "unreadable": call(consent, "code=c"),
    }
    state = consent.ask()
    consent.exact.oauth.denies = True
    found["denied"] = call(consent, consent.query(state))
    consent.exact.oauth.denies = False
    late, spent = consent.ask(), consent.ask()
    spent_query = consent.query(spent)
    time.move(181)
    found["code"] = call(consent, spent_query)
    time.move(900)
    found["expired"] = call(consent, consent.query(late))
    for word, given_answer in found.items():
        page = PAGES[word]
        assert given_answer["statusCode"] == page.status
        assert page.heading in given_answer["body"]
    for word in ("denied", "code", "expired"):
        assert "connector connect firm --reconnect" in found[word]["body"], word
    assert "CONNECTION" in found["unknown"]["body"], "of which nothing is known"
    assert consent.tokens() is None


def test_a_page_s_address_is_not_leaked(consent: ConsentEnvironment) -> None:
    headers = call(consent, consent.query(consent.ask()))["headers"]
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_no_page_contains_text_of_the_request(
    consent: ConsentEnvironment, capsys: pytest.CaptureFixture[str]
) -> None:
    state = consent.ask()
    good = consent.query(state)
    queries = [
        good,
        good,
        "code=canary-code&state=canary-state",
        "error=canary-error&error_description=<script>canary</script>&state=canary-state",
        f"code=canary-code&state={consent.ask().reveal()}",
    ]
    seen = "".join(call(consent, query)["body"] for query in queries) + capsys.readouterr().out
    code = good.partition("code=")[2].partition("&")[0]
    assert "consent redirect" in seen, "the log was captured"
    hidden = ("canary", "<script>", state.reveal(), code, "rawQueryString")
    assert [text for text in hidden if text in seen] == []


def test_an_aws_outage_has_its_own_page(
    consent: ConsentEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "GetItem")

    monkeypatch.setattr(CodeExchange, "redeem", fail)
    answered = call(consent, "code=c&state=s")
    assert answered["statusCode"] == 500
    assert "It was not stored" in answered["body"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=a",
        "state=s",
        "code=&state=s",
        "code=a&state=",
        "code=a&code=b&state=s",
        "code=a&state=s&state=t",
        "code=a&state=s&" + "x" * 9000,
        "&".join(f"x{n}=1" for n in range(50)) + "&code=a&state=s",
    ],
)
def test_anything_else_than_a_redirect_is_refused(query: str) -> None:
    with pytest.raises(UnreadableRedirectError):
        read(query)


@given(st.text(max_size=200))
def test_any_query_string_is_read_or_refused(query: str) -> None:
    try:
        found = redirect.read(query)
    except UnreadableRedirectError:
        return
    assert found.state


def test_the_function_answers_the_sample(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("SECRET_PREFIX", "stack")
    monkeypatch.setenv("KMS_KEY_ID", "key")
    for name in ("COORDINATION", "LEDGER", "AUDIT"):
        monkeypatch.setenv(f"{name}_TABLE", name)
    sample = json.loads((ROOT / "events" / "exact-consent-redirect.json").read_text())
    with mock_aws():
        boto3.client("dynamodb").create_table(
            TableName="COORDINATION",
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        answered = handler()(sample, None)
    assert answered["statusCode"] == 404
    said = answered["body"] + capsys.readouterr().out
    assert [v for v in sample["queryStringParameters"].values() if v in said] == []


@pytest.mark.parametrize("missing", ["COORDINATION_TABLE", "LEDGER_TABLE", "KMS_KEY_ID"])
def test_the_function_does_not_start_without_its_settings(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    names = ("COORDINATION_TABLE", "LEDGER_TABLE", "AUDIT_TABLE", "SECRET_PREFIX", "KMS_KEY_ID")
    for name in ("AWS_DEFAULT_REGION", *names):
        monkeypatch.setenv(name, "eu-west-1")
    monkeypatch.delenv(missing)
    with pytest.raises(KeyError, match=missing):
        handler()


def handler() -> Any:
    """Import the function's own entry point, as Lambda does."""
    path = ROOT / "functions" / "exact_consent" / "app.py"
    spec = importlib.util.spec_from_file_location("exact_consent_app", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.handler
