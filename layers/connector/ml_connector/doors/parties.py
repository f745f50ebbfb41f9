"""Vendors and suppliers as last looked at by reconciliation, in the reference table.

A connection's vendors are one list, the suppliers of each of its divisions another.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict

from ml_connector.doors.table import Item, Table
from ml_connector.ids import ConnectionId, Division
from ml_connector.vendors.party import Party

_PARTY = "party#"


class Parties:
    """One list of parties by id."""

    def __init__(self, table: Table, pk: str) -> None:
        """Keep the list under `pk` of the reference table."""
        self._table = table
        self._pk = pk

    def get(self, id: str) -> Party | None:
        """Return the party as last looked at, or None."""
        item = self._table.get(self._pk, _PARTY + id)
        return _read(item) if item else None

    def save(self, *parties: Party) -> None:
        """Remember these as looked at."""
        self._table.put_all(
            {"pk": self._pk, "sk": _PARTY + party.id, "body": _text(party)} for party in parties
        )

    def remove(self, id: str) -> None:
        """Forget one; absent is fine."""
        self._table.delete(self._pk, _PARTY + id)

    def all(self) -> Iterator[Party]:
        """Yield the whole list, in the order of the ids."""
        return (_read(item) for item in self._table.query(self._pk, _PARTY))


def vendors_of(table: Table, connection: ConnectionId) -> Parties:
    """Return the list of a connection's vendors; a usable one is active."""
    return Parties(table, f"{connection}#vendors")


def suppliers_of(table: Table, connection: ConnectionId, division: Division) -> Parties:
    """Return the list of a division's suppliers."""
    return Parties(table, f"{connection}#{division}#suppliers")


def _text(party: Party) -> str:
    known = {name: value for name, value in asdict(party).items() if value != ""}
    return json.dumps(known, ensure_ascii=False, separators=(",", ":"))


def _read(item: Item) -> Party:
    return Party(**json.loads(str(item["body"])))
