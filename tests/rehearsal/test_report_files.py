"""The report as a list and as a page: complete, private, and safe to open."""

import csv
from pathlib import Path

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.rehearsal.report_files import COLUMNS, write_html, write_orders
from tests.rehearsal.test_rehearse import october, rehearsed, type_in

ODD = "=1+1<script>alert(1)</script>"


def a_month(env: InMemoryEnvironment) -> None:
    october(env, "PO-1", "100.00")
    october(env, "PO-2", "20.00", vendor="Nieuwkomer Catering")
    october(env, "PO-3", "42.00")
    october(env, ODD, "9.00", account="9999")
    type_in(env, "42.00", YourRef="PO-3", Description="By phone")
    type_in(env, "999.00", YourRef="=2+2", supplier="Expo")


def test_the_list_has_a_row_for_each_order(firm: InMemoryEnvironment, tmp_path: Path) -> None:
    a_month(firm)
    path = tmp_path / "october.csv"
    write_orders(rehearsed(firm), path)
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert tuple(header) == COLUMNS
    by_verdict = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert by_verdict.keys() == {
        "posts", "needs_vendor", "typed_by_hand", "needs_mapping", "only_in_exact",
    }  # fmt: skip
    assert by_verdict["needs_mapping"]["title"] == f"'{ODD}"
    typed = by_verdict["typed_by_hand"]
    assert (typed["goes_through"], typed["matched_by"]) == ("yes", "number, supplier, amount")
    assert "OrderDate: 2026-10-15, typed 2026-10-16" in typed["differences"]
    assert by_verdict["needs_vendor"]["to_do"].startswith("Link the vendor to a supplier")
    assert by_verdict["only_in_exact"]["amount"] == "999.00"


def test_the_page_can_be_printed(firm: InMemoryEnvironment, tmp_path: Path) -> None:
    a_month(firm)
    path = tmp_path / "october.html"
    write_html(rehearsed(firm), path)
    assert path.stat().st_mode & 0o777 == 0o600
    page = path.read_text(encoding="utf-8")
    assert "2 of 4 orders (50.0%) would have gone through untouched: EUR 142.00." in page
    for title in ("What frees the most orders", "Typed differently by hand", "Only in Exact (1)"):
        assert title in page
    assert "<script>" not in page
    assert "Exact was not called" in page
