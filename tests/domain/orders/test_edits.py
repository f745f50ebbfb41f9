"""Edits lead to the wanted order from any state; drift is only what others changed."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.diff import LINES
from ml_connector.domain.orders.edits import as_body, differences, drift, edits, full_lines
from ml_connector.domain.orders.exact_order import ExactOrder
from tests.domain.orders.exact_model import a_body, a_found, a_sent_line, apply, as_posted

Body = Mapping[str, Any]
Case = tuple[Body, Body, ExactOrder]


@st.composite
def a_case(draw: st.DrawFn) -> Case:
    """Draw the wanted body, the last written one and what Exact holds."""
    last_written = draw(a_body)
    target = draw(st.just(last_written) | a_body | _similar(last_written))
    return target, last_written, draw(a_found(last_written, target))


@st.composite
def _similar(draw: st.DrawFn, body: Body) -> Body:
    """Draw a body with the lines of another one, some dropped, doubled, moved or changed."""
    lines = draw(st.lists(st.sampled_from(body[LINES]) | a_sent_line, min_size=1, max_size=4))
    names = draw(st.sets(st.sampled_from(sorted(body))))
    dropped = {"Description", "ReceiptDate", "PaymentCondition", "Warehouse"} & names
    return {**{n: v for n, v in body.items() if n not in dropped}, LINES: lines}


@given(a_case(), st.booleans())
def test_after_the_edits_nothing_is_left_to_edit(case: Case, is_under_way: bool) -> None:
    target, last_written, found = case
    after = apply(edits(target, last_written, found, is_under_way=is_under_way), found)
    left = edits(target, target, after)
    assert not left, differences(left, after)
    assert drift(target, None, after) == [], "our own writes are no drift"
    assert after.lines, "an order keeps a line"


@given(a_case())
def test_a_change_that_was_under_way_ends_as_approved_texts_included(case: Case) -> None:
    target, last_written, found = case
    for _ in range(2):  # of lines that are alike, texts may be emptied one after the other
        found = apply(edits(target, last_written, found, is_under_way=True), found)
    left = edits(target, last_written, found, is_under_way=True)
    assert not left, differences(left, found)


@given(a_case(), st.integers(0, 20), st.booleans())
def test_a_change_that_stopped_anywhere_is_completed(
    case: Case, writes: int, with_header: bool
) -> None:
    target, last_written, found = case
    change = edits(target, last_written, found)
    added = max(0, writes - len(change.changed))
    some = replace(
        change,
        header=change.header if with_header else {},
        changed=change.changed[:writes],
        added=change.added[:added],
        removed=change.removed[: max(0, added - len(change.added))],
    )
    between = apply(some, found)
    after = apply(edits(target, last_written, between, is_under_way=True), between)
    assert not edits(target, target, after)
    assert len(after.lines) == len(target[LINES])


@given(a_body)
def test_an_order_that_is_as_wanted_gets_no_edits(body: Body) -> None:
    found = as_posted(body)
    assert not edits(body, body, found)
    assert not edits(body, body, found, is_under_way=True)
    assert drift(body, None, found) == []


@given(a_body, st.data())
def test_the_order_of_the_lines_does_not_matter(body: Body, data: st.DataObject) -> None:
    found = as_posted(body)
    moved = replace(found, lines=tuple(data.draw(st.permutations(found.lines))))
    assert drift(body, None, moved) == []


@given(a_case())
def test_what_is_in_exact_has_no_drift_against_itself(case: Case) -> None:
    _, last_written, found = case
    body = as_body(found, last_written)
    assert drift(body, found.amount, found) == []


@given(a_case())
def test_a_nested_write_names_each_line_once_and_none_that_is_gone(case: Case) -> None:
    target, last_written, found = case
    lines = full_lines(target, last_written, found)
    kept = [line["ID"] for line in lines if "ID" in line]
    assert len(lines) == len(target[LINES])
    assert len(set(kept)) == len(kept)
    assert set(kept) <= {line.id for line in found.lines}
    assert {line.id for line in edits(target, last_written, found).removed}.isdisjoint(kept)


_APPROVED_OF_A_LINE: dict[str, Any] = {
    "item": Guid("item-3"),
    "quantity": Decimal(7),
    "unit_price": Decimal("77.77"),
    "vat_code": "9",
    "cost_centre": "HR",
    "cost_unit": "Z",
    "project": Guid("project-9"),
}
_FULL_LINE = {
    "Item": "item-1", "QuantityInPurchaseUnits": 2, "UnitPrice": 10.5, "VATCode": "5",
    "CostCenter": "MKT", "CostUnit": "A", "Project": "project-1", "Description": "Paper",
    "Notes": "GL account 4100.", "ReceiptDate": "2026-12-01",
}  # fmt: skip
_FULL: dict[str, Any] = {
    "Supplier": "supplier-1", "Currency": "EUR", "OrderDate": "2026-11-01",
    "ReceiptDate": "2026-12-01", "YourRef": "PO-1", "Description": "For the office",
    "PaymentCondition": "30", "Warehouse": "warehouse-1", "Remarks": "[marker]",
    LINES: [_FULL_LINE, {**_FULL_LINE, "UnitPrice": 12.5}],
}  # fmt: skip


@pytest.mark.parametrize("attribute", list(_APPROVED_OF_A_LINE))
@pytest.mark.parametrize("position", [0, 1])
@pytest.mark.parametrize("is_emptied", [False, True])
def test_any_approved_field_of_a_line_is_drift(
    attribute: str, position: int, is_emptied: bool
) -> None:
    found = as_posted(_FULL)
    value: Any = _APPROVED_OF_A_LINE[attribute]
    if is_emptied:
        value = Decimal(0) if isinstance(value, Decimal) else ""
    lines = list(found.lines)
    lines[position] = replace(lines[position], **{attribute: value})
    assert drift(_FULL, None, replace(found, lines=tuple(lines)))


@pytest.mark.parametrize(("attribute", "value"), [("supplier", "supplier-9"), ("currency", "CHF")])
def test_any_approved_field_of_the_header_is_drift(attribute: str, value: Any) -> None:
    assert drift(_FULL, None, replace(as_posted(_FULL), **{attribute: value}))


def test_lines_more_or_less_and_another_total_are_drift() -> None:
    found = as_posted(_FULL, amount=Decimal(46))
    assert drift(_FULL, Decimal(46), replace(found, lines=found.lines[:1]))
    one_more = replace(found.lines[0], id=Guid("line-9"), number=9)
    assert drift(_FULL, Decimal(46), replace(found, lines=(*found.lines, one_more)))
    assert drift(_FULL, Decimal(45), found)
    assert drift(_FULL, Decimal(46), found) == []


@given(st.data())
def test_texts_and_dates_are_never_drift_and_never_put_back(data: st.DataObject) -> None:
    body = data.draw(a_body)
    found = as_posted(body)
    text = st.sampled_from(["", "Call first", "Paper", "2.0"])
    day = st.none() | st.sampled_from([date(2026, 12, 24), date(2026, 11, 1)])
    others = replace(
        found,
        your_ref=data.draw(text),
        description=data.draw(text),
        payment_condition=data.draw(text),
        remarks=data.draw(text),
        order_date=data.draw(day),
        receipt_date=data.draw(day),
        warehouse=Guid(data.draw(text)),
        lines=tuple(
            replace(
                line,
                description=data.draw(text),
                notes=data.draw(text),
                receipt_date=data.draw(day),
            )
            for line in found.lines
        ),
    )
    assert drift(body, None, others) == []


def test_a_price_kept_with_fewer_decimals_is_the_same_price() -> None:
    body = {
        **_FULL,
        LINES: [{**_FULL_LINE, "QuantityInPurchaseUnits": 3, "UnitPrice": 33.33333333}],
    }
    found = as_posted(body)
    rounded = replace(found, lines=(replace(found.lines[0], unit_price=Decimal("33.3333")),))
    assert drift(body, None, rounded) == []
    a_cent = replace(found, lines=(replace(found.lines[0], unit_price=Decimal("33.3367")),))
    assert drift(body, None, a_cent)
