"""What never moves on becomes an exception within a day, and costs a bounded number of calls."""

import json
from collections.abc import Callable

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import Hosts
from local.simulator import HandlerTransport, NoAnswer, Request, Response
from ml_connector.domain.ids import VendorId
from ml_connector.domain.records import Waiting
from tests.odd_answers.hostile import ORDERS, answer_by, asks_for, refusal

_MOST_A_DAY = 12


def answer_for_airbase(
    env: InMemoryEnvironment, answer: Callable[[Request], Response | None]
) -> None:
    """Answer for Airbase by `answer`, or by the simulator where it returns None."""

    def handle(request: Request) -> Response:
        return answer(request) or env.airbase.handle(request)

    exact = env.exact.transport()
    env.memory.transport = Hosts({"exact.test": exact, "airbase.test": HandlerTransport(handle)})
    env.services = env.memory.services()


def wait_hours(env: InMemoryEnvironment, hours: int = 26) -> None:
    for _ in range(hours * 6):
        env.wait(minutes=10)


def test_a_post_that_is_never_answered_is_not_sent_without_end(env: InMemoryEnvironment) -> None:
    env.connect()
    posts: list[float] = []

    def answer(request: Request) -> Response | None:
        if request.method == "POST" and asks_for(request, ORDERS):
            posts.append(env.clock())
            raise NoAnswer
        return None

    answer_by(env, answer)
    order = env.order("PO-1")
    env.post(order)
    wait_hours(env, hours=48)
    assert env.codes(order) == ["EXACT_REFUSES_UNCLEARLY"]
    assert "no answer" in env.record(order).problems[0].cause
    assert len(posts) <= _MOST_A_DAY
    answer_by(env, lambda _: None)
    env.retry(order)
    env.wait(minutes=3)
    assert env.record(order).state == "posted"
    assert [each["YourRef"] for each in env.in_exact()] == ["PO-1"]


@pytest.mark.parametrize("status", [500, 408, 502])
def test_a_supplier_that_exact_refuses_in_unknown_words(
    env: InMemoryEnvironment, status: int
) -> None:
    env.connect(vendors={"create_suppliers": True})
    posts: list[float] = []

    def answer(request: Request) -> Response | None:
        if request.method == "POST" and asks_for(request, "crm/Accounts"):
            posts.append(env.clock())
            return refusal(status, f"Er is iets misgegaan ({len(posts)})")
        return None

    answer_by(env, answer)
    env.post(env.order("PO-1", vendor="Nieuwkomer Catering"))
    wait_hours(env, hours=24)
    assert 3 <= len(posts) <= _MOST_A_DAY
    vendor = VendorId(str(env.firm.vendors["Nieuwkomer Catering"]["id"]))
    causes = [found.cause for found in env.services.ledger_of(FIRM).vendor(vendor).problems]
    assert any("iets misgegaan" in cause for cause in causes), causes


