"""A person's decisions about a vendor: accept a proposal, reject it, link by hand, unlink.

Each decision is audited with its actor; an automatic decision never replaces it. The vendor's
waiting orders are queued again.
"""

from collections.abc import Callable
from dataclasses import replace

from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.party import Party, digest
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.match_index import MatchIndexes
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.vendor_links import Link, Rejection, SupplierProposal, VendorLinks
from ml_connector.messages.sending import unique_id, vendor_message
from ml_connector.services import Services
from ml_connector.sweep.due_records import queue_reviews_of_vendor
from ml_connector.vendors.context import agreed_names, open_vendor
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.tracked_vendor import named

BY_HAND = "by_hand"
"""The rule of a link that a person made."""

LinkCheck = Callable[[Link | None], None]
"""Raises when the link that there is, if any, may not be replaced."""


def accept(
    services: Services,
    ledger: Ledger,
    division: Division,
    vendor: VendorId,
    supplier: Guid | None = None,
    reason: str = "accepted",
    *,
    check: LinkCheck = lambda _: None,
) -> Link:
    """Link the vendor to the proposed supplier, the best candidate unless one is named.

    `check` is that of `link`. Raise `Review` when nothing is proposed or the supplier cannot be
    linked.
    """
    proposal = services.supplier_proposals.get(division, vendor)
    offered = [each.id for each in proposal.candidates] if proposal else []
    if not offered or (supplier and supplier not in offered):
        raise Review([problem("NOTHING_PROPOSED", vendor, "division", division=division)])
    chosen = supplier or offered[0]
    return _link(services, ledger, division, vendor, chosen, reason, proposal, check=check)


def link(
    services: Services,
    ledger: Ledger,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str = "",
    *,
    check: LinkCheck = lambda _: None,
) -> Link:
    """Link the vendor to the supplier with this GUID or account code.

    Other vendors keep the supplier: one company may stand twice in Airbase. `check` raises when the
    link that there is may not be replaced. Raise `Review` when the vendor or supplier is unknown,
    or the supplier cannot be used.
    """
    return _link(services, ledger, division, vendor, supplier_id_or_code, reason, check=check)


def reject(
    services: Services,
    ledger: Ledger,
    division: Division,
    vendor: VendorId,
    supplier: Guid,
    reason: str = "",
    *,
    check: LinkCheck = lambda _: None,
) -> None:
    """Record that the vendor is not this supplier, until the data of one of them change.

    A link between the two is removed; `check` is that of `link`. Raise `Review` when the vendor is
    unknown.
    """
    known = _vendor(services.match_indexes, vendor)
    other = _known(services.reference_store(division), supplier)
    rejection = _rejection(ledger.actor, division, known, other or Party(supplier, ""), reason)
    shown = named(supplier, other)
    tracked = open_vendor(services, ledger, known)
    current = services.vendor_links.get(division, vendor)
    check(current)
    others = {vendor}
    if current and current.supplier == supplier:
        others |= _sharing(services.vendor_links, current)
        tracked.unlink(division, shown, rejection, reason=reason, by=ledger.actor)
    else:
        left = _without_candidate(services.supplier_proposals.get(division, vendor), supplier)
        tracked.reject(rejection, shown, left, reason=reason, by=ledger.actor)
    for each in others:
        _queue_vendor(services, each)


def unlink(
    services: Services,
    ledger: Ledger,
    division: Division,
    vendor: VendorId,
    reason: str = "",
) -> None:
    """Remove the vendor's link and reject the pair; its orders wait.

    Raise `Review` when it is not linked.
    """
    current = services.vendor_links.get(division, vendor)
    if current is None:
        raise Review([problem("NOT_LINKED", vendor, "division", division=division)])
    known = services.match_indexes.stored_vendor(vendor) or Party(vendor, vendor)
    other = _known(services.reference_store(division), current.supplier)
    rejected = other or Party(current.supplier, "")
    rejection = _rejection(ledger.actor, division, known, rejected, reason)
    tracked = open_vendor(services, ledger, known)
    others = _sharing(services.vendor_links, current)
    shown = named(current.supplier, other)
    tracked.unlink(division, shown, rejection, reason=reason, by=ledger.actor)
    for each in others | {vendor}:
        _queue_vendor(services, each)


