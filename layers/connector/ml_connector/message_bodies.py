"""What the messages in both queues say: a type for each kind, and `parse`, which reads them.

A body is a JSON object: its `kind`, and the fields of the type by their names. Messages outlive a
release, forwards and (after a rollback) backwards. So kinds and names never change, a new field is
optional, and fields that this release does not know are ignored. A division is its code and its
site, which older messages do not name, nor webhooks of a connection's first site: `division_of`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal, TypeAlias, TypeVar, final, get_args

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
    "vendors", "mappings", "month", "ping", "order",
    "vendor_accepted", "vendor_linked", "vendor_rejected", "vendor_created",
    "mappings_imported",
]  # fmt: skip
"""What a person asks for that is about no one record: something to be read, or a deed."""

_T = TypeVar("_T")
_DEEDS: tuple[DeedName, ...] = get_args(DeedName)
_REQUESTS: tuple[RequestName, ...] = get_args(RequestName)
_RECOVERABLE: tuple[Recoverable, ...] = ("exact", "airbase", "halts", "tokens")
_LONGEST_TEXT = 500
# They differ between copies that ask for the same.
_NOT_IDENTIFYING = frozenset({"at", "event_version", "closes", "receives"})


# ---------------------------------------------------------------- the types

# Structs and not dataclasses: making a dataclass costs every cold start about a millisecond.


class Caused(Struct, frozen=True, kw_only=True):
    """What every message about one connection may say besides.

    `event` is the key of the inbox event that caused it, `event_version` the event's version.
    `closes`: the record whose exception ends with this message, because the message is sent again
    after a worker could not read it. `receives`: how often the queue has delivered it, if not once;
    the worker adds it.
    """

    event: str | None = None
    event_version: int | None = None
    closes: RecordKey | None = None
    receives: int | None = None


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
    """The daily schedule: compare the vendors of every connection."""

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


# ---------------------------------------------------------------- writing and reading


def encode(message: KnownMessage) -> dict[str, Any]:
    """Return the body of a message; fields that are None or False are left out."""
    given = {name: getattr(message, name) for name in message.__struct_fields__}
    kept = {
        name: value for name, value in given.items() if value is not None and value is not False
    }
    return {"kind": message.kind, **kept}


def parse(body: object) -> AnyMessage:
    """Return the message in a decoded JSON body; an `UnknownMessage` for whatever is not one."""
    if not isinstance(body, Mapping):
        return _unknown({}, "It is not a JSON object.")
    kind = body.get("kind")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        named = _readable(kind)
        what = f"the kind {named!r}" if named else "its kind"
        return _unknown(body, f"This release does not know {what}.")
    try:
        return read(_Fields(body))
    except _BadFieldError as error:
        return _unknown(body, f"The field {error} of kind {kind!r} is missing or cannot be read.")


def misplaced(message: KnownMessage) -> UnknownMessage:
    """Return a message that is in the wrong queue as one that cannot be read there."""
    return _unknown(encode(message), f"The kind {message.kind!r} belongs in the other queue.")


def event_record(event: str | None, body: Mapping[str, Any]) -> RecordKey:
    """Return the record of an inbox event, or of a message that has none, by its content."""
    return RecordKey(f"event#{event or f'message#{_digest(body)}'}")


def content_text(body: Mapping[str, Any]) -> str:
    """Return what a message asks for as a JSON text, the same for every copy."""
    asked = {name: body[name] for name in body if name not in _NOT_IDENTIFYING}
    return json.dumps(asked, sort_keys=True, default=str)


def _digest(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(content_text(body).encode()).hexdigest()[:32]


def _unknown(body: Mapping[str, Any], why: str) -> UnknownMessage:
    connection = _readable(body.get("connection"))
    return UnknownMessage(
        why=why,
        kind=_readable(body.get("kind")) or "",
        connection=ConnectionId(connection) if connection else None,
        event=_readable(body.get("event")),
        event_version=_number(body.get("event_version")),
        body=body,
    )


class _BadFieldError(Exception):
    """The named field is missing or has the wrong type."""


class _Fields:
    """Reads the fields of a body; every method raises `_BadFieldError`."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body

    def required(self, name: str, read: Callable[[Any], _T | None]) -> _T:
        """Return a field as `read` returns it; None from `read` means that it cannot be read."""
        found = read(self.body.get(name))
        if found is None:
            raise _BadFieldError(name)
        return found

    def optional(self, name: str, read: Callable[[Any], _T | None]) -> _T | None:
        """Return None for a field that is missing or null."""
        return None if self.body.get(name) is None else self.required(name, read)

    def shared(self) -> dict[str, Any]:
        """Return what every message about a connection has."""
        return {
            "connection": ConnectionId(self.required("connection", _readable)),
            "event": self.optional("event", _readable),
            "event_version": self.optional("event_version", _number),
            "closes": self.optional("closes", _readable),
            "receives": self.optional("receives", _number),
        }

    def id(self, name: str) -> str:
        """Return a text that is not empty."""
        return self.required(name, lambda value: _text(value) or None)

    def flag(self, name: str) -> bool:
        """Return a truth value; False when it is missing."""
        return bool(self.optional(name, lambda value: value if isinstance(value, bool) else None))

    def division(self) -> DivisionCode:
        """Return the code of the division."""
        return DivisionCode(self.required("division", _number))

    def site(self) -> SiteId | None:
        """Return the division's site; None when it is missing."""
        found = self.optional("site", _readable)
        return SiteId(found) if found else None


