"""Which vendors a comparison has seen so far, for the worker that continues it."""

import json
from collections.abc import Collection

from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.dynamodb import Table


class ReconciliationProgress:
    """The vendor ids on each page of Airbase's list, in the reference table."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Read the progress of the connection's current run."""
        self._table = table
        self._pk = f"{connection}#run"
        rows = table.query(self._pk, "page#")
        self._pages = {str(row["sk"]): set(json.loads(str(row["body"]))) for row in rows}

    def add(self, page: int, ids: Collection[str]) -> None:
        """Store the vendors of a page."""
        sk = f"page#{page:06}"
        self._pages[sk] = set(ids)
        self._table.put({"pk": self._pk, "sk": sk, "body": json.dumps(list(ids))})

    def all(self) -> set[str]:
        """Return the vendors of all pages."""
        return set().union(*self._pages.values())

    def is_repeated(self, page: int, ids: Collection[str]) -> bool:
        """Return whether all of these were on earlier pages: Airbase repeats its list."""
        sk = f"page#{page:06}"
        earlier = (seen for name, seen in self._pages.items() if name < sk)
        return set(ids) <= set().union(*earlier)

    def clear(self) -> None:
        """Remove the progress."""
        self._table.delete_all(self._pk, self._pages)
        self._pages = {}
