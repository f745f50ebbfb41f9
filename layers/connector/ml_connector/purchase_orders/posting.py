"""The worker of an order: it takes the steps that `next_step` decides.

The ledger says where an order stands, and a worker continues from there. Every step is recorded
before the next is taken; before something is sent to Exact, so is the intent.
"""

from dataclasses import replace
from typing import assert_never

from ml_connector import clock
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import Division, OrderId, VendorId
from ml_connector.domain.orders.exact_order import UNTOUCHED, ExactOrder
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.orders.next_step import created_digest, next_step
from ml_connector.domain.orders.outcome import confirmed, intended
from ml_connector.domain.orders.questions import ConnectionStanding, Known, Standing
from ml_connector.domain.orders.steps import (
    Adopt,
    Amend,
    Create,
    LeaveAside,
    Move,
    Post,
    Read,
    Refuse,
    Remove,
    Rest,
    Step,
    Wait,
)
from ml_connector.domain.records import SETTLE, Body, OrderFacts, OrderState, posted_facts
from ml_connector.exact.call_purpose import for_orders
from ml_connector.exact.purchase_orders import ORDERS_PATH, read_header
from ml_connector.exact.rows import Row, RowReader
from ml_connector.exact.turns import kept
from ml_connector.infrastructure.dynamodb import Write
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.infrastructure.queues import Queues
from ml_connector.messages.sending import vendor_message
from ml_connector.purchase_orders.amending import OrderAmender, is_as_expected, note_refusal
from ml_connector.purchase_orders.prerequisites import Prerequisites
from ml_connector.purchase_orders.reader import OrderReader, standing_of
from ml_connector.records.tracked_record import TrackedOrder
from ml_connector.services import Services

_MOST_STEPS = 100


def advance_order(
    services: Services,
    id: OrderId,
    event: str | None = None,
    *,
    by_hand: bool = False,
    receives: int | None = None,
) -> OrderRecord:
    """Take one order as far as it can go now and return its record.

    `event` is the inbox key of the webhook that caused this, None for the sweep; `by_hand`: a
    person asked for it; `receives`: how often the message was delivered, if not once. Raises
    `Conflict` when another worker changed the order meanwhile. See `TrackedRecord.taken` for an
    order over which workers crash.
    """
    record, connection = services.ledger.order_and_connection(id)
    tracked, standing = TrackedOrder(services.ledger, record), standing_of(connection)
    with tracked.taken(receives, anew=by_hand or tracked.is_news(event)) as may_work:
        if may_work:
            tracked.note_event(event, SETTLE)
            _advance(services, id, tracked, standing, by_hand=by_hand)
    return tracked.record


def _advance(
    services: Services,
    id: OrderId,
    tracked: TrackedOrder,
    standing: ConnectionStanding,
    *,
    by_hand: bool,
) -> None:
    try:
        with for_orders(), kept():
            _Posting(services, id, tracked, standing, by_hand=by_hand).run()
    except Fault as fault:
        tracked.apply_fault(fault)
        _queue_unknown_vendor(services.queues, tracked.record)


def refuse_order(ledger: Ledger, id: OrderId, event: str | None = None) -> None:
    """Open an exception for an order of a connection that has no settings any more."""
    tracked = TrackedOrder(ledger, ledger.order(id))
    tracked.note_event(event, SETTLE)
    tracked.apply_fault(Review([problem("CONNECTION_GONE", id)]))


def compare_with_exact(services: Services, id: OrderId, receives: int | None = None) -> None:
    """Compare a posted order with what Exact holds now; after our own write nothing differs.

    A change by others is processed as in `advance_order`, and so is an order over whose comparison
    a worker has crashed, or was killed.
    """
    tracked = TrackedOrder(services.ledger, services.ledger.order(id))
    record, facts = tracked.record, tracked.facts
    if record.state in {OrderState.POSTING, OrderState.AMENDING}:
        return  # its worker is still busy, and reads the order again afterwards
    if not facts.exact or not facts.division:
        return
    if not receives and not record.receives:
        with tracked.taken(receives):
            try:
                found = services.exact_orders(facts.division).get(facts.exact.id)
                if _is_as_written(tracked, found):
                    return
            except Exception:
                _note_change(tracked)  # else the sweep would find nothing to do
                raise
    _note_change(tracked)
    advance_order(services, id, receives=receives)


def _note_change(tracked: TrackedOrder) -> None:
    if not tracked.facts.is_changed_in_exact:
        changed = replace(tracked.facts, is_changed_in_exact=True)
        tracked.step(tracked.record.state, "changed_in_exact", changed, retry_in=SETTLE)


def _is_as_written(tracked: TrackedOrder, found: ExactOrder | None) -> bool:
    """Return whether Exact holds what was written last; its status is stored if it is new."""
    record, facts = tracked.record, tracked.facts
    if not found or found.unreadable or not is_as_expected(record, found):
        return False
    if (facts.status or UNTOUCHED) != found.status:
        retry_in = record.due_at - clock.now() if record.due_at else None
        noted = replace(facts, status=found.status)
        tracked.step(record.state, "exact_status", noted, retry_in=retry_in)
    return True


def _queue_unknown_vendor(queues: Queues, record: OrderRecord) -> None:
    """Have an unknown vendor matched, now that an order waits for it."""
    facts = record.facts
    if facts.vendor_id and any(found.code == "UNKNOWN_VENDOR" for found in record.problems):
        vendor = VendorId(facts.vendor_id)
        message = vendor_message(
            record.connection, vendor, name=facts.vendor_name, code=facts.vendor_code
        )
        queues.send(message)


