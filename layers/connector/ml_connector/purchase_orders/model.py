"""An approved purchase order in our own words, whatever words Airbase used."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ml_connector.ids import OrderId
from ml_connector.money import Money
from ml_connector.words import Outcome, State


@dataclass(frozen=True)
class Reference:
    """How Airbase points at something: its own id, the ERP code it knows, and a name."""

    id: str = ""
    code: str = ""
    name: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return what a mapping may be written for, most reliable first."""
        return tuple(key for key in (self.id, self.code, self.name) if key)

    def __str__(self) -> str:
        """Return what a person recognises it by."""
        return self.name or self.code or self.id or "nothing"


@dataclass(frozen=True)
class Tag:
    """One dimension value, of the order or of a line."""

    dimension: str
    value: Reference


@dataclass(frozen=True)
class OrderLine:
    """A purchase order line: an amount on a GL account, net as Airbase holds it."""

    number: int
    description: str
    gl_account: Reference
    amount: Decimal
    quantity: Decimal
    unit_price: Decimal
    vat_code: str
    receipt_date: date | None
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class Order:
    """An Airbase purchase order, read completely and without doubt."""

    id: OrderId
    number: str
    state: State
    outcome: Outcome
    revision: str
    subsidiary: Reference
    vendor: Reference
    total: Money
    description: str
    order_date: date
    receipt_date: date | None
    payment_condition: str
    tags: tuple[Tag, ...]
    lines: tuple[OrderLine, ...]

    @property
    def title(self) -> str:
        """Return what people call this order."""
        return self.number or self.id
