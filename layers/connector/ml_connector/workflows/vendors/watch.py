"""Look after a link: what has happened to either side that makes it doubtful.

What is found is an exception with the link that is proposed instead; the vendor's orders wait until
it is settled, by a person or by a later change that makes it moot.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from ml_connector.codes import problem
from ml_connector.connection import ExactDivision, VendorPolicy
from ml_connector.doors.links import Link, Proposal
from ml_connector.faults import Problem
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.names import read_name
from ml_connector.vendors.neighbourhood import decide
from ml_connector.vendors.party import Candidate, Decision, Party
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.desk import VendorDesk, agreed_names
from ml_connector.workflows.vendors.matching import still_rejected
from ml_connector.workflows.vendors.parties import supplier_party

CONFIGURED = "connection_file"
"""The rule, and the decider, of a link that the connection file names."""


@dataclass(frozen=True)
class Finding:
    """What is wrong with a link; `waits`: its orders must not be posted meanwhile.

    `instead` are suppliers that are proposed, best first.
    """

    code: str
    detail: str
    instead: tuple[Candidate, ...] = ()
    waits: bool = True


def watch_link(
    desk: VendorDesk, case: VendorCase, division: ExactDivision, link: Link, vendor: Party | None
) -> bool:
    """Open or close what there is to say about a link; return whether its orders may go on again.

    `vendor` is None when it is gone from Airbase.
    """
    code = division.division
    supplier = desk.supplier(code, link.supplier)
    found = next(_findings(desk, case, division, link, vendor, supplier), None)
    if found is None and vendor and supplier:
        return case.settle(link, agreed_names(vendor, supplier_party(supplier)))
    if found is None:
        return False
    case.doubt(
        link, _problem(case, link, found), _proposal(desk, link, case, found), waits=found.waits
    )
    return False


def same_name(one: str, other: str) -> bool:
    """Tell whether two names are one but for case, accents, punctuation and spelt-out forms."""
    if one == other:
        return True
    a, b = read_name(one), read_name(other)
    alike = a.legal_form == b.legal_form and a.marks == b.marks
    return alike and bool(set(a.keys) & set(b.keys))


def _findings(
    desk: VendorDesk,
    case: VendorCase,
    division: ExactDivision,
    link: Link,
    vendor: Party | None,
    supplier: Supplier | None,
) -> Iterator[Finding]:
    policy = desk.connection.vendors
    if vendor is None:
        yield Finding("VENDOR_GONE", "It is not in Airbase's list.")
        return
    if supplier is None or not (
        supplier_party(supplier).is_usable or _is_aligned(policy, vendor, supplier)
    ):
        yield Finding("LINK_BROKEN", _broken(supplier), _others(desk, link, vendor))
        return
    if not vendor.is_usable and policy.active == "review":
        yield Finding("VENDOR_INACTIVE", "Its supplier can still be used.")
    yield from _shared(desk, link)
    yield from _disputed(desk, division, link, vendor)
    agreed = case.here(link.division).get("agreed") or agreed_names(
        vendor, supplier_party(supplier)
    )
    yield from _changed(desk, link, vendor, supplier, agreed)


def _is_aligned(policy: VendorPolicy, vendor: Party, supplier: Supplier) -> bool:
    """Tell whether the policy closes or opens one side after the other, so that nothing is odd."""
    if policy.active == "airbase_leads":
        return supplier.is_supplier and (supplier.is_blocked or not vendor.is_usable)
    return policy.active == "exact_leads" and supplier.is_supplier


def _broken(supplier: Supplier | None) -> str:
    if supplier is None:
        return "It is gone."
    name = f"{supplier.code} {supplier.name}"
    if not supplier.is_supplier:
        return f"{name} is no supplier."
    return f"{name} is blocked." if supplier.is_blocked else f"{name} has ended, or not begun."


def _others(desk: VendorDesk, link: Link, vendor: Party) -> tuple[Candidate, ...]:
    """Return whom to link instead: first who took over the account's code or numbers."""
    suppliers = desk.suppliers(link.division)
    before = suppliers.get(link.supplier)
    rejections = desk.doors.links.rejections(desk.id, link.division, link.vendor)
    rejected = still_rejected(desk, link.division, vendor, rejections)
    heirs = decide(_heir_of(before), lambda _: [], suppliers.find) if before else None
    found: dict[str, Candidate] = {}
    for decision in (heirs, decide(vendor, desk.vendors.find, suppliers.find)):
        for each in _candidates(decision):
            if each.id != link.supplier and each.id not in rejected:
                found.setdefault(each.id, each)
    return tuple(found.values())[:3]


