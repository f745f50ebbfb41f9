"""Every body is read as what it says; whatever else is in a queue is read as unknown."""

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sam_template import SamTemplate
from local.schedules import message as scheduled_text
from ml_connector.clock import now
from ml_connector.domain.ids import ConnectionId, DivisionCode, Guid, OrderId, RecordKey, VendorId
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
    RefreshDivision,
    SearchListing,
    Sweep,
    SweepConnection,
    UnknownMessage,
    UnreadableEvent,
    encode,
)
from ml_connector.messages.parsing import parse

FIRM, PO, KEY = ConnectionId("firm"), OrderId("po-1"), "6f0a3f0e-8f0d-4a63-9d2b-1c6a8e0b7d15"
AIRBASE_EVENT: dict[str, Any] = {"event": "airbase#e-1#ab", "event_version": 1}
EXACT_EVENT: dict[str, Any] = {"event": "exact#Items#ab", "event_version": 2}
BY: dict[str, Any] = {"issuer": "https://idp.example", "subject": "s-1", "person": "A person"}
WHY: dict[str, Any] = {"problem": "0123456789abcdef", "reason": "entered by hand"}
NOTIFIED = {"division": 2101, "key": KEY, "action": "Update"}

# What the release before queued, by every sender: its messages may still be in the queues.
QUEUED_BEFORE: list[tuple[dict[str, Any], KnownMessage]] = [
    ({"kind": "order", "order": "po-1"}, ProcessOrder(FIRM, PO)),
    ({"kind": "order", "order": "po-1", "by_hand": True}, ProcessOrder(FIRM, PO, by_hand=True)),
    ({"kind": "order", "order": "po-1"} | AIRBASE_EVENT, ProcessOrder(FIRM, PO, **AIRBASE_EVENT)),
    ({"kind": "exact_order", "order": "po-1"}, CompareOrder(FIRM, PO)),
    ({"kind": "refresh", "division": 2101}, RefreshDivision(FIRM, DivisionCode(2101))),
    (
        {"kind": "refresh", "division": 2101, "chain": 3},
        RefreshDivision(FIRM, DivisionCode(2101), chain=3),
    ),
    (
        {"kind": "refresh", "division": 2101, "everything": True},
        RefreshDivision(FIRM, DivisionCode(2101), everything=True),
    ),
    ({"kind": "listing"}, SearchListing(FIRM)),
    ({"kind": "recover", "what": "exact"}, Recover(FIRM, "exact")),
    ({"kind": "recover", "what": "airbase"}, Recover(FIRM, "airbase")),
    ({"kind": "recover", "what": "halts"}, Recover(FIRM, "halts")),
    (
        {"kind": "exact", "topic": "Items"} | NOTIFIED | EXACT_EVENT,
        ExactNotification(FIRM, DivisionCode(2101), "Items", Guid(KEY), "Update", **EXACT_EVENT),
    ),
    (
        {"kind": "exact", "topic": "Items"} | NOTIFIED | {"action": ""} | EXACT_EVENT,
        ExactNotification(FIRM, DivisionCode(2101), "Items", Guid(KEY), "", **EXACT_EVENT),
    ),
    (
        {"kind": "deed", "deed": "retry", "record": "order#po-1"} | BY,
        PersonDeed(FIRM, "retry", RecordKey("order#po-1"), **BY),
    ),
    (
        {"kind": "deed", "deed": "dismiss", "record": "order#po-1"} | BY | WHY,
        PersonDeed(FIRM, "dismiss", RecordKey("order#po-1"), **BY, **WHY),
    ),
    (
        {"kind": "request", "request": "month", "id": "a1", "values": {"month": "2026-11"}} | BY,
        PersonRequest(FIRM, "month", "a1", values={"month": "2026-11"}, **BY),
    ),
    ({"kind": "unreadable"} | EXACT_EVENT, UnreadableEvent(FIRM, **EXACT_EVENT)),
    ({"kind": "vendor", "vendor": "v-1"}, ProcessVendor(FIRM, VendorId("v-1"))),
    (
        {"kind": "vendor", "vendor": "v-1"} | AIRBASE_EVENT,
        ProcessVendor(FIRM, VendorId("v-1"), **AIRBASE_EVENT),
    ),
    (
        {"kind": "vendor", "vendor": "v-1", "name": "Example", "code": ""},
        ProcessVendor(FIRM, VendorId("v-1"), "Example", ""),
    ),
    (
        {"kind": "vendor", "vendor": "v-1", "kept": True},
        ProcessVendor(FIRM, VendorId("v-1"), kept=True),
    ),
    (
        {"kind": "account"} | NOTIFIED | EXACT_EVENT,
        AccountNotification(FIRM, DivisionCode(2101), Guid(KEY), "Update", **EXACT_EVENT),
    ),
    ({"kind": "suppliers", "division": 2101}, ProcessSuppliers(FIRM, DivisionCode(2101))),
    ({"kind": "reconcile"}, ReconcileVendors(FIRM)),
    ({"kind": "sweep"}, SweepConnection(FIRM)),
    ({"kind": "sweep", "swept": 7}, SweepConnection(FIRM, 7)),
]


