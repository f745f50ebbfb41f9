"""Exact's webhook: notifications are verified on the signed bytes, and only those are read."""

import gzip
import json
from collections.abc import Mapping
from typing import Any

import pytest

from ml_connector.clock import MovableClock
from ml_connector.infrastructure.dynamodb import DynamoTable
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.webhooks.verification import LARGEST_BODY
from tests.webhooks.aws import (
    EXACT_CONTENT,
    FIRM,
    KEY,
    OLDER_SECRET,
    SECRET,
    WebhookAws,
    base64_mac,
    event,
    exact_body,
    hex_mac,
    raw,
)
from tests.webhooks.conftest import Call

CONTENT = raw(EXACT_CONTENT)
BODY = exact_body()
HASH = hex_mac(CONTENT).upper().encode()
UNDATED = {name: value for name, value in EXACT_CONTENT.items() if name != "EventCreatedOn"}
OTHER_KEY = "11111111-0000-4000-8000-000000000000"
EVIL = raw(EXACT_CONTENT | {"Key": OTHER_KEY, "Action": "Delete"})
DAY = 86_400


def framed(content: bytes, code: bytes) -> bytes:
    return b'{"Content":' + content + b',"HashCode":"' + code + b'"}'


# ---------------------------------------------------------------- genuine notifications


def test_a_notification_is_stored_raw_and_queued(aws: WebhookAws, exact: Call) -> None:
    assert exact(event(BODY)) == 202
    (kept,) = aws.stored_events()
    (message,) = aws.messages()
    assert kept.body == BODY
    assert message["group"] == f"{FIRM}#{KEY}"
    assert message["body"] == {
        "kind": "exact",
        "connection": FIRM,
        "division": 101,
        "topic": "PurchaseOrders",
        "key": KEY,
        "action": "Update",
        "event": kept.sk,
        "event_version": 1,
    }


@pytest.mark.parametrize("division", [10_000_007, 2**31 - 1])
def test_the_codes_of_a_premium_licence_are_read(
    aws: WebhookAws, exact: Call, division: int
) -> None:
    assert exact(event(exact_body(EXACT_CONTENT | {"Division": division}))) == 202
    (message,) = aws.messages()
    assert message["body"]["division"] == division


@pytest.mark.parametrize(
    ("topic", "queue", "kind"),
    [
        ("Accounts", "vendors", "account"),
        ("PurchaseOrders", "purchase_orders", "exact"),
        ("GLAccounts", "purchase_orders", "exact"),
        ("Items", "purchase_orders", "exact"),
        ("SomethingNew", "purchase_orders", "exact"),
    ],
)
def test_each_topic_goes_to_its_queue(
    aws: WebhookAws, exact: Call, topic: str, queue: str, kind: str
) -> None:
    assert exact(event(exact_body(EXACT_CONTENT | {"Topic": topic}))) == 202
    (message,) = aws.messages(queue)
    assert message["body"]["kind"] == kind
    assert aws.is_empty() is False
    assert not aws.messages("vendors" if queue == "purchase_orders" else "purchase_orders")


@pytest.mark.parametrize("connection", [FIRM, "nobody", "UPPER", "../x"])
@pytest.mark.parametrize("is_base64", [False, True])
def test_the_empty_subscription_check_is_200_for_anybody(
    aws: WebhookAws, exact: Call, connection: str, is_base64: bool
) -> None:
    assert exact(event(b"", connection=connection, is_base64=is_base64)) == 200
    assert exact(event(None, connection=connection)) == 200
    assert aws.is_empty()


def test_a_base64_encoded_notification_is_verified_on_its_raw_bytes(
    aws: WebhookAws, exact: Call
) -> None:
    body = exact_body(EXACT_CONTENT | {"Note": "é"})
    assert exact(event(body, is_base64=True)) == 202
    assert aws.stored_events()[0].body == body


@pytest.mark.parametrize("secret", [SECRET, OLDER_SECRET])
def test_two_secrets_are_valid_at_once(exact: Call, secret: str) -> None:
    assert exact(event(exact_body(secret=secret))) == 202


def test_a_rotated_secret_is_refused_within_a_minute(
    aws: WebhookAws, exact: Call, time: MovableClock
) -> None:
    assert exact(event(exact_body(secret=OLDER_SECRET))) == 202
    aws.change_secret("exact", {"secrets": ["another-new-secret", SECRET]})
    time.move(61)
    assert exact(event(exact_body(secret=OLDER_SECRET))) == 401
    assert exact(event(exact_body(secret="another-new-secret"))) == 200


def test_content_that_contains_the_separator_is_read_in_full(aws: WebhookAws, exact: Call) -> None:
    """The last separator counts: the content may contain another."""
    content = b'{"Note":{"a":1,"HashCode":"x"},' + CONTENT[1:]
    assert exact(event(exact_body(content))) == 202
    assert aws.messages()[0]["body"]["key"] == KEY


