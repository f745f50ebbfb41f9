"""Finds approvals and changes whose webhook never came, in Airbase's own listing.

Airbase has no known cursor of changes: the listing is read page by page and each order compared
with the digest of how it was listed last. What is new or changed is queued to be looked at, and
only then remembered, so nothing is lost; what is unchanged costs neither message nor call.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector import clock
from ml_connector.airbase.orders import FieldReader
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.coordination import Marks
from ml_connector.doors.ledger import order_key
from ml_connector.doors.mappings import Listed
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import ConnectionId, OrderId
from ml_connector.profile import AirbaseProfile
from ml_connector.purchase_orders.fingerprint import digest
from ml_connector.telemetry import logger
from ml_connector.words import Outcome, State
from ml_connector.workflows.connection_problems import report
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import listing_message, order_message

LISTING = "Airbase's order listing"

_AT_A_TIME = timedelta(seconds=40)  # of a worker's 60: the next sweep goes on where this ended
_WORKER = timedelta(seconds=60)
_FULL_EVERY = timedelta(hours=24)
_RESUME = timedelta(hours=1)  # later than this, another start misses less
_DONE = "listing-done"  # marks that hold for a while: not due
_FULL = "listing-full"  # every page was read within the day
_OPEN = "listing-open"  # a reading has begun and not ended
_PAGE = "listing-page"  # where it was cut off
_ODD = "odd"
_FIRST_PASS = OrderId("")  # no order has this id: remembered once every page was read
_GONE = "gone"
_NEVER = {State.PENDING, State.DENIED, State.ARCHIVED, State.CANCELLED}


def queue_listing(doors: Doors, connection: Connection) -> None:
    """Queue the reading of the listing when it is due, or was cut off."""
    if connection.profile.orders_path and _marks(doors, connection.id).get(_DONE) is None:
        message = listing_message(connection.id)
        doors.queues.send(message, f"{message.group} {clock.epoch() // 60}")


def sweep_listing(doors: Doors, id: ConnectionId) -> None:
    """Read the listing, or the rest of it, as far as one worker gets; never two at once."""
    connection = doors.mappings.connection(id)
    if connection is None or doors.ledger.halted(id):
        return
    with doors.leases(id).holding("listing", _WORKER) as held:
        if held:
            _sweep(doors, connection)


def _sweep(doors: Doors, connection: Connection) -> None:
    try:
        _Pass(doors, connection).run()
    except Halt as halt:
        doors.ledger.halt(connection.id, halt.problem)
    except Later as later:
        logger().info(str(later), connection=connection.id)
    except Review as review:
        cause = review.problems[0].cause
        found = problem("LISTING_REFUSED", LISTING, cause)
        report(doors.ledger, connection.id, LISTING, "listing_refused", [found])
        _set_done(doors, connection)


class _Pass:
    """One reading of the listing, from the first page or from where the last one ended."""

    def __init__(self, doors: Doors, connection: Connection) -> None:
        self.doors = doors
        self.connection = connection
        self.profile = connection.profile
        self.marks = _marks(doors, connection.id)
        self.started = clock.now()
        self.kept = doors.mappings.listed(connection.id)
        self.first_day = first_day(doors, connection)
        self.page = int(self.marks.get(_PAGE) or 1)
        self.is_whole = self.page == 1
        interrupted = self.marks.get(_OPEN)
        self.is_odd = interrupted == _ODD
        self.may_stop_early = (
            self.profile.orders_sorting == "recently_changed_first"
            and self.marks.get(_FULL) is not None
            and interrupted is None  # its later pages may hold what its first ones no longer show
        )
        self.seen: set[OrderId] = set()

    def run(self) -> None:
        self._note_open()
        try:
            ended = self._read()
        except Later:
            self._note_page()
            raise
        if ended:
            self._finish()
        else:
            self._note_page()

    def _read(self) -> bool:
        """Take page after page; return False when time was up before the end."""
        for rows in self.doors.airbase(self.connection).order_pages(self.page):
            is_news = self._take(rows)
            self.page += 1
            if self.may_stop_early and not is_news:
                return True
            if clock.now() - self.started > _AT_A_TIME:
                return False
        return True

    def _note_open(self) -> None:
        self.marks.set(_OPEN, _ODD if self.is_odd else "", clock.now() + 2 * _FULL_EVERY)

    def _note_page(self) -> None:
        self._note_open()
        self.marks.set(_PAGE, str(self.page), clock.now() + _RESUME)

    def _finish(self) -> None:
        # What was cut off has not seen all, and an empty list proves nothing.
        if self.is_whole and self.seen and not self.may_stop_early:
            self._take_leave()
        if self.is_odd or not self.may_stop_early:
            found = [problem("LISTED_ROW_UNREADABLE", LISTING)] if self.is_odd else []
            report(self.doors.ledger, self.connection.id, LISTING, "listing_read", found)
        if not self.may_stop_early:
            self._note_full()
        self.marks.clear(_PAGE)
        self.marks.clear(_OPEN)
        _set_done(self.doors, self.connection)

    def _note_full(self) -> None:
        if _FIRST_PASS not in self.kept:
            self._keep({_FIRST_PASS: Listed(clock.now().isoformat())})
        self.marks.set(_FULL, "", clock.now() + _FULL_EVERY)

    def _take(self, rows: Iterable[Any]) -> bool:
        """Queue what is new or changed, then remember it; return whether there was any."""
        fresh: dict[OrderId, Listed] = {}
        is_news = False
        for row in rows:
            reader = FieldReader(row, self.profile, LISTING)
            id = OrderId(reader.required_text(self.profile.order.id, "id"))
            mark = digest(reader.find(self.profile.orders_compared))
            if reader.problems:
                self.is_odd = True
                continue
            self.seen.add(id)
            known = self.kept.get(id)
            is_changed = known is None or known.digest != mark
            is_news |= is_changed
            listed = Listed(mark, known.is_left) if known else Listed(mark)
            if is_changed or listed.is_left:
                listed = self._look(id, row, listed, is_changed=is_changed)
            if listed != known:
                fresh[id] = listed
        self._keep(fresh)
        return is_news

    def _look(self, id: OrderId, row: Any, listed: Listed, *, is_changed: bool) -> Listed:
        """Queue the order where it is wanted; return how to remember it."""
        is_wanted = may_be_posted(row, self.profile)
        is_left = self._is_from_before(id, row) if is_wanted else listed.is_left
        if (is_wanted and not is_left) or (is_changed and self._is_known(id)):
            self._queue(id, listed.digest)
        return Listed(listed.digest, is_left)

    def _is_from_before(self, id: OrderId, row: Any) -> bool:
        """Return whether the order was approved before the connection's first day.

        Where the listing gives no day: what was approved when it was read for the first time,
        and whatever becomes of that order later.
        """
        reader = FieldReader(row, self.profile)
        day = reader.day(self.profile.order.order_date, "order date")
        if day is not None:
            return day < self.first_day
        known = self.kept.get(id)
        return known.is_left if known else _FIRST_PASS not in self.kept

    def _is_known(self, id: OrderId) -> bool:
        return self.doors.ledger.read(self.connection.id, order_key(id)).version > 0

    def _queue(self, id: OrderId, why: str) -> None:
        message = order_message(self.connection.id, id)
        self.doors.queues.send(message, f"{message.group} {why} {self.started.isoformat()}")

    def _keep(self, orders: dict[OrderId, Listed]) -> None:
        self.doors.mappings.keep_listed(self.connection.id, orders)
        self.kept |= orders

    def _take_leave(self) -> None:
        """Have the orders looked at that left the listing: a filter may hide a cancelled one.

        One that only moved up across a page's edge meanwhile is looked at too, and once more
        when the next reading finds it.
        """
        there = {id for id, listed in self.kept.items() if listed.digest != _GONE}
        gone = sorted(there - self.seen - {_FIRST_PASS})
        for id in gone:
            if self._is_known(id):
                self._queue(id, _GONE)
        self._keep({id: Listed(_GONE, self.kept[id].is_left) for id in gone})


def may_be_posted(row: Any, profile: AirbaseProfile) -> bool:
    """Return whether the order's own record may lead to a posting, as far as the row tells.

    Words that are absent or unknown may mean anything: the record is asked then.
    """
    reader = FieldReader(row, profile)
    fields = profile.order
    state = reader.word(fields.state, profile.state_words, "state", "UNKNOWN_STATE", None)
    if reader.problems:
        return True
    if state in _NEVER:
        return False
    outcome = reader.word(
        fields.outcome,
        profile.outcome_words,
        "outcome",
        "UNKNOWN_OUTCOME",
        profile.outcome_when_absent,
    )
    return bool(reader.problems) or outcome is Outcome.PURCHASE_ORDER


def first_day(doors: Doors, connection: Connection) -> date:
    """Return the day from which on approvals are posted without a webhook."""
    if connection.post_orders_from:
        return connection.post_orders_from
    added_at = doors.mappings.added_at(connection.id)
    if added_at is None:  # stored before this was noted: adding it again notes the day
        return date.max
    return added_at.astimezone(ZoneInfo(connection.profile.time_zone)).date()


def _marks(doors: Doors, id: ConnectionId) -> Marks:
    return Marks(doors.coordination, id)


def _set_done(doors: Doors, connection: Connection) -> None:
    every = timedelta(minutes=connection.airbase_sweep_minutes)
    _marks(doors, connection.id).set(_DONE, "", clock.now() + every)