def _link(
    services: Services,
    ledger: Ledger,
    division: Division,
    vendor: VendorId,
    supplier_id_or_code: str,
    reason: str,
    proposal: SupplierProposal | None = None,
    *,
    check: LinkCheck = lambda _: None,
) -> Link:
    known = _vendor(services.match_indexes, vendor)
    supplier = _usable_supplier(services, division, supplier_id_or_code)
    evidence = (f"proposed as {proposal.rule}", *proposal.evidence) if proposal else ()
    new_link = Link(division, vendor, supplier.id, BY_HAND, evidence, ledger.actor)
    party = supplier_party(supplier)
    tracked = open_vendor(services, ledger, known)
    before = services.vendor_links.get(division, vendor)
    check(before)  # whoever links it after this finds the record changed
    others = _sharing(services.vendor_links, new_link) | (
        _sharing(services.vendor_links, before) if before else set()
    )
    tracked.link(new_link, party, agreed_names(known, party), reason=reason)
    for other in others - {vendor}:
        _unlink_closed_vendor(services, ledger, division, other, vendor)
        _queue_vendor(services, other)
    queue_reviews_of_vendor(services, vendor)
    return new_link


def _sharing(links: VendorLinks, link: Link) -> set[VendorId]:
    return set(links.vendors_of(link.division, link.supplier))


def _unlink_closed_vendor(
    services: Services,
    ledger: Ledger,
    division: Division,
    closed: VendorId,
    successor: VendorId,
) -> None:
    """Unlink a vendor that is gone or closed in Airbase: another vendor has its supplier now."""
    current = services.vendor_links.get(division, closed)
    now = services.vendor_links.get(division, successor)
    party = services.match_indexes.stored_vendor(closed)
    if current and now and current.supplier == now.supplier and not (party and party.is_usable):
        tracked = open_vendor(services, ledger, party or Party(closed, ""))
        shown = named(
            current.supplier, _known(services.reference_store(division), current.supplier)
        )
        tracked.unlink(division, shown, reason=f"now of {successor}", by=ledger.actor)


def _vendor(indexes: MatchIndexes, vendor: VendorId) -> Party:
    known = indexes.stored_vendor(vendor)
    if known is None:
        raise Review([problem("VENDOR_UNKNOWN", vendor)])
    return known


def _supplier(services: Services, division: Division, id_or_code: str) -> Supplier:
    if services.connection.division(division) is None:
        raise Review(
            [problem("DIVISION_UNKNOWN", str(division), "connection", connection=services.id)]
        )
    supplier = services.division_data(division).supplier(id_or_code)
    if supplier is None:
        raise Review([problem("SUPPLIER_UNKNOWN", id_or_code, "division", division=division)])
    return supplier


def _usable_supplier(services: Services, division: Division, id_or_code: str) -> Supplier:
    supplier = _supplier(services, division, id_or_code)
    if not supplier.is_usable_on(clock.now().date()):
        name = f"{supplier.code} {supplier.name}"
        raise Review([problem("SUPPLIER_UNUSABLE", name, "division", division=division)])
    return supplier


def _known(data: ReferenceStore, id: Guid) -> Party | None:
    """Return a supplier as last read, None if Exact has it no longer."""
    found = data.get("supplier", id, Supplier)
    return supplier_party(found) if found else None


def _rejection(
    actor: str, division: Division, vendor: Party, supplier: Party, reason: str
) -> Rejection:
    both, now = digest(vendor, supplier), clock.now()
    return Rejection(division, VendorId(vendor.id), Guid(supplier.id), both, actor, now, reason)


def _without_candidate(
    proposal: SupplierProposal | None, supplier: Guid
) -> SupplierProposal | None:
    if proposal is None:
        return None
    candidates = tuple(each for each in proposal.candidates if each.id != supplier)
    return replace(proposal, candidates=candidates) if candidates else None


def _queue_vendor(services: Services, vendor: VendorId) -> None:
    """Have the worker reconcile the vendor."""
    message = vendor_message(services.id, vendor)
    services.queues.send(message, unique_id())
