"""Keep what is known of a division fresh: increments of the `sync/*` streams, listings daily.

A stream is read when its time has come, or soon after a notification said that it has news.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.reference import Reading, ReferenceData
from ml_connector.exact.gateway import ExactGateway
from ml_connector.exact.odata import guid, int64_literal
from ml_connector.exact.orders import STREAM_FIELDS, STREAM_PATH, group_stream
from ml_connector.exact.reference import (
    DELETED_KINDS,
    DELETED_ORDER,
    DELETED_PATH,
    DIVISIONS_PATH,
    LISTINGS,
    PROJECTS,
    STREAMS,
    Listing,
    Stream,
    read_supplier,
)
from ml_connector.faults import Later, Review
from ml_connector.ids import ConnectionId, Division, Guid
from ml_connector.purchase_orders.marker import marks_in
from ml_connector.telemetry import logger
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import changed_order_message
from ml_connector.workflows.upkeep.supplier_changes import (
    note_deleted,
    note_suppliers,
    tell_suppliers,
)

STREAMS_EVERY = timedelta(hours=4)
MAX_AGE = timedelta(hours=24)
"""Streams older than this stop posting in their division until they are read."""
LISTINGS_EVERY = timedelta(hours=24)

_PATHS = (*(stream.path for stream in STREAMS), STREAM_PATH, DELETED_PATH)
_NEEDED = _PATHS[:-1]  # a division may lack the stream of deletions
_LISTINGS = "listings"
_STALE = "stale "
_MOVED = "division moved"
_AT_A_TIME = timedelta(seconds=40)  # of a worker's 60: a first load goes on at the next sweep
_PAGE = 1000  # a sync page; the cursor is saved after each, so an interrupted run goes on there

Page = Sequence[Mapping[str, Any]]


def note_stale(data: ReferenceData, path: str) -> None:
    """Remember that Exact has said the stream has news: the next sweep reads it."""
    data.note(f"{_STALE}{path}")


def is_due(doors: Doors, connection: Connection, division: Division) -> bool:
    """Return whether any of the division's streams is to be read now."""
    return bool(_due(doors.data(connection.id, division)))


def fresh_since(data: ReferenceData) -> datetime | None:
    """Return when the stream that is read the longest ago was read; None when one never was."""
    readings = data.readings()
    times = [readings.get(path, Reading()).read_at for path in _NEEDED]
    return None if None in times else min(at for at in times if at)


def refresh(
    doors: Doors, connection: Connection, division: Division, *, everything: bool = False
) -> bool:
    """Read what is due, or all; return whether anything that planning uses had changed.

    Orders of ours that changed in Exact are queued to be looked at.
    Raises `Later`, `Review` or `Halt` as the gateway does; what was read until then is kept.
    """
    data = doors.data(connection.id, division)
    wanted = _PATHS if everything else _due(data)
    if not wanted:
        return False
    reader = _Reader(doors, connection, division, data)
    changed = [reader.read_stream(s) for s in STREAMS if s.path in wanted]
    if STREAM_PATH in wanted:
        reader.read_orders()
    if DELETED_PATH in wanted:
        changed.append(_if_there(reader.read_deleted))
        tell_suppliers(doors, connection.id, division)
        reader.ended(DELETED_PATH)
    changed.append(reader.read_listings())
    return any(changed)


def _due(data: ReferenceData) -> tuple[str, ...]:
    readings, told = data.readings(), data.notes(_STALE)
    return tuple(
        path
        for path in _PATHS
        if _is_due(readings.get(path, Reading()).read_at, told.get(f"{_STALE}{path}"))
    )


def _is_due(read_at: datetime | None, told_at: datetime | None) -> bool:
    if read_at is None or clock.now() - read_at >= STREAMS_EVERY:
        return True
    return told_at is not None and told_at >= read_at


def is_usable(doors: Doors, connection: ConnectionId, division: Division) -> bool:
    """Return whether orders may be planned on the division's data."""
    read_at = fresh_since(doors.data(connection, division))
    return read_at is not None and clock.now() - read_at < MAX_AGE


def _if_there(read: Callable[[], bool]) -> bool:
    """Read what a division may lack; without it, orders that need it are exceptions."""
    try:
        return read()
    except Review as review:
        logger().warning("not read from Exact", cause=str(review))
        return False


