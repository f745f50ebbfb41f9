"""Preview orders by the name people use for them."""

from collections.abc import Iterator
from typing import Any

from ml_connector.domain.ids import OrderId
from ml_connector.domain.words import command
from ml_connector.infrastructure.ledger import new_order
from ml_connector.purchase_orders.preview import preview as preview_order
from ml_connector.purchase_orders.preview import preview_open
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.user_errors import ServiceError, UserError

_UNKNOWN = "NOT_IN_AIRBASE"


def preview(services: Services, name: str, *, by_hand: bool = False) -> dict[str, Any]:
    """Return the preview of one order, in the ledger or only in Airbase.

    `by_hand`: as if a person retried it now. Raises `UserError` when neither has it,
    `ServiceError` when Airbase does not answer for an order not in the ledger.
    """
    found = records.find_order_or_none(services.ledger, name)
    record = found or new_order(services.id, OrderId(name))
    shown = preview_order(services, record, by_hand=by_hand)
    if found is None and _UNKNOWN in {each.code for each in shown.problems}:
        raise UserError(
            f"neither connection {services.id} nor Airbase has an order {name!r}; "
            f"see {command('orders', services.id)}"
        )
    if found is None and shown.waiting and not shown.title:  # it is unknown whether it exists
        raise ServiceError(f"{shown.waiting.code}: {shown.waiting.cause}")
    return shown.as_dict()


def preview_all(services: Services) -> Iterator[dict[str, Any]]:
    """Yield the preview of every order that waits, or is approved and not in the ledger yet."""
    return (each.as_dict() for each in preview_open(services))
