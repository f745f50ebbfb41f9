"""The reference data of a division that mapping an order needs, one record at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from ml_connector.domain.ids import Guid
from ml_connector.domain.orders.order import Reference


@dataclass(frozen=True)
class Supplier:
    """An Exact account, with the fields that orders and vendor matching need."""

    id: Guid
    code: str
    name: str
    is_supplier: bool = True
    is_blocked: bool = False
    start: date | None = None
    end: date | None = None
    vat_code: str = ""
    payment_condition: str = ""
    currency: str = ""
    email: str = ""
    vat_number: str = ""
    chamber_of_commerce: str = ""
    country: str = ""
    city: str = ""
    unreadable: str = ""
    """What could not be read of it in Exact when it changed last; see `rows.RowReader`."""

    def is_usable_on(self, day: date) -> bool:
        """Return whether an order of this day may use it."""
        return self.is_supplier and not self.is_blocked and is_active(self.start, self.end, day)


@dataclass(frozen=True)
class GLAccount:
    """An Exact GL account. `use_*`: 0 optional, 1 mandatory, 2 not used."""

    id: Guid
    code: str
    description: str
    is_blocked: bool = False
    use_cost_centre: int = 0
    use_cost_unit: int = 0
    vat_code: str = ""
    unreadable: str = ""
    """What could not be read of it in Exact when it changed last; see `rows.RowReader`."""


@dataclass(frozen=True)
class Item:
    """An Exact item; a carrier when it is a non-stock purchase item with a GL cost account."""

    id: Guid
    code: str
    description: str
    is_purchase: bool = True
    is_stock: bool = False
    gl_costs: Guid | None = None
    start: date | None = None
    end: date | None = None
    unit: str = ""
    unreadable: str = ""
    """What could not be read of it in Exact when it changed last; see `rows.RowReader`."""

    def is_carrier_on(self, day: date) -> bool:
        """Return whether a line of this day may use the item to reach its GL account."""
        return self.is_purchase and not self.is_stock and is_active(self.start, self.end, day)


@dataclass(frozen=True)
class Code:
    """A cost centre, cost unit, project, VAT code or payment condition."""

    code: str
    description: str = ""
    id: Guid | None = None
    is_blocked: bool = False
    end: date | None = None
    percentage_is_included: bool = False
    is_for_purchase: bool = True
    unreadable: str = ""
    """What could not be read of it in Exact when it changed last; see `rows.RowReader`."""


CodeKind = Literal["cost_centre", "cost_unit", "project", "vat_code", "payment_condition"]


class DivisionData(Protocol):
    """One division's reference data. Every answer is local: Exact is not called."""

    def mapped(self, kind: str, keys: Sequence[str]) -> str | None:
        """Return what the first of an Airbase value's keys that is mapped stands for.

        Only asked for mappings that are not in the connection's settings themselves.
        """
        ...

    def linked_supplier(self, vendor: Reference) -> str | None:
        """Return the GUID or code of the supplier that the vendor is linked to."""
        ...

    def doubt(self, vendor: Reference, supplier: Guid) -> str:
        """Return the exception code that makes the vendor's link doubtful, empty if none."""
        ...

    def supplier(self, id_or_code: str) -> Supplier | None:
        """Return the supplier with this GUID or account code."""
        ...

    def suppliers_like(self, name: str) -> Sequence[Supplier]:
        """Return suppliers with a similar name, best first."""
        ...

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        """Return the GL account with this GUID or code."""
        ...

    def item(self, id: Guid) -> Item | None:
        """Return the item with this GUID."""
        ...

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """Return the items whose cost account is this one."""
        ...

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """Return the cost centre, VAT code and so on with this code."""
        ...

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """Return whether the division has a supplier item for this item and supplier."""
        ...


def is_active(start: date | None, end: date | None, day: date) -> bool:
    """Return whether `day` lies within the validity (both ends included)."""
    return (start is None or start <= day) and (end is None or day <= end)
