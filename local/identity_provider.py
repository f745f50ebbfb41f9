"""A company's identity provider for local runs: OpenID Connect with PKCE, people of each role.

Its page lists the people; a click on one signs in as them.
"""

import base64
import hashlib
import html
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

from joserfc import jwt
from joserfc.jwk import ECKey

from local.simulator import Request, Response
from ml_connector import clock
from ml_connector.domain.console_access import Role

CLIENT_ID, CLIENT_SECRET = "console", "local-console-secret"
CLAIM = "roles"


@dataclass(frozen=True)
class Identity:
    """Somebody who can sign in."""

    subject: str
    name: str
    roles: tuple[str, ...]


PEOPLE = (
    Identity("u-reader", "Reader", ("finance-readers",)),
    Identity("u-clerk", "Clerk", ("finance-clerks",)),
    Identity("u-clerk-nl", "Clerk of the Netherlands", ("finance-clerks-nl",)),
    Identity("u-approver", "Approver", ("finance-approvers",)),
    Identity("u-admin", "Administrator", ()),
    Identity("u-nobody", "Somebody without access", ("another-department",)),
)
GRANTS: tuple[tuple[Role, str, tuple[str, ...]], ...] = (
    (Role.READER, "finance-readers", ()),
    (Role.CLERK, "finance-clerks", ()),
    (Role.CLERK, "finance-clerks-nl", ("nl.2101",)),
    (Role.APPROVER, "finance-approvers", ()),
)
"""The role that each value gives, and the divisions if not all; the administrator is named."""


@dataclass
class IdentityProvider:
    """An identity provider; tests override what it says."""

    people: tuple[Identity, ...] = PEOPLE
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "key-1"}))
    calls: list[str] = field(default_factory=list)
    _codes: dict[str, tuple[Identity, Mapping[str, str]]] = field(default_factory=dict)

    def handle(self, request: Request) -> Response:
        """Answer one call."""
        self.calls.append(f"{request.method} {request.path}")
        routes = {
            "/.well-known/openid-configuration": self.configuration,
            "/keys": self.keys,
            "/authorize": self._authorize,
            "/token": self._token,
        }
        route = routes.get(request.path)
        return route(request) if route else Response.of_json(404, {})

    def configuration(self, request: Request) -> Response:
        """Return where everything is."""
        at = request.origin
        return Response.of_json(
            200,
            {
                "issuer": at,
                "authorization_endpoint": f"{at}/authorize",
                "token_endpoint": f"{at}/token",
                "jwks_uri": f"{at}/keys",
            },
        )

    def keys(self, _: Request) -> Response:
        """Return the public keys."""
        return Response.of_json(200, {"keys": [dict(self.key.as_dict(private=False))]})

    def claims(self, who: Identity, asked: Mapping[str, str], issuer: str) -> dict[str, Any]:
        """Return what the ID token says."""
        now = int(clock.epoch())
        return {
            "iss": issuer,
            "aud": asked["client_id"],
            "sub": who.subject,
            "name": who.name,
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            CLAIM: list(who.roles),
        }

    def signed(self, claims: dict[str, Any]) -> str:
        """Return the ID token."""
        return jwt.encode({"alg": "ES256", "kid": "key-1"}, claims, self.key, algorithms=["ES256"])

    def _authorize(self, request: Request) -> Response:
        """Show whom to be; with a person, go back with a code."""
        asked = dict(request.query)
        who = {each.subject: each for each in self.people}.get(asked.pop("person", ""))
        if who is None:
            return self._page(asked)
        code = secrets.token_urlsafe(16)
        self._codes[code] = who, asked
        back = urlencode({"code": code, "state": asked["state"]})
        return Response(303, {"location": f"{asked['redirect_uri']}?{back}"})

    def _page(self, asked: Mapping[str, str]) -> Response:
        links = "".join(
            f'<li><a href="/authorize?{html.escape(urlencode({**asked, "person": each.subject}))}">'
            f"{html.escape(each.name)}</a></li>"
            for each in self.people
        )
        body = (
            '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
            '<meta name="color-scheme" content="light dark"><title>Sign in</title>'
            f"<h1>Local identity provider</h1><p>Sign in as</p><ul>{links}</ul></html>"
        )
        return Response(200, {"content-type": "text/html; charset=utf-8"}, body.encode())

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        who, asked = self._codes.pop(form.get("code", ""), (None, {}))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_fit = (
            who is not None
            and self._is_client(request)
            and asked["code_challenge"] == challenge
            and asked["redirect_uri"] == form.get("redirect_uri")
        )
        if who is None or not is_fit:
            return Response.of_json(400, {"error": "invalid_grant"})
        token = self.signed(self.claims(who, asked, request.origin))
        answer = {"access_token": "unused", "token_type": "Bearer", "id_token": token}
        return Response.of_json(200, answer)

    @staticmethod
    def _is_client(request: Request) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        name, _, secret = base64.b64decode(encoded or "Og==").decode().partition(":")
        given = unquote(name), unquote(secret)
        return scheme == "Basic" and given == (CLIENT_ID, CLIENT_SECRET)
