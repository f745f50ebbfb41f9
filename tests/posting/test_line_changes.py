"""Exact's reference contradicts itself about changing orders: whatever it takes, it ends well."""

from collections import Counter
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from local.firm import NL
from local.office import Office

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


def _lines(office: Office, amounts: dict[str, str]) -> list[dict[str, Any]]:
    return [office.airbase.line("4100", amount, name) for name, amount in amounts.items()]


def _amend(office: Office, order: dict[str, Any], amounts: dict[str, str], **more: Any) -> None:
    order |= {"expense_list": _lines(office, amounts), **more}
    order["total_amount"] = str(sum(map(Decimal, amounts.values())))
    office.post(order)


def _in_exact(office: Office, order: dict[str, Any]) -> dict[str, Decimal]:
    (found,) = [o for o in office.in_exact() if o["YourRef"] == order["number"]]
    return {line["Description"]: Decimal(str(line["UnitPrice"])) for line in found["lines"]}


def _as_approved(amounts: dict[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(amount) for name, amount in amounts.items()}


def _can(site: dict[str, bool], what: str) -> bool:
    """Return whether the site takes such a change in any way."""
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
def test_a_change_is_made_or_shown_within_the_error_limits(
    office: Office, site: dict[str, bool], what: str
) -> None:
    for name, value in site.items():
        setattr(office.exact.policy, name, value)
    office.connect()
    orders = [office.order(f"PO-{n}", lines=_lines(office, BEFORE)) for n in range(6)]
    for order in orders:
        office.post(order)
    refused = []
    for order in orders:
        office.clock.move(60)  # of each minute's calls some are left
        before = len(office.exact.calls)
        _amend(office, order, CHANGES[what])
        refused.append(Counter(c.path for c in office.exact.calls[before:] if c.status >= 400))
    if _can(site, what):
        for order in orders:
            assert _in_exact(office, order) == _as_approved(CHANGES[what])
            assert office.record(order).state == "posted"
            assert office.codes(order) == []
        assert not any(refused[1:]), "which way works is remembered"
    else:
        for order in orders:
            assert office.codes(order) or office.record(order).facts["waiting"]
            assert _in_exact(office, order) != _as_approved(CHANGES[what])
    assert max(sum(refused, Counter()).values(), default=0) < 6
    another = office.order("PO-9")
    assert office.post(another).state == "posted", "refused changes leave room for new orders"


@pytest.mark.parametrize("what", list(CHANGES))
def test_a_header_that_cannot_be_changed_is_shown(office: Office, what: str) -> None:
    office.exact.policy.order_updates = False
    office.connect()
    order = office.order(lines=_lines(office, BEFORE))
    office.post(order)
    _amend(office, order, CHANGES[what], notes="For the new office")
    assert office.codes(order)
    assert office.record(order).state == "posted"


def test_what_exact_takes_without_following_it_is_tried_the_other_way(office: Office) -> None:
    office.exact.policy.nested_merge = True
    office.connect()
    order = office.order(lines=_lines(office, BEFORE))
    office.post(order)
    _amend(office, order, {"Ink": "30.00"})
    _amend(office, order, {"Ink": "30.00", "Glue": "5.00"})
    _amend(office, order, {"Glue": "6.00"})
    assert _in_exact(office, order) == {"Glue": Decimal("6.00")}
    assert office.codes(order) == []


def test_a_text_that_exact_fills_again_by_itself_is_no_exception(office: Office) -> None:
    office.connect()
    order = office.order(lines=_lines(office, BEFORE), expected_date="2026-12-24")
    office.post(order)
    order["expected_date"] = None
    order["expense_list"][0]["description"] = ""
    office.post(order)
    assert office.codes(order) == []
    assert office.steps(order)[-1] == "amended"


def test_a_text_changed_by_a_person_does_not_keep_an_amendment_open(office: Office) -> None:
    office.connect()
    order = office.order(lines=_lines(office, BEFORE))
    office.post(order)
    (there,) = office.in_exact()
    office.exact.change(NL.division, _ORDERS, there["PurchaseOrderID"], Description="Call first")
    office.exact.change(NL.division, _LINES, there["lines"][0]["ID"], Notes="Blue ones")
    _amend(office, order, CHANGES["change"])
    assert office.codes(order) == []
    (there,) = office.in_exact()
    assert (there["Description"], there["lines"][0]["Notes"]) == ("Call first", "Blue ones")
