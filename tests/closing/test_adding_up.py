"""Every order stands in one category, and the totals add up, whatever the mix is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector_cli.actions.closing.approved import Approved
from connector_cli.actions.closing.lines import CATEGORIES, Line, add_up
from connector_cli.actions.closing.matching import Matching
from connector_cli.actions.closing.months import Month
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Record, order_key
from ml_connector.ids import ConnectionId, Division, Guid, OrderId
from ml_connector.money import Money
from ml_connector.purchase_orders.exact_order import ExactLine, ExactOrder
from ml_connector.purchase_orders.marker import marker
from ml_connector.purchase_orders.model import Reference

ID = ConnectionId("firm")
DIVISIONS = (Division(1), Division(2))
CONNECTION = Connection.model_validate(
    {
        "id": ID,
        "exact_site": "nl",
        "divisions": [{"division": d, "subsidiaries": [f"sub-{d}"]} for d in DIVISIONS],
    }
)
READ_AT = datetime(2026, 11, 2, tzinfo=UTC)
MONTH = Month(2026, 10, "UTC")
ITEM = Guid("11111111-1111-1111-1111-111111111111")

days = st.dates(date(2026, 9, 25), date(2026, 11, 5))
amounts = st.decimals(Decimal("0.01"), Decimal("99999.99"), places=2)
fates = st.fixed_dictionaries(
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
strangers = st.tuples(st.sampled_from(DIVISIONS), days, amounts, st.sampled_from(["EUR", "USD"]))


def approved(n: int, fate: dict[str, Any]) -> Approved:
    amount, division = fate["amount"], fate["division"]
    return Approved(
        id=OrderId(f"o{n}"),
        number=f"PO-{n}",
        state="approved" if fate["is_approved"] else "cancelled",
        is_approved=fate["is_approved"],
        day=fate["day"],
        total=None if amount is None else Money(amount, fate["currency"]),
        vendor="V",
        subsidiary=Reference(id=f"sub-{division}") if division else Reference(),
    )


def record(n: int, fate: dict[str, Any]) -> Record | None:
    state = fate["state"]
    if state == "unknown":
        return None
    problem = {"code": "SOME_CODE", "record": "r", "cause": "c.", "remedy": "d."}
    facts: dict[str, Any] = {"division": fate["division"], "title": f"PO-{n}"}
    facts["problems"] = [problem] if fate["has_problem"] else []
    if state in {"posted", "amending"}:
        line = {"Item": ITEM, "QuantityInPurchaseUnits": 1, "UnitPrice": float(fate["amount"] or 1)}
        facts["exact"] = {"id": f"e{n}", "number": str(n), "amount": None}
        facts["division"] = fate["division"] or DIVISIONS[0]
        facts["body"] = {"Currency": fate["currency"], "PurchaseOrderLines": [line]}
        if fate["day"]:
            facts["body"]["OrderDate"] = fate["day"].isoformat()
        facts["posted_at"] = datetime(2026, 11, 3 if fate["is_new"] else 1, tzinfo=UTC).isoformat()
    found = Record(ID, order_key(OrderId(f"o{n}")), state, facts)
    return replace(found, received_at="2026-10-31T23:59:59+00:00")


def exact(n: int, fate: dict[str, Any]) -> ExactOrder | None:
    if fate["state"] not in {"posted", "amending"} or fate["in_exact"] == "gone":
        return None
    price = fate["amount"] or Decimal(1)
    if fate["in_exact"] == "dearer":
        price += 1
    currency = "GBP" if fate["in_exact"] == "other currency" else fate["currency"]
    day = date(2026, 11, 1) if fate["in_exact"] == "moved" else fate["day"]
    remarks = marker(ID, OrderId(f"o{n}"), "1")
    line = ExactLine(Guid(f"l{n}"), 1, ITEM, Decimal(1), price)
    return ExactOrder(
        Guid(f"e{n}"), str(n), Guid("s"), currency, price, price, day, remarks=remarks,
        lines=(line,),
    )  # fmt: skip


def reconciled(
    drawn: Sequence[dict[str, Any]], others: Sequence[tuple[Division, date, Decimal, str]]
) -> tuple[Matching, list[Line]]:
    matching = Matching(
        CONNECTION, MONTH, dict.fromkeys(DIVISIONS, READ_AT), lambda _, supplier: supplier
    )
    matching.take_airbase(approved(n, f) for n, f in enumerate(drawn) if f["is_listed"])
    records = [r for n, f in enumerate(drawn) if (r := record(n, f))]
    lines = [*matching.take_ledger(records), *matching.missing()]
    for division in DIVISIONS:
        known = [
            e
            for n, f in enumerate(drawn)
            if (e := exact(n, f)) and (f["division"] or DIVISIONS[0]) == division
        ]
        known += [
            ExactOrder(Guid(f"x{n}"), f"x{n}", Guid("s"), currency, amount, amount, day)
            for n, (at, day, amount, currency) in enumerate(others)
            if at == division
        ]
        lines += matching.take_exact(division, known)
    return matching, [*lines, *matching.left()]


def of_month(n: int, fate: dict[str, Any]) -> bool:
    """Say it again in other words: is this an approved order of October?"""
    if not (fate["is_listed"] and fate["is_approved"]):
        return False
    if fate["day"] is None:
        return str(fate["state"]) != "unknown"  # it came to us on the last second of October
    return bool(fate["day"].month == 10)


@settings(max_examples=300, deadline=None)
@given(st.lists(fates, max_size=12), st.lists(strangers, max_size=4))
def test_categories_part_the_orders_and_totals_add_up(
    drawn: list[dict[str, Any]], others: list[tuple[Division, date, Decimal, str]]
) -> None:
    matching, lines = reconciled(drawn, others)
    wanted = {f"o{n}": f for n, f in enumerate(drawn) if of_month(n, f)}
    ours = [line for line in lines if line.category != "only_in_exact"]
    assert sorted(line.order for line in ours) == sorted(wanted), "each once, and no other"
    undated = {
        f"o{n}" for n, f in enumerate(drawn)
        if f["is_listed"] and f["is_approved"] and f["day"] is None and f["state"] == "unknown"
    }  # fmt: skip
    assert {order.id for order in matching.undated} == undated

    totals = add_up(lines)
    for currency in ("EUR", "USD"):
        approved_ = sum(
            (f["amount"] for f in wanted.values() if f["currency"] == currency and f["amount"]),
            Decimal(0),
        )
        whole = [t for t in totals if t.is_all and t.currency == currency]
        assert sum((t.airbase.airbase for t in whole), Decimal(0)) == approved_
        apart = [t for t in totals if not t.is_all and t.currency == currency]
        assert sum((t.airbase.airbase for t in apart), Decimal(0)) == approved_
    counted = sum(t.by_category[c].orders for t in totals if t.is_all for c in CATEGORIES)
    assert counted == len(lines)
    in_exact = sum((line.exact.amount for line in lines if line.exact), Decimal(0))
    assert sum((t.exact.exact for t in totals if t.is_all), Decimal(0)) == in_exact


@settings(max_examples=200, deadline=None)
@given(st.lists(fates, min_size=1, max_size=6))
def test_only_what_is_alike_on_both_sides_is_equal(drawn: list[dict[str, Any]]) -> None:
    _, lines = reconciled(drawn, [])
    fates_ = {f"o{n}": f for n, f in enumerate(drawn)}
    for line in lines:
        fate = fates_.get(line.order)
        if fate is None:
            continue
        is_posted = fate["state"] in {"posted", "amending"}
        is_alike = fate["in_exact"] in {"as posted", "moved"} and fate["amount"] is not None
        expected = is_posted and is_alike and not fate["has_problem"]
        if fate["amount"] is not None:
            assert (line.category == "equal") is expected, (line, fate)
        if line.category == "not_compared":
            assert fate["in_exact"] == "gone"
            assert fate["is_new"]
        if not is_posted and fate["state"] not in {"unknown", "set_aside"}:
            assert line.category == "waiting"
