"""No secret is seen anywhere: not on the terminal, in logs, in the tables or in the queues."""

import json
from pathlib import Path

import pytest

from local.scene import Scene
from ml_connector.doors.vault import EXACT_TOKENS, KINDS
from tests.cli.conftest import Write
from tests.cli.terminal import SECRETS, Terminal

HIDDEN = [text for name, text in SECRETS.items() if name != "CONNECTOR_EXACT_CLIENT_ID"]
TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference", "Coordination")


@pytest.fixture
def busy(
    terminal: Terminal, write_file: Write, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> Terminal:
    """A connection on which every verb was used, and misused."""
    sheet = str(tmp_path / "vendors.csv")
    caplog.set_level("INFO")  # of all libraries
    path = write_file(id="canary", exact_base_url="http://127.0.0.1:9")
    terminal.ok("connection", "add", path, env=SECRETS)
    terminal.ok("connection", "add", path, "--json", env=SECRETS)
    for words in (
        ("connection", "show", "canary"),
        ("connection", "show", "canary", "--json"),
        ("connection", "list"),
        ("audit", "show", "canary", "connection", "--full"),
        ("audit", "verify", "canary"),
        ("orders", "canary"),
        ("exceptions",),
        ("refresh", "canary"),
        ("vendors", "status", "canary"),
        ("vendors", "status", "canary", "--json"),
        ("vendors", "list", "canary", "--waiting"),
        ("vendors", "export", "canary", "--out", sheet),
        ("vendors", "import", "canary", sheet, "--dry-run"),
    ):
        terminal.ok(*words)
    nobody = ("nobody", "--reason", "why", "--division", "2101")
    for wrong in (
        ("vendors", "show", "canary", "nobody"),
        ("vendors", "accept", "canary", "nobody"),
        ("vendors", "reject", "canary", *nobody, "--supplier", "901"),
        ("vendors", "link", "canary", *nobody, "901"),
        ("vendors", "unlink", "canary", *nobody),
        ("vendors", "import", "canary", path),
    ):
        terminal.refused(*wrong)
    given = {"CONNECTOR_AIRBASE_WEBHOOK_SECRET": "canary-of-the-rotation-31"}
    terminal.ok("connection", "rotate", "canary", "airbase", env=SECRETS | given)
    failed = terminal.run("connection", "consent", "canary", typed="canary-consent-code-42\n")
    assert failed.exit_code == 3, "nobody listens at that address"
    return terminal


def test_no_secret_is_seen_anywhere(
    busy: Terminal, scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    seen = "\n".join(busy.shown) + caplog.text + _tables(scene) + _messages(scene)
    assert "canary" in seen, "the connection's own name is"
    secrets = [*HIDDEN, "canary-of-the-rotation-31", "canary-consent-code-42"]
    assert [secret for secret in secrets if secret in seen] == []


def test_tokens_are_sealed_where_they_lie(
    scene: Scene, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="sealed"), env=SECRETS)
    manager = scene.stack.client("secretsmanager")
    names = {
        one["Name"]: one
        for page in manager.get_paginator("list_secrets").paginate()
        for one in page["SecretList"]
    }
    assert {f"connector/{kind}/sealed" for kind in KINDS} <= names.keys()
    key = scene.stack.outputs["KmsKeyId"]
    assert {names[f"connector/{kind}/sealed"]["KmsKeyId"] for kind in KINDS} == {key}
    sealed = manager.get_secret_value(SecretId=f"connector/{EXACT_TOKENS}/sealed")["SecretString"]
    assert not [text for text in HIDDEN if text in sealed]


def _tables(scene: Scene) -> str:
    dynamodb = scene.stack.client("dynamodb")
    names = [scene.stack.resource(f"{table}Table") for table in TABLES]
    pages = (p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n))
    return json.dumps([page["Items"] for page in pages], default=str)


def _messages(scene: Scene) -> str:
    url = scene.stack.resource("PurchaseOrderQueue")
    received = scene.stack.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return json.dumps(received.get("Messages", []))
