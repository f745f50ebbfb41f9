"""A purchase order of Airbase in the connector's own terms."""

from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cached_property

from ml_connector.domain.faults import ReadPart
from ml_connector.domain.ids import OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.states import ApprovalState, RequestOutcome

_WANTED = {ApprovalState.APPROVED, ApprovalState.OPEN}
_SPENT = {ApprovalState.OPEN, ApprovalState.CLOSED}


@dataclass(frozen=True)
class Reference:
    """Airbase's reference to something: its own id, the ERP code it stores, and a name."""

    id: str = ""
    code: str = ""
    name: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the keys of a mapping that may apply, most reliable first."""
        return tuple(key for key in (self.id, self.code, self.name) if key)

    def __str__(self) -> str:
        """Return the text by which a person recognises it."""
        return self.name or self.code or self.id or "nothing"


@dataclass(frozen=True)
class Tag:
    """One dimension value, of the order or of a line."""

    dimension: str
    value: Reference


@dataclass(frozen=True)
class OrderLine:
    """A purchase order line: an amount on a GL account, as Airbase holds it."""

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
    """An Airbase purchase order, read in full and without problems."""

    id: OrderId
    number: str
    state: ApprovalState
    outcome: RequestOutcome
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

    @property
    def is_wanted(self) -> bool:
        """Return whether this is an approved purchase order, which should be in Exact."""
        return self.state in _WANTED and self.outcome is RequestOutcome.PURCHASE_ORDER

    @cached_property
    def fingerprint(self) -> str:
        """Return the digest of everything that Airbase approved in this order.

        An approved order does not change when it is opened for spending or closed afterwards.
        """
        state = ApprovalState.APPROVED if self.state in _SPENT else self.state
        return digest(asdict(replace(self, state=state)))

    @property
    def read_part(self) -> ReadPart:
        """Return what lists show of this order if it is refused."""
        return read_part(self.title, self.vendor, str(self.total))


def read_part(title: str, vendor: Reference, total: str) -> ReadPart:
    """Return what lists show of an order of which this could be read; empty text: not read."""
    name = str(vendor) if vendor.keys else ""
    return ReadPart(title, name, vendor.id, vendor.name, vendor.code, total)