class _Reader:
    def __init__(
        self, doors: Doors, connection: Connection, division: Division, data: ReferenceData
    ) -> None:
        self.doors = doors
        self.connection = connection
        self.division = division
        self.data = data
        self.orders = doors.exact_orders(connection.id, division)
        self.gateway: ExactGateway = doors.exact(connection)
        self.started = clock.now()

    def read_stream(self, stream: Stream) -> bool:
        seen = False
        for rows in self._increment(stream.path, stream.select):
            if stream.kind == "supplier":
                note_suppliers(self.data, rows, read_supplier)
            self.data.store(stream.kind, [stream.read(row) for row in rows])
            self._reached(stream.path, rows)
            seen = True
        if stream.kind == "supplier":
            tell_suppliers(self.doors, self.connection.id, self.division)
        self.ended(stream.path)
        return seen

    def read_orders(self) -> None:
        """Keep the orders; those cut by a page's end are asked for again when they look changed."""
        is_first = self.data.reading(STREAM_PATH).read_at is None
        for rows in self._increment(STREAM_PATH, STREAM_FIELDS):
            orders = group_stream(rows)
            self.orders.keep(orders)
            for order in orders:
                if not is_first or marks_in(order.remarks):
                    self._tell_ours(order.id, _highest(rows))
            self._reached(STREAM_PATH, rows)
        self.ended(STREAM_PATH)

    def read_deleted(self) -> bool:
        seen = False
        for rows in self._increment(DELETED_PATH, "Timestamp,EntityKey,EntityType"):
            for row in rows:
                key, type_ = guid(row["EntityKey"]), int(row["EntityType"])
                if kind := DELETED_KINDS.get(type_):
                    if kind == "supplier":
                        note_deleted(self.data, row)
                    self.data.remove(kind, key)
                    seen = True
                elif type_ == DELETED_ORDER:
                    self.orders.forget(key)
                    self._tell_ours(key, _highest(rows))
            self._reached(DELETED_PATH, rows)
        return seen

    def read_listings(self) -> bool:
        read_at = self.data.reading(_LISTINGS).read_at
        if read_at and self.started - read_at < LISTINGS_EVERY:
            return False
        _if_there(self._heed_move)
        listings = [*LISTINGS, *([PROJECTS] if "project" in self.connection.tag_kinds else [])]
        changed = [_if_there(partial(self._read_listing, listing)) for listing in listings]
        self.ended(_LISTINGS)
        return any(changed)

    def ended(self, path: str) -> None:
        self.data.save_reading(path, self.data.reading(path).ended(self.started))

    def _heed_move(self) -> bool:
        """Read all streams anew once Exact has moved the division: its timestamps begin again."""
        query = {"$filter": f"Code eq {self.division}", "$select": "Code,DivisionMoveDate"}
        rows = list(self.gateway.rows(self.division, DIVISIONS_PATH, query))
        moved = str(rows[0].get("DivisionMoveDate") or "") if rows else ""
        before = self.data.text(_MOVED)
        if moved and before is not None and moved != before:
            for path in _PATHS:
                self.data.save_reading(path, Reading())
        self.data.set_text(_MOVED, moved)
        return False

    def _read_listing(self, listing: Listing) -> bool:
        rows = self.gateway.rows(self.division, listing.path, {"$select": listing.select})
        return self.data.replace_all(listing.kind, [listing.read(row) for row in rows])

    def _increment(self, path: str, select: str) -> Iterator[Page]:
        cursor = self.data.reading(path).cursor
        query = {"$filter": f"Timestamp gt {int64_literal(cursor)}", "$select": select}
        rows = self.gateway.rows(self.division, path, query)
        return iter(lambda: list(islice(rows, _PAGE)), [])

    def _reached(self, path: str, rows: Page) -> None:
        highest = _highest(rows)
        self.data.save_reading(path, self.data.reading(path).reached(highest))
        if clock.now() - self.started > _AT_A_TIME:
            raise Later("REFERENCE_DATA_OLD", clock.now(), f"{path} is read up to {highest}.")

    def _tell_ours(self, id: Guid, stamp: int) -> None:
        """Queue the order that a purchase order in Exact came from, if it is one of ours."""
        if order := self.doors.mappings.order_of(self.connection.id, id):
            message = changed_order_message(self.connection.id, order)
            self.doors.queues.send(message, f"{message.group} exact {stamp}")


def _highest(rows: Page) -> int:
    return max(int(row["Timestamp"]) for row in rows)
