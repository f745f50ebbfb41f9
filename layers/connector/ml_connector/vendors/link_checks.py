"""Check a link: find what has happened to either side that makes it doubtful.

A finding is an exception with a proposal for another link; the vendor's orders wait until a person
decides, or a later change resolves it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ml_connector.domain.exception_codes import detail_text, problem
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import Division, VendorId
from ml_connector.domain.matching.blocking import match_one
from ml_connector.domain.matching.names import read_name
from ml_connector.domain.matching.party import RULES, Candidate, MatchDecision, Party
from ml_connector.domain.matching.rules import are_one_vendor
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.vendor_links import Link, SupplierProposal
from ml_connector.settings.connection import ExactDivision, VendorPolicy
from ml_connector.vendors.context import VendorContext, agreed_names, open_vendor
from ml_connector.vendors.linking import decide_vendor, still_rejected
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.tracked_vendor import TrackedVendor

CONFIGURED = "connection_file"
"""The rule of a link that the connection file names, and who decided it."""


@dataclass(frozen=True)
class LinkFinding:
    """What is wrong with a link: a code, one of its details and the values for it.

    `alternatives` are the suppliers to propose, best first.
    """

    code: str
    detail: str
    values: Mapping[str, Any] = field(default_factory=dict)
    alternatives: tuple[Candidate, ...] = ()
    blocks_orders: bool = True


def check_link(
    context: VendorContext,
    tracked: TrackedVendor,
    division: ExactDivision,
    link: Link,
    vendor: Party | None,
) -> bool:
    """Open or close the exception about a link; return whether its orders may continue.

    `vendor` is None when it is gone from Airbase.
    """
    code = division.division
    supplier = context.supplier(code, link.supplier)
    found = next(_findings(context, tracked, division, link, vendor, supplier), None)
    if found is None and vendor and supplier:
        return tracked.confirm_link(link, agreed_names(vendor, supplier_party(supplier)))
    if found is None:
        return False
    tracked.flag_link(
        link,
        _problem(tracked, link, found),
        _proposal(context, link, tracked, found),
        blocks_orders=found.blocks_orders,
    )
    return False


def same_name(one: str, other: str) -> bool:
    """Tell whether names differ at most in case, accents, punctuation and form spelling."""
    if one == other:
        return True
    a, b = read_name(one), read_name(other)
    is_same = a.legal_form == b.legal_form and a.distinguishing == b.distinguishing
    return is_same and bool(set(a.keys) & set(b.keys))


def _findings(
    context: VendorContext,
    tracked: TrackedVendor,
    division: ExactDivision,
    link: Link,
    vendor: Party | None,
    supplier: Supplier | None,
) -> Iterator[LinkFinding]:
    policy = context.connection.vendors
    if vendor is None:
        yield LinkFinding("VENDOR_GONE", "division")
        return
    if supplier is None or not (
        supplier_party(supplier).is_usable or _is_aligned(policy, vendor, supplier)
    ):
        detail, values = _why_unusable(supplier)
        yield LinkFinding("LINK_BROKEN", detail, values, _alternatives(context, link, vendor))
        return
    if not vendor.is_usable and policy.active == "review":
        yield LinkFinding("VENDOR_INACTIVE", "supplier")
    yield from _shared(context, link, vendor)
    yield from _disputed(context, division, link, vendor)
    agreed = tracked.division_facts(link.division).agreed or agreed_names(
        vendor, supplier_party(supplier)
    )
    yield from _changed(context, link, vendor, supplier, agreed)
    known = tracked.division_facts(link.division).problem
    if known and known.code == "LINK_UNCONFIRMED":
        yield from _unconfirmed(link, decide_vendor(context, link.division, vendor))


def note_unconfirmed(
    context: VendorContext, division: Division, vendor: Party, decision: MatchDecision
) -> None:
    """Open an exception about a link that today's rules would not make; its orders continue."""
    link = context.services.vendor_links.get(division, VendorId(vendor.id))
    found = next(_unconfirmed(link, decision), None) if link else None
    if link is None or found is None:
        return
    tracked = open_vendor(context.services, context.services.ledger, vendor)
    if tracked.division_facts(division).problem is None:
        proposal = _proposal(context, link, tracked, found)
        tracked.flag_link(link, _problem(tracked, link, found), proposal, blocks_orders=False)


def _unconfirmed(link: Link, decision: MatchDecision) -> Iterator[LinkFinding]:
    is_made_by_rules = not link.decided_by and link.rule in RULES
    is_confirmed = decision.outcome == "link" and decision.supplier_id == link.supplier
    if is_made_by_rules and not is_confirmed:
        doubts = "; ".join(decision.doubts) or "no rule finds it"
        others = (each for each in _candidates(decision) if each.id != link.supplier)
        offered = (Candidate(link.supplier, decision.score), *others)[:3]
        yield LinkFinding(
            "LINK_UNCONFIRMED", "doubts", {"doubts": doubts}, offered, blocks_orders=False
        )


def _is_aligned(policy: VendorPolicy, vendor: Party, supplier: Supplier) -> bool:
    """Tell whether the policy lets one side follow the other, so that a difference is expected."""
    if policy.active == "airbase_leads":
        return supplier.is_supplier and (supplier.is_blocked or not vendor.is_usable)
    return policy.active == "exact_leads" and supplier.is_supplier


def _why_unusable(supplier: Supplier | None) -> tuple[str, Mapping[str, str]]:
    """Return the detail of LINK_BROKEN, and its values."""
    if supplier is None:
        return "gone", {}
    name = {"supplier": f"{supplier.code} {supplier.name}"}
    if not supplier.is_supplier:
        return "not_a_supplier", name
    return ("blocked" if supplier.is_blocked else "ended"), name


