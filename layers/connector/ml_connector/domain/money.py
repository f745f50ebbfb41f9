"""Money amounts: exact decimals with a currency, never floats."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from typing import Any

# ISO 4217 currencies whose minor unit is not a hundredth.
_MINOR_DIGITS = dict.fromkeys(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ],
    0,
) | dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3)

# Exact stores doubles: 15 significant digits are kept unchanged. An amount needs them down to its
# currency's last decimal: above, a total comes back as 99999999999999.02.
_SAFE_DIGITS = 15

# `Decimal` itself also takes underscores, digits of other scripts and endless exponents.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,4})?", re.ASCII | re.IGNORECASE)
_LONGEST = 60
_SHOWN = 40

# Wide enough for the product of any two numbers that `parse_number` lets through.
_WIDE = Context(prec=64, rounding=ROUND_HALF_UP)


class MoneyForm(StrEnum):
    """How a system writes an amount in JSON."""

    DECIMAL = "decimal"
    """Text or number in units: "1234.50"."""
    MINOR_UNITS = "minor_units"
    """Whole number of the currency's smallest unit: 123450."""


@dataclass(frozen=True)
class Money:
    """An amount in units of `currency` (ISO 4217 code)."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        """Return for example `EUR 1234.50`."""
        return f"{self.currency} {self.amount:f}"


_AMOUNT = re.compile(r"([A-Z]{3}) (-?\d+(?:\.\d+)?)", re.ASCII)


def figure(number: Decimal, currency: str) -> str:
    """Return a number as people read it, with the decimals of its currency at least: `1,290.00`."""
    exponent = number.normalize(_WIDE).as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    return f"{number:,.{max(digits, minor_digits(currency))}f}"


def readable(amount: Money | str | None) -> str:
    """Return an amount as people read it: `EUR 1,290.00`; its text is taken as well.

    A text that is no amount stays as it is, and no amount is an empty text.
    """
    if isinstance(amount, str):
        found = _AMOUNT.fullmatch(amount)
        if not found:
            return amount
        amount = Money(Decimal(found[2]), found[1])
    return f"{amount.currency} {figure(amount.amount, amount.currency)}" if amount else ""


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency has: 2 for EUR, 0 for JPY."""
    return _MINOR_DIGITS.get(currency, 2)


class AmountError(ValueError):
    """A value that is not an amount; `reason` names the detail of BAD_AMOUNT."""

    def __init__(self, reason: str, value: Any) -> None:
        """Take the reason, and the value that was read."""
        super().__init__(f"{_shown(value)}: {reason.replace('_', ' ')}")
        self.reason = reason


def parse_amount(value: Any, currency: str, form: MoneyForm = MoneyForm.DECIMAL) -> Decimal:
    """Return the amount in units.

    Raises `AmountError` when it is not a finite number, has more
    decimals than the currency (except unit prices: see `parse_number`) or is too large.
    """
    number = parse_number(value)
    if form is MoneyForm.MINOR_UNITS:
        if number != number.to_integral_value():
            raise AmountError("not_minor_units", value)
        number = number.scaleb(-minor_digits(currency))
    if number != round_to_cents(number, currency):
        raise AmountError("too_many_decimals", value)
    if abs(number) > largest_amount(currency):
        raise AmountError("too_large", value)
    return round_to_cents(number, currency)


def largest_amount(currency: str) -> Decimal:
    """Return the largest amount that Exact keeps exactly: 9999999999999.99 for EUR."""
    return Decimal(10**_SAFE_DIGITS - 1).scaleb(-minor_digits(currency))


def parse_number(value: Any) -> Decimal:
    """Return a finite decimal of at most 15 significant digits.

    Raises `AmountError` otherwise; booleans and floats are refused
    (JSON is read with `parse_float=Decimal`, so a float can only be a bug).
    """
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise AmountError("not_an_amount", value)
    text = str(value).strip()
    if len(text) > _LONGEST:
        raise AmountError("too_many_digits", value)
    if not _NUMBER.fullmatch(text):
        raise AmountError("not_an_amount", value)
    number = Decimal(text)
    if _significant(number) > _SAFE_DIGITS or abs(number.adjusted()) >= _SAFE_DIGITS:
        raise AmountError("too_many_digits", value)
    return number


def round_to_cents(number: Decimal, currency: str) -> Decimal:
    """Return the number rounded half up to the currency's minor unit."""
    return round_to_step(number, Decimal(1).scaleb(-minor_digits(currency)))


def round_to_step(number: Decimal, step: Decimal) -> Decimal:
    """Return the number rounded half up to as many decimals as `step` has."""
    return number.quantize(step, context=_WIDE)


def to_wire(number: Decimal) -> float | int:
    """Return the JSON number Exact expects; exact, since `parse_number` keeps 15 digits."""
    return int(number) if number == number.to_integral_value() else float(number)


def _significant(number: Decimal) -> int:
    """Count the digits without trailing zeros; `normalize` would round before it counts."""
    return len("".join(map(str, number.as_tuple().digits)).rstrip("0"))


def _shown(value: Any) -> str:
    return repr(value)[:_SHOWN]
