"""The words of an approval as this connector knows them, whatever words a tenant uses."""

from enum import StrEnum


class State(StrEnum):
    """The states of an approval as this connector knows them."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    ARCHIVED = "archived"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What an approved request became: only a purchase order is posted."""

    PURCHASE_ORDER = "purchase_order"
    OTHER = "other"
