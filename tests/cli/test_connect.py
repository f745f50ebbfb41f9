"""`connector connect`: a company is connected, connected again, and reconnected."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import typer

from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.exact_simulator import ExactFault
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.ledger import CONNECTION
from tests.cli.conftest import Write
from tests.cli.terminal import Terminal

TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference")  # coordination counts every call
ID = ConnectionId(FIRM)


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoEnvironment]:
    """Both systems with the firm's data, not connected yet."""
    with DemoEnvironment() as running:
        running.firm.populate()
        running.airbase.outbox.url = running.url("airbase")
        yield running


@pytest.fixture(scope="module")
def scenario(demo: DemoEnvironment) -> Scenario:
    return Scenario(demo, lambda _: None)


@pytest.fixture(autouse=True)
def alone(demo: DemoEnvironment, request: pytest.FixtureRequest) -> None:
    """Leave no other connection: a second one of the same app and divisions is refused."""
    keeps_firm = "connected" in request.fixturenames
    for each in list(demo.services.connections.all()):
        if each.id != FIRM or not keeps_firm:
            demo.services.connections.remove(each.id)


@pytest.fixture(autouse=True)
def _a_minute_later(demo: DemoEnvironment) -> None:
    """Exact allows 60 calls a minute: each test has its own."""
    demo.clock.move(61)


@pytest.fixture
def given(demo: DemoEnvironment) -> dict[str, str]:
    return {
        "CONNECTOR_AIRBASE_API_KEY": demo.airbase.api_key,
        "CONNECTOR_AIRBASE_WEBHOOK_SECRET": demo.airbase.outbox.secret,
        "CONNECTOR_EXACT_CLIENT_ID": demo.exact.client_id,
        "CONNECTOR_EXACT_CLIENT_SECRET": demo.exact.client_secret,
        "CONNECTOR_EXACT_WEBHOOK_SECRET": demo.exact.webhook_secret,
    }


@pytest.fixture
def servers(demo: DemoEnvironment) -> tuple[str, ...]:
    return ("--exact-url", demo.exact_url, "--airbase-url", demo.airbase_url)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    """Allow the app at each address that is opened; return the pages shown."""
    pages: list[httpx.Response] = []

    def launch(url: str) -> int:
        pages.append(httpx.get(url, follow_redirects=True))
        return 0

    monkeypatch.setattr(typer, "launch", launch)
    return pages


@pytest.fixture
def connected(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str], servers: Any
) -> DemoEnvironment:
    """The firm, connected by two silent runs with consent in between; repeated for each test."""
    words = ("connect", FIRM, *servers, "--yes", "--json")
    first = terminal.run(*words, env=given)
    if first.exit_code:
        page = httpx.get(first.data["consent"]["url"], follow_redirects=True)
        assert page.status_code == 200, page.text
        terminal.ok(*words, env=given)
        demo.stack.drain()
    return demo


