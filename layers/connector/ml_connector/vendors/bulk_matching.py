"""Decide about all vendors of a division at once: the first time, and when the rules change."""

from collections import defaultdict
from collections.abc import Iterator

from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import Division, VendorId
from ml_connector.domain.matching.matcher import Matcher
from ml_connector.domain.matching.party import MatchDecision, Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Conflict
from ml_connector.infrastructure.vendor_links import Rejection
from ml_connector.vendors.context import VendorContext, open_vendor
from ml_connector.vendors.link_checks import note_unconfirmed
from ml_connector.vendors.linking import apply_decision
from ml_connector.vendors.parties import supplier_party
from ml_connector.vendors.reconcile_vendor import queue_vendors, reconcile_or_requeue


def decide_division(context: VendorContext, division: Division, after: str) -> Iterator[str]:
    """Decide about every vendor after the id `after`, in the order of ids; yield each id when done.

    With 100,000 vendors and 100,000 suppliers the first takes about half a minute and 600 MB.
    """
    vendors = list(context.vendors.all())
    data = context.services.reference_store(division)
    suppliers = [supplier_party(each) for each in data.all("supplier", Supplier)]
    if not context.suppliers(division).is_indexed:
        context.suppliers(division).store(*suppliers)
    if not after:  # the keys of other rules may be missing
        context.suppliers(division).rebuild_index(suppliers)
        context.vendors.rebuild_index(vendors)
    rejections: defaultdict[VendorId, list[Rejection]] = defaultdict(list)
    for each in context.services.vendor_links.all_rejections(division):
        rejections[each.vendor].append(each)
    linked = {link.vendor for link in context.services.vendor_links.all(division)}
    compared = [context.without_foreign_reference(division, each) for each in vendors]
    for at, decision in _decisions(compared, suppliers, after):
        vendor, id = vendors[at], VendorId(vendors[at].id)
        if id in linked or _needs_reconciliation(context, division, vendor, decision):
            reconcile_or_requeue(context, vendor)
            _note_unconfirmed(context, division, vendor, decision)
        elif decision.outcome != "none" or rejections[id]:
            _apply(context, division, vendor, decision, rejections[id])
        yield vendor.id


def _decisions(
    vendors: list[Party], suppliers: list[Party], after: str
) -> Iterator[tuple[int, MatchDecision]]:
    matcher = Matcher(vendors, suppliers)
    for at, result in enumerate(matcher.apply()):
        if vendors[at].id > after:
            yield at, matcher.decide(at, result)


def _note_unconfirmed(
    context: VendorContext, division: Division, vendor: Party, decision: MatchDecision
) -> None:
    try:
        note_unconfirmed(context, division, vendor, decision)
    except Conflict:
        queue_vendors(context, [vendor.id])


def _needs_reconciliation(
    context: VendorContext, division: Division, vendor: Party, decision: MatchDecision
) -> bool:
    """Tell whether more than matching is needed: a configured link, or a supplier to create."""
    known = context.connection.division(division)
    if known and context.configured_supplier(known, vendor):
        return True
    return context.connection.vendors.create_suppliers and decision.outcome == "none"


def _apply(
    context: VendorContext,
    division: Division,
    vendor: Party,
    decision: MatchDecision,
    rejections: list[Rejection],
) -> None:
    """Apply the decision as reconciling the vendor would, without alignment."""
    tracked = open_vendor(context.services, context.services.ledger, vendor)
    try:
        apply_decision(context, tracked, division, vendor, decision, rejections)
    except (Conflict, Fault):
        reconcile_or_requeue(context, vendor)
