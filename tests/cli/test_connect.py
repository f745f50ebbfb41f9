"""`connector connect` as a company is connected by it, again and again, and reconnected."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import typer

from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from local.scene import Scene
from local.story import Story
from ml_connector.doors.ledger import CONNECTION
from ml_connector.ids import ConnectionId
from tests.cli.conftest import Write
from tests.cli.terminal import Terminal

TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference")  # coordination counts every call
ID = ConnectionId(FIRM)


@pytest.fixture(scope="module")
def scene() -> Iterator[Scene]:
    """Both systems, furnished, and nothing connected."""
    with Scene() as running:
        running.firm.furnish()
        running.airbase.outbox.url = running.url("airbase")
        yield running


@pytest.fixture(scope="module")
def story(scene: Scene) -> Story:
    return Story(scene, lambda _: None)


@pytest.fixture(autouse=True)
def _a_minute_later(scene: Scene) -> None:
    """Exact allows 60 calls a minute: each test has its own."""
    scene.clock.move(61)


@pytest.fixture
def given(scene: Scene) -> dict[str, str]:
    return {
        "CONNECTOR_AIRBASE_API_KEY": scene.airbase.api_key,
        "CONNECTOR_AIRBASE_WEBHOOK_SECRET": scene.airbase.outbox.secret,
        "CONNECTOR_EXACT_CLIENT_ID": scene.exact.client_id,
        "CONNECTOR_EXACT_CLIENT_SECRET": scene.exact.client_secret,
        "CONNECTOR_EXACT_WEBHOOK_SECRET": scene.exact.webhook_secret,
    }


@pytest.fixture
def servers(scene: Scene) -> tuple[str, ...]:
    return ("--exact-url", scene.exact_url, "--airbase-url", scene.airbase_url)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    """A person who allows the app in whatever address is opened; the pages that they saw."""
    pages: list[httpx.Response] = []

    def launch(url: str) -> int:
        pages.append(httpx.get(url, follow_redirects=True))
        return 0

    monkeypatch.setattr(typer, "launch", launch)
    return pages


@pytest.fixture
def connected(scene: Scene, terminal: Terminal, given: dict[str, str], servers: Any) -> Scene:
    """The firm, connected by two silent runs with consent in between; repeated for each test."""
    words = ("connect", FIRM, *servers, "--yes", "--json")
    first = terminal.run(*words, env=given)
    if first.exit_code:
        page = httpx.get(first.data["consent"]["url"], follow_redirects=True)
        assert page.status_code == 200, page.text
        terminal.ok(*words, env=given)
        scene.stack.drain()
    return scene


def kept(scene: Scene) -> str:
    """Return all that is kept but what time alone changes: tables, secrets, waiting messages."""
    dynamodb, manager = scene.stack.client("dynamodb"), scene.stack.client("secretsmanager")
    items = [
        dynamodb.scan(TableName=scene.stack.resource(f"{table}Table"))["Items"] for table in TABLES
    ]
    names = sorted(one["Name"] for one in manager.list_secrets(MaxResults=100)["SecretList"])
    secrets = [_secret(manager, name) for name in names if "/exact-tokens/" not in name]
    messages = scene.stack.client("sqs").get_queue_attributes(
        QueueUrl=scene.stack.resource("PurchaseOrderQueue"), AttributeNames=["All"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    return json.dumps([sorted(map(json.dumps, i)) for i in items] + [names, secrets, messages])


def _secret(manager: Any, name: str) -> str | None:
    try:
        return str(manager.get_secret_value(SecretId=name)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None


def steps(scene: Scene, id: str) -> list[str]:
    return [entry.step for entry in scene.doors.ledger.trail(ConnectionId(id), CONNECTION)]


def config_of(scene: Scene, id: str = FIRM) -> Any:
    found = scene.doors.mappings.connection(ConnectionId(id))
    return found.model_dump(mode="json") if found else None


# ---------------------------------------------------------------- without anybody to ask


def test_a_silent_run_lists_what_is_missing_step_by_step(
    scene: Scene, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    words = ("connect", "silent", *servers, "--json")
    first = terminal.run(*words)
    assert first.exit_code == 1
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in first.data["missing"]
    assert steps(scene, "silent") == []

    second = terminal.run(*words, env=given)
    assert second.exit_code == 1
    assert "consent is missing" in second.data["missing"][0]
    assert second.data["consent"]["redirect_uri"] == f"{scene.stack.url}/oauth/exact"
    httpx.get(second.data["consent"]["url"], follow_redirects=True)

    third = terminal.run(*words, env=given)
    assert third.exit_code == 1
    assert "--division" in third.data["missing"][0]
    assert third.data["consented_by"] == "Connector"
    assert [d["division"] for d in third.data["divisions"]] == [2101, 2102, 2103]
    proposed = [(s["subsidiary"], s["division"], s["why"]) for s in third.data["subsidiaries"]]
    assert proposed[0] == ("sub-nl", 2101, "name")
    assert config_of(scene, "silent") is None, "nothing is connected by half"

    last = terminal.ok(*words, "--division", "2102=sub-be,sub-de", env=given).data
    assert (last["complete"], last["changed"], last["missing"]) == (True, True, [])
    assert [
        (d["division"], d["name"], d["subsidiaries"])
        for d in config_of(scene, "silent")["divisions"]
    ] == [(2102, "Noorderlicht Belgium", ["sub-be", "sub-de"])]
    assert steps(scene, "silent") == [
        "app_credentials_stored", "consent_brought", "consent_given", "connection_added",
    ]  # fmt: skip


def test_without_json_and_without_anybody_it_ends_with_one_line(
    scene: Scene, terminal: Terminal, given: dict[str, str], servers: Any
) -> None:
    assert "CONNECTOR_AIRBASE_API_KEY is not set" in terminal.refused("connect", "nobody", *servers)
    run = terminal.run("connect", "nobody", *servers, env=given)
    assert run.exit_code == 2
    assert "connector: consent is missing and there is nobody to give it" in run.err
    assert config_of(scene, "nobody") is None


def test_what_proposes_itself_is_taken_and_orders_arrive(connected: Scene, story: Story) -> None:
    served = {d["division"]: d["subsidiaries"] for d in config_of(connected)["divisions"]}
    assert served == {2101: ["sub-nl"], 2102: ["sub-be"], 2103: ["sub-de"]}
    assert config_of(connected)["exact_callback_url"] == connected.url("exact")
    order = story._ordinary(NL)
    connected.airbase.approve(order)
    connected.stack.drain()
    assert [o["YourRef"] for o in connected.exact.purchase_orders(2101)] == [order["number"]]
    topics = connected.exact.world.divisions[2101].table("webhooks/WebhookSubscriptions").values()
    assert {row["CallbackURL"] for row in topics} == {connected.url("exact")}
    assert len(topics) == 4


def test_a_second_run_changes_nothing(
    connected: Scene, terminal: Terminal, given: dict[str, str], servers: Any
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
    scene: Scene, terminal: Terminal, given: dict[str, str], browser: Any, write_file: Write
) -> None:
    urls = {"exact_base_url": scene.exact_url, "airbase_base_url": scene.airbase_url}
    path = write_file(id="filed", exact_site=None, divisions=[], name="From a file", **urls)
    words = ("connect", "--config", path, "--yes")
    terminal.ok(*words, "--browser", env=given, typed="\n")
    config = config_of(scene, "filed")
    assert (config["name"], len(config["divisions"])) == ("From a file", 3)
    assert config["exact_callback_url"] == scene.url("exact", "filed")
    before = kept(scene)
    assert terminal.ok(*words, "--json", env=given).data["changed"] is False
    assert kept(scene) == before

    half = [{"division": 2101, "default_vat_code": "5"}, {"division": 2102, "subsidiaries": ["x"]}]
    path = write_file(id="filed", exact_site=None, divisions=half, **urls)
    terminal.ok("connect", "--config", path, "--yes")
    found = config_of(scene, "filed")["divisions"]
    assert [each["subsidiaries"] for each in found] == [["sub-nl"], ["x"]]
    assert found[0]["default_vat_code"] == "5"


def test_what_a_file_assigns_stays_and_the_rest_is_proposed(
    scene: Scene, terminal: Terminal, given: dict[str, str], browser: Any, write_file: Write
) -> None:
    urls = {"exact_base_url": scene.exact_url, "airbase_base_url": scene.airbase_url}
    two = [{"division": 2102, "subsidiaries": ["Noorderlicht Nederland"]}, {"division": 2103}]
    path = write_file(id="partly", exact_site=None, divisions=two, **urls)
    words = ("connect", "--config", path, "--yes", "--browser")
    terminal.ok(*words, env=given, typed="\n")
    served = {d["division"]: d["subsidiaries"] for d in config_of(scene, "partly")["divisions"]}
    assert served == {2102: ["Noorderlicht Nederland", "sub-be"], 2103: ["sub-de"]}


def test_the_comparison_sees_a_change(
    connected: Scene, terminal: Terminal, given: dict[str, str]
) -> None:
    before = kept(connected)
    changed = terminal.ok("connect", FIRM, "--name", "Another name", "--json", env=given).data
    assert changed["changed"]
    assert kept(connected) != before
    connected.stack.drain()


def test_divisions_come_from_all_pages_and_blocked_ones_are_shown_as_such(
    connected: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connected.exact.policy, "page_size", 2)
    monkeypatch.setattr(connected.exact.world.divisions[2103], "blocked", True)
    found = terminal.ok("connect", FIRM, "--json").data["divisions"]
    assert [(d["division"], d["status"]) for d in found] == [
        (2101, "open"), (2102, "open"), (2103, "blocked"),
    ]  # fmt: skip
    assert found[0] | {"country": "NL", "currency": "EUR"} == found[0]
    connected.clock.move(61)
    assert "blocked" in terminal.ok("connect", FIRM, "--yes").out


def test_a_division_out_of_reach_or_blocked_is_refused(
    connected: Scene, terminal: Terminal, given: dict[str, str], servers: Any, browser: Any
) -> None:
    said = terminal.refused("connect", FIRM, "--division", "9=sub-nl", "--json")
    assert "division 9 is not among those this consent reaches: 2101, 2102, 2103" in said
    assert "say CODE=SUBSIDIARY" in terminal.refused("connect", FIRM, "--division", "2101")
    assert "no division code" in terminal.refused("connect", FIRM, "--division", "x=sub-nl")
    said = terminal.refused("connect", FIRM, "--division", "2101=sub-xx", "--json")
    assert "Airbase has no subsidiary sub-xx; it has sub-nl, sub-be, sub-de" in said


def test_a_division_that_left_the_consent_is_named_though_the_user_works_in_it(
    connected: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connected.exact.world.current_division == 2101
    monkeypatch.setattr(connected.exact.world.divisions[2101], "in_scope", False)
    said = terminal.refused("connect", FIRM, "--yes", "--json")
    assert "division 2101 is not among those this consent reaches: 2102, 2103" in said


def test_a_key_that_airbase_refuses_stops_before_anything_is_saved(
    connected: Scene, terminal: Terminal
) -> None:
    before = kept(connected)
    wrong = {"CONNECTOR_AIRBASE_API_KEY": "not-the-key-of-anybody"}
    said = terminal.refused("connect", FIRM, "--yes", "--json", env=wrong)
    assert "AIRBASE_KEY_REFUSED" in said
    assert kept(connected) == before, "the stored key is still the one that works"


# ---------------------------------------------------------------- reconnecting


def test_reconnecting_after_a_revoked_consent_lets_waiting_orders_go_on(
    connected: Scene, terminal: Terminal, browser: list[httpx.Response], story: Story
) -> None:
    config = config_of(connected)
    connected.exact.revoke_consent()
    order = story._ordinary(NL)
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


def test_a_browser_that_reloads_changes_nothing(connected: Scene, terminal: Terminal) -> None:
    run = terminal.run("connect", FIRM, "--reconnect", "--json")
    assert run.exit_code == 1
    back = httpx.get(run.data["consent"]["url"]).headers["Location"]
    assert "Connected to Exact Online" in httpx.get(back).text
    before = kept(connected)
    again = httpx.get(back)
    assert (again.status_code, "Already done" in again.text) == (200, True)
    assert kept(connected) == before


def test_a_person_who_says_no_is_understood(
    connected: Scene, terminal: Terminal, browser: list[httpx.Response], monkeypatch: Any
) -> None:
    monkeypatch.setattr(connected.exact.oauth, "denies", True)
    before = kept(connected)
    run = terminal.run("connect", FIRM, "--reconnect", "--browser", typed="\n")
    assert run.exit_code == 2
    assert "consent was not given: Exact says that the request was declined" in run.err
    assert browser[0].status_code == 403
    assert "consent_denied" in kept(connected)
    assert len(before) < len(kept(connected))


def test_pressing_enter_too_early_is_no_consent(connected: Scene, terminal: Terminal) -> None:
    run = terminal.run("connection", "consent", FIRM, typed="\n")
    assert run.exit_code == 2
    assert "no consent has come yet" in run.err
    assert steps(connected, FIRM)[-1] != "consent_brought"


# ---------------------------------------------------------------- a person at a terminal


def test_a_person_is_led_through_all_of_it(
    scene: Scene, terminal: Terminal, browser: list[httpx.Response], servers: Any
) -> None:
    exact, airbase = scene.exact, scene.airbase
    typed = [airbase.api_key, exact.client_id, exact.client_secret, "", "", "2101, 2102"]
    typed += ["", "", "-", "", "y"]
    lines = "\n".join(typed) + "\n"
    run = terminal.ok("connect", "typed", *servers, "--browser", typed=lines)
    assert len(browser) == 1
    for part in ("Noorderlicht Nederland", "open", "2103", "Saved typed"):
        assert part in run.out
    # Another connection of this app may have been here before: its subscriptions stay.
    assert "are subscribed to" in run.out or "WEBHOOK_ELSEWHERE" in run.out
    assert f"{scene.stack.url}/webhooks/airbase/typed" in run.out
    assert "shown this once" in run.out
    served = {d["division"]: d["subsidiaries"] for d in config_of(scene, "typed")["divisions"]}
    assert served == {2101: ["sub-nl"], 2102: ["sub-be"]}
    assert not [t for t in (airbase.api_key, exact.client_secret) if t in run.out + run.err]

    again = terminal.ok("connect", "typed")
    assert "Nothing to change" in again.out
    assert "shown this once" not in again.out


def test_an_aborted_run_leaves_nothing_half(
    scene: Scene, terminal: Terminal, browser: Any, given: dict[str, str], servers: Any
) -> None:
    run = terminal.run(
        "connect", "aborted", *servers, "--browser", env=given, typed="\n\n\n\n\nn\n"
    )
    assert (run.exit_code, "aborted was not saved" in run.err) == (2, True)
    assert config_of(scene, "aborted") is None
    assert "connection_added" not in steps(scene, "aborted")
    found = terminal.ok("connect", "aborted", *servers, "--yes", "--json", env=given).data
    assert found["complete"]
    assert browser[1:] == [], "the consent of the first run is still good"


def test_secrets_are_shown_when_asked_and_never_in_json(
    scene: Scene, terminal: Terminal, browser: Any, given: dict[str, str], servers: Any
) -> None:
    only = {n: v for n, v in given.items() if "WEBHOOK" not in n}
    words = ("connect", "shown", *servers, "--browser", "--yes", "--show-secrets")
    run = terminal.ok(*words, env=only, typed="\n")
    assert run.out.count("shown this once") == 2
    assert "never part of --json" in terminal.refused(
        "connect", "shown", "--show-secrets", "--json"
    )
    quiet = terminal.run("connect", "quiet", *servers, "--json", env=only)
    httpx.get(quiet.data["consent"]["url"], follow_redirects=True)
    done = terminal.ok("connect", "quiet", *servers, "--yes", "--json", env=only)
    assert done.data["webhook_secrets_made"] == ["airbase", "exact"]
    stored = json.loads(
        str(_secret(scene.stack.client("secretsmanager"), "connector/airbase-webhook/quiet"))
    )
    assert stored["secrets"][0] not in done.out


# ---------------------------------------------------------------- on loopback


def test_a_listener_on_loopback_takes_the_redirect_once(
    connected: Scene, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
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
    assert seen[2].headers["cache-control"] == "no-store"
    with pytest.raises(httpx.ConnectError):
        httpx.get(str(seen[2].url))


def test_a_listener_nobody_comes_to_says_so(connected: Scene, terminal: Terminal) -> None:
    run = terminal.run("connect", FIRM, "--reconnect", "--listen", "0", "--wait", "0", "--json")
    assert run.exit_code == 2
    assert "nobody came back from Exact to http://127.0.0.1:" in run.err


def test_a_port_that_is_taken_is_named(connected: Scene, terminal: Terminal) -> None:
    port = httpx.URL(connected.exact_url).port
    said = terminal.refused("connection", "consent", FIRM, "--listen", str(port))
    assert f"port {port} cannot be listened on" in said
    both = ("--listen", "0", "--redirect-uri", "https://x.test/")
    assert "either --listen or --redirect-uri" in terminal.refused(
        "connection", "consent", FIRM, *both
    )


def test_consent_by_two_ways_at_once_is_taken_once(connected: Scene, terminal: Terminal) -> None:
    """The route takes the code although the person pastes the same address as well."""
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
