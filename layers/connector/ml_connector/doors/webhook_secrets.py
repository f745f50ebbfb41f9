"""Read a connection's webhook secret, with a short memory of what is there and what is not.

The memory of absent secrets keeps calls for unknown connections as fast, and as free, as
calls for known ones. A new secret or connection is seen within the time remembered.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ml_connector import clock, telemetry
from ml_connector.ids import ConnectionId

REMEMBERED = 60.0
"""Seconds."""

_MOST_REMEMBERED = 1000
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_ABSENT = {"ResourceNotFoundException", "InvalidRequestException"}  # the latter: being deleted

Settings = TypeVar("Settings")


class WebhookSecrets(Generic[Settings]):
    """The door to the secrets `{prefix}/{kind}/{connection}`, over a Secrets Manager client."""

    def __init__(
        self, client: Any, folder: str, parse: Callable[[Mapping[str, Any]], Settings]
    ) -> None:
        """Read below `folder` ("{prefix}/{kind}"); `parse` raises ValueError on bad settings."""
        self._client = client
        self._folder = folder
        self._parse = parse
        self._memory: dict[str, tuple[float, Settings | None]] = {}

    def get(self, connection: ConnectionId) -> Settings | None:
        """Return the connection's settings, or None for an unknown or unusable one.

        An id that could not be one's costs no call.
        """
        if not _ID.fullmatch(connection):
            return None
        until, settings = self._memory.get(connection, (0.0, None))
        if until <= clock.epoch():
            settings = self._fetch(connection)
            self._remember(connection, settings)
        return settings

    def _remember(self, connection: ConnectionId, settings: Settings | None) -> None:
        while len(self._memory) >= _MOST_REMEMBERED:
            del self._memory[next(iter(self._memory))]
        self._memory[connection] = (clock.epoch() + REMEMBERED, settings)

    def _fetch(self, connection: ConnectionId) -> Settings | None:
        text = self._text(connection)
        if text is None:
            return None
        try:
            config = json.loads(text)
            telemetry.conceal(*config.get("secrets", ()))
            return self._parse(config)
        except (ValueError, AttributeError, TypeError):
            # Answered like an unknown connection: only the operator may learn that it exists.
            telemetry.logger().exception("unusable webhook secret", connection=connection)
            return None

    def _text(self, connection: ConnectionId) -> str | None:
        try:
            # The stage is named because the newest is wanted whatever happened to the labels.
            answer = self._client.get_secret_value(
                SecretId=f"{self._folder}/{connection}", VersionStage="AWSCURRENT"
            )
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return str(answer["SecretString"])
