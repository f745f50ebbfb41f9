"""The Airbase receiver: genuine events are kept and queued once, everything else is refused."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.receivers.wiring import airbase_receiver
from ml_connector.webhooks import LARGEST_BODY
from tests.receivers.conftest import Answering
from tests.receivers.world import (
    AIRBASE_EVENT,
    FIRM,
    NOON,
    OLDER_SECRET,
    ORDER,
    SECRET,
    World,
    airbase_headers,
    base64_mac,
    create_queue,
    event,
    hex_mac,
    raw,
)

BODY = raw(AIRBASE_EVENT)
SIGNATURE = f"sha256={hex_mac(BODY)}"
DAY = 86_400


def signed(body: bytes = BODY, **more: Any) -> dict[str, Any]:
    return event(body, airbase_headers(body), **more)


# ---------------------------------------------------------------- what is genuine


def test_a_signed_event_is_kept_raw_and_queued(world: World, airbase: Answering) -> None:
    assert airbase(signed()) == 202
    (kept,) = world.kept()
    (message,) = world.messages()
    assert kept.body == BODY
    assert kept.is_open
    assert kept.received_at == datetime.fromtimestamp(NOON, tz=UTC)
    assert message["group"] == f"{FIRM}#{ORDER}"
    assert message["body"] == {
        "kind": "order",
        "connection": FIRM,
        "order": ORDER,
        "event": kept.sk,
        "event_version": 1,
    }


def test_neither_signature_nor_authorization_is_kept(world: World, airbase: Answering) -> None:
    headers = airbase_headers(BODY) | {"authorization": "Basic abc", "user-agent": "Airbase"}
    airbase(event(BODY, headers))
    (kept,) = world.kept()
    assert kept.headers == {"content-type": "application/json", "user-agent": "Airbase"}


def test_a_base64_encoded_event_is_verified_on_its_raw_bytes(
    world: World, airbase: Answering
) -> None:
    body = raw(AIRBASE_EVENT | {"note": "é"})
    assert airbase(signed(body, is_base64=True)) == 202
    assert world.kept()[0].body == body


@pytest.mark.parametrize("secret", [SECRET, OLDER_SECRET])
def test_two_secrets_are_valid_at_once(airbase: Answering, secret: str) -> None:
    assert airbase(event(BODY, airbase_headers(BODY, secret))) == 202


def test_a_rotated_secret_is_refused_within_a_minute(
    world: World, airbase: Answering, time: MovableClock
) -> None:
    assert airbase(event(BODY, airbase_headers(BODY, OLDER_SECRET))) == 202
    world.change_secret("airbase", {"secrets": ["another-new-secret", SECRET]})
    time.move(61)
    assert airbase(event(BODY, airbase_headers(BODY, OLDER_SECRET))) == 401
    assert airbase(event(BODY, airbase_headers(BODY, "another-new-secret"))) == 200


def test_an_upper_case_signature_is_the_same_number(airbase: Answering) -> None:
    assert airbase(event(BODY, {"X-Airbase-Signature": f"sha256={hex_mac(BODY).upper()}"})) == 202


def test_a_numeric_order_id_is_an_order_id(world: World, airbase: Answering) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": {"id": 1043}}))) == 202
    assert world.messages()[0]["body"]["order"] == "1043"


def test_an_order_id_that_sqs_takes_in_no_group_is_hashed(world: World, airbase: Answering) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": {"id": "Bestelling één"}}))) == 202
    (message,) = world.messages()
    assert message["body"]["order"] == "Bestelling één"
    assert message["group"].isascii()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"id": None},
        {"id": ""},
        {"id": " "},
        {"id": {"a": 1}},
        {"id": ["x"]},
        {"id": True},
        {"id": 1.5},
        {"id": "x" * 201},
        {"id": "a\u0000b"},
        {"id": "\ud800"},
        {"id": "a\nb"},
    ],
)
def test_a_genuine_event_without_a_usable_order_id_reaches_the_worker(
    world: World, airbase: Answering, data: Mapping[str, Any]
) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": data}))) == 202
    (message,) = world.messages()
    assert message["body"]["kind"] == "unreadable"
    assert message["body"]["event"] == world.kept()[0].sk


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_genuine_data_of_another_kind_reaches_the_worker(
    world: World, airbase: Answering, data: Any
) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": data}))) == 202
    assert world.messages()[0]["body"]["kind"] == "unreadable"


# ---------------------------------------------------------------- duplicates and failures


def test_a_duplicate_of_an_open_event_changes_nothing(world: World, airbase: Answering) -> None:
    assert [airbase(signed()) for _ in range(3)] == [202, 200, 200]
    assert len(world.kept()) == 1
    assert len(world.messages()) == 1


def test_a_duplicate_of_a_handled_event_is_not_queued(
    world: World, airbase: Answering, time: MovableClock
) -> None:
    airbase(signed())
    (kept,) = world.kept()
    world.messages()
    assert world.inbox.mark_handled(FIRM, kept.sk, kept.version)
    time.move(600)
    assert airbase(signed()) == 200
    assert world.messages() == []
    assert not world.kept()[0].is_open


def test_the_same_event_id_with_other_content_is_news(world: World, airbase: Answering) -> None:
    airbase(signed())
    other = raw(AIRBASE_EVENT | {"data": {"id": "another-order"}})
    assert airbase(signed(other)) == 202
    assert {m["body"]["order"] for m in world.messages()} == {ORDER, "another-order"}


def test_a_duplicate_makes_good_for_a_message_that_was_not_sent(
    world: World, airbase: Answering
) -> None:
    _lose_queue(world)
    assert airbase(signed()) == 202
    (kept,) = world.kept()
    assert kept.is_open
    create_queue(world.clients.sqs, "purchase_orders")
    assert airbase(signed()) == 200
    assert len(world.messages()) == 1


def test_an_event_whose_message_was_not_sent_is_found_by_the_sweep(
    world: World, airbase: Answering
) -> None:
    _lose_queue(world)
    airbase(signed())
    (found,) = world.inbox.open_events(FIRM, clock.now())
    assert found.message.queue == "purchase_orders"
    assert found.message.group == f"{FIRM}#{ORDER}"
    assert found.message.body["order"] == ORDER


def test_nothing_is_answered_with_2xx_before_it_is_kept(world: World, airbase: Answering) -> None:
    world.clients.dynamodb.delete_table(TableName="inbox")
    with pytest.raises(Exception, match="ResourceNotFound"):
        airbase(signed())


# ---------------------------------------------------------------- what is refused


def _lose_queue(world: World) -> None:
    world.clients.sqs.delete_queue(QueueUrl=world.environment.queue_urls["purchase_orders"])


HOSTILE_HEADERS: dict[str, dict[str, str]] = {
    "no signature": {},
    "empty": {"x-airbase-signature": ""},
    "prefix alone": {"x-airbase-signature": "sha256="},
    "no prefix": {"x-airbase-signature": hex_mac(BODY)},
    "other prefix": {"x-airbase-signature": f"sha1={hex_mac(BODY)}"},
    "upper-case prefix": {"x-airbase-signature": f"SHA256={hex_mac(BODY)}"},
    "prefix twice": {"x-airbase-signature": f"sha256=sha256={hex_mac(BODY)}"},
    "cut off": {"x-airbase-signature": SIGNATURE[:-1]},
    "one more": {"x-airbase-signature": SIGNATURE + "0"},
    "newline after": {"x-airbase-signature": SIGNATURE + "\n"},
    "blank before": {"x-airbase-signature": " " + SIGNATURE},
    "two joined": {"x-airbase-signature": f"{SIGNATURE},{SIGNATURE}"},
    "nul after": {"x-airbase-signature": SIGNATURE + "\x00"},
    "not ASCII": {"x-airbase-signature": "sha256=é" + hex_mac(BODY)[1:]},
    "full-width digits": {"x-airbase-signature": "sha256=" + "\uff11" * 64},
    "a surrogate": {"x-airbase-signature": "sha256=\ud800"},
    "100,000 characters": {"x-airbase-signature": "sha256=" + "0" * 100_000},
    "base64 in place of hex": {
        "x-airbase-signature": f"sha256={base64_mac(BODY, SECRET.encode())}"
    },
    "of another secret": {"x-airbase-signature": f"sha256={hex_mac(BODY, 'guess')}"},
    "of an empty secret": {"x-airbase-signature": f"sha256={hex_mac(BODY, '')}"},
    "of another body": {"x-airbase-signature": f"sha256={hex_mac(BODY + b' ')}"},
    "of the empty body": {"x-airbase-signature": f"sha256={hex_mac(b'')}"},
    "sha512": {"x-airbase-signature": f"sha256={hex_mac(BODY, SECRET, 'sha512')}"},
    "sha1": {"x-airbase-signature": f"sha256={hex_mac(BODY, SECRET, 'sha1')}"},
    "plain hash": {"x-airbase-signature": "sha256=" + "0" * 64},
    "the secret itself": {"x-airbase-signature": f"sha256={SECRET}"},
    "other header": {"x-hub-signature-256": SIGNATURE},
    "bearer": {"authorization": f"Bearer {SECRET}"},
    "none as algorithm": {"x-airbase-signature": "none="},
    "standard webhooks": {
        "webhook-id": "1",
        "webhook-timestamp": str(int(NOON)),
        "webhook-signature": "v1," + base64_mac(f"1.{int(NOON)}.".encode() + BODY, SECRET.encode()),
    },
}


@pytest.mark.parametrize("name", HOSTILE_HEADERS)
def test_hostile_headers_are_refused(world: World, airbase: Answering, name: str) -> None:
    assert airbase(event(BODY, HOSTILE_HEADERS[name])) == 401
    assert world.has_nothing()


HOSTILE_BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" ",
    "nul": b"\x00",
    "cut off": BODY[:-1],
    "one more blank": BODY + b" ",
    "newline before": b"\n" + BODY,
    "byte order mark": b"\xef\xbb\xbf" + BODY,
    "twice": BODY + BODY,
    "re-serialised": json.dumps(AIRBASE_EVENT).encode(),
    "sorted": json.dumps(AIRBASE_EVENT, sort_keys=True, separators=(",", ":")).encode(),
    "other order": BODY.replace(ORDER.encode(), b"0f2d6a3e-ordes"),
    "second id": BODY[:-1] + b',"data":{"id":"evil"}}',
    "upper case": BODY.upper(),
    "UTF-16": BODY.decode().encode("utf-16"),
    "not UTF-8": b"\xff\xfe\xfa",
    "a script": b"<script>alert(1)</script>",
    "XML bomb": b'<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>',
    "deep": b"[" * 100_000,
    "huge number": b'{"id":' + b"9" * 100_000 + b"}",
    "SQL": b"' OR 1=1 --",
    "JMESPath": b'{"data":{"id":"`1`"}}',
    "largest": b"x" * LARGEST_BODY,
    "pollution": b'{"__proto__":{"id":"x"},"data":{"id":"x"}}',
}


@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("name", HOSTILE_BODIES)
def test_hostile_bodies_are_refused(
    world: World, airbase: Answering, name: str, is_base64: bool
) -> None:
    body = HOSTILE_BODIES[name]
    assert airbase(event(body, {"x-airbase-signature": SIGNATURE}, is_base64=is_base64)) == 401
    assert world.has_nothing()


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"[{}]", b"{", b"{}{}", b"{'a':1}",
     b"\xff\xfe", b"[" * 100_000, b"<xml/>", BODY.decode().encode("utf-16")],
    ids=str,
)  # fmt: skip
def test_a_signed_body_that_is_no_object_is_400(
    world: World, airbase: Answering, body: bytes
) -> None:
    assert airbase(signed(body, is_base64=True)) == 400
    assert world.has_nothing()


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, LARGEST_BODY * 4])
@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_an_oversized_body_is_413_however_signed(
    world: World, airbase: Answering, size: int, is_base64: bool
) -> None:
    assert airbase(signed(b"x" * size, is_base64=is_base64)) == 413
    assert airbase(signed(b"x" * size, connection="nobody", is_base64=is_base64)) == 413
    assert world.has_nothing()


def test_the_size_is_counted_in_bytes(airbase: Answering) -> None:
    assert airbase(signed("é".encode() * (LARGEST_BODY // 2 + 1))) == 413


def test_a_large_genuine_event_is_kept(world: World, airbase: Answering) -> None:
    body = raw(AIRBASE_EVENT | {"note": "x" * (LARGEST_BODY - 1000)})
    assert airbase(signed(body)) == 202
    assert world.kept()[0].body == body


@pytest.mark.parametrize("text", ["%", "abc", "é", "YQ==YQ==", "Y Q = ="])
def test_a_body_that_only_claims_to_be_base64_is_400(airbase: Answering, text: str) -> None:
    made = event(None, {"x-airbase-signature": SIGNATURE}) | {"body": text, "isBase64Encoded": True}
    assert airbase(made) == 400


@pytest.mark.parametrize("days", [31, 365])
def test_an_event_older_than_the_inbox_remembers_is_stale(
    world: World, airbase: Answering, time: MovableClock, days: int
) -> None:
    time.move(days * DAY)
    assert airbase(signed()) == 401
    assert world.has_nothing()


def test_an_event_within_the_retention_is_not_stale(airbase: Answering, time: MovableClock) -> None:
    time.move(29 * DAY)
    assert airbase(signed()) == 202


@pytest.mark.parametrize(
    "created", [None, "", "soon", 7, [], "9999-99-99", "0001-01-01T00:00+14:00"]
)
def test_an_unreadable_date_never_crashes(airbase: Answering, created: Any) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"created_date": created}))) == 202


def test_another_method_is_405_and_no_connection_404(airbase: Answering) -> None:
    assert airbase(signed(method="GET")) == 405
    assert airbase(signed(connection=None)) == 404


# ---------------------------------------------------------------- other schemes


def _with(world: World, verification: Mapping[str, Any], *secrets: str) -> Answering:
    config = {"verification": verification, "secrets": list(secrets) or [SECRET]}
    world.keep_secret("airbase", config)
    receiver = airbase_receiver(world.environment, world.clients)
    return lambda event: int(receiver.answer(event)["statusCode"])


def test_sha512_in_base64_without_prefix(world: World) -> None:
    scheme = {"scheme": "hmac", "header": "X-Sig", "algorithm": "sha512", "encoding": "base64",
              "prefix": ""}  # fmt: skip
    answering = _with(world, scheme)
    good = base64_mac(BODY, SECRET.encode(), "sha512")
    assert answering(event(BODY, {"x-sig": good})) == 202
    assert answering(event(BODY, {"x-sig": good.rstrip("=")})) == 401
    assert answering(event(BODY, {"x-sig": ""})) == 401


@pytest.mark.parametrize(
    ("age", "status"), [(0, 202), (300, 202), (-300, 202), (301, 401), (-301, 401), (DAY, 401)]
)
def test_a_signed_timestamp_has_a_window(world: World, age: int, status: int) -> None:
    answering = _with(world, {"scheme": "hmac", "timestamp_header": "X-Time"})
    stamp = str(int(NOON) - age)
    signature = f"sha256={hex_mac(stamp.encode() + b'.' + BODY)}"
    assert answering(event(BODY, {"x-time": stamp, "x-airbase-signature": signature})) == status


@pytest.mark.parametrize(
    "stamp", ["", "0", "-1", "1e9", "NaN", "\u0661" * 10, "9" * 400, f"{int(NOON)}.0", " 1"]
)
def test_a_signed_timestamp_must_be_one(world: World, stamp: str) -> None:
    answering = _with(world, {"scheme": "hmac", "timestamp_header": "X-Time"})
    signature = f"sha256={hex_mac(stamp.encode() + b'.' + BODY)}"
    assert answering(event(BODY, {"x-time": stamp, "x-airbase-signature": signature})) == 401


def test_a_timestamp_that_is_not_signed_is_refused(world: World) -> None:
    answering = _with(world, {"scheme": "hmac", "timestamp_header": "X-Time"})
    headers = {"x-time": str(int(NOON)), "x-airbase-signature": SIGNATURE}
    assert answering(event(BODY, headers)) == 401


KEY = b"thirty-two bytes of a sample key"


def _standard(stamp: str | None = None, key: bytes = KEY, **more: str) -> dict[str, str]:
    stamp = stamp or str(int(NOON))
    mac = base64_mac(f"msg_1.{stamp}.".encode() + BODY, key)
    signed = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{mac}"}
    return signed | {name.replace("_", "-"): value for name, value in more.items()}


STANDARD_CASES: dict[str, tuple[dict[str, str], int]] = {
    "good": (_standard(), 202),
    "one of several": (
        _standard(webhook_signature=f"v1,AAAA v1a,x {_standard()['webhook-signature']}"),
        202,
    ),
    "older secret": (_standard(key=b"older"), 202),
    "stale": (_standard(str(int(NOON) - 301)), 401),
    "from the future": (_standard(str(int(NOON) + 301)), 401),
    "other id": (_standard(webhook_id="msg_2"), 401),
    "no id": (_standard(webhook_id=""), 401),
    "other time": (_standard(webhook_timestamp=str(int(NOON) + 1)), 401),
    "other version": (_standard(webhook_signature="v2,AAAA"), 401),
    "no version": (_standard(webhook_signature=_standard()["webhook-signature"][3:]), 401),
    "no signature": (_standard(webhook_signature=""), 401),
    "a thousand signatures": (_standard(webhook_signature="v1,AAAA " * 1000), 401),
    "other secret": (_standard(key=b"guess"), 401),
    "no headers": ({}, 401),
}


@pytest.mark.parametrize("name", STANDARD_CASES)
def test_standard_webhooks(world: World, name: str) -> None:
    whsec = "whsec_" + b64encode(KEY).decode()
    answering = _with(world, {"scheme": "standard_webhooks"}, whsec, "older")
    headers, status = STANDARD_CASES[name]
    assert answering(event(BODY, headers)) == status


@pytest.mark.parametrize(
    ("given", "status"),
    [(SECRET, 202), ("", 401), (SECRET[:-1], 401), (SECRET + "x", 401), (SECRET.upper(), 401)],
)
def test_a_shared_header_and_a_url_secret(world: World, given: str, status: int) -> None:
    answering = _with(world, {"scheme": "shared_header", "header": "X-Key"})
    assert answering(event(BODY, {"x-key": given})) == status
    world.keep_secret(
        "airbase",
        {"verification": {"scheme": "url_secret", "parameter": "key"}, "secrets": [SECRET]},
        "by-url",
    )
    by_url = event(raw(AIRBASE_EVENT), connection="by-url", query={"key": given})
    assert answering(by_url) == status
    assert answering(event(BODY, connection="by-url")) == 401


def test_without_verification_only_the_order_id_is_used(world: World, time: MovableClock) -> None:
    world.keep_secret("airbase", {"verification": {"scheme": "none"}})
    receiver = airbase_receiver(world.environment, world.clients)
    forged = raw({"id": "evt-9", "created_date": "1999-01-01", "data": {"id": ORDER}})
    assert receiver.answer(event(forged))["statusCode"] == 202
    (kept,) = world.kept()
    assert kept.sk == f"airbase#order#{ORDER}"
    assert world.messages()[0]["body"]["order"] == ORDER
    world.inbox.mark_handled(FIRM, kept.sk, kept.version)
    time.move(1)
    assert receiver.answer(event(BODY))["statusCode"] == 202
    (again,) = world.messages()
    assert again["body"]["event_version"] > 1
    assert not world.inbox.mark_handled(FIRM, kept.sk, kept.version)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"data":{"id":"\\ud800"}}',
             b'{"data":{"id":""}}', b'{"data":{"id":{}}}', b'{"data":' + b"9" * 5000 + b"}"],
    ids=lambda body: str(body[:30]),
)  # fmt: skip
def test_without_verification_a_body_without_an_order_id_is_400(world: World, body: bytes) -> None:
    world.keep_secret("airbase", {"verification": {"scheme": "none"}})
    receiver = airbase_receiver(world.environment, world.clients)
    assert receiver.answer(event(body, is_base64=True))["statusCode"] == 400
    assert world.has_nothing()


def test_other_places_of_the_ids(world: World) -> None:
    config = {"secrets": [SECRET], "order_id": "order.key", "event_id": "nr", "created": "at"}
    world.keep_secret("airbase", config)
    receiver = airbase_receiver(world.environment, world.clients)
    body = raw({"nr": 12, "at": "2026-11-23", "order": {"key": "o-1"}})
    assert receiver.answer(signed(body))["statusCode"] == 202
    assert world.messages()[0]["body"]["order"] == "o-1"
    assert world.kept()[0].sk.startswith("airbase#12#")


# ---------------------------------------------------------------- vendors


def vendor_event(**more: Any) -> bytes:
    return raw({**AIRBASE_EVENT, "type": "vendor.Updated", "data": {"id": "ven-1"}, **more})


def test_an_event_about_a_vendor_goes_to_the_vendor_queue(world: World, airbase: Answering) -> None:
    assert airbase(signed(vendor_event())) == 202
    (kept,) = world.kept()
    assert kept.message.queue == "vendors"
    assert kept.message.group == f"{FIRM}#vendors"
    assert {"kind": "vendor", "vendor": "ven-1"}.items() <= kept.message.body.items()
    assert world.messages() == []


def test_a_vendor_event_without_an_id_is_not_taken_for_a_vendor(
    world: World, airbase: Answering
) -> None:
    assert airbase(signed(vendor_event(data={"vendor": "ven-1"}))) == 202
    assert world.messages()[0]["body"]["kind"] == "unreadable"


def test_where_the_vendor_stands_and_how_its_events_are_called_are_settings(world: World) -> None:
    config = {
        "secrets": [SECRET], "vendor_id": "supplier.nr", "event_type": "kind",
        "vendor_word": "Payee",
    }  # fmt: skip
    world.keep_secret("airbase", config)
    receiver = airbase_receiver(world.environment, world.clients)
    body = raw({"id": "e", "kind": "PAYEE_CHANGED", "supplier": {"nr": 7}, "data": {"id": "x"}})
    assert receiver.answer(signed(body))["statusCode"] == 202
    assert {"vendor": "7"}.items() <= world.kept()[0].message.body.items()
    assert receiver.answer(signed(vendor_event()))["statusCode"] == 202
    assert world.messages()[0]["body"]["order"] == "ven-1"


def test_without_verification_only_the_vendors_id_is_used(world: World) -> None:
    world.keep_secret("airbase", {"verification": {"scheme": "none"}})
    receiver = airbase_receiver(world.environment, world.clients)
    assert receiver.answer(event(vendor_event()))["statusCode"] == 202
    assert world.kept()[0].sk == "airbase#vendor#ven-1"
