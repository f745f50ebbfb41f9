"""Rehearse a period: decide its orders one by one, pair them with Exact's, and keep the result.

Nothing is written but the progress, one audit entry, and what a call needs (a token, a budget).
Exact is not called at all: what the workers have read of it counts. Its client counts the calls.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import msgspec
from msgspec import Struct, structs

from ml_connector import clock
from ml_connector.connections import manage as connections
from ml_connector.domain.ids import Actor, OrderId
from ml_connector.domain.money import round_to_cents
from ml_connector.domain.orders.marker import order_token, order_tokens_in
from ml_connector.domain.words import command
from ml_connector.infrastructure.ledger import Ledger, OrderRecord, UnreadableRecord
from ml_connector.infrastructure.rehearsals import Rehearsals, StoredRun
from ml_connector.month_end import exact_refresh
from ml_connector.month_end.approved_orders import AirbaseListing, ApprovedOrder, order_day
from ml_connector.month_end.months import today
from ml_connector.rehearsal.decisions import OrderDecisions, listed_digest
from ml_connector.rehearsal.period import AskedDays, Period, read_period
from ml_connector.rehearsal.rehearsed_orders import VERDICTS, OnlyInExact, RehearsedOrder
from ml_connector.rehearsal.report import Rehearsal, RehearsalRun
from ml_connector.rehearsal.twins import NEAR, Names, TwinSearch, TypedOrder
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.stack import Send, Stack
from ml_connector.user_errors import UserError

WAIT = timedelta(seconds=180)
_CONTINUED_WITHIN = timedelta(hours=24)
"""A run that was interrupted longer ago begins anew: its first orders are outdated."""

_NEEDS_HOLD = timedelta(minutes=15)

Progress = Callable[[int, int], None]
"""Told how many orders are decided, and of how many."""


def rehearse(
    stack: Stack,
    actor: Actor,
    id: str,
    days: AskedDays,
    *,
    is_fresh: bool = False,
    wait: timedelta = WAIT,
    progress: Progress = lambda _done, _all: None,
) -> Rehearsal:
    """Rehearse the orders approved on these days; a run that was interrupted goes on.

    `is_fresh`: the workers read Exact's orders first, within `wait`.
    Raises `UserError` for an invalid period or a tenant without a listing, `ServiceError` when
    Exact's orders were not read in time, and faults as Airbase's client does.
    """
    services = stack.services_of(id)
    period = read_period(days, *services.connection.zones)
    readings = _read_anew(stack.send, services, wait) if is_fresh else 0
    rehearsing = _Rehearsing(services, period, actor)
    found = rehearsing.run(progress, readings)
    _audit(stack.ledger_of(actor, services.id), found)
    return rehearsing.end(found)


def _read_anew(send: Send, services: Services, wait: timedelta) -> int:
    """Have Exact's orders read; return the calls that workers made meanwhile in these divisions."""

    def used() -> int:
        every = (each.division for each in services.connection.divisions)
        return sum(services.exact(each).rate_limiter.used_today(each) for each in every)

    before = used()
    exact_refresh.refresh(send, services, wait)
    return max(used() - before, 0)  # fewer than before: a new day has begun


def last_rehearsal(services: Services, period: str | None = None) -> Rehearsal:
    """Return a rehearsal that came to its end: of this period, else the one that ended last.

    `period` is written `2026-10` or `2026-10-01..2026-10-31`. Raises `UserError` when there is
    none.
    """
    zones = services.connection.zones
    kept = services.rehearsals
    names = [str(_named(period, *zones))] if period else kept.periods()
    runs = ((name, kept.run(name)) for name in names)
    ended = [(name, run, _read_run(run)) for name, run in runs if run]
    ended = [each for each in ended if each[2].ended_at]
    if not ended:
        of = f" of {period}" if period else ""
        again = rehearse_command(services.connection, _named(period, *zones) if period else None)
        raise UserError(
            f"connection {services.id} has no rehearsal{of} that came to its end: run {again}"
        )
    name, stored, run = max(ended, key=lambda each: str(each[2].ended_at))
    orders = _read_orders(kept, name, stored.number)
    return Rehearsal(services.connection, _named(name, *zones), run, _sorted(orders.values()))