@pytest.mark.parametrize(("body", "expected"), QUEUED_BEFORE)
def test_a_body_queued_by_the_release_before(body: dict[str, Any], expected: KnownMessage) -> None:
    queued = body | {"connection": "firm"}
    assert parse(queued) == expected
    assert encode(expected) == queued, "and the release before reads what this one queues"


def test_every_kind_was_queued_before() -> None:
    kinds = {type(expected) for _, expected in QUEUED_BEFORE}
    assert kinds == set(get_args(KnownMessage)) - {Sweep, ReconcileEveryConnection}


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [("SweepSchedule", Sweep()), ("ReconciliationSchedule", ReconcileEveryConnection())],
)
def test_what_the_schedules_send(schedule: str, expected: KnownMessage) -> None:
    text = scheduled_text(SamTemplate().schedules()[schedule], now())
    assert parse(json.loads(text)) == expected
    assert encode(expected).items() <= json.loads(text).items()


ids = st.text(min_size=1, max_size=40)
shown = st.text(st.characters(codec="ascii", exclude_categories=["C"]), min_size=1, max_size=40)
BY_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    "connection": shown,
    "event": st.none() | shown,
    "event_version": st.none() | st.integers(),
    "closes": st.none() | shown.map(RecordKey),
    "receives": st.none() | st.integers(),
    "place": st.none() | shown,
    "after": st.none() | st.integers(),
    "waited": st.none() | st.integers(),
    "chain": st.none() | st.integers(),
    "swept": st.none() | st.integers(),
    "site": st.none() | shown,
    "name": st.none() | st.text(),
    "code": st.none() | st.text(),
    "action": st.text(),
    "division": st.integers(),
    "what": st.sampled_from(["exact", "airbase", "halts"]),
    "deed": st.sampled_from(get_args(DeedName)),
    "group": st.none() | shown,
    "records": st.none() | st.lists(ids, min_size=1).map(tuple),
    "divisions": st.none() | st.lists(ids, min_size=1).map(tuple),
    "exact": st.none() | st.text(),
    "for_all": st.booleans(),
    "request": st.sampled_from(["vendors", "mappings_imported"]),
    "id": shown,
    "values": st.dictionaries(shown, st.text()),
    "record": shown.map(RecordKey),
    "problem": st.none() | shown,
    "reason": st.none() | st.text(),
    "by_hand": st.booleans(),
    "everything": st.booleans(),
    "kept": st.booleans(),
}


def any_of(type: type[KnownMessage]) -> st.SearchStrategy[KnownMessage]:
    """Return messages of one type with any values of their fields."""
    names = type.__struct_fields__
    return st.fixed_dictionaries({name: BY_TYPE.get(name, ids) for name in names}).map(
        lambda values: type(**values)
    )


@pytest.mark.parametrize("type", get_args(KnownMessage))
@given(data=st.data())
def test_what_is_sent_is_what_is_read(type: type[KnownMessage], data: st.DataObject) -> None:
    message = data.draw(any_of(type))
    assert parse(json.loads(json.dumps(encode(message)))) == message


# ---------------------------------------------------------------- odd bodies

ORDER = {"kind": "order", "connection": "firm", "order": "po-1", "event": "airbase#e"}
WRONG: tuple[Any, ...] = (None, 7, True, 1.5, [], ["x"], {}, {"x": 1})


@pytest.mark.parametrize("body", [None, 7, 1.5, "order", [], [ORDER], True])
def test_what_is_not_an_object(body: object) -> None:
    assert parse(body) == UnknownMessage("It is not a JSON object.", "", None, None, None, {})


