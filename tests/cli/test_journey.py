"""From a connection file to posted orders, using only the command."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connector_cli.stack import open_stack
from connector_cli.target import remote_target
from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import BE, NL
from local.firm import CONNECTION_ID as FIRM
from ml_connector.connections import consent_request as consent
from ml_connector.domain.ids import ConnectionId, Division, code_of
from ml_connector.infrastructure.ledger import CONNECTION
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("firm")
BACK = "https://connector.example/back"


@pytest.fixture(scope="module")
def firm(demo: DemoEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    """The firm of the demo, connected by the command, with one good and one bad order."""
    demo.firm.populate()
    config = demo.firm.connection(demo.exact_url, demo.airbase_url, demo.url("exact"))
    path = tmp_path_factory.mktemp("firm") / "firm.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    terminal = Terminal({"CONNECTOR_STACK": None})
    terminal.ok("connection", "add", str(path), env=secrets(demo))
    terminal.ok("connection", "consent", FIRM, "--redirect-uri", BACK, typed=code(demo) + "\n")
    # Subscribed already; the webhook functions' logs would mix with the output of the commands.
    demo.exact.webhooks.deliver = lambda _url, _body: 200
    demo.airbase.outbox.url = demo.url("airbase")
    demo.stack.drain()
    scenario = Scenario(demo, lambda _: None)
    scenario.one_order_per_division()
    scenario.orders_with_exceptions()
    return scenario


def secrets(demo: DemoEnvironment) -> dict[str, str]:
    return {
        "CONNECTOR_AIRBASE_API_KEY": demo.airbase.api_key,
        "CONNECTOR_AIRBASE_WEBHOOK_SECRET": demo.airbase.outbox.secret,
        "CONNECTOR_EXACT_CLIENT_ID": demo.exact.client_id,
        "CONNECTOR_EXACT_CLIENT_SECRET": demo.exact.client_secret,
        "CONNECTOR_EXACT_WEBHOOK_SECRET": demo.exact.webhook_secret,
    }


def code(demo: DemoEnvironment) -> str:
    """Return a code as Exact gives it after consent in a browser."""
    query = {"client_id": demo.exact.client_id, "response_type": "code", "redirect_uri": BACK}
    answer = httpx.get(f"{demo.exact_url}/api/oauth2/auth", params=query)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def test_orders_are_listed_with_their_states(terminal: Terminal) -> None:
    found = terminal.ok("orders", FIRM, "--json").data
    posted = [each for each in found if each["state"] == "posted"]
    assert len(posted) >= 3
    assert all(each["exact_number"] and not each["exceptions"] for each in posted)
    assert {each["division"] for each in posted} >= {NL.key, BE.key}
    review = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    assert review
    assert all(each["exceptions"] for each in review)
    table = terminal.ok("orders", FIRM).out
    assert posted[0]["title"] in table
    assert review[0]["exceptions"][0]["code"] in table


def test_exceptions_show_cause_and_remedy(terminal: Terminal) -> None:
    found = terminal.ok("exceptions", "--json").data
    assert {each["code"] for each in found} >= {"GL_ACCOUNT_BLOCKED", "COST_CENTRE_MISSING"}
    assert all(each["cause"] and each["remedy"] for each in found)
    assert "To do:" in terminal.ok("exceptions", FIRM).out


def test_an_order_is_found_by_each_of_its_names(terminal: Terminal) -> None:
    order = terminal.ok("orders", FIRM, "--state", "posted", "--json").data[0]
    names = (order["order"], order["title"], order["title"].lower(), order["exact_number"])
    for name in names:
        scenario = terminal.ok("audit", "show", FIRM, name, "--json").data
        assert scenario["record"] == f"order#{order['order']}"
        assert [entry["step"] for entry in scenario["trail"]][-1] == "posted"
        assert scenario["broken"] is None
    assert "is intact" in terminal.ok("audit", "show", FIRM, order["title"]).out


def test_a_corrected_order_is_posted_after_a_retry(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    waiting = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    order = next(o for o in waiting if o["exceptions"][0]["code"] == "COST_CENTRE_MISSING")
    kept = demo.airbase.orders[order["order"]]
    kept["transaction_tags"] = [{"type_label": "Department", "erp_reference_id": "MKT"}]
    terminal.ok("retry", FIRM, order["title"])
    demo.stack.drain()
    after = terminal.ok("orders", FIRM, "--state", "posted", "--json").data
    assert order["order"] in [each["order"] for each in after]
    trail = terminal.ok("audit", "show", FIRM, order["title"], "--json").data["trail"]
    asked = next(entry for entry in trail if entry["step"] == "retry_asked")
    assert asked["actor"].startswith("connector arn:aws:")


def test_retrying_all_or_posted_orders_posts_nothing_twice(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    before = len(demo.posting_calls())
    posted = terminal.ok("orders", FIRM, "--state", "posted", "--json").data
    terminal.ok("retry", FIRM, posted[0]["order"])
    waiting = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    queued = terminal.ok("retry", FIRM, "--all", "--json").data["queued"]
    assert sorted(queued) == sorted(each["title"] for each in waiting)
    demo.stack.drain()
    assert len(demo.posting_calls()) == before


def test_an_order_whose_webhook_never_arrived_is_fetched(
    demo: DemoEnvironment, terminal: Terminal, firm: Scenario
) -> None:
    demo.airbase.outbox.drop = 1
    order = firm._ordinary(NL)
    demo.airbase.approve(order)
    demo.stack.drain()
    for _ in range(2):  # fetching twice posts nothing twice
        terminal.ok("fetch", FIRM, order["id"])
        demo.stack.drain()
    (found,) = [
        each
        for each in terminal.ok("orders", FIRM, "--json").data
        if each["title"] == order["number"]
    ]
    assert found["state"] == "posted"


def test_an_order_waiting_for_its_vendor_is_posted_after_linking(
    demo: DemoEnvironment, terminal: Terminal, tmp_path: Path
) -> None:
    (waiting, *_) = terminal.ok("vendors", "list", FIRM, "--waiting", "--json").data
    order, division = waiting["orders"][0], str(waiting["division"])
    before = figures(terminal, division)
    assert before["waiting_for_vendor"] >= 1
    demo.exact.add_supplier(code_of(Division(division)), "Zilvermeeuw Horeca", code="190")
    terminal.ok("refresh", FIRM, division)
    demo.stack.drain()
    sheet = tmp_path / "vendors.csv"
    terminal.ok("vendors", "export", FIRM, "--out", str(sheet))
    lines = sheet.read_text(encoding="utf-8").splitlines()
    at = next(n for n, line in enumerate(lines) if f"{waiting['vendor']}," in line
              and f",{division}," in line)  # fmt: skip
    lines[at] = lines[at].replace(f",{division},,,,none,", f",{division},,190,,link,")
    sheet.write_text("\n".join(lines), encoding="utf-8")
    done = terminal.ok("vendors", "import", FIRM, str(sheet), "--json").data
    assert (done["link"], done["unchanged"]) == (1, len(lines) - 2)
    demo.stack.drain()
    found = {each["title"]: each["state"] for each in terminal.ok("orders", FIRM, "--json").data}
    assert found[order] == "posted"
    after = figures(terminal, division)
    assert after["linked"]["by_hand"] == before["linked"]["by_hand"] + 1
    assert after["waiting_for_vendor"] < before["waiting_for_vendor"]
    scenario = terminal.ok("vendors", "show", FIRM, waiting["name"], "--json").data["trail"]
    assert scenario[-1]["actor"].startswith("connector arn:aws:")
    words = (FIRM, waiting["vendor"], "--division", division, "--reason", "only for this one")
    terminal.ok("vendors", "unlink", *words)
    assert figures(terminal, division)["rejected"] == before["rejected"] + 1


def figures(terminal: Terminal, division: str) -> dict[str, Any]:
    every = terminal.ok("vendors", "status", FIRM, "--json").data["divisions"]
    return next(each for each in every if str(each["division"]) == division)


def test_a_refresh_reads_the_reference_data_again(
    demo: DemoEnvironment, terminal: Terminal
) -> None:
    before = len(demo.posting_calls())
    assert terminal.ok("refresh", FIRM, "2101", "--json").data["divisions"] == ["nl.2101"]
    demo.stack.drain()
    assert len(demo.posting_calls()) > before
    assert len(terminal.ok("refresh", FIRM, "--json").data["divisions"]) == 3
    assert "it has nl.2101, nl.2102, nl.2103" in terminal.refused("refresh", FIRM, "9")


def test_a_pasted_address_is_checked_and_used(demo: DemoEnvironment) -> None:
    stack = open_stack(remote_target("connector", None))
    question = consent.start_consent(stack, stack.sites_of(FIRM)[0], BACK)
    answer = httpx.get(question.url)
    consent.enter_code(stack, stack.actor, question, answer.headers["Location"])
    assert demo.services.ledger_of(ConnectionId(FIRM)).trail(CONNECTION)[-1].step == "consent_given"


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        (f"{BACK}?code=abcdef&state=of-another-attempt", "belongs to another attempt"),
        (f"{BACK}?code=abcdef", "belongs to another attempt"),
        (f"{BACK}?error=access_denied", "did not give consent"),
        ("", "nothing was pasted"),
        ("not-a-code-of-exact", "Exact did not accept the code"),
    ],
)
def test_an_invalid_consent_is_refused(terminal: Terminal, pasted: str, said: str) -> None:
    words = ("connection", "consent", FIRM, "--redirect-uri", BACK)
    run = terminal.run(*words, typed=f"{pasted}\n")
    assert (run.exit_code, run.out.strip()) == (2, "")
    assert said in run.err
    assert "abcdef" not in run.err
    assert terminal.ok("exceptions", FIRM, "--json").data is not None


def test_local_uses_the_file_of_make_local(
    demo: DemoEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = demo.stack.environment() | {
        "CONNECTOR_STACK": demo.stack.name,
        "CONNECTOR_WEBHOOK_BASE_URL": "http://127.0.0.1:1",
    }
    (tmp_path / ".connector-local").mkdir()
    lines = (f"{name}={value}\n" for name, value in variables.items())
    (tmp_path / ".connector-local" / "env").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for name in variables:
        monkeypatch.delenv(name, raising=False)
    shown = Terminal().ok("--local", "connection", "show", FIRM, "--json").data
    assert shown["webhooks"]["exact"] == f"http://127.0.0.1:1/webhooks/exact/{FIRM}"
