"""Previews every order just before the worker takes it, and holds the one against the other."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from ml_connector.doors.ledger import Record, order_key
from ml_connector.exact.errors import Answer, Sent
from ml_connector.exact.gateway import ExactGateway
from ml_connector.ids import ConnectionId, OrderId
from ml_connector.open_exceptions import are_alike
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.orders import posting
from ml_connector.workflows.orders import queue as purchase_order_queue
from ml_connector.workflows.orders.preview import Preview, preview

ITEMS = "logistics/Items"
Snapshot = Callable[[], Any]


@dataclass
class Twin:
    """What was compared. `snapshot` returns all that a preview must leave as it is."""

    snapshot: Snapshot
    acts: Counter[str] = field(default_factory=Counter)
    kept: threading.local = field(default_factory=threading.local)

    @property
    def written(self) -> list[dict[str, Any]]:
        """Return what this worker has sent: others work beside it."""
        if not hasattr(self.kept, "written"):
            self.kept.written = []
        written: list[dict[str, Any]] = self.kept.written
        return written

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand before the worker, and beside the gateway."""
        advance = posting.advance
        call = ExactGateway._call

        def watched(
            gateway: ExactGateway,
            sent: Sent,
            method: str,
            url: str,
            body: Mapping[str, Any] | None = None,
        ) -> Answer:
            if method != "GET":
                path = unquote(urlsplit(url).path).split("/", 4)[4]
                self.written.append({"method": method, "path": path, "body": body})
            return call(gateway, sent, method, url, body)

        def both(
            doors: Doors,
            connection_id: ConnectionId,
            id: OrderId,
            event: str | None = None,
            *,
            by_hand: bool = False,
        ) -> Record:
            foreseen = self.foresee(doors, connection_id, id, by_hand=by_hand)
            self.written.clear()
            record = advance(doors, connection_id, id, event, by_hand=by_hand)
            self.acts[foreseen.act] += 1
            compare(foreseen, record, list(self.written))
            return record

        monkeypatch.setattr(ExactGateway, "_call", watched)
        monkeypatch.setattr(posting, "advance", both)
        monkeypatch.setattr(purchase_order_queue, "advance", both)

    def foresee(
        self, doors: Doors, connection_id: ConnectionId, id: OrderId, *, by_hand: bool
    ) -> Preview:
        """Preview, and see that nothing was written."""
        connection = doors.mappings.connection(connection_id)
        assert connection
        before = self.snapshot()
        self.written.clear()
        record = doors.ledger.read(connection_id, order_key(id))
        foreseen = preview(doors, connection, record, by_hand=by_hand)
        assert self.written == []
        assert self.snapshot() == before
        return foreseen


def compare(foreseen: Preview, record: Record, written: list[dict[str, Any]]) -> None:
    """Hold what was foreseen against what has become of the order, and what was sent."""
    shown = foreseen.as_dict()
    requests = shown["requests"]
    waiting = (record.facts.get("waiting") or {}).get("code")
    if shown["notes"]:
        assert waiting in {note["code"] for note in shown["notes"]}
        assert written == []
    elif foreseen.act == "post":
        made = written[: -len(requests)]
        needed = [each["body"] for each in shown["needs"] if each["what"] == "item"]
        assert [each["body"] for each in made if each["path"] == ITEMS] == needed
        assert masked(written[-1], shown) == masked(requests[0], shown)
        assert record.state == "posted" or waiting or record.problems
    elif foreseen.act in {"amend", "remove"}:
        sent = [each for each in written if each["path"] != ITEMS]
        pairs = zip(sent, requests, strict=False)
        taken = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        assert taken
        refused = sent[taken:][: len(shown["otherwise"])]
        assert refused == shown["otherwise"][: len(refused)], "the other way, once one is refused"
        assert record.state == shown["becomes"] or waiting or record.problems
    else:
        assert [each for each in written if each["path"] != ITEMS] == []
        rests(foreseen, shown, record, waiting)


def rests(foreseen: Preview, shown: Mapping[str, Any], record: Record, waiting: str | None) -> None:
    """Compare an order of which nothing was sent."""
    if foreseen.act == "wait":
        assert waiting == shown["waiting"]["code"]
        return
    assert record.state == shown["becomes"], (shown, record.facts)
    if foreseen.act == "review":
        assert are_alike(record.every_problem, shown["exceptions"])
    elif foreseen.act in {"keep", "adopt"}:
        assert [p["code"] for p in record.problems] == [p["code"] for p in shown["exceptions"]]


def masked(request: Mapping[str, Any], shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request without the ids that only Exact can give."""
    if not shown["placeholders"]:
        return request
    body = dict(request["body"])
    lines = [dict(line, Item="") for line in body["PurchaseOrderLines"]]
    return {**request, "body": {**body, "PurchaseOrderLines": lines}}
