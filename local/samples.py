"""What the samples in `events/` speak of, so that each does its work on the local stack."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.firm import NL
from local.scene import FIRM, Scene
from ml_connector.exact.reference import ACCOUNTS_PATH
from ml_connector.ids import Division
from ml_connector.workflows.upkeep.refresh import note_stale

EVENTS = Path(__file__).parents[1] / "events"
SECRET = "sample-webhook-secret"


def sample(name: str) -> dict[str, Any]:
    """Return one sample event by the name of its file."""
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def connect_with_samples(scene: Scene) -> None:
    """Connect the firm with the secret that the samples are signed with, and add their records."""
    scene.airbase.outbox.secret = scene.exact.webhook_secret = SECRET
    scene.exact.webhooks.secret = SECRET
    scene.connect()
    scene.exact.add_supplier(NL.division, "Example Vendor", code="190")
    note_stale(scene.doors.data(FIRM, Division(NL.division)), ACCOUNTS_PATH)
    scene.wait(timedelta(minutes=1))
    vendor = scene.airbase.add_vendor("Example Vendor", "190", id=_body("vendor")["vendor"])
    line = scene.airbase.line("4100", "99.00", "From the sample")
    order = scene.airbase.add_order("PO-SAMPLE", NL.subsidiary, vendor, [line], status="approved")
    del scene.airbase.orders[order["id"]]
    order["id"] = _body("order")["order"]
    scene.airbase.orders[order["id"]] = order


def _body(kind: str) -> dict[str, Any]:
    file = {"vendor": "vendor-reconciliation-vendor", "order": "po-posting-order"}[kind]
    body: dict[str, Any] = json.loads(sample(file)["Records"][0]["body"])
    return body
