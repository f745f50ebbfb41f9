"""Airbase's webhook: genuine events are stored and queued once, everything else is refused."""

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.webhooks.bootstrap import open_airbase_webhook
from ml_connector.webhooks.verification import LARGEST_BODY, LARGEST_CALL
from tests.webhooks.aws import (
    AIRBASE_EVENT,
    FIRM,
    NOON,
    OLDER_SECRET,
    ORDER,
    SECRET,
    WebhookAws,
    airbase_headers,
    base64_mac,
    create_queue,
    event,
    hex_mac,
    raw,
)
from tests.webhooks.conftest import Call

BODY = raw(AIRBASE_EVENT)
SIGNATURE = f"sha256={hex_mac(BODY)}"
DAY = 86_400


def signed(body: bytes = BODY, **more: Any) -> dict[str, Any]:
    return event(body, airbase_headers(body), **more)


# ---------------------------------------------------------------- genuine events


def test_a_signed_event_is_stored_raw_and_queued(aws: WebhookAws, airbase: Call) -> None:
    assert airbase(signed()) == 202
    (kept,) = aws.stored_events()
    (message,) = aws.messages()
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


def test_neither_signature_nor_authorization_is_stored(aws: WebhookAws, airbase: Call) -> None:
    headers = airbase_headers(BODY) | {"authorization": "Basic abc", "user-agent": "Airbase"}
    airbase(event(BODY, headers))
    (kept,) = aws.stored_events()
    assert kept.headers == {"content-type": "application/json", "user-agent": "Airbase"}


def test_a_base64_encoded_event_is_verified_on_its_raw_bytes(
    aws: WebhookAws, airbase: Call
) -> None:
    body = raw(AIRBASE_EVENT | {"note": "é"})
    assert airbase(signed(body, is_base64=True)) == 202
    assert aws.stored_events()[0].body == body


@pytest.mark.parametrize("secret", [SECRET, OLDER_SECRET])
def test_two_secrets_are_valid_at_once(airbase: Call, secret: str) -> None:
    assert airbase(event(BODY, airbase_headers(BODY, secret))) == 202


def test_a_rotated_secret_is_refused_within_a_minute(
    aws: WebhookAws, airbase: Call, time: MovableClock
) -> None:
    assert airbase(event(BODY, airbase_headers(BODY, OLDER_SECRET))) == 202
    aws.change_secret("airbase", {"secrets": ["another-new-secret", SECRET]})
    time.move(61)
    assert airbase(event(BODY, airbase_headers(BODY, OLDER_SECRET))) == 401
    assert airbase(event(BODY, airbase_headers(BODY, "another-new-secret"))) == 200


def test_an_upper_case_signature_is_accepted(airbase: Call) -> None:
    assert airbase(event(BODY, {"X-Airbase-Signature": f"sha256={hex_mac(BODY).upper()}"})) == 202


def test_a_numeric_order_id_is_accepted(aws: WebhookAws, airbase: Call) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": {"id": 1043}}))) == 202
    assert aws.messages()[0]["body"]["order"] == "1043"


def test_an_order_id_that_sqs_does_not_allow_in_a_group_is_hashed(
    aws: WebhookAws, airbase: Call
) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": {"id": "Bestelling één"}}))) == 202
    (message,) = aws.messages()
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
    aws: WebhookAws, airbase: Call, data: Mapping[str, Any]
) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": data}))) == 202
    (message,) = aws.messages()
    assert message["body"]["kind"] == "unreadable"
    assert message["body"]["event"] == aws.stored_events()[0].sk


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_genuine_data_of_another_kind_reaches_the_worker(
    aws: WebhookAws, airbase: Call, data: Any
) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"data": data}))) == 202
    assert aws.messages()[0]["body"]["kind"] == "unreadable"


# ---------------------------------------------------------------- duplicates and failures


def test_a_duplicate_of_an_open_event_changes_nothing(aws: WebhookAws, airbase: Call) -> None:
    assert [airbase(signed()) for _ in range(3)] == [202, 200, 200]
    assert len(aws.stored_events()) == 1
    assert len(aws.messages()) == 1


def test_a_duplicate_of_a_handled_event_is_not_queued(
    aws: WebhookAws, airbase: Call, time: MovableClock
) -> None:
    airbase(signed())
    (kept,) = aws.stored_events()
    aws.messages()
    assert aws.inbox.mark_handled(kept.sk, kept.version)
    time.move(600)
    assert airbase(signed()) == 200
    assert aws.messages() == []
    assert not aws.stored_events()[0].is_open


