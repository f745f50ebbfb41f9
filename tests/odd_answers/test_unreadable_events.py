"""Genuine events that cannot be read are stored, answered with 2xx, and shown as exceptions."""

import gzip
import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import botocore.session
import pytest
from jmespath.exceptions import JMESPathError
from moto import mock_aws
from pydantic import ValidationError

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.settings.airbase_profile import STORED
from ml_connector.settings.connection import Connection
from ml_connector.webhooks.bootstrap import WebhookClients, open_airbase_webhook
from ml_connector.webhooks.verification import LARGEST_BODY
from tests.odd_answers.hostile import exceptions, record_crashes
from tests.webhooks.aws import AIRBASE_EVENT, SECRET, WebhookAws, airbase_headers, event, raw

Answering = Callable[..., int]

GOOD = raw(AIRBASE_EVENT)
FORM = {"content-type": "application/x-www-form-urlencoded"}
HUGE_NUMBER = GOOD[:-1] + b',"n":' + b"9" * 5000 + b"}"
LARGE = raw(AIRBASE_EVENT | {"note": "x" * (257 * 1024 - len(GOOD))})

EVENTS: dict[str, tuple[bytes, dict[str, str]]] = {
    "compressed": (gzip.compress(GOOD, mtime=0), {"content-encoding": "gzip"}),
    "UTF-16": (GOOD.decode().encode("utf-16"), {}),
    "Latin-1": (
        json.dumps(AIRBASE_EVENT | {"name": "Müller"}, ensure_ascii=False).encode("latin-1"),
        {},
    ),
    "a form": (b"payload=" + b64encode(GOOD), FORM),
    "in a list": (b"[" + GOOD + b"]", {}),
    "two lines of JSON": (GOOD + b"\n" + GOOD, {}),
    "with a number of 5,000 digits": (HUGE_NUMBER, {}),
}


@pytest.fixture(scope="module")
def clients() -> WebhookClients:
    session = botocore.session.get_session()
    session.set_credentials("testing", "testing")
    names = ("dynamodb", "sqs", "secretsmanager")
    return WebhookClients(*(session.create_client(name, region_name="eu-west-1") for name in names))


@pytest.fixture
def world(clients: WebhookClients, env: InMemoryEnvironment) -> Iterator[WebhookAws]:
    with mock_aws():
        yield WebhookAws.build(clients)


def webhook_function(world: WebhookAws, **paths: str) -> Answering:
    """Return a function from a signed call to its status; a crash is a 500."""
    world.store_secret("airbase", {"secrets": [SECRET], **paths})
    receiver = open_airbase_webhook(world.environment, world.clients)

    def answer(body: bytes, headers: Mapping[str, str] = {}, secret: str = SECRET) -> int:
        signed = {**headers, **airbase_headers(body, secret)}
        try:
            return int(receiver.answer(event(body, signed, is_base64=True))["statusCode"])
        except JMESPathError:
            return 500

    return answer


def handle_messages(world: WebhookAws, env: InMemoryEnvironment) -> list[str]:
    """Handle the queued messages; return their kinds."""
    env.connect()
    messages = world.messages()
    for each in messages:
        message = Message(PURCHASE_ORDERS, each["group"], each["body"])
        env.memory.work(message, env.services)
    return [each["body"]["kind"] for each in messages]


@pytest.mark.parametrize("name", EVENTS)
def test_a_genuine_event_is_stored_unchanged_and_is_an_exception(
    world: WebhookAws, env: InMemoryEnvironment, name: str
) -> None:
    body, headers = EVENTS[name]
    assert 200 <= webhook_function(world)(body, headers) < 300
    assert [kept.body for kept in world.stored_events()] == [body]
    assert handle_messages(world, env) == ["unreadable"]
    assert [each.code for each in exceptions(env)] == ["UNREADABLE_EVENT"]


def test_of_a_too_large_event_a_part_and_the_digest_are_stored(
    world: WebhookAws, env: InMemoryEnvironment
) -> None:
    if len(LARGE) <= LARGEST_BODY:
        raise RuntimeError("it is not too large")
    assert 200 <= webhook_function(world)(LARGE) < 300
    (kept,) = world.stored_events()
    assert LARGE[:1000] in kept.body
    assert hashlib.sha256(LARGE).hexdigest()[:32] in repr(kept)
    assert handle_messages(world, env) == ["unreadable"]
    assert len(exceptions(env)) == 1


def test_a_repeated_unreadable_event_is_one_exception(
    world: WebhookAws, env: InMemoryEnvironment
) -> None:
    airbase = webhook_function(world)
    assert [airbase(*EVENTS["compressed"]) for _ in range(2)] == [202, 200]
    handle_messages(world, env)
    assert len(world.stored_events()) == len(exceptions(env)) == 1


