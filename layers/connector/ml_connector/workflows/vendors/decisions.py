"""What a person decides about a vendor: accept a proposal, reject it, link by hand, unlink.

Each decision is audited with who made it, and holds until a person decides otherwise: an automatic
decision never replaces it. The vendor's waiting orders are queued again.
"""

from dataclasses import replace

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.links import Link, Proposal, Rejection
from ml_connector.doors.parties import kept_vendor
from ml_connector.faults import Review
from ml_connector.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party, digest
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import never_seen, vendor_message
from ml_connector.workflows.upkeep.sweep import queue_vendor_orders
from ml_connector.workflows.vendors.desk import agreed_names, open_case
from ml_connector.workflows.vendors.parties import supplier_party

BY_HAND = "by_hand"
"""The rule of a link that a person made."""


def accept(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier: Guid | None = None,
    reason: str = "accepted",
) -> Link:
    """Link the vendor to the proposed supplier, the best candidate unless one is named.

    Raises `Review`: nothing is proposed, or the supplier cannot be linked.
    """
    proposal = doors.proposals.get(connection, division, vendor)
    offered = [each.id for each in proposal.candidates] if proposal else []
    if not offered or (supplier and supplier not in offered):
        raise Review([problem("NOTHING_PROPOSED", vendor, f"Division {division}.")])
    chosen = supplier or offered[0]
    return _link(doors, ledger, connection, division, vendor, chosen, reason, proposal)


def link(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str = "",
) -> Link:
    """Link the vendor to the supplier with this GUID or account code.

    Raises `Review` when there is no such vendor or supplier, the supplier cannot be used, or
    another vendor has it.
    """
    return _link(doors, ledger, connection, division, vendor, supplier_id_or_code, reason, None)


def reject(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier: Guid,
    reason: str = "",
) -> None:
    """Remember that the vendor is not this supplier, until the data of one of them change.

    A link between the two is taken away. Raises `Review` when either is not known.
    """
    known = _vendor(doors, connection, vendor)
    rejection = _rejection(doors, ledger, connection, division, known, supplier, reason)
    case = open_case(doors, ledger, connection, known)
    held = doors.links.get(connection, division, vendor)
    others = {vendor}
    if held and held.supplier == supplier:
        others |= _sharing(doors, connection, held)
        case.unlink(division, rejection, supplier=supplier, reason=reason, by=ledger.actor)
    else:
        left = _left(doors.proposals.get(connection, division, vendor), supplier)
        case.reject(rejection, left, reason=reason, by=ledger.actor)
    for each in others:
        _look_again(doors, connection, each)


def unlink(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    reason: str = "",
) -> None:
    """Take the vendor's link away; the pair counts as rejected. Its orders wait.

    Raises `Review` when it is not linked.
    """
    held = doors.links.get(connection, division, vendor)
    if held is None:
        raise Review([problem("NOT_LINKED", vendor, f"Division {division}.")])
    known = kept_vendor(doors.reference, connection, vendor) or Party(vendor, vendor)
    rejection = _rejection(doors, ledger, connection, division, known, held.supplier, reason)
    case = open_case(doors, ledger, connection, known)
    others = _sharing(doors, connection, held)
    case.unlink(division, rejection, supplier=held.supplier, reason=reason, by=ledger.actor)
    for each in others | {vendor}:
        _look_again(doors, connection, each)


def _link(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str,
    proposal: Proposal | None,
) -> Link:
    known = _vendor(doors, connection, vendor)
    supplier = _usable_supplier(doors, connection, division, supplier_id_or_code)
    _refuse_taken(doors, connection, division, vendor, supplier)
    evidence = (f"proposed as {proposal.rule}", *proposal.evidence) if proposal else ()
    made = Link(division, vendor, supplier.id, BY_HAND, evidence, ledger.actor)
    agreed = agreed_names(known, supplier_party(supplier))
    before = doors.links.get(connection, division, vendor)
    others = _sharing(doors, connection, made) | (
        _sharing(doors, connection, before) if before else set()
    )
    case = open_case(doors, ledger, connection, known)
    case.link(made, agreed, reason=reason, name=supplier.name)
    for other in others - {vendor}:
        _give_up(doors, ledger, connection, division, other, vendor)
        _look_again(doors, connection, other)
    queue_vendor_orders(doors, connection, vendor)
    return made


def _sharing(doors: Doors, connection: ConnectionId, link: Link) -> set[VendorId]:
    return set(doors.links.vendors_of(connection, link.division, link.supplier))


def _give_up(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    gone: VendorId,
    heir: VendorId,
) -> None:
    """Take the link of a vendor that is gone or closed away: its supplier has a new vendor."""
    held = doors.links.get(connection, division, gone)
    now = doors.links.get(connection, division, heir)
    party = kept_vendor(doors.reference, connection, gone)
    if held and now and held.supplier == now.supplier and not (party and party.is_usable):
        case = open_case(doors, ledger, connection, party or Party(gone, ""))
        case.unlink(division, supplier=held.supplier, reason=f"now of {heir}", by=ledger.actor)


def _vendor(doors: Doors, connection: ConnectionId, vendor: VendorId) -> Party:
    known = kept_vendor(doors.reference, connection, vendor)
    if known is None:
        raise Review([problem("VENDOR_UNKNOWN", vendor)])
    return known


def _supplier(
    doors: Doors, connection_id: ConnectionId, division: Division, id_or_code: str
) -> Supplier:
    connection = doors.mappings.connection(connection_id)
    if connection is None or connection.division(division) is None:
        raise Review([problem("DIVISION_UNKNOWN", str(division), f"It is {connection_id}.")])
    supplier = doors.books(connection, division).supplier(id_or_code)
    if supplier is None:
        raise Review([problem("SUPPLIER_UNKNOWN", id_or_code, f"Division {division}.")])
    return supplier


def _usable_supplier(
    doors: Doors, connection: ConnectionId, division: Division, id_or_code: str
) -> Supplier:
    supplier = _supplier(doors, connection, division, id_or_code)
    if not supplier.is_usable_on(clock.now().date()):
        name = f"{supplier.code} {supplier.name}"
        raise Review([problem("SUPPLIER_UNUSABLE", name, f"Division {division}.")])
    return supplier


def _refuse_taken(
    doors: Doors,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier: Supplier,
) -> None:
    """One supplier is one vendor; a vendor that is gone or closed in Airbase keeps none."""
    for other in doors.links.vendors_of(connection, division, supplier.id):
        party = kept_vendor(doors.reference, connection, other)
        if other != vendor and party and party.is_usable:
            name = f"{supplier.code} {supplier.name}"
            raise Review([problem("SUPPLIER_TAKEN", name, f"It is {party.name} ({other}).")])


def _rejection(
    doors: Doors,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: Party,
    supplier_id: Guid,
    reason: str,
) -> Rejection:
    supplier = doors.data(connection, division).get("supplier", supplier_id, Supplier)
    other = supplier_party(supplier) if supplier else Party(supplier_id, "")
    both, now = digest(vendor, other), clock.now()
    id = VendorId(vendor.id)
    return Rejection(division, id, supplier_id, both, ledger.actor, now, reason)


def _left(proposal: Proposal | None, without: Guid) -> Proposal | None:
    if proposal is None:
        return None
    candidates = tuple(each for each in proposal.candidates if each.id != without)
    return replace(proposal, candidates=candidates) if candidates else None


def _look_again(doors: Doors, connection: ConnectionId, vendor: VendorId) -> None:
    """Let the worker look at what is left; its message is new each time."""
    message = vendor_message(connection, vendor)
    doors.queues.send(message, never_seen())
