"""An identity provider that says something wrong, one thing at a time."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from local.identity_provider import Identity, IdentityProvider
from local.simulator import Request, Response

Claims = dict[str, Any]


@dataclass
class HostileProvider(IdentityProvider):
    """As the one of local runs, with `twist` for what a token says and `sign` for how."""

    twist: Callable[[Claims], Claims] = dict
    sign: Callable[["HostileProvider", Claims], str] | None = None
    configured: dict[str, Any] = field(default_factory=dict)
    """What its configuration says instead."""

    def honest(self) -> None:
        """Say nothing wrong any more."""
        self.twist, self.sign, self.configured = dict, None, {}

    def configuration(self, request: Request) -> Response:
        told = json.loads(super().configuration(request).body)
        return Response.of_json(200, told | self.configured)

    def claims(self, who: Identity, asked: Mapping[str, str], issuer: str) -> Claims:
        return self.twist(super().claims(who, asked, issuer))

    def signed(self, claims: Claims) -> str:
        return self.sign(self, claims) if self.sign else super().signed(claims)


def unsigned(_: HostileProvider, claims: Claims) -> str:
    """Return a token with the algorithm `none`."""
    return _signing_input({"alg": "none", "typ": "JWT"}, claims) + "."


def with_the_public_key_as_secret(provider: HostileProvider, claims: Claims) -> str:
    """Return a token that is signed by HMAC with the public key, which everybody knows."""
    text = _signing_input({"alg": "HS256", "kid": "key-1"}, claims)
    secret = provider.key.as_pem(private=False)
    return f"{text}.{_encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def _signing_input(header: Claims, claims: Claims) -> str:
    return ".".join(_encoded(json.dumps(each).encode()) for each in (header, claims))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def with_another_key(_: HostileProvider, claims: Claims) -> str:
    """Return a token that somebody else signed, under the id of the provider's key."""
    key = ECKey.generate_key("P-256")
    return jwt.encode({"alg": "ES256", "kid": "key-1"}, claims, key, algorithms=["ES256"])


def with_an_unknown_key(_: HostileProvider, claims: Claims) -> str:
    """Return a token under a key id that is not published."""
    key = ECKey.generate_key("P-256")
    return jwt.encode({"alg": "ES256", "kid": "invented"}, claims, key, algorithms=["ES256"])


def with_a_key_for_another_algorithm(_: HostileProvider, claims: Claims) -> str:
    """Return a token that names an algorithm for which the named key is none."""
    key = RSAKey.generate_key(2048)
    return jwt.encode({"alg": "RS256", "kid": "key-1"}, claims, key, algorithms=["RS256"])


def broken(provider: HostileProvider, claims: Claims) -> str:
    """Return a token of which one letter was changed."""
    head, body, signature = IdentityProvider.signed(provider, claims).split(".")
    return ".".join((head, body[:-2] + ("A" if body[-2] != "A" else "B") + body[-1], signature))


def no_token(_: HostileProvider, __: Claims) -> str:
    """Return something else."""
    return "nonsense"
