"""Decide about a vendor that is not linked in a division: link, propose, or do nothing.

A link is automatic only when the rules are certain, the policy allows it, the pair was not rejected
and no other vendor has the supplier, unless it is this one a second time.
"""

from collections.abc import Collection
from dataclasses import replace

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.blocking import match_one
from ml_connector.domain.matching.party import Candidate, MatchDecision, Party, digest
from ml_connector.domain.matching.rules import are_one_vendor
from ml_connector.infrastructure.vendor_links import Link, Rejection, SupplierProposal
from ml_connector.vendors.context import VendorContext, agreed_names
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.tracked_vendor import TrackedVendor


def decide_vendor(context: VendorContext, division: Division, vendor: Party) -> MatchDecision:
    """Return the decision about one vendor, matched within its block."""
    vendor = context.without_foreign_reference(division, vendor)
    return match_one(vendor, context.vendors.find, context.suppliers(division).find)


def apply_decision(
    context: VendorContext,
    tracked: TrackedVendor,
    division: Division,
    vendor: Party,
    decision: MatchDecision,
    rejections: Collection[Rejection],
) -> bool:
    """Link or propose as decided, where that is allowed; return whether the vendor was linked."""
    rejected = still_rejected(context, division, vendor, rejections)
    offered = [each for each in _offered(decision) if each.id not in rejected]
    if not vendor.is_usable or not offered:
        tracked.report(division, None, None)
        return False
    if decision.outcome != "link":
        tracked.propose(_proposal(context, division, vendor, decision, offered))
        return False
    return _link_or_propose(context, tracked, division, vendor, decision)


def _link_or_propose(
    context: VendorContext,
    tracked: TrackedVendor,
    division: Division,
    vendor: Party,
    decision: MatchDecision,
) -> bool:
    supplier = context.supplier(division, Guid(decision.supplier_id))
    if supplier is None:  # deleted meanwhile: its change is yet to be processed
        return False
    proposal = _proposal(context, division, vendor, decision, [_candidate(decision)])
    holders = context.services.vendor_links.vendors_of(division, supplier.id)
    others = [each for each in holders if not _is_same_vendor(context, vendor, each)]
    if found := _taken(context, tracked, division, others):
        tracked.report(
            division, found, replace(proposal, evidence=(*proposal.evidence, found.cause))
        )
        return False
    if context.connection.vendors.links == "review":
        tracked.propose(proposal)
        return False
    link = Link(division, tracked.vendor, supplier.id, decision.rule, decision.evidence)
    party = supplier_party(supplier)
    tracked.link(link, party, agreed_names(vendor, party))
    return True


def _is_same_vendor(context: VendorContext, vendor: Party, holder: VendorId) -> bool:
    """Tell whether the holder of a supplier is this vendor, or the same company a second time."""
    known = context.vendors.get(holder)
    if known is None or not known.is_usable:
        return holder == vendor.id
    return holder == vendor.id or are_one_vendor(vendor, known)


def _taken(
    context: VendorContext, tracked: TrackedVendor, division: Division, holders: list[VendorId]
) -> Problem | None:
    """Return the exception when another vendor has the supplier.

    If that is gone or closed in Airbase, it was probably merged into this one or created again.
    """
    if not holders:
        return None
    other = context.vendors.get(holders[0])
    code = "SUPPLIER_SHARED" if other and other.is_usable else "VENDOR_RECREATED"
    name = other.name if other else holders[0]
    evidence = {"division": division, "other_vendor": holders[0]}
    return problem(code, tracked.title, "other", division=division, other=name, evidence=evidence)


def still_rejected(
    context: VendorContext, division: Division, vendor: Party, rejections: Collection[Rejection]
) -> set[str]:
    """Return the rejected suppliers, if neither they nor the vendor have changed since."""
    found = set()
    for each in rejections:
        supplier = context.supplier(division, each.supplier)
        other = supplier_party(supplier) if supplier else Party(each.supplier, "")
        if digest(vendor, other) == each.digest:
            found.add(str(each.supplier))
    return found


def _proposal(
    context: VendorContext,
    division: Division,
    vendor: Party,
    decision: MatchDecision,
    offered: list[Candidate],
) -> SupplierProposal:
    return SupplierProposal(
        division,
        VendorId(vendor.id),
        vendor.name,
        context.proposed_suppliers(division, offered),
        decision.rule,
        (*decision.evidence, *decision.doubts),
    )


def _offered(decision: MatchDecision) -> tuple[Candidate, ...]:
    if decision.outcome == "link":
        return (_candidate(decision),)
    return decision.candidates if decision.outcome == "review" else ()


def _candidate(decision: MatchDecision) -> Candidate:
    return Candidate(decision.supplier_id, decision.score)
