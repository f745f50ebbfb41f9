"""Each secret is rotated as docs/operations.md says, with orders before, during and after."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.demo.checks import broken_invariants
from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import CONNECTION_ID, NL
from ml_connector.domain.records import HaltProblem
from tests.cli.terminal import Terminal

# Workers cache an API key or app secret for five minutes, webhooks their secret for one.
WORKER_CACHE, WEBHOOK_CACHE = timedelta(minutes=5, seconds=1), timedelta(minutes=1, seconds=1)


@pytest.fixture
def file(demo: DemoEnvironment, tmp_path: Path) -> str:
    """Return the path of the firm's connection file."""
    config = demo.firm.connection(demo.exact_url, demo.airbase_url, demo.url("exact"))
    path = tmp_path / "firm.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(path)


def post_an_order(demo: DemoEnvironment, scenario: Scenario) -> None:
    """Approve an order; it must be posted, and all earlier ones must be correct."""
    scenario._approve(scenario._ordinary(NL, scenario.number))
    demo.stack.drain()
    assert broken_invariants(demo, scenario) == []


def halts(demo: DemoEnvironment) -> Mapping[str, HaltProblem]:
    return demo.services.ledger_of(FIRM).connection().facts.halts


def test_the_airbase_key(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal, file: str
) -> None:
    post_an_order(demo, scenario)
    terminal.ok("connection", "add", file, env={"CONNECTOR_AIRBASE_API_KEY": "the-second-key"})
    post_an_order(demo, scenario)  # with the old key, which is still valid
    demo.clock.move(WORKER_CACHE)
    demo.airbase.api_key = "the-second-key"  # the old one is removed in Airbase
    post_an_order(demo, scenario)
    assert halts(demo) == {}


def test_an_airbase_key_removed_too_early(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal, file: str
) -> None:
    post_an_order(demo, scenario)
    demo.airbase.api_key = "the-third-key"
    scenario._approve(scenario._ordinary(NL))
    demo.stack.drain()
    assert halts(demo)[""].code == "AIRBASE_KEY_REFUSED"
    demo.clock.move(WORKER_CACHE)
    terminal.ok("connection", "add", file, env={"CONNECTOR_AIRBASE_API_KEY": "the-third-key"})
    demo.stack.drain()
    demo.wait(timedelta(minutes=16))
    post_an_order(demo, scenario)
    assert halts(demo) == {}


def test_the_airbase_webhook_secret(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal
) -> None:
    post_an_order(demo, scenario)
    old = demo.airbase.outbox.secret
    rotated = terminal.ok("connection", "rotate", CONNECTION_ID, "airbase", "--json").data
    post_an_order(demo, scenario)  # still signed with the old one
    demo.wait(WEBHOOK_CACHE)
    (demo.airbase.outbox.secret,) = rotated["generated"].values()
    post_an_order(demo, scenario)
    terminal.ok("connection", "rotate", CONNECTION_ID, "airbase", "--finish")
    demo.wait(WEBHOOK_CACHE)
    post_an_order(demo, scenario)
    new, demo.airbase.outbox.secret = demo.airbase.outbox.secret, old
    before = len(list(demo.services.ledger_of(FIRM).records("order#")))
    demo.airbase.approve(scenario._ordinary(NL))
    demo.stack.drain()
    assert len(list(demo.services.ledger_of(FIRM).records("order#"))) == before, "no longer valid"
    demo.airbase.outbox.secret = new
    demo.airbase.orders.popitem()


def test_the_exact_webhook_secret(demo: DemoEnvironment, terminal: Terminal) -> None:
    demo.stack.fire("TokenRefreshFunctionEverySixHours")  # makes the subscriptions
    demo.exact.webhooks.pump()  # earlier notifications
    accounts = demo.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(iter(accounts))

    def answers() -> list[int]:
        demo.clock.move(1)
        demo.exact.change(NL.division, "financial/GLAccounts", key, Description="Renamed")
        return demo.exact.webhooks.pump()

    old = demo.exact.webhooks.secret
    assert answers() == [202]
    given = {"CONNECTOR_EXACT_WEBHOOK_SECRET": "the-second-secret-of-exact"}
    terminal.ok("connection", "rotate", CONNECTION_ID, "exact", env=given)
    assert answers() == [202]
    demo.wait(WEBHOOK_CACHE)
    demo.exact.webhooks.secret = "the-second-secret-of-exact"
    assert answers() == [202]
    terminal.ok("connection", "rotate", CONNECTION_ID, "exact", "--finish")
    demo.wait(WEBHOOK_CACHE)
    assert answers() == [202]
    demo.exact.webhooks.secret = old
    assert answers() == [401]


def test_the_exact_client_secret(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal, file: str
) -> None:
    post_an_order(demo, scenario)
    secret = "the-second-client-secret"
    demo.exact.oauth._client = (demo.exact.client_id, secret)
    terminal.ok("connection", "add", file, env={"CONNECTOR_EXACT_CLIENT_SECRET": secret})
    demo.stack.drain()
    post_an_order(demo, scenario)  # with the earlier access token
    demo.wait(timedelta(minutes=11))
    post_an_order(demo, scenario)
    assert halts(demo) == {}


def test_an_exact_client_secret_stored_too_late(
    demo: DemoEnvironment, scenario: Scenario, terminal: Terminal, file: str
) -> None:
    post_an_order(demo, scenario)
    secret = "the-third-client-secret"
    demo.exact.oauth._client = (demo.exact.client_id, secret)
    demo.wait(timedelta(minutes=11))
    scenario._approve(scenario._ordinary(NL))
    demo.stack.drain()
    assert halts(demo)["nl"].code == "APP_CREDENTIALS_REFUSED"
    demo.clock.move(WORKER_CACHE)
    terminal.ok("connection", "add", file, env={"CONNECTOR_EXACT_CLIENT_SECRET": secret})
    demo.stack.drain()
    demo.wait(timedelta(minutes=16))
    post_an_order(demo, scenario)
    assert halts(demo) == {}


def test_the_consent(demo: DemoEnvironment, scenario: Scenario, terminal: Terminal) -> None:
    post_an_order(demo, scenario)
    demo.exact.revoke_consent()
    demo.clock.move(timedelta(minutes=11))
    scenario._approve(scenario._ordinary(NL))
    demo.stack.drain()
    assert halts(demo)["nl"].code == "RECONNECT_NEEDED"
    redirect_uri = "https://connector.example/back"
    words = ("connection", "consent", CONNECTION_ID, "--redirect-uri", redirect_uri)
    terminal.ok(*words, typed=_code(demo, redirect_uri) + "\n")
    demo.stack.drain()
    demo.wait(timedelta(minutes=16))
    post_an_order(demo, scenario)
    assert halts(demo) == {}


def _code(demo: DemoEnvironment, redirect_uri: str) -> str:
    """Return a code as a browser gets it after consent."""
    query = {
        "client_id": demo.exact.client_id,
        "response_type": "code",
        "redirect_uri": redirect_uri,
    }
    answer = httpx.get(f"{demo.exact_url}/api/oauth2/auth", params=query)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