@pytest.mark.parametrize("kind", [*WRONG, "", "Order", "order ", "invoice", "\n", "x" * 10_000])
def test_an_unknown_kind(kind: Any) -> None:
    found = parse(ORDER | {"kind": kind, "event_version": 3})
    assert isinstance(found, UnknownMessage)
    assert (found.connection, found.event, found.event_version) == (FIRM, "airbase#e", 3)
    assert found.record == "event#airbase#e"
    assert found.kind == (kind if kind in ("Order", "order ", "invoice") else "")
    assert len(found.why) < 100


REQUIRED = [
    (body | {"connection": "firm"}, name)
    for body, _ in QUEUED_BEFORE
    for name in body
    if name in {"order", "division", "what", "topic", "key", "action", "vendor"}
]


@pytest.mark.parametrize(("body", "name"), REQUIRED)
def test_a_required_field_that_is_missing_or_mistyped(body: dict[str, Any], name: str) -> None:
    numbers = {7} if name == "division" else set()
    bodies: list[dict[str, Any]] = [{key: body[key] for key in body if key != name}]
    bodies += [body | {name: value} for value in WRONG if not is_in(value, numbers)]
    bodies += [] if name == "action" else [body | {name: ""}]
    for each in bodies:
        found = parse(each)
        assert isinstance(found, UnknownMessage), each
        assert (found.connection, found.kind) == (FIRM, body["kind"])
        assert f"field {name} " in found.why


def is_in(value: Any, numbers: set[int]) -> bool:
    return type(value) is int and value in numbers


@pytest.mark.parametrize(
    ("body", "name", "right"),
    [
        (ORDER, "by_hand", bool),
        (ORDER, "event_version", int),
        (ORDER, "event", str),
        (ORDER, "closes", str),
        ({"kind": "refresh", "connection": "firm", "division": 1}, "everything", bool),
        ({"kind": "vendor", "connection": "firm", "vendor": "v"}, "name", str),
        ({"kind": "vendor", "connection": "firm", "vendor": "v"}, "code", str),
        ({"kind": "vendor", "connection": "firm", "vendor": "v"}, "kept", bool),
    ],
)
def test_an_optional_field(body: dict[str, Any], name: str, right: type) -> None:
    without = {key: body[key] for key in body if key != name}
    assert parse(body | {name: None}) == parse(without), "null is missing"
    assert not isinstance(parse(without), UnknownMessage)
    for value in WRONG:
        if value is not None and type(value) is not right:
            assert isinstance(parse(body | {name: value}), UnknownMessage), value


@pytest.mark.parametrize("connection", [*WRONG, "", "a\nb", "\ud800", "x" * 501])
@pytest.mark.parametrize("kind", ["order", "listing", "vendor", "reconcile", "invoice"])
def test_an_unreadable_connection(kind: str, connection: Any) -> None:
    found = parse({"kind": kind, "connection": connection, "order": "po-1", "vendor": "v-1"})
    assert isinstance(found, UnknownMessage)
    assert found.connection is None


def test_a_field_of_a_later_release_is_ignored() -> None:
    assert parse(ORDER | {"priority": ["high"]}) == parse(ORDER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KINDS = sorted(type.kind for type in get_args(KnownMessage))
NAMES = [
    "kind",
    "connection",
    "event",
    "event_version",
    "closes",
    *BY_TYPE,
    "order",
    "key",
    "topic",
]


@given(
    JSON
    | st.dictionaries(st.sampled_from(NAMES), JSON | st.sampled_from(KINDS))
    | st.dictionaries(st.sampled_from(NAMES), JSON).map(lambda body: ORDER | body)
)
def test_nothing_makes_it_fail(body: Any) -> None:
    found: AnyMessage = parse(body)
    if isinstance(found, UnknownMessage):
        assert found.record.startswith("event#")
        assert found.record.isprintable()


def test_copies_of_a_message_without_an_event_have_one_record() -> None:
    body = {"kind": "invoice", "connection": "firm", "invoice": 7}
    copy = {"invoice": 7, "at": "later", "closes": "x", "connection": "firm", "kind": "invoice"}
    first, second, other = (parse(each) for each in (body, copy, body | {"invoice": 8}))
    assert isinstance(first, UnknownMessage)
    assert isinstance(second, UnknownMessage)
    assert isinstance(other, UnknownMessage)
    assert first.record == second.record != other.record
