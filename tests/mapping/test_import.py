"""An import applies its full file or nothing; importing an export changes nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.firm import BE
from local.in_memory.environment import FIRM
from ml_connector.domain.ids import Division, code_of
from ml_connector.infrastructure.ledger import CONNECTION, Conflict
from ml_connector.lists.cells import escaped
from ml_connector.lists.writing import write_list
from ml_connector.mapping import files
from ml_connector.mapping import import_export as verbs
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.mapping.conftest import Write, order_to_map
from tests.person_stack import PERSON, PersonStack

NL = Division("nl.2101")
BE_KEY = Division("nl.2102")


def mappings(stack: PersonStack, division: Division = NL) -> dict[str, dict[str, str]]:
    found = whole(stack).division(division)
    assert found is not None
    return found.mappings.model_dump()


def whole(stack: PersonStack) -> Connection:
    """Return the connection with all its mappings."""
    return stack.services.connections.whole(stack.connection(FIRM))


def refused(stack: PersonStack, path: Path) -> tuple[str, ...]:
    """Import a file that must be refused; return the errors, and check that nothing changed."""
    before, trail = stack.connection(FIRM), len(stack.services.ledger_of(FIRM).trail(CONNECTION))
    with pytest.raises(UserError) as found:
        verbs.import_(stack, stack.actor, FIRM, path)
    assert stack.connection(FIRM) == before
    assert len(stack.services.ledger_of(FIRM).trail(CONNECTION)) == trail
    return found.value.lines


def test_an_order_is_posted_once_its_values_are_mapped(fresh: PersonStack, tmp_path: Path) -> None:
    """Refused, exported, filled in, imported: then posted automatically."""
    env = fresh.env
    env.exact.add_supplier(code_of(NL), "Nieuwkomer", code="300")
    env.wait(hours=5)
    order = order_to_map(env)
    assert env.post(order).state == "review"
    path = tmp_path / "map.csv"
    verbs.export(fresh.services_of(FIRM), path)
    vendor = env.firm.vendors["Nieuwkomer Catering"]["airbase_id"]
    answers = {"Reizen": "4100", "mkt": "MKT", "High": "5", "Net 30": "30", vendor: "300"}
    text = path.read_text("utf-8")
    for airbase, exact in answers.items():
        assert f",{airbase},," in text
        text = text.replace(f",{airbase},,", f",{airbase},{exact},")
    path.write_text(text, encoding="utf-8")
    done = verbs.import_(fresh, fresh.actor, FIRM, path)
    assert (len(done.changes), done.queued) == (5, 1)
    env.work()
    assert env.record(order).state == "posted"
    (posted,) = env.in_exact()
    assert (posted["PaymentCondition"].strip(), posted["lines"][0]["CostCenter"]) == ("30", "MKT")


def test_the_changes_are_audited_with_their_actor(fresh: PersonStack, write_file: Write) -> None:
    path = write_file("2101,gl_accounts,acc-x44,4400,", "2101,cost_centres,Marketing,MKT,")
    verbs.import_(fresh, fresh.actor, FIRM, path)
    entry = fresh.services.ledger_of(FIRM).trail(CONNECTION)[-1]
    assert (entry.step, entry.actor) == ("mappings_changed", PERSON)
    assert entry.detail["changes"] == [
        {
            "division": "nl.2101",
            "kind": "gl_accounts",
            "airbase": "acc-x44",
            "before": "",
            "after": "4400",
        },
        {
            "division": "nl.2101",
            "kind": "cost_centres",
            "airbase": "Marketing",
            "before": "",
            "after": "MKT",
        },
    ]
    assert (
        fresh.services.ledger_of(FIRM).find_break(fresh.services.ledger_of(FIRM).read(CONNECTION))
        is None
    )


def test_an_empty_exact_removes_and_another_one_replaces(
    fresh: PersonStack, write_file: Write
) -> None:
    lines = ("2101,gl_accounts,a,4100,", "2101,gl_accounts,b,4200,", "2102,gl_accounts,a,4100,")
    verbs.import_(fresh, fresh.actor, FIRM, write_file(*lines))
    done = verbs.import_(
        fresh, fresh.actor, FIRM, write_file("2101,gl_accounts,a,,", "2101,gl_accounts,b,4300,")
    )
    assert [(c.airbase, c.before, c.after) for c in done.changes] == [
        ("a", "4100", ""),
        ("b", "4200", "4300"),
    ]
    assert mappings(fresh)["gl_accounts"] == {"b": "4300"}
    assert mappings(fresh, Division("nl.2102"))["gl_accounts"] == {"a": "4100"}


def test_a_dry_run_shows_and_changes_nothing(fresh: PersonStack, write_file: Write) -> None:
    before = fresh.connection(FIRM)
    path = write_file("2101,gl_accounts,a,4100,")
    done = verbs.import_(fresh, fresh.actor, FIRM, path, dry_run=True)
    assert [(c.airbase, c.after) for c in done.changes] == [("a", "4100")]
    assert fresh.connection(FIRM) == before
    assert fresh.services.ledger_of(FIRM).trail(CONNECTION) == []


def test_an_item_may_be_named_by_its_code(fresh: PersonStack, write_file: Write) -> None:
    verbs.import_(fresh, fresh.actor, FIRM, write_file("2101,items,4800,TRIP-2,"))
    table = fresh.env.exact.world.divisions[2101].table("logistics/Items")
    (id,) = [key for key, row in table.items() if row["Code"] == "TRIP-2"]
    assert mappings(fresh)["items"] == {"4800": id}
    again = verbs.import_(
        fresh, fresh.actor, FIRM, write_file(f"2101,items,4800,{{{id.upper()}}},")
    )
    assert again.changes == []


BAD = {
    "an account that is not there": ("2101,gl_accounts,a,4242,", "UNKNOWN_GL_ACCOUNT"),
    "a blocked account": ("2101,gl_accounts,a,4600,", "GL_ACCOUNT_BLOCKED"),
    "an item of another account": ("2101,items,4100,TRIP-1,", "MAPPED_ITEM_UNUSABLE"),
    "an item on stock": ("2101,items,4700,LAPTOP,", "MAPPED_ITEM_UNUSABLE"),
    "an item that is not there": ("2101,items,4100,NONE,", "no item of division nl.2101"),
    "an item for no account": ("2101,items,4242,TRIP-1,", "UNKNOWN_GL_ACCOUNT"),
    "a cost centre that is not there": ("2101,cost_centres,a,ZZ,", "UNKNOWN_COST_CENTRE"),
    "a closed cost centre": ("2101,cost_centres,a,OLD,", "COST_CENTRE_BLOCKED"),
    "a cost unit for a cost centre": ("2101,cost_centres,a,SPR,", "UNKNOWN_COST_CENTRE"),
    "a cost unit that is not there": ("2101,cost_units,a,ZZ,", "UNKNOWN_COST_UNIT"),
    "a project that is not there": ("2101,projects,a,ZZ,", "UNKNOWN_PROJECT"),
    "a VAT code that is not there": ("2101,vat_codes,a,ZZ,", "UNKNOWN_VAT_CODE"),
    "a VAT code of the other basis": ("2101,vat_codes,a,I21,", "VAT_CODE_BASIS"),
    "a VAT code for sales": ("2101,vat_codes,a,S,", "VAT_CODE_NOT_FOR_PURCHASE"),
    "a payment condition": ("2101,payment_conditions,a,99,", "UNKNOWN_PAYMENT_CONDITION"),
    "a supplier that is not there": ("2101,suppliers,a,999,", "SUPPLIER_GONE"),
    "a blocked supplier": ("2101,suppliers,a,199,", "SUPPLIER_BLOCKED"),
    "an unknown division": ("9,gl_accounts,a,4100,", "example-firm has no division 9"),
    "no division": (",gl_accounts,a,4100,", "names no division"),
    "an unknown kind": ("2101,colours,a,red,", "'colours' is not a kind"),
    "no Airbase value": ("2101,gl_accounts, ,4100,", "has no Airbase value"),
    "too few cells": ("2101,gl_accounts", "has 2 cells, the header has 5"),
    "a subsidiary of an unknown division": (",subsidiaries,sub-new,9,", "has no division 9"),
    "no subsidiary": (",subsidiaries,,2101,", "names no subsidiary"),
    "a subsidiary of two": ("2102,subsidiaries,sub-new,2101,", "given under exact only"),
    "the last subsidiary": (",subsidiaries,sub-be,2101,", "left without a subsidiary"),
    "no subsidiary left": (",subsidiaries,sub-be,,", "left without a subsidiary"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_line_that_an_order_could_not_use_is_refused(
    stack: PersonStack, write_file: Write, case: str
) -> None:
    line, message = BAD[case]
    good = "2101,gl_accounts,x,4100,"
    (error,) = refused(stack, write_file(good, line, good))
    assert error.startswith("map.csv, line 3: ")
    assert message in error


def test_every_error_is_listed_with_its_line(stack: PersonStack, write_file: Write) -> None:
    """Errors of form and of content together."""
    bad = [line for line, _ in BAD.values() if "items,4" not in line and "sub-be" not in line]
    lines = [line.replace(",a,", f",a{number},") for number, line in enumerate(bad)]
    errors = refused(stack, write_file(*lines, ",subsidiaries,sub-be,,"))
    assert [line.split(":")[0] for line in errors] == [
        f"map.csv, line {number}" for number in range(2, len(lines) + 3)
    ]


def test_contradicting_lines_are_refused_and_repeated_lines_are_not(
    fresh: PersonStack, write_file: Write
) -> None:
    lines = ("2101,gl_accounts,a,4100,", "2101,gl_accounts,a,4200,")
    (error,) = refused(fresh, write_file(*lines))
    assert error == "map.csv, line 3: maps 'a' to '4200', line 2 to '4100'"
    done = verbs.import_(fresh, fresh.actor, FIRM, write_file(lines[0], lines[0]))
    assert len(done.changes) == 1


FORMS = {
    "a BOM and semicolons": "\ufeffDivision;Kind;Airbase;Exact\r\n2101;gl_accounts;a,b;4100\r\n",
    "tabs": "division\tkind\tairbase\texact\n2101\tgl_accounts\ta,b\t4100\n",
    "quotes and spaces": 'kind,airbase,exact,division\nGL_ACCOUNTS ," a,b ", 4100 , 2101\n',
    "blank lines and comments beside": (
        '\n\ndivision,kind,airbase,exact,name,why\n,,,,,\n2101,gl_accounts,"a,b",4100,x,y\n\n'
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_many_csv_formats_are_read(fresh: PersonStack, tmp_path: Path, form: str) -> None:
    path = tmp_path / "map.csv"
    path.write_text(FORMS[form], encoding="utf-8", newline="")
    verbs.import_(fresh, fresh.actor, FIRM, path)
    assert mappings(fresh)["gl_accounts"] == {"a,b": "4100"}


def test_lines_are_counted_through_quoted_line_breaks(
    stack: PersonStack, write_file: Write
) -> None:
    path = write_file('2101,gl_accounts,"two\nlines",4100,"and\nmore"', "2101,gl_accounts,a,4242,")
    assert refused(stack, path)[0].startswith("map.csv, line 5: UNKNOWN_GL_ACCOUNT")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: is empty; the first line names the columns division, kind, airbase, exact"),
        (b"division,kind,airbase\n", "line 1: lacks the column exact; it has division"),
        (b"division,kind,airbase,exact,exact\n", "line 1: has the column exact twice"),
        (b"division,kind,airbase,exact\n1,2,\xff\xc3\xa9,4\n", "line 2: is neither UTF-8"),
        (b'division,kind,airbase,exact\n1,2,"3"x,4\n', "line 2: "),
        (b'division,kind,airbase,exact\n1,2,"3,4\n', "line 2: "),
    ],
)
def test_an_invalid_file_is_refused(
    stack: PersonStack, tmp_path: Path, data: bytes, message: str
) -> None:
    path = tmp_path / "map.csv"
    path.write_bytes(data)
    (error,) = refused(stack, path)
    assert message in error


def test_a_value_that_is_too_long_is_refused(stack: PersonStack, write_file: Write) -> None:
    (error,) = refused(stack, write_file(f"2101,gl_accounts,{'a' * 2001},4100,"))
    assert error.endswith("line 2: has a value of more than 2000 characters")


def test_a_missing_file_is_refused(stack: PersonStack, tmp_path: Path) -> None:
    assert "No such file" in refused(stack, tmp_path / "none.csv")[0]
    assert refused(stack, tmp_path)


def test_a_concurrent_change_is_not_overwritten(
    fresh: PersonStack, write_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = fresh.env.config(mappings={"gl_accounts": {"theirs": "4200"}})
    theirs = Connection.model_validate(config)
    read = files.read

    def meanwhile(path: Path) -> Any:
        fresh.services.connections.save(theirs)
        return read(path)

    monkeypatch.setattr(files, "read", meanwhile)
    with pytest.raises(Conflict):
        verbs.import_(fresh, fresh.actor, FIRM, write_file("2101,gl_accounts,mine,4100,"))
    assert whole(fresh) == theirs
    steps = [entry.step for entry in fresh.services.ledger_of(FIRM).trail(CONNECTION)]
    assert steps == ["mappings_changed", "mappings_not_changed"]
    monkeypatch.undo()
    verbs.import_(fresh, fresh.actor, FIRM, write_file("2101,gl_accounts,mine,4100,"))
    assert mappings(fresh)["gl_accounts"] == {"theirs": "4200", "mine": "4100"}


def test_a_division_that_was_never_read_cannot_be_checked(
    fresh: PersonStack, write_file: Write
) -> None:
    fresh.env.memory.tables.reference.delete(f"{FIRM}#nl.2101", "reading#sync/CRM/Accounts")
    (error,) = refused(fresh, write_file("2101,gl_accounts,a,4100,"))
    assert f"not read yet: `connector refresh {FIRM} nl.2101`" in error


def test_a_subsidiary_gets_a_division_and_its_orders_are_posted(
    fresh: PersonStack, write_file: Write
) -> None:
    env = fresh.env
    order = env.order()
    order["subsidiary"] = env.airbase.subsidiaries["sub-new"]
    assert env.post(order).state == "review"
    assert env.codes(order) == ["UNKNOWN_SUBSIDIARY"]
    done = verbs.import_(fresh, fresh.actor, FIRM, write_file(",subsidiaries,sub-new,2102,"))
    assert done.queued == 1
    env.work()
    assert (env.record(order).state, len(env.in_exact(BE))) == ("posted", 1)
    assert fresh.connection(FIRM).divisions[1].subsidiaries == ("sub-be", "sub-new")
    verbs.import_(fresh, fresh.actor, FIRM, write_file(",subsidiaries,sub-new,2101,"))
    served = {d.division: d.subsidiaries for d in fresh.connection(FIRM).divisions}
    assert (served[NL], served[BE_KEY]) == (("sub-nl", "sub-new"), ("sub-be",))
    verbs.import_(fresh, fresh.actor, FIRM, write_file(",subsidiaries,sub-new,,"))
    assert fresh.connection(FIRM).divisions[0].subsidiaries == ("sub-nl",)


def test_a_subsidiary_that_is_served_elsewhere_gets_no_division(
    fresh: PersonStack, write_file: Write
) -> None:
    settings = fresh.connection(FIRM).model_dump(mode="json")
    settings["served_elsewhere"] = [{"subsidiary": "sub-new", "where": "by hand"}]
    fresh.services.connections.save(Connection.model_validate(settings))
    (error,) = refused(fresh, write_file(",subsidiaries,sub-new,2101,"))
    assert "sub-new is served by a division and elsewhere" in error
    (row,) = [
        each for each in verbs.show(fresh.services_of(FIRM)).rows if each.airbase == "sub-new"
    ]
    assert (row.state, row.exact_name.endswith("is served elsewhere: by hand")) == ("mapped", True)


def test_two_divisions_may_swap_their_subsidiaries(fresh: PersonStack, write_file: Write) -> None:
    verbs.import_(
        fresh,
        fresh.actor,
        FIRM,
        write_file(",subsidiaries,sub-nl,2102,", ",subsidiaries,sub-be,2101,"),
    )
    served = {d.division: d.subsidiaries for d in fresh.connection(FIRM).divisions}
    assert (served[NL], served[BE_KEY]) == (("sub-be",), ("sub-nl",))


# ---------------------------------------------------------------- properties

_WORDS = st.one_of(
    st.text(max_size=12).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text)),
    st.sampled_from(["=1+1", "@x", "-5", "+3", "'quoted", "''", "a,b", 'say "a"', "two\nlines",
                     "cr\rhere", "crlf\r\n", " spaced ", "\ttab", "\ufeffbom", "a;b", "4100"]),
)  # fmt: skip
_GOOD = {
    "gl_accounts": ["4100", "4200", "4500"],
    "cost_centres": ["MKT", "OPS"],
    "cost_units": ["SPR"],
    "vat_codes": ["5", "6"],
    "payment_conditions": ["30"],
    "suppliers": ["101", "102"],
}
_TABLES = st.fixed_dictionaries(
    {kind: st.dictionaries(_WORDS, _WORDS, max_size=4) for kind in (*_GOOD, "items", "projects")}
)
_LINES = st.lists(
    st.sampled_from(sorted(_GOOD)).flatmap(
        lambda kind: st.tuples(
            st.sampled_from(["2101", "2102", "9"] if kind == "colours" else ["2101", "2101", "9"]),
            st.just(kind),
            st.sampled_from(["a", "b", "=c"]),
            st.sampled_from([*_GOOD[kind], *_GOOD[kind], "", "4600", "nothing"]),
        )
    ),
    max_size=6,
)
_OFTEN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def restored(stack: PersonStack) -> Iterator[PersonStack]:
    before = whole(stack)
    yield stack
    stack.services.connections.save(before)


@_OFTEN
@given(tables=_TABLES)
def test_importing_an_export_changes_nothing(
    restored: PersonStack, tmp_path: Path, tables: dict[str, dict[str, str]]
) -> None:
    config = restored.env.config(mappings=tables)
    connection = Connection.model_validate(config)
    restored.services.connections.save(connection)
    path = tmp_path / "map.csv"
    verbs.export(restored.services_of(FIRM), path)
    assert verbs.import_(restored, restored.actor, FIRM, path).changes == []
    assert whole(restored) == connection
    lines, invalid = files.read(path)
    kept = {(line.division, line.kind, line.airbase): line.exact for line in lines if line.exact}
    for division in connection.divisions:
        for kind, table in division.mappings.model_dump().items():
            for key, exact in table.items():
                if key and exact:
                    assert kept[str(division.division), kind, key] == exact
    assert invalid == []


@_OFTEN
@given(lines=_LINES)
def test_an_import_is_applied_in_full_or_not_at_all(
    restored: PersonStack, tmp_path: Path, lines: list[tuple[str, str, str, str]]
) -> None:
    start = Connection.model_validate(
        restored.env.config(mappings={"gl_accounts": {"a": "4200", "z": "4242"}})
    )
    restored.services.connections.save(start)
    path = tmp_path / "map.csv"
    write_list(path, files.COLUMNS, [(*line, "") for line in lines])
    expected = start.model_dump(mode="json")
    for _, kind, airbase, exact in lines:
        table = expected["divisions"][0]["mappings"][kind]
        table.pop(airbase, None)
        if exact:
            table[airbase] = exact
    try:
        verbs.import_(restored, restored.actor, FIRM, path)
    except UserError:
        assert whole(restored) == start
    else:
        assert whole(restored).model_dump(mode="json") == expected
        assert all(exact in {*_GOOD[kind], ""} for _, kind, _, exact in lines)
        assert all(division == "2101" for division, *_ in lines)


@given(cells=st.lists(st.tuples(*[_WORDS] * 5), max_size=5))
def test_cells_are_escaped_for_spreadsheets_and_read_back(
    cells: list[tuple[str, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cells") / "map.csv"
    write_list(path, files.COLUMNS, cells)
    lines, invalid = files.read(path)
    found = [(x.division, x.kind, x.airbase, x.exact) for x in lines]
    assert found == [row[:4] for row in cells if any(c.strip() for c in row)]
    assert invalid == []
    assert escaped("=1") == "'=1"
