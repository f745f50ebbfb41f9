"""Codes that a spreadsheet or a hand has changed do not pass in silence."""

from pathlib import Path

import openpyxl
import pytest

from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.domain.faults import Later
from ml_connector.mapping import import_export as verbs
from ml_connector.user_errors import UserError
from tests.mapping.conftest import Write
from tests.person_stack import PersonStack

NL = 2101


@pytest.fixture
def codes(fresh: PersonStack) -> PersonStack:
    """A firm with codes that spreadsheets change, on both sides."""
    exact, airbase = fresh.env.exact, fresh.env.airbase
    exact.add_gl_account(NL, "0042", "Travel")
    exact.add_gl_account(NL, "59600123", "Hotels")
    exact.add_cost_centre(NL, "2-1", "Sales")
    airbase.add_account("007", "Agents", id="acc-agents")
    airbase.add_account("59600456", "Hotel rooms", id="acc-hotels")
    airbase.add_account("2-1", "Sales trips", id="acc-sales")
    airbase.add_account("Travel", "Trips", id="acc-travel")
    fresh.env.wait(hours=5)
    return fresh


def changes(done: verbs.MappingImport) -> list[tuple[str, str]]:
    return [(each.airbase, each.after) for each in done.changes]


def test_a_code_that_lost_its_zeros_is_recognised_and_named(
    codes: PersonStack, write_file: Write
) -> None:
    path = write_file("2101;gl_accounts;7;42;", header="division;kind;airbase;exact;name")
    done = verbs.import_(codes, codes.actor, FIRM, path)
    assert changes(done) == [("007", "0042")]
    assert [note.removeprefix("map.csv, line 2: cell ") for note in done.notes] == [
        "C2 (airbase): '7' is read as '007', of which a spreadsheet has made it",
        "D2 (exact): '42' is read as '0042', of which a spreadsheet has made it",
    ]
    again = verbs.import_(codes, codes.actor, FIRM, path)
    assert again.changes == []


UNKNOWN = {
    "Travle": "'Travle' is unknown so far: no list and no order of Airbase has shown it; "
    "is it 'Travel'?",
    "02-jan": "it looks like a date as a spreadsheet writes it; is it '2-1'?",
    "5,96E+07": "it looks like a number as a spreadsheet shortens it; is it '59600456'?",
    "brand new": "'brand new' is unknown so far",
}


@pytest.mark.parametrize("airbase", UNKNOWN)
def test_what_airbase_has_never_shown_is_marked(
    codes: PersonStack, write_file: Write, airbase: str
) -> None:
    done = verbs.import_(
        codes, codes.actor, FIRM, write_file(f'2101,gl_accounts,"{airbase}",4100,'), dry_run=True
    )
    (note,) = done.notes
    assert note.startswith("map.csv, line 2: cell C2 (airbase): ")
    assert UNKNOWN[airbase] in note


LOST = {
    ("gl_accounts", "5,96E+07"): "UNKNOWN_GL_ACCOUNT",
    ("cost_centres", "02-jan"): "UNKNOWN_COST_CENTRE",
}


@pytest.mark.parametrize(("kind", "exact"), LOST)
def test_a_code_of_exact_that_is_lost_is_named_with_what_it_may_be(
    codes: PersonStack, write_file: Write, kind: str, exact: str
) -> None:
    codes.env.connect()
    with pytest.raises(UserError) as found:
        verbs.import_(codes, codes.actor, FIRM, write_file(f'2101,{kind},acc-4100,"{exact}",'))
    (line,) = found.value.lines
    assert line.startswith(f"map.csv, line 2: {LOST[kind, exact]}: ")
    assert "Cell D2 (exact); it looks like a" in line


def test_a_code_that_can_be_two_is_refused(codes: PersonStack, write_file: Write) -> None:
    codes.env.exact.add_gl_account(NL, "042", "Another")
    codes.env.wait(hours=5)
    with pytest.raises(UserError, match="'42' can be '0042' or '042'"):
        verbs.import_(codes, codes.actor, FIRM, write_file("2101,gl_accounts,007,42,"))


def test_zeros_survive_a_workbook(codes: PersonStack, write_file: Write, tmp_path: Path) -> None:
    verbs.import_(codes, codes.actor, FIRM, write_file("2101,gl_accounts,007,0042,"))
    out = tmp_path / "map.xlsx"
    verbs.export(codes.services_of(FIRM), out)
    sheet = openpyxl.load_workbook(out).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert ["nl.2101", "gl_accounts", "007", "0042"] in [row[:4] for row in rows]
    done = verbs.import_(codes, codes.actor, FIRM, out)
    assert (done.changes, done.notes) == ([], [])


def test_an_import_works_without_airbase_and_says_so(
    codes: PersonStack, write_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Later("OUTAGE", clock.now(), "Airbase does not answer.")

    monkeypatch.setattr(verbs, "find_usage", away)
    done = verbs.import_(codes, codes.actor, FIRM, write_file("2101,gl_accounts,new,4100,"))
    assert changes(done) == [("new", "4100")]
    (note,) = done.notes
    assert note.startswith("the Airbase side was not checked: OUTAGE: Airbase does not answer.")