def _alternatives(context: VendorContext, link: Link, vendor: Party) -> tuple[Candidate, ...]:
    """Return other suppliers to link, first those that took over the code or numbers."""
    suppliers = context.suppliers(link.division)
    before = suppliers.get(link.supplier)
    rejections = context.services.vendor_links.rejections(link.division, link.vendor)
    rejected = still_rejected(context, link.division, vendor, rejections)
    successors = match_one(_as_vendor(before), lambda _: [], suppliers.find) if before else None
    found: dict[str, Candidate] = {}
    for decision in (successors, match_one(vendor, context.vendors.find, suppliers.find)):
        for each in _candidates(decision):
            if each.id != link.supplier and each.id not in rejected:
                found.setdefault(each.id, each)
    return tuple(found.values())[:3]


def _as_vendor(supplier: Party) -> Party:
    """Return a lost supplier as a vendor, to find who has its code, numbers or name."""
    return replace(supplier, code="", external_id=supplier.code, is_usable=True)


def _candidates(decision: MatchDecision | None) -> tuple[Candidate, ...]:
    if decision is None:
        return ()
    if decision.outcome == "link":
        return (Candidate(decision.supplier_id, decision.score),)
    return decision.candidates if decision.outcome == "review" else ()


def _shared(context: VendorContext, link: Link, vendor: Party) -> Iterator[LinkFinding]:
    """Find the other vendors of the supplier, unless they are this one, or a person said so."""
    links = context.services.vendor_links
    holders = links.vendors_of(link.division, link.supplier)
    others = [] if _is_by_hand(link) else [each for each in holders if each != link.vendor]
    usable = [
        party
        for each in others
        if (party := context.vendors.get(each))
        and party.is_usable
        and not are_one_vendor(vendor, party)
        and not _is_by_hand(links.get(link.division, each))
    ]
    if usable:
        names = ", ".join(f"{each.name} ({each.id})" for each in usable)
        same = (Candidate(link.supplier, 1.0),)
        yield LinkFinding("SUPPLIER_SHARED", "also", {"others": names}, same)


def _is_by_hand(link: Link | None) -> bool:
    """Tell whether a person made the link, who then was told of the other vendors."""
    return bool(link and link.decided_by not in {"", CONFIGURED})


def _disputed(
    context: VendorContext, division: ExactDivision, link: Link, vendor: Party
) -> Iterator[LinkFinding]:
    """Compare with the connection file, and an automatic link also with Airbase's reference."""
    configured = context.configured_supplier(division, vendor)
    if configured and configured.id != link.supplier:
        name = {"supplier": f"{configured.code} {configured.name}"}
        yield LinkFinding("LINK_DISPUTED", "file", name, (Candidate(configured.id, 1.0),))
    reference = vendor.external_id.strip("{}").lower()
    if link.decided_by or not reference:
        return
    named = context.services.division_data(link.division).supplier(reference)
    if (
        named
        and named.id != link.supplier
        and (reference == named.id or link.rule == "account_code")
    ):
        name = {"supplier": f"{named.code} {named.name}"}
        yield LinkFinding("LINK_DISPUTED", "reference", name, (Candidate(named.id, 1.0),))


def _changed(
    context: VendorContext, link: Link, vendor: Party, supplier: Supplier, agreed: Mapping[str, str]
) -> Iterator[LinkFinding]:
    policy = context.connection.vendors
    now = agreed_names(vendor, supplier_party(supplier))
    changed = {name for name, value in now.items() if agreed.get(name, value) != value}
    is_renamed = policy.name == "review" and changed & {"vendor", "supplier"}
    if is_renamed and not same_name(vendor.name, supplier.name):
        names = {
            "vendor_before": repr(agreed["vendor"]),
            "supplier_before": repr(agreed["supplier"]),
            "vendor": repr(vendor.name),
            "supplier": repr(supplier.name),
        }
        offered = (Candidate(link.supplier, 1.0), *_alternatives(context, link, vendor))[:3]
        yield LinkFinding("NAME_CHANGED", "names", names, offered)
    has_moved = policy.email == "review" and changed & {"vendor_email", "supplier_email"}
    if has_moved and vendor.email.lower() != supplier.email.lower():
        addresses = {"vendor": repr(vendor.email), "supplier": repr(supplier.email)}
        yield LinkFinding("EMAIL_CHANGED", "addresses", addresses, blocks_orders=False)


def _problem(tracked: TrackedVendor, link: Link, found: LinkFinding) -> Problem:
    evidence = {"division": link.division, "supplier": link.supplier, "rule": link.rule}
    return problem(
        found.code, tracked.title, found.detail, division=link.division, **found.values,
        evidence=evidence,
    )  # fmt: skip


def _proposal(
    context: VendorContext, link: Link, tracked: TrackedVendor, found: LinkFinding
) -> SupplierProposal | None:
    candidates = context.proposed_suppliers(link.division, found.alternatives)
    if not candidates:
        return None
    rule = found.code.lower()
    evidence = (detail_text(found.code, found.detail, division=link.division, **found.values),)
    return SupplierProposal(link.division, link.vendor, tracked.title, candidates, rule, evidence)


def configured_link(division: ExactDivision, tracked: TrackedVendor, supplier: Supplier) -> Link:
    """Return the link that the connection file configures."""
    evidence = (f"the connection file names {supplier.code}",)
    return Link(division.division, tracked.vendor, supplier.id, CONFIGURED, evidence, CONFIGURED)
