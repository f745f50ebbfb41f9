"""What the ledger knows of each kind of record, and the states that an order goes through.

Every kind of record has facts of its own; nothing else can be stored. `record_codec` turns them
into JSON and back. Moments are aware and in UTC, amounts are in units of the order's currency.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Actor, Division, Guid

SETTLE = timedelta(seconds=120)
"""A worker lives at most 60 s: after this, no write of an earlier intent is in progress."""

HALT_RETRY = timedelta(minutes=15)
"""How long a record waits while its connection or division is stopped."""

Body = Mapping[str, Any]
"""A purchase order or supplier as it is sent to Exact: Exact's own field names and JSON values."""


class OrderState(StrEnum):
    """Where an order stands here; what Airbase says of its approval is an `ApprovalState`."""

    NEW = "new"
    """Never stored: nothing is known of it yet."""
    RECEIVED = "received"
    REVIEW = "review"
    SET_ASIDE = "set_aside"
    POSTING = "posting"
    """An intent was recorded: whoever finds it looks in Exact first."""
    POSTED = "posted"
    AMENDING = "amending"
    AWAITING_APPROVAL = "awaiting_approval"
    NOT_AN_ORDER = "not_an_order"
    DENIED = "denied"
    ARCHIVED = "archived"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    SERVED_ELSEWHERE = "served_elsewhere"
    """Another system, or somebody by hand, takes care of its subsidiary: it rests until a person
    asks for it."""


_UNWANTED = frozenset({
    OrderState.AWAITING_APPROVAL, OrderState.NOT_AN_ORDER, OrderState.DENIED,
    OrderState.ARCHIVED, OrderState.CANCELLED, OrderState.CLOSED,
})  # fmt: skip
"""Airbase does not want the order in Exact, or not any more: it rests until that changes."""

ORDER_TRANSITIONS: Mapping[OrderState, frozenset[OrderState]] = {
    OrderState.NEW: frozenset({OrderState.RECEIVED}),
    OrderState.RECEIVED: _UNWANTED
    | {
        OrderState.REVIEW, OrderState.SET_ASIDE, OrderState.POSTING, OrderState.AMENDING,
        OrderState.SERVED_ELSEWHERE,
    },
    OrderState.REVIEW: _UNWANTED
    | {
        OrderState.RECEIVED, OrderState.SET_ASIDE, OrderState.POSTING, OrderState.POSTED,
        OrderState.AMENDING, OrderState.SERVED_ELSEWHERE,
    },
    # Before anything is sent again, an order with an intent is looked up in Exact.
    OrderState.SET_ASIDE: frozenset({OrderState.RECEIVED, OrderState.POSTING}),
    OrderState.POSTING: frozenset({OrderState.RECEIVED, OrderState.POSTED, OrderState.SET_ASIDE}),
    OrderState.POSTED: _UNWANTED | {OrderState.AMENDING, OrderState.RECEIVED},
    OrderState.AMENDING: _UNWANTED | {OrderState.POSTED, OrderState.RECEIVED},
    **{
        unwanted: _UNWANTED
        | {
            OrderState.RECEIVED, OrderState.REVIEW, OrderState.SET_ASIDE, OrderState.POSTING,
            OrderState.POSTED, OrderState.AMENDING, OrderState.SERVED_ELSEWHERE,
        }
        for unwanted in _UNWANTED
    },
    OrderState.SERVED_ELSEWHERE: _UNWANTED | {OrderState.RECEIVED, OrderState.REVIEW},
}  # fmt: skip
"""Where an order may go from each state; it may always stay."""

ADOPTED_FROM = frozenset({OrderState.NEW, OrderState.RECEIVED})
"""From where a person may also have an order adopted, so that it is never posted."""


class VendorState(StrEnum):
    """Where a vendor stands in the division that needs a person most."""

    NEW = "new"
    REVIEW = "review"
    PROPOSED = "proposed"
    LINKED = "linked"
    UNMATCHED = "unmatched"


class ConnectionState(StrEnum):
    """Whether a connection works."""

    NEW = "new"
    ACTIVE = "active"
    HALTED = "halted"
    REMOVED = "removed"


class ComparisonState(StrEnum):
    """Whether both vendor lists of a connection are being compared."""

    NEW = "new"
    RUNNING = "running"
    RECONCILED = "reconciled"


