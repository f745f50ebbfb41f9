"""Vendor queue: link Airbase vendors to Exact suppliers and report broken links."""

from ml_connector.bootstrap import open_services
from ml_connector.messages.worker import worker
from ml_connector.vendors.worker import handle

handler = worker(handle, open_services("vendor_reconciliation"))
