"""An exported trail is verified independently, and any change to the file is found."""

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.audit import export_files as audit_files
from ml_connector.audit import export_rows as audit_exports
from ml_connector.audit import record_rows
from ml_connector.audit.export_rows import read_period
from ml_connector.audit.record_rows import ExportPeriod
from ml_connector.clock import MovableClock
from ml_connector.domain.audit_chain import Anchor, seal
from ml_connector.domain.ids import ConnectionId, OrderId, RecordKey
from ml_connector.domain.records import OrderState
from ml_connector.infrastructure.data_form import DataForm
from ml_connector.infrastructure.ledger import CONNECTION, AnyRecord, Ledger, order_key
from ml_connector.user_errors import UserError
from tests.person_stack import PersonStack

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_audit.py"
FIRM = ConnectionId("firm")
FORMS = ("jsonl", "csv")
ODD = (
    "=1+1",
    "+1",
    "-1",
    "@x",
    "'quoted",
    "\ttab",
    "a,b\"c'",
    "é 漢 \u2028",
    "\uff1d1",
    "two\nlines",
)


def script() -> Any:
    spec = importlib.util.spec_from_file_location("verify_audit", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY = script()
Change = Callable[[list[bytes], st.DataObject], list[bytes]]


def faults(path: Path) -> list[str]:
    return list(VERIFY.faults(path, Counter()))


class Firm(PersonStack):
    """A stack of a ledger alone."""

    def __init__(self) -> None:
        self.audit = InMemoryTable("audit")
        records = InMemoryTable("ledger")
        self.ledger = Ledger(records, self.audit, "po_posting", FIRM)
        self.data_form = DataForm(records)
        vars(self).update(actor="connector =arn")

    def known_ledger(self, id: str) -> Ledger:
        assert id == FIRM
        return self.ledger

    def note(self, key: RecordKey, *steps: str, **detail: Any) -> AnyRecord:
        record = self.ledger.read(key)
        if record.state == OrderState.NEW:
            record = record.now(OrderState.RECEIVED)
        for step in steps:
            record = self.ledger.write(record, step, detail=detail)
        return record


@pytest.fixture(autouse=True)
def _in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger in memory has no table to scan, and hundreds of files need no disk."""
    monkeypatch.setattr(audit_exports, "orphaned_trails", lambda _stack, _id: [])
    monkeypatch.setattr("os.fsync", lambda _file: None)


@pytest.fixture
def firm(time: MovableClock) -> Firm:
    made = Firm()
    made.note(CONNECTION, "connection_added")
    for number, text in enumerate(ODD):
        made.note(
            order_key(OrderId(f"{text}-{number}")), "received", text, "posted", said=text, n=1.5
        )
        time.move(3_600)
    return made


@pytest.fixture(params=FORMS)
def exported(request: pytest.FixtureRequest, firm: Firm, tmp_path: Path) -> Path:
    path = tmp_path / f"trail.{request.param}"
    audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), request.param, path)
    return path


def test_a_complete_export_verifies(exported: Path) -> None:
    assert faults(exported) == []
    run = subprocess.run(
        [sys.executable, "-I", str(SCRIPT), str(exported)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "31 entries of 11 records, 0 faults\n")


def test_the_script_reports_faults_and_exits_1(exported: Path, tmp_path: Path) -> None:
    exported.write_bytes(exported.read_bytes().replace(b"posted", b"pasted", 1))
    call = [sys.executable, "-I", str(SCRIPT)]
    run = subprocess.run([*call, str(exported)], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "entry 3 was changed" in run.stdout
    for words in ([], [str(tmp_path / "none")]):
        assert subprocess.run([*call, *words], capture_output=True, check=False).returncode == 2


def test_the_script_is_short_and_independent() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 200
    assert "ml_connector" not in text
    assert "boto" not in text


def test_no_cell_is_a_formula(firm: Firm, tmp_path: Path) -> None:
    path = tmp_path / "trail.csv"
    audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), "csv", path)
    cells = [
        cell for line in path.read_text("utf-8").split("\n") for cell in line[1:-1].split('","')
    ]
    risky = tuple("=+-@\t\r\uff1d")
    assert [cell for cell in cells if cell.startswith(risky)] == []
    assert any(cell.startswith("'=") for cell in cells)


# --- Changes to the file ---------------------------------------------------------------------


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def flip(text: str, data: st.DataObject) -> str:
    spot = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8") | st.sampled_from("0123456789\"',{}[]\n \\"))
    assume(other != text[spot])
    return text[:spot] + other + text[spot + 1 :]


def drop(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    place = data.draw(st.integers(0, len(lines) - 1))
    return lines[:place] + lines[place + 1 :]


def swap(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    one, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    made = list(lines)
    made[one], made[other] = made[other], made[one]
    return made


def duplicate(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    place, to = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
    return [*lines[:to], lines[place], *lines[to:]]


def cut(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    raw = b"".join(lines)
    return [raw[: data.draw(st.integers(0, len(raw) - 1))]]


def append(lines: list[bytes], data: st.DataObject) -> list[bytes]:
    return [*lines, data.draw(st.binary(min_size=1, max_size=5))]


_FIXTURES = [HealthCheck.function_scoped_fixture]
ANY = settings(suppress_health_check=_FIXTURES, max_examples=100, deadline=None)


@given(st.data())
@ANY
def test_a_changed_character_is_found(exported: Path, data: st.DataObject) -> None:
    was = exported.read_bytes()
    changed = exported.with_suffix(".changed")
    changed.write_bytes(flip(was.decode(), data).encode())
    assert faults(changed)


@pytest.mark.parametrize("change", [drop, swap, duplicate, cut, append])
@given(st.data())
@ANY
def test_moved_or_removed_lines_are_found(
    exported: Path, change: Change, data: st.DataObject
) -> None:
    lines = lines_of(exported)
    made = change(lines, data)
    assume(made != lines)
    changed = exported.with_suffix(".changed")
    changed.write_bytes(b"".join(made))
    assert faults(changed)


def reframed(lines: list[bytes]) -> bytes:
    """Return the file with a last line that fits, as a forger would write it."""
    found = [json.loads(line) for line in lines[:-1]]
    kinds = Counter(row["kind"] for row in found)
    digest = sha256(b"".join(lines[:-1])).hexdigest()
    end = record_rows.end_row(FIRM, kinds["entry"], kinds["anchor"], digest)
    return b"".join(lines[:-1]) + record_rows.json_line(end).encode()


@pytest.mark.parametrize("change", [drop, swap, duplicate])
@given(st.data())
@ANY
def test_the_chain_finds_it_even_when_the_last_line_was_forged(
    firm: Firm,
    tmp_path: Path,
    change: Callable[[list[bytes], st.DataObject], list[bytes]],
    data: Any,
) -> None:
    path = tmp_path / "all.jsonl"
    path.unlink(missing_ok=True)
    audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), "jsonl", path)
    first, *rows, last = lines_of(path)
    assume((made := change(rows, data)) != rows)
    path.write_bytes(reframed([first, *made, last]))
    assert [each for each in faults(path) if "last line" not in each]


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (1, "entry 2 does not follow what is before it"),
        (2, "entry 3 does not follow what is before it"),
        (3, "entry 3 is not the one the ledger knows"),
    ],
)
def test_a_forged_entry_is_found(firm: Firm, tmp_path: Path, place: int, expected: str) -> None:
    path = tmp_path / "one.jsonl"
    audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    lines = lines_of(path)
    row = json.loads(lines[place])
    before = Anchor(row["seq"] - 1, row["previous"])
    at = datetime.fromisoformat(row["at"])
    forged = seal(row["record"], before, at, "somebody", row["step"], {"n": 2})
    lines[place] = record_rows.json_line({"kind": "entry", **forged.as_dict()}).encode()
    path.write_bytes(reframed(lines))
    (fault,) = faults(path)
    assert expected in fault


ENTRY_FIELDS = ("seq", "at", "actor", "step", "detail", "previous", "hash")


@given(st.sampled_from(ENTRY_FIELDS), st.integers(0, 2), st.data())
@ANY
def test_a_changed_field_names_its_entry(
    firm: Firm, tmp_path: Path, name: str, place: int, data: st.DataObject
) -> None:
    path = tmp_path / "one.jsonl"
    path.unlink(missing_ok=True)
    audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    rows = [json.loads(line) for line in lines_of(path)]
    was = rows[1 + place][name]
    made: Any = {"seq": 9, "detail": {"n": 2}}.get(name) or flip(was, data)
    rows[1 + place][name] = made
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    *named, frame = faults(path)
    assert "last line does not fit" in frame
    assert any(f"entry {place + 1} " in each for each in named)
    if name != "seq":
        others = {1, 2, 3} - {place + 1}
        assert not [e for e in named if any(f"entry {n} was changed" in e for n in others)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows[:2] + rows[3:], "entry 2 is missing before entry 3"),
        (lambda rows: [*rows[:2], rows[3], rows[2], *rows[4:]], "entry 2 is repeated or out of"),
        (lambda rows: [*rows[:3], rows[2], *rows[3:]], "entry 2 is repeated or out of place"),
        (lambda rows: rows[:3] + rows[4:], "ends at entry 2; its anchor says 0 to 3"),
        (lambda rows: rows[:4], "has no anchor at its end"),
        (lambda rows: rows[:1] + rows[4:], "ends at entry 0; its anchor says 0 to 3"),
    ],
)
def test_the_fault_is_described(
    firm: Firm, tmp_path: Path, change: Callable[[list[bytes]], list[bytes]], expected: str
) -> None:
    path = tmp_path / "one.jsonl"
    audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    path.write_bytes(b"".join(change(lines_of(path))))
    assert any(expected in each for each in faults(path)), faults(path)


# --- Which entries ---------------------------------------------------------------------------


def rows_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return [row for row in map(json.loads, lines_of(path)) if row["kind"] == kind]


def test_one_order_is_exported_with_its_anchor(firm: Firm, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    done = audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    assert (done["records"], done["entries"]) == (1, 3)
    (anchor,) = rows_of(path, "anchor")
    record = firm.ledger.read(order_key(OrderId("=1+1-0")))
    assert (anchor["seq"], anchor["hash"]) == (record.anchor.seq, record.anchor.hash)
    assert rows_of(path, "export")[0]["detail"] == {"order": record.key, "from": None, "to": None}


@pytest.mark.parametrize("form", FORMS)
def test_a_period_is_anchored_at_its_start_and_excludes_its_end(
    firm: Firm, time: MovableClock, tmp_path: Path, form: str
) -> None:
    key = order_key(OrderId("long"))
    firm.note(key, "received", "fetched")
    time.move(3_600)
    start = clock.now()
    firm.note(key, "intent")
    time.move(60)
    firm.note(key, "posted")
    path = tmp_path / "period"
    asked = ExportPeriod(start, clock.now())
    done = audit_files.export(firm, firm.actor, FIRM, None, asked, form, path)
    assert (done["records"], done["entries"]) == (1, 1), "half-open: the end is not part of it"
    assert faults(path) == []
    if form == "jsonl":
        (anchor,) = rows_of(path, "anchor")
        before = firm.ledger.trail(key)[1]
        assert anchor["previous"] == before.hash
        assert anchor["detail"] == {"after": 2, "until": 3}
        assert anchor["seq"] == 4


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 12), st.integers(1, 12))
@ANY
def test_consecutive_periods_contain_every_entry_once(
    time: MovableClock, tmp_path_factory: Any, gaps: list[int], cut_at: int, length: int
) -> None:
    firm, moments = Firm(), []
    for gap in gaps:
        time.move(gap)
        moments.append(clock.now())
        firm.note(order_key(OrderId("x")), "step")
    folder = tmp_path_factory.mktemp("periods")
    middle = datetime.fromtimestamp(moments[0].timestamp() + cut_at, moments[0].tzinfo)
    late = datetime.fromtimestamp(middle.timestamp() + length, moments[0].tzinfo)
    found = []
    for number, asked in enumerate(
        (ExportPeriod(None, middle), ExportPeriod(middle, late), ExportPeriod(late, None))
    ):
        path = folder / str(number)
        audit_files.export(firm, firm.actor, FIRM, None, asked, "jsonl", path)
        assert faults(path) == []
        found += [row["seq"] for row in rows_of(path, "entry")]
    assert found == list(range(1, len(gaps) + 1))


def test_an_entry_of_a_slow_clock_between_two_of_the_period_is_included(
    firm: Firm, time: MovableClock, tmp_path: Path
) -> None:
    start = clock.now()
    for move in (10, -20, 30):
        time.move(move)
        firm.note(order_key(OrderId("skewed")), "step")
    path = tmp_path / "period"
    audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(start, None), "jsonl", path)
    assert [row["seq"] for row in rows_of(path, "entry")] == [1, 2, 3]
    assert faults(path) == []


def test_a_step_taken_meanwhile_is_included(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, key = Ledger.entries, order_key(OrderId("=1+1-0"))

    def entries(self: Ledger, asked: RecordKey) -> Any:
        if asked == key:
            firm.note(key, "changed_in_exact")
        return original(self, asked)

    monkeypatch.setattr(Ledger, "entries", entries)
    path = tmp_path / "one.jsonl"
    audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    assert faults(path) == []


def test_a_truncated_trail_is_exported_and_found(firm: Firm, tmp_path: Path) -> None:
    firm.audit.delete(f"{FIRM}#order#=1+1-0", "00000003")
    path = tmp_path / "one.jsonl"
    audit_files.export(firm, firm.actor, FIRM, "=1+1-0", ExportPeriod(), "jsonl", path)
    assert [each.partition(": ")[2] for each in faults(path)] == [
        "ends at entry 2; its anchor says 0 to 3, the ledger knows 3"
    ]


def test_a_trail_without_a_record_is_exported_and_found(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.note(order_key(OrderId("gone")), "received")
    monkeypatch.setattr(audit_exports, "orphaned_trails", lambda _stack, _id: ["order#gone"])
    ledger = firm.ledger._ledger
    assert isinstance(ledger, InMemoryTable)
    ledger.delete(FIRM, "order#gone")
    path = tmp_path / "all.jsonl"
    audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), "jsonl", path)
    (fault,) = faults(path)
    assert "order#gone: has no anchor" in fault


def test_trails_are_read_one_at_a_time(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trail is read only after the previous one was written."""
    read: list[str] = []
    original = Ledger.entries

    def entries(self: Ledger, key: RecordKey) -> Any:
        read.append(key)
        return original(self, key)

    monkeypatch.setattr(Ledger, "entries", entries)
    found = audit_exports.rows(firm, firm.actor, FIRM, None, ExportPeriod())
    seen = [row["record"] for row, _ in zip(found, range(4), strict=False)]
    assert len(set(seen)) <= 3
    assert len(read) <= 2


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "20261001T"])
def test_an_invalid_period_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="is not a date"):
        read_period(text, None)


def test_dates_are_utc_and_half_open() -> None:
    asked = read_period("2026-10-01", "2026-11-01T02:00:00+02:00")
    assert asked.start == datetime.fromisoformat("2026-10-01T00:00:00+00:00")
    assert asked.end == datetime.fromisoformat("2026-11-01T00:00:00+00:00")
    with pytest.raises(UserError, match="before --to"):
        read_period("2026-11-01", "2026-11-01")


@pytest.mark.parametrize("where", ["none/trail.csv", "."])
def test_a_file_that_cannot_be_written_is_refused(firm: Firm, tmp_path: Path, where: str) -> None:
    with pytest.raises(UserError):
        audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), "csv", tmp_path / where)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_of_an_export_that_failed(
    firm: Firm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_files, "end_row", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        audit_files.export(firm, firm.actor, FIRM, None, ExportPeriod(), "csv", tmp_path / "trail")
    assert list(tmp_path.iterdir()) == []
