"""Nobody learns which connections exist, and no flipped byte passes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml_connector.airbase import webhook as airbase_webhook
from ml_connector.clock import MovableClock, now
from ml_connector.doors.inbox import KEPT_FOR
from ml_connector.exact import webhook as exact_webhook
from ml_connector.receivers.wiring import Clients, airbase_receiver, exact_receiver
from ml_connector.webhooks import Call, Event, UnreadableError, UnverifiedError
from tests.receivers.world import (
    AIRBASE_EVENT,
    FIRM,
    OLDER_SECRET,
    SECRET,
    World,
    airbase_headers,
    event,
    exact_body,
    raw,
)

BODY = raw(AIRBASE_EVENT)
NOTE = exact_body()
# Nested mocks and function fixtures: the examples share them on purpose.
RELAXED = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
AIRBASE = airbase_webhook.parse_settings({"secrets": [SECRET, OLDER_SECRET]})
EXACT = exact_webhook.parse_settings({"secrets": [SECRET, OLDER_SECRET]})

UNKNOWN = ["nobody", "example-fir", "example-firm2", "Example-Firm", "", "-", "a" * 64, "a" * 5000,
           "../example-firm", "example-firm/x", "example%2dfirm", "*", "exämple", "a\nb", "a\x00",
           "stack/airbase-webhook/example-firm"]  # fmt: skip


@pytest.fixture
def receivers(world: World) -> dict[str, Any]:
    world.keep_secret("airbase", {"secrets": [SECRET]})
    world.keep_secret("exact", {"secrets": [SECRET]})
    made: dict[str, Any] = {
        "airbase": airbase_receiver(world.environment, world.clients),
        "exact": exact_receiver(world.environment, world.clients),
    }
    return made


@pytest.mark.parametrize("source", ["airbase", "exact"])
@pytest.mark.parametrize("connection", [name for name in UNKNOWN if name], ids=ascii)
def test_unknown_and_wrongly_signed_get_the_same_bytes(
    world: World, receivers: dict[str, Any], source: str, connection: str
) -> None:
    answer = receivers[source].answer
    wrong = answer(event(b'{"a":1}', {"x-airbase-signature": "sha256=00"}))
    body = BODY if source == "airbase" else NOTE
    rightly_signed = answer(event(body, airbase_headers(body), connection))
    assert json.dumps(rightly_signed) == json.dumps(wrong)
    assert wrong["statusCode"] == 401
    assert wrong["body"] == ""
    assert world.has_nothing()


BROKEN = ["", "{", "[]", "null", "7", "{}", '{"secrets":[]}', '{"secrets":[""]}',
          '{"secrets":"text"}', '{"secrets":[7]}', '{"secrets":null}',
          '{"secrets":[null]}']  # fmt: skip
BROKEN_SCHEMES: list[Any] = [
    "hmac", 7, {"scheme": "magic"}, {"scheme": None}, {"scheme": "hmac", "algorithm": "md5"},
    {"scheme": "hmac", "algorithm": "sha1"}, {"scheme": "hmac", "encoding": "rot13"},
    {"scheme": "hmac", "header": 7}, {"scheme": "shared_header"}, {"scheme": ["none"]},
]  # fmt: skip


@pytest.mark.parametrize("source", ["airbase", "exact"])
@pytest.mark.parametrize("text", [text for text in BROKEN if text])
def test_a_connection_with_an_unusable_secret_looks_unknown(
    world: World, source: str, text: str
) -> None:
    world.keep_secret(source, text)
    make: Any = {"airbase": airbase_receiver, "exact": exact_receiver}[source]
    answer = make(world.environment, world.clients).answer(event(BODY, airbase_headers(BODY)))
    assert answer["statusCode"] == 401


@pytest.mark.parametrize("verification", BROKEN_SCHEMES, ids=str)
def test_an_unusable_scheme_never_opens_the_door(world: World, verification: Any) -> None:
    world.keep_secret("airbase", {"verification": verification, "secrets": [SECRET]})
    receiver = airbase_receiver(world.environment, world.clients)
    assert receiver.answer(event(BODY, airbase_headers(BODY)))["statusCode"] == 401
    assert world.has_nothing()


def test_the_other_connection_s_secret_does_not_fit(
    world: World, receivers: dict[str, Any]
) -> None:
    world.keep_secret("airbase", {"secrets": ["the-other-firm-s-secret"]}, "other-firm")
    headers = airbase_headers(BODY)
    assert receivers["airbase"].answer(event(BODY, headers, "other-firm"))["statusCode"] == 401
    assert receivers["airbase"].answer(event(BODY, headers, FIRM))["statusCode"] == 202


class _Counting:
    """Counts what reaches Secrets Manager."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.calls: list[dict[str, str]] = []

    def get_secret_value(self, **request: str) -> Any:
        self.calls.append(request)
        return self._client.get_secret_value(**request)


