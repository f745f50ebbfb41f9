"""No secret is visible on the terminal, in logs, in the tables or in the queues."""

import json
from pathlib import Path

import pytest

from local.demo.environment import DemoEnvironment
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.exact.errors import ExactAnswer, SentRequest, interpret
from ml_connector.infrastructure.ledger import new_order
from ml_connector.infrastructure.secret_store import EXACT_TOKENS, KINDS, NOTIFY_SLACK
from tests.cli.conftest import Write
from tests.cli.terminal import SECRETS, Terminal

HIDDEN = [text for name, text in SECRETS.items() if name != "CONNECTOR_EXACT_CLIENT_ID"]
TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference", "Coordination")


@pytest.fixture
def busy(
    demo: DemoEnvironment,
    terminal: Terminal,
    write_file: Write,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> Terminal:
    """A connection on which every verb was used, and misused."""
    sheet = str(tmp_path / "vendors.csv")
    caplog.set_level("INFO")  # of all libraries
    nobody = "http://127.0.0.1:9"
    path = write_file(id="canary", exact_base_url=nobody, airbase_base_url=nobody)
    terminal.ok("connection", "add", path, env=SECRETS)
    terminal.ok("connection", "add", path, "--json", env=SECRETS)
    refuse_with_secrets(demo)
    files = [tmp_path / f"trail.{form}" for form in ("jsonl", "csv")]
    for words in (
        ("exceptions", "canary"),
        ("exceptions", "canary", "--json"),
        ("exception", "show", "canary", "PO-1"),
        ("exception", "show", "canary", "PO-1", "--json"),
        ("exception", "assign", "canary", "PO-1", "finance"),
        ("exception", "unassign", "canary", "PO-1"),
        ("exception", "dismiss", "canary", "PO-1", "--all", "--reason", "a play"),
        ("audit", "export", "canary", "--out", str(files[0])),
        ("audit", "export", "canary", "--format", "csv", "--out", str(files[1])),
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
        ("preview", "canary", "PO-1"),
        ("preview", "canary", "PO-1", "--json"),
    ):
        terminal.ok(*words)
    terminal.shown += [path.read_text(encoding="utf-8") for path in files]
    mapping = tmp_path / "map.csv"
    mapping.write_text("division,kind,airbase,exact\n2101,gl_accounts,a,\n", encoding="utf-8")
    terminal.ok("map", "import", "canary", str(mapping))
    for words in (
        ("ping", "canary"),
        ("ping", "canary", "--json"),
        ("map", "show", "canary"),
        ("map", "export", "canary", "--out", str(tmp_path / "out.csv")),
        ("preview", "canary", "PO-2"),
        ("preview", "canary", "--open"),
        ("adopt", "canary", "PO-1", "--exact-number", "1"),
        ("retry", "canary", "PO-1", "--not-a-duplicate"),
        ("reconcile", "canary", "--month", "2026-01", "--no-refresh"),
    ):
        assert terminal.run(*words).exit_code, "nobody listens at that address"
    unknown = ("nobody", "--reason", "why", "--division", "2101")
    for wrong in (
        ("vendors", "show", "canary", "nobody"),
        ("vendors", "accept", "canary", "nobody"),
        ("vendors", "reject", "canary", *unknown, "--supplier", "901"),
        ("vendors", "link", "canary", *unknown, "901"),
        ("vendors", "unlink", "canary", *unknown),
        ("vendors", "import", "canary", path),
    ):
        terminal.refused(*wrong)
    given = {"CONNECTOR_AIRBASE_WEBHOOK_SECRET": "canary-of-the-rotation-31"}
    terminal.ok("connection", "rotate", "canary", "airbase", env=SECRETS | given)
    terminal.run("connect", "canary", "--yes", "--json", env=SECRETS)
    terminal.run("connect", "canary", "--reconnect", "--listen", "0", "--wait", "0", env=SECRETS)
    failed = terminal.run("connection", "consent", "canary", typed="canary-consent-code-42\n")
    assert failed.exit_code == 3, "nobody listens at that address"
    return terminal


def refuse_with_secrets(demo: DemoEnvironment) -> None:
    """Let Exact refuse an order with every secret in its message, body and headers."""
    said = "\r\n".join(f'Invalid: "refresh_token": "{secret}"' for secret in HIDDEN)
    error = {"error": {"message": {"value": said}}, "access_token": HIDDEN[0]}
    headers = {"X-Request-Id": "r-1"} | {f"X-{n}": secret for n, secret in enumerate(HIDDEN)}
    sent = SentRequest(
        Division("nl.2101"), "purchaseorder/PurchaseOrders", is_write=True, record="PO-1"
    )
    fault = interpret(ExactAnswer(500, headers, json.dumps(error).encode()), sent)
    assert isinstance(fault, Review)
    record = new_order(ConnectionId("canary"), OrderId("PO-1")).now(OrderState.RECEIVED)
    record = demo.services.ledger_of(record.connection).write(record, "received")
    facts = OrderFacts(problems=fault.problems)
    demo.services.ledger_of(record.connection).write(record.now(OrderState.REVIEW, facts), "review")


def test_no_secret_is_shown_or_stored_in_clear_text(
    busy: Terminal, demo: DemoEnvironment, caplog: pytest.LogCaptureFixture
) -> None:
    seen = "\n".join(busy.shown) + caplog.text + _tables(demo) + _messages(demo)
    assert "canary" in seen, "the connection's own name is"
    secrets = [*HIDDEN, "canary-of-the-rotation-31", "canary-consent-code-42"]
    assert [secret for secret in secrets if secret in seen] == []


def test_stored_tokens_are_encrypted(
    demo: DemoEnvironment, terminal: Terminal, write_file: Write
) -> None:
    terminal.ok("connection", "add", write_file(id="sealed"), env=SECRETS)
    manager = demo.stack.client("secretsmanager")
    names = {
        one["Name"]: one
        for page in manager.get_paginator("list_secrets").paginate()
        for one in page["SecretList"]
    }
    needed = {*KINDS} - {NOTIFY_SLACK}
    assert {f"connector/{kind}/sealed" for kind in needed} <= names.keys()
    key = demo.stack.outputs["KmsKeyId"]
    assert {names[f"connector/{kind}/sealed"]["KmsKeyId"] for kind in needed} == {key}
    sealed = manager.get_secret_value(SecretId=f"connector/{EXACT_TOKENS}/sealed")["SecretString"]
    assert not [text for text in HIDDEN if text in sealed]


def _tables(demo: DemoEnvironment) -> str:
    dynamodb = demo.stack.client("dynamodb")
    names = [demo.stack.resource(f"{table}Table") for table in TABLES]
    pages = (p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n))
    return json.dumps([page["Items"] for page in pages], default=str)


def _messages(demo: DemoEnvironment) -> str:
    url = demo.stack.resource("PurchaseOrderQueue")
    received = demo.stack.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0
    )
    return json.dumps(received.get("Messages", []))
