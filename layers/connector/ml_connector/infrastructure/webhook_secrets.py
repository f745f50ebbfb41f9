"""Read a connection's webhook secret, cached for a minute.

Absent secrets are cached too, so that calls for unknown connections are as fast and as cheap as
those for known ones. A call that does not fit what is cached may be the first with a new secret, or
of a new connection: the secret is then read again, for so many calls a minute in all.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

from ml_connector import clock, telemetry
from ml_connector.domain.ids import ConnectionId

_CACHE_SECONDS = 60.0
_MAX_CACHED = 1000
_MOST_REREADS = 10
"""Reads a minute that refused calls can cause in one process, whoever sends them."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}(\.[a-z.]{2,5})?")  # a connection or an app
_ABSENT = {"ResourceNotFoundException", "InvalidRequestException"}  # the latter: being deleted

Settings = TypeVar("Settings")


class WebhookSecrets(Generic[Settings]):
    """Reads the secrets `{prefix}/{kind}/{connection}` from Secrets Manager."""

    def __init__(
        self, client: Any, folder: str, parse: Callable[[Mapping[str, Any]], Settings]
    ) -> None:
        """Read below `folder` ("{prefix}/{kind}"); `parse` raises ValueError on bad settings."""
        self._client = client
        self._folder = folder
        self._parse = parse
        self._cached: dict[str, tuple[float, Settings | None]] = {}
        self._texts: dict[str, str | None] = {}
        self._is_cached = False
        self._rereads: list[float] = []

    def get(self, connection: ConnectionId) -> Settings | None:
        """Return the connection's settings, or None for an unknown or unusable one.

        Secrets Manager is not called for an invalid id.
        """
        if not _ID.fullmatch(connection):
            return None
        until, settings = self._cached.get(connection, (0.0, None))
        self._is_cached = until > clock.epoch()
        if not self._is_cached:
            settings = self._fetch(connection)
            self._cache(connection, settings)
        return settings

    def newer(self, connection: ConnectionId) -> Settings | None:
        """Return the settings after `get` gave others from the cache; None when there are none."""
        now = clock.epoch()
        self._rereads = [at for at in self._rereads if now - at < _CACHE_SECONDS]
        if not self._is_cached or len(self._rereads) >= _MOST_REREADS:
            return None
        self._rereads.append(now)
        before = self._texts.get(connection)
        settings = self._fetch(connection)
        self._cache(connection, settings)
        return settings if self._texts.get(connection) != before else None

    def _cache(self, connection: ConnectionId, settings: Settings | None) -> None:
        while len(self._cached) >= _MAX_CACHED:
            oldest = next(iter(self._cached))
            del self._cached[oldest]
            self._texts.pop(oldest, None)
        self._cached[connection] = (clock.epoch() + _CACHE_SECONDS, settings)

    def _fetch(self, connection: ConnectionId) -> Settings | None:
        text = self._texts[connection] = self._text(connection)
        if text is None:
            return None
        try:
            config = json.loads(text)
            telemetry.conceal(*config.get("secrets", ()))
            return self._parse(config)
        except (ValueError, AttributeError, TypeError):
            # Answered like an unknown connection: callers must not learn that it exists.
            telemetry.logger().exception("unusable webhook secret", connection=connection)
            return None

    def _text(self, connection: ConnectionId) -> str | None:
        try:
            # Without the stage some servers return the previous value.
            answer = self._client.get_secret_value(
                SecretId=f"{self._folder}/{connection}", VersionStage="AWSCURRENT"
            )
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise
        return str(answer["SecretString"])
