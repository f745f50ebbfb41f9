"""Find the orders that wait for a vendor's link, and queue them again."""

from collections.abc import Iterator
from datetime import UTC, datetime

from ml_connector.domain.ids import Division, VendorId
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.ledger import Ledger, OrderRecord
from ml_connector.services import Services
from ml_connector.sweep.due_records import queue_at_once

_FAR_FUTURE = datetime(9999, 1, 1, tzinfo=UTC)
_ORDERS = "order#"
_LINK_CODES = {"UNKNOWN_VENDOR", "VENDOR_LINK_IN_DOUBT", "SUPPLIER_GONE"}


def divisions_needing_supplier(ledger: Ledger, vendor: VendorId) -> set[Division]:
    """Return the divisions in which an order waits because the vendor has no supplier there."""
    waiting = waiting_for_link(ledger)
    return {division for _, owner, division in waiting if owner == vendor}


def release_orders(services: Services, vendor: VendorId | None = None) -> None:
    """Queue the orders of the vendor, or of all vendors, whose link is no longer in doubt."""
    released = []
    for record, owner, division in waiting_for_link(services.ledger):
        if vendor in {None, owner}:
            link = services.vendor_links.get(division, owner)
            if link and not link.doubt:
                released.append(record)
    queue_at_once(services, released)


def waiting_orders(ledger: Ledger) -> Iterator[OrderRecord]:
    """Yield the orders that are not posted yet, for any reason, the longest due first."""
    for record in ledger.due(_FAR_FUTURE):
        if record.key.startswith(_ORDERS) and record.state != OrderState.POSTED:
            yield record


def waiting_for_link(ledger: Ledger) -> Iterator[tuple[OrderRecord, VendorId, Division]]:
    """Yield the orders that wait for their vendor's link, with the vendor and the division.

    This includes posted orders whose vendor was changed.
    """
    for record in ledger.due(_FAR_FUTURE):
        facts = record.facts
        codes = {found.code for found in record.problems}
        if not isinstance(facts, OrderFacts) or not codes & _LINK_CODES:
            continue
        if facts.vendor_id and facts.division:
            yield record, VendorId(facts.vendor_id), facts.division
