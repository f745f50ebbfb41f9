"""No secret ever reaches a log line."""

import json
from typing import Any

import pytest

from ml_connector import telemetry
from ml_connector.secret import Secret
from ml_connector.telemetry import REDACTED, redact
from tests.webhooks.aws import OLDER_SECRET, SECRET, airbase_headers, event
from tests.webhooks.conftest import Call

HIDDEN = "s3cr3t-value/with+signs="


def _line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "fields",
    [
        {"authorization": HIDDEN},
        {"headers": {"Authorization": f"Token {HIDDEN}", "Cookie": HIDDEN}},
        {"refresh_token": HIDDEN},
        {"nested": [{"api_key": HIDDEN}, ({"client_secret": HIDDEN},)]},
        {"cause": f"GET https://x.test/hook?secret={HIDDEN}&a=1"},
        {"cause": f"callback ?code={HIDDEN}"},
        {"cause": f"sent Authorization: Bearer {HIDDEN}"},
        {"cause": f"sent 'Authorization': 'Token {HIDDEN}'"},
        {"cause": json.dumps({"refresh_token": HIDDEN})},
        {"cause": f"grant_type=refresh_token&refresh_token={HIDDEN}"},
        {"token": {"inner": HIDDEN}},
        {"secrets": [HIDDEN]},
        {"wrapped": Secret(HIDDEN)},
    ],
    ids=str,
)
def test_secrets_are_not_logged(capsys: pytest.CaptureFixture[str], fields: dict[str, Any]) -> None:
    telemetry.logger().warning("something", extra=fields)
    line = _line(capsys)
    assert json.loads(line)["message"] == "something"
    assert HIDDEN not in line


def test_a_concealed_value_is_never_logged(capsys: pytest.CaptureFixture[str]) -> None:
    telemetry.conceal("opaque-words")
    try:
        raise ValueError("the answer was opaque-words")
    except ValueError:
        telemetry.logger().exception("saw opaque-words", extra={"cause": ["opaque-words"]})
    line = _line(capsys)
    assert "opaque-words" not in line
    assert line.count(REDACTED) >= 3
    json.loads(line)


def test_other_values_are_logged_unchanged() -> None:
    fields = {
        "tokens_refreshed": 3,
        "is_signature_valid": True,
        "cause": "the code is BAD_FIELD",
        "more": "Exact says that the refresh token expired; a basic arrangement",
    }
    assert redact(fields) == fields


def test_the_webhooks_log_neither_bodies_nor_secrets(
    airbase: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    body = b'{"id":"1","data":{"id":"o-1","iban":"NL00BANK"}}'
    for headers in (airbase_headers(body), airbase_headers(body, "guess"), {}):
        airbase(event(body, headers))
    text = _line(capsys)
    assert "webhook kept" in text
    assert "webhook refused" in text
    for hidden in (SECRET, OLDER_SECRET, "NL00BANK", airbase_headers(body)["x-airbase-signature"]):
        assert hidden not in text
