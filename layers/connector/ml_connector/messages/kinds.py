"""What the messages in both queues say: a type for each kind.

A body is a JSON object: its `kind`, and the fields of the type by their names. Messages outlive a
release, forwards and (after a rollback) backwards. So kinds and names never change, a new field is
optional, and fields that this release does not know are ignored. A division is its code and its
site, which older messages do not name, nor webhooks of a connection's first site: `division_of`.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, final

from msgspec import Struct

from ml_connector.domain.ids import (
    ConnectionId,
    DivisionCode,
    Guid,
    OrderId,
    RecordKey,
    SiteId,
    VendorId,
)
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS

Recoverable = Literal["exact", "airbase", "halts", "tokens"]
"""What can stop a connection (an outage of one system, or halts), and token stores that differ."""

DeedName = Literal[
    "retry",
    "dismiss",
    "decide",
    "try",
    "not_duplicate",
    "adopt",
    "assign",
    "snooze",
    "comment",
    "go",
    "undo",
]
"""What a person asks for on a page of the console.

`go` and `undo` are about what was asked for before and does not act yet.
"""

RequestName = Literal[
    "vendors", "mappings", "month", "ping", "order", "bills",
    "vendor_accepted", "vendor_linked", "vendor_rejected", "vendor_created",
    "mappings_imported", "fetched", "consent",
]  # fmt: skip
"""What a person asks for that is about no one record: something to be read, or a deed."""

# They differ between copies that ask for the same.
_NOT_IDENTIFYING = frozenset(
    {"at", "event_version", "closes", "receives", "place", "after", "waited"}
)


# Structs and not dataclasses: making a dataclass costs every cold start about a millisecond.


class Caused(Struct, frozen=True, kw_only=True):
    """What every message about one connection may say besides.

    `event` is the key of the inbox event that caused it, `event_version` the event's version.
    `closes`: the record whose exception ends with this message, because the message is sent again
    after a worker could not read it. `receives`: how often the queue has delivered it, if not once;
    the worker adds it.

    `place`: the message's place in its queue, which is given back when it is handled; `after`: how
    many messages were queued because of one another before this one, as places became free.
    `waited`: for how many seconds it waited for a worker, if for longer than a moment; the worker
    adds it.
    """

    event: str | None = None
    event_version: int | None = None
    closes: RecordKey | None = None
    receives: int | None = None
    place: str | None = None
    after: int | None = None
    waited: int | None = None


class ForConnection(Caused, frozen=True):
    """A message about one connection."""

    kind: ClassVar[str]
    queue: ClassVar[str]

    connection: ConnectionId


class FromSchedule(Struct, frozen=True):
    """A message about all connections."""

    kind: ClassVar[str]


class ForPurchaseOrders(ForConnection, frozen=True):
    """A message in the purchase order queue."""

    queue: ClassVar[str] = PURCHASE_ORDERS


class ForVendors(ForConnection, frozen=True):
    """A message in the vendor queue."""

    queue: ClassVar[str] = VENDORS


@final
class ProcessOrder(ForPurchaseOrders, frozen=True):
    """Process an order; `by_hand`: a person asked for it."""

    kind: ClassVar[str] = "order"
    order: OrderId
    by_hand: bool = False


@final
class CompareOrder(ForPurchaseOrders, frozen=True):
    """Compare a posted order with Exact's current one."""

    kind: ClassVar[str] = "exact_order"
    order: OrderId


@final
class RefreshDivision(ForPurchaseOrders, frozen=True):
    """Read a division's reference data, what is due or `everything`; post what waits there.

    `chain`: how many runs sent one another before this one.
    """

    kind: ClassVar[str] = "refresh"
    division: DivisionCode
    everything: bool = False
    site: SiteId | None = None
    chain: int | None = None


@final
class SearchListing(ForPurchaseOrders, frozen=True):
    """Search Airbase's listing for approvals and changes whose webhook never arrived."""

    kind: ClassVar[str] = "listing"


@final
class SweepConnection(ForPurchaseOrders, frozen=True):
    """Sweep one connection; `swept`: how many of its sweeps had ended when this was queued."""

    kind: ClassVar[str] = "sweep"
    swept: int | None = None


@final
class Recover(ForPurchaseOrders, frozen=True):
    """Check whether what stops the connection is over."""

    kind: ClassVar[str] = "recover"
    what: Recoverable
    site: SiteId | None = None


@final
class ExactNotification(ForPurchaseOrders, frozen=True):
    """Exact reports a change of a record other than an account; `action` may be empty."""

    kind: ClassVar[str] = "exact"
    division: DivisionCode
    topic: str
    key: Guid
    action: str
    site: SiteId | None = None


@final
class UnreadableEvent(ForPurchaseOrders, frozen=True):
    """A genuine webhook that names no record."""

    kind: ClassVar[str] = "unreadable"


