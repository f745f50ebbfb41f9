"""What must be true at the end of a story, whatever happened in it."""

from collections.abc import Iterator

from local.firm import BRANCHES
from local.scene import FIRM, Scene
from local.story import Story
from ml_connector.doors.ledger import Record, order_key
from ml_connector.ids import OrderId
from ml_connector.purchase_orders.marker import marks


def broken_invariants(scene: Scene, story: Story) -> list[str]:
    """Return a sentence for each invariant that does not hold; none is the good answer."""
    return [
        *_once_each(scene, story),
        *_as_foretold(scene, story),
        *_trails(scene),
        *(f"{crash.function} crashed: {crash.error!r}" for crash in scene.stack.crashes),
    ]


def calls_per_order(scene: Scene) -> tuple[int, int]:
    """Return the POSTs of purchase orders that Exact answered, and the orders that were posted."""
    made = [call for call in scene.posting_calls() if call.method == "POST"]
    posts = [call for call in made if call.path.endswith("purchaseorder/PurchaseOrders")]
    records = scene.doors.ledger.records(FIRM, "order#")
    return len(posts), sum("posted_at" in record.facts for record in records)


def record_of(scene: Scene, order_id: str) -> Record:
    """Return where an order stands."""
    return scene.doors.ledger.read(FIRM, order_key(OrderId(order_id)))


def _in_exact(scene: Scene) -> Iterator[str]:
    for branch in BRANCHES:
        for order in scene.exact.purchase_orders(branch.division):
            yield str(order["Remarks"])


def _once_each(scene: Scene, story: Story) -> Iterator[str]:
    remarks = list(_in_exact(scene))
    for order in story.scene.airbase.orders.values():
        found = sum(marks(text, FIRM, OrderId(order["id"])) for text in remarks)
        wanted = sum(order is one for one in story.posted)
        if found != wanted:
            yield f"{order['number']} stands {found} times in Exact, not {wanted}"
    if len(remarks) != len(story.posted):
        yield f"Exact holds {len(remarks)} orders, not {len(story.posted)}"


def _as_foretold(scene: Scene, story: Story) -> Iterator[str]:
    for state, orders in (
        ("posted", story.posted),
        ("cancelled", story.cancelled),
        ("not_an_order", story.not_orders),
    ):
        for order in orders:
            if (found := record_of(scene, order["id"]).state) != state:
                yield f"{order['number']} is {found}, not {state}"
    for id, code in story.refused.items():
        codes = [found["code"] for found in record_of(scene, id).problems]
        if codes != [code]:
            yield f"order {id} has the exceptions {codes}, not {code}"


def _trails(scene: Scene) -> Iterator[str]:
    for record in scene.doors.ledger.records(FIRM):
        if wrong := scene.doors.ledger.find_break(record):
            yield f"audit trail of {record.key}: {wrong}"
