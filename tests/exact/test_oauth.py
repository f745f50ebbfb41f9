"""Token requests, and the meaning of the token endpoint's answers by their text."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from ml_connector.exact import oauth
from ml_connector.exact.oauth import Granted, Tokens
from ml_connector.secret import Secret

AT = datetime(2026, 10, 26, 12, tzinfo=UTC)
BASE = "https://start.exactonline.nl"


def outcome(status: int, body: bytes, **headers: str) -> oauth.TokenOutcome:
    return oauth.interpret(status, headers, body, AT)


@pytest.mark.parametrize("expires", ['"600"', "600", "null", '"soon"', "0", "[]"])
def test_a_granted_pair(expires: str) -> None:
    body = f'{{"access_token":"a","expires_in":{expires},"refresh_token":"r"}}'
    found = outcome(200, body.encode())
    assert isinstance(found, Granted)
    assert found.tokens == Tokens(Secret("a"), Secret("r"), AT, 600)


TOO_EARLY = (
    b'{ "error":"access_denied","error_description":"Rate limit exceeded: access_token not '
    b'expired" }'
)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, TOO_EARLY, oauth.TooEarly),
        (401, TOO_EARLY, oauth.TooEarly),
        (401, b'{"error_description":"access token not expired"}', oauth.TooEarly),
        (
            401,
            b'{"error":"unauthorized_client","error_description":"Old refresh token used."}',
            oauth.OldRefreshToken,
        ),
        (
            400,
            b'{"error":"unauthorized_client","error_description":"Old refresh token used."}',
            oauth.OldRefreshToken,
        ),
        (
            400,
            b'{"error":"invalid_request","error_description":"The refresh token expired at '
            b'1 and it is now 2"}',
            oauth.Expired,
        ),
        (
            400,
            b'{ "error":"invalid_grant","error_description":"Token is not allowed, because of '
            b'invalid or empty chainId" }',
            oauth.InvalidGrant,
        ),
        (400, b'{"error":"invalid_client"}', oauth.InvalidClient),
        (400, b'{"error":"brand_new"}', oauth.Unknown),
        (400, b"", oauth.Wordless),
        (403, b"<html/>", oauth.Wordless),
        (401, b'{"Message":"Denied"}', oauth.Wordless),
        (302, b"", oauth.Wordless),
        (500, b'{"error":"server_error"}', oauth.Transient),
        (503, b"<html/>", oauth.Transient),
        (429, b'{"error":"slow_down"}', oauth.Transient),
        (200, b"", oauth.Wordless),
        (200, b"[]", oauth.Wordless),
        (200, b'{"access_token":"a"}', oauth.Wordless),
        (200, b'{"access_token":1,"refresh_token":"r"}', oauth.Wordless),
    ],
)
def test_answers(status: int, body: bytes, meaning: type[oauth.TokenOutcome]) -> None:
    assert type(outcome(status, body)) is meaning


def test_the_reason_header_alone_is_enough() -> None:
    found = outcome(400, b"", Reason="TooEarlyToRefreshTokens: Rate limit exceeded")
    assert isinstance(found, oauth.TooEarly)


def test_an_odd_refresh_token_is_unescaped_and_encoded() -> None:
    request = oauth.refresh_request(BASE, "id", Secret("s&="), Secret("a+b/c&amp;d=é"))
    assert request.url == f"{BASE}/api/oauth2/token"
    assert parse_qs(request.form.reveal()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["a+b/c&d=é"],
        "client_id": ["id"],
        "client_secret": ["s&="],
    }
    assert "a+b" not in repr(request)


def test_a_code_is_exchanged() -> None:
    request = oauth.code_request(BASE, "id", Secret("s"), Secret("c!"), "https://x.test/back")
    form = {k: v[0] for k, v in parse_qs(request.form.reveal()).items()}
    assert form == {
        "grant_type": "authorization_code",
        "code": "c!",
        "redirect_uri": "https://x.test/back",
        "client_id": "id",
        "client_secret": "s",
    }


def test_the_consent_address_is_at_the_site() -> None:
    parts = urlsplit(oauth.authorize_url(BASE, "id", "https://x.test/back", "state"))
    assert parts.path == "/api/oauth2/auth"
    query = parse_qs(parts.query)
    assert query["response_type"] == ["code"]
    assert query["state"] == ["state"]


def test_tokens_survive_the_secret_store() -> None:
    tokens = Tokens(Secret("a"), Secret("r"), AT, 600)
    assert Tokens.from_json(tokens.to_json()) == tokens
