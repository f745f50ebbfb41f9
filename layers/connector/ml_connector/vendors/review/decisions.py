"""A person's decisions about a vendor: accept a proposal, reject it, link by hand, unlink.

Each decision is audited with its actor; an automatic decision never replaces it. The vendor's
waiting orders are queued again.
"""

from dataclasses import replace

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.domain.matching.party import Party, digest
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.match_index import stored_vendor
from ml_connector.infrastructure.vendor_links import Link, Rejection, SupplierProposal
from ml_connector.messages import unique_id, vendor_message
from ml_connector.services import Services
from ml_connector.sweep.due_records import queue_reviews_of_vendor
from ml_connector.vendors.context import agreed_names, open_vendor
from ml_connector.vendors.parties import supplier_party

BY_HAND = "by_hand"
"""The rule of a link that a person made."""


def accept(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier: Guid | None = None,
    reason: str = "accepted",
) -> Link:
    """Link the vendor to the proposed supplier, the best candidate unless one is named.

    Raise `Review` when nothing is proposed or the supplier cannot be linked.
    """
    proposal = services.supplier_proposals.get(connection, division, vendor)
    offered = [each.id for each in proposal.candidates] if proposal else []
    if not offered or (supplier and supplier not in offered):
        raise Review([problem("NOTHING_PROPOSED", vendor, "division", division=division)])
    chosen = supplier or offered[0]
    return _link(services, ledger, connection, division, vendor, chosen, reason, proposal)


def link(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str = "",
) -> Link:
    """Link the vendor to the supplier with this GUID or account code.

    Other vendors keep the supplier: one company may stand twice in Airbase. Raise `Review` when the
    vendor or supplier is unknown, or the supplier cannot be used.
    """
    return _link(services, ledger, connection, division, vendor, supplier_id_or_code, reason, None)


def reject(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier: Guid,
    reason: str = "",
) -> None:
    """Record that the vendor is not this supplier, until the data of one of them change.

    A link between the two is removed. Raise `Review` when the vendor is unknown.
    """
    known = _vendor(services, connection, vendor)
    rejection = _rejection(services, ledger, connection, division, known, supplier, reason)
    tracked = open_vendor(services, ledger, connection, known)
    current = services.vendor_links.get(connection, division, vendor)
    others = {vendor}
    if current and current.supplier == supplier:
        others |= _sharing(services, connection, current)
        tracked.unlink(division, rejection, supplier=supplier, reason=reason, by=ledger.actor)
    else:
        left = _without_candidate(
            services.supplier_proposals.get(connection, division, vendor), supplier
        )
        tracked.reject(rejection, left, reason=reason, by=ledger.actor)
    for each in others:
        _queue_vendor(services, connection, each)


def unlink(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    reason: str = "",
) -> None:
    """Remove the vendor's link and reject the pair; its orders wait.

    Raise `Review` when it is not linked.
    """
    current = services.vendor_links.get(connection, division, vendor)
    if current is None:
        raise Review([problem("NOT_LINKED", vendor, "division", division=division)])
    known = stored_vendor(services.reference_table, connection, vendor) or Party(vendor, vendor)
    rejection = _rejection(services, ledger, connection, division, known, current.supplier, reason)
    tracked = open_vendor(services, ledger, connection, known)
    others = _sharing(services, connection, current)
    tracked.unlink(division, rejection, supplier=current.supplier, reason=reason, by=ledger.actor)
    for each in others | {vendor}:
        _queue_vendor(services, connection, each)


def _link(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str,
    proposal: SupplierProposal | None,
) -> Link:
    known = _vendor(services, connection, vendor)
    supplier = _usable_supplier(services, connection, division, supplier_id_or_code)
    evidence = (f"proposed as {proposal.rule}", *proposal.evidence) if proposal else ()
    new_link = Link(division, vendor, supplier.id, BY_HAND, evidence, ledger.actor)
    agreed = agreed_names(known, supplier_party(supplier))
    before = services.vendor_links.get(connection, division, vendor)
    others = _sharing(services, connection, new_link) | (
        _sharing(services, connection, before) if before else set()
    )
    tracked = open_vendor(services, ledger, connection, known)
    tracked.link(new_link, agreed, reason=reason, name=supplier.name)
    for other in others - {vendor}:
        _unlink_closed_vendor(services, ledger, connection, division, other, vendor)
        _queue_vendor(services, connection, other)
    queue_reviews_of_vendor(services, connection, vendor)
    return new_link


def _sharing(services: Services, connection: ConnectionId, link: Link) -> set[VendorId]:
    return set(services.vendor_links.vendors_of(connection, link.division, link.supplier))


def _unlink_closed_vendor(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    closed: VendorId,
    successor: VendorId,
) -> None:
    """Unlink a vendor that is gone or closed in Airbase: another vendor has its supplier now."""
    current = services.vendor_links.get(connection, division, closed)
    now = services.vendor_links.get(connection, division, successor)
    party = stored_vendor(services.reference_table, connection, closed)
    if current and now and current.supplier == now.supplier and not (party and party.is_usable):
        tracked = open_vendor(services, ledger, connection, party or Party(closed, ""))
        tracked.unlink(
            division, supplier=current.supplier, reason=f"now of {successor}", by=ledger.actor
        )


def _vendor(services: Services, connection: ConnectionId, vendor: VendorId) -> Party:
    known = stored_vendor(services.reference_table, connection, vendor)
    if known is None:
        raise Review([problem("VENDOR_UNKNOWN", vendor)])
    return known


def _supplier(
    services: Services, connection_id: ConnectionId, division: Division, id_or_code: str
) -> Supplier:
    connection = services.connections.get(connection_id)
    if connection is None or connection.division(division) is None:
        raise Review(
            [problem("DIVISION_UNKNOWN", str(division), "connection", connection=connection_id)]
        )
    supplier = services.division_data(connection, division).supplier(id_or_code)
    if supplier is None:
        raise Review([problem("SUPPLIER_UNKNOWN", id_or_code, "division", division=division)])
    return supplier


def _usable_supplier(
    services: Services, connection: ConnectionId, division: Division, id_or_code: str
) -> Supplier:
    supplier = _supplier(services, connection, division, id_or_code)
    if not supplier.is_usable_on(clock.now().date()):
        name = f"{supplier.code} {supplier.name}"
        raise Review([problem("SUPPLIER_UNUSABLE", name, "division", division=division)])
    return supplier


def _rejection(
    services: Services,
    ledger: Ledger,
    connection: ConnectionId,
    division: Division,
    vendor: Party,
    supplier_id: Guid,
    reason: str,
) -> Rejection:
    supplier = services.reference_store(connection, division).get("supplier", supplier_id, Supplier)
    other = supplier_party(supplier) if supplier else Party(supplier_id, "")
    both, now = digest(vendor, other), clock.now()
    id = VendorId(vendor.id)
    return Rejection(division, id, supplier_id, both, ledger.actor, now, reason)


def _without_candidate(
    proposal: SupplierProposal | None, supplier: Guid
) -> SupplierProposal | None:
    if proposal is None:
        return None
    candidates = tuple(each for each in proposal.candidates if each.id != supplier)
    return replace(proposal, candidates=candidates) if candidates else None


def _queue_vendor(services: Services, connection: ConnectionId, vendor: VendorId) -> None:
    """Have the worker reconcile the vendor."""
    message = vendor_message(connection, vendor)
    services.queues.send(message, unique_id())
