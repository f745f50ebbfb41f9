"""Secrets Manager: the app's credentials, the Airbase key, and the sealed Exact tokens.

Tokens give access to a company's accounts, so they are encrypted once more: AES-GCM under a KMS
data key, with the connection as encryption context and associated data, so that one connection's
tokens cannot be opened as another's.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Problem
from ml_connector.domain.ids import AppId, ConnectionId, connection_of
from ml_connector.infrastructure.channels import slack_url
from ml_connector.secret import Secret

AIRBASE_WEBHOOK, EXACT_WEBHOOK = "airbase-webhook", "exact-webhook"
AIRBASE_KEY, EXACT_APP, EXACT_TOKENS = "airbase-key", "exact-app", "exact-tokens"
NOTIFY_SLACK = "notify-slack"
CONSOLE_CLIENT = "console-client"
"""The console's secret at the company's identity provider, of the whole stack."""
KINDS = (AIRBASE_WEBHOOK, EXACT_WEBHOOK, AIRBASE_KEY, EXACT_APP, EXACT_TOKENS, NOTIFY_SLACK)
"""The kinds of secrets that a connection may have."""
WHOLE_STACK = ConnectionId("_stack")
"""Stands for all connections, where they may share a secret; never a valid connection id."""

_NONCE_BYTES = 12
_CACHE_SECONDS = 300
_MAX_DATA_KEYS = 200


@dataclass(frozen=True)
class AppCredentials:
    """The app's credentials from Exact, valid at one country site."""

    client_id: str
    client_secret: Secret


class SecretStore(Protocol):
    """Stores secrets; `AwsSecretStore` is the real one."""

    def app(self, connection: ConnectionId, *, is_fresh: bool = False) -> AppCredentials:
        """Return the Exact app's credentials; raises `Halt` when they are not stored.

        They may be some minutes old, unless `is_fresh`: for whom they were refused.
        """
        ...

    def airbase_key(self, connection: ConnectionId, *, is_fresh: bool = False) -> Secret:
        """Return the Airbase API key, as `app`; raises `Halt` when it is not stored."""
        ...

    def slack_url(self, connection: ConnectionId) -> Secret | None:
        """Return the address of the Slack webhook: the connection's own or the stack's.

        None when neither is stored; raises `Halt` for one that cannot be used.
        """
        ...

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """Return the tokens' JSON as last sealed, never cached; None before consent."""
        ...

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """Store the tokens' JSON, sealed, as a new version; about 100 are accepted in a day."""
        ...

    def prepare_sealing(self, connection: ConnectionId) -> None:
        """Make sure that this process can seal from now on, whether or not the key answers."""
        ...

    def sealed_copy(self, connection: ConnectionId, tokens: Secret) -> str:
        """Return the tokens' JSON, sealed, to be stored elsewhere."""
        ...

    def open_copy(self, connection: ConnectionId, sealed: str) -> Secret:
        """Return what `sealed_copy` sealed; raises `Halt` when it cannot be opened."""
        ...

    def store(self, kind: str, connection: ConnectionId, value: Mapping[str, Any]) -> None:
        """Store a plain secret of any of `KINDS` except the tokens, or the console's."""
        ...

    def forget(self, connection: ConnectionId) -> None:
        """Remove every secret of the connection."""
        ...


