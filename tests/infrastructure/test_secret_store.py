"""Secrets are sealed per connection, current, and never shown. On moto and in memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.in_memory.tables import InMemorySecretStore
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.secret_store import AwsSecretStore, SecretStore
from ml_connector.secret import Secret

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
REGION = "eu-west-1"


@dataclass
class Aws:
    """The stack's key and clients."""

    manager: Any
    kms: Any
    key: str

    def secret_store(self) -> AwsSecretStore:
        return AwsSecretStore(self.manager, self.kms, "stack", self.key)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        kms = boto3.client("kms", region_name=REGION)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        yield Aws(boto3.client("secretsmanager", region_name=REGION), kms, key)


@pytest.fixture(params=["memory", "aws"])
def secret_store(request: pytest.FixtureRequest) -> SecretStore:
    if request.param == "memory":
        return InMemorySecretStore()
    made: SecretStore = request.getfixturevalue("aws").secret_store()
    return made


def test_a_missing_secret_halts(secret_store: SecretStore) -> None:
    with pytest.raises(Halt, match="APP_CREDENTIALS_MISSING"):
        secret_store.app(FIRM)
    with pytest.raises(Halt, match="AIRBASE_KEY_MISSING"):
        secret_store.airbase_key(FIRM)
    assert secret_store.tokens(FIRM) is None


def test_credentials_are_returned_as_secrets(secret_store: SecretStore) -> None:
    secret_store.store("exact-app", FIRM, {"client_id": "id", "client_secret": "hush-hush"})
    secret_store.store("airbase-key", FIRM, {"api_key": "key-key-key"})
    app = secret_store.app(FIRM)
    assert (app.client_id, app.client_secret.reveal()) == ("id", "hush-hush")
    assert secret_store.airbase_key(FIRM).reveal() == "key-key-key"
    assert "hush-hush" not in f"{app} {app!r} {secret_store.airbase_key(FIRM)}"


def test_a_new_value_is_the_current_one(secret_store: SecretStore) -> None:
    for key in ("one", "two", "three"):
        secret_store.store("airbase-key", FIRM, {"api_key": key})
    assert secret_store.airbase_key(FIRM).reveal() == "three"


def test_tokens_are_never_cached(secret_store: SecretStore) -> None:
    for text in ("first", "second"):
        secret_store.seal_tokens(FIRM, Secret(text))
        found = secret_store.tokens(FIRM)
        assert found is not None
        assert found.reveal() == text


def test_connections_are_separate_and_can_be_forgotten(secret_store: SecretStore) -> None:
    secret_store.seal_tokens(FIRM, Secret("firm's"))
    secret_store.seal_tokens(OTHER, Secret("other's"))
    secret_store.store("airbase-key", FIRM, {"api_key": "key"})
    secret_store.forget(FIRM)
    secret_store.forget(FIRM)
    assert secret_store.tokens(FIRM) is None
    with pytest.raises(Halt):
        secret_store.airbase_key(FIRM)
    assert secret_store.tokens(OTHER) == Secret("other's")


@pytest.mark.parametrize("value", [{}, {"api_key": 1}, {"client_id": "x"}])
def test_a_malformed_secret_halts(secret_store: SecretStore, value: dict[str, object]) -> None:
    secret_store.store("airbase-key", FIRM, value)
    secret_store.store("exact-app", FIRM, value)
    for read in (secret_store.airbase_key, secret_store.app):
        with pytest.raises(Halt, match="SECRET_UNREADABLE"):
            read(FIRM)


@pytest.mark.parametrize("kind", ["exact-tokens", "something"])
def test_tokens_and_unknown_kinds_are_not_stored_unsealed(
    secret_store: SecretStore, kind: str
) -> None:
    with pytest.raises(ValueError, match="plain"):
        secret_store.store(kind, FIRM, {})


def _at_rest(aws: Aws, connection: str) -> str:
    return str(
        aws.manager.get_secret_value(
            SecretId=f"stack/exact-tokens/{connection}", VersionStage="AWSCURRENT"
        )["SecretString"]
    )


def test_tokens_are_sealed_at_rest_under_the_stacks_key(aws: Aws) -> None:
    aws.secret_store().seal_tokens(FIRM, Secret("refresh-me"))
    at_rest = _at_rest(aws, FIRM)
    assert "refresh-me" not in at_rest
    assert set(json.loads(at_rest)) == {"v", "key", "nonce", "data"}
    described = aws.manager.describe_secret(SecretId=f"stack/exact-tokens/{FIRM}")
    assert described["KmsKeyId"] == aws.key
    assert aws.secret_store().tokens(FIRM) == Secret("refresh-me")


def test_one_connections_tokens_do_not_open_as_anothers(aws: Aws) -> None:
    aws.secret_store().seal_tokens(FIRM, Secret("firm's"))
    aws.manager.create_secret(Name=f"stack/exact-tokens/{OTHER}", SecretString=_at_rest(aws, FIRM))
    with pytest.raises(Halt, match="SECRET_UNREADABLE"):
        aws.secret_store().tokens(OTHER)


@pytest.mark.parametrize("broken", ["key", "nonce", "data"])
@pytest.mark.parametrize("by", ["", "AAAA", "!!"])
def test_damaged_sealed_tokens_halt(aws: Aws, broken: str, by: str) -> None:
    aws.secret_store().seal_tokens(FIRM, Secret("firm's"))
    sealed = json.loads(_at_rest(aws, FIRM)) | {broken: by}
    aws.manager.put_secret_value(
        SecretId=f"stack/exact-tokens/{FIRM}", SecretString=json.dumps(sealed)
    )
    with pytest.raises(Halt, match="SECRET_UNREADABLE"):
        aws.secret_store().tokens(FIRM)


def test_a_copy_is_sealed_and_opens_only_for_its_connection(
    secret_store: SecretStore,
) -> None:
    sealed = secret_store.sealed_copy(FIRM, Secret("refresh-me"))
    assert "refresh-me" not in sealed
    assert secret_store.open_copy(FIRM, sealed) == Secret("refresh-me")
    with pytest.raises(Halt, match="SECRET_UNREADABLE"):
        secret_store.open_copy(OTHER, sealed)


def test_what_was_prepared_is_sealed_without_the_key(
    aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_store = aws.secret_store()
    secret_store.prepare_sealing(FIRM)
    for number in range(250):  # more data keys of others than are kept
        secret_store._keep(OTHER, f"key {number}", b"")
    monkeypatch.setattr(secret_store, "_kms", None)
    sealed = secret_store.sealed_copy(FIRM, Secret("refresh-me"))
    monkeypatch.undo()
    assert aws.secret_store().open_copy(FIRM, sealed) == Secret("refresh-me")


def test_data_keys_and_credentials_are_cached(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    secret_store = aws.secret_store()
    secret_store.store("airbase-key", FIRM, {"api_key": "key"})
    secret_store.seal_tokens(FIRM, Secret("one"))
    secret_store.airbase_key(FIRM)
    monkeypatch.setattr(secret_store, "_kms", None)
    secret_store.seal_tokens(FIRM, Secret("two"))
    assert secret_store.tokens(FIRM) == Secret("two")
    monkeypatch.setattr(secret_store, "_manager", None)
    assert secret_store.airbase_key(FIRM).reveal() == "key"
