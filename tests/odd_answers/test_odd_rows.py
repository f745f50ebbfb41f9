"""Exact returns one row that cannot be read, or an empty listing."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from local.firm import BE, NL
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import Request, Response
from tests.odd_answers.hostile import (
    alter,
    answer_by,
    asks_for,
    exceptions,
    find_row,
    full_text,
    record_crashes,
    rows_in,
)

_STOPS = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="one odd row keeps the stream from being read, and the division stops after a day",
)
_SILENT = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an odd row crashes the worker, without an exception",
)
_WIPED = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an empty listing wipes the codes of the division",
)
_WRONG_REMEDY = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the remedy is to correct orders, but a right of the user is missing",
)


@dataclass(frozen=True)
class OddRow:
    """One row of the table, read from `path`, with an invalid `value` in `field`."""

    table: str
    path: str
    by: str
    name: str
    field: str
    value: Any
    touched: str
    """A field to change, so that the row is read again."""


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
    "an account with a text for a number": OddRow(
        "financial/GLAccounts", "sync/Financial/GLAccounts", "Code", "4400", "UseCostcenter",
        "perhaps", "Description",
    ),
    "an item with a code for an account's key": OddRow(
        "logistics/Items", "sync/Logistics/Items", "Code", "COST-4400", "GLCosts",
        "4400", "Description",
    ),
    "a cost centre that ends with the calendar": OddRow(
        "hrm/Costcenters", "hrm/Costcenters", "Code", "OPS", "EndDate",
        "9999-12-31T00:00:00", "Description",
    ),
}  # fmt: skip


class ReadCount:
    """Counts how often the odd row was read: otherwise a test proves nothing."""

    def __init__(self) -> None:
        self.times = 0

    def check(self) -> None:
        if not self.times:
            raise RuntimeError("the odd row was never read")


def return_odd_row(env: InMemoryEnvironment, odd: OddRow) -> ReadCount:
    """Make Exact's Dutch division return the odd row from now on."""
    key = find_row(env, NL.division, odd.table, odd.by, odd.name)["ID"]
    reads = ReadCount()

    def change(request: Request, value: Any) -> None:
        if not asks_for(request, odd.path, NL.division):
            return
        for row in rows_in(value):
            if str(row.get(odd.by, "")).strip() == odd.name:
                row[odd.field] = odd.value
                reads.times += 1

    alter(env, change)
    env.exact.change(NL.division, odd.table, key, **{odd.touched: "Changed"})
    return reads


def wait_a_day(env: InMemoryEnvironment) -> None:
    for _ in range(10):
        env.wait(hours=3)


def read_for_a_day(env: InMemoryEnvironment, odd: OddRow) -> list[str]:
    """Return the odd row for more than a day; return how workers crashed."""
    env.connect()
    crashes = record_crashes(env, ValueError)
    reads = return_odd_row(env, odd)
    wait_a_day(env)
    reads.check()
    return crashes


STREAMED = [name for name, odd in ODD_ROWS.items() if odd.path.startswith("sync/")]
LISTED = [name for name in ODD_ROWS if name not in STREAMED]


@pytest.mark.parametrize("name", [*(pytest.param(n, marks=_STOPS) for n in STREAMED), *LISTED])
def test_the_rest_of_the_division_is_not_stopped(env: InMemoryEnvironment, name: str) -> None:
    read_for_a_day(env, ODD_ROWS[name])
    if env.post(env.order("PO-BE", BE)).state != "posted":
        raise RuntimeError("another division has stopped")
    assert env.post(env.order("PO-NL", vendor="Expo Partners")).state == "posted"


@_SILENT
@pytest.mark.parametrize("name", ODD_ROWS)
def test_the_row_is_an_exception(env: InMemoryEnvironment, name: str) -> None:
    odd = ODD_ROWS[name]
    crashes = read_for_a_day(env, odd)
    assert crashes == []
    assert any(odd.name in full_text(problem) for problem in exceptions(env)), (
        "no exception names it"
    )


# ---------------------------------------------------------------- an emptied listing

LISTINGS = {
    "vat/VATCodes": "UNKNOWN_VAT_CODE",
    "cashflow/PaymentConditions": "UNKNOWN_PAYMENT_CONDITION",
    "hrm/Costcenters": "UNKNOWN_COST_CENTRE",
}


def emptied(env: InMemoryEnvironment, listing: str) -> dict[str, Any]:
    """Return an empty listing for a day; return an order that needs a code."""
    env.connect()
    env.post(env.order("PO-0"))
    read: list[str] = []

    def answer(request: Request) -> Response | None:
        if not (request.method == "GET" and request.path.endswith(listing)):
            return None
        read.append(request.path)
        return Response.of_json(200, {"d": {"results": []}})

    answer_by(env, answer)
    env.wait(hours=25)
    env.wait(minutes=2)
    if not read:
        raise RuntimeError("the listing was not read")
    tags = [env.airbase.tag("Department", "MKT")]
    order = env.order("PO-1", lines=[env.airbase.line("4100", "10.00", "x", tags=tags)])
    env.post(order)
    return order


@_WIPED
@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_ignored(env: InMemoryEnvironment, listing: str) -> None:
    order = emptied(env, listing)
    assert LISTINGS[listing] not in env.codes(order)
    assert env.record(order).state == "posted"


@_WRONG_REMEDY
@pytest.mark.parametrize("listing", LISTINGS)
def test_an_emptied_listing_is_an_exception_about_a_missing_right(
    env: InMemoryEnvironment, listing: str
) -> None:
    emptied(env, listing)
    texts = [f"{problem.cause} {problem.remedy}" for problem in exceptions(env)]
    assert any(re.search(r"\brights?\b", text, re.IGNORECASE) for text in texts), texts
