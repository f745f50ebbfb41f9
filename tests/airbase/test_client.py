"""Airbase's answers, good, late and hostile, and the fault that each becomes."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.airbase import client as api
from ml_connector.airbase.client import AirbaseClient
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import ConnectionId, OrderId, VendorId
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.circuit_breaker import AIRBASE, CircuitBreaker
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FIRM = ConnectionId("firm")
BASE = "https://airbase.test"
KEY = "airbase-key-value"
ORDER = OrderId("po-1")
Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True, scope="module")
def _noon() -> Iterator[None]:
    real = clock._read
    clock.read_from(MovableClock(NOON.timestamp()))
    yield
    clock.read_from(real)


@dataclass
class FixedPace:
    """Remembers the last pause."""

    until: datetime | None = None

    def wait_until(self) -> datetime | None:
        return self.until

    def slow_down(self, until: datetime) -> None:
        self.until = until


@dataclass
class Site:
    """An Airbase with given answers that records the requests."""

    answer: Answer
    profile: AirbaseProfile = field(default_factory=AirbaseProfile)
    requests: list[httpx.Request] = field(default_factory=list)
    pace: FixedPace = field(default_factory=FixedPace)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)

    @property
    def client(self) -> AirbaseClient:
        http = http_clients.client(httpx.MockTransport(self))
        circuit_breaker = CircuitBreaker(InMemoryTable(), FIRM, AIRBASE)
        key = Secret(KEY)
        return AirbaseClient(FIRM, BASE, self.profile, key, http, self.pace, circuit_breaker)

    @property
    def path(self) -> str:
        return self.requests[-1].url.raw_path.decode()


def site(
    status: int = 200,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    profile: Mapping[str, Any] | None = None,
) -> Site:
    """Return a site with one answer to everything."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"id": "po-1"}).encode()
    made = AirbaseProfile.model_validate(profile or {})
    return Site(
        lambda _: httpx.Response(status, content=content, headers=dict(headers or {})), made
    )