def rehearse_command(connection: Connection, period: Period | None = None) -> str:
    """Return the command that rehearses these days; by default the last month that is over."""
    if period:
        return command("rehearse", connection.id, "--from", period.first, "--to", period.last)
    last = min(map(today, connection.zones)).replace(day=1) - timedelta(days=1)
    return command("rehearse", connection.id, "--month", f"{last:%Y-%m}")


def _named(period: str, *zones: str) -> Period:
    first, dots, last = period.partition("..")
    return read_period(AskedDays(first=first, last=last) if dots else AskedDays(period), *zones)


class _Rehearsing:
    """One run, from where it was interrupted."""

    def __init__(self, services: Services, period: Period, actor: Actor) -> None:
        self.services = services
        self.connection = services.connection
        self.period = period
        self.name = str(period)
        self.kept = services.rehearsals
        self.decisions = OrderDecisions(services)
        stored = self.kept.run(self.name)
        known = _read_run(stored) if stored else None
        self.number = stored.number if stored else 0
        version = services.ledger.connection().version
        if known and _may_go_on(known, version):
            self.state = known
        else:
            self.number += 1
            self.state = RehearsalRun(begun_at=clock.now(), of=version, by=actor)
            self._save(self.state)

    def run(self, progress: Progress, readings: int) -> Rehearsal:
        """Decide what is left; `readings`: calls to Exact that were made for it by workers."""
        calls_before = self.services.exact_calls
        try:
            found = self._run(progress)
        finally:  # the next one goes on from here
            self.state = structs.replace(
                self.state,
                airbase_reads=self.state.airbase_reads + self.decisions.airbase_reads,
                exact_calls=self.state.exact_calls + self.services.exact_calls - calls_before,
                exact_readings=self.state.exact_readings + readings,
            )
            self._save(self.state)
        counts = self.state
        run = structs.replace(
            found.run,
            airbase_reads=counts.airbase_reads,
            exact_calls=counts.exact_calls,
            exact_readings=counts.exact_readings,
        )
        return replace(found, run=run)

    def _run(self, progress: Progress) -> Rehearsal:
        listing = AirbaseListing(self.services.airbase(), self.connection)
        listed = list(listing.orders())
        records = {
            OrderId(each.key.partition("#")[2]): each
            for each in self.services.ledger.readable_or_not("order#")
        }
        unread = [each.key for each in records.values() if isinstance(each, UnreadableRecord)]
        readable = {id: r for id, r in records.items() if not isinstance(r, UnreadableRecord)}
        unread_ids = records.keys() - readable.keys()
        wanted = [each for each in listed if each.is_approved and each.id not in unread_ids]
        connection = self.connection
        days = {each.id: order_day(each, readable.get(each.id), connection) for each in wanted}
        of_period = [each for each in wanted if self.period.includes(days[each.id])]
        # The latest first: if it is interrupted, what matters most is known.
        of_period.sort(key=lambda each: (str(days[each.id]), each.id), reverse=True)
        decided = self._decide(of_period, readable, progress)
        paired, only_in_exact = self._pair(decided, readable.values())
        state = structs.replace(
            self.state,
            ended_at=clock.now(),
            read_at={str(k): at for k, at in exact_refresh.read_at(self.services).items()},
            undated=tuple(each.title for each in wanted if days[each.id] is None),
            unreadable_rows=listing.rows_without_id,
            unread=tuple(unread),
            only_in_exact=tuple(only_in_exact),
            undecided=sum(each.verdict == "undecided" for each in paired),
        )
        return Rehearsal(self.connection, self.period, state, _sorted(paired))

    def _decide(
        self,
        listed: Sequence[ApprovedOrder],
        records: Mapping[OrderId, OrderRecord],
        progress: Progress,
    ) -> list[RehearsedOrder]:
        """Decide what was not decided before the interruption, and keep each at once."""
        known = _read_orders(self.kept, self.name, self.number)
        found = []
        for each in listed:
            before = known.get(each.id)
            if before is None or not _still_holds(before, each):
                before = self.decisions.decide(each, records.get(each.id))
                self._keep(before)
            found.append(before)
            progress(len(found), len(listed))
        return found

    def _pair(
        self, decided: Sequence[RehearsedOrder], records: Iterable[OrderRecord]
    ) -> tuple[list[RehearsedOrder], list[OnlyInExact]]:
        linked = {each.facts.exact.id for each in records if each.facts.exact}
        names = Names(self.services.reference_store)
        search = TwinSearch(self.connection.amounts_include_vat, names)
        typed = [each for each in self._in_exact() if each.order.id not in linked]
        for each in typed:
            if not order_tokens_in(each.order.remarks):
                search.add(each)
        open_ = [each for each in decided if each.verdict != "linked"]
        twins = {order.id: twin for order, twin in search.pair(open_)}
        paired = [structs.replace(each, twin=twins.get(each.id)) for each in decided]
        for before, after in zip(decided, paired, strict=True):
            if before != after:
                self._keep(after)
        taken = {twin.id for twin in twins.values()}
        found_again = {
            order_token(self.services.id, e.id) for e in decided if e.verdict == "linked"
        }
        return paired, [
            self._only_in_exact(each, names)
            for each in typed
            if each.order.id not in taken
            and not order_tokens_in(each.order.remarks) & found_again
            and self.period.includes(each.order.order_date)
        ]

    def _in_exact(self) -> Iterator[TypedOrder]:
        """Yield the orders of the period and of the months beside it, as last read."""
        for each in self.connection.divisions:
            for order in self.services.exact_orders(each.division).all():
                if not order.is_cancelled and self.period.is_near(order.order_date, NEAR):
                    yield TypedOrder(each.division, order)

    def _only_in_exact(self, typed: TypedOrder, names: Names) -> OnlyInExact:
        found = typed.order
        is_gross = self.connection.amounts_include_vat
        amount = found.amount if is_gross else found.amount_without_vat
        is_marked = bool(order_tokens_in(found.remarks))
        return OnlyInExact(
            division=typed.division,
            number=found.number,
            day=found.order_date,
            supplier=names.supplier_name(typed.division, found.supplier),
            reference=found.your_ref or found.description,
            currency=found.currency,
            amount=None if amount is None else round_to_cents(amount, found.currency),
            why="A connector made it for another order." if is_marked else "It was typed in Exact.",
        )

    def end(self, found: Rehearsal) -> Rehearsal:
        """Store that the run came to its end; what is still undecided is decided by the next."""
        run = structs.replace(found.run, of=self.services.ledger.connection().version)
        self._save(run)
        return Rehearsal(found.connection, found.period, run, found.orders)

    def _save(self, state: RehearsalRun) -> None:
        self.kept.save_run(self.name, StoredRun(self.number, _text(state)))

    def _keep(self, order: RehearsedOrder) -> None:
        self.kept.save_order(self.name, self.number, order.id, _text(order))


