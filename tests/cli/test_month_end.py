"""Preview, adopt and reconcile at the end of a month."""

import csv
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.compression import compress
from ml_connector.infrastructure.queues import Message
from ml_connector.stack import Stack
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("firm")
_ORDERS = "purchaseorder/PurchaseOrders"
LINE = {
    "category", "division", "order", "title", "day", "vendor", "airbase_currency",
    "airbase_amount", "exact_number", "exact_currency", "exact_amount", "codes", "why", "until",
    "to_do", "differences",
}  # fmt: skip
REPORT = {
    "connection", "month", "from", "to", "time_zone", "is_over", "made_at", "made_by",
    "exact_read_at", "has_findings", "counts", "totals", "orders", "undated", "unreadable_rows",
    "unread_records",
}  # fmt: skip


def approve(
    demo: DemoEnvironment, number: str, amount: str, vendor: str = "Cloudwerk"
) -> dict[str, Any]:
    airbase = demo.airbase
    lines = [airbase.line("4100", amount, "As agreed")]
    order = airbase.add_order(number, NL.subsidiary, demo.firm.vendors[vendor], lines)
    airbase.approve(order)
    demo.stack.drain()
    return order


def type_in(demo: DemoEnvironment, amount: float, remarks: str = "") -> str:
    """Let somebody enter an order in Exact; return its number."""
    place = demo.exact.world.divisions[NL.division]
    accounts, items = (place.table(name).values() for name in ("crm/Accounts", "logistics/Items"))
    supplier = next(row["ID"] for row in accounts if "Cloudwerk" in row["Name"])
    item = next(row["ID"] for row in items if "4100" in row["Code"])
    line = {"Item": item, "QuantityInPurchaseUnits": 1, "UnitPrice": amount}
    connection = demo.services.connections.get(ConnectionId(FIRM))
    assert connection
    body = {"Supplier": supplier, "Remarks": remarks, "PurchaseOrderLines": [line]}
    made = demo.services_of(connection.id).exact(NL.key).create(NL.key, _ORDERS, body)
    return str(made["OrderNumber"])


@pytest.fixture(scope="module")
def firm(demo: DemoEnvironment) -> Iterator[None]:
    """The firm with two orders; messages of the command are processed at once.

    Not at the end of a month, when an order of this hour may be of the next one in the firm's zone.
    """
    while clock.now().month != (clock.now() + timedelta(days=2)).month:
        demo.clock.move(timedelta(days=1))
    demo.connect()
    with pytest.MonkeyPatch.context() as patch:
        send = Stack.send

        def send_and_work(stack: Stack, message: Message, why: str) -> None:
            send(stack, message, why)
            with redirect_stdout(StringIO()):  # the workers' logs
                demo.stack.drain()

        patch.setattr(Stack, "send", send_and_work)
        demo.stack.drain()
        approve(demo, "PO-1", "100.00")
        approve(demo, "PO-2", "20.00", "Nieuwkomer Catering")
        yield


def month() -> str:
    return f"{clock.now():%Y-%m}"


