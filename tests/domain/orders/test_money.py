"""Amounts keep every cent through both systems, and anything else is refused."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.domain.money import (
    AmountError,
    Money,
    MoneyForm,
    figure,
    largest_amount,
    minor_digits,
    parse_amount,
    parse_number,
    readable,
    round_to_cents,
    to_wire,
)

CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "KWD"])
SAFE = st.integers(-(10**15) + 1, 10**15 - 1)


@given(SAFE, st.integers(0, 14))
def test_up_to_fifteen_digits_pass_through_json_unchanged(digits: int, decimals: int) -> None:
    number = Decimal(digits).scaleb(-decimals)
    if number and abs(number.adjusted()) >= 15:
        return
    for written in (number, f"{number:f}", f" {number} ", f"{number:E}"):
        assert parse_number(written) == number
    answered = json.loads(json.dumps(to_wire(number)), parse_float=Decimal)
    assert parse_number(answered) == number


@given(SAFE, CURRENCIES)
def test_minor_units_and_units_are_the_same_amount(minor: int, currency: str) -> None:
    units = Decimal(minor).scaleb(-minor_digits(currency))
    assert parse_amount(minor, currency, MoneyForm.MINOR_UNITS) == units
    assert parse_amount(str(units), currency) == units


@pytest.mark.parametrize(
    ("currency", "largest"),
    [("EUR", "9999999999999.99"), ("JPY", "999999999999999"), ("KWD", "999999999999.999")],
)
def test_no_amount_is_above_what_a_double_keeps_to_the_last_decimal(
    currency: str, largest: str
) -> None:
    assert largest_amount(currency) == parse_amount(largest, currency) == Decimal(largest)
    for sign in (1, -1):
        with pytest.raises(AmountError, match=r"too (large|many digits)"):
            parse_amount(sign * (int(Decimal(largest)) + 1), currency)


@given(SAFE, CURRENCIES)
def test_rounding_moves_by_half_a_cent_at_most_and_only_once(digits: int, currency: str) -> None:
    number = Decimal(digits).scaleb(-5)
    rounded = round_to_cents(number, currency)
    assert abs(rounded - number) <= Decimal("0.5").scaleb(-minor_digits(currency))
    assert round_to_cents(rounded, currency) == rounded
    assert parse_amount(rounded, currency) == rounded


@pytest.mark.parametrize(
    ("number", "currency", "rounded"),
    [
        ("0.005", "EUR", "0.01"),
        ("0.015", "EUR", "0.02"),
        ("0.025", "EUR", "0.03"),
        ("-0.005", "EUR", "-0.01"),
        ("2.675", "EUR", "2.68"),
        ("0.5", "JPY", "1"),
        ("0.0005", "KWD", "0.001"),
    ],
)
def test_halves_go_up(number: str, currency: str, rounded: str) -> None:
    assert str(round_to_cents(Decimal(number), currency)) == rounded


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, 1.0, 0.1, float("nan"), float("inf"), [], {}, [1], b"1", NotImplemented,
        "", " ", "NaN", "sNaN", "nan", "Infinity", "-Infinity", "inf",
        "1e400", "-1e400", "1e-400", "1e9999999", "1e-9999999", "1e99999999999999999999",
        Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"), Decimal("1e400"),
        Decimal("1E+9999999"), Decimal("1E-9999999"),
        "1" * 16, 10**16, 10**4000, "9" * 1_000_000, "0." + "1" * 16,
        "1.00000000000000000000000000000000000001", "0" * 1_000_000,
        "1,50", "1.234,50", "1 000", "1_000", "€1", "1.5.5", "--1", "+-1", "0x10", "1e", ".", "-",
        "\u0663", "\u00b2", "\u00bd", "1\u00a0000", "1\n2", "1\x00", "\ud800",
    ],
    ids=lambda v: repr(v)[:30],
)  # fmt: skip
def test_an_invalid_amount_is_refused_in_a_short_sentence(value: Any) -> None:
    for refuse in (parse_number, lambda v: parse_amount(v, "EUR")):
        with pytest.raises(ValueError, match=r"amount|digits") as caught:
            refuse(value)
        assert len(str(caught.value)) < 120


@given(st.one_of(st.text(), st.integers(), st.decimals(), st.floats(), st.booleans(), st.none()))
def test_any_value_is_a_number_or_a_value_error(value: Any) -> None:
    try:
        number = parse_number(value)
    except ValueError:
        return
    assert number.is_finite()
    assert abs(number) < Decimal(10) ** 15
    round_to_cents(number * number, "KWD")


@pytest.mark.parametrize(
    ("value", "currency", "form"),
    [
        ("0.001", "EUR", MoneyForm.DECIMAL),
        ("0.1", "JPY", MoneyForm.DECIMAL),
        ("0.0001", "KWD", MoneyForm.DECIMAL),
        ("1.5", "EUR", MoneyForm.MINOR_UNITS),
        (Decimal("0.1"), "JPY", MoneyForm.MINOR_UNITS),
    ],
)
def test_a_part_of_a_cent_is_refused(value: Any, currency: str, form: MoneyForm) -> None:
    with pytest.raises(ValueError, match=r"decimals|minor units"):
        parse_amount(value, currency, form)


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("1234.50", "1234.50"),
        ("1234.5", "1234.50"),
        ("1234.500000", "1234.50"),
        (1234, "1234.00"),
        (Decimal("1E+3"), "1000.00"),
        ("+.5", "0.50"),
        ("5.", "5.00"),
        ("-0.01", "-0.01"),
        ("0", "0.00"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(value: Any, parsed: str) -> None:
    assert str(parse_amount(value, "EUR")) == parsed


def test_whole_numbers_are_sent_without_a_fraction() -> None:
    assert json.dumps([to_wire(Decimal("2.00")), to_wire(Decimal("0.10"))]) == "[2, 0.1]"


def test_money_is_written_with_its_currency_and_without_an_exponent() -> None:
    assert str(Money(Decimal("1234.50"), "EUR")) == "EUR 1234.50"
    assert str(Money(Decimal("1E+3"), "JPY")) == "JPY 1000"


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("0", "EUR", "0.00"),
        ("1290", "EUR", "1,290.00"),
        ("1290.50", "EUR", "1,290.50"),
        ("-1234567.5", "EUR", "-1,234,567.50"),
        ("0.125", "EUR", "0.125"),
        ("1290.00", "JPY", "1,290"),
        ("1290", "KWD", "1,290.000"),
        ("999999999999999", "JPY", "999,999,999,999,999"),
    ],
)
def test_people_read_amounts_with_the_decimals_of_the_currency(
    amount: str, currency: str, shown: str
) -> None:
    money = Money(Decimal(amount), currency)
    assert figure(money.amount, currency) == shown
    assert readable(money) == readable(str(money)) == f"{currency} {shown}"


def test_what_is_no_amount_stays_as_it_is() -> None:
    assert [readable(each) for each in (None, "", "unknown", "12.50")] == [
        "",
        "",
        "unknown",
        "12.50",
    ]
