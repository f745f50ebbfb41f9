"""Causes, remedies and evidence are shown with their figures as people read them."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.exception_codes.difference_words import in_words, side
from ml_connector.domain.exception_codes.readable import readable_evidence, readable_text

_DIFFERENCES = (
    "line 1, UnitPrice: 1200, in Exact 1100.5; a line, line: nothing, in Exact Ink: 1000 x 12.5; "
    "Description: 1200, in Exact 1300"
)
_IN_WORDS = (
    "line 1, UnitPrice: 1,200.00, in Exact 1,100.50; a line, line: nothing, in Exact "
    "Ink: 1,000 x 12.50; Description: 1200, in Exact 1300"
)

CAUSES: dict[str, tuple[tuple[str, str, dict[str, Any]], str]] = {
    "totals": (
        ("POSTED_AMOUNT_DIFFERS", "amounts", {"approved": "1200.00", "posted": "1452000.5"}),
        "Approved 1,200.00, in Exact 1,452,000.50 (order 10100001).",
    ),
    "differences, and more of them": (
        ("CHANGED_IN_EXACT", "more", {"differences": _DIFFERENCES, "count": 1200}),
        f"Exact order 10100001. {_IN_WORDS} and 1,200 more.",
    ),
    "a text that reads like a clause": (
        ("CHANGED_IN_EXACT", "differences", {"differences": "Notes: a; b, in Exact UnitPrice"}),
        "Exact order 10100001. Notes: a; b, in Exact UnitPrice.",
    ),
    "rows of a listing": (
        (
            "EXACT_LISTING_SHRANK", "",
            {"path": "crm/Accounts", "division": "nl.2101", "stored": 5000, "found": 1200,
             "connection": "firm"},
        ),
        "had 5,000 rows and suddenly has 1,200.",
    ),
    "sums": (
        ("TOTAL_MISMATCH", "", {"total": "EUR 1290.00", "lines": "EUR 12900.5"}),
        "EUR 12,900.50",
    ),
    "numbers of lines": (
        (
            "NO_VAT_CODE", "lines",
            {"lines": "1, 12", "order": "PO-1", "division": "nl.2101", "connection": "firm"},
        ),
        "1, 12 of PO-1",
    ),
    "a code that looks like a figure": (
        ("GL_ACCOUNT_BLOCKED", "", {"account": "4100.10", "division": "nl.2101"}),
        "The GL account 4100.10 is blocked",
    ),
    "a name that looks like an amount": (
        ("UNKNOWN_VENDOR", "", {"vendor": "TOP 1000", "division": "nl.2101"}),
        "The vendor TOP 1000 is not linked",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_shown_with_figures_in_words(name: str) -> None:
    (code, detail, values), shown = CAUSES[name]
    found = problem(code, "PO-1", detail, **{"number": 10100001, **values})
    assert shown in readable_text(code, found.cause)


def test_a_text_of_another_version_stays_as_it_is() -> None:
    assert readable_text("POSTED_AMOUNT_DIFFERS", "It was 1200.00.") == "It was 1200.00."
    assert readable_text("NO_SUCH_CODE", "1200.00") == "1200.00"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("received", "2026-10-31T09:05:12.123456+00:00", "2026-10-31 09:05 UTC"),
        ("received", "2026-10-31T10:05:12+01:00", "2026-10-31 09:05 UTC"),
        ("total", "EUR 1200.5", "EUR 1,200.50"),
        ("vendor", "TOP 1000", "TOP 1000"),
        ("gl_account", "4100.10", "4100.10"),
        ("orders", ["PO-1", "PO-2"], "PO-1; PO-2"),
        ("is_read", True, "yes"),
        ("request_id", None, ""),
        ("count", 3, "3"),
        (
            "differences",
            [
                {"where": "line 2", "field": "UnitPrice", "expected": "1200", "found": ""},
                {"where": "", "field": "total", "expected": "EUR 1200.00", "found": "EUR 900.00"},
            ],
            "line 2, UnitPrice: 1,200.00, in Exact nothing; "
            "total: EUR 1,200.00, in Exact EUR 900.00",
        ),
    ],
)
def test_evidence_is_shown_in_words(name: str, value: object, shown: str) -> None:
    assert readable_evidence(name, value) == shown


def test_a_difference_names_the_other_side_and_keeps_what_is_no_figure() -> None:
    typed = {"where": "", "field": "AmountFC", "expected": "1200000", "found": "0.125"}
    assert in_words(typed, "typed") == "AmountFC: 1,200,000.00, typed 0.125"
    assert side("UnitPrice", "see the offer") == "see the offer"
    assert side("QuantityInPurchaseUnits", "12000.5") == "12,000.5"
    assert side("Item", "") == "nothing"


def test_a_delay_says_when_it_is_over_as_people_write_it() -> None:
    until = datetime(2026, 10, 31, 10, 5, 12, 345, tzinfo=timezone(timedelta(hours=1)))
    said = str(delay("EXACT_UNAVAILABLE", until, "status", status=503))
    assert said.endswith("(again at 2026-10-31 09:05:12 UTC)")
