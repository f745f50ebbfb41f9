"""A purchase order as Exact holds it now."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.domain.ids import Guid

OPEN, PARTIAL, COMPLETE, CANCELLED = 10, 20, 30, 40
"""Exact's status numbers of an order, of its receipt and of its invoicing."""

STATUS_WORDS = {OPEN: "open", PARTIAL: "partial", COMPLETE: "complete", CANCELLED: "cancelled"}

UNTOUCHED = dict.fromkeys(("order", "receipt", "invoice"), "open")
"""The status of an order of which nothing was received or invoiced."""


@dataclass(frozen=True)
class ExactHeader:
    """An order as Exact answers its creation, or a search for it; a total may be left out."""

    id: Guid
    number: int | str | None
    amount: Decimal | None
    amount_without_vat: Decimal | None


@dataclass(frozen=True)
class ExactLine:
    """One line. `number` is Exact's own; codes are without padding, empty when absent."""

    id: Guid
    number: int
    item: Guid
    quantity: Decimal
    unit_price: Decimal
    vat_code: str = ""
    cost_centre: str = ""
    cost_unit: str = ""
    project: str = ""
    description: str = ""
    notes: str = ""
    receipt_date: date | None = None
    received: Decimal = Decimal(0)
    invoiced: Decimal = Decimal(0)


@dataclass(frozen=True)
class ExactOrder:
    """One order; `amount` and `amount_without_vat` are in its currency, None when not answered."""

    id: Guid
    number: str
    supplier: Guid
    currency: str
    amount: Decimal | None
    amount_without_vat: Decimal | None
    order_date: date | None = None
    receipt_date: date | None = None
    your_ref: str = ""
    description: str = ""
    remarks: str = ""
    payment_condition: str = ""
    warehouse: str = ""
    order_status: int = OPEN
    receipt_status: int = OPEN
    invoice_status: int = OPEN
    lines: tuple[ExactLine, ...] = ()
    unreadable: str = ""
    """What could not be read when it changed last; then the other fields may be outdated."""

    @property
    def is_cancelled(self) -> bool:
        """Return whether it was cancelled in Exact."""
        return self.order_status == CANCELLED

    @property
    def is_touched(self) -> bool:
        """Return whether anything was received or invoiced: then nothing may be overwritten."""
        moved = {self.receipt_status, self.invoice_status} - {OPEN}
        return bool(moved) or any(line.received or line.invoiced for line in self.lines)

    @property
    def status(self) -> dict[str, str]:
        """Return the three statuses in words, an unknown number as it is."""
        numbers = {
            "order": self.order_status,
            "receipt": self.receipt_status,
            "invoice": self.invoice_status,
        }
        return {what: STATUS_WORDS.get(number, str(number)) for what, number in numbers.items()}