class ReadingState(StrEnum):
    """Whether everything in a division could be read."""

    NEW = "new"
    REVIEW = "review"
    READ = "read"


class DeedState(StrEnum):
    """What became of what a person asked for: until it acts, they can take it back."""

    NEW = "new"
    PARKED = "parked"
    DONE = "done"
    UNDONE = "undone"


WAITING_DEEDS = "DEED"
"""Under which reason they are parked: the sweep lets them go by themselves, before any order."""


class EventState(StrEnum):
    """What became of an event that could not be handled at once."""

    NEW = "new"
    REVIEW = "review"
    HANDLED = "handled"


LIFTED_BY_PEOPLE = frozenset({"ANOTHER_CONNECTOR"})
"""Codes of halts that no check of ours can lift: a person has to say that it is known."""


class IllegalTransitionError(Exception):
    """A bug: an order was to be moved to a state that does not follow from the one it is in."""


def check_transition(before: str, after: str, *, is_adopted: bool = False) -> None:
    """Raise `IllegalTransitionError` unless an order may go from one state to the other.

    `is_adopted`: people had typed it in Exact.
    """
    old, new = OrderState(before), OrderState(after)
    if is_adopted and new is OrderState.POSTED and old in ADOPTED_FROM:
        return
    if old != new and new not in ORDER_TRANSITIONS[old]:
        raise IllegalTransitionError(f"an order that is {old} cannot become {new}")


# Values that are never changed are structs: making a dataclass costs every cold start about a
# millisecond.


class Waiting(Struct, frozen=True):
    """What a record waits for: the code of a delay, and how often in a row it was met."""

    code: str
    times: int = 1
    since: datetime | None = None
    """When it began to wait, for this or something else; None in what older versions stored."""


class Note(Struct, frozen=True):
    """What a person said, and when."""

    reason: str
    by: Actor
    at: datetime

    def as_dict(self) -> dict[str, str]:
        """Return a JSON-serialisable form."""
        return {"reason": self.reason, "by": self.by, "at": self.at.isoformat()}


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What every kind of record has."""

    title: str = ""
    """What people call it."""
    problems: tuple[Problem, ...] = ()
    """What the last attempt found, with what a person has dismissed since."""
    opened_at: Mapping[str, datetime] = field(default_factory=dict)
    """Since when each exception is open, by its digest (`open_exceptions.digest`)."""
    dismissed: Mapping[str, Note] = field(default_factory=dict)
    """The exceptions that a person has dismissed, by digest."""
    assignee: str | None = None
    waiting: Waiting | None = None

    @property
    def open_problems(self) -> tuple[Problem, ...]:
        """Return the problems that were not dismissed."""
        return tuple(each for each in self.problems if each.digest not in self.dismissed)

    @property
    def waiting_for(self) -> str:
        """Return the code of the delay that the record waits for, empty when there is none."""
        return self.waiting.code if self.waiting else ""

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the record, dismissed or not."""
        return self.problems


@dataclass(frozen=True)
class Intent:
    """What is about to be posted, and how to find it in Exact if the answer is lost."""

    division: Division
    your_ref: str
    cursor: int
    """Where Exact's stream stood: anything posted since then comes after it."""
    at: datetime
    amount: Decimal
    """What was approved."""
    digest: str = ""
    """Of the body that is sent."""


class ExactReference(Struct, frozen=True):
    """The order in Exact; `amount` is the total that Exact made of what was written last."""

    id: Guid
    number: int | str | None = None
    amount: Decimal | None = None


class BegunChange(Struct, frozen=True):
    """A change of a posted order that was begun and whose outcome was not seen yet."""

    what: Literal["amendment", "removal", "adoption"]
    at: datetime
    body: Body


class UnclearRefusal(Struct, frozen=True):
    """A write that Exact refused in words that we do not know; `digest` is that of the write."""

    at: datetime
    digest: str
    status: int
    text: str = ""


class Elsewhere(Struct, frozen=True):
    """Which subsidiary of an order is served elsewhere, and where, as people said."""

    subsidiary: str
    where: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        served = f"{self.subsidiary} is served elsewhere"
        return f"{served}: {self.where}" if self.where else served