def paged(*pages: Any) -> Site:
    """Return a site whose listing has these pages, and none after them."""

    def answer(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        if number > len(pages):
            return httpx.Response(200, json={"data": []})
        return httpx.Response(200, json=pages[number - 1])

    return Site(answer)


def page(*ids: Any, following: Any = "https://airbase.test/next") -> dict[str, Any]:
    return {"data": [{"id": id} for id in ids], "pagination": {"next": following}}


def ids_of(site: Site) -> list[Any]:
    return [row["id"] for rows in site.client.order_pages() for row in rows]


def later(site: Site) -> Later:
    with pytest.raises(Later) as caught:
        site.client.order(ORDER)
    assert NOON <= caught.value.until <= NOON + timedelta(hours=1)
    assert not caught.value.outcome_unknown
    return caught.value


# --- The request ---------------------------------------------------------------------------


def test_an_order_is_requested_with_the_key_and_time_outs() -> None:
    airbase = site()
    assert airbase.client.order(ORDER) == {"id": "po-1"}
    (request,) = airbase.requests
    assert str(request.url) == "https://airbase.test/v1/purchase_orders/po-1/"
    assert request.method == "GET"
    assert request.headers["authorization"] == f"Token {KEY}"
    assert request.headers["accept"] == "application/json"
    time_outs = request.extensions["timeout"]
    assert set(time_outs) == {"connect", "read", "write", "pool"}
    assert all(0 < seconds <= 30 for seconds in time_outs.values())


def test_every_page_of_a_listing_has_time_outs() -> None:
    airbase = paged(page("1"), page("2"))
    ids_of(airbase)
    assert all(request.extensions["timeout"]["read"] for request in airbase.requests)


@pytest.mark.parametrize(
    ("profile", "header", "value"),
    [
        ({}, "authorization", f"Token {KEY}"),
        ({"auth_scheme": "Bearer"}, "authorization", f"Bearer {KEY}"),
        ({"auth_scheme": "", "auth_header": "X-Api-Key"}, "x-api-key", KEY),
    ],
)
def test_the_key_is_sent_as_the_profile_says(
    profile: dict[str, str], header: str, value: str
) -> None:
    airbase = site(profile=profile)
    airbase.client.order(ORDER)
    assert airbase.requests[0].headers[header] == value


def test_the_profile_decides_on_the_trailing_slash() -> None:
    airbase = site(profile={"order_path": "/v2/orders/{id}", "vendor_path": "/v2/vendors/{id}/"})
    airbase.client.order(ORDER)
    assert airbase.path == "/v2/orders/po-1"
    airbase.client.vendor(VendorId("ven-1"))
    assert airbase.path == "/v2/vendors/ven-1/"
    listing = paged()
    ids_of(listing)
    assert listing.path.startswith("/v1/purchase_orders/?page=1&")


def test_without_a_vendor_call_nothing_is_sent() -> None:
    airbase = site(profile={"vendor_path": None})
    assert airbase.client.vendor(VendorId("ven-1")) is None
    assert airbase.requests == []


@pytest.mark.parametrize(
    ("id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("../../admin", "..%2F..%2Fadmin"),
        ("a?b=c", "a%3Fb%3Dc"),
        ("a#b", "a%23b"),
        ("a b", "a%20b"),
        ("%2e%2e", "%252e%252e"),
        ("{id}", "%7Bid%7D"),
        ("a\r\nX-Evil: 1", "a%0D%0AX-Evil%3A%201"),
        ("é", "%C3%A9"),
        ("a;b=c", "a%3Bb%3Dc"),
        ("http://evil.test/", "http%3A%2F%2Fevil.test%2F"),
        ("@evil.test", "%40evil.test"),
        ("\\..\\", "%5C..%5C"),
        ("\ud800", "%3F"),
    ],
)
def test_a_hostile_id_stays_one_segment_of_the_path(id: str, segment: str) -> None:
    airbase = site()
    airbase.client.order(OrderId(id))
    assert airbase.path == f"/v1/purchase_orders/{segment}/"
    assert airbase.requests[0].url.host == "airbase.test"


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_would_change_the_path_is_never_requested(id: str) -> None:
    airbase = site()
    with pytest.raises(Review) as caught:
        airbase.client.order(OrderId(id))
    assert [one.code for one in caught.value.problems] == ["NOT_IN_AIRBASE"]
    assert airbase.requests == []


@given(st.text(min_size=1, max_size=30))
def test_any_id_stays_below_the_orders_path(id: str) -> None:
    airbase = site()
    try:
        airbase.client.order(OrderId(id))
    except Review:
        assert airbase.requests == []
    else:
        assert airbase.path.startswith("/v1/purchase_orders/")
        assert airbase.path.count("/") == 4


# --- The answer ----------------------------------------------------------------------------


def test_numbers_keep_their_decimals() -> None:
    answer = site(body=b'{"total": 0.1, "big": 1234567890123.45, "whole": 7}').client.order(ORDER)
    assert answer == {"total": Decimal("0.1"), "big": Decimal("1234567890123.45"), "whole": 7}


def test_an_envelope_is_opened() -> None:
    wrapped = site(body={"data": {"id": "po-1"}}, profile={"envelope": "data"})
    assert wrapped.client.order(ORDER) == {"id": "po-1"}


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_halts_the_connection_without_showing_the_key(status: int) -> None:
    with pytest.raises(Halt) as caught:
        site(status, body={"detail": KEY}).client.order(ORDER)
    assert caught.value.problem.code == "AIRBASE_KEY_REFUSED"
    assert str(status) in caught.value.problem.cause
    assert caught.value.scope is None
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "NOT_IN_AIRBASE"),
        (400, "AIRBASE_REFUSED"),
        (405, "AIRBASE_REFUSED"),
        (410, "AIRBASE_REFUSED"),
        (422, "AIRBASE_REFUSED"),
        (204, "AIRBASE_REFUSED"),
        (301, "AIRBASE_REFUSED"),
        (302, "AIRBASE_REFUSED"),
    ],
)
def test_a_refused_record_is_reviewed(status: int, code: str) -> None:
    headers = {"x-request-id": "r-1", "location": "https://evil.test/"}
    airbase = site(status, headers=headers)
    with pytest.raises(Review) as caught:
        airbase.client.order(ORDER)
    (found,) = caught.value.problems
    assert (found.code, found.record) == (code, "order po-1")
    assert f"It answered {status} at /v1/purchase_orders/po-1/ and says" in found.cause
    assert (found.evidence["request_id"], found.evidence["status"]) == ("r-1", status)
    assert found.evidence["answer"] == '{"id": "po-1"}'
    assert len(airbase.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 520, 599])
