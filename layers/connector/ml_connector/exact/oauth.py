"""Exact's OAuth 2 token endpoint: its requests, and what its answers mean.

Answers are classified by their text: sources disagree on the status (400 or 401), and one status
has several meanings. https://support.exactonline.com (OAuth, good to know).
"""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from ml_connector import clock, telemetry
from ml_connector.infrastructure.answer_texts import read_json
from ml_connector.secret import Secret

TOKEN_PATH = "/api/oauth2/token"  # noqa: S105  an address
AUTHORIZE_PATH = "/api/oauth2/auth"
DEFAULT_LIFETIME = 600
_LONGEST_LIFETIME = 3600
LAST_MOMENTS = 30
"""Seconds before expiry from which Exact allows a renewal."""


@dataclass(frozen=True)
class Tokens:
    """An access token, the refresh token that renews it, and when they were issued (aware UTC)."""

    access_token: Secret
    refresh_token: Secret
    obtained_at: datetime
    lifetime: int = DEFAULT_LIFETIME
    """Seconds until the access token expires."""
    number: int = 0
    """Higher than that of every earlier pair of the connection; 0 when stored without one."""

    @property
    def age(self) -> timedelta:
        """Return their age: the refresh token expires after 30 days."""
        return clock.now() - self.obtained_at

    @property
    def is_valid(self) -> bool:
        """Return whether the access token should still be accepted."""
        return self.age < timedelta(seconds=self.lifetime)

    @property
    def renewable_at(self) -> datetime:
        """Return the first moment at which Exact allows a renewal."""
        return self.obtained_at + timedelta(seconds=max(self.lifetime - LAST_MOMENTS, 0))

    def conceal(self) -> None:
        """Keep both out of everything that is logged."""
        telemetry.conceal(self.access_token.reveal(), self.refresh_token.reveal())

    def to_json(self) -> Secret:
        """Return them as text for the secret store."""
        return Secret(
            json.dumps(
                {
                    "access_token": self.access_token.reveal(),
                    "refresh_token": self.refresh_token.reveal(),
                    "obtained_at": self.obtained_at.isoformat(),
                    "lifetime": self.lifetime,
                    "number": self.number,
                }
            )
        )

    @classmethod
    def from_json(cls, text: Secret) -> "Tokens":
        """Read what `to_json` wrote."""
        data = json.loads(text.reveal())
        return cls(
            Secret(data["access_token"]),
            Secret(data["refresh_token"]),
            datetime.fromisoformat(data["obtained_at"]),
            int(data["lifetime"]),
            int(data.get("number", 0)),
        )


class TokenRequest(Struct, frozen=True):
    """A form to POST to the token endpoint; its content is a secret."""

    url: str
    form: Secret

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that go with it."""
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        }


class TokenOutcome:
    """What an answer means; `text` is the endpoint's wording, without secrets."""

    def __init__(self, text: str = "") -> None:
        """Keep the wording."""
        self.text = text


class Granted(TokenOutcome):
    """A new pair of tokens."""

    def __init__(self, tokens: Tokens) -> None:
        """Carry the pair."""
        super().__init__()
        self.tokens = tokens


class TooEarly(TokenOutcome):
    """The access token has not expired yet: keep using it."""


class OldRefreshToken(TokenOutcome):
    """The refresh token was used before: a newer one was issued."""


class Expired(TokenOutcome):
    """The refresh token is older than its 30 days."""


class InvalidGrant(TokenOutcome):
    """The consent chain is broken: revoked, given again elsewhere, or the code was reused."""


class InvalidClient(TokenOutcome):
    """The client id or secret is wrong, or belongs to another country site."""


class Transient(TokenOutcome):
    """No answer, or a temporary one; whether a new pair was issued is unknown."""


class Wordless(TokenOutcome):
    """Another answer than OAuth's, as from a proxy or a blocked app: a page, nothing, other words.

    Whether a new pair was issued is unknown.
    """


class Unknown(TokenOutcome):
    """Refused with an unknown text."""