def _heir_of(supplier: Party) -> Party:
    """Return a lost supplier as if it were a vendor, to find who has its code, numbers or name."""
    return replace(supplier, code="", external_id=supplier.code, is_usable=True)


def _candidates(decision: Decision | None) -> tuple[Candidate, ...]:
    if decision is None:
        return ()
    if decision.verdict == "link":
        return (Candidate(decision.supplier_id, decision.score),)
    return decision.candidates


def _shared(desk: VendorDesk, link: Link) -> Iterator[Finding]:
    holders = desk.doors.links.vendors_of(desk.id, link.division, link.supplier)
    others = [each for each in holders if each != link.vendor]
    living = [party for each in others if (party := desk.vendors.get(each)) and party.is_usable]
    if living:
        names = ", ".join(f"{each.name} ({each.id})" for each in living)
        yield Finding("SUPPLIER_SHARED", f"Also {names}.", (Candidate(link.supplier, 1.0),))


def _disputed(
    desk: VendorDesk, division: ExactDivision, link: Link, vendor: Party
) -> Iterator[Finding]:
    """A person's link and the file's may differ; an automatic one must fit Airbase's reference."""
    configured = desk.configured(division, vendor)
    if configured and configured.id != link.supplier:
        where = f"The connection file names {configured.code} {configured.name}."
        yield Finding("LINK_DISPUTED", where, (Candidate(configured.id, 1.0),))
    told = vendor.external_id.strip("{}").lower()
    if link.decided_by or not told:
        return
    named = desk.doors.books(desk.connection, link.division).supplier(told)
    if named and named.id != link.supplier and (told == named.id or link.rule == "account_code"):
        where = f"Airbase's reference names {named.code} {named.name}."
        yield Finding("LINK_DISPUTED", where, (Candidate(named.id, 1.0),))


def _changed(
    desk: VendorDesk, link: Link, vendor: Party, supplier: Supplier, agreed: dict[str, str]
) -> Iterator[Finding]:
    policy = desk.connection.vendors
    now = agreed_names(vendor, supplier_party(supplier))
    changed = {name for name, value in now.items() if agreed.get(name, value) != value}
    is_renamed = policy.name == "review" and changed & {"vendor", "supplier"}
    if is_renamed and not same_name(vendor.name, supplier.name):
        before = f"They were {agreed['vendor']!r} and {agreed['supplier']!r}"
        detail = f"{before}, now {vendor.name!r} and {supplier.name!r}."
        others = _others(desk, link, vendor)
        yield Finding("NAME_CHANGED", detail, (Candidate(link.supplier, 1.0), *others)[:3])
    has_moved = policy.email == "review" and changed & {"vendor_email", "supplier_email"}
    if has_moved and vendor.email.lower() != supplier.email.lower():
        detail = f"Now {vendor.email!r} and {supplier.email!r}."
        yield Finding("EMAIL_CHANGED", detail, waits=False)


def _problem(case: VendorCase, link: Link, found: Finding) -> Problem:
    evidence = {"division": link.division, "supplier": link.supplier, "rule": link.rule}
    detail = f"Division {link.division}: {found.detail}"
    return problem(found.code, case.title, detail, evidence=evidence)


def _proposal(desk: VendorDesk, link: Link, case: VendorCase, found: Finding) -> Proposal | None:
    candidates = desk.proposed(link.division, found.instead)
    if not candidates:
        return None
    rule = found.code.lower()
    evidence = (found.detail,)
    return Proposal(link.division, link.vendor, case.title, candidates, rule, evidence)


def configured_link(division: ExactDivision, case: VendorCase, supplier: Supplier) -> Link:
    """Return the link that the connection file asks for."""
    evidence = (f"the connection file names {supplier.code}",)
    return Link(division.division, case.vendor, supplier.id, CONFIGURED, evidence, CONFIGURED)
