"""Keep a division's reference data fresh: increments of the `sync/*` streams, listings daily."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import Any

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.reference import ReferenceData
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import guid, int64_literal
from ml_connector.exact.reference import (
    DELETED_KINDS,
    DELETED_PATH,
    LISTINGS,
    PROJECTS,
    STREAMS,
    Listing,
)
from ml_connector.faults import Later, Review
from ml_connector.ids import Division
from ml_connector.telemetry import logger
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.supplier_changes import note_deleted, note_suppliers, tell_suppliers

STREAMS_EVERY = timedelta(hours=4)
LISTINGS_EVERY = timedelta(hours=24)
STALE = "stale"
"""The note on a division's data that Exact has said something changed."""

_AT_A_TIME = timedelta(seconds=40)  # of a worker's 60: a first load goes on at the next sweep
_PAGE = 1000  # a sync page; the cursor is saved after each, so an interrupted run goes on there


def is_due(doors: Doors, connection: Connection, division: Division) -> bool:
    """Return whether the division's streams are due, or Exact has said that something changed."""
    data = doors.data(connection.id, division)
    read_at, told_at = data.freshness().streams_at, data.noted_at(STALE)
    if read_at is None or clock.now() - read_at >= STREAMS_EVERY:
        return True
    return told_at is not None and told_at >= read_at


def refresh(doors: Doors, connection: Connection, division: Division) -> bool:
    """Read what has changed since the last time; return whether anything had.

    Raises `Later`, `Review` or `Halt` as the gateway does; what was read until then is kept.
    """
    reader = _Reader(doors.data(connection.id, division), doors.exact(connection), division)
    changed = [reader.read_stream(s.path, s.select, s.kind, s.read) for s in STREAMS]
    changed.append(_if_there(reader.read_deleted))
    listings = [*LISTINGS, *([PROJECTS] if "project" in connection.tag_kinds else [])]
    changed += [
        _if_there(partial(reader.read_listing, listing))
        for listing in listings
        if reader.listings_due
    ]
    reader.finish()
    tell_suppliers(doors, connection.id, division)
    return any(changed)


def _if_there(read: Callable[[], bool]) -> bool:
    """Read what a division may lack; without it, orders that need it are exceptions."""
    try:
        return read()
    except Review as review:
        logger().warning("not read from Exact", cause=str(review))
        return False


class _Reader:
    def __init__(self, data: ReferenceData, gateway: ExactGateway, division: Division) -> None:
        self.data = data
        self.gateway = gateway
        self.division = division
        self.started = clock.now()
        read_at = data.freshness().listings_at
        self.listings_due = read_at is None or self.started - read_at >= LISTINGS_EVERY

    def read_stream(self, path: str, select: str, kind: str, read: Any) -> bool:
        seen = False
        for rows in self._increment(path, select):
            if kind == "supplier":
                note_suppliers(self.data, rows, read)
            self.data.store(kind, [read(row) for row in rows])
            self._reached(path, rows)
            seen = True
        return seen

    def read_deleted(self) -> bool:
        seen = False
        for rows in self._increment(DELETED_PATH, "Timestamp,EntityKey,EntityType"):
            for row in rows:
                if kind := DELETED_KINDS.get(int(row["EntityType"])):
                    if kind == "supplier":
                        note_deleted(self.data, row)
                    self.data.remove(kind, guid(row["EntityKey"]))
                    seen = True
            self._reached(DELETED_PATH, rows)
        return seen

    def read_listing(self, listing: Listing) -> bool:
        rows = self.gateway.rows(self.division, listing.path, {"$select": listing.select})
        return self.data.replace_all(listing.kind, [listing.read(row) for row in rows])

    def finish(self) -> None:
        freshness = self.data.freshness()
        self.data.save_freshness(freshness.read(self.started, listings=self.listings_due))

    def _increment(self, path: str, select: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        cursor = self.data.freshness().cursors.get(path, 1)
        query = {"$filter": f"Timestamp gt {int64_literal(cursor)}", "$select": select}
        rows = self.gateway.rows(self.division, path, query)
        return iter(lambda: list(islice(rows, _PAGE)), [])

    def _reached(self, path: str, rows: Sequence[Mapping[str, Any]]) -> None:
        freshness = self.data.freshness()
        highest = max(int(row["Timestamp"]) for row in rows)
        self.data.save_freshness(freshness.reached(path, highest))
        if clock.now() - self.started > _AT_A_TIME:
            raise Later("REFERENCE_DATA_OLD", clock.now(), f"{path} is read up to {highest}.")
