"""Money as both systems write it: exact decimals with a currency, never floats."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
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

# Exact stores doubles: 15 significant digits survive the journey unchanged.
_SAFE_DIGITS = 15


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


def minor_digits(currency: str) -> int:
    """Return how many decimals the currency has: 2 for EUR, 0 for JPY."""
    return _MINOR_DIGITS.get(currency, 2)


def parse_amount(
    value: Any, currency: str, form: MoneyForm = MoneyForm.DECIMAL
) -> Decimal:
    """Return the amount in units.

    Raises `ValueError` with a sentence for a person when it is no finite number, has more
    decimals than the currency (unit prices excepted: see `parse_number`) or is too large.
    """
    number = parse_number(value)
    if form is MoneyForm.MINOR_UNITS:
        if number != number.to_integral_value():
            raise ValueError(f"{value!r} is not a whole number of minor units")
        number = number.scaleb(-minor_digits(currency))
    if number != round_to_cents(number, currency):
        raise ValueError(f"{value!r} has more decimals than {currency} has")
    return round_to_cents(number, currency)


def parse_number(value: Any) -> Decimal:
    """Return a finite decimal of at most 15 significant digits.

    Raises `ValueError` with a sentence for a person otherwise; booleans and floats are refused
    (JSON is read with `parse_float=Decimal`, so a float can only be a mistake of ours).
    """
    if isinstance(value, bool | float) or not isinstance(value, str | int | Decimal):
        raise ValueError(f"{value!r} is not an amount")  # noqa: TRY004  a person's input, not a type
    try:
        number = Decimal(value.strip() if isinstance(value, str) else value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount") from None
    if not number.is_finite():
        raise ValueError(f"{value!r} is not an amount")
    if (
        len(number.normalize().as_tuple().digits) > _SAFE_DIGITS
        or abs(number.adjusted()) >= 15
    ):
        raise ValueError(f"{value!r} has more digits than can be kept exactly")
    return number


def round_to_cents(number: Decimal, currency: str) -> Decimal:
    """Return the number rounded half up to the currency's minor unit."""
    return number.quantize(
        Decimal(1).scaleb(-minor_digits(currency)), rounding="ROUND_HALF_UP"
    )


def to_wire(number: Decimal) -> float | int:
    """Return the JSON number Exact expects; exact, since `parse_number` keeps 15 digits."""
    return int(number) if number == number.to_integral_value() else float(number)
