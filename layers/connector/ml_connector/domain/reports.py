"""What the worker reads for pages of the console, which cannot reach the systems themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from ml_connector.domain.mapped_values import MappingRow


class Side(Struct, frozen=True):
    """A vendor in Airbase, or a supplier in Exact; a text is empty where its system has none."""

    id: str
    code: str = ""
    name: str = ""
    email: str = ""
    vat_number: str = ""
    chamber_of_commerce: str = ""
    country: str = ""
    city: str = ""
    is_usable: bool = True


class RankedSupplier(Struct, frozen=True):
    """A proposed supplier, and how similar it is, 0 to 1."""

    supplier: Side
    score: float


class VendorCase(Struct, frozen=True):
    """A vendor to decide about in a division; `orders` (titles) and `held_up` (totals) wait for it.

    `order_keys` are those of the records, in the same order. `same_as`: the id of the first vendor
    that is the same one, its own if it stands in Airbase once; empty: an earlier release wrote it.
    """

    division: str
    vendor: Side
    rule: str
    evidence: tuple[str, ...]
    candidates: tuple[RankedSupplier, ...]
    linked_to: Side | None
    doubt: str
    orders: tuple[str, ...]
    held_up: tuple[str, ...]
    order_keys: tuple[str, ...] = ()
    same_as: str = ""


class VendorChoice(Struct, frozen=True):
    """A vendor that a person has ticked, and the divisions in which it is decided about."""

    vendor: str
    divisions: tuple[str, ...]

    def as_text(self) -> str:
        """Return it as forms and requests carry it."""
        return f"{','.join(self.divisions)} {self.vendor}"


def vendor_choice(text: str) -> VendorChoice:
    """Return the choice that a form or a request carries."""
    divisions, _, vendor = text.partition(" ")
    return VendorChoice(vendor.strip(), tuple(filter(None, divisions.split(","))))


class VendorsReport(Struct, frozen=True):
    """The vendors to decide about, those that orders wait for first; `left`: how many more."""

    at: datetime
    cases: tuple[VendorCase, ...]
    left: int = 0


class MappingsReport(Struct, frozen=True):
    """The values that are mapped or used, unmapped ones first; `not_read`: divisions without."""

    at: datetime
    rows: tuple[MappingRow, ...]
    orders: int
    not_read: tuple[str, ...]


class Obligation(Struct, frozen=True):
    """What a division's orders in one currency still oblige to; amounts without currency.

    `ordered` is not invoiced, `received` is of that what has been received.
    """

    division: str
    currency: str
    orders: int
    ordered: str
    received: str


class MonthReport(Struct, frozen=True):
    """A reconciled month, as `reconcile.ReconciledMonth.as_dict`; and as a table for spreadsheets.

    `obligations` are those of the moment when it was made.
    """

    at: datetime
    report: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    obligations: tuple[Obligation, ...] = ()


class CallsLeft(Struct, frozen=True):
    """How many calls a division has left, this minute and today."""

    division: str
    minute: int
    day: int


class SiteFigures(Struct, frozen=True):
    """Of one Exact site: how long its consent lasts, and what of the contract's day is used.

    `consent_days`: None when there is no consent.
    """

    site: str
    consent_days: float | None
    contract: str
    used: int
    share: int


class PingReport(Struct, frozen=True):
    """The checks of both systems, each as `checks.Check.as_dict`, and what is left of limits."""

    at: datetime
    checks: tuple[Mapping[str, Any], ...]
    calls: tuple[CallsLeft, ...] = ()
    sites: tuple[SiteFigures, ...] = ()


class ApprovedLine(Struct, frozen=True):
    """A line as Airbase approved it; amounts without currency."""

    description: str
    account: str
    quantity: str
    unit_price: str
    amount: str
    vat_code: str
    cost_centre: str


class OrderReport(Struct, frozen=True):
    """An order as Airbase has it: the total with its currency, days as ISO."""

    at: datetime
    title: str
    vendor: str
    total: str
    description: str
    order_date: str
    payment_condition: str
    lines: tuple[ApprovedLine, ...]


class KnownBill(Struct, frozen=True):
    """A bill of Airbase: the amount with its currency, the day as ISO or empty.

    `entered` (in Exact): yes, no or unknown.
    """

    number: str
    date: str
    amount: str
    status: str
    entered: str


class BillsReport(Struct, frozen=True):
    """The bills of an order's vendor, the latest first; for reference.

    `left`: how many older ones there are; `unreadable`: how many entries could not be read.
    """

    at: datetime
    bills: tuple[KnownBill, ...]
    left: int = 0
    unreadable: int = 0


class DeedOutcome(Struct, frozen=True):
    """What came of a request: done, or why not; `values` are filled into the page's words."""

    is_done: bool
    request: str
    values: Mapping[str, Any]
