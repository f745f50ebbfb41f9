"""Purchase order queue: post orders, process changes in Exact, do people's deeds, sweep."""

from ml_connector.bootstrap import open_services
from ml_connector.deeds.worker import handle
from ml_connector.messages.worker import worker

handler = worker(handle, open_services("po_posting"))