class AwsSecretStore:
    """The secret store over botocore clients of Secrets Manager and KMS."""

    def __init__(self, secrets_manager: Any, kms: Any, prefix: str, key_id: str) -> None:
        """Keep secrets under `{prefix}/{kind}/{connection}`, encrypted by the key `key_id`."""
        self._manager = secrets_manager
        self._kms = kms
        self._prefix = prefix
        self._key_id = key_id
        self._plain: dict[str, tuple[float, Mapping[str, Any]]] = {}
        self._data_keys: dict[tuple[str, str], bytes] = {}
        self._sealing: dict[str, tuple[str, bytes]] = {}

    def app(self, connection: ConnectionId, *, is_fresh: bool = False) -> AppCredentials:
        """See `SecretStore.app`."""
        value = self._cached(EXACT_APP, connection, "APP_CREDENTIALS_MISSING", is_fresh=is_fresh)
        return app_credentials(value, connection)

    def airbase_key(self, connection: ConnectionId, *, is_fresh: bool = False) -> Secret:
        """See `SecretStore.airbase_key`."""
        value = self._cached(AIRBASE_KEY, connection, "AIRBASE_KEY_MISSING", is_fresh=is_fresh)
        return airbase_key(value, connection)

    def slack_url(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.slack_url`."""
        value = self._read(NOTIFY_SLACK, connection) or self._read(NOTIFY_SLACK, WHOLE_STACK)
        return None if value is None else slack_address(value, connection)

    def tokens(self, connection: ConnectionId) -> Secret | None:
        """See `SecretStore.tokens`."""
        sealed = self._read(EXACT_TOKENS, connection)
        return None if sealed is None else self._open(connection, sealed)

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        """See `SecretStore.seal_tokens`."""
        self._write(EXACT_TOKENS, connection, self._sealed(connection, tokens))

    def prepare_sealing(self, connection: ConnectionId) -> None:
        """See `SecretStore.prepare_sealing`."""
        self._sealing_key(connection)

    def sealed_copy(self, connection: ConnectionId, tokens: Secret) -> str:
        """See `SecretStore.sealed_copy`."""
        return json.dumps(self._sealed(connection, tokens))

    def open_copy(self, connection: ConnectionId, sealed: str) -> Secret:
        """See `SecretStore.open_copy`."""
        return self._open(connection, _parsed(sealed, EXACT_TOKENS, connection))

    def store(self, kind: str, connection: ConnectionId, value: Mapping[str, Any]) -> None:
        """See `SecretStore.store`."""
        if kind not in {*KINDS, CONSOLE_CLIENT} - {EXACT_TOKENS}:
            raise ValueError(f"{kind} is no plain secret")
        self._write(kind, connection, value)
        self._plain.pop(self._name(kind, connection), None)

    def forget(self, connection: ConnectionId) -> None:
        """See `SecretStore.forget`."""
        for kind in KINDS:
            name = self._name(kind, connection)
            self._plain.pop(name, None)
            try:
                self._manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
            except self._manager.exceptions.ResourceNotFoundException:
                continue

    def _name(self, kind: str, connection: ConnectionId) -> str:
        return f"{self._prefix}/{kind}/{connection}"

    def _cached(
        self, kind: str, connection: ConnectionId, missing: str, *, is_fresh: bool
    ) -> Mapping[str, Any]:
        name = self._name(kind, connection)
        read_at, value = self._plain.get(name, (float("-inf"), {}))
        if clock.epoch() - read_at < _CACHE_SECONDS and not is_fresh:
            return value
        fresh = self._read(kind, connection)
        if fresh is None:
            raise Halt(_problem(missing, connection))
        self._plain[name] = (clock.epoch(), fresh)
        return fresh

    def _read(self, kind: str, connection: ConnectionId) -> Mapping[str, Any] | None:
        try:
            answer = self._manager.get_secret_value(
                # Without the stage some servers return the previous value.
                SecretId=self._name(kind, connection),
                VersionStage="AWSCURRENT",
            )
        except self._manager.exceptions.ResourceNotFoundException:
            return None
        return _parsed(answer["SecretString"], kind, connection)

    def _write(self, kind: str, connection: ConnectionId, value: Mapping[str, Any]) -> None:
        name, text = self._name(kind, connection), json.dumps(value)
        try:
            self._manager.put_secret_value(SecretId=name, SecretString=text)
        except self._manager.exceptions.ResourceNotFoundException:
            self._manager.create_secret(Name=name, KmsKeyId=self._key_id, SecretString=text)

    def _sealed(self, connection: ConnectionId, tokens: Secret) -> Mapping[str, Any]:
        wrapped, key = self._sealing_key(connection)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        data = AESGCM(key).encrypt(nonce, tokens.reveal().encode(), connection.encode())
        return {"v": 1, "key": wrapped, "nonce": _text(nonce), "data": _text(data)}

    def _open(self, connection: ConnectionId, sealed: Mapping[str, Any]) -> Secret:
        try:
            key = self._unwrapped(connection, str(sealed["key"]))
            nonce, data = _raw(sealed["nonce"]), _raw(sealed["data"])
            return Secret(AESGCM(key).decrypt(nonce, data, connection.encode()).decode())
        except (InvalidTag, KeyError, ValueError) as error:
            raise unreadable(EXACT_TOKENS, connection) from error

    def _unwrapped(self, connection: ConnectionId, wrapped: str) -> bytes:
        cached = self._data_keys.get((connection, wrapped))
        return cached or self._keep(connection, wrapped, self._decrypt(connection, wrapped))

    def _decrypt(self, connection: ConnectionId, wrapped: str) -> bytes:
        try:
            answer = self._kms.decrypt(
                CiphertextBlob=_raw(wrapped),
                KeyId=self._key_id,
                EncryptionContext={"connection": connection},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "InvalidCiphertextException":
                raise unreadable(EXACT_TOKENS, connection) from error
            raise
        return bytes(answer["Plaintext"])

    def _sealing_key(self, connection: ConnectionId) -> tuple[str, bytes]:
        """Return this process's data key for the connection, wrapped and plain.

        One for the life of the process: random nonces are safe for 2**32 seals under one key.
        """
        if connection not in self._sealing:
            answer = self._kms.generate_data_key(
                KeyId=self._key_id,
                KeySpec="AES_256",
                EncryptionContext={"connection": connection},
            )
            wrapped = _text(answer["CiphertextBlob"])
            key = self._keep(connection, wrapped, bytes(answer["Plaintext"]))
            self._sealing[connection] = wrapped, key
        return self._sealing[connection]

    def _keep(self, connection: ConnectionId, wrapped: str, key: bytes) -> bytes:
        while len(self._data_keys) >= _MAX_DATA_KEYS:
            self._data_keys.pop(next(iter(self._data_keys)))
        self._data_keys[connection, wrapped] = key
        return key


def app_credentials(value: Mapping[str, Any], connection: ConnectionId) -> AppCredentials:
    """Read the stored form `{"client_id", "client_secret"}`; raises `Halt` for any other."""
    client_id, client_secret = value.get("client_id"), value.get("client_secret")
    if not (isinstance(client_id, str) and isinstance(client_secret, str)):
        raise unreadable(EXACT_APP, connection)
    telemetry.conceal(client_secret)
    return AppCredentials(client_id, Secret(client_secret))


def airbase_key(value: Mapping[str, Any], connection: ConnectionId) -> Secret:
    """Read the stored form `{"api_key"}`; raises `Halt` for any other."""
    key = value.get("api_key")
    if not isinstance(key, str):
        raise unreadable(AIRBASE_KEY, connection)
    telemetry.conceal(key)
    return Secret(key)


def slack_address(value: Mapping[str, Any], connection: ConnectionId) -> Secret:
    """Read the stored form `{"url"}`; raises `Halt` for any other."""
    url = value.get("url")
    if not isinstance(url, str):
        raise unreadable(NOTIFY_SLACK, connection)
    telemetry.conceal(url)
    try:
        return slack_url(url)
    except ValueError:
        raise unreadable(NOTIFY_SLACK, connection) from None


def _parsed(text: str, kind: str, connection: ConnectionId) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise unreadable(kind, connection) from error
    if not isinstance(value, Mapping):
        raise unreadable(kind, connection)
    return value


def unreadable(kind: str, connection: ConnectionId) -> Halt:
    """Return the halt for a secret that is stored and cannot be used."""
    return Halt(_problem("SECRET_UNREADABLE", connection, "kind", kind=kind))


def _problem(code: str, connection: ConnectionId, detail: str = "", **values: Any) -> Problem:
    """Return the problem of a secret; what proposes a command names the connection of a site."""
    whole = connection_of(AppId(connection))
    return problem(code, f"Connection {connection}", detail, connection=whole, **values)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _raw(text: Any) -> bytes:
    return base64.b64decode(str(text), validate=True)