def test_a_temporary_fault_is_retried(status: int) -> None:
    found = later(site(status, body=b"<html>oops</html>"))
    assert found.code == ("AIRBASE_BUSY" if status == 429 else "AIRBASE_UNAVAILABLE")
    assert str(status) in found.cause
    assert found.until > NOON


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"<html></html>", b'{"id": ', b"\xff\xfe\xff", b"null", b"[]", b'"text"', b"7",
        b"[" * 100_000, b"9" * 5_000, b'{"id": 1e99999999999999999999}', b"\x00",
    ],
    ids=lambda b: repr(b)[:24],
)  # fmt: skip
def test_garbage_is_retried(body: bytes) -> None:
    raw = Site(lambda _: httpx.Response(200, content=body))
    assert later(raw).code == "AIRBASE_UNREADABLE"


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError(f"refused {KEY}"),
        httpx.RemoteProtocolError("cut"),
        httpx.ReadError("cut"),
        httpx.DecodingError("not gzip"),
        httpx.InvalidURL("odd"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_no_answer_is_retried(error: Exception) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    found = later(Site(fail))
    assert found.code == "AIRBASE_UNREACHABLE"
    assert type(error).__name__ in found.cause
    assert KEY not in str(found)


@given(st.binary(max_size=60), st.integers(200, 599))
def test_any_answer_is_a_value_or_a_known_fault(body: bytes, status: int) -> None:
    raw = Site(lambda _: httpx.Response(status, content=body))
    with suppress(Later, Review, Halt):
        assert isinstance(raw.client.order(ORDER), dict)


# --- Rates ---------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("header", "until"),
    [
        ("30", NOON + timedelta(seconds=30)),
        (" 30 ", NOON + timedelta(seconds=30)),
        ("0", NOON),
        ("Mon, 23 Nov 2026 12:01:00 GMT", NOON + timedelta(minutes=1)),
        ("Mon, 23 Nov 2026 13:01:00 +0100", NOON + timedelta(minutes=1)),
        ("7200", NOON + timedelta(hours=1)),
        ("999999999", NOON + timedelta(hours=1)),
        ("Mon, 01 Jan 2001 00:00:00 GMT", NOON),
        ("Fri, 31 Dec 9999 23:59:59 GMT", NOON + timedelta(hours=1)),
    ],
)
def test_the_servers_time_is_followed_up_to_an_hour(
    status: int, header: str, until: datetime
) -> None:
    assert later(site(status, headers={"retry-after": header})).until == until


@pytest.mark.parametrize(
    "header",
    [
        "", "soon", "-5", "1.5", "1e3", "NaN", "\u00b2", "9" * 5_000,
        "Mon, 99 Nov 2026 12:00:00 GMT",
        "Fri, 31 Dec 99999 23:59:59 GMT", "0x10", ", ,", "999999999999",
    ],
)  # fmt: skip
def test_a_hostile_retry_after_becomes_a_short_wait(header: str) -> None:
    raw = Site(lambda _: httpx.Response(429, headers=[(b"retry-after", header.encode("latin-1"))]))
    found = later(raw)
    assert NOON < found.until <= NOON + timedelta(seconds=65)


