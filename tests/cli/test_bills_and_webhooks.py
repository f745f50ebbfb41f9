"""Bills for reference, and Exact's subscriptions: created with the consent, listed, moved."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import BE, BRANCHES, NL
from local.firm import CONNECTION_ID as FIRM
from ml_connector.exact.subscriptions import PATH
from ml_connector.infrastructure.ledger import CONNECTION
from tests.cli.terminal import Terminal
from tests.cli.test_journey import BACK, code, secrets

TOPICS = {"PurchaseOrders", "Accounts", "GLAccounts", "Items"}
OLD = "https://old.example.test/hook"


@pytest.fixture(scope="module")
def firm_file(demo: DemoEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The firm's connection file; the connection is added and has consent."""
    demo.firm.populate()
    demo.exact.webhooks.deliver = lambda _url, _body: 200
    config = demo.firm.connection(demo.exact_url, demo.airbase_url, demo.url("exact"))
    path = tmp_path_factory.mktemp("firm") / "firm.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    terminal = Terminal({"CONNECTOR_STACK": None})
    terminal.ok("connection", "add", str(path), env=secrets(demo))
    consent(demo, terminal)
    demo.stack.drain()
    return path


@pytest.fixture(autouse=True)
def fresh(demo: DemoEnvironment, firm_file: Path) -> Iterator[None]:
    """Restore the subscriptions and the user's language."""
    assert firm_file
    tables = {b.division: demo.exact.world.divisions[b.division].table(PATH) for b in BRANCHES}
    before = {division: copy.deepcopy(rows) for division, rows in tables.items()}
    yield
    demo.exact.world.language = "EN"
    for division, rows in tables.items():
        rows.clear()
        rows.update(before[division])


def consent(demo: DemoEnvironment, terminal: Terminal) -> Any:
    words = ("connection", "consent", FIRM, "--redirect-uri", BACK)
    return terminal.ok(*words, typed=code(demo) + "\n")


def subscribed(demo: DemoEnvironment, division: int) -> dict[str, str]:
    rows = demo.exact.world.divisions[division].table(PATH).values()
    return {row["Topic"]: row["CallbackURL"] for row in rows}


def point_elsewhere(demo: DemoEnvironment, division: int, topic: str) -> None:
    for row in demo.exact.world.divisions[division].table(PATH).values():
        if row["Topic"] == topic:
            row["CallbackURL"] = OLD


def states(found: dict[str, Any], division: str) -> dict[str, str]:
    rows = found["subscriptions"]
    return {row["topic"]: row["state"] for row in rows if row["division"] == division}


def codes(terminal: Terminal) -> list[str]:
    return [each["code"] for each in terminal.ok("exceptions", FIRM, "--json").data]


# --- Webhooks ------------------------------------------------------------------------------


def test_consent_subscribes_every_division(demo: DemoEnvironment, terminal: Terminal) -> None:
    for branch in BRANCHES:
        assert subscribed(demo, branch.division) == dict.fromkeys(TOPICS, demo.url("exact"))
    found = terminal.ok("webhooks", FIRM, "--json").data
    assert {row["state"] for row in found["subscriptions"]} == {"ours"}
    assert (len(found["subscriptions"]), found["trouble"]) == (12, [])
    assert "points here" in terminal.ok("webhooks", FIRM).out


def test_missing_subscriptions_are_shown_and_created_when_the_file_is_added_again(
    demo: DemoEnvironment, terminal: Terminal, firm_file: Path
) -> None:
    demo.exact.world.divisions[BE.division].table(PATH).clear()
    found = terminal.ok("webhooks", FIRM, "--json").data
    assert states(found, BE.key) == dict.fromkeys(TOPICS, "missing")
    added = terminal.ok("connection", "add", str(firm_file), "--json", env=secrets(demo)).data
    assert added["trouble"] == []
    assert subscribed(demo, BE.division) == dict.fromkeys(TOPICS, demo.url("exact"))


