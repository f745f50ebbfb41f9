"""From a connection file to posted orders, told and nudged by the command alone."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connector_cli.actions import consent
from connector_cli.stack import open_stack
from connector_cli.target import remote_target
from local.firm import BE, NL
from local.firm import CONNECTION_ID as FIRM
from local.scene import Scene
from local.story import Story
from ml_connector.doors.ledger import CONNECTION
from tests.cli.terminal import Terminal

pytestmark = pytest.mark.usefixtures("firm")
BACK = "https://connector.example/back"


@pytest.fixture(scope="module")
def firm(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The firm of the demo, connected by the command, with one good and one bad order."""
    scene.firm.furnish()
    config = scene.firm.connection(scene.exact_url, scene.airbase_url, scene.url("exact"))
    path = tmp_path_factory.mktemp("firm") / "firm.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    terminal = Terminal({"CONNECTOR_STACK": None})
    terminal.ok("connection", "add", str(path), env=secrets(scene))
    terminal.ok("connection", "consent", FIRM, "--redirect-uri", BACK, typed=code(scene) + "\n")
    # Subscribed by now; the receivers' log lines would stand between what the commands say.
    scene.exact.webhooks.deliver = lambda _url, _body: 200
    scene.airbase.outbox.url = scene.url("airbase")
    scene.stack.drain()
    story = Story(scene, lambda _: None)
    story.an_ordinary_morning()
    story.what_a_person_must_see()
    return story


def secrets(scene: Scene) -> dict[str, str]:
    return {
        "CONNECTOR_AIRBASE_API_KEY": scene.airbase.api_key,
        "CONNECTOR_AIRBASE_WEBHOOK_SECRET": scene.airbase.outbox.secret,
        "CONNECTOR_EXACT_CLIENT_ID": scene.exact.client_id,
        "CONNECTOR_EXACT_CLIENT_SECRET": scene.exact.client_secret,
        "CONNECTOR_EXACT_WEBHOOK_SECRET": scene.exact.webhook_secret,
    }


def code(scene: Scene) -> str:
    """Return a code as a person who consents in a browser gets it."""
    query = {"client_id": scene.exact.client_id, "response_type": "code", "redirect_uri": BACK}
    answer = httpx.get(f"{scene.exact_url}/api/oauth2/auth", params=query)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]


def test_orders_say_where_each_stands(terminal: Terminal) -> None:
    found = terminal.ok("orders", FIRM, "--json").data
    posted = [each for each in found if each["state"] == "posted"]
    assert len(posted) >= 3
    assert all(each["exact_number"] and not each["exceptions"] for each in posted)
    assert {each["division"] for each in posted} >= {NL.division, BE.division}
    review = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    assert review
    assert all(each["exceptions"] for each in review)
    table = terminal.ok("orders", FIRM).out
    assert posted[0]["title"] in table
    assert review[0]["exceptions"][0]["code"] in table


def test_exceptions_say_what_to_do(terminal: Terminal) -> None:
    found = terminal.ok("exceptions", "--json").data
    assert {each["code"] for each in found} >= {"GL_ACCOUNT_BLOCKED", "COST_CENTRE_MISSING"}
    assert all(each["cause"] and each["remedy"] for each in found)
    assert "To do:" in terminal.ok("exceptions", FIRM).out


def test_an_order_is_found_by_each_of_its_names(terminal: Terminal) -> None:
    order = terminal.ok("orders", FIRM, "--state", "posted", "--json").data[0]
    names = (order["order"], order["title"], order["title"].lower(), order["exact_number"])
    for name in names:
        story = terminal.ok("audit", "show", FIRM, name, "--json").data
        assert story["record"] == f"order#{order['order']}"
        assert [entry["step"] for entry in story["trail"]][-1] == "posted"
        assert story["broken"] is None
    assert "is whole" in terminal.ok("audit", "show", FIRM, order["title"]).out


def test_a_mended_order_is_posted_after_a_retry(scene: Scene, terminal: Terminal) -> None:
    waiting = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    order = next(o for o in waiting if o["exceptions"][0]["code"] == "COST_CENTRE_MISSING")
    kept = scene.airbase.orders[order["order"]]
    kept["transaction_tags"] = [{"type_label": "Department", "erp_reference_id": "MKT"}]
    terminal.ok("retry", FIRM, order["title"])
    scene.stack.drain()
    after = terminal.ok("orders", FIRM, "--state", "posted", "--json").data
    assert order["order"] in [each["order"] for each in after]
    trail = terminal.ok("audit", "show", FIRM, order["title"], "--json").data["trail"]
    asked = next(entry for entry in trail if entry["step"] == "retry_asked")
    assert asked["actor"].startswith("connector arn:aws:")