def test_after_a_429_nothing_is_sent_before_the_pause_is_over() -> None:
    airbase = site(429, headers={"retry-after": "30"})
    later(airbase)
    assert airbase.pace.until == NOON + timedelta(seconds=30)
    found = later(airbase)
    assert (found.code, found.until) == ("AIRBASE_BUSY", NOON + timedelta(seconds=30))
    assert len(airbase.requests) == 1


def test_a_pause_that_is_over_has_no_effect() -> None:
    airbase = site()
    airbase.pace.until = NOON
    assert airbase.client.order(ORDER)


@pytest.mark.parametrize(
    ("remaining", "slower"),
    [("21", False), ("20", True), ("0", True), ("1000000", False)],
)
def test_at_the_floor_of_the_remaining_calls_all_workers_slow_down(
    remaining: str, slower: bool
) -> None:
    airbase = site(headers={"x-ratelimit-remaining": remaining})
    assert airbase.client.order(ORDER) == {"id": "po-1"}
    assert (airbase.pace.until is not None) == slower
    if airbase.pace.until:
        assert NOON < airbase.pace.until <= NOON + timedelta(seconds=17)


def test_the_profile_sets_the_floor() -> None:
    headers = {"x-ratelimit-remaining": "3"}
    airbase = site(headers=headers, profile={"rate_floor": 2})
    airbase.client.order(ORDER)
    assert airbase.pace.until is None


@pytest.mark.parametrize("remaining", ["", "many", "-1", "1.5", "\u00b2", "9" * 5_000])
def test_a_hostile_count_of_remaining_calls_changes_nothing(remaining: str) -> None:
    header = (b"x-ratelimit-remaining", remaining.encode("latin-1"))
    airbase = Site(lambda _: httpx.Response(200, json={"id": "po-1"}, headers=[header]))
    assert airbase.client.order(ORDER)
    assert airbase.pace.until is None


# --- Pages ---------------------------------------------------------------------------------


def test_a_short_page_without_a_next_is_the_last() -> None:
    airbase = paged(page("1", "2"), page("3", following=None), page("4"))
    assert ids_of(airbase) == ["1", "2", "3"]
    assert [request.url.params["page"] for request in airbase.requests] == ["1", "2"]
    assert airbase.requests[0].url.params["page_size"] == "100"


def test_a_full_page_without_a_next_is_not_taken_for_the_last() -> None:
    first = page(*range(100), following=None)
    assert ids_of(paged(first, page(100, following=None))) == list(range(101))


def test_an_empty_page_is_the_end() -> None:
    airbase = paged(page("1"), page())
    assert ids_of(airbase) == ["1"]
    assert len(airbase.requests) == 2


def test_a_listing_without_pagination_ends_where_it_is_short() -> None:
    assert ids_of(paged({"data": [{"id": "1"}]})) == ["1"]
    assert ids_of(paged({"data": [{"id": "1"}], "pagination": None})) == ["1"]


def test_a_row_that_moved_to_the_next_page_comes_once() -> None:
    assert ids_of(paged(page("1", "2"), page("2", "3"), page())) == ["1", "2", "3"]


def test_a_row_that_is_on_a_page_twice_comes_once() -> None:
    assert ids_of(paged(page("1", "1", following=None))) == ["1"]


def test_a_site_that_repeats_its_last_page_ends_the_listing() -> None:
    airbase = Site(lambda _: httpx.Response(200, json=page("1", "2")))
    assert ids_of(airbase) == ["1", "2"]
    assert len(airbase.requests) == 2


def test_a_missing_page_is_the_end_but_not_the_first() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        first = request.url.params["page"] == "1"
        return httpx.Response(200, json=page("1")) if first else httpx.Response(404)

    assert ids_of(Site(answer)) == ["1"]
    with pytest.raises(Review) as caught:
        ids_of(site(404))
    assert caught.value.problems[0].code == "NOT_IN_AIRBASE"


def test_rows_without_an_id_are_passed_on() -> None:
    assert ids_of(paged(page("1", None, None), page("2", following=None))) == ["1", None, None, "2"]


