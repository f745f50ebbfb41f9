"""Preview every order just before the worker processes it, and compare preview_then_advance."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import OrderId
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.exact.client import ExactClient
from ml_connector.exact.errors import ExactAnswer, SentRequest
from ml_connector.infrastructure.ledger import OrderRecord
from ml_connector.purchase_orders import posting, worker
from ml_connector.purchase_orders.preview import Preview, preview
from ml_connector.services import Services

ITEMS = "logistics/Items"
Snapshot = Callable[[], Any]


@dataclass
class PreviewCheck:
    """Compares previews with the worker; `snapshot` returns all that a preview must not change."""

    snapshot: Snapshot
    actions: Counter[str] = field(default_factory=Counter)
    local: threading.local = field(default_factory=threading.local)

    @property
    def written(self) -> list[dict[str, Any]]:
        """Return what the worker of this thread has sent."""
        if not hasattr(self.local, "written"):
            self.local.written = []
        written: list[dict[str, Any]] = self.local.written
        return written

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Preview before each order, and record what the Exact client sends."""
        advance = posting.advance_order
        call = ExactClient._call

        def recording_call(
            exact_client: ExactClient,
            sent: SentRequest,
            method: str,
            url: str,
            body: Mapping[str, Any] | None = None,
        ) -> ExactAnswer:
            if method != "GET":
                path = unquote(urlsplit(url).path).split("/", 4)[4]
                self.written.append({"method": method, "path": path, "body": body})
            return call(exact_client, sent, method, url, body)

        def preview_then_advance(
            services: Services,
            id: OrderId,
            event: str | None = None,
            *,
            by_hand: bool = False,
            receives: int | None = None,
        ) -> OrderRecord:
            previewed = self.preview_only(services, id, by_hand=by_hand)
            self.written.clear()
            record = advance(services, id, event, by_hand=by_hand, receives=receives)
            self.actions[previewed.action] += 1
            compare(previewed, record, list(self.written))
            return record

        monkeypatch.setattr(ExactClient, "_call", recording_call)
        monkeypatch.setattr(posting, "advance_order", preview_then_advance)
        monkeypatch.setattr(worker, "advance_order", preview_then_advance)

    def preview_only(self, services: Services, id: OrderId, *, by_hand: bool) -> Preview:
        """Preview, and check that nothing was written."""
        before = self.snapshot()
        self.written.clear()
        record = services.ledger.order(id)
        previewed = preview(services, record, by_hand=by_hand)
        assert self.written == []
        assert self.snapshot() == before
        return previewed


def compare(previewed: Preview, record: OrderRecord, written: list[dict[str, Any]]) -> None:
    """Compare the preview with the order's record and with what was sent."""
    shown = previewed.as_dict()
    requests = shown["requests"]
    waiting = record.facts.waiting_for or None
    if shown["notes"]:
        assert waiting in {note["code"] for note in shown["notes"]}
        assert written == []
    elif previewed.action == "post":
        created = written[: -len(requests)]
        missing = [each["body"] for each in shown["needs"] if each["what"] == "item"]
        assert [each["body"] for each in created if each["path"] == ITEMS] == missing
        assert masked(written[-1], shown) == masked(requests[0], shown)
        assert record.state == "posted" or waiting or record.problems
    elif previewed.action in {"amend", "remove"}:
        sent = [each for each in written if each["path"] != ITEMS]
        pairs = zip(sent, requests, strict=False)
        taken = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
        assert taken
        refused = sent[taken:][: len(shown["otherwise"])]
        assert refused == shown["otherwise"][: len(refused)], (
            "the other way, once the first is refused"
        )
        assert record.state == shown["becomes"] or waiting or record.problems
    else:
        assert [each for each in written if each["path"] != ITEMS] == []
        compare_unsent(previewed, shown, record, waiting)


def compare_unsent(
    previewed: Preview, shown: Mapping[str, Any], record: OrderRecord, waiting: str | None
) -> None:
    """Compare an order for which nothing was sent."""
    if previewed.action == "wait":
        assert waiting == shown["waiting"]["code"]
        return
    assert record.state == shown["becomes"], (shown, record.facts)
    if previewed.action == "review":
        assert are_alike(record.facts.problems, [Problem(**each) for each in shown["exceptions"]])
    elif previewed.action in {"keep", "adopt"}:
        assert [p.code for p in record.problems] == [p["code"] for p in shown["exceptions"]]


def masked(request: Mapping[str, Any], shown: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request without the ids that only Exact can give."""
    if not shown["placeholders"]:
        return request
    body = dict(request["body"])
    lines = [dict(line, Item="") for line in body["PurchaseOrderLines"]]
    return {**request, "body": {**body, "PurchaseOrderLines": lines}}