def test_a_key_in_braces_and_capitals_is_the_same_key(aws: WebhookAws, exact: Call) -> None:
    assert exact(event(exact_body(EXACT_CONTENT | {"Key": "{" + KEY.upper() + "}"}))) == 202
    assert aws.messages()[0]["group"] == f"{FIRM}#{KEY}"


@pytest.mark.parametrize(
    "change",
    [{"Key": ""}, {"Key": None}, {"Key": "7"}, {"Key": KEY + "0"}, {"Key": [KEY]}, {"Topic": None},
     {"Topic": ""}, {"Topic": {}}, {"Topic": "x" * 201}, {"Division": None}, {"Division": "101"},
     {"Division": True}, {"Division": -1}, {"Division": 1.5}, {"Division": 10**30}],
    ids=str,
)  # fmt: skip
def test_a_genuine_notification_that_cannot_be_read_reaches_the_worker(
    aws: WebhookAws, exact: Call, change: dict[str, Any]
) -> None:
    assert exact(event(exact_body(EXACT_CONTENT | change))) == 202
    (message,) = aws.messages()
    assert message["body"]["kind"] == "unreadable"
    assert message["body"]["event"] == aws.stored_events()[0].sk


@pytest.mark.parametrize("action", ["Invented", "", None, 7, {}])
def test_an_unknown_action_reaches_the_worker(aws: WebhookAws, exact: Call, action: Any) -> None:
    assert exact(event(exact_body(EXACT_CONTENT | {"Action": action}))) == 202
    assert isinstance(aws.messages()[0]["body"]["action"], str)


# ---------------------------------------------------------------- duplicates and failures


def test_a_duplicate_of_an_open_notification_changes_nothing(aws: WebhookAws, exact: Call) -> None:
    assert [exact(event(BODY)) for _ in range(3)] == [202, 200, 200]
    assert len(aws.stored_events()) == 1
    assert len(aws.messages()) == 1


def test_a_duplicate_of_a_handled_notification_is_not_queued(
    aws: WebhookAws, exact: Call, time: MovableClock
) -> None:
    exact(event(BODY))
    aws.messages()
    aws.inbox.mark_handled(aws.stored_events()[0].sk, 1)
    time.move(600)
    assert exact(event(BODY)) == 200
    assert aws.messages() == []


def test_an_undated_copy_of_a_handled_notification_is_a_change(
    aws: WebhookAws, exact: Call
) -> None:
    exact(event(exact_body(UNDATED)))
    aws.messages()
    (kept,) = aws.stored_events()
    assert aws.inbox.mark_handled(kept.sk, kept.version)
    assert exact(event(exact_body(UNDATED))) == 202
    assert aws.stored_events()[0].is_open
    assert len(aws.messages()) == 1


def test_an_undated_copy_that_arrives_during_processing_stays_open(
    aws: WebhookAws, exact: Call
) -> None:
    exact(event(exact_body(UNDATED)))
    (first,) = aws.messages()
    exact(event(exact_body(UNDATED)))
    sk, version = first["body"]["event"], first["body"]["event_version"]
    assert not aws.inbox.mark_handled(sk, version)
    (second,) = aws.messages()
    assert aws.inbox.mark_handled(sk, second["body"]["event_version"])
    assert not aws.stored_events()[0].is_open


def test_a_lost_queue_still_answers_2xx_and_leaves_the_event_open(
    aws: WebhookAws, exact: Call
) -> None:
    aws.clients.sqs.delete_queue(QueueUrl=aws.environment.queue_urls["purchase_orders"])
    assert exact(event(BODY)) == 202
    assert aws.stored_events()[0].is_open


# ---------------------------------------------------------------- refused calls

