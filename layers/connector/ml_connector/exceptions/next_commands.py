"""The command that goes on from an exception, where its remedy names none."""

from collections.abc import Mapping
from typing import Any

from ml_connector.domain.words import command

_MAPPED = {
    "UNKNOWN_GL_ACCOUNT": "gl_accounts",
    "UNKNOWN_COST_CENTRE": "cost_centres",
    "UNKNOWN_COST_UNIT": "cost_units",
    "UNKNOWN_PROJECT": "projects",
    "UNKNOWN_VAT_CODE": "vat_codes",
    "VAT_CODE_NOT_FOR_PURCHASE": "vat_codes",
    "UNKNOWN_PAYMENT_CONDITION": "payment_conditions",
    "NO_CARRIER_ITEM": "items",
    "SEVERAL_CARRIER_ITEMS": "items",
    "MAPPED_ITEM_UNUSABLE": "items",
}
"""Codes that end with a mapping, and its kind."""
_OF_VENDORS = frozenset({"UNKNOWN_VENDOR", "VENDOR_LINK_IN_DOUBT", "SUPPLIER_GONE"})
_SET = {
    "PAYMENT_CONDITION_MISSING": "default_payment_condition",
    "UNIT_UNKNOWN": "item_unit",
}
"""Codes that end with a setting of the division."""
_ASKED_BY_CONNECT = frozenset({"AIRBASE_KEY_REFUSED", "AIRBASE_KEY_MISSING"})
_CONSENT = frozenset({"EXACT_SCOPE_MISSING"})


def next_command(row: Mapping[str, Any]) -> str | None:
    """Return what to type about a listed exception; None where nothing here helps."""
    id, code = row["connection"], row["code"]
    if code in _ASKED_BY_CONNECT:
        return command("connect", id)
    if "`connector " in row["remedy"]:
        return None
    if code in _CONSENT:
        return command("connection", "consent", id)
    kind, _, name = str(row["key"]).partition("#")
    if kind == "vendor":
        return command("vendors", "show", id, name)
    return _of_order(row, name) if kind == "order" else None


def _of_order(row: Mapping[str, Any], airbase_id: str) -> str:
    id, code, division = row["connection"], row["code"], row["division"]
    if code in _OF_VENDORS:
        return command("vendors", "list", id, "--waiting")
    if code in _MAPPED:
        where = ("--division", division) if division else ()
        return command("map", "show", id, "--unmapped", "--kind", _MAPPED[code], *where)
    if code in _SET and division:
        return command("connection", "set", id, f"{division}.{_SET[code]}=CODE")
    return command("retry", id, row["title"] or airbase_id)
