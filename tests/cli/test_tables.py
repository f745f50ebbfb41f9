"""Tables fit the terminal, whatever is in their cells."""

import io
import sys

import pytest

from connector_cli.printing import print_table
from connector_cli.tables import drawn, text_width


def test_columns_are_as_wide_as_they_need() -> None:
    assert drawn(("Order", "Why"), [("PO-1", ""), ("PO-10000", "x")], "", 80).splitlines() == [
        "┏━━━━━━━━━━┳━━━━━┓",
        "┃ Order    ┃ Why ┃",
        "┡━━━━━━━━━━╇━━━━━┩",
        "│ PO-1     │     │",
        "│ PO-10000 │ x   │",
        "└──────────┴─────┘",
    ]


def test_a_title_is_in_the_middle() -> None:
    title, *_ = drawn(("Order",), [("PO-1234567",)], "Last", 80).splitlines()
    assert title == "     Last"


def test_texts_are_cut_between_words_and_lines_are_kept() -> None:
    rows = drawn(("A", "B"), [("1", "one two three\nfour")], "", 14).splitlines()[3:-1]
    assert [row.split("│")[2].strip() for row in rows] == ["one", "two", "three", "four"]
    assert [row.split("│")[1].strip() for row in rows] == ["1", "", "", ""]


@pytest.mark.parametrize(
    "cell",
    ["x" * 300, "word " * 60, "日本語の文章" * 30, "e\N{COMBINING ACUTE ACCENT}" * 200, "",
     "a\n\nb", "short", " " * 90],
)  # fmt: skip
@pytest.mark.parametrize("width", [20, 41, 80, 160])
def test_no_line_is_wider_than_the_terminal(cell: str, width: int) -> None:
    found = drawn(("Column", "Other"), [(cell, "b"), ("a", cell), (cell, cell)], "", width)
    lines = found.splitlines()
    assert len({text_width(each) for each in lines}) == 1
    assert text_width(lines[0]) <= width
    shown = "".join("".join(each.split("│")[1::2]) for each in lines if each.startswith("│"))
    assert "".join(shown.split()).count("x") in {0, 600}


def test_what_cannot_fit_is_as_narrow_as_possible() -> None:
    found = drawn(("A", "B", "C"), [("1", "2", "3")], "", 5).splitlines()
    assert found[3] == "│ 1 │ 2 │ 3 │"


def test_a_row_may_be_shorter_than_the_columns() -> None:
    assert drawn(("A", "B"), [("1",)], "", 80).splitlines()[3] == "│ 1 │   │"


def test_a_table_without_rows_shows_its_columns() -> None:
    assert drawn(("A",), [], "", 80).splitlines() == ["┏━━━┓", "┃ A ┃", "┡━━━┩", "└───┘"]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii"])
def test_output_that_cannot_show_lines_gets_plain_ones(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    print_table(("Order", "Why"), [("PO-1", "x")])
    sys.stdout.flush()
    assert written.getvalue().decode(encoding).splitlines() == [
        "+-------+-----+",
        "| Order | Why |",
        "+-------+-----+",
        "| PO-1  | x   |",
        "+-------+-----+",
    ]
