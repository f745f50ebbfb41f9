"""Values that the connector has filled into a cause or a remedy, as their readers write them.

Records keep these texts in English: amounts as `EUR 100.01`, days in ISO form, Exact's field names.
What is not known to be such a value (a name, a code, an answer of a remote) stays as it is.
"""

import re
from collections.abc import Mapping
from decimal import Decimal

from ml_connector.domain.exception_codes.changes import NOTHING
from ml_connector.domain.exception_codes.difference_words import (
    A_LINE,
    CLAUSE,
    LINE_TEXT,
    PRICES,
    QUANTITIES,
)
from ml_connector.languages.field_words import COMPARED, READ
from ml_connector.languages.figures import amount, day, moment, moment_in, price
from ml_connector.languages.texts import Texts

_AMOUNT = re.compile(r"[A-Z]{3} -?\d+(?:\.\d+)?")
_DECIMAL = re.compile(r"-?\d{1,18}\.\d{1,12}")
_WHOLE = re.compile(r"\d{4,18}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")
_MOMENT_IN_UTC = re.compile(r"(\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2})(:\d{2}(\.\d+)?)?( UTC|Z|\+00:00)")
_COUNTED = frozenset({
    "count", "times", "stored", "found", "minute", "day", "calls", "share", "length", "longest",
    "most", "remaining",
})  # fmt: skip
"""Fields in which a whole number is a number, and no code."""
_NAMED = frozenset({"account", "code", "item", "name", "other", "supplier", "vendor"})
"""Fields that hold a name or a code, whatever it looks like: a vendor may be called `TOP 1000`."""
_FIELDS: Mapping[str, str] = {
    "Supplier": "supplier", "Currency": "currency", "OrderDate": "order_date",
    "ReceiptDate": "receipt_date", "YourRef": "reference", "Description": "description",
    "PaymentCondition": "payment_condition", "Warehouse": "warehouse", "Item": "item",
    "QuantityInPurchaseUnits": "quantity", "UnitPrice": "unit_price", "VATCode": "vat_code",
    "CostCenter": "cost_centre", "CostUnit": "cost_unit", "Project": "project", "Notes": "notes",
    "AmountFC": "amount", "line": "line",
}  # fmt: skip
"""How Exact calls what `COMPARED` has words for."""


def in_readers_form(texts: Texts, name: str, value: str) -> str:
    """Return the value of the field `name` of a template."""
    if name == "differences":
        return _differences(texts, value)
    if name == "what":
        return texts.say(READ[value]) if value in READ else value
    if name in _NAMED:
        return value
    if name in _COUNTED and _WHOLE.fullmatch(value):
        return texts.locale.number(int(value))
    return plain_value(texts, value)


def plain_value(texts: Texts, value: str) -> str:
    """Return an amount, a number with decimals, a day or a moment as its readers write it."""
    locale = texts.locale
    if _AMOUNT.fullmatch(value):
        return amount(value, locale)
    if _DECIMAL.fullmatch(value):
        return locale.number(Decimal(value))
    try:
        if _DAY.fullmatch(value):
            return day(value, locale)
        if _MOMENT.fullmatch(value):
            return moment(value, locale)
        if found := _MOMENT_IN_UTC.fullmatch(value):
            return moment_in(texts, found[1])
    except ValueError:  # a remote's text that only looks like a day
        return value
    return value


def _differences(texts: Texts, value: str) -> str:
    """Return what differs, clause by clause; as it is when a text in it reads like a clause."""
    found = [CLAUSE.fullmatch(each) for each in value.split("; ")]
    if not all(found):
        return value
    return "; ".join(_difference(texts, each) for each in found if each)


def _difference(texts: Texts, found: re.Match[str]) -> str:
    field = found["field"]
    name = COMPARED.get(_FIELDS.get(field, ""))
    values = {
        "field": texts.say(name) if name else field,
        "expected": _side(texts, field, found["expected"]),
        "found": _side(texts, field, found["found"]),
    }
    if found["number"]:
        return texts.say(
            "line %(number)s, %(field)s: %(expected)s, in Exact %(found)s",
            number=found["number"],
            **values,
        )
    return texts.say("%(field)s: %(expected)s, in Exact %(found)s", **values)


def _side(texts: Texts, field: str, value: str) -> str:
    if value == NOTHING:
        return texts.say("nothing")
    if field in PRICES or field in QUANTITIES:
        return price(value, texts.locale, decimals=2 if field in PRICES else 0)
    if line := LINE_TEXT.fullmatch(value) if field == A_LINE else None:
        quantity = price(line["quantity"], texts.locale, 0)
        return f"{line['text']}: {quantity} x {price(line['price'], texts.locale, 2)}"
    return plain_value(texts, value)
