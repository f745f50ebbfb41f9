"""Which vendors a comparison has seen so far, kept for the worker that goes on with it."""

import json
from collections.abc import Collection

from ml_connector.doors.table import Table
from ml_connector.ids import ConnectionId


class RunNotes:
    """The ids on each page of Airbase's list, in the reference table."""

    def __init__(self, table: Table, connection: ConnectionId) -> None:
        """Read the notes of the connection's run under way."""
        self._table = table
        self._pk = f"{connection}#run"
        rows = table.query(self._pk, "page#")
        self._pages = {str(row["sk"]): set(json.loads(str(row["body"]))) for row in rows}

    def add(self, page: int, ids: Collection[str]) -> None:
        """Remember who was on a page."""
        sk = f"page#{page:06}"
        self._pages[sk] = set(ids)
        self._table.put({"pk": self._pk, "sk": sk, "body": json.dumps(list(ids))})

    def all(self) -> set[str]:
        """Return everybody who was on any page."""
        return set().union(*self._pages.values())

    def is_repeated(self, page: int, ids: Collection[str]) -> bool:
        """Return whether all of these were on earlier pages: the list goes round in a circle."""
        sk = f"page#{page:06}"
        earlier = (seen for name, seen in self._pages.items() if name < sk)
        return set(ids) <= set().union(*earlier)

    def clear(self) -> None:
        """Forget the run."""
        for sk in self._pages:
            self._table.delete(self._pk, sk)
        self._pages = {}
