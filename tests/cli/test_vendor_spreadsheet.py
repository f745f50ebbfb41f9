"""Vendor decisions in a spreadsheet: exported, filled in, imported; all or nothing."""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.firm import NL
from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Conflict, Ledger
from ml_connector.vendors.review.decisions import link as link_by_hand
from ml_connector.vendors.review.spreadsheet_import import import_spreadsheet
from tests.cli.vendor_terminal import VendorTerminal
from tests.person_stack import PERSON, PersonStack
from tests.vendors.crashes import Crashed, CrashInjector
from tests.vendors.vendor_environment import CODE, Row, VendorEnvironment

HEADER = (
    "airbase_id,name,division,exact_id,exact_code,exact_name,decision,rule,score,candidates,"
    "evidence,decided_by,decided_at"
)


@pytest.fixture
def firm(caplog: pytest.LogCaptureFixture) -> Iterator[VendorEnvironment]:
    caplog.set_level("CRITICAL")
    yield VendorEnvironment()
    clock.read_from(clock.MovableClock())


@pytest.fixture
def sheet(firm: VendorEnvironment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Sheet":
    stack = PersonStack(firm)
    monkeypatch.setattr("connector_cli.commands.common.open_stack", lambda _: stack)
    return Sheet(firm, VendorTerminal(firm.work), tmp_path / "vendors.csv")


class Sheet:
    """A spreadsheet file that is exported, edited and imported."""

    def __init__(self, firm: VendorEnvironment, terminal: VendorTerminal, path: Path) -> None:
        self.firm = firm
        self.terminal = terminal
        self.path = path

    def export(self) -> list[dict[str, str]]:
        self.terminal.type("export", FIRM, "--out", str(self.path))
        self.firm.clock.move(1)
        return self.rows()

    def rows(self) -> list[dict[str, str]]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def write(self, rows: list[dict[str, str]], **dialect: Any) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), **dialect)
        writer.writeheader()
        writer.writerows(rows)
        self.path.write_text(text.getvalue(), encoding="utf-8", newline="")

    def decide(self, *changes: tuple[Row, dict[str, str]]) -> None:
        """Export, and change the rows of these vendors."""
        rows = self.export()
        for vendor, change in changes:
            row_of(rows, vendor).update(change)
        self.write(rows)

    def import_(self, *words: str) -> dict[str, Any]:
        """Import the file."""
        found: dict[str, Any] = self.terminal.type(
            "import", FIRM, str(self.path), "--json", *words
        ).data
        return found

    def refused(self) -> list[str]:
        """Import a file that must be refused and change nothing; return the errors."""
        before = state(self.firm)
        said = self.terminal.refused("vendors", "import", FIRM, str(self.path)).splitlines()
        assert state(self.firm) == before
        assert self.firm.memory.queues.waiting == []
        return [line.removeprefix("connector: vendors.csv, ") for line in said]


def row_of(rows: list[dict[str, str]], vendor: Row) -> dict[str, str]:
    return next(row for row in rows if row["airbase_id"] == vendor["id"])


def state(firm: VendorEnvironment) -> list[Any]:
    tables = firm.memory.tables
    return [table.items() for table in (tables.mappings, tables.ledger, tables.audit)]  # type: ignore[attr-defined]


def test_every_vendor_has_a_row_for_each_division(firm: VendorEnvironment, sheet: Sheet) -> None:
    linked, supplier = firm.pair()
    proposed, best = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    nobody = firm.vendor('Nobody; "knows"\nit')
    firm.open()
    rows = sheet.export()
    assert ",".join(rows[0]) == HEADER
    assert len(rows) == 9
    row = row_of(rows, linked)
    assert (row["name"], row["division"]) == ("Kanimo B.V.", "nl.2101")
    assert (row["exact_id"], row["exact_code"], row["exact_name"]) == (
        supplier,
        "901",
        "Kanimo B.V.",
    )
    assert (row["decision"], row["rule"], row["evidence"]) == ("link", "name", "same name")
    row = row_of(rows, proposed)
    assert (row["exact_id"], row["decision"], row["score"]) == (best, "review", "1.0000")
    assert row["candidates"] == "902 Zorendis V.O.F. (1.00)"
    row = row_of(rows, nobody)
    assert (row["name"], row["decision"]) == ('Nobody; "knows" it', "none")
    assert row["exact_id"] == row["decided_at"] == ""
    link_by_hand(firm.services_of(), firm.person, CODE, firm.vendor_id(proposed), best)
    row = row_of(sheet.export(), proposed)
    assert (row["decision"], row["decided_by"]) == ("link", "anna")
    assert row["decided_at"].startswith("2026-")