def _readable(value: Any) -> str | None:
    """Return a text that can be shown, and be part of a record's key; otherwise None."""
    is_fit = isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()
    return value if is_fit else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _recoverable(value: Any) -> Recoverable | None:
    return next((each for each in _RECOVERABLE if each == value), None)


def _keys(value: Any) -> tuple[str, ...] | None:
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return tuple(value) if is_list else None


def _deed_name(value: Any) -> DeedName | None:
    return next((each for each in _DEEDS if each == value), None)


def _request_name(value: Any) -> RequestName | None:
    return next((each for each in _REQUESTS if each == value), None)


def _texts(value: Any) -> Mapping[str, str] | None:
    is_fit = isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())
    return value if is_fit else None


def _order(of: _Fields) -> KnownMessage:
    return ProcessOrder(order=OrderId(of.id("order")), by_hand=of.flag("by_hand"), **of.shared())


def _exact_order(of: _Fields) -> KnownMessage:
    return CompareOrder(order=OrderId(of.id("order")), **of.shared())


def _refresh(of: _Fields) -> KnownMessage:
    everything = of.flag("everything")
    return RefreshDivision(
        division=of.division(),
        everything=everything,
        site=of.site(),
        chain=of.optional("chain", _number),
        **of.shared(),
    )


def _listing(of: _Fields) -> KnownMessage:
    return SearchListing(**of.shared())


def _recover(of: _Fields) -> KnownMessage:
    what: Recoverable = of.required("what", _recoverable)
    return Recover(what=what, site=of.site(), **of.shared())


def _exact(of: _Fields) -> KnownMessage:
    return ExactNotification(
        division=of.division(),
        topic=of.id("topic"),
        key=Guid(of.id("key")),
        action=of.required("action", _text),
        site=of.site(),
        **of.shared(),
    )


def _unreadable(of: _Fields) -> KnownMessage:
    return UnreadableEvent(**of.shared())


def _deed(of: _Fields) -> KnownMessage:
    return PersonDeed(
        deed=of.required("deed", _deed_name),
        record=RecordKey(of.required("record", _readable)),
        issuer=of.id("issuer"),
        subject=of.id("subject"),
        person=of.id("person"),
        problem=of.optional("problem", _readable),
        reason=of.optional("reason", _text),
        group=of.optional("group", _readable),
        records=of.optional("records", _keys),
        exact=of.optional("exact", _text),
        for_all=of.flag("for_all"),
        divisions=of.optional("divisions", _keys),
        chain=of.optional("chain", _number),
        **of.shared(),
    )


def _request(of: _Fields) -> KnownMessage:
    return PersonRequest(
        request=of.required("request", _request_name),
        id=of.required("id", _readable),
        issuer=of.id("issuer"),
        subject=of.id("subject"),
        person=of.id("person"),
        values=of.required("values", _texts),
        **of.shared(),
    )


def _vendor(of: _Fields) -> KnownMessage:
    return ProcessVendor(
        vendor=VendorId(of.id("vendor")),
        name=of.optional("name", _text),
        code=of.optional("code", _text),
        kept=of.flag("kept"),
        chain=of.optional("chain", _number),
        **of.shared(),
    )


def _account(of: _Fields) -> KnownMessage:
    return AccountNotification(
        division=of.division(),
        key=Guid(of.id("key")),
        action=of.required("action", _text),
        site=of.site(),
        **of.shared(),
    )


def _suppliers(of: _Fields) -> KnownMessage:
    return ProcessSuppliers(division=of.division(), site=of.site(), **of.shared())


def _reconcile(of: _Fields) -> KnownMessage:
    if "connection" not in of.body:
        return ReconcileEveryConnection()
    return ReconcileVendors(**of.shared())


def _sweep(of: _Fields) -> KnownMessage:
    if "connection" not in of.body:
        return Sweep()  # its time only makes the body unique
    return SweepConnection(swept=of.optional("swept", _number), **of.shared())


_READERS: dict[str, Callable[[_Fields], KnownMessage]] = {
    ProcessOrder.kind: _order,
    CompareOrder.kind: _exact_order,
    RefreshDivision.kind: _refresh,
    SearchListing.kind: _listing,
    Recover.kind: _recover,
    ExactNotification.kind: _exact,
    UnreadableEvent.kind: _unreadable,
    PersonDeed.kind: _deed,
    PersonRequest.kind: _request,
    ProcessVendor.kind: _vendor,
    AccountNotification.kind: _account,
    ProcessSuppliers.kind: _suppliers,
    ReconcileVendors.kind: _reconcile,
    Sweep.kind: _sweep,
}
