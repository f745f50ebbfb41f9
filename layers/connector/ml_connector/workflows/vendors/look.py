"""Look at one vendor: match it where it is not linked, watch and align it where it is.

Whatever it sways is looked at in turn, by messages that outlive this worker. What was seen is kept
last, so that an interrupted look starts over.
"""

from collections.abc import Iterable, Iterator

from ml_connector.connection import ExactDivision
from ml_connector.doors.ledger import Conflict
from ml_connector.doors.links import Link
from ml_connector.faults import Fault
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.vendors.neighbourhood import (
    suppliers_touched_by_vendor,
    vendors_alike,
    vendors_touched_by_supplier,
)
from ml_connector.vendors.party import Party
from ml_connector.workflows.messages import never_seen, vendor_message
from ml_connector.workflows.vendors.alignment import Pair, align
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.desk import VendorDesk, agreed_names, open_case
from ml_connector.workflows.vendors.matching import decide_alone, match_vendor
from ml_connector.workflows.vendors.parties import supplier_party
from ml_connector.workflows.vendors.supplier_creation import create_supplier
from ml_connector.workflows.vendors.waiting_orders import needs_supplier, release_orders
from ml_connector.workflows.vendors.watch import CONFIGURED, configured_link, watch_link


def look_at(desk: VendorDesk, vendor: Party) -> None:
    """Look at a vendor as Airbase has it now."""
    before = desk.vendors.get(vendor.id)
    desk.vendors.post(vendor)
    case = open_case(desk.doors, desk.doors.ledger, desk.id, vendor)
    rivals = _rivals(desk, case)
    try:
        for division in _readable(desk):
            _settle(desk, case, division, vendor)
        vendor = _align(desk, case, vendor)
        case.go_on()
    except Fault as fault:
        case.put_aside(fault)
    touched = rivals ^ _rivals(desk, case)
    if before != vendor:
        touched |= rivals | _reached(desk, vendor)
        touched |= _reached(desk, before) if before else set()
    tell(desk, touched - {vendor.id})
    release_orders(desk.doors, desk.id, case.vendor)
    desk.vendors.keep(vendor)


def look_at_gone(desk: VendorDesk, id: VendorId) -> None:
    """Look at a vendor that Airbase no longer has."""
    known = desk.vendors.get(id) or Party(id, "")
    case = open_case(desk.doors, desk.doors.ledger, desk.id, known)
    touched = _rivals(desk, case) | _reached(desk, known)
    desk.vendors.withdraw(id)
    for division in desk.connection.divisions:
        link = desk.doors.links.get(desk.id, division.division, id)
        if link:
            watch_link(desk, case, division, link, None)
        elif case.here(division.division):
            case.report(division.division, None, None)
    case.go_on()
    tell(desk, touched - {id})
    desk.vendors.remove(id)


def tell(desk: VendorDesk, vendors: Iterable[str]) -> None:
    """Let these be looked at as they were last read."""
    for id in sorted(vendors):
        message = vendor_message(desk.id, id, kept=True)
        desk.doors.queues.send(message, never_seen())


def touched_by_supplier(desk: VendorDesk, division: Division, supplier: Party) -> set[str]:
    """Return the vendors that a supplier, as it was or is, can matter to."""
    keys = vendors_touched_by_supplier(supplier) | vendors_alike(supplier)
    found = {each.id for each in desk.vendors.find(keys)}
    return found | set(desk.doors.links.vendors_of(desk.id, division, Guid(supplier.id)))


def look_safely(desk: VendorDesk, vendor: Party) -> None:
    """Look at one of many; one that another worker is changing is looked at again later."""
    try:
        look_at(desk, vendor)
    except Conflict:
        tell(desk, [vendor.id])


def _readable(desk: VendorDesk) -> Iterator[ExactDivision]:
    """Yield the divisions whose suppliers are known; the first reading settles the others."""
    if desk.vendors.is_indexed:
        for division in desk.connection.divisions:
            if desk.suppliers(division.division).is_indexed:
                yield division


def _settle(desk: VendorDesk, case: VendorCase, division: ExactDivision, vendor: Party) -> None:
    code = division.division
    link = desk.doors.links.get(desk.id, code, case.vendor)
    configured = desk.configured(division, vendor)
    if configured and supplier_party(configured).is_usable and _may_replace(link, configured.id):
        link = configured_link(division, case, configured)
        case.link(link, agreed_names(vendor, supplier_party(configured)), name=configured.name)
    if link:
        watch_link(desk, case, division, link, vendor)
        return
    decision = decide_alone(desk, code, vendor)
    rejections = desk.doors.links.rejections(desk.id, code, case.vendor)
    linked = match_vendor(desk, case, code, vendor, decision, rejections)
    is_missing = not linked and decision.verdict == "none" and vendor.is_usable
    if is_missing and _is_asked_for(desk, case, code):
        create_supplier(desk, case, division, vendor)


def _is_asked_for(desk: VendorDesk, case: VendorCase, division: Division) -> bool:
    """Tell whether a supplier may be made: people who are paid back are vendors without orders."""
    if not desk.connection.vendors.create_suppliers:
        return False
    is_begun = bool(case.here(division).get("intent"))
    return is_begun or division in needs_supplier(desk.doors, desk.id, case.vendor)


def _may_replace(link: Link | None, supplier: Guid) -> bool:
    """The connection file comes before an automatic link and before what it said earlier."""
    if link is None:
        return True
    return link.supplier != supplier and link.decided_by in {"", CONFIGURED}


def _align(desk: VendorDesk, case: VendorCase, vendor: Party) -> Party:
    """Write what the policy wants written, and take note of it."""
    pairs = list(_sound(desk, case))
    aligned = align(desk, case, vendor, pairs)
    for pair in _sound(desk, case):
        if aligned != vendor or pair not in pairs:
            division = desk.connection.division(pair.link.division)
            if division:
                watch_link(desk, case, division, pair.link, aligned)
    return aligned


def _sound(desk: VendorDesk, case: VendorCase) -> Iterator[Pair]:
    for division in _readable(desk):
        link = desk.doors.links.get(desk.id, division.division, case.vendor)
        supplier = desk.supplier(division.division, link.supplier) if link else None
        if link and supplier and not link.doubt:
            yield Pair(link, supplier)


def _rivals(desk: VendorDesk, case: VendorCase) -> set[str]:
    """Return the vendors that share a supplier with this one."""
    found: set[str] = set()
    for division in desk.connection.divisions:
        link = desk.doors.links.get(desk.id, division.division, case.vendor)
        if link:
            found.update(desk.doors.links.vendors_of(desk.id, link.division, link.supplier))
    return found


def _reached(desk: VendorDesk, vendor: Party) -> set[str]:
    """Return the unlinked vendors that may be meant by the suppliers that this one may mean."""
    found: set[str] = set()
    for division in _readable(desk):
        for supplier in desk.suppliers(division.division).find(suppliers_touched_by_vendor(vendor)):
            keys = vendors_touched_by_supplier(supplier)
            ids = {each.id for each in desk.vendors.find(keys)}
            found |= {
                each
                for each in ids
                if not desk.doors.links.get(desk.id, division.division, VendorId(each))
            }
    return found
