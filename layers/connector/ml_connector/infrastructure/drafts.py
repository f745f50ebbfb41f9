"""What a person has answered of a connection that is not saved yet, for the next run."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Table

_DRAFTS = "#drafts"  # no connection's own id can be this
_KEPT_FOR = timedelta(days=30)


class Drafts:
    """The settings of connections that are being made or changed; they hold no secret."""

    def __init__(self, coordination: Table) -> None:
        """Keep them in the coordination table."""
        self._table = coordination

    def get(self, id: ConnectionId) -> dict[str, Any] | None:
        """Return the settings as far as they were given; None without a draft."""
        item = self._table.get(_DRAFTS, id)
        return dict(json.loads(str(item["body"]))) if item else None

    def save(self, id: ConnectionId, settings: dict[str, Any]) -> None:
        """Keep the settings, for a month."""
        expires = int((clock.now() + _KEPT_FOR).timestamp())
        body = json.dumps(settings, default=str)
        self._table.put({"pk": _DRAFTS, "sk": id, "body": body, "expires_at": expires})

    def forget(self, id: ConnectionId) -> None:
        """Remove the draft, if there is one."""
        self._table.delete(_DRAFTS, id)

    def known(self) -> Iterator[ConnectionId]:
        """Yield every connection with a draft; one that has expired may still be stored."""
        now = clock.epoch()
        rows = self._table.query(_DRAFTS)
        return (ConnectionId(str(row["sk"])) for row in rows if int(row["expires_at"]) > now)