def test_a_reused_event_id_with_other_content_is_a_new_event(
    aws: WebhookAws, airbase: Call
) -> None:
    airbase(signed())
    other = raw(AIRBASE_EVENT | {"data": {"id": "another-order"}})
    assert airbase(signed(other)) == 202
    assert {m["body"]["order"] for m in aws.messages()} == {ORDER, "another-order"}


def test_a_duplicate_replaces_a_message_that_was_not_sent(aws: WebhookAws, airbase: Call) -> None:
    _lose_queue(aws)
    assert airbase(signed()) == 202
    (kept,) = aws.stored_events()
    assert kept.is_open
    create_queue(aws.clients.sqs, "purchase_orders")
    assert airbase(signed()) == 200
    assert len(aws.messages()) == 1


def test_an_event_whose_message_was_not_sent_is_found_by_the_sweep(
    aws: WebhookAws, airbase: Call
) -> None:
    _lose_queue(aws)
    airbase(signed())
    (found,) = aws.inbox.open_events(clock.now())
    assert found.message.queue == "purchase_orders"
    assert found.message.group == f"{FIRM}#{ORDER}"
    assert found.message.body["order"] == ORDER


def test_no_2xx_answer_before_the_event_is_stored(aws: WebhookAws, airbase: Call) -> None:
    aws.clients.dynamodb.delete_table(TableName="inbox")
    with pytest.raises(Exception, match="ResourceNotFound"):
        airbase(signed())


# ---------------------------------------------------------------- refused calls


def _lose_queue(aws: WebhookAws) -> None:
    aws.clients.sqs.delete_queue(QueueUrl=aws.environment.queue_urls["purchase_orders"])


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
def test_hostile_headers_are_refused(aws: WebhookAws, airbase: Call, name: str) -> None:
    assert airbase(event(BODY, HOSTILE_HEADERS[name])) == 401
    assert aws.is_empty()


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
    aws: WebhookAws, airbase: Call, name: str, is_base64: bool
) -> None:
    body = HOSTILE_BODIES[name]
    assert airbase(event(body, {"x-airbase-signature": SIGNATURE}, is_base64=is_base64)) == 401
    assert aws.is_empty()


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"[{}]", b"{", b"{}{}", b"{'a':1}",
     b"\xff\xfe", b"[" * 100_000, b"<xml/>", BODY.decode().encode("utf-16")],
    ids=str,
)  # fmt: skip
def test_a_signed_body_that_is_not_an_object_is_stored_and_reaches_the_worker(
    aws: WebhookAws, airbase: Call, body: bytes
) -> None:
    assert airbase(signed(body, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]
    assert [message["body"]["kind"] for message in aws.messages()] == ["unreadable"]


@pytest.mark.parametrize(
    "end",
    [b',"n":NaN}', b',"data":{"id":"another"}}', b',"n":Infinity}'],
    ids=["NaN", "a name twice", "Infinity"],
)
def test_a_signed_body_with_more_than_one_meaning_is_not_guessed(
    aws: WebhookAws, airbase: Call, end: bytes
) -> None:
    assert airbase(signed(BODY[:-1] + end)) == 202
    assert [message["body"]["kind"] for message in aws.messages()] == ["unreadable"]


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, LARGEST_BODY * 4, LARGEST_BODY * 17 + 5])
@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_an_event_too_large_for_one_item_is_stored_in_pieces(
    aws: WebhookAws, airbase: Call, size: int, is_base64: bool
) -> None:
    body = "é".encode() * (size // 2)
    assert airbase(signed(body, is_base64=is_base64)) == 202
    assert airbase(signed(body, is_base64=is_base64)) == 200
    (kept,) = aws.stored_events()
    assert kept.body == body
    assert aws.inbox.find(kept.sk) == kept
    assert [message["body"]["kind"] for message in aws.messages()] == ["unreadable"]


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, LARGEST_BODY * 4])
@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_a_large_body_that_is_not_signed_is_refused(
    aws: WebhookAws, airbase: Call, size: int, is_base64: bool
) -> None:
    made = event(b"x" * size, {"x-airbase-signature": SIGNATURE}, is_base64=is_base64)
    assert airbase(made) == 401
    assert airbase(signed(b"x" * size, connection="nobody", is_base64=is_base64)) == 401
    assert aws.is_empty()


