"""Build the console with its AWS clients, from the environment."""

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

import botocore.session
from botocore.config import Config

from ml_connector import telemetry
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Queues
from ml_connector.secret import Secret
from ml_console.console import Console, ConsoleTables
from ml_console.settings import Settings

# A person is waiting, and API Gateway waits for 30 seconds at most.
_CONFIG = Config(
    connect_timeout=2, read_timeout=4, retries={"mode": "standard", "total_max_attempts": 3}
)


def open_console(environment: Mapping[str, str] = os.environ) -> Console:
    """Return the console; raises `KeyError` for a missing setting."""
    session = botocore.session.get_session()
    create = partial(session.create_client, config=_CONFIG)
    dynamodb = create("dynamodb")
    tables = ConsoleTables(
        *(
            DynamoTable(dynamodb, environment[f"{name.upper()}_TABLE"])
            for name in ConsoleTables.__dataclass_fields__
        )
    )
    settings = Settings.read(environment)
    urls = {PURCHASE_ORDERS: environment["PURCHASE_ORDER_QUEUE_URL"]}

    def client_secret() -> Secret:
        return _client_secret(create("secretsmanager"), settings.secret_prefix)

    return Console(settings, tables, lambda: Queues(create("sqs"), urls), client_secret)


def _client_secret(secrets: Any, prefix: str) -> Secret:
    """Read what `connector console configure --secret` stored; it is needed once per sign-in."""
    # `secret_store` names it, too: that module loads the cryptography of the tokens.
    answer = secrets.get_secret_value(
        SecretId=f"{prefix}/console-client/_stack", VersionStage="AWSCURRENT"
    )
    found = str(json.loads(answer["SecretString"])["client_secret"])
    telemetry.conceal(found)
    return Secret(found)