def test_an_order_that_airbase_keeps_putting_off(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order("PO-1")
    calls: list[float] = []

    def answer(request: Request) -> Response | None:
        if asks_for(request, str(order["id"])):
            calls.append(env.clock())
            return Response(429)
        return None

    answer_for_airbase(env, answer)
    env.post(order)
    assert isinstance(env.record(order).facts.waiting, Waiting)
    wait_hours(env)
    assert env.codes(order) == ["WAITS_TOO_LONG"]
    before = len(calls)
    wait_hours(env)
    assert len(calls) - before <= _MOST_A_DAY + 1
    answer_for_airbase(env, lambda _: None)
    env.wait(hours=3)
    env.wait(minutes=3)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


def test_a_long_outage_is_an_exception_until_it_is_over(env: InMemoryEnvironment) -> None:
    env.connect()
    answer_by(env, lambda _: Response(503))
    env.post(env.order("PO-1", NL))
    wait_hours(env, hours=5)
    ledger = env.services.ledger_of(FIRM)
    (found,) = ledger.connection().problems
    assert found.code == "REMOTE_AWAY"
    assert "Exact (nl) has given no useful answer since" in found.cause
    answer_by(env, lambda _: None)
    wait_hours(env, hours=1)
    assert ledger.connection().problems == ()


def test_a_listing_without_a_useful_answer_is_an_exception_and_asked_less_often(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    calls: list[float] = []

    def answer(request: Request) -> Response | None:
        if not request.path.partition("?")[0].endswith("/purchase_orders/"):
            return None
        calls.append(env.clock())
        return Response.of_json(200, {"rows": []})

    answer_for_airbase(env, answer)
    wait_hours(env, hours=48)
    codes = [found.code for found in env.services.ledger_of(FIRM).connection().problems]
    assert codes == ["LISTING_REFUSED"]
    assert 10 <= len(calls) <= 80
    answer_for_airbase(env, lambda _: None)
    wait_hours(env, hours=2)
    assert env.services.ledger_of(FIRM).connection().problems == ()


_UNREADABLE = [Response(200, {}, b'{"data": ['), Response(504), None]


def _answer_by_path(
    env: InMemoryEnvironment, response: Response | None, *, listing: bool
) -> list[float]:
    """Answer this (None: nothing) for the listing of orders or for each order; return when."""
    calls: list[float] = []

    def answer(request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if "/purchase_orders/" not in path or path.endswith("/purchase_orders/") != listing:
            return None
        calls.append(env.clock())
        if response is None:
            raise NoAnswer
        return response

    answer_for_airbase(env, answer)
    return calls


@pytest.mark.parametrize("response", _UNREADABLE, ids=["cut", "504", "silence"])
def test_a_listing_that_cannot_be_read_holds_up_no_order(
    env: InMemoryEnvironment, response: Response | None
) -> None:
    env.connect()
    calls = _answer_by_path(env, response, listing=True)
    for hour in range(4):
        wait_hours(env, hours=1)
        assert env.post(env.order(f"PO-{hour}")).state == "posted"
    wait_hours(env, hours=1)
    codes = [found.code for found in env.services.ledger_of(FIRM).connection().problems]
    assert codes == ["LISTING_REFUSED"]
    assert len(calls) <= 12, "the listing rests by itself"


@pytest.mark.parametrize("response", _UNREADABLE, ids=["cut", "504", "silence"])
def test_orders_that_cannot_be_read_cost_few_calls_though_their_listing_is_answered(
    env: InMemoryEnvironment, response: Response | None
) -> None:
    env.connect()
    calls = _answer_by_path(env, response, listing=False)
    orders = [env.order(f"PO-{number}") for number in range(20)]
    for order in orders:
        env.queue(order)
    for _ in range(60 * 5):
        env.wait(minutes=1)
    assert len(calls) <= 3 + 5 * 10
    codes = [found.code for found in env.services.ledger_of(FIRM).connection().problems]
    assert codes == ["REMOTE_AWAY"]
    answer_for_airbase(env, lambda _: None)
    wait_hours(env, hours=1)
    assert {env.record(order).state for order in orders} == {"posted"}
    assert env.services.ledger_of(FIRM).connection().problems == ()


def test_an_outage_ends_though_the_listing_and_some_orders_still_fail(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    broken = [env.order(f"PO-broken-{number}") for number in range(3)]
    ids = [str(order["id"]) for order in broken]

    def answer(request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        fails = path.endswith("/purchase_orders/") or any(id in path for id in ids)
        return Response(503) if fails else None

    answer_for_airbase(env, answer)
    for order in broken:
        env.queue(order)
    wait_hours(env, hours=2)
    order = env.order("PO-1")
    env.post(order)
    wait_hours(env, hours=1)
    assert env.record(order).state == "posted"


@pytest.mark.parametrize("number", ["1e99999999", "1e-99999999", "NaN"])
def test_a_listed_number_without_end_keeps_no_other_order_from_being_found(
    env: InMemoryEnvironment, number: str
) -> None:
    env.connect(post_orders_from="2026-01-01")
    order = env.order("PO-1")
    order["approved_date"] = "2026-09-21"

    def answer(request: Request) -> Response | None:
        if not request.path.partition("?")[0].endswith("/purchase_orders/"):
            return None
        rows = json.loads(env.airbase.handle(request).body)["data"]
        text = json.dumps({"data": [{"id": "odd", "note": "?"}, *rows]})
        return Response(200, {}, text.replace('"?"', number).encode())

    answer_for_airbase(env, answer)
    wait_hours(env, hours=2)
    assert env.record(order).state == "posted"
