"""Each secret is rotated as docs/operations.md says, with orders before, between and after."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from local.firm import CONNECTION_ID, NL
from local.scene import FIRM, Scene
from local.story import Story
from local.verdict import broken_invariants
from ml_connector.doors.ledger import CONNECTION
from tests.cli.terminal import Terminal

# Workers keep a key or an app's secret for five minutes, receivers a webhook secret for one.
WORKERS_KNOW, RECEIVERS_KNOW = timedelta(minutes=5, seconds=1), timedelta(minutes=1, seconds=1)


@pytest.fixture
def file(scene: Scene, tmp_path: Path) -> str:
    """Return the path of the firm's connection file."""
    config = scene.firm.connection(scene.exact_url, scene.airbase_url, scene.url("exact"))
    path = tmp_path / "firm.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(path)


def an_order_passes(scene: Scene, story: Story) -> None:
    """Approve an order; it must be posted, and nothing be wrong with any before it."""
    story._approve(story._ordinary(NL, story.number))
    scene.stack.drain()
    assert broken_invariants(scene, story) == []


def halts(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.doors.ledger.read(FIRM, CONNECTION).facts.get("halts", {})
    return found


def test_the_airbase_key(scene: Scene, story: Story, terminal: Terminal, file: str) -> None:
    an_order_passes(scene, story)
    terminal.ok("connection", "add", file, env={"CONNECTOR_AIRBASE_API_KEY": "the-second-key"})
    an_order_passes(scene, story)  # with the old key, which is still valid
    scene.clock.move(WORKERS_KNOW)
    scene.airbase.api_key = "the-second-key"  # the old one is removed in Airbase
    an_order_passes(scene, story)
    assert halts(scene) == {}


def test_an_airbase_key_that_was_removed_too_early(
    scene: Scene, story: Story, terminal: Terminal, file: str
) -> None:
    an_order_passes(scene, story)
    scene.airbase.api_key = "the-third-key"
    story._approve(story._ordinary(NL))
    scene.stack.drain()
    assert halts(scene)[""]["code"] == "AIRBASE_KEY_REFUSED"
    scene.clock.move(WORKERS_KNOW)
    terminal.ok("connection", "add", file, env={"CONNECTOR_AIRBASE_API_KEY": "the-third-key"})
    scene.stack.drain()
    scene.wait(timedelta(minutes=16))
    an_order_passes(scene, story)
    assert halts(scene) == {}


def test_the_airbase_webhook_secret(scene: Scene, story: Story, terminal: Terminal) -> None:
    an_order_passes(scene, story)
    old = scene.airbase.outbox.secret
    rotated = terminal.ok("connection", "rotate", CONNECTION_ID, "airbase", "--json").data
    an_order_passes(scene, story)  # still signed with the old one
    scene.wait(RECEIVERS_KNOW)
    (scene.airbase.outbox.secret,) = rotated["generated"].values()
    an_order_passes(scene, story)
    terminal.ok("connection", "rotate", CONNECTION_ID, "airbase", "--finish")
    scene.wait(RECEIVERS_KNOW)
    an_order_passes(scene, story)
    new, scene.airbase.outbox.secret = scene.airbase.outbox.secret, old
    before = len(list(scene.doors.ledger.records(FIRM, "order#")))
    scene.airbase.approve(story._ordinary(NL))
    scene.stack.drain()
    assert len(list(scene.doors.ledger.records(FIRM, "order#"))) == before, "no longer valid"
    scene.airbase.outbox.secret = new
    scene.airbase.orders.popitem()


def test_the_exact_webhook_secret(scene: Scene, terminal: Terminal) -> None:
    scene.stack.fire("TokenRefreshFunctionEverySixHours")  # makes the subscriptions
    scene.exact.webhooks.pump()  # what was before
    accounts = scene.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(iter(accounts))

    def answers() -> list[int]:
        scene.clock.move(1)
        scene.exact.change(NL.division, "financial/GLAccounts", key, Description="Renamed")
        return scene.exact.webhooks.pump()

    old = scene.exact.webhooks.secret
    assert answers() == [202]
    given = {"CONNECTOR_EXACT_WEBHOOK_SECRET": "the-second-secret-of-exact"}
    terminal.ok("connection", "rotate", CONNECTION_ID, "exact", env=given)
    assert answers() == [202]
    scene.wait(RECEIVERS_KNOW)
    scene.exact.webhooks.secret = "the-second-secret-of-exact"
    assert answers() == [202]
    terminal.ok("connection", "rotate", CONNECTION_ID, "exact", "--finish")
    scene.wait(RECEIVERS_KNOW)
    assert answers() == [202]
    scene.exact.webhooks.secret = old
    assert answers() == [401]


def test_the_exact_client_secret(scene: Scene, story: Story, terminal: Terminal, file: str) -> None:
    an_order_passes(scene, story)
    secret = "the-second-client-secret"
    scene.exact.oauth._client = (scene.exact.client_id, secret)
    terminal.ok("connection", "add", file, env={"CONNECTOR_EXACT_CLIENT_SECRET": secret})
    scene.stack.drain()
    an_order_passes(scene, story)  # with the access token of before
    scene.wait(timedelta(minutes=11))
    an_order_passes(scene, story)
    assert halts(scene) == {}


def test_an_exact_client_secret_that_was_stored_too_late(
    scene: Scene, story: Story, terminal: Terminal, file: str
) -> None:
    an_order_passes(scene, story)
    secret = "the-third-client-secret"
    scene.exact.oauth._client = (scene.exact.client_id, secret)
    scene.wait(timedelta(minutes=11))
    story._approve(story._ordinary(NL))
    scene.stack.drain()
    assert halts(scene)[""]["code"] == "APP_CREDENTIALS_REFUSED"
    scene.clock.move(WORKERS_KNOW)
    terminal.ok("connection", "add", file, env={"CONNECTOR_EXACT_CLIENT_SECRET": secret})
    scene.stack.drain()
    scene.wait(timedelta(minutes=16))
    an_order_passes(scene, story)
    assert halts(scene) == {}


def test_the_consent(scene: Scene, story: Story, terminal: Terminal) -> None:
    an_order_passes(scene, story)
    scene.exact.revoke_consent()
    scene.clock.move(timedelta(minutes=11))
    story._approve(story._ordinary(NL))
    scene.stack.drain()
    assert halts(scene)[""]["code"] == "RECONNECT_NEEDED"
    back = "https://connector.example/back"
    words = ("connection", "consent", CONNECTION_ID, "--redirect-uri", back)
    terminal.ok(*words, typed=_code(scene, back) + "\n")
    scene.stack.drain()
    scene.wait(timedelta(minutes=16))
    an_order_passes(scene, story)
    assert halts(scene) == {}


def _code(scene: Scene, back: str) -> str:
    """Return a code as a person who consents in a browser gets it."""
    query = {"client_id": scene.exact.client_id, "response_type": "code", "redirect_uri": back}
    answer = httpx.get(f"{scene.exact_url}/api/oauth2/auth", params=query)
    return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
