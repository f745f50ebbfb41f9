"""Every order is in one category, and the totals add up, for any mix of orders."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.orders.exact_order import ExactLine, ExactOrder
from ml_connector.domain.orders.marker import marker
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.records import ExactReference, OrderFacts
from ml_connector.infrastructure.ledger import OrderRecord, new_order
from ml_connector.month_end.approved_orders import ApprovedOrder
from ml_connector.month_end.matching import MonthMatching
from ml_connector.month_end.months import Month
from ml_connector.month_end.report_lines import CATEGORIES, ReportLine, totals_of
from ml_connector.settings.connection import Connection

ID = ConnectionId("firm")
DIVISIONS = (Division("nl.1"), Division("nl.2"))
CONNECTION = Connection.model_validate(
    {
        "id": ID,
        "exact_site": "nl",
        "divisions": [{"division": d, "subsidiaries": [f"sub-{d}"]} for d in DIVISIONS],
    }
)
READ_AT = datetime(2026, 11, 2, tzinfo=UTC)
MONTH = Month(2026, 10, ("UTC",))
ITEM = Guid("11111111-1111-1111-1111-111111111111")

days = st.dates(date(2026, 9, 25), date(2026, 11, 5))
amounts = st.decimals(Decimal("0.01"), Decimal("99999.99"), places=2)
orders = st.fixed_dictionaries(
    {
        "division": st.sampled_from([*DIVISIONS, None]),
        "day": st.one_of(st.none(), days, days, days),
        "amount": st.one_of(st.none(), amounts, amounts, amounts),
        "currency": st.sampled_from(["EUR", "EUR", "USD"]),
        "is_approved": st.sampled_from([True, True, True, False]),
        "is_listed": st.sampled_from([True, True, True, False]),
        "state": st.sampled_from(
            ["unknown", "posted", "posted", "amending", "review", "set_aside", "odd", "received"]
        ),
        "in_exact": st.sampled_from(["as posted", "dearer", "gone", "other currency", "moved"]),
        "has_problem": st.booleans(),
        "is_new": st.booleans(),
    }
)
entered_by_hand = st.tuples(
    st.sampled_from(DIVISIONS), days, amounts, st.sampled_from(["EUR", "USD"])
)


def approved(n: int, order: dict[str, Any]) -> ApprovedOrder:
    amount, division = order["amount"], order["division"]
    return ApprovedOrder(
        id=OrderId(f"o{n}"),
        number=f"PO-{n}",
        state="approved" if order["is_approved"] else "cancelled",
        is_approved=order["is_approved"],
        day=order["day"],
        total=None if amount is None else Money(amount, order["currency"]),
        vendor="V",
        subsidiary=Reference(id=f"sub-{division}") if division else Reference(),
    )


def record(n: int, order: dict[str, Any]) -> OrderRecord | None:
    state = order["state"]
    if state == "unknown":
        return None
    problem = Problem("SOME_CODE", "r", "c.", "d.")
    facts = OrderFacts(
        division=order["division"],
        title=f"PO-{n}",
        problems=(problem,) if order["has_problem"] else (),
    )
    if state in {"posted", "amending"}:
        line = {
            "Item": ITEM,
            "QuantityInPurchaseUnits": 1,
            "UnitPrice": float(order["amount"] or 1),
        }
        body: dict[str, Any] = {"Currency": order["currency"], "PurchaseOrderLines": [line]}
        if order["day"]:
            body["OrderDate"] = order["day"].isoformat()
        facts = replace(
            facts,
            exact=ExactReference(Guid(f"e{n}"), str(n)),
            division=order["division"] or DIVISIONS[0],
            body=body,
            posted_at=datetime(2026, 11, 3 if order["is_new"] else 1, tzinfo=UTC),
        )
    found = new_order(ID, OrderId(f"o{n}")).now(state, facts)
    return replace(found, received_at="2026-10-31T23:59:59+00:00")


def exact(n: int, order: dict[str, Any]) -> ExactOrder | None:
    if order["state"] not in {"posted", "amending"} or order["in_exact"] == "gone":
        return None
    price = order["amount"] or Decimal(1)
    if order["in_exact"] == "dearer":
        price += 1
    currency = "GBP" if order["in_exact"] == "other currency" else order["currency"]
    day = date(2026, 11, 1) if order["in_exact"] == "moved" else order["day"]
    remarks = marker(ID, OrderId(f"o{n}"), "1")
    line = ExactLine(Guid(f"l{n}"), 1, ITEM, Decimal(1), price)
    return ExactOrder(
        Guid(f"e{n}"), str(n), Guid("s"), currency, price, price, day, remarks=remarks,
        lines=(line,),
    )  # fmt: skip


def reconciled(
    drawn: Sequence[dict[str, Any]], others: Sequence[tuple[Division, date, Decimal, str]]
) -> tuple[MonthMatching, list[ReportLine]]:
    matching = MonthMatching(
        CONNECTION, MONTH, dict.fromkeys(DIVISIONS, READ_AT), lambda _, supplier: supplier
    )
    matching.add_airbase_orders(approved(n, o) for n, o in enumerate(drawn) if o["is_listed"])
    records = [r for n, o in enumerate(drawn) if (r := record(n, o))]
    lines = [*matching.match_ledger(records), *matching.missing_lines()]
    for division in DIVISIONS:
        known = [
            e
            for n, o in enumerate(drawn)
            if (e := exact(n, o)) and (o["division"] or DIVISIONS[0]) == division
        ]
        known += [
            ExactOrder(Guid(f"x{n}"), f"x{n}", Guid("s"), currency, amount, amount, day)
            for n, (at, day, amount, currency) in enumerate(others)
            if at == division
        ]
        lines += matching.match_exact(division, known)
    return matching, [*lines, *matching.unmatched_lines()]


def of_month(n: int, order: dict[str, Any]) -> bool:
    """Tell independently whether this is an approved order of October."""
    if not (order["is_listed"] and order["is_approved"]):
        return False
    if order["day"] is None:
        return str(order["state"]) != "unknown"  # it was received in the last second of October
    return bool(order["day"].month == 10)


@settings(max_examples=300, deadline=None)
@given(st.lists(orders, max_size=12), st.lists(entered_by_hand, max_size=4))
def test_every_order_has_one_category_and_totals_add_up(
    drawn: list[dict[str, Any]], others: list[tuple[Division, date, Decimal, str]]
) -> None:
    matching, lines = reconciled(drawn, others)
    wanted = {f"o{n}": o for n, o in enumerate(drawn) if of_month(n, o)}
    ours = [line for line in lines if line.category != "only_in_exact"]
    assert sorted(line.order for line in ours) == sorted(wanted), "each once, and no other"
    undated = {
        f"o{n}" for n, o in enumerate(drawn)
        if o["is_listed"] and o["is_approved"] and o["day"] is None and o["state"] == "unknown"
    }  # fmt: skip
    assert {order.id for order in matching.undated} == undated

    totals = totals_of(lines)
    for currency in ("EUR", "USD"):
        approved_ = sum(
            (o["amount"] for o in wanted.values() if o["currency"] == currency and o["amount"]),
            Decimal(0),
        )
        all_divisions = [t for t in totals if t.is_all and t.currency == currency]
        assert sum((t.airbase.airbase for t in all_divisions), Decimal(0)) == approved_
        by_division = [t for t in totals if not t.is_all and t.currency == currency]
        assert sum((t.airbase.airbase for t in by_division), Decimal(0)) == approved_
    counted = sum(t.by_category[c].orders for t in totals if t.is_all for c in CATEGORIES)
    assert counted == len(lines)
    in_exact = sum((line.exact.amount for line in lines if line.exact), Decimal(0))
    assert sum((t.exact.exact for t in totals if t.is_all), Decimal(0)) == in_exact


@settings(max_examples=200, deadline=None)
@given(st.lists(orders, min_size=1, max_size=6))
def test_only_orders_that_agree_on_both_sides_are_equal(drawn: list[dict[str, Any]]) -> None:
    _, lines = reconciled(drawn, [])
    by_id = {f"o{n}": o for n, o in enumerate(drawn)}
    for line in lines:
        order = by_id.get(line.order)
        if order is None:
            continue
        is_posted = order["state"] in {"posted", "amending"}
        is_same = order["in_exact"] in {"as posted", "moved"} and order["amount"] is not None
        expected = is_posted and is_same and not order["has_problem"]
        if order["amount"] is not None:
            assert (line.category == "equal") is expected, (line, order)
        if line.category == "not_compared":
            assert order["in_exact"] == "gone"
            assert order["is_new"]
        if not is_posted and order["state"] not in {"unknown", "set_aside"}:
            assert line.category == "waiting"
