"""Exact's reference contradicts itself about changing orders: every variant is handled."""

from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment

_ORDERS, _LINES = "purchaseorder/PurchaseOrders", "purchaseorder/PurchaseOrderLines"
_SWITCHES = (
    "line_updates", "line_additions", "nested_line_updates", "nested_merge", "order_updates"
)  # fmt: skip
SITES = [dict(zip(_SWITCHES, values, strict=True)) for values in product((True, False), repeat=5)]
BEFORE = {"Paper": "100.00", "Pens": "200.00"}
CHANGES: dict[str, dict[str, str]] = {
    "change": {"Paper": "110.00", "Pens": "200.00"},
    "add": {**BEFORE, "Ink": "30.00"},
    "remove": {"Pens": "200.00"},
    "change and add": {"Pens": "250.00", "Ink": "30.00", "Glue": "5.00"},
    "change and remove": {"Pens": "250.00"},
}


def _lines(env: InMemoryEnvironment, amounts: dict[str, str]) -> list[dict[str, Any]]:
    return [env.airbase.line("4100", amount, name) for name, amount in amounts.items()]


def _amend(
    env: InMemoryEnvironment, order: dict[str, Any], amounts: dict[str, str], **more: Any
) -> None:
    order |= {"expense_list": _lines(env, amounts), **more}
    order["total_amount"] = str(sum(map(Decimal, amounts.values())))
    env.post(order)


def _in_exact(env: InMemoryEnvironment, order: dict[str, Any]) -> dict[str, Decimal]:
    (found,) = [o for o in env.in_exact() if o["YourRef"] == order["number"]]
    return {line["Description"]: Decimal(str(line["UnitPrice"])) for line in found["lines"]}


def _as_approved(amounts: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in amounts.items()}


def _can(site: dict[str, bool], what: str) -> bool:
    """Return whether the site accepts such a change in any way."""
    merges = site["order_updates"] and site["nested_merge"]
    replaces = site["order_updates"] and site["nested_line_updates"] and not merges
    can = {
        "change": site["line_updates"] or merges or replaces,
        "add": site["line_additions"] or merges or replaces,
        "remove": True,  # the reference does not contradict itself here
    }
    return all(can[one] for one in what.split(" and "))


@pytest.mark.parametrize("what", list(CHANGES))
@pytest.mark.parametrize(
    "site", SITES, ids=lambda site: "+".join(n for n, on in site.items() if on) or "nothing"
)
def test_a_change_is_made_or_reported_within_the_error_limits(
    env: InMemoryEnvironment, site: dict[str, bool], what: str
) -> None:
    for name, value in site.items():
        setattr(env.exact.policy, name, value)
    env.connect()
    orders = [env.order(f"PO-{n}", lines=_lines(env, BEFORE)) for n in range(6)]
    for order in orders:
        env.post(order)
    refused = []
    for order in orders:
        env.clock.move(60)  # some of each minute's calls are left
        before = len(env.exact.calls)
        _amend(env, order, CHANGES[what])
        refused.append(Counter(c.path for c in env.exact.calls[before:] if c.status >= 400))
    if _can(site, what):
        for order in orders:
            assert _in_exact(env, order) == _as_approved(CHANGES[what])
            assert env.record(order).state == "posted"
            assert env.codes(order) == []
        assert not any(refused[1:]), "which way works is remembered"
    else:
        for order in orders:
            assert env.codes(order) or env.record(order).facts.waiting
            assert _in_exact(env, order) != _as_approved(CHANGES[what])
    assert max(sum(refused, Counter()).values(), default=0) < 6
    another = env.order("PO-9")
    assert env.post(another).state == "posted", "refused changes leave calls for new orders"


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_header_that_cannot_be_changed_is_reported(env: InMemoryEnvironment, what: str) -> None:
    env.exact.policy.order_updates = False
    env.connect()
    order = env.order(lines=_lines(env, BEFORE))
    env.post(order)
    _amend(env, order, CHANGES[what], notes="For the new office")
    assert env.codes(order)
    assert env.record(order).state == "posted"


def test_a_change_that_exact_does_not_apply_is_tried_the_other_way(
    env: InMemoryEnvironment,
) -> None:
    env.exact.policy.nested_merge = True
    env.connect()
    order = env.order(lines=_lines(env, BEFORE))
    env.post(order)
    _amend(env, order, {"Ink": "30.00"})
    _amend(env, order, {"Ink": "30.00", "Glue": "5.00"})
    _amend(env, order, {"Glue": "6.00"})
    assert _in_exact(env, order) == {"Glue": Decimal("6.00")}
    assert env.codes(order) == []


def test_a_text_that_exact_fills_again_by_itself_is_no_exception(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order(lines=_lines(env, BEFORE), expected_date="2026-12-24")
    env.post(order)
    order["expected_date"] = None
    order["expense_list"][0]["description"] = ""
    env.post(order)
    assert env.codes(order) == []
    assert env.steps(order)[-1] == "amended"


def test_a_text_changed_by_a_person_does_not_keep_an_amendment_open(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order(lines=_lines(env, BEFORE))
    env.post(order)
    (there,) = env.in_exact()
    env.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], Description="Call first")
    env.exact.change(NL.division, _LINES, there["lines"][0]["ID"], Notes="Blue ones")
    _amend(env, order, CHANGES["change"])
    assert env.codes(order) == []
    (there,) = env.in_exact()
    assert (there["Description"], there["lines"][0]["Notes"]) == ("Call first", "Blue ones")
