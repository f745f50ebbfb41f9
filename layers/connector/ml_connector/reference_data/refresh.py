"""Keep a division's reference data fresh: increments of the `sync/*` streams, listings daily.

A stream is read when it is due, or at the next sweep after a notification that it changed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from ml_connector import clock
from ml_connector.domain.exception_codes import delay
from ml_connector.domain.ids import Division, Guid, OrderId
from ml_connector.domain.orders.marker import order_tokens_in
from ml_connector.domain.orders.reference_data import Code, Supplier
from ml_connector.exact.client import ExactClient
from ml_connector.exact.divisions import read_move
from ml_connector.exact.odata import int64_literal
from ml_connector.exact.purchase_orders import (
    STREAM_FIELDS,
    STREAM_PATH,
    StreamRow,
    group_stream,
    read_stream_row,
)
from ml_connector.exact.reference_data import (
    ACCOUNTS_PATH,
    DELETED_FIELDS,
    DELETED_KINDS,
    DELETED_ORDER,
    DELETED_PATH,
    DIVISIONS_PATH,
    ENTITIES,
    LISTINGS,
    PROJECTS,
    STREAMS,
    Deletion,
    Entity,
    Listing,
    Stream,
    read_deletion,
)
from ml_connector.exact.rows import ReadRow, RowReader, read_listed, read_rows
from ml_connector.infrastructure.reference_store import ReferenceStore, StreamCursor
from ml_connector.messages.rooms import Rooms
from ml_connector.messages.sending import changed_order_message
from ml_connector.reference_data.changed_suppliers import (
    note_deleted,
    note_supplier_changes,
    queue_supplier_changes,
)
from ml_connector.reference_data.division_record import DivisionReadings
from ml_connector.reference_data.odd_rows import OddRows
from ml_connector.reference_data.other_connectors import note_marked, stop_for_other_connector
from ml_connector.reference_data.resting_endpoints import RestingEndpoints, rests
from ml_connector.reference_data.shrunk_listings import ShrunkListings
from ml_connector.services import Services

STREAMS_EVERY = timedelta(hours=4)
MAX_AGE = timedelta(hours=24)
"""Nothing is posted in a division whose streams were read longer ago than this."""
LISTINGS_EVERY = timedelta(hours=24)

_PATHS = (*(stream.path for stream in STREAMS), STREAM_PATH, DELETED_PATH)
_NEEDED = _PATHS[:-1]  # a division may lack the stream of deletions
_ODD_ROWS_EVERY = timedelta(hours=20)
_LISTINGS = "listings"
_STALE = "stale "
_MOVED = "division moved"
_MOST_HELD = 5000
_AT_A_TIME = timedelta(seconds=20)  # of a run: orders may wait for the same turn
_PAGE = 1000  # a sync page; the cursor is saved after each, so an interrupted run continues there

Page = Sequence[Mapping[str, Any]]
T = TypeVar("T")
AnyEntity = TypeVar("AnyEntity", bound=Entity)


def note_stale(data: ReferenceStore, path: str) -> None:
    """Remember that the stream changed in Exact: the next sweep reads it."""
    data.note(f"{_STALE}{path}")


def is_due(data: ReferenceStore) -> bool:
    """Return whether any of the division's streams has to be read now."""
    return bool(_due(data))


def fresh_since(data: ReferenceStore) -> datetime | None:
    """Return when the oldest of the required streams was read; None if one never was."""
    return _fresh_since(data.cursors())


def _fresh_since(readings: Mapping[str, StreamCursor]) -> datetime | None:
    times = [readings.get(path, StreamCursor()).read_at for path in _NEEDED]
    return None if None in times else min(at for at in times if at)


