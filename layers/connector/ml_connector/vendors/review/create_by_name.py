"""Create a vendor's supplier in Exact because a person asks for it."""

from typing import Any

from ml_connector.domain.ids import Actor, Division, VendorId
from ml_connector.stack import RecordStack
from ml_connector.user_errors import UserError
from ml_connector.vendors.context import open_context, open_vendor
from ml_connector.vendors.creation import create_supplier
from ml_connector.vendors.review.find import find_vendor
from ml_connector.vendors.waiting_orders import release_orders


def create(stack: RecordStack, actor: Actor, id: str, vendor: str, division: str) -> dict[str, Any]:
    """Create the supplier and link the vendor to it, whatever the connection does by itself.

    Its orders go on. Raise `UserError` when the vendor or division is unknown, or it is linked
    already; `Review` when Exact has an account of this name; `Later` while an outcome is unknown:
    asked for again, it adopts what was created.
    """
    services = stack.services_of(id)
    party, key = find_vendor(services, vendor), Division(division)
    settings = services.connection.division(key)
    if settings is None:
        raise UserError(f"there is no division {division}")
    owner = VendorId(party.id)
    if services.vendor_links.get(key, owner):
        raise UserError(f"{party.name} is linked to a supplier in division {division} already")
    tracked = open_vendor(services, stack.ledger_of(actor, services.id), party)
    if not create_supplier(open_context(services), tracked, settings, party):
        raise UserError(f"vendor {party.id} has no name in Airbase: give it one first")
    link = services.vendor_links.get(key, owner)
    made = services.division_data(key).supplier(link.supplier) if link else None
    if made is None:
        raise UserError(f"{party.name} was created, and is not linked: look at the vendor again")
    release_orders(services, owner)
    return {
        "name": party.name,
        "supplier": {"id": made.id, "code": made.code.strip(), "name": made.name},
    }