def kept(demo: DemoEnvironment) -> str:
    """Return what is stored, except what changes with time: tables, secrets, messages."""
    dynamodb, manager = demo.stack.client("dynamodb"), demo.stack.client("secretsmanager")
    items = [
        dynamodb.scan(TableName=demo.stack.resource(f"{table}Table"))["Items"] for table in TABLES
    ]
    names = sorted(one["Name"] for one in manager.list_secrets(MaxResults=100)["SecretList"])
    secrets = [_secret(manager, name) for name in names if "/exact-tokens/" not in name]
    messages = demo.stack.client("sqs").get_queue_attributes(
        QueueUrl=demo.stack.resource("PurchaseOrderQueue"), AttributeNames=["All"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    return json.dumps([sorted(map(json.dumps, i)) for i in items] + [names, secrets, messages])


def _secret(manager: Any, name: str) -> str | None:
    try:
        return str(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None


def steps(demo: DemoEnvironment, id: str) -> list[str]:
    return [entry.step for entry in demo.services.ledger_of(ConnectionId(id)).trail(CONNECTION)]


def config_of(demo: DemoEnvironment, id: str = FIRM) -> Any:
    found = demo.services.connections.get(ConnectionId(id))
    return found.model_dump(mode="json") if found else None


# ---------------------------------------------------------------- without input


def test_a_silent_run_lists_what_is_missing_step_by_step(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    words = ("connect", "silent", *servers, "--json")
    first = terminal.run(*words)
    assert first.exit_code == 1
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in first.data["missing"]
    assert steps(demo, "silent") == []

    second = terminal.run(*words, env=given)
    assert second.exit_code == 1
    assert "consent is missing" in second.data["missing"][0]
    assert second.data["consent"]["redirect_uri"] == f"{demo.stack.url}/oauth/exact"
    httpx.get(second.data["consent"]["url"], follow_redirects=True)

    third = terminal.run(*words, env=given)
    assert third.exit_code == 1
    assert "--division" in third.data["missing"][0]
    assert third.data["sites"] == [{"site": "other", "consented_by": "Connector"}]
    assert [d["division"] for d in third.data["divisions"]] == [
        "other.2101", "other.2102", "other.2103",
    ]  # fmt: skip
    proposed = [(s["subsidiary"], s["division"], s["why"]) for s in third.data["subsidiaries"]]
    assert proposed[0] == ("sub-nl", "other.2101", "name")
    assert config_of(demo, "silent") is None, "nothing is half connected"

    last = terminal.ok(*words, "--division", "2102=sub-be,sub-de", env=given).data
    assert (last["complete"], last["changed"], last["missing"]) == (True, True, [])
    assert [
        (d["division"], d["name"], d["subsidiaries"])
        for d in config_of(demo, "silent")["divisions"]
    ] == [(2102, "Noorderlicht Belgium", ["sub-be", "sub-de"])]
    assert steps(demo, "silent") == [
        "airbase_key_stored", "app_credentials_stored", "consent_brought", "consent_given",
        "connection_added",
    ]  # fmt: skip


def test_what_cannot_be_used_is_said(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    words = ("connect", "said", *servers)
    asked = terminal.run(*words, "--json", env=given).data["consent"]["url"]
    httpx.get(asked, follow_redirects=True)
    hq = demo.exact.add_division(10_000_001, description="HQ", is_virtual=True)
    demo.exact.world.current_division = hq.code
    odd = ExactFault("odd_row", "GET", "system/Divisions")
    try:
        demo.exact.faults.append(odd)
        found = terminal.run(*words, "--json", env=given).data
        assert [d["division"] for d in found["divisions"]] == [
            "other.2102", "other.2103", f"other.{hq.code}",
        ]  # fmt: skip
        assert found["divisions"][-1]["status"] == "virtual"
        assert "Code is " in found["unreadable_divisions"][0]
        demo.exact.faults.append(odd)
        said = terminal.run(*words, "--division", "2102=sub-be", "--yes", env=given).out
        assert "Left out, because it cannot be read: " in said
        wrong = terminal.run(*words, "--division", f"{hq.code}=sub-nl", "--json", env=given)
        assert wrong.exit_code == 2
        assert "the HQ of a Premium licence" in wrong.err
    finally:
        del demo.exact.world.divisions[hq.code]
        demo.exact.world.current_division = NL.division


def test_without_json_and_without_input_it_ends_with_one_line(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in terminal.refused("connect", "nobody", *servers)
    run = terminal.run("connect", "nobody", *servers, env=given)
    assert run.exit_code == 2
    assert "connector: consent is missing: run this in a terminal" in run.err
    assert config_of(demo, "nobody") is None


def test_proposals_are_accepted_and_orders_arrive(
    connected: DemoEnvironment, scenario: Scenario
) -> None:
    served = {d["division"]: d["subsidiaries"] for d in config_of(connected)["divisions"]}
    assert served == {2101: ["sub-nl"], 2102: ["sub-be"], 2103: ["sub-de"]}
    assert config_of(connected)["exact_callback_url"] == connected.url("exact")
    order = scenario._ordinary(NL)
    connected.airbase.approve(order)
    connected.stack.drain()
    assert [o["YourRef"] for o in connected.exact.purchase_orders(2101)] == [order["number"]]
    topics = connected.exact.world.divisions[2101].table("webhooks/WebhookSubscriptions").values()
    assert {row["CallbackURL"] for row in topics} == {connected.url("exact")}
    assert len(topics) == 4


def test_a_second_run_changes_nothing(
    connected: DemoEnvironment, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    before = kept(connected)
    made = ("POST", "/api/v1/{division}/webhooks/WebhookSubscriptions")
    subscribed = connected.exact.counters[made]
    for words in ((), servers, (*servers, "--yes")):
        again = terminal.ok("connect", FIRM, *words, "--json", env=given).data
        assert (again["complete"], again["changed"]) == (True, False)
    assert "Nothing to change" in terminal.ok("connect", FIRM, "--yes").out
    assert kept(connected) == before
    assert connected.exact.counters[made] == subscribed


def test_a_file_without_divisions_is_enough_and_can_be_repeated(
    demo: DemoEnvironment,
    terminal: Terminal,
    given: dict[str, str],
    browser: Any,
    write_file: Write,
) -> None:
    urls = {"exact_base_url": demo.exact_url, "airbase_base_url": demo.airbase_url}
    path = write_file(id="filed", exact_site=None, divisions=[], name="From a file", **urls)
    words = ("connect", "--config", path, "--yes")
    terminal.ok(*words, "--browser", env=given, typed="\n")
    config = config_of(demo, "filed")
    assert (config["name"], len(config["divisions"])) == ("From a file", 3)
    assert config["exact_callback_url"] == demo.url("exact", "filed")
    before = kept(demo)
    assert terminal.ok(*words, "--json", env=given).data["changed"] is False
    assert kept(demo) == before

    half = [{"division": 2101, "default_vat_code": "5"}, {"division": 2102, "subsidiaries": ["x"]}]
    path = write_file(id="filed", exact_site=None, divisions=half, **urls)
    refused = terminal.run("connect", "--config", path, "--yes")
    assert refused.exit_code == 2
    assert "2103.subsidiaries: ['sub-de'] -> nothing" in refused.err
    assert kept(demo) == before
    terminal.ok("connect", "--config", path, "--yes", "--drop")
    found = config_of(demo, "filed")["divisions"]
    assert [each["subsidiaries"] for each in found] == [["sub-nl"], ["x"]]
    assert found[0]["default_vat_code"] == "5"


def test_what_a_file_assigns_stays_and_the_rest_is_proposed(
    demo: DemoEnvironment,
    terminal: Terminal,
    given: dict[str, str],
    browser: Any,
    write_file: Write,
) -> None:
    urls = {"exact_base_url": demo.exact_url, "airbase_base_url": demo.airbase_url}
    two = [{"division": 2102, "subsidiaries": ["Noorderlicht Nederland"]}, {"division": 2103}]
    path = write_file(id="partly", exact_site=None, divisions=two, **urls)
    words = ("connect", "--config", path, "--yes", "--browser")
    terminal.ok(*words, env=given, typed="\n")
    served = {d["division"]: d["subsidiaries"] for d in config_of(demo, "partly")["divisions"]}
    assert served == {2102: ["Noorderlicht Nederland", "sub-be"], 2103: ["sub-de"]}


def test_the_comparison_notices_a_change(
    connected: DemoEnvironment, terminal: Terminal, given: dict[str, str]
) -> None:
    before = kept(connected)
    changed = terminal.ok("connect", FIRM, "--name", "Another name", "--json", env=given).data
    assert changed["changed"]
    assert kept(connected) != before
    connected.stack.drain()


def test_divisions_come_from_all_pages_and_blocked_ones_are_shown_as_such(
    connected: DemoEnvironment, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connected.exact.policy, "page_size", 2)
    monkeypatch.setattr(connected.exact.world.divisions[2103], "blocked", True)
    found = terminal.ok("connect", FIRM, "--json").data["divisions"]
    assert [(d["division"], d["status"]) for d in found] == [
        ("other.2101", "open"), ("other.2102", "open"), ("other.2103", "blocked"),
    ]  # fmt: skip
    assert found[0] | {"country": "NL", "currency": "EUR"} == found[0]
    connected.clock.move(61)
    assert "blocked" in terminal.ok("connect", FIRM, "--yes").out


def test_a_division_outside_the_consent_is_refused(
    connected: DemoEnvironment,
    terminal: Terminal,
    given: dict[str, str],
    servers: Any,
    browser: Any,
) -> None:
    said = terminal.refused("connect", FIRM, "--division", "9=sub-nl", "--json")
    assert "division 9 is not among those this consent reaches: 2101, 2102, 2103" in said
    assert "write it as CODE=SUBSIDIARY" in terminal.refused("connect", FIRM, "--division", "2101")
    assert "is not a division code" in terminal.refused("connect", FIRM, "--division", "x=sub-nl")
    said = terminal.refused("connect", FIRM, "--division", "2101=sub-xx", "--json")
    assert "Airbase has no subsidiary sub-xx; it has sub-nl, sub-be, sub-de" in said


def test_a_division_removed_from_the_consent_is_named_even_if_it_is_the_users_current_one(
    connected: DemoEnvironment, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected.exact.world.current_division == 2101
    monkeypatch.setattr(connected.exact.world.divisions[2101], "in_scope", False)
    said = terminal.refused("connect", FIRM, "--yes", "--json")
    assert "division 2101 is not among those this consent reaches: 2102, 2103" in said


def test_a_key_that_airbase_refuses_stops_before_anything_is_saved(
    connected: DemoEnvironment, terminal: Terminal
) -> None:
    before = kept(connected)
    wrong = {"CONNECTOR_AIRBASE_API_KEY": "not-the-key-of-anybody"}
    said = terminal.refused("connect", FIRM, "--yes", "--json", env=wrong)
    assert "AIRBASE_KEY_REFUSED" in said
    assert kept(connected) == before, "the stored key is still the one that works"


# ---------------------------------------------------------------- reconnecting


def test_waiting_orders_continue_after_reconnecting(
    connected: DemoEnvironment,
    terminal: Terminal,
    browser: list[httpx.Response],
    scenario: Scenario,
) -> None:
    config = config_of(connected)
    connected.exact.revoke_consent()
    order = scenario._ordinary(NL)
    connected.airbase.approve(order)
    connected.stack.drain()
    connected.clock.move(600)
    connected.sweep()
    assert "RECONNECT_NEEDED" in [e["code"] for e in terminal.ok("exceptions", FIRM, "--json").data]

    run = terminal.ok("connect", FIRM, "--reconnect", "--browser", typed="\n")
    assert "is connected again" in run.out
    assert "Connected to Exact Online" in browser[0].text
    open_ones = [e["code"] for e in terminal.ok("exceptions", FIRM, "--json").data]
    assert "RECONNECT_NEEDED" not in open_ones
    connected.clock.move(1200)
    connected.sweep()
    numbers = [o["YourRef"] for o in connected.exact.purchase_orders(2101)]
    assert numbers.count(order["number"]) == 1
    assert config_of(connected) == config
    assert steps(connected, FIRM)[-2:] == ["consent_brought", "consent_given"]


def test_a_browser_that_reloads_changes_nothing(
    connected: DemoEnvironment, terminal: Terminal
) -> None:
    run = terminal.run("connect", FIRM, "--reconnect", "--json")
    assert run.exit_code == 1
    back = httpx.get(run.data["consent"]["url"]).headers["Location"]
    assert "Connected to Exact Online" in httpx.get(back).text
    before = kept(connected)
    again = httpx.get(back)
    assert (again.status_code, "Already done" in again.text) == (200, True)
    assert kept(connected) == before


def test_declining_consent_is_reported(
    connected: DemoEnvironment, terminal: Terminal, browser: list[httpx.Response], monkeypatch: Any
) -> None:
    monkeypatch.setattr(connected.exact.oauth, "denies", True)
    before = kept(connected)
    run = terminal.run("connect", FIRM, "--reconnect", "--browser", typed="\n")
    assert run.exit_code == 2
    assert "Consent was not given: Exact says that the request was declined" in run.err
    assert browser[0].status_code == 403
    assert "consent_denied" in kept(connected)
    assert len(before) < len(kept(connected))


def test_pressing_enter_too_early_gives_no_consent(
    connected: DemoEnvironment, terminal: Terminal
) -> None:
    run = terminal.run("connection", "consent", FIRM, typed="\n")
    assert run.exit_code == 2
    assert "no consent has arrived yet" in run.err
    assert steps(connected, FIRM)[-1] != "consent_brought"


# ---------------------------------------------------------------- a person at a terminal


def test_a_person_is_guided_through_all_steps(
    demo: DemoEnvironment, terminal: Terminal, browser: list[httpx.Response], servers: Any
) -> None:
    exact, airbase = demo.exact, demo.airbase
    typed = [airbase.api_key, exact.client_id, exact.client_secret, "", "", "2101, 2102"]
    typed += ["", "", "-", NL.vat_code, "30", "-", "-", "de", "", "", "", "", "y"]
    lines = "\n".join(typed) + "\n"
    run = terminal.ok("connect", "typed", *servers, "--browser", typed=lines)
    assert "under 'Register and manage API keys'" in run.err
    assert f"Redirect URI: {demo.stack.url}/oauth/exact" in run.err
    assert "Purchase orders" in run.err
    assert "rights of the Purchase tab" in run.err
    assert len(browser) == 1
    for part in ("Noorderlicht Nederland", "open", "2103", "Saved typed"):
        assert part in run.out
    # Subscriptions of another connection of this app may exist: they stay.
    assert "Subscribed to Exact's notifications" in run.out or "WEBHOOK_ELSEWHERE" in run.out
    assert f"{demo.stack.url}/webhooks/airbase/typed" in run.out
    assert "shown only once" in run.out
    divisions = config_of(demo, "typed")["divisions"]
    served = {d["division"]: d["subsidiaries"] for d in divisions}
    assert served == {2101: ["sub-nl"], 2102: ["sub-be"]}
    chosen = [(d["default_vat_code"], d["default_payment_condition"]) for d in divisions]
    assert chosen == [(NL.vat_code, "30"), (None, None)]
    assert "goes out without VAT" in run.err
    assert "Next, 2: see that everything works: `connector ping typed`" in run.out
    assert "connection set typed other.2102.default_vat_code=CODE" in run.out
    assert not [t for t in (airbase.api_key, exact.client_secret) if t in run.out + run.err]

    again = terminal.ok("connect", "typed")
    assert "Nothing to change" in again.out
    assert "shown only once" not in again.out


def test_an_aborted_run_saves_no_connection(
    demo: DemoEnvironment, terminal: Terminal, browser: Any, given: dict[str, str], servers: Any
) -> None:
    typed = "\n" * 15 + "n\n"
    run = terminal.run("connect", "aborted", *servers, "--browser", env=given, typed=typed)
    assert (run.exit_code, "aborted was not saved" in run.err) == (2, True), run.err
    assert "Kept: your answers, Airbase's key (tested), the Exact app of other" in run.err
    assert config_of(demo, "aborted") is None
    assert "connection_added" not in steps(demo, "aborted")
    found = terminal.ok("connect", "aborted", *servers, "--yes", "--json", env=given).data
    assert found["complete"]
    assert browser[1:] == [], "the consent of the first run is still good"


def test_secrets_are_shown_when_asked_and_never_in_json(
    demo: DemoEnvironment, terminal: Terminal, browser: Any, given: dict[str, str], servers: Any
) -> None:
    only = {n: v for n, v in given.items() if "WEBHOOK" not in n}
    words = ("connect", "shown", *servers, "--browser", "--yes", "--show-secrets")
    run = terminal.ok(*words, env=only, typed="\n")
    assert run.out.count("shown only once") == 2
    assert "never part of --json" in terminal.refused(
        "connect", "shown", "--show-secrets", "--json"
    )
    terminal.ok("connection", "remove", "shown", "--yes")
    quiet = terminal.run("connect", "quiet", *servers, "--json", env=only)
    httpx.get(quiet.data["consent"]["url"], follow_redirects=True)
    done = terminal.ok("connect", "quiet", *servers, "--yes", "--json", env=only)
    assert done.data["webhook_secrets_made"] == ["airbase", "exact"]
    stored = json.loads(
        str(_secret(demo.stack.client("secretsmanager"), "connector/airbase-webhook/quiet"))
    )
    assert stored["secrets"][0] not in done.out


# ---------------------------------------------------------------- on loopback


def test_a_loopback_listener_receives_the_redirect_once(
    connected: DemoEnvironment, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[httpx.Response] = []

    def launch(url: str) -> int:
        state = httpx.URL(url).params["state"]
        back = httpx.URL(url).params["redirect_uri"]
        seen.append(httpx.get(f"{back}favicon.ico"))
        seen.append(httpx.get(back, params={"code": "c", "state": "B" * 43}))
        assert state
        seen.append(httpx.get(url, follow_redirects=True))
        return 0

    monkeypatch.setattr(typer, "launch", launch)
    run = terminal.ok("connection", "consent", FIRM, "--listen", "0", "--browser", "--json")
    assert (run.data["connection"], run.data["consent"]) == (FIRM, "stored")
    assert [page.status_code for page in seen] == [404, 404, 200]
    assert "for simulators alone: Exact accepts only public https" in run.err
    assert seen[2].headers["cache-control"] == "no-store"
    with pytest.raises(httpx.ConnectError):
        httpx.get(str(seen[2].url))


@pytest.mark.parametrize(
    "words",
    [
        ("--listen", "0"),
        ("--redirect-uri", "https://localhost/back"),
        ("--redirect-uri", "http://127.0.0.1:8000/"),
        (),
    ],
    ids=lambda words: " ".join(words) or "the route of a local stack",
)
def test_exacts_own_sites_are_not_asked_to_redirect_to_this_machine(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str], words: tuple[str, ...]
) -> None:
    site = ("connect", "real", "--exact-site", "nl", "--airbase-url", demo.airbase_url)
    run = terminal.run(*site, *words, "--yes", env=given, typed="\n")
    assert run.exit_code == 2
    assert "Exact accepts only public https addresses as redirect URI" in run.err
    assert "register any public https address, pass it with --redirect-uri" in run.err
    assert "start.exactonline.nl/api/oauth2/auth" not in run.err + run.out


def test_a_public_redirect_uri_is_shown_for_exacts_own_site(
    demo: DemoEnvironment, terminal: Terminal, given: dict[str, str]
) -> None:
    back = ("--redirect-uri", "https://connector.example/back")
    site = ("connect", "real", "--exact-site", "nl", "--airbase-url", demo.airbase_url)
    run = terminal.run(*site, *back, "--json", env=given)
    assert run.data["consent"]["url"].startswith("https://start.exactonline.nl/api/oauth2/auth?")
    assert run.data["consent"]["redirect_uri"] == "https://connector.example/back"


def test_a_listener_without_a_redirect_times_out_with_one_line(
    connected: DemoEnvironment, terminal: Terminal
) -> None:
    run = terminal.run("connect", FIRM, "--reconnect", "--listen", "0", "--wait", "0", "--json")
    assert run.exit_code == 2
    assert "Exact did not redirect to http://127.0.0.1:" in run.err


def test_a_port_that_is_taken_is_named(connected: DemoEnvironment, terminal: Terminal) -> None:
    port = httpx.URL(connected.exact_url).port
    said = terminal.refused("connection", "consent", FIRM, "--listen", str(port))
    assert f"cannot listen on port {port}" in said
    both = ("--listen", "0", "--redirect-uri", "https://x.test/")
    assert "either --listen or --redirect-uri" in terminal.refused(
        "connection", "consent", FIRM, *both
    )


def test_a_consent_that_arrives_several_times_is_exchanged_once(
    connected: DemoEnvironment, terminal: Terminal
) -> None:
    """The redirect is opened four times; the code is exchanged once."""
    run = terminal.run("connect", FIRM, "--reconnect", "--json")
    back = httpx.get(run.data["consent"]["url"]).headers["Location"]
    threads = [threading.Thread(target=httpx.get, args=(back,)) for _ in range(4)]
    exchanged = connected.exact.counters["POST", "/api/oauth2/token"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connected.exact.counters["POST", "/api/oauth2/token"] == exchanged + 1
    assert steps(connected, FIRM)[-2:] == ["consent_brought", "consent_given"]