class OrderDecision(Struct, frozen=True):
    """What a person said that an Airbase value of one order stands for in Exact.

    It holds for what was `approved` then (a fingerprint): a later revision asks again. `kind` and
    `airbase` are those of a mapping; `airbase` names the account if that demands a code.
    """

    kind: str
    airbase: str
    exact: str
    approved: str
    by: Actor
    at: datetime


@dataclass(frozen=True, kw_only=True)
class OrderFacts(Facts):
    """What is known of one Airbase order."""

    events: tuple[str, ...] = ()
    """The inbox keys of the webhooks that spoke of it, the latest last."""
    vendor: str = ""
    """The vendor as people read it."""
    vendor_id: str = ""
    vendor_name: str = ""
    vendor_code: str = ""
    total: str = ""
    """Amount and currency as people read it."""
    division: Division | None = None
    subsidiary: tuple[str, ...] = ()
    """The keys of the subsidiary that was approved last, the most reliable first."""
    elsewhere: Elsewhere | None = None
    """Why the order is not posted here: until a person asks for it, whatever the settings say."""
    fingerprint: str = ""
    """Of everything that Airbase approved, as it was posted or amended last."""
    intent: Intent | None = None
    body: Body | None = None
    """What was written to Exact last, or is about to be."""
    exact: ExactReference | None = None
    posted_at: datetime | None = None
    status: Mapping[str, str] = field(default_factory=dict)
    """How far it has come in Exact: received, invoiced."""
    change: BegunChange | None = None
    is_changed_in_exact: bool = False
    is_pending: bool = False
    """A change waits for approval in Airbase; what was approved before stays."""
    adopted_as: Body | None = None
    """What would have been posted of an order that people entered: while Airbase says the same,
    nothing is changed in Exact. None of one that could not be mapped."""
    adopted_fingerprint: str = ""
    """Of everything that Airbase had approved of it: while that is so, it is not even mapped."""
    adopted_at: datetime | None = None
    refusals: tuple[UnclearRefusal, ...] = ()
    """The last writes that Exact refused in unknown words; none once it accepts one."""
    removed: ExactReference | None = None
    """The order that was in Exact before."""
    not_duplicates: tuple[Guid, ...] = ()
    """Orders in Exact that a person has said to be other purchases."""
    aside: Note | None = None
    aside_from: OrderState | None = None
    asked_for: bool = False
    """Something has asked for the order since it was set aside."""
    order: str = ""
    """What people call an order that is not wanted in Exact."""
    decisions: tuple[OrderDecision, ...] = ()


class PostedFacts(Struct, frozen=True):
    """What is known of every order that is in Exact."""

    exact: ExactReference
    division: Division
    body: Body


def posted_facts(facts: OrderFacts) -> PostedFacts:
    """Return them; raises `ValueError` for an order that was not posted: a bug."""
    if facts.exact is None or facts.division is None or facts.body is None:
        raise ValueError(f"{facts.title} is not in Exact")
    return PostedFacts(facts.exact, facts.division, facts.body)


class CreationIntent(Struct, frozen=True):
    """A supplier that is about to be created, and how to find it if the answer is lost."""

    at: datetime
    name: str


@dataclass(frozen=True)
class VendorDivision:
    """What is known of a vendor in one division, or (under "") in none in particular."""

    agreed: Mapping[str, str] = field(default_factory=dict)
    """Names and e-mail addresses of both sides when the link was made or last accepted."""
    problem: Problem | None = None
    proposed: tuple[str, ...] = ()
    intent: CreationIntent | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    """What the alignment has written last: fields of Exact or Airbase, and their values."""
    reference: str = ""
    refusals: tuple[UnclearRefusal, ...] = ()
    """The last attempts to create its supplier that Exact refused in unknown words."""


@dataclass(frozen=True, kw_only=True)
class VendorFacts(Facts):
    """What was decided about one Airbase vendor, by the key of the division."""

    divisions: Mapping[str, VendorDivision] = field(default_factory=dict)


@dataclass(frozen=True)
class HaltProblem(Problem):
    """What stops a connection or a division; `times` it came back soon after being lifted."""

    times: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {**super().as_dict(), "times": self.times}


