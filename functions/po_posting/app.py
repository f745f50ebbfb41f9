"""Purchase order queue: post approved orders, process changes in Exact, run the sweep."""

from ml_connector.bootstrap import open_services
from ml_connector.purchase_orders.worker import handle
from ml_connector.sqs_worker import worker

handler = worker(handle, open_services("po_posting"))
