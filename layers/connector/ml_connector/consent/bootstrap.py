"""Build the consent route with its clients, from the environment.

It reads no connection: the consent request holds what it needs. So it starts without pydantic and
has no access to the mappings table.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial

import botocore.session
import httpx
from botocore.config import Config

from ml_connector.consent.exchange import CodeExchange
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.tokens import TokenProvider
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.consents import Consent, Consents
from ml_connector.infrastructure.dynamodb import DynamoTable, Table
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.secret_store import AwsSecretStore, SecretStore
from ml_connector.telemetry import logger

# A browser is waiting, and API Gateway waits for 30 seconds at most.
_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)


def open_exchange(actor: str, environment: Mapping[str, str] = os.environ) -> CodeExchange:
    """Return the code exchange of the function `actor`; `KeyError` names a missing variable."""
    logger()  # imported now: what a function does at its start is faster than in its first call
    session = botocore.session.get_session()
    dynamodb, secrets, kms = (
        session.create_client(name, config=_CONFIG)
        for name in ("dynamodb", "secretsmanager", "kms")
    )
    coordination, ledger, audit = (
        DynamoTable(dynamodb, environment[f"{name}_TABLE"])
        for name in ("COORDINATION", "LEDGER", "AUDIT")
    )
    secret_store = AwsSecretStore(
        secrets, kms, environment["SECRET_PREFIX"], environment["KMS_KEY_ID"]
    )
    return build_exchange(
        coordination, partial(Ledger, ledger, audit, actor), secret_store, http_clients.client()
    )


def build_exchange(
    coordination: Table,
    ledger_of: Callable[[ConnectionId], Ledger],
    secret_store: SecretStore,
    http: httpx.Client,
) -> CodeExchange:
    """Return a code exchange with these services."""

    def provider_for(consent: Consent) -> TokenProvider:
        return TokenProvider(
            consent.app, consent.site, consent.base_url, http, secret_store, coordination
        )

    return CodeExchange(Consents(coordination), ledger_of, provider_for)
