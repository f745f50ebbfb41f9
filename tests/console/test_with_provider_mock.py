"""Sign-in at an identity provider that others wrote: `oidc-provider-mock`."""

import json
import re
import warnings
from html import unescape
from urllib.parse import urljoin

import httpx

from local.stack import LocalStack
from ml_connector import clock
from ml_connector.domain.console_access import AccessRules, Admin, Grant, Role
from ml_connector.domain.ids import Actor
from ml_connector.domain.records import Note
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.dynamodb import DynamoTable
from tests.console.browser import Browser

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it uses of Authlib is deprecated there
    from oidc_provider_mock import run_server_in_thread

SUBJECT = "somebody@example.com"


def sign_in_there(address: str, subject: str) -> str:
    """Type a subject into the provider's page; return where it sends the browser."""
    with httpx.Client() as browser:
        page = browser.get(address)
        fields = re.findall(r'<input[^>]*name="([^"]+)"', page.text)
        assert "sub" in fields
        form = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        to = urljoin(address, unescape(form[1])) if form else address
        return browser.post(to, data={"sub": subject, "action": "authorize"}).headers["location"]


def test_somebody_signs_in_reads_and_signs_out() -> None:
    with warnings.catch_warnings(), run_server_in_thread() as server:
        warnings.simplefilter("ignore")
        issuer = f"http://127.0.0.1:{server.server_port}"
        parameters = {"ConsoleIssuer": issuer, "ConsoleClientId": "console"}
        with LocalStack(parameters=parameters) as stack:
            stack.client("secretsmanager").create_secret(
                Name=f"{stack.name}/console-client/_stack",
                SecretString=json.dumps({"client_secret": "any"}),
            )
            note = Note("", Actor("test"), clock.now())
            rules = AccessRules((Grant(Role.READER, "x", note),), (Admin(SUBJECT, note),))
            table = DynamoTable(stack.client("dynamodb"), stack.outputs["MappingsTable"])
            ConsoleRules(table).change(lambda _: rules)
            browser = Browser(stack.console_url)
            back = sign_in_there(browser.begin(), SUBJECT)
            assert browser.get(back).to == "/"
            page = browser.get("/")
            assert "Nothing to decide." in page.text
            assert "Administrator" in page.text
            assert browser.post("/sign-out", page.form("/sign-out")).status == 303
            assert browser.get("/").status == 303
