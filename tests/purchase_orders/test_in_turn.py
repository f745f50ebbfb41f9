"""Workers that overlap call a division one after the other, and no order waits with a worker."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.parallel import ParallelWorkers
from ml_connector.domain.faults import Later
from ml_connector.domain.ids import VendorId
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.turns import LASTS
from ml_connector.messages.sending import vendor_message
from ml_connector.records.tracked_record import LONGEST_WAIT
from ml_connector.reference_data.refresh import note_stale
from tests.purchase_orders.test_events import notify

Order = dict[str, Any]
Start = Callable[..., ParallelWorkers]


@pytest.fixture
def start(env: InMemoryEnvironment) -> Start:
    def start(call: float = 0.8, **changes: Any) -> ParallelWorkers:
        env.airbase.limit = 1_000_000
        env.connect(**changes)
        env.wait(minutes=2)
        return ParallelWorkers(env, lambda _: call)

    return start


def approve(env: InMemoryEnvironment, count: int, branch: Branch = NL) -> list[Order]:
    orders = [env.order(f"{branch.country}-{number}", branch) for number in range(count)]
    for order in orders:
        env.queue(order)
    return orders


def another_calls(env: InMemoryEnvironment) -> None:
    """Let another process have the turn."""
    assert env.services_of().leases.acquire(f"turn {NL.key} 0", LASTS)


def states(env: InMemoryEnvironment, orders: list[Order]) -> set[str]:
    return {env.record(order).state for order in orders}


def test_orders_approved_at_once_are_posted_one_after_the_other(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start()
    orders = approve(env, 30)
    workers.run(40)
    assert states(env, orders) == {"posted"}, "the holder works through those that found it taken"
    assert workers.most_in_flight[NL.division] == 1
    assert not workers.failures


def test_an_order_that_finds_the_turn_taken_is_due_and_its_message_is_done(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start(call=20)
    first, second = approve(env, 2)
    workers.run(1)
    assert [env.record(each).state for each in (first, second)] == ["posting", "received"]
    waiting = env.record(second)
    assert waiting.facts.waiting is not None
    assert waiting.facts.waiting.code == "EXACT_TURN_TAKEN"
    assert waiting.due_at is not None
    assert len(env.memory.queues.waiting) == 1, "only the one that is being posted"
    assert "intent" not in env.steps(second), "nothing was sent"
    workers.run(60)
    assert states(env, [first, second]) == {"posted"}
    assert not env.codes(second)


def test_an_order_that_is_wrong_is_told_at_once_whoever_has_the_turn(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start(call=20)
    approve(env, 1)
    wrong = env.order("PO-wrong", lines=[env.airbase.line("4600", "10.00")])
    env.queue(wrong)
    workers.run(1)
    assert env.record(wrong).state == "review"


def test_a_holder_that_is_killed_delays_the_division_for_the_lease_at_most(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start()
    orders = approve(env, 10)
    workers.run(2)
    workers.kill_all()
    assert len(env.in_exact()) < 10
    waited = LASTS + timedelta(minutes=1)  # and until the next sweep
    for _ in range(int(waited.total_seconds() // 60) + 1):
        workers.minute()
    in_doubt = [each for each in orders if env.record(each).state == "posting"]
    assert len(in_doubt) <= 1, "the one that was being sent is looked up later"
    assert states(env, [each for each in orders if each not in in_doubt]) == {"posted"}
    for _ in range(3):
        workers.minute()
    assert states(env, orders) == {"posted"}
    assert len(env.in_exact()) == 10, "each once"


def test_readings_are_made_while_orders_wait_and_orders_while_readings_do(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start()
    orders = approve(env, 200)
    data = env.services_of().reference_store(NL.key)
    for _ in range(3):
        stale_since = env.clock()
        note_stale(data, STREAM_PATH)
        posted = len(env.in_exact())
        workers.minute()
        read_at = data.cursor(STREAM_PATH).read_at
        assert read_at is not None
        assert read_at.timestamp() >= stale_since
        assert len(env.in_exact()) - posted >= 45
    assert workers.most_in_flight[NL.division] == 1
    assert "posted" in states(env, orders)


def test_no_minute_has_calls_left_while_orders_wait(env: InMemoryEnvironment, start: Start) -> None:
    """A run ends after 35 seconds, and its message comes five times at most.

    Sweeps are in a minute's first second, which by Exact's clock may be of the one before.
    """
    workers = start()
    env.clock.move(60.5 - env.clock() % 60)
    approve(env, 190)
    before = len(env.exact.calls)
    for _ in range(3):
        workers.minute()
    calls = Counter(int(call.at // 60) for call in env.exact.calls[before:] if call.division)
    assert min(calls.values()) >= 59, "of 60"
    assert all(call.status != HTTPStatus.TOO_MANY_REQUESTS for call in env.exact.calls)
    assert workers.most_in_flight[NL.division] == 1


def test_a_vendor_that_finds_the_turn_taken_gets_it_soon(
    env: InMemoryEnvironment, start: Start
) -> None:
    workers = start(vendors={"create_suppliers": True}, limits={"calls_per_minute": 200})
    env.exact.limits.per_minute = 200
    approve(env, 400)
    new = env.firm.vendors["Nieuwkomer Catering"]
    waiting = env.order("PO-new", vendor="Nieuwkomer Catering")
    env.queue(waiting)
    workers.run(1)
    env.memory.queues.send(vendor_message(FIRM, VendorId(new["id"])), "vendor")
    for _ in range(4):
        workers.minute()
    suppliers = env.exact.world.divisions[NL.division].table("crm/Accounts").values()
    assert "Nieuwkomer Catering" in {each["Name"] for each in suppliers}
    assert workers.most_in_flight[NL.division] == 1


def test_a_setting_allows_more_calls_in_flight(env: InMemoryEnvironment, start: Start) -> None:
    workers = start(call=5, calls_in_flight=3)
    approve(env, 30)
    for _ in range(2):
        workers.minute()
    assert workers.most_in_flight[NL.division] == 3
    assert len(env.in_exact()) == 30


def test_a_slow_division_does_not_delay_another(env: InMemoryEnvironment, start: Start) -> None:
    start()
    workers = ParallelWorkers(env, lambda division: 10 if division == BE.division else 0.8)
    approve(env, 20, BE)
    orders = approve(env, 20)
    workers.run(20)
    assert states(env, orders) == {"posted"}


def test_changes_in_exact_are_read_in_turn_too(env: InMemoryEnvironment, start: Start) -> None:
    workers = start()
    orders = approve(env, 5)
    workers.run(10)
    for order in env.in_exact():
        env.exact.change(
            NL.division, "purchaseorder/PurchaseOrders", order["PurchaseOrderID"], Description="x"
        )
    approve(env, 40, NL)
    notify(env, "PurchaseOrders")
    for _ in range(2):
        workers.minute()
    assert workers.most_in_flight[NL.division] == 1
    assert states(env, orders) == {"posted"}


def test_who_waits_for_a_turn_for_a_day_is_an_exception(
    env: InMemoryEnvironment, start: Start
) -> None:
    start()
    order = env.order()
    another_calls(env)
    env.post(order)
    assert env.record(order).facts.waiting_for == "EXACT_TURN_TAKEN"
    env.clock.move(LONGEST_WAIT)
    another_calls(env)
    env.wait(minutes=1)
    env.post(order)
    assert env.codes(order) == ["WAITS_TOO_LONG"]
    env.clock.move(LASTS)
    env.post(order)
    assert env.record(order).state == "posted"


def test_a_turn_that_is_taken_says_nothing_about_an_outage(
    env: InMemoryEnvironment, start: Start
) -> None:
    start()
    env.exact.on_call = lambda _: ExactFault("unavailable")
    for number in range(3):
        env.post(env.order(f"PO-{number}"))
    breaker = env.services_of().exact(NL.key).circuit_breaker
    assert breaker.outage().is_open
    another_calls(env)
    with breaker.bypassed(), pytest.raises(Later, match="EXACT_TURN_TAKEN"):
        list(env.services_of().exact(NL.key).rows(NL.key, "crm/Accounts"))
    assert breaker.outage().is_open
