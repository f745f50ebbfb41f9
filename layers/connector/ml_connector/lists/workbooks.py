"""Read and write xlsx workbooks. Only who handles one imports this: the deployed layer does not.

A workbook is a zip of XML files, so what it claims to unpack to is checked before it is unpacked,
and its XML may define no entities.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from io import BytesIO
from itertools import chain
from typing import IO, Any

import openpyxl
from defusedxml import DefusedXmlException
from openpyxl.cell import WriteOnlyCell

from ml_connector.lists.cells import OddCell
from ml_connector.user_errors import UserError

_LARGEST = 400_000_000
"""Bytes, unpacked: what 100,000 vendors in three divisions need."""
_MOST_PARTS = 2_000
_PACKED_AT_MOST = 150  # to one: a sheet of equal cells; a bomb has a thousand
_SMALL = 2_000_000
_MOST_ROWS = 1_048_576
_LONGEST_CELL = 32_767  # characters, in Excel
_ZEROS = re.compile("0+")
_MOST_DIGITS = 15  # of a number in Excel
# How a workbook's XML has characters that XML cannot have, and a text that looks like one.
_CODED = re.compile("_x([0-9A-Fa-f]{4})_")
_TO_CODE = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_SAVE_AS = "save it as .xlsx or CSV"
_OTHERS = {
    "xl/workbook.bin": "an .xlsb workbook",
    "xl/vbaProject.bin": "a workbook with macros",
    "content.xml": "an OpenDocument file",
    "word/document.xml": "a Word document",
    "Index/Document.iwa": "a Numbers document",
}


def workbook_rows(name: str, data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of the first visible sheet, counted from 1; `name` is the file's, for errors.

    A cell that is a date, a formula without a value or the like is an `OddCell`.
    """
    _check(name, data)
    try:
        shown = _sheet(name, data, values=True)
        formulas = _sheet(name, data, values=False)
        for row, (cells, sources) in enumerate(zip(shown, formulas, strict=True), 1):
            yield row, [_text(cell, source) for cell, source in zip(cells, sources, strict=True)]
    except UserError:
        raise
    except Exception as error:  # noqa: BLE001  openpyxl raises whatever a broken part leads to
        what = "cannot be read as a workbook"
        if any(isinstance(each, DefusedXmlException) for each in (error, error.__cause__)):
            what = "has XML entities, which no spreadsheet writes"
        raise UserError(f"{name}: {what}: {_SAVE_AS}") from None


def write_workbook(
    file: IO[bytes], columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Write a workbook of texts, so that no zero is lost and nothing is a formula.

    Raise `UserError` for what a workbook cannot hold.
    """
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("List")
    sheet.freeze_panes = "A2"
    for number, row in enumerate(chain((columns,), rows), 1):
        if number > _MOST_ROWS:
            raise UserError(
                f"a workbook has {_MOST_ROWS:,} rows at most: name a file ending in .csv"
            )
        sheet.append([_cell(sheet, number, cell) for cell in row])
    book.save(file)


def _check(name: str, data: bytes) -> None:
    """Raise `UserError` for what is no workbook, or would not be small enough when unpacked."""
    try:
        parts = zipfile.ZipFile(BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UserError(f"{name}: is a broken archive: {_SAVE_AS}") from None
    names = {part.filename for part in parts}
    for sign, what in _OTHERS.items():
        if sign in names:
            raise UserError(f"{name}: is {what}: {_SAVE_AS}")
    if "xl/workbook.xml" not in names:
        raise UserError(f"{name}: is an archive, but not a workbook: {_SAVE_AS}")
    size = sum(part.file_size for part in parts)
    dense = any(
        part.file_size > _SMALL and part.file_size > _PACKED_AT_MOST * max(part.compress_size, 1)
        for part in parts
    )
    if size > _LARGEST or len(parts) > _MOST_PARTS or dense or len(names) < len(parts):
        raise UserError(f"{name}: unpacks to {size:,} bytes, which is not a list: {_SAVE_AS}")
    if any(part.flag_bits & 1 for part in parts):
        raise UserError(f"{name}: has a password: save it without one")


def _sheet(name: str, data: bytes, *, values: bool) -> Iterator[tuple[Any, ...]]:
    book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=values, keep_links=False)
    visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not visible:
        raise UserError(f"{name}: has no visible sheet")
    sheet = visible[0]
    sheet.reset_dimensions()  # what it claims to hold may be wrong
    yield from sheet.iter_rows()


def _text(cell: Any, source: Any) -> str:
    value = cell.value
    if value is None:
        is_formula = source.value is not None
        return OddCell("=", "is a formula without a value: give the value") if is_formula else ""
    if isinstance(value, bool):
        return OddCell(str(value).upper(), f"is the logical value {value}: enter it as text")
    if isinstance(value, datetime | date | time | timedelta):
        shown = value.date() if isinstance(value, datetime) and not value.time() else value
        return OddCell(
            str(value), f"is a date or time, {shown}: format the cell as text, enter it again"
        )
    if isinstance(value, int | float):
        return _number(value, cell.number_format)
    text = _CODED.sub(lambda found: chr(int(found.group(1), 16)), str(value))
    if cell.data_type == "e":
        return OddCell(text, f"is the error {text}: give the value")
    return text


def _number(value: float, form: str) -> str:
    if value != int(value):
        return repr(value)
    digits = str(int(value))
    if len(digits.lstrip("-")) > _MOST_DIGITS:
        return OddCell(
            digits, f"is a number of more than {_MOST_DIGITS} digits, which Excel rounds"
        )
    return digits.zfill(len(form)) if _ZEROS.fullmatch(form) else digits


def _cell(sheet: Any, number: int, value: object) -> Any:
    text = "" if value is None else str(value)
    if len(text) > _LONGEST_CELL:
        raise UserError(
            f"row {number} has a cell of {len(text):,} characters, more than a workbook holds: "
            "name a file ending in .csv"
        )
    coded = _TO_CODE.sub(lambda found: f"_x{ord(found.group()):04X}_", text)
    cell = WriteOnlyCell(sheet, coded)
    cell.data_type = "s"  # not a formula, whatever it begins with
    cell.number_format = "@"
    return cell
