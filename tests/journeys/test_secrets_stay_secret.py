"""The canary: no secret of either system in any log line, table, message or exception."""

import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.exact_simulator import Fault
from local.firm import BE, NL
from local.scene import FIRM, Scene
from local.story import Story
from ml_connector.doors.consents import Consents
from ml_connector.exact.oauth import authorize_url

TABLES = (
    "InboxTable",
    "LedgerTable",
    "AuditTable",
    "MappingsTable",
    "ReferenceTable",
    "CoordinationTable",
)


class Canary:
    """Everything that must not be seen anywhere, tokens that are yet to be issued included."""

    def __init__(self, scene: Scene) -> None:
        self.secrets = {
            scene.airbase.api_key,
            scene.airbase.outbox.secret,
            scene.exact.client_secret,
            scene.exact.webhook_secret,
        }
        self._pair = scene.exact.oauth._pair
        scene.exact.oauth._pair = self.learn  # type: ignore[method-assign]
        self._code = scene.exact.oauth.code
        scene.exact.oauth.code = self.learn_code  # type: ignore[method-assign]

    def learn(self, chain: Any) -> dict[str, Any]:
        """Hand on each pair that Exact gives out, and remember it."""
        given = self._pair(chain)
        self.secrets |= {str(given["access_token"]), str(given["refresh_token"])}
        return given

    def learn_code(self, redirect_uri: str) -> str:
        """Hand on each consent code, and remember it."""
        code = self._code(redirect_uri)
        self.secrets.add(code)
        return code


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene(variables={"LOG_LEVEL": "DEBUG"}) as scene:
        yield scene


def test_no_secret_is_seen_anywhere(
    scene: Scene, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    canary = Canary(scene)
    caplog.set_level("INFO")  # of all libraries; our own logs are at DEBUG, on standard output
    scene.connect()
    story = Story(scene, lambda _: None)
    story.an_ordinary_morning()
    story.the_token_expires()
    _make_trouble(scene, story)
    pages = _reconnect(scene, canary)

    seen = (
        pages
        + "".join(capfd.readouterr())
        + caplog.text
        + _tables(scene)
        + str(scene.stack.crashes)
    )
    assert "webhook kept" in seen, "the logs were captured"
    assert "Already done" in seen, "a browser reloaded"
    assert len(canary.secrets) >= 8, "the token was renewed"
    shown = [secret for secret in canary.secrets if secret in seen]
    assert shown == []


def _make_trouble(scene: Scene, story: Story) -> None:
    """Faults are when secrets slip out: refusals, garbage, lost answers, a revoked consent."""
    for kind in ("unauthorized", "garbage", "server_error", "timeout_after_commit"):
        scene.exact.faults.append(Fault(kind, "POST", "purchaseorder"))
        order = story._ordinary(NL)
        scene.airbase.approve(order)
        scene.stack.drain()
    scene.airbase.api_key, key = "another", scene.airbase.api_key
    scene.airbase.approve(story._ordinary(BE))
    scene.stack.drain()
    scene.airbase.api_key = key
    scene.exact.revoke_consent()
    scene.wait(timedelta(minutes=20))
    scene.stack.fire("TokenRefreshFunctionEverySixHours")


def _reconnect(scene: Scene, canary: Canary) -> str:
    """Consent anew: given and reloaded, given too late, and denied; return the pages."""
    back = scene.stack.outputs["ExactRedirectUri"]
    pages = []
    for moved, denies in ((0, False), (200, False), (0, True)):
        scene.exact.oauth.denies = denies
        state = Consents(scene.doors.coordination).ask(FIRM, scene.exact_url, back)
        canary.secrets.add(state.reveal())
        url = authorize_url(scene.exact_url, scene.exact.client_id, back, state.reveal())
        address = _browse(url)[1]["Location"]
        scene.clock.move(moved)
        pages += [_browse(address), _browse(address)]
    assert [status for status, _, _ in pages] == [200, 200, 400, 400, 403, 403]
    return "".join(f"{headers}{text}" for _, headers, text in pages)


def _browse(url: str) -> tuple[int, Message, str]:
    """Get a page as a browser does: not through httpx, whose log is the connector's own."""
    parts = urlsplit(url)
    browser = HTTPConnection(parts.netloc)
    browser.request("GET", f"{parts.path}?{parts.query}")
    answer = browser.getresponse()
    text = answer.read().decode()
    browser.close()
    return answer.status, answer.headers, text


def _tables(scene: Scene) -> str:
    dynamodb = scene.stack.client("dynamodb")
    names = (scene.stack.resource(table) for table in TABLES)
    pages = (p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n))
    return json.dumps([page["Items"] for page in pages], default=str)
