"""Genuine events that their webhook could not read: the worker tries more, then people see them."""

import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.exceptions.retry import messages_of
from ml_connector.infrastructure.inbox import IncomingEvent, StoredEvent
from ml_connector.infrastructure.ledger import AnyRecord
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from ml_connector.messages.kinds import UnreadableEvent, encode


def event_about(order: dict[str, Any], **more: Any) -> bytes:
    body = {"id": "evt-1", "type": "purchase_request.approved", "data": {"id": order["id"]}, **more}
    return json.dumps(body, ensure_ascii=False).encode()


def keep(
    env: InMemoryEnvironment,
    body: bytes,
    headers: dict[str, str] | None = None,
    key: str = "1",
    sender: str = "airbase",
) -> StoredEvent:
    """Keep and queue an event as its webhook does."""
    message = encode(UnreadableEvent(FIRM))
    incoming = IncomingEvent(FIRM, sender, key, PURCHASE_ORDERS, None, message, body, headers or {})
    kept, _ = env.services.inbox_of(FIRM).keep(incoming)
    env.memory.queues.send(kept.message, kept.once)
    return kept


def exceptions(env: InMemoryEnvironment) -> list[AnyRecord]:
    return [each for each in env.services.ledger_of(FIRM).records("event#") if each.problems]


def retry(env: InMemoryEnvironment, record: AnyRecord) -> None:
    """Send everything again, as a person's retry does."""
    for number, message in enumerate(messages_of(env.services.inbox_of(FIRM), record)):
        env.clock.move(1)
        env.memory.queues.send(message, f"asked {env.clock()} {number}")
    env.work()


READABLE: dict[str, Callable[[bytes], tuple[bytes, dict[str, str]]]] = {
    "gzip": lambda body: (gzip.compress(body, mtime=0), {"content-encoding": "gzip"}),
    "gzip without a header": lambda body: (gzip.compress(body, mtime=0), {}),
    "deflate": lambda body: (zlib.compress(body), {"content-encoding": "deflate"}),
    "raw deflate": lambda body: (zlib.compress(body)[2:-4], {"content-encoding": "Deflate"}),
    "UTF-16": lambda body: (body.decode().encode("utf-16"), {}),
    "UTF-16 without a mark": lambda body: (body.decode().encode("utf-16-be"), {}),
    "Latin-1": lambda body: (body.decode().encode("latin-1"), {}),
    "large": lambda body: (body[:-1] + b',"note":"' + b"x" * 700_000 + b'"}', {}),
    "a number of 5,000 digits": lambda body: (body[:-1] + b',"n":' + b"9" * 5000 + b"}", {}),
}


@pytest.mark.parametrize("name", READABLE)
def test_what_the_worker_can_read_is_processed(env: InMemoryEnvironment, name: str) -> None:
    env.connect()
    order = env.order()
    body, headers = READABLE[name](event_about(order, name="Müller"))
    kept = keep(env, body, headers)
    env.work()
    assert env.record(order).state == "posted"
    assert exceptions(env) == []
    stored = env.services.inbox_of(FIRM).get(kept.sk)
    assert stored
    assert (stored.body, stored.is_open) == (body, False)


UNREADABLE: dict[str, tuple[bytes, str, dict[str, str]]] = {
    "form": (b"payload=e30=", "form", {"content-type": "application/x-www-form-urlencoded"}),
    "list": (b"[{}]", "not_object", {}),
    "two objects": (b"{}\n{}", "not_json", {}),
    "cut off": (gzip.compress(b'{"data":{"id":"1"}}')[:-9], "compressed", {}),
    "without an id": (b"{}", "no_record", {}),
    "deep": (b"[" * 100_000, "not_json", {}),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_the_unreadable_ones_of_a_cause_are_one_exception(
    env: InMemoryEnvironment, name: str
) -> None:
    env.connect()
    body, cause, headers = UNREADABLE[name]
    for key in "123":
        keep(env, body, headers, key)
    env.work()
    (record,) = exceptions(env)
    (found,) = record.problems
    assert record.key == f"event#airbase#{cause}"
    assert found.code == "UNREADABLE_EVENT"
    assert found.record == "Airbase's events"
    assert found.evidence["events"] == 3
    assert found.evidence["latest"] == "airbase#3"
    assert f"connector audit events {FIRM}" in found.remedy


def test_each_sender_and_cause_has_its_own_exception(env: InMemoryEnvironment) -> None:
    env.connect()
    keep(env, b"[]", key="1")
    keep(env, b"{", key="2")
    keep(env, b"x", key="3", sender="exact")
    env.work()
    assert {each.key for each in exceptions(env)} == {
        "event#airbase#not_object", "event#airbase#not_json", "event#exact#no_record",
    }  # fmt: skip


def test_after_the_profile_was_corrected_a_retry_reads_all_of_them_and_closes_the_exception(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    orders = [env.order("PO-1"), env.order("PO-2")]
    for number, order in enumerate(orders):
        keep(env, json.dumps({"about": {"key": order["id"]}}).encode(), key=str(number))
    env.work()
    (record,) = exceptions(env)
    retry(env, record)
    assert [each.key for each in exceptions(env)] == [record.key], "nothing was corrected"
    env.connect(profile={"event_order_id": "about.key"})
    retry(env, record)
    assert [env.record(order).state for order in orders] == ["posted", "posted"]
    assert exceptions(env) == []