@final
class PersonDeed(ForPurchaseOrders, frozen=True):
    """A person asks on a page of the console for something to be done with a record.

    The `person` (a name) is identified by `issuer` and `subject`. `problem`: the digest of the
    exception that is dismissed, with the `reason`.

    A deed about a `group` of exceptions is a record itself (`deed#<id>`). It is for the `records`
    that were chosen, or all of the group, and `divisions` are those of the group as the person saw
    it. `exact`: what is decided; `for_all`: for later ones, too. `chain`: how many messages went on
    with it, each because of the one before.
    """

    kind: ClassVar[str] = "deed"
    deed: DeedName
    record: RecordKey
    issuer: str
    subject: str
    person: str
    problem: str | None = None
    reason: str | None = None
    group: str | None = None
    records: tuple[str, ...] | None = None
    exact: str | None = None
    for_all: bool = False
    divisions: tuple[str, ...] | None = None
    chain: int | None = None


@final
class PersonRequest(ForPurchaseOrders, frozen=True):
    """What a person asked for on a page; the page finds what came of it by `id`.

    `values` are those of the form, by name.
    """

    kind: ClassVar[str] = "request"
    request: RequestName
    id: str
    issuer: str
    subject: str
    person: str
    values: Mapping[str, str]


@final
class ProcessVendor(ForVendors, frozen=True):
    """Match a vendor and check its link.

    `name` and `code` are an order's, for a tenant without a vendor call; `kept`: use the vendor as
    last stored. `chain`: how many vendors were matched one because of the other before this one.
    """

    kind: ClassVar[str] = "vendor"
    vendor: VendorId
    name: str | None = None
    code: str | None = None
    kept: bool = False
    chain: int | None = None


@final
class AccountNotification(ForVendors, frozen=True):
    """Exact reports a change of an account; `action` may be empty."""

    kind: ClassVar[str] = "account"
    division: DivisionCode
    key: Guid
    action: str
    site: SiteId | None = None


@final
class ProcessSuppliers(ForVendors, frozen=True):
    """Process a division's changed suppliers."""

    kind: ClassVar[str] = "suppliers"
    division: DivisionCode
    site: SiteId | None = None


@final
class ReconcileVendors(ForVendors, frozen=True):
    """Compare the vendors of both systems, or continue doing so."""

    kind: ClassVar[str] = "reconcile"


@final
class ReconcileEveryConnection(FromSchedule, frozen=True):
    """The daily schedule: compare the vendors of every connection, if there are few."""

    kind: ClassVar[str] = "reconcile"


@final
class Sweep(FromSchedule, frozen=True):
    """The schedule of every minute: queue the sweeps of connections that are due."""

    kind: ClassVar[str] = "sweep"


@final
class UnknownMessage(Struct, frozen=True):
    """A body that this release cannot read; the fields are what could be read of it.

    `why` is one sentence for people; `kind` is empty when it is no text. `body` is empty when it
    is no JSON object.
    """

    why: str
    kind: str
    connection: ConnectionId | None
    event: str | None
    event_version: int | None
    body: Mapping[str, Any]

    @property
    def record(self) -> RecordKey:
        """Return the record that keeps it, the same for every copy."""
        return event_record(self.event, self.body)


PurchaseOrderMessage: TypeAlias = (
    ProcessOrder
    | CompareOrder
    | RefreshDivision
    | SearchListing
    | Recover
    | ExactNotification
    | UnreadableEvent
)
VendorMessage: TypeAlias = ProcessVendor | AccountNotification | ProcessSuppliers | ReconcileVendors
KnownMessage: TypeAlias = (
    PurchaseOrderMessage
    | PersonDeed
    | PersonRequest
    | VendorMessage
    | ReconcileEveryConnection
    | Sweep
    | SweepConnection
)
WorkerMessage: TypeAlias = (
    PurchaseOrderMessage
    | VendorMessage
    | ReconcileEveryConnection
    | Sweep
    | SweepConnection
    | UnknownMessage
)
AnyMessage: TypeAlias = WorkerMessage | PersonDeed | PersonRequest
EventMessage: TypeAlias = (
    ProcessOrder | ProcessVendor | ExactNotification | AccountNotification | UnreadableEvent
)
"""What a webhook asks for."""


def encode(message: KnownMessage) -> dict[str, Any]:
    """Return the body of a message; fields that are None or False are left out."""
    given = {name: getattr(message, name) for name in message.__struct_fields__}
    kept = {
        name: value for name, value in given.items() if value is not None and value is not False
    }
    return {"kind": message.kind, **kept}


def event_record(event: str | None, body: Mapping[str, Any]) -> RecordKey:
    """Return the record of an inbox event, or of a message that has none, by its content."""
    return RecordKey(f"event#{event or f'message#{_digest(body)}'}")


def content_text(body: Mapping[str, Any]) -> str:
    """Return what a message asks for as a JSON text, the same for every copy."""
    asked = {name: body[name] for name in body if name not in _NOT_IDENTIFYING}
    return json.dumps(asked, sort_keys=True, default=str)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(content_text(body).encode()).hexdigest()[:32]
