"""Exact hands out one row that cannot be read, or a listing of which nothing is left."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from local.firm import BE, NL
from local.office import Office
from local.simulation import Request, Response
from tests.odd_answers.hostile import (
    all_words,
    alter,
    answer_by,
    asks_for,
    exceptions,
    find_row,
    note_crashes,
    rows_in,
)

_STOPS = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="one odd row keeps the whole stream from being read, and the division stops after a day",
)
_SILENT = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an odd row crashes the worker, and nobody is told",
)
_WIPED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an empty listing wipes the codes of the division",
)
_WRONG_REMEDY = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="orders are to be corrected where a right of the user is missing",
)


@dataclass(frozen=True)
class OddRow:
    """One row of the table, read from `path`: `field` holds `value`, which it never should."""

    table: str
    path: str
    by: str
    name: str
    field: str
    value: Any
    touched: str
    """A field that somebody changes, so that the row is handed out again."""


ODD_ROWS = {
    "a supplier that ends with the calendar": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "EndDate",
        "9999-12-31T00:00:00", "City",
    ),
    "a supplier that ends soon": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "EndDate",
        "/Date(soon)/", "City",
    ),
    "a supplier without a key": OddRow(
        "crm/Accounts", "sync/CRM/Accounts", "Name", "Cloudwerk", "ID", "", "City",
    ),
    "an account with a word for a number": OddRow(
        "financial/GLAccounts", "sync/Financial/GLAccounts", "Code", "4400", "UseCostcenter",
        "perhaps", "Description",
    ),
    "an item on no account's key": OddRow(
        "logistics/Items", "sync/Logistics/Items", "Code", "COST-4400", "GLCosts",
        "4400", "Description",
    ),
    "a cost centre that ends with the calendar": OddRow(
        "hrm/Costcenters", "hrm/Costcenters", "Code", "OPS", "EndDate",
        "9999-12-31T00:00:00", "Description",
    ),
}  # fmt: skip


class Met:
    """Counts how often the odd row was handed out: a test in which it never was proves nothing."""

    def __init__(self) -> None:
        self.times = 0

    def check(self) -> None:
        if not self.times:
            raise RuntimeError("the odd row was never read")


def hand_out(office: Office, odd: OddRow) -> Met:
    """Let Exact's Dutch division hand out the odd row from now on."""
    key = find_row(office, NL.division, odd.table, odd.by, odd.name)["ID"]
    met = Met()

    def change(request: Request, value: Any) -> None:
        if not asks_for(request, odd.path, NL.division):
            return
        for row in rows_in(value):
            if str(row.get(odd.by, "")).strip() == odd.name:
                row[odd.field] = odd.value
                met.times += 1

    alter(office, change)
    office.exact.change(NL.division, odd.table, key, **{odd.touched: "Changed"})
    return met


def a_day_and_more(office: Office) -> None:
    for _ in range(10):
        office.wait(hours=3)


def met_for_a_day(office: Office, odd: OddRow) -> list[str]:
    """Let Exact hand out the odd row for more than a day; return how workers crashed."""
    office.connect()
    crashes = note_crashes(office, ValueError)
    met = hand_out(office, odd)
    a_day_and_more(office)
    met.check()
    return crashes


STREAMED = [name for name, odd in ODD_ROWS.items() if odd.path.startswith("sync/")]
LISTED = [name for name in ODD_ROWS if name not in STREAMED]


@pytest.mark.parametrize("name", [*(pytest.param(n, marks=_STOPS) for n in STREAMED), *LISTED])
def test_the_rest_of_the_division_goes_on(office: Office, name: str) -> None:
    met_for_a_day(office, ODD_ROWS[name])
    if office.post(office.order("PO-BE", BE)).state != "posted":
        raise RuntimeError("another division has stopped")
    assert office.post(office.order("PO-NL", vendor="Expo Partners")).state == "posted"


@_SILENT
@pytest.mark.parametrize("name", ODD_ROWS)
def test_the_row_is_an_exception(office: Office, name: str) -> None:
    odd = ODD_ROWS[name]
    crashes = met_for_a_day(office, odd)
    assert crashes == []
    assert any(odd.name in all_words(problem) for problem in exceptions(office)), "nobody is told"


# ---------------------------------------------------------------- nothing where there was much

LISTINGS = {
    "vat/VATCodes": "UNKNOWN_VAT_CODE",
    "cashflow/PaymentConditions": "UNKNOWN_PAYMENT_CONDITION",
    "hrm/Costcenters": "UNKNOWN_COST_CENTRE",
}


def emptied(office: Office, listing: str) -> dict[str, Any]:
    """Let a day pass in which a listing came back empty; return an order that needs a code."""
    office.connect()
    office.post(office.order("PO-0"))
    asked: list[str] = []

    def answer(request: Request) -> Response | None:
        if not (request.method == "GET" and request.path.endswith(listing)):
            return None
        asked.append(request.path)
        return Response.of_json(200, {"d": {"results": []}})

    answer_by(office, answer)
    office.wait(hours=25)
    office.wait(minutes=2)
    if not asked:
        raise RuntimeError("the listing was not read")
    tags = [office.airbase.tag("Department", "MKT")]
    order = office.order("PO-1", lines=[office.airbase.line("4100", "10.00", "x", tags=tags)])
    office.post(order)
    return order


@_WIPED
@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_not_believed(office: Office, listing: str) -> None:
    order = emptied(office, listing)
    assert LISTINGS[listing] not in office.codes(order)
    assert office.record(order).state == "posted"


@_WRONG_REMEDY
@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_told_as_a_missing_right(office: Office, listing: str) -> None:
    emptied(office, listing)
    told = [f"{problem['cause']} {problem['remedy']}" for problem in exceptions(office)]
    assert any(re.search(r"\brights?\b", text, re.IGNORECASE) for text in told), told
