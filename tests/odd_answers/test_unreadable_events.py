"""Genuine events that cannot be read: kept as they came, answered with 2xx, and told to people."""

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

from local.office import Office
from ml_connector.connection import Connection
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from ml_connector.receivers.wiring import Clients, airbase_receiver
from ml_connector.webhooks import LARGEST_BODY
from tests.odd_answers.hostile import exceptions, note_crashes
from tests.receivers.world import AIRBASE_EVENT, SECRET, World, airbase_headers, event, raw

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
    "two, one a line": (GOOD + b"\n" + GOOD, {}),
    "with a number of 5,000 digits": (HUGE_NUMBER, {}),
}

_REFUSED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a genuine event that cannot be read is answered with 4xx, and lost",
)


@pytest.fixture(scope="module")
def clients() -> Clients:
    session = botocore.session.get_session()
    session.set_credentials("testing", "testing")
    names = ("dynamodb", "sqs", "secretsmanager")
    return Clients(*(session.create_client(name, region_name="eu-west-1") for name in names))


@pytest.fixture
def world(clients: Clients, office: Office) -> Iterator[World]:
    with mock_aws():
        yield World.build(clients)


def open_receiver(world: World, **paths: str) -> Answering:
    """Return what answers a signed call with a status; a crash is a 500, as for the sender."""
    world.keep_secret("airbase", {"secrets": [SECRET], **paths})
    receiver = airbase_receiver(world.environment, world.clients)

    def answer(body: bytes, headers: Mapping[str, str] = {}, secret: str = SECRET) -> int:
        signed = {**headers, **airbase_headers(body, secret)}
        try:
            return int(receiver.answer(event(body, signed, is_base64=True))["statusCode"])
        except JMESPathError:
            return 500

    return answer


def told(world: World, office: Office) -> list[str]:
    """Let the worker handle what is queued; return the kinds of the messages."""
    office.connect()
    messages = world.messages()
    for each in messages:
        message = Message(PURCHASE_ORDERS, each["group"], each["body"])
        office.mini.work(message, office.doors)
    return [each["body"]["kind"] for each in messages]


@_REFUSED
@pytest.mark.parametrize("name", EVENTS)
def test_a_genuine_event_is_kept_as_it_came_and_told(
    world: World, office: Office, name: str
) -> None:
    body, headers = EVENTS[name]
    assert 200 <= open_receiver(world)(body, headers) < 300
    assert [kept.body for kept in world.kept()] == [body]
    assert told(world, office) == ["unreadable"]
    assert [each["code"] for each in exceptions(office)] == ["UNREADABLE_EVENT"]


@_REFUSED
def test_of_an_event_that_is_too_large_a_part_and_the_digest_are_kept(
    world: World, office: Office
) -> None:
    if len(LARGE) <= LARGEST_BODY:
        raise RuntimeError("it is not too large")
    assert 200 <= open_receiver(world)(LARGE) < 300
    (kept,) = world.kept()
    assert LARGE[:1000] in kept.body
    assert hashlib.sha256(LARGE).hexdigest()[:32] in repr(kept)
    assert told(world, office) == ["unreadable"]
    assert len(exceptions(office)) == 1


@_REFUSED
def test_an_unreadable_event_that_comes_twice_is_told_once(world: World, office: Office) -> None:
    airbase = open_receiver(world)
    assert [airbase(*EVENTS["compressed"]) for _ in range(2)] == [202, 200]
    told(world, office)
    assert len(world.kept()) == len(exceptions(office)) == 1


@pytest.mark.parametrize("name", EVENTS)
def test_what_is_not_signed_is_not_kept_however_odd(world: World, name: str) -> None:
    body, headers = EVENTS[name]
    assert open_receiver(world)(body, headers, "guess") == 401
    assert world.has_nothing()


# ---------------------------------------------------------------- paths that fail on an event

_ACCEPTED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a path that fails whatever it is read from is taken into a connection",
)
_CRASHES = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the receiver crashes on every genuine event where a path of the profile fails",
)
NO_SUCH_FUNCTION = "split('/', data.url)[-1]"
SETTINGS = (
    "event_order_id", "event_id", "event_created", "event_type", "event_vendor_id", "event_order",
    "envelope", "orders_compared", "order.number", "order.line.amount", "vendor.name", "bill.id",
)  # fmt: skip


def is_refused(office: Office, setting: str, path: str) -> bool:
    """Return whether a connection whose profile has this path is refused."""
    profile: Any = path
    for name in reversed(setting.split(".")):
        profile = {name: profile}
    try:
        Connection.model_validate(office.config() | {"profile": profile})
    except ValidationError:
        return True
    return False


@_ACCEPTED
@pytest.mark.parametrize(
    ("setting", "path"),
    [
        *((setting, NO_SUCH_FUNCTION) for setting in SETTINGS),
        ("event_order_id", "length()"),
        ("event_order_id", "join('-')"),
    ],
)
def test_a_path_that_never_works_is_refused(office: Office, setting: str, path: str) -> None:
    assert is_refused(office, setting, path)


@pytest.mark.parametrize("path", ["data.id", "data.url || data.id", "keys(@)[0]"])
def test_a_path_that_works_is_taken(office: Office, path: str) -> None:
    assert [setting for setting in SETTINGS if is_refused(office, setting, path)] == []


@_CRASHES
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
def test_an_event_on_which_a_path_fails_is_kept(world: World, name: str, path: str) -> None:
    body = raw(AIRBASE_EVENT | {"type": "vendor.updated"}) if name == "vendor_id" else GOOD
    assert 200 <= open_receiver(world, **{name: path})(body) < 300
    assert [kept.body for kept in world.kept()] == [body]


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the worker crashes on every answer where the envelope's path fails, with no exception",
)
@pytest.mark.parametrize("path", ["split('x')", "data.items[0] | join('-', [a])"])
def test_an_envelope_that_fails_on_an_answer_is_refused_or_told(office: Office, path: str) -> None:
    if is_refused(office, "envelope", path):
        return
    crashes = note_crashes(office, JMESPathError)
    office.connect(profile={"envelope": path})
    order = office.order()
    office.post(order)
    assert crashes == []
    assert office.record(order).problems
