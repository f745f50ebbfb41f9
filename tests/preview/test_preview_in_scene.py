"""The same on the running stack, and the verb as a person types it."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.firm import CONNECTION_ID as FIRM
from local.firm import NL
from local.scene import Scene
from local.story import Story
from ml_connector.codes import problem
from ml_connector.ids import ConnectionId
from tests.cli.terminal import Terminal
from tests.preview.twin import Twin

SHAPE = {
    "connection", "order", "title", "vendor", "total", "division", "state", "act", "becomes",
    "exact_number", "needs", "placeholders", "requests", "otherwise", "differences", "exceptions",
    "waiting", "notes",
}  # fmt: skip
_TABLES = ("Inbox", "Ledger", "Audit", "Mappings", "Reference")


def everything(scene: Scene) -> Any:
    """Return all that a preview must leave as it is: the tables, the queue, the two systems."""
    dynamodb, sqs = scene.stack.client("dynamodb"), scene.stack.client("sqs")
    names = [scene.stack.resource(f"{table}Table") for table in _TABLES]
    pages = [p for n in names for p in dynamodb.get_paginator("scan").paginate(TableName=n)]
    rows = sorted(str(sorted(row.items())) for page in pages for row in page["Items"])
    url = scene.stack.resource("PurchaseOrderQueue")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    queued = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    writes = [c for c in scene.exact.calls if c.method != "GET" and "oauth2" not in c.path]
    asked = [c for c in scene.airbase.calls if c.method != "GET"]
    return rows, queued, writes, asked


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Scene, Twin]]:
    with Scene() as scene, pytest.MonkeyPatch.context() as patch:
        # Meanwhile others work: that nothing is written is shown when all is quiet, below.
        twin = Twin(lambda: None)
        twin.install(patch)
        scene.connect()
        Story(scene, lambda _: None).play()
        line = scene.airbase.line("4100", "77.00")
        vendor = scene.firm.vendors["Cloudwerk"]
        unknown = scene.airbase.add_order("PO-9001", NL.subsidiary, vendor, [line])
        unknown |= {"status": "approved", "approved_date": scene.airbase.now()}
        yield scene, twin


@pytest.fixture
def terminal(told: tuple[Scene, Twin]) -> Terminal:
    return Terminal({"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None})


def test_it_agreed_on_every_order_of_the_story(told: tuple[Scene, Twin]) -> None:
    scene, twin = told
    assert {"post", "review", "none", "amend", "remove", "adopt"} <= twin.acts.keys()
    assert twin.acts["post"] >= 25
    assert [crash.error for crash in scene.stack.crashes] == []


def test_what_is_open_is_shown_and_nothing_is_written(
    told: tuple[Scene, Twin], terminal: Terminal
) -> None:
    scene, _ = told
    before = everything(scene)
    found = terminal.ok("preview", FIRM, "--open", "--json").data
    assert everything(scene) == before
    assert all(each.keys() == SHAPE for each in found)
    acts = {each["title"]: each["act"] for each in found}
    assert acts["PO-9001"] == "post"
    codes = {e["code"] for each in found for e in each["exceptions"]}
    assert codes == {
        "UNKNOWN_VENDOR", "COST_CENTRE_MISSING", "TOTAL_MISMATCH", "CHANGED_IN_EXACT",
    }  # fmt: skip
    table = terminal.ok("preview", FIRM, "--open").out
    assert "1 is posted" in table
    assert "4 waits for a person" in table
    assert everything(scene) == before


def test_one_order_is_shown_with_what_would_be_sent(
    told: tuple[Scene, Twin], terminal: Terminal
) -> None:
    scene, _ = told
    order = next(o for o in scene.airbase.orders.values() if o["number"] == "PO-9001")
    found = terminal.ok("preview", FIRM, order["id"], "--json").data
    (request,) = found["requests"]
    assert (request["method"], request["path"]) == ("POST", "purchaseorder/PurchaseOrders")
    assert request["body"]["YourRef"] == "PO-9001"
    out = terminal.ok("preview", FIRM, order["id"]).out
    assert "It is posted." in out
    assert '"YourRef": "PO-9001"' in out
    (posted, *_) = [o for o in terminal.ok("orders", FIRM, "--json").data if not o["exceptions"]]
    assert terminal.ok("preview", FIRM, posted["title"], "--json").data["act"] == "none"
    assert "It stays as it is" in terminal.ok("preview", FIRM, posted["exact_number"]).out


def test_a_halted_connection_is_previewed_all_the_same(
    told: tuple[Scene, Twin], terminal: Terminal
) -> None:
    scene, _ = told
    order = next(o for o in scene.airbase.orders.values() if o["number"] == "PO-9001")
    scene.doors.ledger.halt(ConnectionId(FIRM), problem("AIRBASE_KEY_REFUSED", "Airbase"))
    found = terminal.ok("preview", FIRM, order["id"], "--json").data
    out = terminal.ok("preview", FIRM, order["id"]).out
    scene.doors.ledger.clear_halt(ConnectionId(FIRM))
    assert found["act"] == "post"
    assert [note["code"] for note in found["notes"]] == ["HALTED"]
    assert "But not yet: HALTED" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("preview", "nobody", "PO-1"), "there is no connection 'nobody'"),
        (("preview", FIRM), "say either an order"),
        (("preview", FIRM, "PO-1", "--open"), "say either an order"),
        (("preview", FIRM, "PO-404"), "neither connection example-firm nor Airbase has an order"),
    ],
)
def test_wrong_words_get_one_clear_line(
    told: tuple[Scene, Twin], terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    (line,) = terminal.refused(*words).splitlines()
    assert said in line
