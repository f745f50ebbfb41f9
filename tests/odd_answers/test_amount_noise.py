"""Exact reads its amounts back with the noise of floating point: nobody has changed anything."""

from typing import Any

import pytest

from local.firm import NL
from local.office import Office
from local.simulation import Request
from tests.odd_answers.hostile import alter, asks_for, rows_in, typed_in

_CHANGED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the noise of floating point is shown as a change in Exact",
)
_TWICE = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the noise of floating point hides an order that was typed in by hand",
)
QUIET = 0.0
NOISES = [2e-13, 4e-10, 0.0004]
LEAST = 1.5e-14
"""Too little to be seen in thousands, enough in tens."""
LOUD_ENOUGH = [QUIET, *(pytest.param(noise, marks=_CHANGED) for noise in NOISES)]


def add_noise(office: Office, noise: float, *methods: str) -> None:
    """Let the amounts in Exact's answers about orders be too high after a POST, else too low."""

    def change(request: Request, value: Any) -> None:
        if request.method not in methods or not asks_for(request, "PurchaseOrders"):
            return
        for row in rows_in(value):
            for name, amount in row.items():
                if name.startswith("Amount") and isinstance(amount, int | float):
                    row[name] = amount + (noise if request.method == "POST" else -noise)

    alter(office, change)


@pytest.mark.parametrize("methods", [("POST",), ("GET",), ("POST", "GET")], ids=" and ".join)
@pytest.mark.parametrize("noise", LOUD_ENOUGH)
def test_a_posted_order_is_as_it_was_approved(
    office: Office, noise: float, methods: tuple[str, ...]
) -> None:
    office.connect()
    add_noise(office, noise, *methods)
    order = office.order("PO-1")
    if office.post(order).state != "posted":
        raise RuntimeError("it was not posted")
    office.wait(hours=5)
    office.wait(minutes=2)
    assert (office.record(order).state, office.codes(order)) == ("posted", [])


@pytest.mark.parametrize("noise", LOUD_ENOUGH)
def test_a_change_in_airbase_is_still_followed(office: Office, noise: float) -> None:
    office.connect()
    add_noise(office, noise, "POST", "GET")
    order = office.order("PO-1")
    if office.post(order).state != "posted":
        raise RuntimeError("it was not posted")
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    office.clock.move(60)
    office.post(order)
    assert office.codes(order) == []
    (found,) = office.in_exact()
    assert found["AmountFCExclVat"] == 1300.0


@pytest.mark.parametrize("noise", [QUIET, *NOISES])
def test_a_change_of_a_cent_in_exact_is_still_shown(office: Office, noise: float) -> None:
    office.connect()
    add_noise(office, noise, "POST", "GET")
    order = office.order("PO-1")
    office.post(order)
    (found,) = office.in_exact()
    line = found["lines"][0]["ID"]
    office.exact.change(NL.division, "purchaseorder/PurchaseOrderLines", line, UnitPrice=1250.01)
    office.exact.change(NL.division, "purchaseorder/PurchaseOrders", found["PurchaseOrderID"])
    office.wait(hours=5)
    office.wait(minutes=2)
    assert office.codes(order) == ["CHANGED_IN_EXACT"]


@pytest.mark.parametrize(
    "noise", [QUIET, *(pytest.param(noise, marks=_TWICE) for noise in (LEAST, *NOISES))]
)
def test_an_order_typed_in_by_hand_is_a_possible_duplicate(office: Office, noise: float) -> None:
    office.connect()
    add_noise(office, noise, "GET")
    typed_in(office, NL.division, 99.0, "by phone")
    office.wait(hours=5)
    lines = [office.airbase.line("4100", "99.00", "As agreed")]
    order = office.order("PO-1", lines=lines)
    office.post(order)
    assert office.codes(order) == ["POSSIBLE_DUPLICATE"]
    assert [each["YourRef"] for each in office.in_exact()] == ["by phone"]
