"""A page of a server on the way comes instead of Exact's answer."""

import pytest

from local.exact_simulator.faults import ExactFault
from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import Request
from ml_connector.infrastructure.halts import Halts
from tests.odd_answers.hostile import ORDERS, asks_for

BLOCKED = "Request blocked"


def answers_with_pages(
    env: InMemoryEnvironment, method: str, path: str, status: int = 403
) -> list[Request]:
    """Let a server on the way answer these calls with a page; return the calls, as they come."""
    refused: list[Request] = []

    def choose(request: Request) -> ExactFault | None:
        if request.method != method or not asks_for(request, path, NL.division):
            return None
        refused.append(request)
        return ExactFault("page", status=status)

    env.exact.on_call = choose
    return refused


@pytest.mark.parametrize("status", [400, 403, 404, 451])
def test_an_order_that_only_gets_pages_is_an_exception_with_their_words(
    env: InMemoryEnvironment, status: int
) -> None:
    env.connect()
    refused = answers_with_pages(env, "POST", ORDERS, status)
    order = env.order()
    env.post(order)
    for _ in range(24):
        env.wait(hours=1)
    assert not Halts(env.services_of().ledger).all(), "a page stops no division"
    (found,) = env.record(order).problems
    assert found.code == "EXACT_REFUSES_UNCLEARLY"
    assert BLOCKED in found.cause
    assert len(refused) <= 12
    env.exact.on_call = None
    env.retry(order)
    assert env.record(order).state == "posted"
    assert len(env.in_exact()) == 1


def test_a_filter_refused_by_a_page_is_asked_again(env: InMemoryEnvironment) -> None:
    """Its answer was lost; the order is found in the stream meanwhile."""
    env.connect()
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", ORDERS))
    refused = answers_with_pages(env, "GET", f"{ORDERS}", 400)
    order = env.order()
    env.post(order)
    env.wait(minutes=10)
    assert env.record(order).state == "posted"
    assert refused
    data = env.services_of().reference_store(NL.key)
    assert data.noted_at("your_ref_filter_refused") is None


def test_a_filter_that_exact_refuses_is_asked_again_after_a_week(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.policy.your_ref_filter = False

    def lose_an_answer(number: str) -> int:
        """Return how many look-ups by reference were made."""
        env.exact.faults.append(ExactFault("timeout_after_commit", "POST", ORDERS))
        order = env.order(number)
        env.post(order)
        before = env.exact.counters["GET", f"/api/v1/{{division}}/{ORDERS}"]
        env.wait(minutes=10)
        assert env.record(order).state == "posted"
        return env.exact.counters["GET", f"/api/v1/{{division}}/{ORDERS}"] - before

    assert [lose_an_answer("PO-1"), lose_an_answer("PO-2")] == [1, 0]
    for _ in range(8):
        env.wait(hours=24)
    assert lose_an_answer("PO-3") == 1
