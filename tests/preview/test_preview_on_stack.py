"""Previews on the running stack, and the `preview` command."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from local.demo.scenario import Scenario
from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.halts import Halts
from tests.cli.terminal import Terminal
from tests.preview.preview_check import PreviewCheck

SHAPE = {
    "connection", "order", "title", "vendor", "total", "division", "state", "act", "becomes",
    "exact_number", "needs", "placeholders", "requests", "otherwise", "differences", "exceptions",
    "warnings", "waiting", "notes", "served_elsewhere",
}  # fmt: skip
_TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference")


def everything(demo: DemoEnvironment) -> Any:
    """Return all that a preview must not change: tables, the queue and both systems."""
    dynamodb, sqs = demo.stack.client("dynamodb"), demo.stack.client("sqs")
    names = [demo.stack.resource(f"{table}Table") for table in _TABLES]
    pages = [p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n)]
    rows = sorted(str(sorted(row.items())) for page in pages for row in page["Items"])
    url = demo.stack.resource("PurchaseOrderQueue")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queued = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    writes = [c for c in demo.exact.calls if c.method != "GET" and "oauth2" not in c.path]
    asked = [c for c in demo.airbase.calls if c.method != "GET"]
    return rows, queued, writes, asked


@pytest.fixture(scope="module")
def demo_and_check() -> Iterator[tuple[DemoEnvironment, PreviewCheck]]:
    with DemoEnvironment() as demo, pytest.MonkeyPatch.context() as patch:
        # Other workers are busy meanwhile; the tests below check that nothing is written.
        check = PreviewCheck(lambda: None)
        check.install(patch)
        demo.connect()
        Scenario(demo, lambda _: None).play()
        line = demo.airbase.line("4100", "77.00")
        vendor = demo.firm.vendors["Cloudwerk"]
        unknown = demo.airbase.add_order("PO-9001", NL.subsidiary, vendor, [line])
        unknown |= {"status": "approved", "approved_date": demo.airbase.now()}
        yield demo, check


@pytest.fixture
def terminal(demo_and_check: tuple[DemoEnvironment, PreviewCheck]) -> Terminal:
    return Terminal({"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None})


def test_previews_agreed_on_every_order_of_the_scenario(
    demo_and_check: tuple[DemoEnvironment, PreviewCheck],
) -> None:
    demo, check = demo_and_check
    assert {"post", "review", "none", "amend", "remove", "adopt"} <= check.actions.keys()
    assert check.actions["post"] >= 25
    assert [crash.error for crash in demo.stack.crashes] == []


def test_open_orders_are_shown_and_nothing_is_written(
    demo_and_check: tuple[DemoEnvironment, PreviewCheck], terminal: Terminal
) -> None:
    demo, _ = demo_and_check
    before = everything(demo)
    found = terminal.ok("preview", FIRM, "--open", "--json").data
    assert everything(demo) == before
    assert all(each.keys() == SHAPE for each in found)
    actions = {each["title"]: each["act"] for each in found}
    assert actions["PO-9001"] == "post"
    codes = {e["code"] for each in found for e in each["exceptions"]}
    assert codes == {
        "UNKNOWN_VENDOR", "COST_CENTRE_MISSING", "TOTAL_MISMATCH", "CHANGED_IN_EXACT",
    }  # fmt: skip
    table = terminal.ok("preview", FIRM, "--open").out
    assert "1 would be posted" in table
    assert "4 need a person" in table
    assert everything(demo) == before


def test_one_order_is_shown_with_what_would_be_sent(
    demo_and_check: tuple[DemoEnvironment, PreviewCheck], terminal: Terminal
) -> None:
    demo, _ = demo_and_check
    order = next(o for o in demo.airbase.orders.values() if o["number"] == "PO-9001")
    found = terminal.ok("preview", FIRM, order["id"], "--json").data
    (request,) = found["requests"]
    assert (request["method"], request["path"]) == ("POST", "purchaseorder/PurchaseOrders")
    assert request["body"]["YourRef"] == "PO-9001"
    out = terminal.ok("preview", FIRM, order["id"]).out
    assert "It would be posted." in out
    assert '"YourRef": "PO-9001"' in out
    (posted, *_) = [o for o in terminal.ok("orders", FIRM, "--json").data if not o["exceptions"]]
    assert terminal.ok("preview", FIRM, posted["title"], "--json").data["act"] == "none"
    assert "It would stay as it is" in terminal.ok("preview", FIRM, posted["exact_number"]).out


def test_a_halted_connection_is_previewed_all_the_same(
    demo_and_check: tuple[DemoEnvironment, PreviewCheck], terminal: Terminal
) -> None:
    demo, _ = demo_and_check
    order = next(o for o in demo.airbase.orders.values() if o["number"] == "PO-9001")
    Halts(demo.services.ledger_of(ConnectionId(FIRM))).stop(
        problem("AIRBASE_KEY_REFUSED", "Airbase", connection=FIRM)
    )
    found = terminal.ok("preview", FIRM, order["id"], "--json").data
    out = terminal.ok("preview", FIRM, order["id"]).out
    Halts(demo.services.ledger_of(ConnectionId(FIRM))).lift_all()
    assert found["act"] == "post"
    assert [note["code"] for note in found["notes"]] == ["HALTED"]
    assert "Delayed: HALTED" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("preview", "nobody", "PO-1"), "there is no connection 'nobody'"),
        (("preview", FIRM), "pass either an order"),
        (("preview", FIRM, "PO-1", "--open"), "pass either an order"),
        (("preview", FIRM, "PO-404"), "neither connection example-firm nor Airbase has an order"),
    ],
)
def test_a_wrong_argument_gets_one_clear_line(
    demo_and_check: tuple[DemoEnvironment, PreviewCheck],
    terminal: Terminal,
    words: tuple[str, ...],
    message: str,
) -> None:
    (line,) = terminal.refused(*words).splitlines()
    assert message in line