def test_an_endless_listing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "_MAX_PAGES", 3)
    airbase = Site(lambda request: httpx.Response(200, json=page(request.url.params["page"])))
    pages = airbase.client.order_pages()
    seen = [next(pages)[0]["id"] for _ in range(3)]
    with pytest.raises(Later) as caught:
        next(pages)
    assert caught.value.code == "AIRBASE_UNREADABLE"
    assert seen == ["1", "2", "3"]
    assert len(airbase.requests) == 3


@pytest.mark.parametrize(
    "odd",
    [
        [], {}, {"data": None}, {"data": {}}, {"data": "1"}, "x", 7,
    ],
)  # fmt: skip
def test_an_odd_page_is_retried(odd: Any) -> None:
    with pytest.raises(Later) as caught:
        ids_of(paged(page("1"), odd))
    assert caught.value.code == "AIRBASE_UNREADABLE"


@pytest.mark.parametrize(
    "odd",
    [
        {"data": {"id": "2"}}, {"data": {"data": [{"id": "2"}]}}, [{"id": "2"}],
        {"data": [{"id": "2"}], "pagination": "last"}, {"data": [{"id": "2"}], "pagination": [1]},
    ],
)  # fmt: skip
def test_a_page_in_another_shape_is_read(odd: Any) -> None:
    assert ids_of(paged(page("1"), odd)) == ["1", "2"]


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_page_of_a_server_on_the_way_is_no_word_of_airbase(status: int) -> None:
    found = later(site(status, body=b"<html><h1>Request blocked</h1></html>"))
    assert (found.code, found.outcome_unknown) == ("AIRBASE_OTHER_ANSWER", False)
    assert "Request blocked" in found.cause


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
def test_the_words_of_a_refusal_reach_the_exception(encoding: str) -> None:
    said = '{"name": ["Ce champ est déjà utilisé."]}'.encode(encoding)
    with pytest.raises(Review, match=r"Ce champ est déjà utilisé\."):
        site(400, body=said).client.order(ORDER)


def test_odd_rows_break_nothing() -> None:
    rows: list[Any] = [None, 7, "x", [], {"id": {"a": 1}}, {"id": "1"}]
    airbase = paged({"data": rows, "pagination": {"next": None}})
    assert list(airbase.client.order_pages()) == [rows]


def test_a_busy_page_delays_the_listing() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.params["page"] == "1":
            return httpx.Response(200, json=page("1"))
        return httpx.Response(429, headers={"retry-after": "30"})

    with pytest.raises(Later) as caught:
        ids_of(Site(answer))
    assert caught.value.until == NOON + timedelta(seconds=30)


# --- Profiles ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"order_path": "/v1/orders/"},
        {"order_path": "/v1/orders/{order}/"},
        {"order_path": "/v1/orders/{id}/{}"},
        {"order_path": "/v1/orders/{id"},
        {"vendor_path": "/v1/vendors/"},
        {"event_id": "data.["},
        {"order": {"lines": "a b"}},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../etc/passwd"},
        {"state_words": {}},
        {"outcome_words": {}},
        {"state_words": {"ok": "fine"}},
        {"money_form": "float"},
        {"verification": {"scheme": "trust"}},
        {"verification": {"scheme": "hmac", "algorithm": "sha1"}},
        {"unknown": 1},
    ],
)
def test_an_unusable_profile_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        AirbaseProfile.model_validate(wrong)


def test_subsidiaries_of_all_pages_come_once_by_any_id() -> None:
    first = {"airbase_id": "1", "name": "One"}, {"erp_reference_id": "NL", "name": "Two"}
    second = {"erp_reference_id": "", "name": "Three"}, {"airbase_id": "1", "name": "One"}
    next_page = {"pagination": {"next": "https://airbase.test/next"}}
    airbase = paged({"data": [*first], **next_page}, {"data": [*second]})
    assert [row["name"] for row in airbase.client.subsidiaries()] == ["One", "Two", "Three"]
    assert airbase.path.startswith("/v1/accounting/subsidiaries/?")


def test_a_listing_that_the_tenant_lacks_is_not_requested() -> None:
    silent = site(404, profile={"subsidiaries_path": None})
    assert list(silent.client.subsidiaries()) == []
    assert silent.requests == []


