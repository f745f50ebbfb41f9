"""A vendor's bills in Airbase, for reference: nothing is posted and nothing is written."""

from typing import Any

from connector_cli.actions import records
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.airbase.bills import Bill, bills_of
from ml_connector.ids import VendorId

_ENTERED = {True: "yes", False: "no", None: "unknown"}


def list_bills(
    stack: Stack, id: str, order: str | None = None, vendor: str | None = None
) -> dict[str, Any]:
    """Return the bills of an order's vendor, or of the vendor with this Airbase id, oldest first.

    `entered` (in Exact) is "yes", "no" or "unknown"; `unreadable` says what is wrong with entries
    that cannot be read. Raises `Complaint` when the order's vendor is not known.
    """
    connection = stack.connection(id)
    wanted = VendorId(vendor or _vendor_of(stack, id, order or ""))
    airbase, profile = stack.doors.airbase(connection), connection.profile
    entries = (row for status in profile.bill_statuses for row in airbase.ledger_entries(status))
    found = bills_of(wanted, entries, profile)
    return {
        "connection": connection.id,
        "vendor": wanted,
        "bills": [_bill(bill) for bill in sorted(found.bills.values(), key=_age)],
        "unreadable": [
            {"code": each.code, "record": each.record, "cause": each.cause}
            for each in found.problems
        ],
    }


def _vendor_of(stack: Stack, id: str, order: str) -> str:
    record = records.find_order(stack, stack.connection(id).id, order)
    vendor = record.facts.get("vendor_id")
    if not vendor:
        name = records.title(record)
        raise Complaint(f"the vendor of order {name!r} is not known yet: say --vendor ID")
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
