"""A vendor's bills in Airbase, for reference: nothing is posted or written."""

from typing import Any

from ml_connector.airbase.bills import Bill, bills_of
from ml_connector.domain.ids import VendorId
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.user_errors import UserError

_ENTERED = {True: "yes", False: "no", None: "unknown"}


def list_bills(
    services: Services, order: str | None = None, vendor: str | None = None
) -> dict[str, Any]:
    """Return the bills of an order's vendor, or of the vendor with this Airbase id, oldest first.

    `entered` (in Exact) is "yes", "no" or "unknown"; `unreadable` lists the entries that cannot
    be read. Raises `UserError` when the order's vendor is not known.
    """
    vendor_id = VendorId(vendor or _vendor_of(services.ledger, order or ""))
    airbase, profile = services.airbase(), services.connection.profile
    entries = (row for status in profile.bill_statuses for row in airbase.ledger_entries(status))
    found = bills_of(vendor_id, entries, profile)
    return {
        "connection": services.id,
        "vendor": vendor_id,
        "bills": [_bill(bill) for bill in sorted(found.bills.values(), key=_age)],
        "unreadable": [
            {"code": each.code, "record": each.record, "cause": each.cause}
            for each in found.problems
        ],
    }


def _vendor_of(ledger: Ledger, order: str) -> str:
    record = records.find_order(ledger, order)
    vendor = record.facts.vendor_id
    if not vendor:
        name = records.title(record)
        raise UserError(f"the vendor of order {name!r} is not known yet; pass --vendor ID")
    return str(vendor)


def _age(bill: Bill) -> tuple[str, str]:
    return str(bill.date or ""), bill.number


def _bill(bill: Bill) -> dict[str, Any]:
    return {
        "id": bill.id,
        "number": bill.number,
        "date": bill.date.isoformat() if bill.date else None,
        "amount": f"{bill.amount.amount:f}",
        "currency": bill.amount.currency,
        "status": bill.status,
        "entered": _ENTERED[bill.is_entered],
    }