# --- Vendors: the list, and writes --------------------------------------------------------

ROW = {"airbase_id": "v-1", "name": "Kanimo"}


def test_a_page_of_vendors_says_whether_it_is_the_last() -> None:
    last = site(body={"data": [ROW], "pagination": {"next": None}})
    assert last.client.vendors(3) == ([ROW], True)
    assert last.path == "/v1/accounting/vendors/?page=3&page_size=250"
    more = site(body={"data": [ROW], "pagination": {"next": "https://airbase.test/next"}})
    assert more.client.vendors() == ([ROW], False)


def test_a_vendor_is_changed_by_its_id_and_linked_by_upsert() -> None:
    changed = site(body=ROW)
    changed.client.change_vendor(VendorId("v/1"), name="Zorendis")
    assert (changed.requests[-1].method, changed.path) == ("PATCH", "/v1/accounting/vendors/v%2F1/")
    assert json.loads(changed.requests[-1].content) == {"name": "Zorendis"}
    linked = site(status=201, body=[ROW])
    assert linked.client.upsert_vendor({"airbase_id": "v-1"}, "Kanimo") == ROW
    assert (linked.requests[-1].method, linked.path) == (
        "POST",
        "/v1/accounting/vendors/bulk_upsert/",
    )
    assert json.loads(linked.requests[-1].content) == [{"airbase_id": "v-1"}]


@pytest.mark.parametrize("status", [408, 500, 502, 503])
def test_the_outcome_of_a_write_may_be_unknown(status: int) -> None:
    with pytest.raises(Later) as raised:
        site(status=status).client.change_vendor(VendorId("v-1"), name="x")
    assert raised.value.outcome_unknown
    with pytest.raises(Later) as raised:
        site(status=status).client.vendors()
    assert not raised.value.outcome_unknown


@pytest.mark.parametrize(
    ("error", "unknown"), [(httpx.ConnectError, False), (httpx.ReadTimeout, True)]
)
def test_the_outcome_is_unknown_only_if_the_request_was_sent(
    error: type[httpx.TransportError], unknown: bool
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("away", request=request)

    with pytest.raises(Later) as raised:
        Site(answer).client.upsert_vendor(ROW, "Kanimo")
    assert raised.value.outcome_unknown == unknown


def test_a_refused_write_is_reviewed_and_a_throttled_one_was_not_done() -> None:
    with pytest.raises(Review):
        site(status=400, body={"validation_errors": []}).client.upsert_vendor(ROW, "Kanimo")
    with pytest.raises(Later) as raised:
        site(status=429).client.upsert_vendor(ROW, "Kanimo")
    assert not raised.value.outcome_unknown


@pytest.mark.parametrize("body", [None, {}, [], [ROW, ROW], [7], {"data": {}}])
def test_garbage_after_a_write_leaves_its_outcome_unknown(body: Any) -> None:
    with pytest.raises(Later) as raised:
        site(body=body).client.upsert_vendor(ROW, "Kanimo")
    assert raised.value.outcome_unknown


def test_a_corrected_key_is_used_at_once_where_the_wrong_one_was_read_before() -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Authorization"].rpartition(" ")[2])
        return httpx.Response(200 if keys[-1] == "right" else 401, json={"id": "po-1"})

    http = http_clients.client(httpx.MockTransport(answer))
    breaker = CircuitBreaker(InMemoryTable(), FIRM, AIRBASE)
    newest = iter([Secret(KEY), Secret("right")])
    client = AirbaseClient(
        FIRM, BASE, AirbaseProfile(), Secret(KEY), http, FixedPace(), breaker, lambda: next(newest)
    )
    with pytest.raises(Halt, match="AIRBASE_KEY_REFUSED"):
        client.order(OrderId("po-1"))
    assert keys == [KEY], "the same key is not sent twice"
    assert client.order(OrderId("po-1")) == {"id": "po-1"}
    assert keys[1:] == [KEY, "right"]
