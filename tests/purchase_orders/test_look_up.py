"""After an unknown outcome an order is looked up in Exact by its marker, in both ways."""

from typing import Any

import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment

_ORDERS = "purchaseorder/PurchaseOrders"
BOTH_WAYS = pytest.mark.parametrize("can_filter", [True, False], ids=["filter", "stream"])


def enter_like(env: InMemoryEnvironment, order: dict[str, Any], **fields: Any) -> None:
    """Enter another order in Exact that differs from this one only in the given fields."""
    lines = [
        {name: line[name] for name in ("Item", "QuantityInPurchaseUnits", "UnitPrice")}
        for line in order["lines"]
    ]
    body = {name: order[name] for name in ("Supplier", "YourRef", "Remarks", "OrderDate")}
    body |= {"PurchaseOrderLines": lines, **fields}
    env.services_of().exact(NL.key).create(NL.key, _ORDERS, body)


@BOTH_WAYS
def test_of_several_with_our_marker_a_person_chooses(
    env: InMemoryEnvironment,
    can_filter: bool,
) -> None:
    env.connect()
    env.exact.policy.your_ref_filter = can_filter
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", _ORDERS))
    order = env.order()
    env.post(order)
    enter_like(env, env.in_exact()[0])
    env.wait(minutes=3)
    record = env.record(order)
    assert (record.state, env.codes(order)) == ("posting", ["SEVERAL_IN_EXACT"])
    assert record.facts.exact is None, "neither was adopted"
    numbers = [str(each["OrderNumber"]) for each in env.in_exact()]
    assert all(number in record.problems[0].cause for number in numbers)
    env.wait(days=1, minutes=3)
    assert len(env.in_exact()) == 2, "the intent is kept: nothing is posted"


@BOTH_WAYS
def test_an_order_by_hand_with_the_same_reference_is_not_ours(
    env: InMemoryEnvironment,
    can_filter: bool,
) -> None:
    env.connect()
    env.exact.policy.your_ref_filter = can_filter
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", _ORDERS))
    order = env.order()
    env.post(order)
    (ours,) = env.in_exact()
    enter_like(env, ours, Remarks="As discussed")
    env.exact.remove(NL.division, _ORDERS, ours["PurchaseOrderID"])
    env.wait(minutes=3)
    assert "looked" in env.steps(order)
    assert "adopted" not in env.steps(order)
