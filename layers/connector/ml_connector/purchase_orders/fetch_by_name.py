"""Say of an order that a person wants fetched whether there is such an order at all."""

from dataclasses import replace

from ml_connector import clock
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.ledger import new_order
from ml_connector.purchase_orders.fetch import fetch_order
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.user_errors import ServiceError, UserError

_ANOTHER_OR_NONE = {"NOT_IN_AIRBASE", "NOT_THE_ORDER"}


def id_of(services: Services, name: str) -> OrderId:
    """Return the Airbase id of an order in the ledger, by any of its names, or in Airbase.

    Nothing is stored of one that is in neither: `UserError`. Raises `ServiceError` when Airbase
    does not say.
    """
    if known := records.find_order_or_none(services.ledger, name):
        return OrderId(records.airbase_id(known))
    if services.connection.profile.order_source != "detail":
        raise UserError(
            f"no event about an order {name!r} has come, and Airbase has no call for it: "
            "send the event again in Airbase"
        )
    asked = replace(new_order(services.id, OrderId(name)), received_at=clock.now().isoformat())
    try:
        fetch_order(services, OrderId(name), asked, join=lambda order: order)
    except Review as review:  # one that cannot be read is there, and its exception is of use
        if any(found.code in _ANOTHER_OR_NONE for found in review.problems):
            raise UserError(
                f"Airbase has no order with the id {name!r}; nothing was queued. "
                "An order number is not its id: see the order's address in Airbase"
            ) from None
    except (Later, Halt) as fault:
        cause = fault.cause if isinstance(fault, Later) else fault.problem.cause
        raise ServiceError(f"{cause} Nothing was queued: try again.") from None
    return OrderId(name)
