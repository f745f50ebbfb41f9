"""Vendor queue: link Airbase vendors to Exact suppliers and show links that broke."""

from ml_connector.workflows.batches import worker
from ml_connector.workflows.vendors.queue import handle
from ml_connector.workflows.wiring import open_doors

handler = worker(handle, open_doors("vendor_reconciliation"))
