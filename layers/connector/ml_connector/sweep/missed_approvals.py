"""Find approvals and changes whose webhook never arrived, in Airbase's own listing.

Airbase has no known cursor of changes: the listing is read page by page, and each order compared
with the digest of its last row. What is new or changed is queued first and remembered afterwards,
so nothing is lost; what is unchanged needs no message and no call.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector import clock
from ml_connector.airbase.purchase_orders import FieldReader, profile_for
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import OrderId
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.infrastructure import coordination
from ml_connector.infrastructure.connection_store import FIRST_READING, ListedOrder
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import order_key
from ml_connector.messages.rooms import Rooms
from ml_connector.messages.sending import listing_message, order_message
from ml_connector.reference_data.other_connectors import stop_for_other_connector
from ml_connector.services import Services
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.settings.connection import Connection
from ml_connector.sweep.long_outages import LONG
from ml_connector.telemetry import logger

LISTING = "Airbase's order listing"

_AT_A_TIME = timedelta(seconds=40)  # of a worker's 60: the next sweep continues from there
_WORKER = timedelta(seconds=60)
_FULL_EVERY = timedelta(hours=24)
_RESUME = timedelta(hours=1)  # an older reading starts over: its first pages are outdated
_DONE = "listing-done"  # a shared value while no reading is due
_FULL = "listing-full"  # every page was read within the last day
_OPEN = "listing-open"  # a reading has begun but not ended
_PAGE = "listing-page"  # where it was interrupted
_FAILING = "listing-failing"  # since when, and how often
_RESTS = tuple(timedelta(minutes=each) for each in (1, 5, 15, 50))  # shorter than `_RESUME`
_UNREADABLE = "odd"
_GONE = "gone"
_NEVER = {
    ApprovalState.PENDING,
    ApprovalState.DENIED,
    ApprovalState.ARCHIVED,
    ApprovalState.CANCELLED,
}


def queue_listing(services: Services) -> bool:
    """Queue the reading of the listing if it is due, or was interrupted; return whether it is."""
    if not services.connection.profile.orders_path or services.shared_values.get(_DONE) is not None:
        return False
    message = listing_message(services.id)
    services.queues.send(message, f"{message.group} {clock.epoch() // 60}")
    return True


def search_listing(services: Services) -> None:
    """Read the listing, or the rest of it, as far as one worker gets; one worker at a time."""
    if Halts(services.ledger).is_stopped():
        return
    with services.leases.holding("listing", _WORKER) as lease:
        if lease:
            _read_listing(services)


def _read_listing(services: Services) -> None:
    try:
        _ListingReader(services).run()
    except Halt as halt:
        Halts(services.ledger).stop(halt.problem)
    except Later as later:
        _wait(services, later)
    except Review as review:
        found = problem("LISTING_REFUSED", LISTING, "reason", reason=review.problems[0].cause)
        report_connection_problems(services.ledger, LISTING, "listing_refused", [found])
        _set_done(services)


def _wait(services: Services, later: Later) -> None:
    """Let the listing rest, longer each time; once it fails for long, that is an exception."""
    logger().info(str(later), connection=services.id)
    now, shared = clock.now(), services.shared_values
    since, times = (shared.get(_FAILING) or f"{now.isoformat()} 0").split()
    shared.set(_FAILING, f"{since} {int(times) + 1}", now + _FULL_EVERY)
    rest = _RESTS[min(int(times), len(_RESTS) - 1)]
    shared.set(_DONE, "", max(later.until, now + rest))
    if now - datetime.fromisoformat(since) >= LONG:
        found = problem("LISTING_REFUSED", LISTING, "reason", reason=later.cause)
        report_connection_problems(services.ledger, LISTING, "listing_fails", [found])


class _ListingReader:
    """Reads the listing once, from the first page or from where the last reading ended."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.connection = services.connection
        self.profile = services.connection.profile
        self.shared = services.shared_values
        self.started = clock.now()
        self.listed = services.notes.listed_orders()
        self.added_at = services.notes.added_at()
        self.page = int(self.shared.get(_PAGE) or 1)
        self.starts_at_first_page = self.page == 1
        interrupted = self.shared.get(_OPEN)
        self.has_unreadable = interrupted == _UNREADABLE
        self.may_stop_early = (
            self.profile.orders_sorting == "recently_changed_first"
            and self.shared.get(_FULL) is not None
            and interrupted is None  # its later pages may have changes that were never read
        )
        self.seen: set[OrderId] = set()
        self.rooms = Rooms(services)

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
        """Process page after page; return False when time was up before the end."""
        for rows in self.services.airbase().order_pages(self.page):
            has_changes = self._process(rows)
            self.page += 1
            if self.may_stop_early and not has_changes:
                return True
            if clock.now() - self.started > _AT_A_TIME:
                return False
        return True

    def _note_open(self) -> None:
        self.shared.set(
            _OPEN, _UNREADABLE if self.has_unreadable else "", clock.now() + 2 * _FULL_EVERY
        )

    def _note_page(self) -> None:
        self._note_open()
        self.shared.set(_PAGE, str(self.page), clock.now() + _RESUME)

    def _finish(self) -> None:
        # A resumed reading has not seen every row, and an empty list proves nothing.
        if self.starts_at_first_page and self.seen and not self.may_stop_early:
            self._queue_unlisted()
        has_failed = self.shared.get(_FAILING) is not None
        if self.has_unreadable or has_failed or not self.may_stop_early:
            found = [problem("LISTED_ROW_UNREADABLE", LISTING)] if self.has_unreadable else []
            report_connection_problems(self.services.ledger, LISTING, "listing_read", found)
        if not self.may_stop_early:
            self._note_full()
            for each in self.connection.divisions:
                stop_for_other_connector(self.services, each.division)
        self.shared.clear(_PAGE)
        self.shared.clear(_OPEN)
        if has_failed:
            self.shared.clear(_FAILING)
        _set_done(self.services)

    def _note_full(self) -> None:
        if FIRST_READING not in self.listed:
            self._remember({FIRST_READING: ListedOrder(clock.now().isoformat())})
        self.shared.set(_FULL, "", clock.now() + _FULL_EVERY)

    def _process(self, rows: Iterable[Any]) -> bool:
        """Queue what is new or changed, then remember it; return whether there was any."""
        updated: dict[OrderId, ListedOrder] = {}
        has_changes = False
        for row in rows:
            reader = FieldReader(row, self.profile, LISTING)
            id = OrderId(reader.required_text(self.profile.order.id, "id"))
            row_digest = digest(reader.find(self.profile.orders_compared))
            if reader.problems:
                self.has_unreadable = True
                continue
            self.seen.add(id)
            before = self.listed.get(id)
            is_changed = before is None or before.digest != row_digest
            has_changes |= is_changed
            listed = (
                ListedOrder(row_digest, before.is_skipped) if before else ListedOrder(row_digest)
            )
            if is_changed or listed.is_skipped:
                listed = self._queue_if_wanted(id, row, listed, is_changed=is_changed)
            if listed != before:
                updated[id] = listed
        self._remember(updated)
        return has_changes

    def _queue_if_wanted(
        self, id: OrderId, row: Any, listed: ListedOrder, *, is_changed: bool
    ) -> ListedOrder:
        """Queue the order if it is wanted; return how to remember it."""
        is_wanted = may_be_posted(row, self.profile)
        is_skipped = self._is_from_before(id, row) if is_wanted else listed.is_skipped
        if (is_wanted and not is_skipped) or (is_changed and self._is_known(id)):
            self._queue(id, listed.digest)
        return ListedOrder(listed.digest, is_skipped)

    def _is_from_before(self, id: OrderId, row: Any) -> bool:
        """Return whether the order was approved before the connection's first day.

        Where the listing has no order date, the orders approved at the first reading count as
        earlier, now and later.
        """
        is_before = is_from_before(self.connection, self.added_at, row)
        if is_before is not None:
            return is_before
        before = self.listed.get(id)
        return before.is_skipped if before else FIRST_READING not in self.listed

    def _is_known(self, id: OrderId) -> bool:
        return self.services.ledger.is_stored(order_key(id))

    def _queue(self, id: OrderId, why: str) -> None:
        message = order_message(self.connection.id, id)
        self.rooms.send_or_keep(message, f"{message.group} {why} {self.started.isoformat()}")

    def _remember(self, orders: dict[OrderId, ListedOrder]) -> None:
        self.services.notes.save_listed_orders(orders)
        self.listed |= orders

    def _queue_unlisted(self) -> None:
        """Queue the orders that are no longer listed: a filter may hide a cancelled one.

        An order that only moved to an earlier page meanwhile is queued too, and again when the
        next reading finds it.
        """
        before = {id for id, listed in self.listed.items() if listed.digest != _GONE}
        gone = sorted(before - self.seen - {FIRST_READING})
        for id in gone:
            if self._is_known(id):
                self._queue(id, _GONE)
        self._remember({id: ListedOrder(_GONE, self.listed[id].is_skipped) for id in gone})