def test_retrying_all_or_what_is_posted_posts_nothing_twice(
    scene: Scene, terminal: Terminal
) -> None:
    before = len(scene.posting_calls())
    posted = terminal.ok("orders", FIRM, "--state", "posted", "--json").data
    terminal.ok("retry", FIRM, posted[0]["order"])
    waiting = terminal.ok("orders", FIRM, "--state", "review", "--json").data
    queued = terminal.ok("retry", FIRM, "--all", "--json").data["queued"]
    assert sorted(queued) == sorted(each["title"] for each in waiting)
    scene.stack.drain()
    assert len(scene.posting_calls()) == before


def test_an_order_whose_webhook_never_came_is_fetched(
    scene: Scene, terminal: Terminal, firm: Story
) -> None:
    scene.airbase.outbox.drop = 1
    order = firm._ordinary(NL)
    scene.airbase.approve(order)
    scene.stack.drain()
    for _ in range(2):  # asking twice posts nothing twice
        terminal.ok("fetch", FIRM, order["id"])
        scene.stack.drain()
    (found,) = [
        each
        for each in terminal.ok("orders", FIRM, "--json").data
        if each["title"] == order["number"]
    ]
    assert found["state"] == "posted"


def test_an_order_that_waits_for_its_vendor_goes_on_once_it_is_linked(
    scene: Scene, terminal: Terminal, tmp_path: Path
) -> None:
    (waiting, *_) = terminal.ok("vendors", "list", FIRM, "--waiting", "--json").data
    order, division = waiting["orders"][0], str(waiting["division"])
    before = figures(terminal, division)
    assert before["waiting_for_vendor"] >= 1
    scene.exact.add_supplier(int(division), "Nieuwkomer Horeca", code="190")
    terminal.ok("refresh", FIRM, division)
    scene.stack.drain()
    sheet = tmp_path / "vendors.csv"
    terminal.ok("vendors", "export", FIRM, "--out", str(sheet))
    lines = sheet.read_text(encoding="utf-8").splitlines()
    at = next(n for n, line in enumerate(lines) if f"{waiting['vendor']}," in line
              and f",{division}," in line)  # fmt: skip
    lines[at] = lines[at].replace(f",{division},,,,none,", f",{division},,190,,link,")
    sheet.write_text("\n".join(lines), encoding="utf-8")
    done = terminal.ok("vendors", "import", FIRM, str(sheet), "--json").data
    assert (done["link"], done["unchanged"]) == (1, len(lines) - 2)
    scene.stack.drain()
    found = {each["title"]: each["state"] for each in terminal.ok("orders", FIRM, "--json").data}
    assert found[order] == "posted"
    after = figures(terminal, division)
    assert after["linked"]["by_hand"] == before["linked"]["by_hand"] + 1
    assert after["waiting_for_vendor"] < before["waiting_for_vendor"]
    story = terminal.ok("vendors", "show", FIRM, waiting["name"], "--json").data["trail"]
    assert story[-1]["actor"].startswith("connector arn:aws:")
    words = (FIRM, waiting["vendor"], "--division", division, "--reason", "only for this one")
    terminal.ok("vendors", "unlink", *words)
    assert figures(terminal, division)["rejected"] == before["rejected"] + 1


def figures(terminal: Terminal, division: str) -> dict[str, Any]:
    every = terminal.ok("vendors", "status", FIRM, "--json").data["divisions"]
    return next(each for each in every if str(each["division"]) == division)


def test_a_refresh_reads_the_books_again(scene: Scene, terminal: Terminal) -> None:
    before = len(scene.posting_calls())
    assert terminal.ok("refresh", FIRM, "2101", "--json").data["divisions"] == [2101]
    scene.stack.drain()
    assert len(scene.posting_calls()) > before
    assert len(terminal.ok("refresh", FIRM, "--json").data["divisions"]) == 3
    assert "it has 2101, 2102, 2103" in terminal.refused("refresh", FIRM, "9")


def test_the_whole_address_is_checked_and_taken(scene: Scene) -> None:
    stack = open_stack(remote_target("connector", None))
    question = consent.start_consent(stack, stack.connection(FIRM), BACK)
    answer = httpx.get(question.url)
    consent.bring(stack, question, answer.headers["Location"])
    assert scene.doors.ledger.trail(question.connection.id, CONNECTION)[-1].step == "consent_given"


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        (f"{BACK}?code=abcdef&state=another", "belongs to another attempt"),
        (f"{BACK}?code=abcdef", "belongs to another attempt"),
        (f"{BACK}?error=access_denied", "did not give consent"),
        ("", "nothing was pasted"),
        ("not-a-code-of-exact", "RECONNECT_NEEDED"),
    ],
)
def test_a_consent_that_is_not_one_is_refused(terminal: Terminal, pasted: str, said: str) -> None:
    words = ("connection", "consent", FIRM, "--redirect-uri", BACK)
    run = terminal.run(*words, typed=f"{pasted}\n")
    assert (run.exit_code, run.out.strip()) == (2, "")
    assert said in run.err
    assert "abcdef" not in run.err
    assert terminal.ok("exceptions", FIRM, "--json").data is not None


def test_the_file_of_make_local_leads_there(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = scene.stack.environment() | {
        "CONNECTOR_STACK": scene.stack.name,
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
