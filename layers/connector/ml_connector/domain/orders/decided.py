"""What people have decided about single orders: which Exact code an Airbase value stands for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ml_connector.domain.records import OrderFacts

# A list groups exceptions by this module's kinds, and reads no order.
if TYPE_CHECKING:
    from ml_connector.domain.orders.order import Order

Decided = Mapping[tuple[str, str], str]
"""The Exact code by kind of mapping and Airbase value."""

ASKED: Mapping[str, str] = {
    "UNKNOWN_VENDOR": "suppliers",
    "SUPPLIER_GONE": "suppliers",
    "SUPPLIER_BLOCKED": "suppliers",
    "SUPPLIER_ENDED": "suppliers",
    "NOT_A_SUPPLIER": "suppliers",
    "UNKNOWN_GL_ACCOUNT": "gl_accounts",
    "GL_ACCOUNT_BLOCKED": "gl_accounts",
    "NO_CARRIER_ITEM": "items",
    "SEVERAL_CARRIER_ITEMS": "items",
    "MAPPED_ITEM_UNUSABLE": "items",
    "COST_CENTRE_MISSING": "cost_centres",
    "UNKNOWN_COST_CENTRE": "cost_centres",
    "COST_CENTRE_BLOCKED": "cost_centres",
    "COST_UNIT_MISSING": "cost_units",
    "UNKNOWN_COST_UNIT": "cost_units",
    "COST_UNIT_BLOCKED": "cost_units",
    "UNKNOWN_PROJECT": "projects",
    "PROJECT_BLOCKED": "projects",
    "UNKNOWN_VAT_CODE": "vat_codes",
    "VAT_CODE_BLOCKED": "vat_codes",
    "UNKNOWN_PAYMENT_CONDITION": "payment_conditions",
    "PAYMENT_CONDITION_BLOCKED": "payment_conditions",
}
"""By code of an exception: of which kind of mapping is what a person can say."""

ONLY_ORDERS = frozenset({"COST_CENTRE_MISSING", "COST_UNIT_MISSING"})
"""Airbase names nothing there that could be mapped: decided for orders, never for all such."""


def decided(facts: OrderFacts, order: "Order") -> Decided:
    """Return what was decided about the order as Airbase has it now."""
    return {
        (each.kind, each.airbase): each.exact
        for each in facts.decisions
        if each.approved == order.fingerprint
    }


def demanded_by(account: str) -> str:
    """Return what stands for a value that an account demands and no tag names."""
    return f"GL account {account}"
