"""Find vendors, suppliers and divisions by what people call them."""

from collections.abc import Iterable

from connector_cli.complaints import Complaint, safe_lines
from connector_cli.stack import Stack
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import vendor_key
from ml_connector.doors.parties import kept_vendor
from ml_connector.faults import Review
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.vendors.parties import vendors_of

_MOST_NAMED = 5


def find_vendor(stack: Stack, connection: Connection, name: str) -> Party:
    """Return the vendor with this Airbase id, or the only one of this name.

    One that is gone from Airbase is found by its id while anything is known of it. Raises
    `Complaint` when there is none, or more than one.
    """
    id = connection.id
    if known := kept_vendor(stack.doors.reference, id, name):
        return known
    record = stack.doors.ledger.read(id, vendor_key(VendorId(name)))
    if record.version:
        return Party(name, str(record.facts.get("title") or name))
    wanted = _folded(name)
    every = vendors_of(stack.doors.reference, id).all()
    found = [each for each in every if wanted and _folded(each.name) == wanted]
    if not found:
        raise Complaint(f"connection {id} has no vendor {name!r}, by Airbase id or by name")
    if len(found) > 1:
        ids = ", ".join(each.id for each in found[:_MOST_NAMED])
        raise Complaint(f"{len(found)} vendors are called {name!r}: give an id, such as {ids}")
    return found[0]


def find_supplier(
    stack: Stack, connection: Connection, division: Division, name: str
) -> Supplier | None:
    """Return the division's supplier with this GUID or account code, or None."""
    return stack.doors.books(connection, division).supplier(as_key(name))


def need_supplier(stack: Stack, connection: Connection, division: Division, name: str) -> Supplier:
    """Return the division's supplier; raises `Review` when there is none."""
    found = find_supplier(stack, connection, division, name)
    if found is None:
        raise Review([problem("SUPPLIER_UNKNOWN", name, f"Division {division}.")])
    return found


def as_key(name: str) -> str:
    """Return a GUID as it is kept, in lower case without braces; a code as it is."""
    bare = name.strip()
    is_guid = len(bare.strip("{}")) == 36 and bare.count("-") == 4
    return Guid(bare.strip("{}").lower()) if is_guid else bare


def find_division(connection: Connection, code: int) -> Division:
    """Return one of the connection's divisions; raises `Complaint` when it has no such."""
    codes = [each.division for each in connection.divisions]
    if code not in codes:
        known = ", ".join(map(str, codes))
        raise Complaint(f"connection {connection.id} has no division {code}; it has {known}")
    return Division(code)


def one_division(
    connection: Connection, given: int | None, meant: Iterable[Division], otherwise: str
) -> Division:
    """Return the division that was given, else the only one that can be meant.

    Raises `Complaint(otherwise)` when none can be meant, and another when several can.
    """
    if given is not None:
        return find_division(connection, given)
    found = list(meant)
    if not found:
        raise Complaint(*safe_lines(otherwise))
    if len(found) > 1:
        raise Complaint(f"say --division: it can be {', '.join(map(str, found))}")
    return found[0]


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()