def test_a_possible_duplicate_is_adopted_or_declared_no_duplicate(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    first, second = type_in(demo, 31.0), type_in(demo, 37.0)
    terminal.ok("refresh", FIRM)
    approve(demo, "PO-3", "31.00")
    approve(demo, "PO-4", "37.00")
    shown = terminal.ok("preview", FIRM, "PO-3").out
    assert "POSSIBLE_DUPLICATE" in shown
    assert "needs a person" in shown
    done = terminal.ok("adopt", FIRM, "PO-3", "--exact-number", first, "--json").data
    assert done.keys() == {
        "connection", "order", "title", "division", "exact_number", "state", "exceptions",
        "unmapped",
    }  # fmt: skip
    assert (done["state"], done["exact_number"], done["exceptions"]) == ("posted", first, [])
    queued = terminal.ok("retry", FIRM, "PO-4", "--not-a-duplicate", "--json").data
    assert queued == {"connection": FIRM, "queued": ["PO-4"], "not_duplicates": [second]}
    states = {o["title"]: o["state"] for o in terminal.ok("orders", FIRM, "--json").data}
    assert (states["PO-3"], states["PO-4"]) == ("posted", "posted")
    trail = terminal.ok("audit", "show", FIRM, "PO-3", "--json").data["trail"]
    assert trail[-1]["step"] == "adopted_by_hand"
    assert trail[-1]["actor"].startswith("connector arn:aws:")


def test_a_month_is_reconciled(demo: DemoEnvironment, terminal: Terminal, tmp_path: Path) -> None:
    paths = tmp_path / "month.csv", tmp_path / "month.html"
    words = "reconcile", FIRM, "--month", month()
    run = terminal.run(*words, "--csv", str(paths[0]), "--html", str(paths[1]), "--json")
    assert run.exit_code == 1, "PO-2 waits"
    report = run.data
    assert report.keys() == REPORT
    assert all(line.keys() == LINE for line in report["orders"])
    counts = {name: number for name, number in report["counts"].items() if number}
    assert counts == {"equal": 3, "waiting": 1, "only_in_exact": 1}
    (all_,) = [totals for totals in report["totals"] if totals["is_all"]]
    assert all_["airbase"] == {"orders": 4, "amount": "188.00"}
    assert all_["exact"] == {"amount": "205.00"}
    with paths[0].open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 5
    assert "This month is not over" in paths[1].read_text("utf-8")
    shown = terminal.run(*words, "--no-refresh", env={"COLUMNS": "200"})
    assert shown.exit_code == 1
    for text in ("Posted and equal", "Only in Exact", "UNKNOWN_VENDOR", "188.00", "not over"):
        assert text in shown.out
    trail = terminal.ok("audit", "show", FIRM, "connection", "--json").data["trail"]
    assert [entry["step"] for entry in trail][-2:] == ["reconciled", "reconciled"]
    assert trail[-1]["actor"].startswith("connector arn:aws:")


def test_a_month_without_findings_ends_with_0(terminal: Terminal) -> None:
    found = terminal.ok("reconcile", FIRM, "--month", "2020-02", "--no-refresh", "--json").data
    assert (found["orders"], found["totals"], found["has_findings"]) == ([], [], False)
    assert (found["from"], found["to"], found["is_over"]) == ("2020-02-01", "2020-02-29", True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("reconcile", "nobody", "--month", "2020-02"), "there is no connection 'nobody'"),
        (("reconcile", FIRM, "--month", "Feb"), "is not a month: write it like 2026-10"),
        (("reconcile", FIRM, "--month", "2999-01"), "2999-01 has not begun yet in UTC"),
        (
            ("reconcile", FIRM, "--month", "2020-02", "--csv", "/nowhere/x.csv"),
            "there is no folder",
        ),
        (("adopt", FIRM, "PO-404", "--exact-number", "1"), "has no order 'PO-404'"),
        (("adopt", FIRM, "PO-2", "--exact-number", "1"), "does not wait as a possible duplicate"),
        (("adopt", FIRM, "PO-1", "--exact-number", "1"), "PO-1 is in Exact already, as order"),
        (("retry", FIRM, "PO-2", "--not-a-duplicate"), "does not wait as a possible duplicate"),
        (("retry", FIRM, "--all", "--not-a-duplicate"), "needs an order"),
    ],
)
def test_wrong_use_gets_one_clear_line(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    (line,) = terminal.refused(*words).splitlines()
    assert said in line


def test_a_timeout_of_the_refresh_ends_with_code_3(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "send", lambda *_: None)
    words = "reconcile", FIRM, "--month", month(), "--wait", "1"
    said = terminal.refused(*words, code=3)
    assert "were not read within 1 s" in said


@pytest.fixture
def newer(demo: DemoEnvironment) -> Iterator[str]:
    """The key of a posted order whose record a newer version has written."""
    (order,) = [each for each in demo.airbase.orders.values() if each["number"] == "PO-1"]
    key = f"order#{order['id']}"
    table = demo.stack.resource("LedgerTable")
    dynamodb = demo.stack.client("dynamodb")
    at = {"pk": {"S": FIRM}, "sk": {"S": key}}
    stored = dynamodb.get_item(TableName=table, Key=at)["Item"]
    invented = {"facts": {"S": compress('{"invented": 1}')}}
    dynamodb.put_item(TableName=table, Item=stored | invented)
    yield key
    dynamodb.put_item(TableName=table, Item=stored)


def test_a_newer_record_is_named_and_the_other_trails_are_verified(
    terminal: Terminal, newer: str
) -> None:
    run = terminal.run("audit", "verify", FIRM)
    assert run.exit_code == 1
    assert f"NOT VERIFIED {newer} of {FIRM} was written by a newer version" in run.out
    assert "0 broken, 1 not verified." in run.out
    found = terminal.run("audit", "verify", FIRM, "--json").data
    assert [each["record"] for each in found["not_verified"]] == [newer]
    assert (found["whole"] > 3, found["broken"]) == (True, [])


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_newer_record_is_left_out_of_an_export_that_says_so(
    terminal: Terminal, newer: str, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "trail"
    words = "audit", "export", FIRM, "--format", form, "--out"
    run = terminal.run(*words, str(path))
    assert run.exit_code == 1
    assert f"LEFT OUT {newer}: a newer version" in run.out
    head, *rest = path.read_text("utf-8").splitlines()[form == "csv" :]
    assert newer in head
    assert not any(newer in line for line in rest)
    script = Path(__file__).parents[2] / "docs" / "verify_audit.py"
    verified = subprocess.run([sys.executable, script, path], capture_output=True, check=False)
    assert verified.returncode == 0, verified.stdout
    done = terminal.run(*words, str(tmp_path / "again"), "--json").data
    assert done["left_out"] == [newer]
    assert done["records"] > 3


def test_a_newer_record_is_a_line_of_the_month_that_is_not_compared(
    terminal: Terminal, newer: str
) -> None:
    words = "reconcile", FIRM, "--month", month(), "--no-refresh"
    run = terminal.run(*words, "--json")
    assert run.exit_code == 1
    report = run.data
    assert report["unread_records"] == [newer]
    lines = [line for line in report["orders"] if line["codes"] == ["RECORD_IS_NEWER"]]
    assert {line["category"] for line in lines} == {"not_compared"}
    assert {line["order"] for line in lines} == {newer.partition("#")[2], None}
    assert all("newer" in line["why"] for line in lines)
    assert report["counts"]["equal"] == 2
    assert newer in terminal.run(*words).out


def test_a_newer_record_is_a_line_of_the_preview(terminal: Terminal, newer: str) -> None:
    run = terminal.run("preview", FIRM, "--open", "--json")
    assert run.exit_code == 1
    shown = {each["order"]: each for each in run.data}
    found = shown.pop(newer.partition("#")[2])
    assert [each["code"] for each in found["exceptions"]] == ["RECORD_IS_NEWER"]
    assert (found["state"], found["act"]) == ("posted", "review")
    assert "PO-2" in {each["title"] for each in shown.values()}
    table = terminal.run("preview", FIRM, "--open")
    assert (table.exit_code, "RECORD_IS_NEWER" in table.out) == (1, True)