HOSTILE: dict[str, bytes] = {
    "blank": b" ",
    "nul": b"\x00",
    "empty object": b"{}",
    "empty list": b"[]",
    "not JSON": b"<xml/>",
    "not UTF-8": b"\xff\xfe\xfa",
    "deep": b'{"Content":' + b"[" * 100_000,
    "no hash": b'{"Content":' + CONTENT + b"}",
    "hash of null": b'{"Content":' + CONTENT + b',"HashCode":null}',
    "empty hash": framed(CONTENT, b""),
    "short hash": framed(CONTENT, HASH[:-1]),
    "long hash": framed(CONTENT, HASH + b"0"),
    "lower-case hash": framed(CONTENT, HASH.lower()),
    "base64 hash": framed(CONTENT, base64_mac(CONTENT, SECRET.encode()).encode()),
    "hash with a newline": framed(CONTENT, HASH + b"\n"),
    "hash of the full body": framed(CONTENT, hex_mac(b'{"Content":' + CONTENT).upper().encode()),
    "hash of another secret": exact_body(secret="guess"),
    "hash of an empty secret": exact_body(secret=""),
    "hash of another content": framed(EVIL, HASH),
    "zero hash": framed(CONTENT, b"0" * 64),
    "full-width hash": framed(CONTENT, "\uff11".encode() * 64),
    "hash before": b'{"HashCode":"' + HASH + b'","Content":' + CONTENT + b"}",
    "second content after": BODY[:-1] + b',"Content":' + EVIL + b"}",
    "second content before": b'{"Content":' + EVIL + b',"Content":' + CONTENT + BODY[-77:],
    "second content and hash": BODY[:-1] + b"," + framed(EVIL, HASH)[1:],
    "second hash before": framed(CONTENT + b',"HashCode":"' + HASH + b'"', HASH),
    "second hash after": BODY[:-1] + b',"HashCode":"' + HASH + b'"}',
    "genuine pair inside a text": b'{"Note":' + json.dumps(BODY.decode()).encode() + b"}",
    "genuine pair inside": b'{"Content":' + BODY + b',"HashCode":"' + HASH + b'"}',
    "evil around the pair": b'{"Key":"x",' + BODY[1:],
    "evil after the pair": BODY + EVIL,
    "twice": BODY + BODY,
    "blank before": b" " + BODY,
    "newline after": BODY + b"\n",
    "blank after Content": BODY.replace(b'"Content":', b'"Content": ', 1),
    "blank before the hash": BODY.replace(b'"HashCode":', b'"HashCode": '),
    "re-serialised": json.dumps(json.loads(BODY)).encode(),
    "single quotes": BODY.replace(b'"', b"'"),
    "escaped name": BODY.replace(b'"Content"', b'"\\u0043ontent"'),
    "lower-case names": b'{"content":' + CONTENT + b',"hashcode":"' + HASH + b'"}',
    "empty content": framed(b"", HASH),
    "other division": BODY.replace(b":101,", b":102,"),
    "UTF-16 with the hash of another content": framed(EVIL, HASH).decode().encode("utf-16"),
    "UTF-16 with a mark in the middle": BODY[:30].decode().encode("utf-16")
    + BODY[30:].decode().encode("utf-16"),
    "UTF-16 in half": BODY.decode().encode("utf-16")[:-1],
    "two marks": b"\xef\xbb\xbf" * 2 + BODY,
    "separators alone": b',"HashCode":' * 1000,
    "many frames": b'{"Content":' * 20_000,
    "largest": b"x" * LARGEST_BODY,
}


@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused(
    aws: WebhookAws, exact: Call, name: str, is_base64: bool
) -> None:
    assert exact(event(HOSTILE[name], is_base64=is_base64)) == 401
    assert aws.is_empty()


@pytest.mark.parametrize(
    "headers",
    [{"x-exact-signature": HASH.decode()}, {"authorization": f"Bearer {SECRET}"},
     {"x-hub-signature-256": f"sha256={hex_mac(EVIL)}"}, {"hashcode": HASH.decode()}],
    ids=str,
)  # fmt: skip
def test_no_header_makes_a_wrong_body_valid(
    aws: WebhookAws, exact: Call, headers: Mapping[str, str]
) -> None:
    assert exact(event(framed(EVIL, HASH), headers)) == 401
    assert aws.is_empty()


@pytest.mark.parametrize(
    "content",
    [b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"{", b"{}{}", b"\xff", b"[" * 100_000],
    ids=lambda content: str(content[:20]),
)
def test_signed_content_that_is_not_an_object_is_stored_and_reaches_the_worker(
    aws: WebhookAws, exact: Call, content: bytes
) -> None:
    body = exact_body(content)
    assert exact(event(body, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]
    assert [message["body"]["kind"] for message in aws.messages()] == ["unreadable"]


@pytest.mark.parametrize("is_base64", [False, True], ids=["text", "base64"])
def test_an_oversized_notification_is_stored_in_pieces(
    aws: WebhookAws, exact: Call, is_base64: bool
) -> None:
    body = exact_body(EXACT_CONTENT | {"Note": "x" * LARGEST_BODY})
    assert exact(event(body, is_base64=is_base64)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]


UMLAUT = json.dumps(EXACT_CONTENT | {"Note": "M\u00fcller \u2013 \U0001f600"}, ensure_ascii=False)
ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be",
)  # fmt: skip


