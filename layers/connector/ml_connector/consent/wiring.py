"""The one place where the consent route gets its real doors, from the environment.

It reads no connection: what it needs was fixed when the consent was asked for, so it starts
without pydantic and has no right to the mappings.
"""

import os
from collections.abc import Mapping

import botocore.session
import httpx
from botocore.config import Config

from ml_connector.consent.desk import Desk
from ml_connector.doors import http as http_door
from ml_connector.doors.consents import Consents
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.table import DynamoTable, Table
from ml_connector.doors.vault import AwsVault, Vault
from ml_connector.exact.tokens import TokenKeeper
from ml_connector.ids import ConnectionId

# A browser waits, and API Gateway for 30 seconds at most.
_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)


def open_desk(actor: str, environment: Mapping[str, str] = os.environ) -> Desk:
    """Return the desk of the function `actor`; raises `KeyError` naming a missing setting."""
    session = botocore.session.get_session()
    dynamodb, secrets, kms = (
        session.create_client(name, config=_CONFIG)
        for name in ("dynamodb", "secretsmanager", "kms")
    )
    coordination, ledger, audit = (
        DynamoTable(dynamodb, environment[f"{name}_TABLE"])
        for name in ("COORDINATION", "LEDGER", "AUDIT")
    )
    vault = AwsVault(secrets, kms, environment["SECRET_PREFIX"], environment["KMS_KEY_ID"])
    return join_desk(coordination, Ledger(ledger, audit, actor), vault, http_door.client())


def join_desk(coordination: Table, ledger: Ledger, vault: Vault, http: httpx.Client) -> Desk:
    """Return a desk over these doors."""

    def keeper(connection: ConnectionId, site: str) -> TokenKeeper:
        return TokenKeeper(connection, site, http, vault, coordination)

    return Desk(Consents(coordination), ledger, keeper)
