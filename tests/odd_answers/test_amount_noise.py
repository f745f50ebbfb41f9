"""Exact returns amounts with floating-point noise, although nothing was changed."""

from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import Request
from tests.odd_answers.hostile import alter, asks_for, enter_by_hand, rows_in

NO_NOISE = 0.0
NOISES = [2e-13, 4e-10, 0.0004]
LEAST_NOISE = 1.5e-14
"""Lost in amounts of thousands, visible in tens."""


def add_noise(env: InMemoryEnvironment, noise: float, *methods: str) -> None:
    """Raise the amounts in Exact's answers to a POST of an order; lower them in other answers."""

    def change(request: Request, value: Any) -> None:
        if request.method not in methods or not asks_for(request, "PurchaseOrders"):
            return
        for row in rows_in(value):
            for name, amount in row.items():
                if name.startswith("Amount") and isinstance(amount, int | float):
                    row[name] = amount + (noise if request.method == "POST" else -noise)

    alter(env, change)


@pytest.mark.parametrize("methods", [("POST",), ("GET",), ("POST", "GET")], ids=" and ".join)
@pytest.mark.parametrize("noise", [NO_NOISE, *NOISES])
def test_a_posted_order_is_as_it_was_approved(
    env: InMemoryEnvironment, noise: float, methods: tuple[str, ...]
) -> None:
    env.connect()
    add_noise(env, noise, *methods)
    order = env.order("PO-1")
    if env.post(order).state != "posted":
        raise RuntimeError("it was not posted")
    env.wait(hours=5)
    env.wait(minutes=2)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


@pytest.mark.parametrize("noise", [NO_NOISE, *NOISES])
def test_a_change_in_airbase_is_still_posted(env: InMemoryEnvironment, noise: float) -> None:
    env.connect()
    add_noise(env, noise, "POST", "GET")
    order = env.order("PO-1")
    if env.post(order).state != "posted":
        raise RuntimeError("it was not posted")
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    env.clock.move(60)
    env.post(order)
    assert env.codes(order) == []
    (found,) = env.in_exact()
    assert found["AmountFCExclVat"] == 1300.0


@pytest.mark.parametrize("noise", [NO_NOISE, *NOISES])
def test_a_change_of_a_cent_in_exact_is_still_shown(env: InMemoryEnvironment, noise: float) -> None:
    env.connect()
    add_noise(env, noise, "POST", "GET")
    order = env.order("PO-1")
    env.post(order)
    (found,) = env.in_exact()
    line = found["lines"][0]["ID"]
    env.exact.change(NL.division, "purchaseorder/PurchaseOrderLines", line, UnitPrice=1250.01)
    env.exact.change(NL.division, "purchaseorder/PurchaseOrders", found["PurchaseOrderID"])
    env.wait(hours=5)
    env.wait(minutes=2)
    assert env.codes(order) == ["CHANGED_IN_EXACT"]


@pytest.mark.parametrize("noise", [NO_NOISE, LEAST_NOISE, *NOISES])
def test_an_order_entered_by_hand_is_a_possible_duplicate(
    env: InMemoryEnvironment, noise: float
) -> None:
    env.connect()
    add_noise(env, noise, "GET")
    enter_by_hand(env, NL.division, 99.0, "by phone")
    env.wait(hours=5)
    lines = [env.airbase.line("4100", "99.00", "As agreed")]
    order = env.order("PO-1", lines=lines)
    env.post(order)
    assert env.codes(order) == ["POSSIBLE_DUPLICATE"]
    assert [each["YourRef"] for each in env.in_exact()] == ["by phone"]


def test_quantities_and_unit_prices_keep_eight_decimals(env: InMemoryEnvironment) -> None:
    env.connect()
    line = env.airbase.line("4100", "0.01", "Messages") | {
        "quantity": "231.375",
        "unit_price": "0.00004321",
    }
    order = env.order("PO-1", lines=[line])
    env.post(order)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
    (found,) = env.in_exact()
    sent = found["lines"][0]
    assert (sent["QuantityInPurchaseUnits"], sent["UnitPrice"]) == (231.375, 0.00004321)
    env.wait(hours=5)
    env.wait(minutes=2)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
    env.exact.change(
        NL.division, "purchaseorder/PurchaseOrderLines", sent["ID"], QuantityInPurchaseUnits=231.37
    )
    env.exact.change(NL.division, "purchaseorder/PurchaseOrders", found["PurchaseOrderID"])
    env.wait(hours=5)
    env.wait(minutes=2)
    assert env.codes(order) == ["CHANGED_IN_EXACT"]


def test_a_total_that_comes_right_later_closes_its_exception(env: InMemoryEnvironment) -> None:
    env.connect()

    def change(request: Request, value: Any) -> None:
        if request.method == "POST" and asks_for(request, "PurchaseOrders"):
            for row in rows_in(value):
                row.update(AmountFC=0.0, AmountFCExclVat=0.0)

    alter(env, change)
    order = env.order("PO-1")
    env.post(order)
    assert env.codes(order) == ["POSTED_AMOUNT_DIFFERS"]
    env.wait(hours=5)
    env.wait(minutes=2)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])


@pytest.mark.parametrize("lines", [1, 2])
@pytest.mark.parametrize(
    "amount", ["99999999999999.99", "99999999999999", "10000000000000", "90071992547409.92"]
)
def test_an_amount_that_exact_would_change_is_refused_before_anything_is_posted(
    env: InMemoryEnvironment, amount: str, lines: int
) -> None:
    env.connect()
    calls = len(env.exact.calls)
    order = env.order("PO-1", lines=[env.airbase.line("4100", amount) for _ in range(lines)])
    assert env.post(order).state == "review"
    assert set(env.codes(order)) == {"BAD_AMOUNT"}
    assert env.in_exact() == []
    assert len(env.exact.calls) == calls


def test_the_exception_names_the_largest_amount(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order("PO-1", lines=[env.airbase.line("4100", "99999999999999")])
    env.post(order)
    assert "'99999999999999.00', is above 9999999999999.99" in env.record(order).problems[0].cause


def test_the_largest_amount_is_no_change_in_exact(env: InMemoryEnvironment) -> None:
    env.connect()
    order = env.order("PO-1", lines=[env.airbase.line("4100", "9999999999999.99")])
    env.post(order)
    env.wait(hours=5)
    env.wait(minutes=2)
    assert (env.record(order).state, env.codes(order)) == ("posted", [])