@pytest.mark.parametrize("signed_as", ["it came", "UTF-8"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_notification_in_another_encoding_is_read(
    aws: WebhookAws, exact: Call, encoding: str, signed_as: str
) -> None:
    plain = "utf-8" if signed_as == "UTF-8" else encoding
    without_mark = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    signed = UMLAUT.encode(without_mark.get(plain, plain))
    text = framed(b"%s", hex_mac(signed).upper().encode()).decode() % UMLAUT
    body = text.encode(encoding)
    assert exact(event(body, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]
    (message,) = aws.messages()
    assert (message["body"]["kind"], message["body"]["key"]) == ("exact", KEY)


def test_one_notification_in_two_encodings_is_one(aws: WebhookAws, exact: Call) -> None:
    bodies = (BODY, b"\xef\xbb\xbf" + BODY, BODY.decode().encode("utf-16"))
    assert [exact(event(body, is_base64=True)) for body in bodies] == [202, 200, 200]
    assert len(aws.stored_events()) == 1


def test_a_notification_with_a_note_in_latin_1_is_read(aws: WebhookAws, exact: Call) -> None:
    content = json.dumps(EXACT_CONTENT | {"Note": "M\u00fcller"}, ensure_ascii=False)
    signed = content.encode("latin-1")
    assert exact(event(framed(signed, hex_mac(signed).upper().encode()), is_base64=True)) == 202
    assert [message["body"]["kind"] for message in aws.messages()] == ["exact"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("content", ["", "7", "[]", "{", "{}{}", '{"Topic":7}'])
def test_what_cannot_be_read_in_another_encoding_is_kept(
    aws: WebhookAws, exact: Call, content: str, encoding: str
) -> None:
    body = exact_body(content.encode()).decode().encode(encoding)
    assert exact(event(body, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]
    assert [message["body"]["kind"] for message in aws.messages()] == ["unreadable"]


def test_bytes_that_are_no_text_are_kept_when_they_are_signed(aws: WebhookAws, exact: Call) -> None:
    signed = b"\x00\xd8" * 3  # half a character of UTF-16
    frame = framed(b"%s", hex_mac(signed).upper().encode()).decode().partition("%s")
    body = frame[0].encode("utf-16-le") + signed + frame[2].encode("utf-16-le")
    assert exact(event(body, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]


def test_a_compressed_notification_is_read(aws: WebhookAws, exact: Call) -> None:
    body = gzip.compress(BODY, mtime=0)
    assert exact(event(body, {"content-encoding": "gzip"}, is_base64=True)) == 202
    assert [kept.body for kept in aws.stored_events()] == [body]
    assert [message["body"]["kind"] for message in aws.messages()] == ["exact"]


def test_a_compressed_notification_that_is_not_signed_is_refused(
    aws: WebhookAws, exact: Call
) -> None:
    bomb = gzip.compress(b'{"Content":' + b" " * 40_000_000, mtime=0)
    for body in (gzip.compress(framed(EVIL, HASH), mtime=0), bomb, bomb[:-9]):
        assert exact(event(body, {"content-encoding": "gzip"}, is_base64=True)) == 401
    assert aws.is_empty()


def test_a_notification_older_than_the_inbox_remembers_is_stale(
    aws: WebhookAws, exact: Call, time: MovableClock
) -> None:
    time.move(31 * DAY)
    assert exact(event(BODY)) == 401
    assert aws.is_empty()


@pytest.mark.parametrize("created", [None, "", "soon", 7, {}, "2026-13-40", "/Date(1)/"])
def test_an_unreadable_date_counts_as_missing(exact: Call, created: Any) -> None:
    body = exact_body(EXACT_CONTENT | {"EventCreatedOn": created})
    assert [exact(event(body)), exact(event(body))] == [202, 202]


def test_another_method_is_405_and_no_connection_404(exact: Call) -> None:
    assert exact(event(BODY, method="PUT")) == 405
    assert exact(event(BODY, connection=None)) == 404


# ---------------------------------------------------------------- further sites


def test_a_call_of_a_further_site_is_verified_with_its_own_secret_and_names_it(
    aws: WebhookAws, exact: Call
) -> None:
    aws.store_secret("exact", {"secrets": ["of-belgium"]}, f"{FIRM}.be")
    assert exact(event(exact_body(secret=SECRET), connection=f"{FIRM}.be")) == 401
    assert exact(event(exact_body(secret="of-belgium"))) == 401
    assert exact(event(exact_body(secret="of-belgium"), connection=f"{FIRM}.be")) == 202
    (message,) = aws.messages()
    assert (message["body"]["connection"], message["body"]["site"]) == (FIRM, "be")
    (kept,) = aws.stored_events()
    assert kept.connection == FIRM
    senders = WebhookSenders(DynamoTable(aws.clients.dynamodb, "inbox"), FIRM).all()
    assert {each.sender for each in senders} == {"exact", "exact.be"}


@pytest.mark.parametrize("name", ["firm.", "firm.be.nl.x.y", "firm/be", ".be", "firm.BE"])
def test_a_name_that_is_no_app_is_refused_like_an_unknown_one(exact: Call, name: str) -> None:
    assert exact(event(BODY, connection=name)) == 401
