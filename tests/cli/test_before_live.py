"""Before going live, typed: rehearse, adopt, ready, explain."""

import csv
from pathlib import Path

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector import clock
from ml_connector.messages.sending import refresh_message
from ml_connector.settings.connection import Connection
from tests.cli.terminal import Terminal
from tests.cli.test_month_end import type_in

pytestmark = pytest.mark.usefixtures("firm")


@pytest.fixture(scope="module")
def firm(demo: DemoEnvironment) -> None:
    """The firm before its webhooks are pasted: nothing was heard of its orders."""
    demo.connect()
    demo.airbase.outbox.url = ""
    demo.stack.drain()
    add(demo, "PO-1", "100.00")
    add(demo, "PO-2", "20.00", "Nieuwkomer Catering")
    add(demo, "PO-3", "31.00")
    type_in(demo, 31.0)
    message = refresh_message(Connection.model_validate(config(demo)).id, NL.key, everything=True)
    demo.services.queues.send(message)
    demo.stack.drain()


def config(demo: DemoEnvironment) -> dict[str, object]:
    return demo.firm.connection(demo.exact_url, demo.airbase_url, demo.url("exact"))


def add(demo: DemoEnvironment, number: str, amount: str, vendor: str = "Cloudwerk") -> None:
    airbase = demo.airbase
    lines = [airbase.line("4100", amount, "As agreed")]
    order = airbase.add_order(number, NL.subsidiary, demo.firm.vendors[vendor], lines)
    order |= {"status": "approved", "approved_date": airbase.now()}


def month() -> str:
    return f"{clock.now():%Y-%m}"


def test_the_way_to_going_live(demo: DemoEnvironment, terminal: Terminal, tmp_path: Path) -> None:
    assert terminal.run("ready", FIRM).exit_code == 1
    rows, page = tmp_path / "rehearsal.csv", tmp_path / "rehearsal.html"
    words = ("rehearse", FIRM, "--month", month())
    run = terminal.run(*words, "--csv", str(rows), "--html", str(page), "--json")
    assert run.exit_code == 1
    assert "3 of 3 orders" in run.err
    found = run.data
    assert {each["title"]: each["verdict"] for each in found["orders"]} == {
        "PO-1": "posts", "PO-2": "needs_vendor", "PO-3": "typed_by_hand",
    }  # fmt: skip
    assert (found["share_percent"], found["totals_untouched"]) == ("66.7", ["EUR 131.00"])
    assert [each["code"] for each in found["decisions"]] == ["UNKNOWN_VENDOR"]
    with rows.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == 3
    assert "EUR 131.00" in page.read_text("utf-8")
    shown = terminal.run(*words, env={"COLUMNS": "200"})
    for text in ("Posts as it is", "Needs a vendor", "2 of 3 orders (66.7%)", "Description"):
        assert text in shown.out
    assert terminal.ok("orders", FIRM, "--json").data == []

    (adopted,) = terminal.ok("adopt", FIRM, "--rehearsed", month(), "--all", "--json").data
    assert (adopted["title"], adopted["outcome"]) == ("PO-3", "adopted")
    again = terminal.ok("adopt", FIRM, "PO-3", "--rehearsed", month())
    assert "1 linked before" in again.out
    (order,) = terminal.ok("orders", FIRM, "--json").data
    assert (order["title"], order["state"]) == ("PO-3", "posted")
    moment = clock.now()

    decided = terminal.ok("explain", FIRM, "PO-3", "--json").data
    (decision,) = decided["decisions"]
    assert decision["decision"] == "adopted"
    assert decision["evidence"][0].startswith("Same supplier, amount")
    then = terminal.ok("explain", FIRM, "PO-3", "--as-of", moment.isoformat(), "--json").data
    assert then["was"]["exact_number"] == adopted["exact_number"]
    text = terminal.ok("explain", FIRM, "PO-3", "--as-of", moment.isoformat()).out
    assert "linked it to Exact order" in text

    sign_off = tmp_path / "ready.html"
    verdict = terminal.run("ready", FIRM, "--html", str(sign_off), "--json")
    assert verdict.exit_code == 1
    red = {each["area"] for each in verdict.data["lines"] if each["ok"] is False}
    assert {"vendors", "webhooks"} <= red
    assert "rehearsal" not in red
    assert "Signature" in sign_off.read_text("utf-8")


@pytest.mark.parametrize(
    "words",
    [
        ("rehearse", FIRM),
        ("rehearse", FIRM, "--month", "2026-13"),
        ("adopt", FIRM, "PO-1"),
        ("adopt", FIRM, "--rehearsed", "2026-01"),
        ("adopt", FIRM, "--all", "--exact-number", "7"),
        ("adopt", FIRM, "--rehearsed", "2020-01", "--all"),
        ("explain", FIRM, "PO-3", "--as-of", "yesterday"),
        ("explain", FIRM, "PO-3", "--as-of", "2020-01-01"),
        ("explain", FIRM, "PO-none"),
    ],
)
def test_wrong_use(terminal: Terminal, words: tuple[str, ...]) -> None:
    run = terminal.run(*words)
    assert (run.exit_code, run.out) == (2, "")
    assert run.err