def due_since(data: ReferenceStore) -> datetime | None:
    """Return since when a stream or the listings have to be read; None while none has.

    Left out is what was never read, and what failed: that rests, and becomes an exception.
    """
    readings = data.cursors()
    every = dict.fromkeys(_PATHS, STREAMS_EVERY) | {_LISTINGS: LISTINGS_EVERY}
    known = ((readings.get(path), interval) for path, interval in every.items())
    due = [
        cursor.read_at + interval
        for cursor, interval in known
        if cursor and cursor.read_at and not cursor.failing_since
    ]
    return min((at for at in due if at <= clock.now()), default=None)


def refresh(services: Services, division: Division, *, everything: bool = False) -> bool:
    """Read what is due, or everything; return whether data that mapping uses changed.

    Orders of ours that changed in Exact are queued to be compared. An endpoint that Exact refuses,
    or for which it gives no usable answer, rests for a while and does not stop the others. Raises
    `Later` or `Halt` as the Exact client does; what was read until then is kept.
    """
    data = services.reference_store(division)
    due = _PATHS if everything else _due(data)
    if not due:
        return False
    reader = _Reader(services, division, data, everything=everything)
    changed = [
        reader.endpoints.attempt(each.path, partial(reader.read_stream, each))
        for each in STREAMS
        if each.path in due
    ]
    if STREAM_PATH in due:
        reader.endpoints.attempt(STREAM_PATH, reader.read_orders)
        stop_for_other_connector(services, division)
    if DELETED_PATH in due:
        changed.append(reader.endpoints.attempt(DELETED_PATH, reader.read_deleted))
        queue_supplier_changes(services, division)
    changed.append(reader.read_listings())
    return any(changed)


def _due(data: ReferenceStore) -> tuple[str, ...]:
    readings, stale = data.cursors(), data.notes(_STALE)
    return tuple(
        path
        for path in _PATHS
        if _is_due(readings.get(path, StreamCursor()), stale.get(f"{_STALE}{path}"))
    )


def _is_due(cursor: StreamCursor, stale_at: datetime | None) -> bool:
    read_at = cursor.read_at
    if rests(cursor):
        return False
    if read_at is None or clock.now() - read_at >= STREAMS_EVERY:
        return True
    return stale_at is not None and stale_at >= read_at


def is_usable(data: ReferenceStore) -> bool:
    """Return whether the division's data are fresh enough to map orders."""
    return are_usable(data.cursors())


def are_usable(readings: Mapping[str, StreamCursor]) -> bool:
    """Return whether the data of a division with these cursors are fresh enough to map orders."""
    read_at = _fresh_since(readings)
    return read_at is not None and clock.now() - read_at < MAX_AGE


