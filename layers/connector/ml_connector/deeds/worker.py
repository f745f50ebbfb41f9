"""The messages of the purchase order queue: people's deeds, and what the posting worker does."""

from ml_connector.messages.kinds import PersonDeed, PersonRequest
from ml_connector.messages.outcome import finish
from ml_connector.messages.parsing import parse
from ml_connector.purchase_orders import worker as posting_worker
from ml_connector.services import StackServices


def handle(body: object, services: StackServices) -> None:
    """Process one message; raises only what must be redriven (see the posting worker)."""
    message = parse(body)
    if isinstance(message, PersonDeed):
        # Imported when there is one: a worker for orders starts without it.
        from ml_connector.deeds.doing import do  # noqa: PLC0415

        do(message, services)
        finish(services, message)
    elif isinstance(message, PersonRequest):
        from ml_connector.deeds.requests import answer  # noqa: PLC0415

        answer(message, services)
        finish(services, message)
    else:
        posting_worker.handle(message, services)
