"""The records that the samples in `events/` refer to, so that each works on the local stack."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

from local.demo.environment import DemoEnvironment
from local.firm import NL
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.reference_data.refresh import note_stale

EVENTS = Path(__file__).parents[2] / "events"
SECRET = "sample-webhook-secret"


def sample(name: str) -> dict[str, Any]:
    """Return one sample event by the name of its file."""
    read: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return read


def connect_with_samples(demo: DemoEnvironment) -> None:
    """Connect the firm with the secret that signs the samples, and add their records."""
    demo.airbase.outbox.secret = demo.exact.webhook_secret = SECRET
    demo.exact.webhooks.secret = SECRET
    demo.connect()
    demo.exact.add_supplier(NL.division, "Example Vendor", code="190")
    note_stale(demo.services_of().reference_store(NL.key), ACCOUNTS_PATH)
    demo.wait(timedelta(minutes=1))
    vendor = demo.airbase.add_vendor("Example Vendor", "190", id=_body("vendor")["vendor"])
    line = demo.airbase.line("4100", "99.00", "From the sample")
    order = demo.airbase.add_order("PO-SAMPLE", NL.subsidiary, vendor, [line], status="approved")
    del demo.airbase.orders[order["id"]]
    order["id"] = _body("order")["order"]
    demo.airbase.orders[order["id"]] = order


def _body(kind: str) -> dict[str, Any]:
    file = {"vendor": "vendor-reconciliation-vendor", "order": "po-posting-order"}[kind]
    body: dict[str, Any] = json.loads(sample(file)["Records"][0]["body"])
    return body