@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_a_body_larger_than_lambda_passes_on_is_413(
    aws: WebhookAws, airbase: Call, is_base64: bool
) -> None:
    assert airbase(signed("é".encode() * (LARGEST_CALL // 2 + 1), is_base64=is_base64)) == 413
    assert aws.is_empty()


def test_a_large_genuine_event_is_stored(aws: WebhookAws, airbase: Call) -> None:
    body = raw(AIRBASE_EVENT | {"note": "x" * (LARGEST_BODY - 1000)})
    assert airbase(signed(body)) == 202
    assert aws.stored_events()[0].body == body


@pytest.mark.parametrize("text", ["%", "abc", "é", "YQ==YQ==", "Y Q = ="])
def test_an_invalid_base64_body_is_400(airbase: Call, text: str) -> None:
    made = event(None, {"x-airbase-signature": SIGNATURE}) | {"body": text, "isBase64Encoded": True}
    assert airbase(made) == 400


@pytest.mark.parametrize("days", [31, 365])
def test_an_event_older_than_the_inbox_remembers_is_stale(
    aws: WebhookAws, airbase: Call, time: MovableClock, days: int
) -> None:
    time.move(days * DAY)
    assert airbase(signed()) == 401
    assert aws.is_empty()


def test_an_event_within_the_retention_is_not_stale(airbase: Call, time: MovableClock) -> None:
    time.move(29 * DAY)
    assert airbase(signed()) == 202


@pytest.mark.parametrize(
    "created", [None, "", "soon", 7, [], "9999-99-99", "0001-01-01T00:00+14:00"]
)
def test_an_unreadable_date_never_crashes(airbase: Call, created: Any) -> None:
    assert airbase(signed(raw(AIRBASE_EVENT | {"created_date": created}))) == 202


def test_another_method_is_405_and_no_connection_404(airbase: Call) -> None:
    assert airbase(signed(method="GET")) == 405
    assert airbase(signed(connection=None)) == 404


# ---------------------------------------------------------------- other schemes


def _with(aws: WebhookAws, verification: Mapping[str, Any], *secrets: str) -> Call:
    config = {"verification": verification, "secrets": list(secrets) or [SECRET]}
    aws.store_secret("airbase", config)
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    return lambda event: int(webhook.answer(event)["statusCode"])


def test_sha512_in_base64_without_prefix(aws: WebhookAws) -> None:
    scheme = {"scheme": "hmac", "header": "X-Sig", "algorithm": "sha512", "encoding": "base64",
              "prefix": ""}  # fmt: skip
    call = _with(aws, scheme)
    good = base64_mac(BODY, SECRET.encode(), "sha512")
    assert call(event(BODY, {"x-sig": good})) == 202
    assert call(event(BODY, {"x-sig": good.rstrip("=")})) == 401
    assert call(event(BODY, {"x-sig": ""})) == 401


@pytest.mark.parametrize(
    ("age", "status"), [(0, 202), (300, 202), (-300, 202), (301, 401), (-301, 401), (DAY, 401)]
)
def test_a_signed_timestamp_has_a_window(aws: WebhookAws, age: int, status: int) -> None:
    call = _with(aws, {"scheme": "hmac", "timestamp_header": "X-Time"})
    stamp = str(int(NOON) - age)
    signature = f"sha256={hex_mac(stamp.encode() + b'.' + BODY)}"
    assert call(event(BODY, {"x-time": stamp, "x-airbase-signature": signature})) == status


@pytest.mark.parametrize(
    "stamp", ["", "0", "-1", "1e9", "NaN", "\u0661" * 10, "9" * 400, f"{int(NOON)}.0", " 1"]
)
def test_a_signed_timestamp_must_be_valid(aws: WebhookAws, stamp: str) -> None:
    call = _with(aws, {"scheme": "hmac", "timestamp_header": "X-Time"})
    signature = f"sha256={hex_mac(stamp.encode() + b'.' + BODY)}"
    assert call(event(BODY, {"x-time": stamp, "x-airbase-signature": signature})) == 401


def test_a_timestamp_that_is_not_signed_is_refused(aws: WebhookAws) -> None:
    call = _with(aws, {"scheme": "hmac", "timestamp_header": "X-Time"})
    headers = {"x-time": str(int(NOON)), "x-airbase-signature": SIGNATURE}
    assert call(event(BODY, headers)) == 401


KEY = b"thirty-two bytes of a sample key"


def _standard(stamp: str | None = None, key: bytes = KEY, **more: str) -> dict[str, str]:
    stamp = stamp or str(int(NOON))
    mac = base64_mac(f"msg_1.{stamp}.".encode() + BODY, key)
    signed = {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": f"v1,{mac}"}
    return signed | {name.replace("_", "-"): value for name, value in more.items()}


STANDARD_CALLS: dict[str, tuple[dict[str, str], int]] = {
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


@pytest.mark.parametrize("name", STANDARD_CALLS)
def test_standard_webhooks(aws: WebhookAws, name: str) -> None:
    whsec = "whsec_" + b64encode(KEY).decode()
    call = _with(aws, {"scheme": "standard_webhooks"}, whsec, "older")
    headers, status = STANDARD_CALLS[name]
    assert call(event(BODY, headers)) == status


@pytest.mark.parametrize(
    ("given", "status"),
    [(SECRET, 202), ("", 401), (SECRET[:-1], 401), (SECRET + "x", 401), (SECRET.upper(), 401)],
)
def test_a_shared_header_and_a_url_secret(aws: WebhookAws, given: str, status: int) -> None:
    call = _with(aws, {"scheme": "shared_header", "header": "X-Key"})
    assert call(event(BODY, {"x-key": given})) == status
    aws.store_secret(
        "airbase",
        {"verification": {"scheme": "url_secret", "parameter": "key"}, "secrets": [SECRET]},
        "by-url",
    )
    by_url = event(raw(AIRBASE_EVENT), connection="by-url", query={"key": given})
    assert call(by_url) == status
    assert call(event(BODY, connection="by-url")) == 401


def test_unverified_events_give_only_the_order_id(aws: WebhookAws, time: MovableClock) -> None:
    aws.store_secret("airbase", {"verification": {"scheme": "none"}})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    forged = raw({"id": "evt-9", "created_date": "1999-01-01", "data": {"id": ORDER}})
    assert webhook.answer(event(forged))["statusCode"] == 202
    (kept,) = aws.stored_events()
    assert kept.sk == f"airbase#order#{ORDER}"
    assert aws.messages()[0]["body"]["order"] == ORDER
    aws.inbox.mark_handled(kept.sk, kept.version)
    time.move(1)
    assert webhook.answer(event(BODY))["statusCode"] == 202
    (again,) = aws.messages()
    assert again["body"]["event_version"] > 1
    assert not aws.inbox.mark_handled(kept.sk, kept.version)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"data":{"id":"\\ud800"}}',
             b'{"data":{"id":""}}', b'{"data":{"id":{}}}', b'{"data":' + b"9" * 5000 + b"}"],
    ids=lambda body: str(body[:30]),
)  # fmt: skip
def test_an_unverified_body_without_an_order_id_is_400(aws: WebhookAws, body: bytes) -> None:
    aws.store_secret("airbase", {"verification": {"scheme": "none"}})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    assert webhook.answer(event(body, is_base64=True))["statusCode"] == 400
    assert aws.is_empty()


def test_the_paths_of_the_ids_are_settings(aws: WebhookAws) -> None:
    config = {"secrets": [SECRET], "order_id": "order.key", "event_id": "nr", "created": "at"}
    aws.store_secret("airbase", config)
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    body = raw({"nr": 12, "at": "2026-11-23", "order": {"key": "o-1"}})
    assert webhook.answer(signed(body))["statusCode"] == 202
    assert aws.messages()[0]["body"]["order"] == "o-1"
    assert aws.stored_events()[0].sk.startswith("airbase#12#")


# ---------------------------------------------------------------- vendors


def vendor_event(**more: Any) -> bytes:
    return raw({**AIRBASE_EVENT, "type": "vendor.Updated", "data": {"id": "ven-1"}, **more})


def test_a_vendor_event_goes_to_the_vendor_queue(aws: WebhookAws, airbase: Call) -> None:
    assert airbase(signed(vendor_event())) == 202
    (kept,) = aws.stored_events()
    assert kept.message.queue == "vendors"
    assert kept.message.group == f"{FIRM}#vendors"
    assert {"kind": "vendor", "vendor": "ven-1"}.items() <= kept.message.body.items()
    assert aws.messages() == []


def test_a_vendor_event_without_an_id_is_unreadable(aws: WebhookAws, airbase: Call) -> None:
    assert airbase(signed(vendor_event(data={"vendor": "ven-1"}))) == 202
    assert aws.messages()[0]["body"]["kind"] == "unreadable"


def test_vendor_id_path_and_event_word_are_settings(
    aws: WebhookAws,
) -> None:
    config = {
        "secrets": [SECRET], "vendor_id": "supplier.nr", "event_type": "kind",
        "vendor_word": "Payee",
    }  # fmt: skip
    aws.store_secret("airbase", config)
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    body = raw({"id": "e", "kind": "PAYEE_CHANGED", "supplier": {"nr": 7}, "data": {"id": "x"}})
    assert webhook.answer(signed(body))["statusCode"] == 202
    assert {"vendor": "7"}.items() <= aws.stored_events()[0].message.body.items()
    assert webhook.answer(signed(vendor_event()))["statusCode"] == 202
    assert aws.messages()[0]["body"]["order"] == "ven-1"


def test_unverified_events_give_only_the_vendor_id(aws: WebhookAws) -> None:
    aws.store_secret("airbase", {"verification": {"scheme": "none"}})
    webhook = open_airbase_webhook(aws.environment, aws.clients)
    assert webhook.answer(event(vendor_event()))["statusCode"] == 202
    assert aws.stored_events()[0].sk == "airbase#vendor#ven-1"