_TEXTS: tuple[tuple[str, type[TokenOutcome]], ...] = (
    ("access_token not expired", TooEarly),
    ("access token not expired", TooEarly),
    ("tooearlytorefreshtokens", TooEarly),
    ("old refresh token", OldRefreshToken),
    ("refresh token expired", Expired),
    ("refresh token has expired", Expired),
    ("chainid", InvalidGrant),
    ("invalid_grant", InvalidGrant),
    ("invalid_client", InvalidClient),
    ("client authentication failed", InvalidClient),
)


def authorize_url(base_url: str, client_id: str, redirect_uri: str, state: str) -> str:
    """Return the address where a person gives consent."""
    return f"{stateless_url(base_url, client_id, redirect_uri)}&{urlencode({'state': state})}"


def stateless_url(base_url: str, client_id: str, redirect_uri: str) -> str:
    """Return that address without the state, which whoever has it adds as `&state=`."""
    query = {
        "client_id": client_id,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "force_login": "1",
    }
    return f"{base_url}{AUTHORIZE_PATH}?{urlencode(query)}"


def code_request(
    base_url: str, client_id: str, client_secret: Secret, code: Secret, redirect_uri: str
) -> TokenRequest:
    """Return the request that turns a consent code (single use, minutes old) into tokens."""
    return _request(
        base_url,
        grant_type="authorization_code",
        code=code.reveal(),
        redirect_uri=redirect_uri,
        client_id=client_id,
        client_secret=client_secret.reveal(),
    )


def refresh_request(
    base_url: str, client_id: str, client_secret: Secret, refresh_token: Secret
) -> TokenRequest:
    """Return the request that renews; Exact sometimes issues tokens HTML-escaped."""
    return _request(
        base_url,
        grant_type="refresh_token",
        refresh_token=html.unescape(refresh_token.reveal()),
        client_id=client_id,
        client_secret=client_secret.reveal(),
    )


def interpret(status: int, headers: Mapping[str, str], body: bytes, at: datetime) -> TokenOutcome:
    """Return what an answer means; `at` is when it arrived."""
    data = _object(body)
    if status < 300 and (tokens := _tokens(data, at)):
        return Granted(tokens)
    text = _wording(headers, data)
    for part, outcome in _TEXTS:
        if part in text.lower():
            return outcome(text)
    if status >= 500 or status in (408, 429):
        return Transient(f"HTTP {status}. {text}".strip())
    return Unknown(text) if text else Wordless(f"HTTP {status}. {_other_wording(data)}".strip())


def _request(base_url: str, **form: str) -> TokenRequest:
    return TokenRequest(f"{base_url}{TOKEN_PATH}", Secret(urlencode(form)))


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        data = read_json(body)
    except ValueError:
        return {}
    return data if isinstance(data, Mapping) else {}


def _tokens(data: Mapping[str, Any], at: datetime) -> Tokens | None:
    access, refresh = data.get("access_token"), data.get("refresh_token")
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        return None
    return Tokens(Secret(access), Secret(refresh), at, _lifetime(data.get("expires_in")))


def _lifetime(value: Any) -> int:
    """Read `expires_in`, which Exact sends as a string; one that cannot be meant is ignored."""
    text = str(value).strip()
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(_LONGEST_LIFETIME))
    return (
        seconds
        if is_short and 0 < (seconds := int(text)) <= _LONGEST_LIFETIME
        else DEFAULT_LIFETIME
    )


def _wording(headers: Mapping[str, str], data: Mapping[str, Any]) -> str:
    reason = next((v for k, v in headers.items() if k.lower() == "reason"), "")
    parts = [data.get("error"), data.get("error_description"), reason]
    return ": ".join(part for part in parts if isinstance(part, str) and part)[:300]


def _other_wording(data: Mapping[str, Any]) -> str:
    """Return the words of an error as Exact's API writes it, or a service on the way."""
    error = data.get("error")
    inner = error.get("message") if isinstance(error, Mapping) else data.get("Message")
    text = inner.get("value") if isinstance(inner, Mapping) else inner
    return text[:300] if isinstance(text, str) else ""