class LiftedHalt(Struct, frozen=True):
    """A halt that was lifted by the sweep: it may come back."""

    code: str
    at: datetime
    times: int = 0


@dataclass(frozen=True, kw_only=True)
class ConnectionFacts(Facts):
    """What is known of a connection; halts by what they stop: "" for everything."""

    halts: Mapping[str, HaltProblem] = field(default_factory=dict)
    lifted: Mapping[str, LiftedHalt] = field(default_factory=dict)
    consent_digests: Mapping[str, str] = field(default_factory=dict)
    """Of the tokens that were given instead of a consent, by `further_site_of` the app."""
    looks_first_until: datetime | None = None
    """Until then every order is looked up in Exact first: the ledger was restored."""

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """Return everything that is wrong with the connection, halts included."""
        return (*self.problems, *self.halts.values())


@dataclass(frozen=True)
class ComparisonProgress:
    """How far the comparison of both vendor lists has come."""

    page: int = 0
    """The page of Airbase's list to be read next; 0 once it was read to its end."""
    whole: tuple[str, ...] = ()
    """The keys of the divisions of which every vendor is still to be decided."""
    after: str = ""
    """The vendor that was decided last, in the first of them."""


@dataclass(frozen=True, kw_only=True)
class ComparisonFacts(Facts):
    """What is known of the comparison of both vendor lists of a connection."""

    rules: str = ""
    """The rules and policy by which vendors were decided last."""
    run: ComparisonProgress = ComparisonProgress()


class OddRow(Struct, frozen=True):
    """A row of Exact that was set aside: from which endpoint, which one, and what is wrong.

    `after` and `upto`: the row versions between which it lies; both 0 in a listing.
    """

    path: str
    identity: str
    name: str
    wrong: str
    after: int = 0
    upto: int = 0


class FailedReading(Struct, frozen=True):
    """An endpoint that Exact does not let us read, or answers in no usable way; in its words."""

    since: datetime
    is_refused: bool
    words: str


class KeptListing(Struct, frozen=True):
    """A listing that lost most of its rows: what was stored before is kept.

    `agreed_at`: when a later reading found the same. `confirmed`: a person said that it is right.
    """

    stored: int
    found: int
    since: datetime
    agreed_at: datetime | None = None
    confirmed: Note | None = None


@dataclass(frozen=True, kw_only=True)
class DivisionFacts(Facts):
    """What is known of the readings of one division's data in Exact; by path."""

    failed: Mapping[str, FailedReading] = field(default_factory=dict)
    kept: Mapping[str, KeptListing] = field(default_factory=dict)

    odd_rows: tuple[OddRow, ...] = ()
    odd_rows_left: Mapping[str, int] = field(default_factory=dict)
    """How many more there are than `odd_rows` lists, by path."""
    rechecked: Mapping[str, datetime] = field(default_factory=dict)
    """When the rows set aside were last read again, by path."""


class DeedResult(Struct, frozen=True):
    """What a deed did with a record: it goes on, or `why` not."""

    record: str
    title: str
    why: str = ""
    shown: str = ""
    """What would be sent, of a trial with one order: JSON."""


@dataclass(frozen=True, kw_only=True)
class DeedFacts(Facts):
    """What a person asked for about a group of exceptions, and what came of it.

    `records` are those that were chosen, all of the group's unless some were. `exact` is what is
    decided: see `OrderDecision`; `for_all`: not only for these orders. `left` are still to be done.
    `open_since` is when the group was opened, in ISO form, and `before` what its value was mapped
    to when this was asked for. `begun`: what is not about single records is done, or `refused`.
    """

    deed: str = ""
    by: str = ""
    group: str = ""
    divisions: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    code: str = ""
    cause: str = ""
    vendor: str = ""
    kind: str = ""
    airbase: str = ""
    exact: str = ""
    for_all: bool = False
    reason: str = ""
    open_since: str = ""
    before: str = ""
    acts_from: datetime | None = None
    begun: bool = False
    refused: str = ""
    done: tuple[DeedResult, ...] = ()


@dataclass(frozen=True)
class KeptMessage:
    """A message that could not be read, as it is sent again."""

    queue: str
    group: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class EventFacts(Facts):
    """What is known of an event that could not be handled."""

    events: tuple[str, ...] = ()
    message: KeptMessage | None = None
