"""The states and outcomes of an approval in the connector's own terms."""

from enum import StrEnum


class ApprovalState(StrEnum):
    """The state of an approval; a profile maps the tenant's own words to it."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    ARCHIVED = "archived"
    OPEN = "open"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class RequestOutcome(StrEnum):
    """What an approved request became: only a purchase order is posted."""

    PURCHASE_ORDER = "purchase_order"
    OTHER = "other"
