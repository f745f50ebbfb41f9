"""Read the bodies of messages: `parse`, which every worker calls, and a reader for each kind."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_args

from ml_connector.domain.ids import (
    ConnectionId,
    DivisionCode,
    Guid,
    OrderId,
    RecordKey,
    SiteId,
    VendorId,
)
from ml_connector.messages.kinds import (
    AccountNotification,
    AnyMessage,
    CompareOrder,
    DeedName,
    ExactNotification,
    KnownMessage,
    PersonDeed,
    PersonRequest,
    ProcessOrder,
    ProcessSuppliers,
    ProcessVendor,
    ReconcileEveryConnection,
    ReconcileVendors,
    Recover,
    Recoverable,
    RefreshDivision,
    RequestName,
    SearchListing,
    Sweep,
    SweepConnection,
    UnknownMessage,
    UnreadableEvent,
    encode,
)

_T = TypeVar("_T")
_DEEDS: tuple[DeedName, ...] = get_args(DeedName)
_REQUESTS: tuple[RequestName, ...] = get_args(RequestName)
_RECOVERABLE: tuple[Recoverable, ...] = ("exact", "airbase", "halts", "tokens")
_LONGEST_TEXT = 500


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
            "place": self.optional("place", _readable),
            "after": self.optional("after", _number),
            "waited": self.optional("waited", _number),
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