def _may_go_on(known: RehearsalRun, version: int) -> bool:
    """Return whether what was decided still counts, and something is left to be decided."""
    is_open = known.ended_at is None or known.undecided > 0
    is_recent = clock.now() - known.begun_at < _CONTINUED_WITHIN
    return is_open and is_recent and known.of == version


def _still_holds(before: RehearsedOrder, listed: ApprovedOrder) -> bool:
    """Return whether a decision of an interrupted run still counts.

    What an order needs may have been linked or repaired since.
    """
    if before.waits_for or before.listed != listed_digest(listed):
        return False
    return not before.needs or clock.now() - before.decided_at < _NEEDS_HOLD


def _read_run(stored: StoredRun) -> RehearsalRun:
    return msgspec.json.decode(stored.text, type=RehearsalRun)


def _read_orders(kept: Rehearsals, name: str, number: int) -> dict[OrderId, RehearsedOrder]:
    found = kept.orders(name, number)
    return {id: msgspec.json.decode(text, type=RehearsedOrder) for id, text in found}


def _text(value: Struct) -> str:
    return msgspec.json.encode(value).decode()


def _sorted(orders: Iterable[RehearsedOrder]) -> list[RehearsedOrder]:
    return sorted(
        orders, key=lambda each: (VERDICTS.index(each.verdict), str(each.day), each.title)
    )


def _audit(ledger: Ledger, found: Rehearsal) -> None:
    shown = found.as_dict()
    connections.record_step(
        ledger,
        "rehearsed",
        period=str(found.period),
        orders={verdict: len(found.of_verdict(verdict)) for verdict in VERDICTS},
        share_percent=shown["share_percent"],
        totals_untouched=shown["totals_untouched"],
        exact_read_at=shown["exact_read_at"],
    )
