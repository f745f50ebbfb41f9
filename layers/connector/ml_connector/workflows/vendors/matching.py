"""Decide about a vendor that is not linked in a division: link it, propose, or leave it.

A link is automatic only when the ladder is certain, the policy allows it, nobody rejected the pair
and no other vendor has the supplier.
"""

from collections.abc import Collection
from dataclasses import replace

from ml_connector.codes import problem
from ml_connector.doors.links import Link, Proposal, Rejection
from ml_connector.faults import Problem
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.vendors.neighbourhood import decide
from ml_connector.vendors.party import Candidate, Decision, Party, digest
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.desk import VendorDesk, agreed_names
from ml_connector.workflows.vendors.parties import supplier_party


def decide_alone(desk: VendorDesk, division: Division, vendor: Party) -> Decision:
    """Return the decision about one vendor, reading only its neighbourhood."""
    vendor = desk.as_seen_from(division, vendor)
    return decide(vendor, desk.vendors.find, desk.suppliers(division).find)


def match_vendor(
    desk: VendorDesk,
    case: VendorCase,
    division: Division,
    vendor: Party,
    decision: Decision,
    rejections: Collection[Rejection],
) -> bool:
    """Do what the decision says, where that is allowed; return whether the vendor was linked."""
    rejected = still_rejected(desk, division, vendor, rejections)
    offered = [_candidate(decision)] if decision.verdict == "link" else list(decision.candidates)
    offered = [each for each in offered if each.id not in rejected]
    if not vendor.is_usable or not offered:
        case.report(division, None, None)
        return False
    if decision.verdict != "link":
        case.propose(_proposal(desk, division, vendor, decision, offered))
        return False
    return _link_or_propose(desk, case, division, vendor, decision)


def _link_or_propose(
    desk: VendorDesk, case: VendorCase, division: Division, vendor: Party, decision: Decision
) -> bool:
    supplier = desk.supplier(division, Guid(decision.supplier_id))
    if supplier is None:  # it went while we were deciding: the change is on its way here
        return False
    proposal = _proposal(desk, division, vendor, decision, [_candidate(decision)])
    holders = desk.doors.links.vendors_of(desk.id, division, supplier.id)
    if found := _taken(desk, case, division, [each for each in holders if each != vendor.id]):
        case.report(division, found, replace(proposal, evidence=(*proposal.evidence, found.cause)))
        return False
    if desk.connection.vendors.links == "review":
        case.propose(proposal)
        return False
    link = Link(division, case.vendor, supplier.id, decision.rule, decision.evidence)
    case.link(link, agreed_names(vendor, supplier_party(supplier)), name=supplier.name)
    return True


def _taken(
    desk: VendorDesk, case: VendorCase, division: Division, holders: list[VendorId]
) -> Problem | None:
    """Return what is wrong when another vendor has the supplier.

    One that is gone or closed in Airbase was probably merged into this one, or made anew as it.
    """
    if not holders:
        return None
    other = desk.vendors.get(holders[0])
    code = "SUPPLIER_SHARED" if other and other.is_usable else "VENDOR_RECREATED"
    name = other.name if other else holders[0]
    evidence = {"division": division, "other_vendor": holders[0]}
    return problem(code, case.title, f"Division {division}: {name}.", evidence=evidence)


def still_rejected(
    desk: VendorDesk, division: Division, vendor: Party, rejections: Collection[Rejection]
) -> set[str]:
    """Return the suppliers that were rejected and have not changed since, nor the vendor."""
    found = set()
    for each in rejections:
        supplier = desk.supplier(division, each.supplier)
        other = supplier_party(supplier) if supplier else Party(each.supplier, "")
        if digest(vendor, other) == each.digest:
            found.add(str(each.supplier))
    return found


def _proposal(
    desk: VendorDesk,
    division: Division,
    vendor: Party,
    decision: Decision,
    offered: list[Candidate],
) -> Proposal:
    return Proposal(
        division,
        VendorId(vendor.id),
        vendor.name,
        desk.proposed(division, offered),
        decision.rule,
        decision.evidence,
    )


def _candidate(decision: Decision) -> Candidate:
    return Candidate(decision.supplier_id, decision.score)