def _counted(world: World) -> tuple[_Counting, Any]:
    counting = _Counting(world.clients.secretsmanager)
    clients = Clients(world.clients.dynamodb, world.clients.sqs, counting)
    return counting, airbase_receiver(world.environment, clients)


@pytest.mark.parametrize("connection", ["nobody", FIRM])
def test_a_minute_of_calls_costs_one_look_known_or_not(
    world: World, time: MovableClock, connection: str
) -> None:
    world.keep_secret("airbase", {"secrets": [SECRET]})
    counting, receiver = _counted(world)
    for _ in range(59):
        receiver.answer(event(b"x", connection=connection))
        time.move(1)
    assert len(counting.calls) == 1
    time.move(2)
    receiver.answer(event(b"x", connection=connection))
    assert len(counting.calls) == 2
    assert {call["VersionStage"] for call in counting.calls} == {"AWSCURRENT"}


@pytest.mark.parametrize("connection", ["UPPER", "a b", "../x", "a" * 64, "é"])
def test_an_id_that_could_not_be_one_costs_no_call(world: World, connection: str) -> None:
    counting, receiver = _counted(world)
    assert receiver.answer(event(BODY, connection=connection))["statusCode"] == 401
    assert counting.calls == []


def test_an_oversized_or_misdirected_call_costs_no_call(world: World) -> None:
    counting, receiver = _counted(world)
    receiver.answer(event(b"x" * 300_000))
    receiver.answer(event(BODY, method="GET"))
    assert counting.calls == []


def test_the_memory_of_unknown_connections_is_bounded(world: World) -> None:
    _, receiver = _counted(world)
    secrets: Any = receiver._secrets
    for number in range(1005):
        secrets._remember(f"c{number}", None)
    assert len(secrets._memory) == 1000


@RELAXED
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_an_airbase_event_passes(position: int, flip: int) -> None:
    body = bytearray(BODY)
    body[position] ^= flip
    call = Call(airbase_headers(BODY), {}, bytes(body))
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)


@RELAXED
@given(st.integers(0, len("sha256=") + 63), st.integers(1, 0x10FFFF))
def test_no_changed_character_of_an_airbase_signature_passes(position: int, other: int) -> None:
    header = airbase_headers(BODY)["x-airbase-signature"]
    changed = header[:position] + chr(other) + header[position + 1 :]
    if changed == header:
        return
    call = Call({"x-airbase-signature": changed}, {}, BODY)
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)


@RELAXED
@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_no_flipped_byte_of_an_exact_notification_passes(position: int, flip: int) -> None:
    body = bytearray(NOTE)
    body[position] ^= flip
    with pytest.raises(UnverifiedError):
        exact_webhook.accept(Call({}, {}, bytes(body)), EXACT, now(), KEPT_FOR)


@RELAXED
@given(st.binary(max_size=400) | st.text(max_size=400).map(str.encode))
def test_no_invented_body_passes(body: bytes) -> None:
    call = Call(airbase_headers(body, "guess"), {}, body)
    with pytest.raises(UnverifiedError):
        airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)
    with pytest.raises(UnverifiedError):
        exact_webhook.accept(call, EXACT, now(), KEPT_FOR)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
FIELDS = st.sampled_from([*AIRBASE_EVENT, "Topic", "Key", "Division", "Action", "EventCreatedOn"])


KINDS = {"order", "exact", "account", "unreadable"}


def outcome(accept: Callable[[], Event]) -> str:
    try:
        return str(accept().message["kind"])
    except UnreadableError:
        return "no object"
    except UnverifiedError as error:
        return str(error)[:5]


@RELAXED
@given(st.dictionaries(FIELDS, JSON) | JSON)
def test_whatever_genuine_json_holds_is_an_event_or_unreadable(value: Any) -> None:
    body = raw(value)
    call, note = Call(airbase_headers(body), {}, body), Call({}, {}, exact_body(body))
    found = {
        outcome(lambda: airbase_webhook.accept(call, AIRBASE, now(), KEPT_FOR)),
        outcome(lambda: exact_webhook.accept(note, EXACT, now(), KEPT_FOR)),
    }
    assert found <= ({*KINDS, "stale"} if isinstance(value, dict) else {"no object"})
