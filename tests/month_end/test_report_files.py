"""Reports are safe in a spreadsheet and in a browser, and self-contained."""

import csv
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ml_connector.clock import MovableClock
from ml_connector.domain.ids import Division
from ml_connector.domain.money import Money
from ml_connector.month_end.months import Month
from ml_connector.month_end.reconcile import ReconciledMonth
from ml_connector.month_end.report_files import COLUMNS, write_html, write_orders
from ml_connector.month_end.report_lines import ReportLine, totals_of
from ml_connector.user_errors import UserError
from tests.month_end.test_totals import CONNECTION

EVIL = "=cmd|'/c calc'!A1<script>alert(1)</script>\"&"


@pytest.fixture
def report(time: MovableClock) -> ReconciledMonth:
    euros = Money(Decimal("100.00"), "EUR")
    lines = [
        ReportLine(
            "equal", "PO-1", "o1", Division("nl.1"), date(2026, 10, 1), "V", euros, euros, "7"
        ),
        ReportLine(
            "different", EVIL, "o2", Division("nl.1"), date(2026, 10, 2), "+V", euros, None, "@8",
            why=EVIL, codes=["CHANGED_IN_EXACT"],
            differences=[{"where": "line 1", "field": "UnitPrice", "expected": "1", "found": ""}],
        ),
        ReportLine("missing", "-PO-3", "o3", None, None, airbase=Money(Decimal("1.10"), "USD")),
    ]  # fmt: skip
    return ReconciledMonth(
        connection=CONNECTION,
        month=Month(2026, 10, ("Europe/Amsterdam",)),
        made_at=datetime(2026, 10, 20, tzinfo=UTC),
        made_by="connector <b>somebody</b>",
        read_at={Division("nl.1"): datetime(2026, 10, 20, tzinfo=UTC), Division("nl.2"): None},
        lines=lines,
        totals=totals_of(lines),
        undated=[],
        unreadable_rows=0,
    )


def test_a_csv_has_one_row_per_order_and_no_formula(
    report: ReconciledMonth, tmp_path: Path
) -> None:
    path = tmp_path / "month.csv"
    write_orders(report, path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = list(csv.reader(file))
    assert tuple(header) == COLUMNS
    assert len(rows) == 3
    assert [cell for row in rows for cell in row if cell[:1] in set("=+-@")] == []
    assert rows[1][COLUMNS.index("title")] == f"'{EVIL}"
    assert rows[1][COLUMNS.index("differences")] == "line 1, UnitPrice: 1.00, in Exact nothing"
    assert rows[0][COLUMNS.index("airbase_amount")] == "100.00"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in {"src", "href"}]
        if tag not in {"meta", "col"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_page_is_complete_escaped_and_without_scripts(
    report: ReconciledMonth, tmp_path: Path
) -> None:
    path = tmp_path / "month.html"
    write_html(report, path)
    text = path.read_text("utf-8")
    page = _Page()
    page.feed(text)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "img", "link", "b", "iframe"})
    assert "@media print" in text
    assert not re.search(r"https?://", text)
    shown = " ".join(page.text)
    assert EVIL in shown
    assert "connector <b>somebody</b>" in shown
    assert "This month is not over" in shown
    assert "division nl.2 were never read" in shown
    assert shown.count("EUR 100.00") == 4


def test_a_file_that_cannot_be_written_is_an_error(report: ReconciledMonth, tmp_path: Path) -> None:
    for write in (write_orders, write_html):
        with pytest.raises(UserError, match=r"No such file|no folder"):
            write(report, tmp_path / "nowhere" / "month")


def page_of(report: ReconciledMonth, path: Path) -> str:
    write_html(report, path)
    return path.read_text("utf-8")


def test_a_page_begins_with_the_month_in_sentences(report: ReconciledMonth, tmp_path: Path) -> None:
    euros = Money(Decimal("1234567.5"), "EUR")
    twin = ReportLine(
        "possible_duplicate", "PO-1", "", Division("nl.1"), date(2026, 10, 3), "V", None, euros,
        "11", why="It was entered in Exact; it has the reference of PO-1, Exact order 7.",
    )  # fmt: skip
    lines = [*report.lines, twin]
    month = replace(report, lines=lines, totals=totals_of(lines))
    page = _Page()
    page.feed(page_of(month, tmp_path / "month.html"))
    text = " ".join(" ".join(page.text).split())
    assert "Airbase approved 3 orders in 2026-10; 1 is in Exact as approved." in text
    assert (
        "Approved are EUR 200.00; in Exact are EUR 1,234,667.50, a difference of "
        "EUR 1,234,467.50." in text
    )
    assert "1 order in Exact may be a duplicate of what was posted" in text
    assert (
        "2 orders need somebody before the month is closed: 1 different in Exact, 1 missing here."
        in text
    )
    assert text.index("Possible duplicates (1)") < text.index("Division nl.1")
    assert text.count("EUR 1,234,567.50") == 1
    assert "If both are one purchase, delete one of them in Exact." in text


def test_a_month_without_findings_says_so(report: ReconciledMonth, tmp_path: Path) -> None:
    lines = report.lines[:1]
    month = replace(report, lines=lines, totals=totals_of(lines))
    text = page_of(month, tmp_path / "month.html")
    assert "Airbase approved 1 order in 2026-10; 1 is in Exact as approved." in text
    assert "Approved are EUR 100.00; the same amount is in Exact." in text
    assert "Nothing is left to do for this month." in text


def test_columns_are_aligned_across_groups_and_people_have_names(
    report: ReconciledMonth, tmp_path: Path
) -> None:
    who = "connector arn:aws:sts::123456789012:assumed-role/AWSReservedSSO_x/jo@example.com"
    text = page_of(replace(report, made_by=who), tmp_path / "month.html")
    assert "UTC by jo@example.com." in text
    groups = re.findall(r"<colgroup>.*?</colgroup>", text)
    assert len(set(groups)) == 2
    assert groups.count(groups[-1]) == 3
    widths = [sum(map(int, re.findall(r"width: (\d+)%", each))) for each in groups]
    assert set(widths) == {100}