class EndlessStepsError(Exception):
    """A bug: the decision about an order never ends."""


class _Posting:
    """Takes the steps of one order."""

    def __init__(
        self,
        services: Services,
        id: OrderId,
        tracked: TrackedOrder,
        standing: ConnectionStanding,
        *,
        by_hand: bool,
    ) -> None:
        self.services = services
        self.tracked = tracked
        note = tracked.keep_read if tracked.record.receives > 1 else None
        self.reader = OrderReader(services, tracked.record, stores=True, note=note)
        self.known = Known(
            now=clock.now(),
            connection=services.connection,
            id=id,
            state=OrderState(tracked.record.state),
            facts=tracked.facts,
            due_at=tracked.record.due_at,
            by_hand=by_hand,
            answers={Standing(): standing},  # asked anew before anything is sent
        )

    def run(self) -> None:
        """Take one step after the other, until nothing is left to do.

        Raises `EndlessStepsError` when there is no end: a bug.
        """
        for _ in range(_MOST_STEPS):
            if not self._take(next_step(self.known)):
                return
            record = self.tracked.record
            self.known = replace(
                self.known,
                now=clock.now(),
                state=OrderState(record.state),
                facts=record.facts,
                due_at=record.due_at,
            )

        raise EndlessStepsError(f"{self.tracked.title}: no end after {_MOST_STEPS} steps")

    def _take(self, step: Step) -> bool:
        """Take a step; return whether there may be another. Raises the fault that ends it."""
        match step:
            case Read(questions):
                self.known = self.known.told(self.reader.answers(questions))
            case Move():
                self._move(step)
                return not step.is_last
            case Adopt():
                self._adopt(step)
            case Create():
                self._create(step)
            case Wait(later):
                raise later
            case Refuse():
                if step.first:
                    self._move(step.first)
                raise Review(step.problems, step.read)
            case _:
                self._take_last(step)
                return False
        return True

    def _take_last(self, step: Post | Amend | Remove | LeaveAside | Rest) -> None:
        match step:
            case Post():
                self._post(step)
            case Amend():
                OrderAmender(self.services, self.tracked).amend(step)
            case Remove():
                OrderAmender(self.services, self.tracked).remove(step)
            case LeaveAside():
                self.tracked.leave_set_aside()
            case Rest():
                pass
            case _:
                assert_never(step)

    def _move(self, step: Move) -> None:
        retry_in = None if step.is_last else SETTLE
        self.tracked.step(step.state, step.step, step.facts, retry_in=retry_in, detail=step.detail)

    def _adopt(self, step: Adopt) -> None:
        if step.state is OrderState.POSTED:
            self._confirm(step.step, step.facts)
        else:
            self.tracked.step(
                step.state, step.step, step.facts,
                retry_in=SETTLE, detail=step.detail, also=[self._origin(step.facts)],
            )  # fmt: skip
        # Nobody asked for an order to be posted anew that was not known to be in Exact.
        self.known = replace(self.known, by_hand=False)

    def _create(self, step: Create) -> None:
        try:
            Prerequisites(self.services, step.division).create_all(step.missing)
        except Later as later:
            note_refusal(self.tracked, created_digest(step.missing), later)
            raise
        self.reader.forget()
        self.known = self.known.having_created([each.name for each in step.missing])

    def _post(self, step: Post) -> None:
        """Record what will be sent, then send it; who finds the intent searches Exact first."""
        facts = intended(self.tracked.facts, step.intent, step.body)
        said = {"mappings": list(step.mappings)}
        self.tracked.step(OrderState.POSTING, "intent", facts, retry_in=SETTLE, detail=said)
        try:
            created = self._send(step.intent.division, step.body)
        except Later as later:
            note_refusal(self.tracked, step.intent.digest, later)
            if later.outcome_unknown:
                until = clock.now() + SETTLE
                raise delay("OUTCOME_UNKNOWN", until, "reason", reason=later.cause) from later
            self._give_up("not_sent")
            raise
        except (Review, Halt):
            self._give_up("refused")
            raise
        found = read_header(RowReader(created))
        self._confirm(
            "posted",
            confirmed(
                self.services.connection, self.tracked.title, self.tracked.facts, found, clock.now()
            ),
        )

    def _give_up(self, step: str) -> None:
        """Record that nothing was posted: the order is not bound to its division any more."""
        facts = replace(self.tracked.facts, intent=None)
        self.tracked.step(OrderState.RECEIVED, step, facts, retry_in=SETTLE)

    def _send(self, division: Division, body: Body) -> Row:
        def is_ours(row: Row) -> bool:
            reader = RowReader(row)
            is_marked = is_marked_for(reader.long_text("Remarks"), self.services.id, self.known.id)
            return is_marked and bool(reader.key("PurchaseOrderID"))

        return self.services.exact(division).create(
            division, ORDERS_PATH, body, record=self.tracked.title, is_ours=is_ours
        )

    def _confirm(self, step: str, facts: OrderFacts) -> None:
        self.tracked.step(OrderState.POSTED, step, facts, also=[self._origin(facts)])
        self.services.measure({"OrdersPosted": 1})

    def _origin(self, facts: OrderFacts) -> Write:
        """Return what stores which Airbase order the one in Exact came from."""
        return self.services.notes.noting_posted(posted_facts(facts).exact.id, self.known.id)
