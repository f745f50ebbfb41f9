"""Bills as Airbase's ledger entries show them: for reference, never posted.

Entries that are not bills of this vendor are skipped; its bills are read strictly.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from ml_connector.airbase.purchase_orders import LONGEST_ID, FieldReader
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import VendorId
from ml_connector.domain.money import Money
from ml_connector.settings.airbase_profile import AirbaseProfile


@dataclass(frozen=True)
class Bill:
    """One bill. `is_entered` (in Exact) is None where Airbase does not say."""

    id: str
    number: str
    date: date | None
    amount: Money
    status: str
    is_entered: bool | None


@dataclass
class VendorBills:
    """One vendor's bills by id, and the problems of those that cannot be read."""

    bills: dict[str, Bill] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def bills_of(vendor: VendorId, entries: Iterable[Any], profile: AirbaseProfile) -> VendorBills:
    """Return the vendor's bills among the ledger entries; a repeated one counts once."""
    found = VendorBills()
    for raw in entries:
        reader = FieldReader(raw, profile, "ledger entry")
        if _is_bill_of(vendor, reader):
            bill = _read(reader)
            if not reader.problems:
                found.bills[bill.id] = bill
        found.problems += reader.problems
    return found


def _is_bill_of(vendor: VendorId, reader: FieldReader) -> bool:
    fields = reader.profile.bill
    if reader.required_text(fields.type, "type") not in reader.profile.bill_words:
        return False
    return reader.text(fields.vendor, "vendor", LONGEST_ID) == vendor


def _read(reader: FieldReader) -> Bill:
    fields = reader.profile.bill
    number = reader.text(fields.number, "number", LONGEST_ID)
    reader.record = f"bill {number}".strip()
    currency = reader.currency(fields.currency)
    status = reader.text(fields.status, "status", LONGEST_ID)
    return Bill(
        id=reader.required_text(fields.id, "id"),
        number=number,
        date=reader.day(fields.date, "date"),
        amount=Money(reader.amount(fields.total, "amount", currency), currency),
        status=status,
        is_entered=_is_entered(reader, status),
    )


def _is_entered(reader: FieldReader, status: str) -> bool | None:
    reference = reader.text(reader.profile.bill.erp_reference, "ERP reference", LONGEST_ID)
    if reference or status in reader.profile.entered_words:
        return True
    return False if status in reader.profile.unentered_words else None
