"""The company's identity provider: where it is, and its keys, kept for a day.

An unknown key is looked for once in five minutes at most, by all processes of the stack together:
otherwise anybody could make us call the provider by inventing key ids.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from ml_connector import clock
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.secret import Secret
from ml_console.sign_in.attempts import RefusedSignInError

_PK = "provider"
_KEPT_FOR, _RENEWED_EVERY = 86_400, 300
_LARGEST = 512 * 1024
_TIMEOUT = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True)
class Known:
    """What is known of the provider: its endpoints, its keys, and when they were read."""

    authorization_endpoint: str
    token_endpoint: str
    takes_basic: bool
    keys: tuple[Mapping[str, Any], ...]
    read_at: int
    version: int

    def key(self, kid: str | None) -> Mapping[str, Any] | None:
        """Return the key with this id; without an id, the only one."""
        if kid is None:
            return self.keys[0] if len(self.keys) == 1 else None
        return next((each for each in self.keys if each.get("kid") == kid), None)


class Provider:
    """Reads an identity provider, and exchanges codes there."""

    def __init__(self, issuer: str, table: Table) -> None:
        """Keep what is known of `issuer` in the console's own table."""
        self.issuer = issuer
        self._table = table
        # No redirects: the code and the secret go to the address that the provider names.
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=True)

    def known(self) -> Known:
        """Return what is known of the provider; raises `RefusedSignInError` if it is away."""
        item = self._table.get(_PK, self.issuer)
        if item and int(item["read_at"]) > clock.epoch() - _KEPT_FOR:
            return _known(item)
        return self._read(int(item["version"]) if item else 0)

    def renewed(self, known: Known) -> Known:
        """Return what the provider says now; the same when it was asked a moment ago."""
        now = int(clock.epoch())
        item = self._table.get(_PK, self.issuer)
        if item is None or int(item["read_at"]) > now - _RENEWED_EVERY:
            return known
        claimed: Item = {**item, "read_at": now, "version": known.version + 1}
        if not self._table.replace(claimed, known.version):
            return known
        return self._read(known.version + 1)

    def exchange(
        self, known: Known, code: str, verifier: str, redirect_uri: str, client: tuple[str, Secret]
    ) -> str:
        """Return the ID token that the provider gives for a code."""
        client_id, secret = client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "client_id": client_id,
        }
        auth = None
        if known.takes_basic:
            auth = httpx.BasicAuth(client_id, secret.reveal())
        else:
            form["client_secret"] = secret.reveal()
        answer = self._json("POST", known.token_endpoint, data=form, auth=auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise RefusedSignInError("code", "the answer holds no ID token")
        return token

    def _read(self, version: int) -> Known:
        found = self._json("GET", f"{self.issuer}/.well-known/openid-configuration")
        if found.get("issuer") != self.issuer:
            raise RefusedSignInError("provider", "its configuration names another issuer")
        keys = self._json("GET", self._endpoint(found, "jwks_uri")).get("keys")
        if not isinstance(keys, list):
            raise RefusedSignInError("provider", "it has no list of keys")
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        item: Item = {
            "pk": _PK,
            "sk": self.issuer,
            "authorization_endpoint": self._endpoint(found, "authorization_endpoint"),
            "token_endpoint": self._endpoint(found, "token_endpoint"),
            "takes_basic": "client_secret_basic" in methods,
            "keys": json.dumps([each for each in keys if isinstance(each, dict)]),
            "read_at": int(clock.epoch()),
            "version": version + 1,
        }
        self._table.put(item)
        return _known(item)

    def _endpoint(self, found: Mapping[str, Any], name: str) -> str:
        """Return an address of the provider: https, unless the issuer itself is on this machine."""
        address = str(found.get(name) or "")
        parts = urlsplit(address)
        is_local = urlsplit(self.issuer).hostname in _LOOPBACK and parts.hostname in _LOOPBACK
        if parts.scheme != "https" and not is_local:
            raise RefusedSignInError("provider", f"its {name} is not an https address")
        return address

    def _json(self, method: str, url: str, **more: Any) -> Mapping[str, Any]:
        try:
            with self._http.stream(method, url, **more) as answer:
                body = b""
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > _LARGEST:
                        raise RefusedSignInError("provider", f"{url} answers too much")
                status = answer.status_code
            value = json.loads(body) if status < 500 else None
        except (httpx.HTTPError, ValueError) as error:
            raise RefusedSignInError("provider", f"{url}: {type(error).__name__}") from error
        if status != 200 or not isinstance(value, dict):
            reason = "code" if method == "POST" and status < 500 else "provider"
            raise RefusedSignInError(reason, f"{url} answers {status}")
        return value


def _known(item: Item) -> Known:
    return Known(
        str(item["authorization_endpoint"]),
        str(item["token_endpoint"]),
        bool(item["takes_basic"]),
        tuple(json.loads(str(item["keys"]))),
        int(item["read_at"]),
        int(item["version"]),
    )
