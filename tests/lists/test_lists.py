"""Lists as spreadsheets of five countries save them are read; ours are read back cell by cell."""

import csv
import datetime as dt
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_connector.lists import workbooks
from ml_connector.lists.cells import OddCell, escaped, unescaped
from ml_connector.lists.known_codes import KnownCodes, same_code, spreadsheet_form
from ml_connector.lists.reading import InvalidLine, TableRow, read_rows, read_table
from ml_connector.lists.writing import write_list
from ml_connector.user_errors import UserError

ROOT = Path(__file__).parents[2]
ROWS = [["code", "naam"], ["007", "Crème brûlée"], ["4.10", "Müller, Söhne; GmbH"]]


def text(delimiter: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(ROWS)
    return out.getvalue()


def workbook(*rows: tuple[object, ...], change: Callable[..., None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    if change:
        change(book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


VARIANTS = {
    "UTF-8": text().encode(),
    "UTF-8 with a mark, semicolons": text(";").encode("utf-8-sig"),
    "ANSI, semicolons": text(";").encode("cp1252"),
    "ANSI, tabs": text("\t").encode("cp1252"),
    "Unicode text of Excel": text("\t").encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + text(";").encode("utf-16-be"),
    "UTF-16 without a mark": text(";").encode("utf-16-le"),
    "UTF-16, big end first, without a mark": text(";").encode("utf-16-be"),
    "UTF-32": text(";").encode("utf-32"),
    "sep=": ("sep=;\r\n" + text(";")).encode(),
    "sep= in quotes, with a mark": ('"sep=;"\n' + text(";")).encode("utf-8-sig"),
    "sep= a tab": ("SEP=\t\r\n" + text("\t")).encode("cp1252"),
    "sep= another sign": ("sep=|\r\n" + text("|")).encode(),
    "line ends of an old Macintosh": text(";", "\r").encode(),
    "empty lines before, and separators alone": ("\r\n;;\r\n" + text(";")).encode(),
    "empty columns behind": text(";").replace("\r\n", ";;;\r\n").encode(),
    "zeros kept by a formula": text(";").replace("007", '="007"').encode(),
    "xlsx": workbook(*map(tuple, ROWS)),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_list_is_read_as_it_was_saved(tmp_path: Path, variant: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(VARIANTS[variant])
    found = list(read_table(path, ("code", "naam")))
    assert all(isinstance(row, TableRow) for row in found)
    assert [list(row.cells.values()) for row in found if isinstance(row, TableRow)] == [
        row + [""] * (len(found[0].cells) - 2) if isinstance(found[0], TableRow) else []
        for row in ROWS[1:]
    ]


def other_zip(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def with_part(name: str, data: bytes) -> bytes:
    """Return a workbook of which a part was replaced."""
    out = io.BytesIO()
    source = zipfile.ZipFile(io.BytesIO(workbook(("code", "naam"), ("1", "x"))))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in source.namelist():
            archive.writestr(each, data if each == name else source.read(each))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
ENTITY = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet><sheetData>&a;</sheetData></worksheet>'
WRONG = {
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an .xls workbook"),
    "xlsb": (other_zip("xl/workbook.bin"), "an .xlsb workbook"),
    "macros": (other_zip("xl/workbook.xml", "xl/vbaProject.bin"), "a workbook with macros"),
    "OpenDocument": (other_zip("mimetype", "content.xml"), "an OpenDocument file"),
    "a document": (other_zip("word/document.xml"), "a Word document"),
    "an archive": (other_zip("a.csv"), "is an archive, but not a workbook"),
    "a broken archive": (b"PK\x03\x04" + bytes(100), "is a broken archive"),
    "a PDF": (b"%PDF-1.7\n", "is a PDF"),
    "a web page named xls": (b"\n<html><table>", "is a web page"),
    "XML": (b"<?xml version='1.0'?><Workbook/>", "is an XML file"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256)), "is not text"),
    "MS-DOS text": ("code,naam\n1,Café\n2,Köln\n".encode("cp850"), "line 2: is neither UTF-8"),
    "UTF-8 and ANSI in one": (
        "code,naam\n1,é\n".encode() + b"2,\xe9\n", "line 3: is neither UTF-8"
    ),
    "half a character of UTF-16": (b"\xff\xfec\x00o", "is not UTF-16 text"),
    "a bomb": (with_part(SHEET, b"<x>" + b" " * 60_000_000 + b"</x>"), "unpacks to 60,"),
    "entities": (with_part(SHEET, ENTITY), "has XML entities"),
    "broken XML": (with_part(SHEET, b"<worksheet><row>"), "cannot be read as a workbook"),
    "nothing": (b"", "is empty; the first line names the columns code, naam"),
    "other columns": (b"code;name\n1;2", "lacks the column naam; it has code, name"),
    "an open quote": (b'code;naam\n1;"x', "line 2: unexpected end of data"),
    "a column twice": (b"code;naam;code\n", "has the column code twice"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_no_list_is_refused_in_words(tmp_path: Path, case: str) -> None:
    path = tmp_path / "list.xlsx"
    data, said = WRONG[case]
    path.write_bytes(data)
    with pytest.raises(UserError) as found:
        list(read_table(path, ("code", "naam")))
    (line,) = found.value.lines
    assert line.startswith("list.xlsx")
    assert said in line


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(WRONG["a bomb"][0])
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(UserError, match="unpacks to"):
        list(read_rows(path))


CELLS: dict[str, tuple[object, str]] = {
    "text": ("007", "007"),
    "a number": (7, "7"),
    "a number without decimals": (4400.0, "4400"),
    "a fraction": (0.21, "0.21"),
    "words": ("Crème _x0041_ brûlée", "Crème _x0041_ brûlée"),
}
ODD: dict[str, tuple[object, str]] = {
    "a date": (dt.datetime(2026, 1, 2), "is a date or time, 2026-01-02"),
    "a truth": (True, "is the logical value True"),
    "sixteen digits": (1234567890123456, "more than 15 digits"),
    "a formula never calculated": ("=1+1", "is a formula without a value"),
    "an error": ("#N/A", "is the error #N/A"),
}


@pytest.mark.parametrize("case", ODD)
def test_a_cell_that_is_no_value_is_named(tmp_path: Path, case: str) -> None:
    path = tmp_path / "list.xlsx"
    value, said = ODD[case]
    path.write_bytes(workbook(("code", "naam"), (), ("1", "x"), (value, value)))
    good, bad = read_table(path, ("code", "naam"))
    assert isinstance(good, TableRow)
    assert isinstance(bad, InvalidLine)
    assert (bad.number, bad.text.startswith("cell A4 (code) ")) == (4, True)
    assert said in bad.text
    (_, row) = read_table(path, ("code", "naam"), plain=())
    assert isinstance(row, TableRow)
    assert isinstance(row.cells["naam"], OddCell)


def test_numbers_and_texts_of_a_workbook_are_codes(tmp_path: Path) -> None:
    def zeros(book: openpyxl.Workbook) -> None:
        sheet = book["Sheet"]
        sheet["A2"].number_format = "00000"
        book.create_sheet("Other").append(("not", "this"))

    path = tmp_path / "list.xlsx"
    rows = (("code", "naam"), (42, "shown as 00042"), (7, "7"), (4400.0, "4400"), (0.21, "0.21"))
    path.write_bytes(workbook(*rows, change=zeros))
    assert [cells for _, cells in read_rows(path)][1:] == [
        ["00042", "shown as 00042"], ["7", "7"], ["4400", "4400"], ["0.21", "0.21"],
    ]  # fmt: skip


def test_the_first_visible_sheet_is_read(tmp_path: Path) -> None:
    def hide(book: openpyxl.Workbook) -> None:
        book.create_sheet("Shown").append(["b"])
        book["Sheet"].sheet_state = "hidden"

    path = tmp_path / "list.xlsx"
    path.write_bytes(workbook(("a",), change=hide))
    assert list(read_rows(path)) == [(1, ["b"])]


RAGGED = {
    "only the last, for people": ("1;2;3", ["1", "2", "3", ""]),
    "more, all empty": ("1;2;3;4;;;", ["1", "2", "3", "4"]),
    "more": ("1;2;3;4;5", "has 5 cells, the header has 4"),
    "less than needed": ("1;2", "has 2 cells, the header has 4"),
}


@pytest.mark.parametrize("case", RAGGED)
def test_only_cells_that_nobody_needs_may_be_missing(tmp_path: Path, case: str) -> None:
    path = tmp_path / "list.csv"
    row, expected = RAGGED[case]
    path.write_text(f"a;b;c;for people\n{row}\n")
    (found,) = read_table(path, ("a", "b", "c"))
    if isinstance(found, TableRow):
        assert list(found.cells.values()) == expected
    else:
        assert found == InvalidLine(2, str(expected))


# --- What is written --------------------------------------------------------------------------

HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff201",
    "Xq;=1+1", "Xq;\uff1d1",
    "a\t=1", "a\n+1", "a\r\n@x", "a;'=1", 'a;"=1', "; =1", " =1", "\t=1", "'=1", "''=1", "a;\n=1",
)  # fmt: skip


def formulas(line: str, delimiter: str) -> list[str]:
    """Return what a spreadsheet with this separator takes for formulas in a line of ours."""
    rows = csv.reader(io.StringIO(line, newline=""), delimiter=delimiter)
    found = (cell for row in rows for cell in row)
    return [
        cell
        for cell in found
        if re.match(r"[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20]", cell)
        and not re.match(r"[\s\"]*'", cell)
    ]


@pytest.mark.parametrize("cell", HOSTILE)
def test_no_cell_is_a_formula_wherever_the_line_is_cut(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "list.csv"
    write_list(path, ("one", "two"), [(cell, f"x {cell}"), (f"{cell};{cell}", cell)])
    written = path.read_text("utf-8-sig")
    for delimiter in ",;\t":
        for line in (written, *written.splitlines()):
            assert formulas(line, delimiter) == []
    path = tmp_path / "list.xlsx"
    write_list(path, ("one",), [(cell,)])
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    assert (sheet["A2"].data_type, sheet["A2"].number_format) == ("s", "@")


def test_names_are_not_disfigured() -> None:
    for name in ("'t Hart", "d'Or", "a-b", "R&D = research", "x; y", "two\nlines", "50% + 1"):
        assert escaped(name) == name


_CELL = st.text(st.sampled_from("=+-@;\t\n\r' \"ab,|\uff1d_x0\x01") | st.characters(codec="utf-8"))


@given(st.text(st.sampled_from("=-;\t\n\r' \"a"), max_size=9))
def test_an_escaped_cell_is_read_back(cell: str) -> None:
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@given(rows=st.lists(st.tuples(_CELL, _CELL), max_size=4))
@example(rows=[(cell, cell) for cell in HOSTILE])
@example(rows=[("007", "_x000D_"), ("5,96E+07", "\r"), ("", "\x00")])
def test_our_own_lists_are_read_back_cell_by_cell(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, rows: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("lists") / f"list{suffix}"
    write_list(path, ("one", "two"), rows)
    kept = [list(row) for row in rows if any(cell.strip() for cell in row)]
    assert [cells for _, cells in read_rows(path)][1:] == kept
    assert all(not isinstance(cell, OddCell) for _, cells in read_rows(path) for cell in cells)


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx", "list"])
def test_a_list_is_for_its_owner_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("older")
    path.chmod(0o644)
    write_list(path, ("one",), [("x",)])
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["list.xls", "list.ods", "LIST.XLSM", "list.pdf", "nowhere/list.csv"]
)
def test_other_files_are_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError):
        write_list(tmp_path / name, ("one",), [])
    assert list(tmp_path.iterdir()) == []


def test_what_a_workbook_cannot_hold_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="row 2 has a cell of 40,000 characters"):
        write_list(tmp_path / "a.xlsx", ("one",), [("x" * 40_000,)])
    monkeypatch.setattr(workbooks, "_MOST_ROWS", 2)
    with pytest.raises(UserError, match="rows at most"):
        write_list(tmp_path / "a.xlsx", ("one",), [("x",), ("y",)])
    assert list(tmp_path.iterdir()) == []


def test_only_a_workbook_loads_its_library(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    code = (
        "import sys; from pathlib import Path; from ml_connector.lists.reading import read_rows; "
        "from ml_connector.lists.writing import write_list; path = Path(sys.argv[1]); "
        "write_list(path, ['a'], [['b']]); list(read_rows(path)); print('openpyxl' in sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(ROOT / "layers/connector")},
    )  # fmt: skip
    assert run.stdout == "False\n"
    for layer in ("connector", "console"):
        assert "openpyxl" not in (ROOT / f"layers/{layer}/requirements.txt").read_text()


# --- Codes that a spreadsheet has changed -----------------------------------------------------

KNOWN = KnownCodes(["007", "7A", "4400", "59600123", "2-1", "MRT-5", "4.10", "0010", "10"])
CHANGED = {
    "7": ["007"], "4.400": ["4400"], "4 400": ["4400"], "4.400,00": ["4400"], "4400,0": ["4400"],
    "4,1": ["4.10"], "10": ["10", "0010"], "7a": ["7A"], "8": [], "5,96E+07": [], "02-jan": [],
}  # fmt: skip
POSSIBLE = {
    "5,96E+07": ["59600123"], "5.96E+07": ["59600123"], "5,97E+07": [], "02-jan": ["2-1"],
    "2-Jan": ["2-1"], "02-janv": ["2-1"], "02.01.2026": ["2-1"], "05-mrt": ["MRT-5"],
    "5-mars": ["MRT-5"], "05-Mär": ["MRT-5"], "03-feb": [],
}  # fmt: skip


@pytest.mark.parametrize("shown", CHANGED)
def test_a_code_is_recognised_that_lost_nothing_but_its_form(shown: str) -> None:
    assert KNOWN.same(shown) == CHANGED[shown]
    assert all(same_code(shown, code) for code in CHANGED[shown])


@pytest.mark.parametrize("shown", POSSIBLE)
def test_what_a_lost_code_may_have_been(shown: str) -> None:
    assert KNOWN.possible(shown) == POSSIBLE[shown]


def test_the_forms_of_a_spreadsheet_are_told_from_codes() -> None:
    shown = {one: bool(spreadsheet_form(one)) for one in (*POSSIBLE, "1E5", "Travel", "jan", "7")}
    assert [one for one, is_form in shown.items() if not is_form] == [
        "02.01.2026", "1E5", "Travel", "jan", "7",
    ]  # fmt: skip
