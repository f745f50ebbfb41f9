"""Secrets: sealed for one connection, current, and never shown. On moto and in memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from moto import mock_aws

from local.memory import MemoryVault
from ml_connector.doors.vault import AwsVault, Vault
from ml_connector.faults import Halt
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
REGION = "eu-west-1"


@dataclass
class Aws:
    """The stack's own key, and clients that count."""

    manager: Any
    kms: Any
    key: str

    def vault(self) -> AwsVault:
        return AwsVault(self.manager, self.kms, "stack", self.key)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with mock_aws():
        kms = boto3.client("kms", region_name=REGION)
        key = kms.create_key()["KeyMetadata"]["KeyId"]
        yield Aws(boto3.client("secretsmanager", region_name=REGION), kms, key)


@pytest.fixture(params=["memory", "aws"])
def vault(request: pytest.FixtureRequest) -> Vault:
    if request.param == "memory":
        return MemoryVault()
    made: Vault = request.getfixturevalue("aws").vault()
    return made


def test_what_is_missing_halts_by_name(vault: Vault) -> None:
    with pytest.raises(Halt, match="APP_CREDENTIALS_MISSING"):
        vault.app(FIRM)
    with pytest.raises(Halt, match="AIRBASE_KEY_MISSING"):
        vault.airbase_key(FIRM)
    assert vault.tokens(FIRM) is None


def test_credentials_come_back_wrapped(vault: Vault) -> None:
    vault.store("exact-app", FIRM, {"client_id": "id", "client_secret": "hush-hush"})
    vault.store("airbase-key", FIRM, {"api_key": "key-key-key"})
    app = vault.app(FIRM)
    assert (app.client_id, app.client_secret.reveal()) == ("id", "hush-hush")
    assert vault.airbase_key(FIRM).reveal() == "key-key-key"
    assert "hush-hush" not in f"{app} {app!r} {vault.airbase_key(FIRM)}"


def test_a_new_value_is_the_current_one(vault: Vault) -> None:
    for key in ("one", "two", "three"):
        vault.store("airbase-key", FIRM, {"api_key": key})
    assert vault.airbase_key(FIRM).reveal() == "three"


def test_tokens_are_never_cached(vault: Vault) -> None:
    for text in ("first", "second"):
        vault.seal_tokens(FIRM, Secret(text))
        found = vault.tokens(FIRM)
        assert found is not None
        assert found.reveal() == text


def test_connections_are_apart_and_can_be_forgotten(vault: Vault) -> None:
    vault.seal_tokens(FIRM, Secret("firm's"))
    vault.seal_tokens(OTHER, Secret("other's"))
    vault.store("airbase-key", FIRM, {"api_key": "key"})
    vault.forget(FIRM)
    vault.forget(FIRM)
    assert vault.tokens(FIRM) is None
    with pytest.raises(Halt):
        vault.airbase_key(FIRM)
    assert vault.tokens(OTHER) == Secret("other's")


@pytest.mark.parametrize("value", [{}, {"api_key": 1}, {"client_id": "x"}])
def test_a_malformed_secret_halts(vault: Vault, value: dict[str, object]) -> None:
    vault.store("airbase-key", FIRM, value)
    vault.store("exact-app", FIRM, value)
    for read in (vault.airbase_key, vault.app):
        with pytest.raises(Halt, match="SECRET_UNREADABLE"):
            read(FIRM)


@pytest.mark.parametrize("kind", ["exact-tokens", "something"])
def test_tokens_and_unknown_kinds_are_not_stored_plain(vault: Vault, kind: str) -> None:
    with pytest.raises(ValueError, match="plain"):
        vault.store(kind, FIRM, {})


def _at_rest(aws: Aws, connection: str) -> str:
    return str(
        aws.manager.get_secret_value(
            SecretId=f"stack/exact-tokens/{connection}", VersionStage="AWSCURRENT"
        )["SecretString"]
    )


def test_tokens_are_sealed_at_rest_under_the_stacks_key(aws: Aws) -> None:
    aws.vault().seal_tokens(FIRM, Secret("refresh-me"))
    at_rest = _at_rest(aws, FIRM)
    assert "refresh-me" not in at_rest
    assert set(json.loads(at_rest)) == {"v", "key", "nonce", "data"}
    described = aws.manager.describe_secret(SecretId=f"stack/exact-tokens/{FIRM}")
    assert described["KmsKeyId"] == aws.key
    assert aws.vault().tokens(FIRM) == Secret("refresh-me")


def test_one_connections_seal_does_not_open_as_anothers(aws: Aws) -> None:
    aws.vault().seal_tokens(FIRM, Secret("firm's"))
    aws.manager.create_secret(Name=f"stack/exact-tokens/{OTHER}", SecretString=_at_rest(aws, FIRM))
    with pytest.raises(Halt, match="SECRET_UNREADABLE"):
        aws.vault().tokens(OTHER)


@pytest.mark.parametrize("broken", ["key", "nonce", "data"])
@pytest.mark.parametrize("by", ["", "AAAA", "!!"])
def test_a_broken_seal_halts(aws: Aws, broken: str, by: str) -> None:
    aws.vault().seal_tokens(FIRM, Secret("firm's"))
    sealed = json.loads(_at_rest(aws, FIRM)) | {broken: by}
    aws.manager.put_secret_value(
        SecretId=f"stack/exact-tokens/{FIRM}", SecretString=json.dumps(sealed)
    )
    with pytest.raises(Halt, match="SECRET_UNREADABLE"):
        aws.vault().tokens(FIRM)


def test_data_keys_and_credentials_are_cached(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = aws.vault()
    vault.store("airbase-key", FIRM, {"api_key": "key"})
    vault.seal_tokens(FIRM, Secret("one"))
    vault.airbase_key(FIRM)
    monkeypatch.setattr(vault, "_kms", None)
    vault.seal_tokens(FIRM, Secret("two"))
    assert vault.tokens(FIRM) == Secret("two")
    monkeypatch.setattr(vault, "_manager", None)
    assert vault.airbase_key(FIRM).reveal() == "key"