def may_be_posted(row: Any, profile: AirbaseProfile) -> bool:
    """Return whether the order may have to be posted, as far as its row shows.

    A state or outcome that is absent or unknown may mean anything: then it may.
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
    return bool(reader.problems) or outcome is RequestOutcome.PURCHASE_ORDER


def is_from_before(connection: Connection, added_at: datetime | None, row: Any) -> bool | None:
    """Return whether an order was approved before the first day whose approvals are posted.

    None if its row has no day. Both are days of the site that serves its subsidiary; `added_at`:
    when the connection was first added, None if that is not known.
    """
    profile = profile_for(row, connection)
    day = FieldReader(row, profile).day(profile.order.order_date, "order date")
    return None if day is None else day < _first_day(connection, added_at, profile.time_zone)


def _first_day(connection: Connection, added_at: datetime | None, zone: str) -> date:
    if connection.post_orders_from:
        return connection.post_orders_from
    if added_at is None:  # saved by an older release: adding the connection again sets it
        return date.max
    return added_at.astimezone(ZoneInfo(zone)).date()


def _set_done(services: Services) -> None:
    every = timedelta(minutes=services.connection.airbase_sweep_minutes)
    services.shared_values.set(_DONE, "", clock.now() + every)
    services.last_runs.note(coordination.LISTING)
