"""Purchase order queue: post approved orders, follow changes in Exact, sweep what waits."""

from ml_connector.workflows.batches import worker
from ml_connector.workflows.orders.queue import handle
from ml_connector.workflows.wiring import open_doors

handler = worker(handle, open_doors("po_posting"))
