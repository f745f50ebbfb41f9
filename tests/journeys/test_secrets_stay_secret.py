"""No secret of either system is in any log line, table, message or exception."""

import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import Message
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.scenario import Scenario
from local.exact_simulator import ExactFault
from local.firm import BE, NL
from ml_connector.domain.ids import AppId
from ml_connector.exact.oauth import authorize_url
from ml_connector.infrastructure.consents import Consents
from tests.site import SITE

TABLES = (
    "InboxTable",
    "LedgerTable",
    "AuditTable",
    "MappingsTable",
    "ReferenceTable",
    "CoordinationTable",
)


class IssuedSecrets:
    """All secrets, including tokens and codes that are issued later."""

    def __init__(self, demo: DemoEnvironment) -> None:
        self.secrets = {
            demo.airbase.api_key,
            demo.airbase.outbox.secret,
            demo.exact.client_secret,
            demo.exact.webhook_secret,
        }
        self._pair = demo.exact.oauth._pair
        demo.exact.oauth._pair = self.issue_pair  # type: ignore[method-assign]
        self._code = demo.exact.oauth.code
        demo.exact.oauth.code = self.issue_code  # type: ignore[method-assign]

    def issue_pair(self, chain: Any) -> dict[str, Any]:
        """Issue a pair as Exact does, and record it."""
        given = self._pair(chain)
        self.secrets |= {str(given["access_token"]), str(given["refresh_token"])}
        return given

    def issue_code(self, redirect_uri: str) -> str:
        """Issue a consent code as Exact does, and record it."""
        code = self._code(redirect_uri)
        self.secrets.add(code)
        return code


@pytest.fixture
def demo() -> Iterator[DemoEnvironment]:
    with DemoEnvironment(variables={"LOG_LEVEL": "DEBUG"}) as demo:
        yield demo


def test_no_secret_leaks(
    demo: DemoEnvironment, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    issued = IssuedSecrets(demo)
    caplog.set_level("INFO")  # of all libraries; our own logs are at DEBUG, on standard output
    demo.connect()
    scenario = Scenario(demo, lambda _: None)
    scenario.one_order_per_division()
    scenario.token_expiry()
    _cause_faults(demo, scenario)
    pages = _reconnect(demo, issued)

    output = (
        pages + "".join(capfd.readouterr()) + caplog.text + _tables(demo) + str(demo.stack.crashes)
    )
    assert "webhook kept" in output, "the logs were captured"
    assert "Already done" in output, "a browser reloaded"
    assert len(issued.secrets) >= 8, "the token was renewed"
    leaked = [secret for secret in issued.secrets if secret in output]
    assert leaked == []


def _cause_faults(demo: DemoEnvironment, scenario: Scenario) -> None:
    """Cause refusals, garbage, lost answers, a revoked consent: faults may leak secrets."""
    for kind in ("unauthorized", "garbage", "server_error", "timeout_after_commit"):
        demo.exact.faults.append(ExactFault(kind, "POST", "purchaseorder"))
        order = scenario._ordinary(NL)
        demo.airbase.approve(order)
        demo.stack.drain()
    demo.airbase.api_key, key = "another-key", demo.airbase.api_key
    demo.airbase.approve(scenario._ordinary(BE))
    demo.stack.drain()
    demo.airbase.api_key = key
    demo.exact.revoke_consent()
    demo.wait(timedelta(minutes=20))
    demo.stack.fire("TokenRefreshFunctionEverySixHours")


def _reconnect(demo: DemoEnvironment, issued: IssuedSecrets) -> str:
    """Consent again: granted and reloaded, granted too late, denied; return the pages."""
    back = demo.stack.outputs["ExactRedirectUri"]
    pages = []
    for moved, denies in ((0, False), (200, False), (0, True)):
        demo.exact.oauth.denies = denies
        state = Consents(demo.services.tables.coordination).create(
            AppId(FIRM), SITE, demo.exact_url, back
        )
        issued.secrets.add(state.reveal())
        url = authorize_url(demo.exact_url, demo.exact.client_id, back, state.reveal())
        address = _browse(url)[1]["Location"]
        demo.clock.move(moved)
        pages += [_browse(address), _browse(address)]
    assert [status for status, _, _ in pages] == [200, 200, 400, 400, 403, 403]
    return "".join(f"{headers}{text}" for _, headers, text in pages)


def _browse(url: str) -> tuple[int, Message, str]:
    """Get a page without httpx, whose log counts as the connector's."""
    parts = urlsplit(url)
    browser = HTTPConnection(parts.netloc)
    browser.request("GET", f"{parts.path}?{parts.query}")
    answer = browser.getresponse()
    text = answer.read().decode()
    browser.close()
    return answer.status, answer.headers, text


def _tables(demo: DemoEnvironment) -> str:
    dynamodb = demo.stack.client("dynamodb")
    names = (demo.stack.resource(table) for table in TABLES)
    pages = (p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n))
    return json.dumps([page["Items"] for page in pages], default=str)
