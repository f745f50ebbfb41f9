"""Exact's OAuth2: rotating refresh tokens, and no new access token before 570 seconds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from local.exact_simulator.limits import ErrorLimit
from local.exact_simulator.world import World
from local.simulator import Request, Response

ACCESS_SECONDS = 600
EARLIEST_SECONDS = 570
REFRESH_DAYS = 30
CODE_SECONDS = 180
_DAY = 86_400
TOO_EARLY = "Rate limit exceeded: access_token not expired"
_NOT_PUBLIC = "A redirect URI must be a public https address."  # Exact's own text is not known
NO_CHAIN = "Token is not allowed, because of invalid or empty chainId"


@dataclass(slots=True)
class _Chain:
    """One consent; only the newest is valid, and of it only the newest refresh token."""

    refresh: str = ""
    issued_at: float = 0.0
    spent: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Code:
    redirect_uri: str
    expires_at: float


class TokenRefusedError(Exception):
    """A refused token call."""

    def __init__(self, status: int, error: str, description: str, reason: str = "") -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.description = description
        self.reason = reason

    def response(self) -> Response:
        """Return the answer; `Reason` is a header that only some refusals carry."""
        headers = {"Content-Type": "application/json"}
        if self.reason:
            headers["Reason"] = self.reason
        body = {"error": self.error, "error_description": self.description}
        return Response(self.status, headers, json.dumps(body).encode())


class OAuth:
    """The consents of one app and one user; `revoked` when the user withdrew consent."""

    def __init__(self, world: World, client_id: str, client_secret: str) -> None:
        self.revoked = False
        self.denies = False
        """The user denies consent."""
        self.per_day = 200
        self.redirect_uris: set[str] | None = None
        """The app's registered redirect URIs; None accepts any that may be registered."""
        self.accepts_loopback = False
        """Take http and loopback redirect URIs as well, which Exact does not."""
        self.refreshes = 0
        """The number of successful refreshes."""
        self._world = world
        self._client = (client_id, client_secret)
        self._chains: list[_Chain] = []
        self._access: dict[str, float] = {}
        self._codes: dict[str, _Code] = {}
        self._calls: dict[int, int] = {}
        self._errors = ErrorLimit()

    @property
    def consents(self) -> int:
        """Return how often consent was given."""
        return len(self._chains)

    def issue(self) -> dict[str, Any]:
        """Return a new pair, as after a new consent; this invalidates every older chain."""
        self.revoked = False
        self._chains.append(_Chain())
        return self._pair(self._chains[-1])

    def authorize(self, request: Request) -> Response:
        """Grant or deny consent at once and redirect the browser."""
        asked = request.query
        back = asked.get("redirect_uri", "")
        if not (self.accepts_loopback or _is_public(back)):
            return TokenRefusedError(400, "invalid_request", _NOT_PUBLIC).response()
        registered = self.redirect_uris is None or back in self.redirect_uris
        known = asked.get("client_id") == self._client[0] and bool(back) and registered
        if not known or asked.get("response_type") != "code":
            return TokenRefusedError(400, "invalid_request", "Unknown client.").response()
        answer = {"error": "access_denied"} if self.denies else {"code": self.code(back)}
        if "state" in asked:
            answer["state"] = asked["state"]
        separator = "&" if "?" in back else "?"
        return Response(302, {"Location": f"{back}{separator}{urlencode(answer)}"})

    def code(self, redirect_uri: str) -> str:
        """Return a new authorisation code, valid once and for three minutes."""
        code = self._world.secret(40)
        self._codes[code] = _Code(redirect_uri, self._world.clock() + CODE_SECONDS)
        return code

    def token(self, request: Request) -> Response:
        """Answer the token endpoint."""
        now = self._world.clock()
        today = int(now // _DAY)
        spent = self._calls.get(today, 0)
        if spent >= self.per_day or self._errors.blocked(0, "token", now):
            return Response(429)
        self._calls[today] = spent + 1
        try:
            pair = self._granted(dict(parse_qsl(request.body.decode(), keep_blank_values=True)))
        except (TokenRefusedError, UnicodeDecodeError) as error:
            answer = _refusal(error)
            self._errors.note(0, "token", answer.status, now)
            return answer
        body = json.dumps(pair, separators=(",", ":")).encode()
        return Response(200, {"Content-Type": "application/json"}, body)

    def admits(self, headers: Mapping[str, str]) -> bool:
        """Return whether a call has a valid access token."""
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.revoked:
            return False
        return self._world.clock() < self._access.get(token, 0.0)

    def expire(self) -> None:
        """Expire every access token; the next refresh is allowed at once."""
        self._access.clear()
        for chain in self._chains:
            chain.issued_at -= ACCESS_SECONDS

    def _granted(self, form: Mapping[str, str]) -> dict[str, str]:
        if (form.get("client_id"), form.get("client_secret")) != self._client:
            raise TokenRefusedError(401, "invalid_client", "Client authentication failed.")
        if form.get("grant_type") == "authorization_code":
            return self._from_code(form)
        if form.get("grant_type") == "refresh_token":
            return self._from_refresh(form.get("refresh_token", ""))
        raise TokenRefusedError(400, "unsupported_grant_type", "Unknown grant type.")

    def _from_code(self, form: Mapping[str, str]) -> dict[str, str]:
        code = self._codes.pop(form.get("code", ""), None)
        is_valid = code is not None and self._world.clock() < code.expires_at
        if code is None or not is_valid or code.redirect_uri != form.get("redirect_uri"):
            raise TokenRefusedError(400, "invalid_grant", NO_CHAIN)
        return self.issue()

    def _from_refresh(self, token: str) -> dict[str, str]:
        now = self._world.clock()
        chain = self._chains[-1] if self._chains else _Chain()
        if self.revoked or not (token == chain.refresh or token in chain.spent):
            raise TokenRefusedError(400, "invalid_grant", NO_CHAIN)
        if token in chain.spent:
            raise TokenRefusedError(401, "unauthorized_client", "Old refresh token used.")
        if now >= (ended := chain.issued_at + REFRESH_DAYS * _DAY):
            text = f"The refresh token expired at {_iso(ended)} and it is now {_iso(now)}"
            raise TokenRefusedError(400, "invalid_request", text)
        if now < chain.issued_at + EARLIEST_SECONDS:
            reason = f"TooEarlyToRefreshTokens: {TOO_EARLY}"
            raise TokenRefusedError(400, "access_denied", TOO_EARLY, reason)
        self.refreshes += 1
        chain.spent.add(token)
        return self._pair(chain)

    def _pair(self, chain: _Chain) -> dict[str, str]:
        now = self._world.clock()
        stamp = f"stamp{self._world.site.upper()}001"
        access = f"{stamp}.{self._world.secret(48)}"
        # Characters that break when a client forgets to encode them.
        chain.refresh = f"{stamp}.{self._world.secret(40)}+/&=!{self._world.secret(4)}"
        chain.issued_at = now
        self._access[access] = now + ACCESS_SECONDS
        return {
            "access_token": access,
            "token_type": "bearer",
            "expires_in": str(ACCESS_SECONDS),
            "refresh_token": chain.refresh,
        }


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_outside = ip_address(host).is_global
    except ValueError:
        is_outside = "." in host and not host.endswith(".localhost")
    return parts.scheme == "https" and is_outside


def _refusal(error: TokenRefusedError | UnicodeDecodeError) -> Response:
    if isinstance(error, TokenRefusedError):
        return error.response()
    return TokenRefusedError(400, "invalid_request", "The body cannot be read.").response()


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, tz=UTC):%Y-%m-%dT%H:%M:%SZ}"