def test_a_subscription_that_points_elsewhere_is_an_exception_until_it_is_moved(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    point_elsewhere(demo, NL.division, "Items")
    assert "WEBHOOK_ELSEWHERE" in consent(demo, terminal).err
    assert codes(terminal) == ["WEBHOOK_ELSEWHERE"]
    assert states(terminal.ok("webhooks", FIRM, "--json").data, NL.key) == {
        **dict.fromkeys(TOPICS, "ours"),
        "Items": "elsewhere",
    }
    assert subscribed(demo, NL.division)["Items"] == OLD, "moved on command alone"
    moved = terminal.ok("webhooks", FIRM, "--move", "--json").data
    assert moved["moved"] == [{"division": NL.key, "topic": "Items", "address": OLD}]
    assert states(moved, NL.key) == dict.fromkeys(TOPICS, "ours")
    assert subscribed(demo, NL.division) == dict.fromkeys(TOPICS, demo.url("exact"))
    assert codes(terminal) == []
    trail = terminal.ok("audit", "show", FIRM, CONNECTION, "--json").data["trail"]
    step = [entry for entry in trail if entry["step"] == "webhooks_moved"][-1]
    assert step["actor"].startswith("connector arn:aws:")
    assert step["detail"]["removed"][0]["address"] == OLD


def test_moving_subscriptions_that_are_in_place_changes_nothing(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    before = subscribed(demo, NL.division)
    assert "Deleted 0" in terminal.ok("webhooks", FIRM, "--move").out
    assert subscribed(demo, NL.division) == before


def test_an_older_address_next_to_ours_is_no_exception_and_is_removed_by_a_move(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    table = demo.exact.world.divisions[NL.division].table(PATH)
    items = next(row for row in table.values() if row["Topic"] == "Items")
    key = demo.exact.world.guid()
    table[key] = {**items, "ID": key, "CallbackURL": OLD}
    assert consent(demo, terminal).err.count("WEBHOOK") == 0
    found = terminal.ok("webhooks", FIRM, "--json").data["subscriptions"]
    assert sorted(r["state"] for r in found if r["topic"] == "Items")[:2] == ["elsewhere", "ours"]
    terminal.ok("webhooks", FIRM, "--move")
    assert [row["CallbackURL"] for row in table.values() if row["Topic"] == "Items"] == [
        demo.url("exact")
    ]


def test_a_colleagues_subscription_is_adopted_in_dutch_too(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    demo.exact.world.language = "NL"
    table = demo.exact.world.divisions[NL.division].table(PATH)
    items = next(row for row in table.values() if row["Topic"] == "Items")
    items["UserID"] = demo.exact.world.guid()
    assert states(terminal.ok("webhooks", FIRM, "--json").data, NL.key)["Items"] == "missing"
    assert consent(demo, terminal).err.count("EXACT") == 0
    assert codes(terminal) == []
    assert states(terminal.ok("webhooks", FIRM, "--json").data, NL.key)["Items"] == "unseen"
    assert "belongs to another user" in terminal.ok("webhooks", FIRM).out


def test_a_refused_subscription_is_reported_and_does_not_stop_the_consent(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    demo.exact.policy.denied.add(PATH)
    run = consent(demo, terminal)
    assert "is connected" in run.out
    assert "WEBHOOK_NOT_SUBSCRIBED" in run.err
    assert "Traceback" not in run.err
    listed = terminal.ok("webhooks", FIRM)
    assert f"division {NL.key}" in listed.err
    demo.exact.policy.denied.clear()
    consent(demo, terminal)
    assert codes(terminal) == []


def test_a_connection_without_an_address_has_nothing_to_move(
    demo: DemoEnvironment, terminal: Terminal, firm_file: Path, tmp_path: Path
) -> None:
    config = json.loads(firm_file.read_text(encoding="utf-8")) | {"id": "quiet"}
    del config["exact_callback_url"]
    config["divisions"] = [{"division": 2999, "subsidiaries": ["sub-quiet"]}]
    path = tmp_path / "quiet.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    terminal.ok("connection", "add", str(path), "--shared-app", env=secrets(demo))
    said = terminal.refused("webhooks", "quiet", "--move")
    assert "exact_callback_url" in said
    assert "/webhooks/exact/quiet" in said
    assert "no connection" in terminal.refused("webhooks", "nobody")


# --- Bills ---------------------------------------------------------------------------------


def test_the_bills_of_an_orders_vendor_are_listed(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    vendor, other = demo.firm.vendors["Cloudwerk"], demo.firm.vendors["Expo Partners"]
    lines = [demo.airbase.line("4100", "100.00", "Licences")]
    order = demo.airbase.add_order("PO-77", NL.subsidiary, vendor, lines)
    demo.airbase.outbox.url = ""
    demo.airbase.approve(order)
    demo.airbase.add_bill(vendor, "R-2", "40.00", entry_date="2026-11-02", erp_reference_id="9")
    demo.airbase.add_bill(vendor, "R-1", "60.00", entry_date="2026-11-01", currency="USD")
    demo.airbase.add_bill(vendor, "R-3", "many", entry_date="2026-11-03")
    demo.airbase.add_bill(other, "X-1", "5.00")
    assert "has no order" in terminal.refused("bills", FIRM, "PO-77")
    terminal.ok("fetch", FIRM, order["id"])
    assert "--vendor" in terminal.refused("bills", FIRM, order["id"])
    demo.stack.drain()
    before = len(demo.posting_calls())
    found = terminal.ok("bills", FIRM, "PO-77", "--json").data
    assert found["vendor"] == vendor["id"]
    assert [(b["number"], b["amount"], b["currency"], b["entered"]) for b in found["bills"]] == [
        ("R-1", "60.00", "USD", "no"),
        ("R-2", "40.00", "EUR", "yes"),
    ]
    assert [(u["code"], u["record"]) for u in found["unreadable"]] == [("BAD_AMOUNT", "bill R-3")]
    assert len(demo.posting_calls()) == before, "Exact is not asked"
    run = terminal.ok("bills", FIRM, "--vendor", vendor["id"])
    assert "USD 60.00" in run.out
    assert "not shown: bill R-3" in run.err
    assert "no bills" in terminal.ok("bills", FIRM, "--vendor", "ven-none").out


@pytest.mark.parametrize("words", [(), ("PO-1", "--vendor", "v")])
def test_bills_need_either_an_order_or_a_vendor(terminal: Terminal, words: tuple[str, ...]) -> None:
    assert "pass either an order or --vendor" in terminal.refused("bills", FIRM, *words)