def test_decisions_are_applied_and_waiting_orders_are_posted(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    accepted, best = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    rejected, other = firm.vendor("Lindex Nova"), firm.supplier("Lindex Nova SRL", "903")
    apart, _ = firm.pair()
    by_code, chosen = firm.vendor("Trade name"), firm.supplier("Legal name", "904")
    firm.open()
    order = firm.order("PO-7", NL, vendor="Trade name")
    assert firm.post(order).state == "review"
    changes = (
        (accepted, {"decision": "LINK"}),
        (rejected, {"decision": " reject "}),
        (apart, {"decision": "unlink"}),
        (by_code, {"decision": "link", "exact_code": "904"}),
    )
    sheet.decide(*changes)
    before = state(firm)
    found = sheet.import_("--dry-run")
    assert (found["link"], found["reject"], found["unlink"], found["unchanged"]) == (2, 1, 1, 6)
    assert state(firm) == before
    printed = sheet.terminal.type("import", FIRM, str(sheet.path), "--dry-run").out
    assert "reject Lindex Nova: 903 Lindex Nova SRL (line " in printed
    assert printed.endswith(
        "2 links, 1 rejection and 1 unlink would be made; 6 rows change nothing.\n"
    )
    assert sheet.import_() == {**found, "dry_run": False}
    assert firm.supplier_of(accepted) == best
    assert firm.supplier_of(by_code) == chosen
    assert firm.link(apart) is None
    assert firm.offered(rejected) == []
    assert firm.record(order).state == "posted"
    link = firm.link(accepted)
    assert link is not None
    assert (link.decided_by, link.evidence[0]) == (PERSON, "proposed as name")
    trail = sheet.terminal.type("show", FIRM, accepted["id"], "--json").data["trail"]
    assert (trail[-1]["actor"], trail[-1]["detail"]["reason"][-14:]) == (PERSON, "of vendors.csv")
    firm.reconcile()
    assert firm.offered(rejected) == []
    assert firm.link(apart) is None
    settled = state(firm)
    assert sheet.import_()["decisions"] == []
    assert state(firm) == settled
    assert other


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\N{ZERO WIDTH NO-BREAK SPACE}" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text + "\n\n;;;;;;;;;;;;\n",
    ],
    ids=["BOM", "Windows line ends", "blank lines"],
)
def test_every_format_in_which_spreadsheets_save_is_read(
    firm: VendorEnvironment, sheet: Sheet, change: Callable[[str], str]
) -> None:
    vendor = firm.vendor('Zoren\ndis; "x"')
    supplier = firm.supplier("Legal name", "00902")
    firm.open()
    rows = sheet.export()
    row_of(rows, vendor).update(decision="link", exact_id=supplier.upper(), exact_code="902")
    sheet.write(rows, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\n")
    sheet.path.write_text(change(sheet.path.read_text("utf-8")), encoding="utf-8", newline="")
    assert sheet.import_()["link"] == 1
    assert firm.supplier_of(vendor) == supplier


def test_what_looks_like_a_formula_is_text(firm: VendorEnvironment, sheet: Sheet) -> None:
    names = ["=HYPERLINK(1)", "+31", "-1", "@SUM(A1)", "'=1", "\uff1d2", "'t Hoekje"]
    vendors = [firm.vendor(name) for name in names]
    firm.open()
    shown = [row_of(sheet.export(), vendor)["name"] for vendor in vendors]
    whole = ["'=HYPERLINK(1)", "'+31", "'-1", "'@SUM(A1)", "''=1", "'\uff1d2", "'t Hoekje"]
    assert shown == whole
    assert sheet.import_()["unchanged"] == len(sheet.rows())
    sheet.decide((vendors[0], {"exact_code": "=A1", "decision": "link"}))
    assert sheet.refused()[0].endswith("(exact_code) is a formula: give the value itself")


def test_every_wrong_line_is_named_and_nothing_is_applied(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    good, _ = firm.vendor("Good one"), firm.supplier("Quite good", "910")
    linked, supplier = firm.pair()
    firm.supplier("Lindex SRL", "903", Blocked=True)
    firm.vendor("Zorendis")
    firm.supplier("Zorendis V.O.F.", "902")
    cases: dict[str, dict[str, str]] = {
        "SUPPLIER_UNKNOWN: 4711": {"decision": "link", "exact_code": "4711"},
        "SUPPLIER_UNUSABLE: 903": {"decision": "link", "exact_code": "903"},
        "SUPPLIER_TAKEN: 901": {"decision": "link", "exact_id": supplier},
        "names no supplier": {"decision": "link"},
        "names no supplier: fill": {"decision": "reject"},
        "clear the wrong one": {
            "decision": "link", "exact_id": supplier, "exact_code": "903",
        },
        "NOT_LINKED": {"decision": "unlink"},
        "has no decision": {"exact_code": "910"},
        "the connection has no division 9; it has nl.2101": {"division": "9", "decision": "link"},
        "VENDOR_UNKNOWN: nobody": {"airbase_id": "nobody", "decision": "unlink"},
    }  # fmt: skip
    rival = firm.vendor("Rival")
    vendors = [firm.vendor(f"Vendor {at}") for at in range(len(cases))]
    firm.open()
    sheet.decide(
        (good, {"decision": "link", "exact_code": "910"}),
        (rival, {"decision": "link", "exact_code": "910"}),
        (linked, {"decision": "unlink", "exact_code": "903", "exact_id": ""}),
        *zip(vendors, cases.values(), strict=True),
    )
    rows = sheet.rows()
    said = sheet.refused()
    for at, text in enumerate(cases):
        line = next(n for n, row in enumerate(rows, 2) if row["name"] == f"Vendor {at}")
        assert any(each.startswith(f"line {line}: ") and text in each for each in said), text
    assert any("linked to another supplier than the row names" in each for each in said)
    assert sum("SUPPLIER_TAKEN: 910 Quite good" in each for each in said) == 1
    assert len(said) == len(cases) + 2
    lines = [int(each.split(":")[0].removeprefix("line ")) for each in said]
    assert lines == sorted(lines)


def test_unreadable_cells_are_reported_by_line(firm: VendorEnvironment, sheet: Sheet) -> None:
    firm.open()
    first = ("x", "", "2101", "", "", "", "none", "", "", "", "", "", "")

    def wrong(*rows: tuple[str, ...]) -> list[str]:
        lines = [HEADER, *(",".join(row) for row in rows)]
        sheet.path.write_text("\n".join(lines), encoding="utf-8")
        return sheet.refused()

    def cell(at: int, text: str) -> tuple[str, ...]:
        return (*first[:at], text, *first[at + 1 :])

    assert wrong(cell(0, ""), cell(2, "north"), cell(6, "perhaps"), cell(12, "yesterday")) == [
        "line 2: has no airbase_id",
        "line 3: 'north' is not a division",
        "line 4: 'perhaps' is not a decision: use one of link, reject, unlink",
        "line 5: decided_at was edited: leave it as exported",
    ]
    assert wrong(first, first) == ["line 3: vendor x in division nl.2101 is on line 2 already"]
    assert wrong(first[:4]) == ["line 2: has 4 cells, the header has 13"]
    assert wrong(cell(1, '"two\nlines"'), first[:4])[0].startswith("line 4: ")
    for text, said in {
        "": "is empty; the first line names the columns",
        "airbase_id,division": "lacks the columns exact_id, exact_code, decision",
        f"{HEADER},decision": "has the column decision twice",
        f'{HEADER}\n"': "unexpected end of data",
    }.items():
        sheet.path.write_text(text, encoding="utf-8")
        (line,) = sheet.refused()
        assert said in line
    sheet.path.write_bytes(HEADER.encode() + b"\n\xff\xc3\xa9")
    assert sheet.refused()[0].startswith("line 2: is neither UTF-8 nor ANSI text")
    sheet.path.unlink()
    assert "No such file" in sheet.refused()[0]
    assert "there is no folder" in sheet.terminal.wrong("export", FIRM, "--out", "/nowhere/a.csv")


def test_a_row_that_somebody_else_changed_since_is_refused(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    vendor, _ = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    other = firm.supplier("Legal name", "903")
    linked, _ = firm.pair()
    firm.open()
    changes = ((vendor, {"decision": "link"}), (linked, {"decision": "unlink"}))
    sheet.decide(*changes)
    firm.clock.move(60)
    terminal = sheet.terminal
    terminal.type("link", FIRM, vendor["id"], other, "--reason", "they use this one")
    terminal.type("link", FIRM, linked["id"], "901", "--reason", "checked")
    said = sheet.refused()
    assert len(said) == 2
    assert all("was changed since the export, at 2026-" in line for line in said)
    assert all(f"by {PERSON}: export again" in line for line in said)
    sheet.decide(*changes[1:])
    assert sheet.import_()["unlink"] == 1
    sheet.decide((vendor, {"decision": "unlink"}))
    firm.clock.move(60)
    terminal.type("unlink", FIRM, vendor["id"], "--reason", "was wrong")
    assert sheet.import_()["decisions"] == []


def test_a_proposal_that_was_rejected_since_is_not_linked(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    vendor = firm.vendor("Zorendis")
    suppliers = [firm.supplier("Zorendis V.O.F.", "902"), firm.supplier("Zorendis NV", "903")]
    firm.open()
    sheet.decide((vendor, {"decision": "link"}))
    firm.clock.move(60)
    best = row_of(sheet.rows(), vendor)["exact_id"]
    assert best in suppliers
    sheet.terminal.type("reject", FIRM, vendor["id"], "--supplier", best, "--reason", "no")
    assert "was changed since the export" in sheet.refused()[0]


def test_a_company_that_stands_twice_gets_its_supplier_twice_and_no_other_company_does(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    one, again = firm.vendor("Kanimo Techniek B.V."), firm.vendor("KANIMO TECHNIEK BV")
    other = firm.vendor("Zorendis Bouw B.V.")
    supplier = firm.supplier("Nova Lindex", "901")
    firm.open()
    to = {"decision": "link", "exact_id": "", "exact_code": "901"}
    sheet.decide((one, to), (again, to), (other, to))
    assert {"SUPPLIER_TAKEN: 901 Nova Lindex" in each for each in sheet.refused()} == {True}
    sheet.decide((one, to), (again, to), (other, {"decision": "", "exact_code": ""}))
    assert sheet.import_()["link"] == 2
    rows = sheet.export()
    linked = [row for row in rows if row["exact_id"] == supplier and row["decision"] == "link"]
    assert {row["airbase_id"] for row in linked} == {one["id"], again["id"]}


def test_a_supplier_moves_from_one_vendor_to_another_in_one_file(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    (a, x), (b, y) = firm.pair("Kanimo B.V.", "901"), firm.pair("Zorendis V.O.F.", "902")
    c = firm.vendor("Third")
    free = firm.supplier("Nova Lindex", "903")
    firm.open()
    to = {"decision": "link", "exact_id": ""}
    sheet.decide((a, {**to, "exact_code": "902"}), (b, {**to, "exact_code": "901"}))
    said = sheet.refused()
    assert ["SUPPLIER_TAKEN" in line for line in said] == [True, True]
    sheet.decide(
        (a, {**to, "exact_code": "902"}),
        (b, {**to, "exact_code": "903"}),
        (c, {**to, "exact_code": "901"}),
    )
    assert sheet.import_()["link"] == 3
    assert [firm.supplier_of(each) for each in (a, b, c)] == [y, free, x]
    sheet.decide((a, {"decision": "unlink"}), (c, {**to, "exact_code": "902"}))
    sheet.import_()
    assert [firm.supplier_of(each) for each in (a, b, c)] == [x, free, y], "x is free, and certain"


def test_a_link_in_doubt_is_confirmed_only_by_a_row_that_showed_the_doubt(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    vendor, supplier = firm.pair()
    firm.open()
    sheet.export()
    firm.change_account(supplier, Name="Quite another B.V.")
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert sheet.import_()["decisions"] == []
    assert firm.open_codes(vendor) == ["NAME_CHANGED"]
    assert row_of(sheet.export(), vendor)["decision"] == "review"
    sheet.decide((vendor, {"decision": "link"}))
    assert sheet.import_()["link"] == 1
    assert firm.open_codes(vendor) == []


def test_a_link_with_a_deleted_side_is_exported_and_unlinked(
    firm: VendorEnvironment, sheet: Sheet
) -> None:
    vendor, _ = firm.pair()
    other, lost = firm.pair("Zorendis V.O.F.", "902")
    firm.open()
    firm.airbase.remove_vendor(vendor)
    firm.receive_webhook(vendor)
    firm.remove_account(lost)
    rows = sheet.export()
    assert row_of(rows, other)["exact_id"] == lost
    assert sheet.import_()["decisions"] == []
    sheet.decide((vendor, {"decision": "link"}))
    assert sheet.import_()["decisions"] == [], "it is linked to it"
    sheet.decide((vendor, {"decision": "unlink"}), (other, {"decision": "reject"}))
    sheet.import_()
    assert (firm.link(vendor), firm.link(other)) == (None, None)


def test_an_import_that_is_killed_is_completed_by_importing_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ends = set()
    write, is_over = 0, False
    while not is_over:
        write += 1
        firm, vendors, _ = furnished_firm()
        stack = PersonStack(firm)
        monkeypatch.setattr("connector_cli.commands.common.open_stack", lambda _, s=stack: s)
        sheet = Sheet(firm, VendorTerminal(lambda: None), tmp_path / "vendors.csv")
        order = firm.order("PO-7", NL, vendor="Nova Lindex")
        assert firm.post(order).state == "review"
        a, b, c, _d = vendors
        sheet.decide(
            (a, {"decision": "unlink"}),
            (b, {"decision": "link", "exact_id": "", "exact_code": "901"}),
            (c, {"decision": "link"}),
        )
        crashes = CrashInjector(firm)
        crashes.arm(write)
        try:
            import_spreadsheet(stack, stack.actor, FIRM, sheet.path)
            is_over = True
        except Crashed:
            crashes.disarm()
            sheet.import_()
        crashes.disarm()
        firm.work()
        firm.reconcile()
        assert firm.record(order).state == "posted"
        ends.add(tuple(firm.supplier_of(vendor) for vendor in vendors))
    assert write > 5
    assert len(ends) == 1


def test_a_refusal_during_an_import_reports_how_far_it_came(
    firm: VendorEnvironment, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendors = [firm.vendor(name) for name in ("Zorendis", "Nova Lindex")]
    suppliers = [firm.supplier(f"{v['name']} V.O.F.", f"90{n}") for n, v in enumerate(vendors)]
    firm.open()
    sheet.decide(*((vendor, {"decision": "link"}) for vendor in vendors))
    saving, times = firm.services_of().vendor_links.saving, iter((False, True))

    def then_blocked(*given: Any) -> Any:
        if next(times):
            return saving(*given)
        writes = saving(*given)
        data = firm.services_of().reference_store(CODE)
        for id in suppliers:
            supplier = data.get("supplier", id, Supplier)
            assert supplier
            data.store("supplier", [replace(supplier, is_blocked=True)])
        return writes

    monkeypatch.setattr(firm.services_of().vendor_links, "saving", then_blocked)
    said = sheet.terminal.wrong("import", FIRM, str(sheet.path), code=3)
    assert "1 of 2 decisions were made, then line " in said
    assert "SUPPLIER_UNUSABLE" in said
    assert "import the file again" in said


def test_the_import_waits_for_a_worker_at_the_same_vendor(
    firm: VendorEnvironment, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor, supplier = firm.vendor("Zorendis"), firm.supplier("Zorendis V.O.F.", "902")
    firm.open()
    sheet.decide((vendor, {"decision": "link"}))
    write, refusals = Ledger.write, iter((True, True, False))

    def busy(*given: Any, **named: Any) -> Any:
        if next(refusals):
            raise Conflict(vendor["id"])
        return write(*given, **named)

    monkeypatch.setattr(Ledger, "write", busy)
    assert sheet.terminal.ok("vendors", "import", FIRM, str(sheet.path), "--json").data["link"] == 1
    assert firm.supplier_of(vendor) == supplier


# ------------------------------------------------------------ properties

SUPPLIERS = ["A", "B", "C"]
CHANGES = st.one_of(
    st.just({}),
    st.sampled_from(["link", "reject", "unlink"]).map(lambda decision: {"decision": decision}),
    st.builds(
        lambda decision, key: {"decision": decision, "exact_id": key, "exact_code": ""},
        st.sampled_from(["link", "link", "reject"]),
        st.sampled_from(SUPPLIERS),
    ),
    st.fixed_dictionaries(
        {
            "decision": st.sampled_from(["link", "reject", "unlink", "review", "none", "perhaps"]),
            "exact_id": st.sampled_from(["", "nonsense", *SUPPLIERS]),
            "exact_code": st.sampled_from(["", "901", "902", "903", "904", "4711"]),
        }
    ),
)


def furnished_firm() -> tuple[VendorEnvironment, list[Row], dict[str, str]]:
    firm = VendorEnvironment()
    (a, x), (b, y) = firm.pair("Kanimo B.V.", "901"), firm.pair("Zorendis V.O.F.", "902")
    c, z = firm.vendor("Nova Lindex"), firm.supplier("Nova Lindex SNC", "903")
    firm.supplier("Blocked", "904", Blocked=True)
    firm.open()
    return firm, [a, b, c, firm.firm.vendors["Cloudwerk"]], {"A": x, "B": y, "C": z}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=st.lists(CHANGES, min_size=4, max_size=4))
def test_any_file_is_applied_completely_or_not_at_all(
    changes: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm, vendors, ids = furnished_firm()
    stack = PersonStack(firm)
    monkeypatch.setattr("connector_cli.commands.common.open_stack", lambda _: stack)
    sheet = Sheet(firm, VendorTerminal(lambda: None), tmp_path / "vendors.csv")
    before = sheet.export()
    sheet.decide(
        *(
            (vendor, {k: ids.get(v, v) for k, v in change.items()})
            for vendor, change in zip(vendors, changes, strict=True)
        )
    )
    before_import = state(firm)
    run = sheet.terminal.run("vendors", "import", FIRM, str(sheet.path), "--json")
    if run.exit_code:
        assert run.exit_code == 2
        assert state(firm) == before_import
        assert run.err.startswith("connector: vendors.csv, line ")
    else:
        _check_applied(firm, sheet, run.data)
        settled = state(firm)
        assert sheet.import_()["decisions"] == [], "applied decisions stay"
        assert state(firm) == settled
    now = sheet.export()
    assert [row["airbase_id"] for row in now] == [row["airbase_id"] for row in before]
    settled = state(firm)
    assert sheet.import_()["unchanged"] == len(now), "an unchanged export"
    assert state(firm) == settled
    linked = [row["exact_id"] for row in now if row["decision"] == "link"]
    assert len(linked) == len(set(linked)), "one supplier is one vendor"


def _check_applied(firm: VendorEnvironment, sheet: Sheet, done: dict[str, Any]) -> None:
    for each in done["decisions"]:
        link = firm.services_of().vendor_links.get(CODE, each["vendor"])
        supplier = link.supplier if link else None
        if each["decision"] == "link":
            assert supplier == each["supplier"]["id"]
        else:
            assert supplier != each["supplier"]["id"]
            rejected = firm.services_of().vendor_links.rejections(CODE, each["vendor"])
            assert each["supplier"]["id"] in {one.supplier for one in rejected}
    firm.work()
    firm.reconcile()
    for each in done["decisions"]:
        if each["decision"] != "link":
            link = firm.services_of().vendor_links.get(CODE, each["vendor"])
            assert not link or link.supplier != each["supplier"]["id"], "it is not linked again"
