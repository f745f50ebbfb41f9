"""`connector ping` and `connector map`, on the stack made from the template."""

import csv
from pathlib import Path

import pytest

from local.demo.environment import DemoEnvironment
from local.firm import BRANCHES
from local.firm import CONNECTION_ID as FIRM
from local.simulator import SimulatedFault
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("firm")
SHAPE = {"connection", "site", "division", "check", "ok", "detail", "code", "cause", "remedy"}
ROW = {
    "division", "kind", "airbase", "name", "exact", "exact_name", "state", "orders", "code",
    "cause", "remedy", "proposals",
}  # fmt: skip


@pytest.fixture(scope="module")
def firm(demo: DemoEnvironment) -> None:
    """The firm, connected and subscribed, with one good order and one with unmapped values."""
    demo.exact.webhooks.deliver = lambda _url, _body: 200  # nothing arrives during a command
    demo.connect()
    airbase = demo.airbase
    airbase.add_account("4100", "Software subscriptions")
    good = airbase.add_order(
        "PO-1", "sub-nl", demo.firm.vendors["Cloudwerk"], [airbase.line("4100", "100.00")]
    )
    tags = [airbase.tag("Department", "mkt", "Marketing")]
    strange = airbase.add_order(
        "PO-2",
        "sub-nl",
        demo.firm.vendors["Cloudwerk"],
        [airbase.line("Reizen", "50.00", tags=tags)],
    )
    for order in (good, strange):
        airbase.approve(order)
    demo.stack.drain()
    demo.stack.fire("TokenRefreshFunctionEverySixHours")
    demo.stack.drain()


@pytest.fixture
def _next_minute(demo: DemoEnvironment) -> None:
    """Start with a full minute of calls."""
    demo.clock.move(61)


@pytest.mark.usefixtures("_next_minute")
def test_a_ping_is_all_green(terminal: Terminal) -> None:
    found = terminal.ok("ping", FIRM, "--json").data
    assert all(each.keys() == SHAPE for each in found)
    assert [each for each in found if each["ok"] is not True] == []
    table = terminal.ok("ping").out
    assert "Order PO-1 was read." in table
    assert f"{len(found)} green, 0 red, 0 unknown." in table
    assert "RED" not in table
    assert table.count("11 endpoints are readable.") == len(BRANCHES)


@pytest.mark.usefixtures("_next_minute")
def test_a_red_line_shows_cause_and_remedy_and_exits_with_1(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    demo.exact.policy.denied = {"vat/VATCodes"}
    run = terminal.run("ping", FIRM)
    as_json = terminal.run("ping", FIRM, "--json")
    demo.exact.policy.denied = set()
    assert (run.exit_code, as_json.exit_code) == (1, 1)
    assert "EXACT_SCOPE_MISSING" in run.out
    assert "To do: Add the scope to the app" in run.out
    assert f"{len(BRANCHES)} red" in run.out
    assert len([each for each in as_json.data if each["ok"] is False]) == len(BRANCHES)


def test_a_ping_of_an_unknown_connection_is_refused(terminal: Terminal) -> None:
    said = terminal.refused("ping", "nobody")
    assert said == ("connector: there is no connection 'nobody'; see `connector connection list`\n")


def test_what_is_unmapped_is_exported_filled_in_and_imported(
    demo: DemoEnvironment, terminal: Terminal, tmp_path: Path
) -> None:
    shown = terminal.ok("map", "show", FIRM, "--unmapped", "--json").data
    assert shown.keys() == {"connection", "rows", "orders", "unknown_tags", "not_read"}
    assert all(row.keys() == ROW for row in shown["rows"])
    by_kind = {row["kind"]: row for row in shown["rows"]}
    assert by_kind["cost_centres"]["proposals"] == [
        {"exact": "MKT", "name": "Marketing", "why": "same code"}
    ]
    table = terminal.ok("map", "show", FIRM, "--kind", "gl_accounts", "--division", "2101").out
    assert "unmapped" in table
    assert "automatic" in table

    path = tmp_path / "map.csv"
    assert "lines written to" in terminal.ok("map", "export", FIRM, "--out", str(path)).out
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    answers = {"Reizen": "4200", "mkt": "MKT"}
    for row in rows:
        row["exact"] = row["exact"] or answers.get(row["airbase"], "")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)

    tried = terminal.ok("map", "import", FIRM, str(path), "--dry-run", "--json").data
    assert (tried["dry_run"], len(tried["changes"]), tried["queued"]) == (True, 2, 0)
    done = terminal.ok("map", "import", FIRM, str(path)).out
    assert "Mappings changed: 2; orders queued for another check: 1." in done
    demo.stack.drain()
    states = {o["title"]: o["state"] for o in terminal.ok("orders", FIRM, "--json").data}
    assert states == {"PO-1": "posted", "PO-2": "posted"}
    trail = terminal.ok("audit", "show", FIRM, "connection", "--json").data["trail"]
    (entry,) = [each for each in trail if each["step"] == "mappings_changed"]
    assert entry["actor"].startswith("connector arn:aws:")
    assert terminal.ok("map", "show", FIRM, "--unmapped").out.startswith("Nothing is unmapped.")
    again = terminal.ok("map", "import", FIRM, str(path), "--json").data
    assert again["changes"] == []


def test_a_bad_file_is_refused_line_by_line(terminal: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(
        "division,kind,airbase,exact\n2101,gl_accounts,x,4242\n9,gl_accounts,x,4100\n",
        encoding="utf-8",
    )
    before = terminal.ok("connection", "show", FIRM, "--json").data["config"]
    lines = terminal.refused("map", "import", FIRM, str(path)).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("connector: bad.csv, line 2: UNKNOWN_GL_ACCOUNT: ")
    assert lines[1].startswith(
        "connector: bad.csv, line 3: connection example-firm has no division 9"
    )
    assert terminal.ok("connection", "show", FIRM, "--json").data["config"] == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("map", "show", "nobody"), "there is no connection 'nobody'"),
        (("map", "show", FIRM, "--kind", "colours"), "is not a kind"),
        (("map", "show", FIRM, "--division", "7"), "has no division 7"),
        (("map", "import", FIRM, "none.csv"), "No such file"),
        (("map", "export", FIRM, "--out", "/nonexistent/map.csv"), "there is no folder"),
    ],
)
def test_wrong_use_gets_one_clear_line(
    terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    (line,) = terminal.refused(*words).splitlines()
    assert said in line


def test_an_airbase_outage_ends_with_code_3(demo: DemoEnvironment, terminal: Terminal) -> None:
    demo.airbase.on_call = lambda _: SimulatedFault("unavailable")
    said = terminal.refused("map", "show", FIRM, code=3)
    demo.airbase.on_call = None
    assert said.startswith("connector: AIRBASE_UNAVAILABLE: ")
