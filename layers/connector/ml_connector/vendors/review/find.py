"""Find vendors, suppliers and divisions by the names and codes that people use."""

from collections.abc import Iterable

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import vendor_key
from ml_connector.infrastructure.reference_store import StoredDivisionData
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.settings.division_names import find_division
from ml_connector.user_errors import UserError, safe_lines
from ml_connector.vendors.parties import vendors_of

_MOST_NAMED = 5


def find_vendor(services: Services, name: str) -> Party:
    """Return the vendor with this Airbase id, or the only one of this name.

    One that is gone from Airbase can still be found by its id. Raise `UserError` when there is no
    such vendor, or more than one.
    """
    id = services.id
    if known := services.match_indexes.stored_vendor(name):
        return known
    record = services.ledger.read(vendor_key(VendorId(name)))
    if record.version:
        return Party(name, record.facts.title or name)
    wanted = _folded(name)
    every = vendors_of(services.match_indexes).all()
    found = [each for each in every if wanted and _folded(each.name) == wanted]
    if not found:
        raise UserError(f"connection {id} has no vendor {name!r}, by Airbase id or by name")
    if len(found) > 1:
        ids = ", ".join(each.id for each in found[:_MOST_NAMED])
        raise UserError(f"{len(found)} vendors are called {name!r}: give an id, such as {ids}")
    return found[0]


def find_supplier(data: StoredDivisionData, name: str) -> Supplier | None:
    """Return the division's supplier with this GUID or account code, or None."""
    return data.supplier(as_key(name))


def require_supplier(data: StoredDivisionData, division: Division, name: str) -> Supplier:
    """Return the division's supplier; raise `Review` when there is none."""
    found = find_supplier(data, name)
    if found is None:
        raise Review([problem("SUPPLIER_UNKNOWN", name, "division", division=division)])
    return found


def as_key(name: str) -> str:
    """Return a GUID as stored, in lower case without braces; a code unchanged."""
    bare = name.strip()
    is_guid = len(bare.strip("{}")) == 36 and bare.count("-") == 4
    return Guid(bare.strip("{}").lower()) if is_guid else bare


def one_division(
    connection: Connection, given: str | None, possible: Iterable[Division], otherwise: str
) -> Division:
    """Return the given division, else the only possible one.

    Raise `UserError(otherwise)` when none is possible, and another when several are.
    """
    if given is not None:
        return find_division(connection, given)
    found = list(possible)
    if not found:
        raise UserError(*safe_lines(otherwise))
    if len(found) > 1:
        raise UserError(f"give --division: it can be {', '.join(found)}")
    return found[0]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