@pytest.mark.parametrize("name", EVENTS)
def test_an_unsigned_event_is_not_stored(world: WebhookAws, name: str) -> None:
    body, headers = EVENTS[name]
    assert webhook_function(world)(body, headers, "guess") == 401
    assert world.is_empty()


# ---------------------------------------------------------------- paths that fail on an event

NO_SUCH_FUNCTION = "split('/', data.url)[-1]"
SETTINGS = (
    "event_order_id", "event_id", "event_created", "event_type", "event_vendor_id", "event_order",
    "envelope", "orders_compared", "order.number", "order.line.amount", "vendor.name", "bill.id",
)  # fmt: skip


def is_refused(env: InMemoryEnvironment, setting: str, path: str) -> bool:
    """Return whether a connection whose profile has this path is refused."""
    profile: Any = path
    for name in reversed(setting.split(".")):
        profile = {name: profile}
    try:
        Connection.model_validate(env.config() | {"profile": profile})
    except ValidationError:
        return True
    return False


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        *((setting, NO_SUCH_FUNCTION) for setting in SETTINGS),
        ("event_order_id", "length()"),
        ("event_order_id", "join('-')"),
    ],
)
def test_a_path_that_always_fails_is_refused(
    env: InMemoryEnvironment, setting: str, path: str
) -> None:
    assert is_refused(env, setting, path)


@pytest.mark.parametrize("path", ["data.id", "data.url || data.id", "keys(@)[0]"])
def test_a_valid_path_is_accepted(env: InMemoryEnvironment, path: str) -> None:
    assert [setting for setting in SETTINGS if is_refused(env, setting, path)] == []


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("order_id", "split('/', data.url)[-1]"),
        ("order_id", "join('-', [data.kind, data.id])"),
        ("vendor_id", "max(data.ids)"),
        ("event_id", "max(data.ids)"),
        ("event_type", "join('.', [object, data.kind])"),
        ("created", "join('T', [data.date, data.time])"),
    ],
)
def test_an_event_on_which_a_path_fails_is_stored(world: WebhookAws, name: str, path: str) -> None:
    body = raw(AIRBASE_EVENT | {"type": "vendor.updated"}) if name == "vendor_id" else GOOD
    assert 200 <= webhook_function(world, **{name: path})(body) < 300
    assert [kept.body for kept in world.stored_events()] == [body]


@pytest.mark.parametrize("path", ["split('x')", "data.items[0] | join('-', [a])"])
def test_an_envelope_that_fails_on_an_answer_is_refused_or_an_exception(
    env: InMemoryEnvironment, path: str
) -> None:
    if is_refused(env, "envelope", path):
        return
    crashes = record_crashes(env, JMESPathError)
    env.connect(profile={"envelope": path})
    order = env.order()
    env.post(order)
    assert crashes == []
    assert env.record(order).problems


@pytest.mark.parametrize("setting", ["envelope", "orders_compared"])
@pytest.mark.parametrize("path", ["split('x')", "join('-', [nothing, '-'])", "ceil(`1e400`)"])
def test_a_stored_path_that_fails_on_an_answer_is_an_exception(
    env: InMemoryEnvironment, setting: str, path: str
) -> None:
    env.connect()
    settings = env.config() | {"profile": {setting: path}}
    env.services.connections.save(Connection.model_validate(settings, context=STORED))
    env.services = env.memory.services()
    crashes = record_crashes(env, JMESPathError, ArithmeticError, ValueError, TypeError)
    env.order("PO-1")
    for _ in range(7):
        env.wait(minutes=10)
    assert crashes == []
    assert {"LISTING_REFUSED", "LISTED_ROW_UNREADABLE"} & {each.code for each in exceptions(env)}


@pytest.mark.parametrize("path", ["join('-', [data.kind, data.id])", "max(data.ids)"])
def test_a_path_into_events_that_fails_without_its_fields_is_refused_with_a_way_out(
    env: InMemoryEnvironment, path: str
) -> None:
    with pytest.raises(ValidationError, match="give a value for that case"):
        Connection.model_validate(env.config() | {"profile": {"event_order_id": path}})
    guarded = "join('-', [data.kind || '', data.id || ''])"
    assert not is_refused(env, "event_order_id", guarded)


def test_a_function_in_a_filter_is_checked_too(env: InMemoryEnvironment) -> None:
    assert is_refused(env, "order.lines", "expense_list[?split(kind, '-')]")


def test_a_connection_that_is_stored_stays_valid(env: InMemoryEnvironment) -> None:
    settings = env.config() | {"profile": {"event_order_id": "max(data.ids)"}}
    stored = Connection.model_validate(settings, context=STORED)
    env.services.connections.save(stored)
    assert env.services.connections.get(stored.id) == stored
