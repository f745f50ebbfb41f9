"""Exceptions handled at the command line, and the audit trail exported."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.infrastructure.ledger import new_order
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("firm")
SCRIPT = Path(__file__).parents[2] / "docs" / "verify_audit.py"
LIST = {
    *("connection", "key", "id", "code", "record", "cause", "remedy", "candidates", "stops"),
    *("opened_at", "assignee", "title", "division", "total"),
}
SHOWN = {
    *("connection", "key", "title", "state", "division", "vendor", "total", "assignee"),
    *("exceptions", "dismissed", "trail"),
}


@pytest.fixture(scope="module")
def firm(demo: DemoEnvironment) -> None:
    """Three orders on a blocked account, one with a second fault, and one that Exact refuses."""
    demo.connect()
    for number, amount in (("PO-1", "10.00"), ("PO-2", "5000.00")):
        approve(demo, number, "4600", amount)
    approve(demo, "PO-3", "4600", "20.00", payment_term="90")
    demo.exact.world.divisions[NL.division].requires_supplier_items = True
    approve(demo, "PO-4", "4100", "30.00")
    demo.exact.world.divisions[NL.division].requires_supplier_items = False


def approve(demo: DemoEnvironment, number: str, account: str, amount: str, **more: Any) -> None:
    lines = [demo.airbase.line(account, amount)]
    vendor = demo.firm.vendors["Cloudwerk"]
    demo.airbase.approve(demo.airbase.add_order(number, NL.subsidiary, vendor, lines, **more))
    demo.stack.drain()


def states(terminal: Terminal) -> dict[str, str]:
    return {each["title"]: each["state"] for each in terminal.ok("orders", FIRM, "--json").data}


def test_the_list_shows_age_amount_and_counts(terminal: Terminal) -> None:
    found = terminal.ok("exceptions", FIRM, "--json").data
    assert [each["title"] for each in found] == ["PO-1", "PO-2", "PO-3", "PO-3", "PO-4"]
    assert all(set(each) == LIST for each in found)
    text = terminal.ok("exceptions", FIRM).out
    assert "Open since " in text
    assert "EUR 5,000.00" in text
    assert text.rindex("To do:") < text.index("│ GL_ACCOUNT_BLOCKED")
    dear = terminal.ok("exceptions", FIRM, "--min-amount", "1000 EUR", "--json").data
    assert [each["title"] for each in dear] == ["PO-2"]
    words = ("--code", "gl_account_blocked", "--code", "EXACT_MANDATORY", "--newer-than", "1h")
    assert len(terminal.ok("exceptions", *words, "--json").data) == 3
    none = terminal.ok("exceptions", FIRM, "--older-than", "2w").out
    assert none == "None of the 5 open exceptions matches.\n"


def test_an_exception_is_shown_with_exacts_raw_answer(terminal: Terminal) -> None:
    found = terminal.ok("exception", "show", FIRM, "PO-4", "--json").data
    assert set(found) == SHOWN
    (refused,) = found["exceptions"]
    assert refused["code"] == "EXACT_ITEM_NOT_WITH_SUPPLIER"
    assert refused["evidence"]["status"] == 500
    answer = refused["evidence"]["answer"]
    text = terminal.ok("exception", "show", FIRM, "PO-4").out
    for words in ("Raw answer:", answer, "To do:", "Last steps", "intent"):
        assert words in text


def test_an_exception_is_assigned_and_unassigned(terminal: Terminal) -> None:
    assert "to finance." in terminal.ok("exception", "assign", FIRM, "PO-1", "finance").out
    (mine,) = terminal.ok("exceptions", "--assigned-to", "finance", "--json").data
    assert mine["title"] == "PO-1"
    assert "assigned to finance" in terminal.ok("exception", "show", FIRM, "PO-1").out
    assert len(terminal.ok("exceptions", "--unassigned", "--json").data) == 4
    done = terminal.ok("exception", "unassign", FIRM, "PO-1", "--json").data
    assert set(done) == {"connection", "key", "title", "assignee"}
    assert done["assignee"] is None


def test_a_dismissed_order_is_set_aside_and_posted_after_a_retry(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    words = ("exception", "dismiss", FIRM, "PO-1", "--reason", "entered by hand")
    said = terminal.ok(*words).out
    assert "Dismissed GL_ACCOUNT_BLOCKED of PO-1." in said
    assert "set aside" in said
    assert states(terminal)["PO-1"] == "set_aside"
    assert "entered by hand" in terminal.ok("orders", FIRM, "--state", "set_aside").out
    assert "dismissed by connector arn:aws" in terminal.ok("exception", "show", FIRM, "PO-1").out
    demo.sweep()
    assert states(terminal)["PO-1"] == "set_aside"
    trail = terminal.ok("audit", "show", FIRM, "PO-1", "--json").data["trail"]
    (step,) = [each for each in trail if each["step"] == "dismissed"]
    assert step["actor"].startswith("connector arn:aws:")
    assert step["detail"]["reason"] == "entered by hand"
    order = next(o for o in demo.airbase.orders.values() if o["number"] == "PO-1")
    order["expense_list"][0]["account"] = demo.airbase.line("4100", "10.00")["account"]
    terminal.ok("retry", FIRM, "PO-1")
    demo.stack.drain()
    assert states(terminal)["PO-1"] == "posted"


def test_one_of_two_exceptions_is_dismissed(terminal: Terminal) -> None:
    words = ("exception", "dismiss", FIRM, "PO-3", "--reason", "known")
    assert "2 open exceptions: pass --code" in terminal.refused(*words)
    done = terminal.ok(*words, "--code", "GL_ACCOUNT_BLOCKED", "--json").data
    assert set(done) == {"connection", "key", "title", "dismissed", "open", "state"}
    assert (done["open"], done["state"]) == (["UNKNOWN_PAYMENT_CONDITION"], "review")
    assert "is set aside" in terminal.ok(*words).out


def test_all_exceptions_with_a_code_are_retried(demo: DemoEnvironment, terminal: Terminal) -> None:
    for order in demo.airbase.orders.values():
        order["expense_list"][0]["account"] = demo.airbase.line("4100", "1")["account"]
    done = terminal.ok("retry", FIRM, "--code", "GL_ACCOUNT_BLOCKED", "--json").data
    assert done == {"connection": FIRM, "queued": ["PO-2"]}
    demo.stack.drain()
    assert states(terminal)["PO-2"] == "posted"
    assert "Nothing to retry." in terminal.ok("retry", FIRM, "--code", "UNKNOWN_VENDOR").out


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_the_trail_is_exported_and_verified(
    demo: DemoEnvironment, terminal: Terminal, tmp_path: Path, form: str
) -> None:
    complete, one = tmp_path / f"all.{form}", tmp_path / f"one.{form}"
    done = terminal.ok(
        "audit", "export", FIRM, "--format", form, "--out", str(complete), "--json"
    ).data
    assert set(done) == {"connection", "file", "format", "records", "entries", "left_out"}
    assert done["entries"] > done["records"] >= 4
    said = terminal.ok("audit", "export", FIRM, "--order", "PO-1", "--out", str(one)).out
    assert "entries of 1 record to" in said
    for path in (complete, one):
        assert verified(path).returncode == 0
        terminal.shown.append(path.read_text(encoding="utf-8"))
    text = complete.read_text(encoding="utf-8")
    complete.write_text(text.replace("entered by hand", "entered by foot"), encoding="utf-8")
    broken = verified(complete)
    assert broken.returncode == 1
    assert "was changed" in broken.stdout
    day = ("--from", "2020-01-01", "--to", "2020-02-01")
    empty = tmp_path / "empty"
    assert (
        terminal.ok("audit", "export", FIRM, *day, "--out", str(empty), "--json").data["entries"]
        == 0
    )
    assert verified(empty).returncode == 0


def verified(path: Path) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-I", str(SCRIPT), str(path)]
    return subprocess.run(call, capture_output=True, text=True, check=False)


def test_a_trail_without_its_record_is_exported(
    demo: DemoEnvironment, terminal: Terminal, tmp_path: Path
) -> None:
    key: dict[str, Any] = {"pk": {"S": FIRM}, "sk": {"S": "order#gone"}}
    ledger = demo.services.ledger_of(ConnectionId(FIRM))
    record = new_order(ConnectionId(FIRM), OrderId("gone"))
    ledger.write(record.now("received"), "received")
    table = demo.stack.resource("LedgerTable")
    demo.stack.client("dynamodb").delete_item(TableName=table, Key=key)
    path = tmp_path / "all.jsonl"
    terminal.ok("audit", "export", FIRM, "--out", str(path))
    assert "order#gone: has no anchor" in verified(path).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("exceptions", "nobody"), "there is no connection 'nobody'"),
        (("exceptions", FIRM, "--code", "NONSENSE"), "there is no code 'NONSENSE'"),
        (("exceptions", FIRM, "--older-than", "long"), "is not an age"),
        (("exceptions", FIRM, "--min-amount", "much"), "is not an amount"),
        (("exceptions", "--assigned-to", "x", "--unassigned"), "either --assigned-to"),
        (("exception", "show", FIRM, "PO-99"), "has no order 'PO-99'"),
        (("exception", "dismiss", FIRM, "PO-99", "--reason", "x"), "has no order"),
        (("exception", "dismiss", FIRM, "PO-1", "--reason", "x"), "has no open exception"),
        (("exception", "dismiss", FIRM, "PO-1", "--reason", " "), "give a reason"),
        (("exception", "assign", FIRM, "PO-1", "x"), "has no open exception"),
        (("retry", FIRM, "PO-1", "--code", "UNKNOWN_VENDOR"), "pass an order, or --all"),
        (("audit", "export", FIRM, "--out", "/none/x"), "No such file"),
        (("audit", "export", FIRM, "--out", "/dev/null"), "exists already"),
        (("audit", "export", FIRM, "--out", "x", "--format", "xml"), "use jsonl or csv"),
        (("audit", "export", FIRM, "--out", "x", "--from", "soon"), "is not a date"),
        (
            ("audit", "export", FIRM, "--out", "x", "--order", "PO-1", "--to", "2026-10-01"),
            "either --order or a period",
        ),
    ],
    ids=str,
)
def test_wrong_use_is_refused_in_one_line(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    line = terminal.refused(*words)
    assert said in line
    assert len(line.splitlines()) == 1