class _Reader:
    def __init__(
        self, services: Services, division: Division, data: ReferenceStore, *, everything: bool
    ) -> None:
        self.services = services
        self.rooms = Rooms(services)
        self.connection = services.connection
        self.division = division
        self.data = data
        self.orders = services.exact_orders(division)
        self.exact_client: ExactClient = services.exact(division)
        self.started = clock.now()
        self.everything = everything
        self.rows_read: Counter[str] = Counter()
        self.readings = DivisionReadings(services.ledger, division)
        self.odd_rows = OddRows(self.readings)
        self.endpoints = RestingEndpoints(data, self.readings, _NEEDED, everything=everything)
        self.listings = ShrunkListings(self.exact_client, division, data, self.readings)

    def read_stream(self, stream: Stream) -> bool:
        has_changed = False
        cursor = self.data.cursor(stream.path)
        for rows in self._increment(stream.path, stream.select, cursor):
            read = self._read_page(stream.path, rows, stream.read)
            new = self._new(stream.kind, read, cursor.timestamp)
            if stream.kind == "supplier":
                note_supplier_changes(self.data, new)
            self.data.store(stream.kind, self._entities(stream.kind, new))
            self._save_cursor(stream.path, _highest(read))
            has_changed |= bool(new)
        has_changed |= self._read_odd_rows_again(
            stream.path, stream.select, stream.read, partial(self._store, stream.kind)
        )
        if stream.kind == "supplier":
            queue_supplier_changes(self.services, self.division)
        self.ended(stream.path)
        if stream.kind == "supplier" and cursor.read_at is None:
            queue_supplier_changes(self.services, self.division)
        return has_changed

    def _new(
        self, kind: str, rows: Iterable[ReadRow[AnyEntity]], known_up_to: int
    ) -> list[ReadRow[AnyEntity]]:
        """Return the rows that were not read before; of those read again, the ones that differ."""
        every = list(rows)
        known = [row for row in every if row.version is not None and row.version <= known_up_to]
        again = {(kind, _key(each)): each for each in self._entities(kind, known)}
        stored = self.data.get_all({key: type(each) for key, each in again.items()})

        def differs(row: ReadRow[AnyEntity]) -> bool:
            return any(stored.get((kind, _key(e))) != e for e in self._entities(kind, [row]))

        return [
            row for row in every if row.version is None or row.version > known_up_to or differs(row)
        ]

    def _store(self, kind: str, rows: Iterable[ReadRow[Any]]) -> None:
        self.data.store(kind, self._entities(kind, rows))

    def read_orders(self) -> bool:
        """Read the purchase orders; no mapping depends on them."""
        cursor = self.data.cursor(STREAM_PATH)
        keep = partial(
            self._keep_orders, known_up_to=cursor.timestamp, only_ours=cursor.read_at is None
        )
        held: list[ReadRow[StreamRow]] = []
        for rows in self._increment(STREAM_PATH, STREAM_FIELDS, cursor):
            read = [*held, *self._read_page(STREAM_PATH, rows, read_stream_row)]
            held = self._to_be_continued(read)
            cut = {row.value.order for row in held}
            whole = [row for row in read if row.value.order not in cut]
            keep(whole)
            lowest = min((row.version for row in held if row.version), default=None)
            passed = [r for r in whole if lowest is None or (r.version or 0) < lowest]
            self._save_cursor(STREAM_PATH, _highest(passed))
        keep(held)
        self._save_cursor(STREAM_PATH, _highest(held))
        self._read_odd_rows_again(STREAM_PATH, STREAM_FIELDS, read_stream_row, keep)
        self.ended(STREAM_PATH)
        return False

    def _to_be_continued(self, rows: Sequence[ReadRow[StreamRow]]) -> list[ReadRow[StreamRow]]:
        """Return the rows of orders that may go on after the page: the last one, and headless ones.

        Never more than some pages: a stream without any headers is taken as it comes.
        """
        with_header = {row.value.order for row in rows if row.value.header}
        without = {row.value.order for row in rows} - with_header - {Guid("")}
        headless = without - self.orders.get_all(without).keys()
        cut = headless | {rows[-1].value.order} - {Guid("")}
        held = [row for row in rows if row.value.order in cut]
        return held if len(held) <= _MOST_HELD else []

    def _keep_orders(
        self, rows: Sequence[ReadRow[StreamRow]], *, known_up_to: int, only_ours: bool
    ) -> None:
        """Store the orders of these rows, and have ours compared, if they were not read before."""
        new = {each.value.order for each in rows if (each.version or 0) > known_up_to}
        stored = self.orders.get_all({row.value.order for row in rows if row.value.order})
        orders = [
            order
            for order in group_stream(rows, stored.get, known_up_to)
            if order.id in new or stored.get(order.id) != order
        ]
        origins = {
            order.id: self.services.notes.order_of(order.id)
            for order in orders
            if not only_ours or order_tokens_in(order.remarks)
        }
        marked = [o for o in orders if order_tokens_in(o.remarks) and not origins[o.id]]
        note_marked(self.services, self.division, marked)
        self.orders.keep(orders)
        for origin in origins.values():
            self._queue_order(origin, _highest(rows))

    def read_deleted(self) -> bool:
        has_changed = False
        cursor = self.data.cursor(DELETED_PATH)
        for rows in self._increment(DELETED_PATH, DELETED_FIELDS, cursor):
            read = self._read_page(DELETED_PATH, rows, read_deletion)
            for each in read:
                is_known = each.version is not None and each.version <= cursor.timestamp
                if not each.wrong and not (is_known and self._is_removed(*each.value)):
                    has_changed |= self._remove(*each.value, each.version or 0)
            self.odd_rows.deleted(each.value.key for each in read)
            self._save_cursor(DELETED_PATH, _highest(read))
        self._read_odd_rows_again(DELETED_PATH, DELETED_FIELDS, read_deletion, self._remove_each)
        self.ended(DELETED_PATH)
        return has_changed

    def _remove_each(self, rows: Iterable[ReadRow[Deletion]]) -> None:
        for each in rows:
            if not each.wrong and not self._is_removed(*each.value):
                self._remove(*each.value, each.version or 0)

    def _is_removed(self, key: Guid, type_: int) -> bool:
        """Return whether the deletion was taken note of before."""
        if kind := DELETED_KINDS.get(type_):
            return self.data.get(kind, key, ENTITIES[kind]) is None
        return type_ != DELETED_ORDER or self.orders.is_deleted(key)

    def _remove(self, key: Guid, type_: int, version: int) -> bool:
        """Remove what Exact has deleted; return whether mapping uses such records."""
        if kind := DELETED_KINDS.get(type_):
            if kind == "supplier":
                note_deleted(self.data, key, version)
            self.data.remove(kind, key)
        elif type_ == DELETED_ORDER:
            self.orders.mark_deleted(key)
            self._queue_order(self.services.notes.order_of(key), version)
        return kind is not None

    def _read_page(self, path: str, rows: Page, read: Callable[[RowReader], T]) -> list[ReadRow[T]]:
        """Read a page row by row; what cannot be read is set aside before the cursor moves on."""
        found = read_rows(rows, read)
        self.odd_rows.streamed(path, found, self.data.cursor(path).timestamp)
        return found

    def _entities(self, kind: str, rows: Iterable[ReadRow[AnyEntity]]) -> list[AnyEntity]:
        """Return what is to be stored: of a row that cannot be read, what was stored before."""
        return [
            each.value if not each.wrong else self._unreadable(kind, each.value, each.wrong)
            for each in rows
            if isinstance(each.value, Code) or each.value.id
        ]

    def _unreadable(self, kind: str, found: AnyEntity, wrong: str) -> AnyEntity:
        key = found.code if isinstance(found, Code) else found.id
        before = self.data.get(kind, key, type(found))
        if before is None and isinstance(found, Supplier):
            # No vendor is to be linked to it.
            return replace(found, is_supplier=False, unreadable=wrong)
        return replace(before or found, unreadable=wrong)

    def _read_odd_rows_again(
        self,
        path: str,
        select: str,
        read: Callable[[RowReader], T],
        take: Callable[[list[ReadRow[T]]], None],
    ) -> bool:
        """Read the rows that were set aside once more, once a day: one page."""
        known = self.odd_rows.of(path)
        read_at = self.readings.facts.rechecked.get(path)
        is_recent = read_at is not None and self.started - read_at < _ODD_ROWS_EVERY
        if not known or (is_recent and not self.everything):
            return False
        page = list(islice(self._after(path, select, min(each.after for each in known)), _PAGE))
        rows = read_rows(page, read)
        take(rows)
        self.odd_rows.read_again(path, rows, to_end=len(page) < _PAGE)
        return True

    def read_listings(self) -> bool:
        """Read the listings once a day; between, only those that failed and have rested."""
        read_at = self.data.cursor(_LISTINGS).read_at
        is_recent = read_at is not None and self.started - read_at < LISTINGS_EVERY
        every = not is_recent or self.everything
        listings = [*LISTINGS, *([PROJECTS] if "project" in self.connection.tag_kinds else [])]
        failed = {path for path, each in self.data.cursors().items() if each.failures}
        if every or DIVISIONS_PATH in failed:
            self.endpoints.attempt(DIVISIONS_PATH, self._restart_if_moved)
        changed = [
            self.endpoints.attempt(each.path, partial(self._read_listing, each))
            for each in listings
            if every or each.path in failed
        ]
        if every:
            self.ended(_LISTINGS)
        return any(changed)

    def ended(self, path: str) -> None:
        cursor = self.data.cursor(path)
        is_small = self.rows_read[path] < _PAGE
        self.data.save_cursor(path, cursor.ended(self.started, is_small=is_small))

    def _restart_if_moved(self) -> bool:
        """Read all streams again after Exact moved the division: its timestamps start over."""
        if self._was_moved():
            for path in _PATHS:
                self.data.save_cursor(path, StreamCursor())
        self._forget_failures(DIVISIONS_PATH)
        return False

    def _was_moved(self) -> bool:
        said = read_move(self.exact_client, self.division)
        if said is None:
            return not self._shows_newest()
        moved, before = said.text("DivisionMoveDate"), self.data.text(_MOVED)
        self.data.set_text(_MOVED, moved)
        return bool(moved) and before is not None and moved != before

    def _shows_newest(self) -> bool:
        """Return whether the newest supplier that was read is still there, at its row version.

        If not, it was deleted or the division was moved; reading all again is right for both.
        """
        cursor = self.data.cursor(ACCOUNTS_PATH)
        if cursor.read_at is None or not cursor.timestamp:
            return True
        rows = self._after(ACCOUNTS_PATH, "Timestamp", cursor.timestamp - 1)
        return any(True for _ in rows)

    def _forget_failures(self, path: str) -> None:
        """Note that an endpoint without row versions was read."""
        if self.data.cursor(path).failures:
            self.ended(path)

    def _read_listing(self, listing: Listing) -> bool:
        rows = self.exact_client.rows(self.division, listing.path, {"$select": listing.select})
        read = read_listed(rows, listing.read)
        self.odd_rows.listed(listing.path, read)
        found = [each for each in self._entities(listing.kind, read) if each.code]
        if any(not each.value.code for each in read):  # it may be any of those that are missing
            seen = {each.code for each in found}
            found += [each for each in self.data.all(listing.kind, Code) if each.code not in seen]
        self._forget_failures(listing.path)
        if not self.listings.may_replace(listing, found):
            return False
        return self.data.replace_all(listing.kind, found)

    def _increment(self, path: str, select: str, cursor: StreamCursor) -> Iterator[Page]:
        """Yield the rows after the cursor, and before it those that are to be read again."""
        rows = self._after(path, select, cursor.start)
        while page := list(islice(rows, _PAGE)):
            self.rows_read[path] += len(page)
            yield page

    def _after(self, path: str, select: str, version: int) -> Iterator[dict[str, Any]]:
        query = {"$filter": f"Timestamp gt {int64_literal(version)}", "$select": select}
        return self.exact_client.rows(self.division, path, query)

    def _save_cursor(self, path: str, highest: int) -> None:
        self.data.save_cursor(path, self.data.cursor(path).reached(highest))
        if clock.now() - self.started > _AT_A_TIME:
            now = clock.now()
            raise delay("REFERENCE_DATA_OLD", now, "read_up_to", path=path, timestamp=highest)

    def _queue_order(self, order: OrderId | None, stamp: int) -> None:
        """Queue the Airbase order that a purchase order in Exact came from, if from any."""
        if order:
            message = changed_order_message(self.connection.id, order)
            self.rooms.send_or_keep(message, f"{message.group} exact {stamp}")


def _key(entity: Entity) -> str:
    return entity.code if isinstance(entity, Code) else entity.id


def _highest(rows: Sequence[ReadRow[Any]]) -> int:
    """Return the highest row version; a row whose version cannot be read counts for nothing."""
    return max((each.version or 0 for each in rows), default=0)
