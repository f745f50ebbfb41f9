"""`connector migrate`, `ping` and refusal of newer data, on the local stack."""

from typing import Any

from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector.infrastructure.data_form import NEWEST
from tests.cli.terminal import Terminal


def make_old(demo: DemoEnvironment) -> None:
    """Post two orders and remove what this version stores of them in addition."""
    for number in ("PO-1", "PO-2"):
        vendor, line = demo.firm.vendors["Cloudwerk"], demo.airbase.line("4100", "10.00")
        demo.airbase.approve(demo.airbase.add_order(number, NL.subsidiary, vendor, [line]))
    demo.stack.drain()
    table = demo.services.data_form._table
    names = f"{FIRM}#names"
    table.delete_all(names, [str(row["sk"]) for row in table.query(names)])
    table.delete("#form", "stack")


def red(terminal: Terminal) -> list[dict[str, Any]]:
    found = terminal.run("ping", FIRM, "--json").data
    return [each for each in found if each["check"] == "data_form" and not each["ok"]]


def test_an_old_stack_is_migrated(demo: DemoEnvironment, terminal: Terminal) -> None:
    make_old(demo)
    (found,) = red(terminal)
    assert found["code"] == "DATA_IS_OLD"
    assert terminal.ok("exception", "show", FIRM, "PO-2", "--json").data["title"] == "PO-2"
    counted = terminal.ok("migrate", "--dry-run", "--json").data
    changes = [2, *[0] * (NEWEST - 1)]  # of each step: only names were removed
    assert [(row["state"], row["changes"]) for row in counted] == [("to_do", n) for n in changes]
    assert red(terminal)
    done = terminal.ok("migrate", "--json").data
    assert [(row["connection"], row["state"], row["changes"]) for row in done] == [
        (FIRM, "done", number) for number in changes
    ]
    assert "done" in terminal.ok("migrate").out
    assert red(terminal) == []
    assert terminal.ok("exception", "show", FIRM, "po-2", "--json").data["title"] == "PO-2"
    trail = terminal.ok("audit", "show", FIRM, "connection", "--json").data
    assert "migrated" in str(trail)


def test_newer_data_are_refused(demo: DemoEnvironment, terminal: Terminal) -> None:
    table = demo.services.data_form._table
    before = table.get("#form", "stack")
    assert before
    table.put({**before, "begun": NEWEST + 1, "release": "9.9.9"})
    try:
        refused = terminal.run("orders", FIRM)
        assert refused.exit_code == 3
        assert "install version 9.9.9 or a later one" in refused.err
        assert "Traceback" not in refused.err
    finally:
        table.put(before)
    assert terminal.ok("orders", FIRM).out
