"""Decide all vendors of a division at once: the first time, and when the rules change."""

from collections import defaultdict
from collections.abc import Iterator

from ml_connector.doors.ledger import Conflict
from ml_connector.doors.links import Rejection
from ml_connector.faults import Fault
from ml_connector.ids import Division, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.matching import Matcher
from ml_connector.vendors.party import Decision, Party
from ml_connector.workflows.vendors.desk import VendorDesk, open_case
from ml_connector.workflows.vendors.look import look_safely
from ml_connector.workflows.vendors.matching import match_vendor
from ml_connector.workflows.vendors.parties import supplier_party


def decide_division(desk: VendorDesk, division: Division, after: str) -> Iterator[str]:
    """Decide about every vendor beyond the id `after`, in the order of ids; yield each when done.

    100,000 vendors by 100,000 suppliers take about half a minute and 600 MB before the first.
    """
    vendors = list(desk.vendors.all())
    data = desk.doors.data(desk.id, division)
    suppliers = [supplier_party(each) for each in data.every("supplier", Supplier)]
    if not desk.suppliers(division).is_indexed:
        desk.suppliers(division).keep(*suppliers)
        desk.suppliers(division).index(suppliers)
    rejections: defaultdict[VendorId, list[Rejection]] = defaultdict(list)
    for each in desk.doors.links.all_rejections(desk.id, division):
        rejections[each.vendor].append(each)
    linked = {link.vendor for link in desk.doors.links.all(desk.id, division)}
    seen = [desk.as_seen_from(division, each) for each in vendors]
    for at, decision in _decisions(seen, suppliers, after):
        vendor, id = vendors[at], VendorId(vendors[at].id)
        if id in linked or _is_special(desk, division, vendor, decision):
            look_safely(desk, vendor)
        elif decision.verdict != "none" or rejections[id]:
            _apply(desk, division, vendor, decision, rejections[id])
        yield vendor.id


def _decisions(
    vendors: list[Party], suppliers: list[Party], after: str
) -> Iterator[tuple[int, Decision]]:
    matcher = Matcher(vendors, suppliers)
    for at, step in enumerate(matcher.climb()):
        if vendors[at].id > after:
            yield at, matcher.decide(at, step)


def _is_special(desk: VendorDesk, division: Division, vendor: Party, decision: Decision) -> bool:
    """Tell whether more than the two lists decides: the connection file, or something to make."""
    known = desk.connection.division(division)
    if known and desk.configured(known, vendor):
        return True
    return desk.connection.vendors.create_suppliers and decision.verdict == "none"


def _apply(
    desk: VendorDesk,
    division: Division,
    vendor: Party,
    decision: Decision,
    rejections: list[Rejection],
) -> None:
    """Decide as one look at the vendor would; what the policy writes comes when all is decided."""
    case = open_case(desk.doors, desk.doors.ledger, desk.id, vendor)
    try:
        match_vendor(desk, case, division, vendor, decision, rejections)
    except (Conflict, Fault):
        look_safely(desk, vendor)
