"""What the worker has read for people, and what came of their requests, for pages to show.

Both lie in the mappings table beside the connection: the console may read there, and not write.
"""

from datetime import timedelta
from typing import TypeVar

import msgspec
from msgspec import Struct

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.domain.reports import DeedOutcome
from ml_connector.infrastructure.compression import compress, decompress
from ml_connector.infrastructure.dynamodb import Table

_A_DAY = timedelta(days=1)
_LARGEST = 380_000
_Report = TypeVar("_Report", bound=Struct)


class ReportTooLargeError(ValueError):
    """A report does not fit into an item: the command has no such limit."""


class KeptReports:
    """The last report of each name of one connection."""

    def __init__(self, mappings: Table, connection: ConnectionId) -> None:
        """Keep them in the mappings table."""
        self._table = mappings
        self._pk = f"{connection}#reports"

    def keep(self, name: str, report: Struct, lives: timedelta | None = None) -> None:
        """Keep a report in place of the one before, for `lives`; raises `ReportTooLargeError`."""
        self._put(name, report, lives)

    def read(self, name: str, kind: type[_Report]) -> _Report | None:
        """Return the last report of this name, if a release like this one wrote it."""
        item = self._table.get(self._pk, name)
        if item is None:
            return None
        try:
            return msgspec.json.decode(decompress(str(item["body"])), type=kind)
        except msgspec.ValidationError:
            return None

    def note(self, id: str, outcome: DeedOutcome) -> None:
        """Keep for a day what came of the request with this id."""
        self._put(f"request#{id}", outcome, _A_DAY)

    def outcome(self, id: str) -> DeedOutcome | None:
        """Return what came of a request, None while it is on its way."""
        return self.read(f"request#{id}", DeedOutcome)

    def remove_all(self) -> None:
        """Remove every report, and what came of requests."""
        self._table.delete_all(self._pk, [str(row["sk"]) for row in self._table.query(self._pk)])

    def _put(self, name: str, report: Struct, lives: timedelta | None) -> None:
        body = compress(msgspec.json.encode(report).decode())
        if len(body) > _LARGEST:
            raise ReportTooLargeError(f"{name}: {len(body)} characters, compressed")
        end = {"expires_at": int((clock.now() + lives).timestamp())} if lives else {}
        self._table.put({"pk": self._pk, "sk": name, "body": body, **end})
