"""Airbase's JSON becomes an order, or problems for everything doubtful."""

import json
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.airbase.purchase_orders import read_day, read_order
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.orders.order import Order, OrderLine, Reference, Tag
from ml_connector.domain.states import ApprovalState, RequestOutcome
from ml_connector.settings.airbase_profile import AirbaseProfile
from tests.airbase.answers import (
    MISSING,
    PROCURIFY_LIKE,
    RAMP_LIKE,
    procurify_like_order,
    put,
    ramp_like_order,
    raw_order,
)

DEFAULT = AirbaseProfile()
MINOR = AirbaseProfile.model_validate({"money_form": "minor_units"})
RECEIVED = date(2026, 11, 30)


def read(raw: Any, profile: AirbaseProfile = DEFAULT) -> Order:
    return read_order(raw, profile, RECEIVED)


def problems_of(raw: Any, profile: AirbaseProfile = DEFAULT) -> tuple[Problem, ...]:
    with pytest.raises(Review) as caught:
        read(raw, profile)
    return caught.value.problems


def test_an_order_is_read_completely() -> None:
    assert read(raw_order()) == Order(
        id=OrderId("po-id-1"),
        number="PO-1",
        state=ApprovalState.APPROVED,
        outcome=RequestOutcome.PURCHASE_ORDER,
        revision="3",
        subsidiary=Reference("sub-nl", "NL01", "Firm NL"),
        vendor=Reference("ven-1", "60001", "Papierhandel"),
        total=Money(Decimal("1234.50"), "EUR"),
        description="Stationery",
        order_date=date(2026, 11, 23),
        receipt_date=date(2026, 12, 1),
        payment_condition="Net 30",
        tags=(Tag("Department", Reference("", "IT", "Information")),),
        lines=(
            OrderLine(
                number=1,
                description="Paper",
                gl_account=Reference("acc-1", "4406", "Office supplies"),
                amount=Decimal("1000.00"),
                quantity=Decimal(4),
                unit_price=Decimal("250.00"),
                vat_code="4",
                receipt_date=None,
                tags=(Tag("Cost unit", Reference("", "U1", "Unit")),),
            ),
            OrderLine(
                number=2,
                description="Desk",
                gl_account=Reference("acc-2", "0150", "Furniture"),
                amount=Decimal("234.50"),
                quantity=Decimal(1),
                unit_price=Decimal("234.50"),
                vat_code="",
                receipt_date=None,
                tags=(),
            ),
        ),
    )


@pytest.mark.parametrize(
    "path",
    [
        "number", "revision", "notes", "expected_date", "payment_term", "transaction_tags",
        "approved_date", "expense_list.0.description", "expense_list.0.unit_price",
        "expense_list.0.tax_code", "expense_list.0.tags",
        "expense_list.0.line_number", "vendor.erp_reference_id", "vendor.name",
    ],
)  # fmt: skip
@pytest.mark.parametrize("blank", [MISSING, None])
def test_optional_fields_may_be_absent(path: str, blank: Any) -> None:
    assert read(raw_order({path: blank})).total.amount == Decimal("1234.50")


def test_the_fallback_date_replaces_a_missing_order_date() -> None:
    assert read(raw_order({"approved_date": None})).order_date == RECEIVED


def test_an_order_without_a_number_is_called_by_its_id() -> None:
    assert read(raw_order({"number": None})).title == "po-id-1"
    (found,) = problems_of(raw_order({"number": None, "total_amount": None}))
    assert found.record == "po-id-1"


def test_numbers_are_accepted_like_texts() -> None:
    text = json.dumps(raw_order()).replace('"1234.50"', "1234.50").replace('"250.00"', "250")
    assert read(json.loads(text, parse_float=Decimal)) == read(raw_order())


# --- Malformed -----------------------------------------------------------------------------

LINE = "expense_list.0."
LONG = "x" * 201
VERY_LONG = "x" * 5000
HUGE = "9" * 100_000
LONE = "\ud800"

MALFORMED: list[tuple[str, Any, set[str]]] = [
    ("id", MISSING, {"MISSING_FIELD"}),
    ("id", None, {"MISSING_FIELD"}),
    ("id", "", {"MISSING_FIELD"}),
    ("id", "  ", {"MISSING_FIELD"}),
    ("id", True, {"BAD_FIELD"}),
    ("id", ["po"], {"BAD_FIELD"}),
    ("id", {"id": "po"}, {"BAD_FIELD"}),
    ("id", LONG, {"BAD_FIELD"}),
    ("id", LONE, {"BAD_FIELD"}),
    ("number", LONG, {"BAD_FIELD"}),
    ("number", [], {"BAD_FIELD"}),
    ("number", LONE, {"BAD_FIELD"}),
    ("status", MISSING, {"UNKNOWN_STATE"}),
    ("status", "", {"UNKNOWN_STATE"}),
    ("status", "frozen", {"UNKNOWN_STATE"}),
    ("status", {"name": "approved"}, {"BAD_FIELD", "UNKNOWN_STATE"}),
    ("status", VERY_LONG, {"BAD_FIELD", "UNKNOWN_STATE"}),
    ("outcome", MISSING, {"UNKNOWN_OUTCOME"}),
    ("outcome", "gift_card", {"UNKNOWN_OUTCOME"}),
    ("outcome", 7, {"UNKNOWN_OUTCOME"}),
    ("revision", {}, {"BAD_FIELD"}),
    ("revision", LONG, {"BAD_FIELD"}),
    ("subsidiary", MISSING, {"MISSING_FIELD"}),
    ("subsidiary", None, {"MISSING_FIELD"}),
    ("subsidiary", "Firm NL", {"MISSING_FIELD"}),
    ("subsidiary", [], {"MISSING_FIELD"}),
    ("subsidiary", {}, {"MISSING_FIELD"}),
    ("subsidiary.airbase_id", {"a": 1}, {"BAD_FIELD"}),
    ("vendor", MISSING, {"MISSING_FIELD"}),
    ("vendor", {"airbase_id": "", "name": " "}, {"MISSING_FIELD"}),
    ("vendor.airbase_id", LONG, {"BAD_FIELD"}),
    ("vendor.name", HUGE, {"BAD_FIELD"}),
    ("vendor.name", LONE, {"BAD_FIELD"}),
    ("vendor.erp_reference_id", [1], {"BAD_FIELD"}),
    ("currency", MISSING, {"MISSING_FIELD"}),
    ("currency", "EUR", {"MISSING_FIELD"}),
    ("currency.iso_code", "", {"MISSING_FIELD"}),
    ("currency.iso_code", "EURO", {"BAD_FIELD"}),
    ("currency.iso_code", "€€€", {"BAD_FIELD"}),
    ("currency.iso_code", "E1R", {"BAD_FIELD"}),
    ("currency.iso_code", 978, {"BAD_FIELD"}),
    ("currency.iso_code", "JPY", {"BAD_AMOUNT"}),
    ("total_amount", MISSING, {"MISSING_FIELD"}),
    ("total_amount", None, {"MISSING_FIELD"}),
    ("total_amount", "", {"MISSING_FIELD"}),
    ("total_amount", "1.234,50", {"BAD_AMOUNT"}),
    ("total_amount", "1234.505", {"BAD_AMOUNT"}),
    ("total_amount", "NaN", {"BAD_AMOUNT"}),
    ("total_amount", float("nan"), {"BAD_AMOUNT"}),
    ("total_amount", "Infinity", {"BAD_AMOUNT"}),
    ("total_amount", "1e400", {"BAD_AMOUNT"}),
    ("total_amount", Decimal("1E+9999999"), {"BAD_AMOUNT"}),
    ("total_amount", True, {"BAD_AMOUNT"}),
    ("total_amount", {"amount": "1"}, {"BAD_AMOUNT"}),
    ("total_amount", HUGE, {"BAD_AMOUNT"}),
    ("notes", VERY_LONG, {"BAD_FIELD"}),
    ("notes", ["text"], {"BAD_FIELD"}),
    ("notes", LONE, {"BAD_FIELD"}),
    ("approved_date", "23-11-2026", {"BAD_FIELD"}),
    ("approved_date", "2026-02-30", {"BAD_FIELD"}),
    ("approved_date", "yesterday", {"BAD_FIELD"}),
    ("approved_date", 1764000000, {"BAD_FIELD"}),
    ("approved_date", False, {"BAD_FIELD"}),
    ("approved_date", {"date": "2026-11-23"}, {"BAD_FIELD"}),
    ("approved_date", "0001-01-01T00:00:00+14:00", {"BAD_FIELD"}),
    ("approved_date", HUGE, {"BAD_FIELD"}),
    ("expected_date", "2026-13-01", {"BAD_FIELD"}),
    ("payment_term", {"days": 30}, {"BAD_FIELD"}),
    ("payment_term", LONG, {"BAD_FIELD"}),
    ("transaction_tags", [{"type_label": LONG}], {"BAD_FIELD"}),
    ("transaction_tags", [{"type_label": ["a"]}], {"BAD_FIELD"}),
    ("transaction_tags", [{"type_label": "Department", "erp_reference_id": LONG}], {"BAD_FIELD"}),
    ("expense_list", MISSING, {"MISSING_FIELD"}),
    ("expense_list", None, {"MISSING_FIELD"}),
    ("expense_list", [], {"MISSING_FIELD"}),
    ("expense_list", {}, {"MISSING_FIELD"}),
    ("expense_list", "none", {"MISSING_FIELD"}),
    ("expense_list", [{}] * 5001, {"BAD_FIELD"}),
    ("expense_list.0", None, {"MISSING_FIELD"}),
    ("expense_list.0", "Paper", {"MISSING_FIELD"}),
    ("expense_list.0", {}, {"MISSING_FIELD"}),
    (LINE + "description", VERY_LONG, {"BAD_FIELD"}),
    (LINE + "description", {"text": "Paper"}, {"BAD_FIELD"}),
    (LINE + "account", MISSING, {"MISSING_FIELD"}),
    (LINE + "account", {}, {"MISSING_FIELD"}),
    (LINE + "account", 4406, {"MISSING_FIELD"}),
    (LINE + "account.account_number", LONG, {"BAD_FIELD"}),
    (LINE + "amount", MISSING, {"MISSING_FIELD"}),
    (LINE + "amount", "ten", {"BAD_AMOUNT"}),
    (LINE + "amount", "1000.001", {"BAD_AMOUNT"}),
    (LINE + "amount", "999.99", {"BAD_AMOUNT"}),
    (LINE + "quantity", MISSING, {"BAD_AMOUNT"}),
    (LINE + "quantity", "0", {"BAD_AMOUNT"}),
    (LINE + "quantity", "-4", {"BAD_AMOUNT"}),
    (LINE + "quantity", "four", {"BAD_AMOUNT"}),
    (LINE + "quantity", "5", {"BAD_AMOUNT"}),
    (LINE + "quantity", "99999999999999", {"BAD_AMOUNT"}),
    (LINE + "quantity", "0.00000000000001", {"BAD_AMOUNT"}),
    (LINE + "quantity", [4], {"BAD_AMOUNT"}),
    (LINE + "unit_price", "249.99", {"BAD_AMOUNT"}),
    (LINE + "unit_price", "free", {"BAD_AMOUNT"}),
    (LINE + "unit_price", "999999999999999", {"BAD_AMOUNT"}),
    (LINE + "unit_price", True, {"BAD_AMOUNT"}),
    (LINE + "tax_code", LONG, {"BAD_FIELD"}),
    (LINE + "tax_code", ["4"], {"BAD_FIELD"}),
    (LINE + "expected_date", "soon", {"BAD_FIELD"}),
    (LINE + "tags", [{"type_label": "Cost unit", "name": LONE}], {"BAD_FIELD"}),
]


def _id(value: object) -> str:
    if value is MISSING:
        return "-"
    return "+".join(sorted(value)) if isinstance(value, set) else repr(value)[:24]


@pytest.mark.parametrize(("path", "value", "codes"), MALFORMED, ids=_id)
def test_a_malformed_field_is_an_exception_of_that_record(
    path: str, value: Any, codes: set[str]
) -> None:
    found = problems_of(raw_order({path: value}))
    assert {one.code for one in found} == codes
    spoiled_line = path.startswith("expense_list.")
    assert {", line 1" in one.record for one in found} == {spoiled_line}
    json.dumps([one.as_dict() for one in found], ensure_ascii=False).encode()
    assert all(len(one.cause) < 600 for one in found)


@pytest.mark.parametrize("raw", [None, True, 3, "order", [], [1], {}, {"data": {}}])
def test_what_is_not_an_order_is_an_exception(raw: Any) -> None:
    assert {one.code for one in problems_of(raw)} >= {"MISSING_FIELD", "UNKNOWN_STATE"}


def test_all_problems_of_header_and_lines_are_reported_together() -> None:
    found = problems_of(
        raw_order({"total_amount": "x", "expense_list.0.amount": "y", "expense_list.1.account": 0})
    )
    assert [(one.code, one.record) for one in found] == [
        ("BAD_AMOUNT", "PO-1"),
        ("BAD_AMOUNT", "PO-1, line 1"),
        ("MISSING_FIELD", "PO-1, line 2"),
    ]


def test_evidence_is_short() -> None:
    (found,) = problems_of(raw_order({"total_amount": HUGE}))
    assert found.cause.startswith("An amount cannot be used. The total, '999")
    assert len(str(found.evidence)) < 200


# --- Anything at all -----------------------------------------------------------------------

TEXTS = st.text(max_size=20) | st.sampled_from(["approved", "EUR", "2026-11-23", "1e9999999"])
NUMBERS = st.integers(-(10**18), 10**18) | st.decimals(allow_nan=True, allow_infinity=True)
ANYTHING = st.recursive(
    st.none() | st.booleans() | TEXTS | NUMBERS | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, prefix: str = "") -> list[str]:
    """Return the path of every field, on every level."""
    inner = list(value.items()) if isinstance(value, dict) else []
    inner = list(enumerate(value)) if isinstance(value, list) else inner
    found = [prefix.rstrip(".")] if prefix else []
    return found + [path for key, field in inner for path in paths(field, f"{prefix}{key}.")]


def is_read_or_reviewed(raw: Any, profile: AirbaseProfile = DEFAULT) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        order = read(raw, profile)
        assert order.id
        assert len(order.fingerprint) == 64
    except Review as review:
        problems = review.problems
    assert {one.code for one in problems} <= set(CATALOGUE)
    json.dumps([one.as_dict() for one in problems], ensure_ascii=False).encode()


@given(st.data(), st.sampled_from([DEFAULT, MINOR]))
def test_any_value_in_any_field_is_an_order_or_a_review(
    data: st.DataObject, profile: AirbaseProfile
) -> None:
    raw = raw_order()
    put(raw, data.draw(st.sampled_from(paths(raw))), data.draw(ANYTHING))
    is_read_or_reviewed(raw, profile)


@given(ANYTHING)
def test_any_value_in_place_of_the_order_is_a_review(raw: Any) -> None:
    is_read_or_reviewed(raw)


LINE_NUMBERS = st.decimals(-(10**15), 10**15) | st.sampled_from(
    ["999999999999999", "0.00000000000001", "1", "0.00000003", "123456789012.34"]
)


@given(LINE_NUMBERS, LINE_NUMBERS, st.none() | LINE_NUMBERS, st.sampled_from([DEFAULT, MINOR]))
def test_the_numbers_of_a_line_multiply_to_its_amount_or_are_reviewed(
    amount: Any, quantity: Any, price: Any, profile: AirbaseProfile
) -> None:
    changes = {"amount": amount, "quantity": quantity, "unit_price": price}
    raw = raw_order({LINE + name: value for name, value in changes.items()} | {"total_amount": 1})
    try:
        line = read(raw, profile).lines[0]
    except Review:
        return
    assert abs(line.quantity * line.unit_price - line.amount) <= Decimal("0.005")


# --- Dates and zones -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-11-23", "Europe/Amsterdam", "2026-11-23"),
        ("2026-11-23T23:30:00", "Europe/Amsterdam", "2026-11-23"),
        ("2026-11-23T23:30:00Z", "Europe/Amsterdam", "2026-11-24"),
        ("2026-11-23T23:30:00Z", "UTC", "2026-11-23"),
        ("2026-06-30T22:00:00+00:00", "Europe/Amsterdam", "2026-07-01"),
        ("2026-12-31T22:59:59+00:00", "Europe/Amsterdam", "2026-12-31"),
        ("2026-11-24T03:30:00Z", "America/New_York", "2026-11-23"),
        ("2026-11-23T23:30:00.123456+14:00", "UTC", "2026-11-23"),
    ],
)
def test_a_moment_is_on_the_day_of_the_tenants_zone(text: str, zone: str, day: str) -> None:
    assert read_day(text, zone) == date.fromisoformat(day)


@pytest.mark.parametrize(
    "value",
    [0, 1795082400, 1795082400000, Decimal("1795082400.5"), True, "1795082400", "1795082400000",
     "2026112300", "0001-01-01T00:00:00", "9999-12-31", "9999-12-31T23:59:59-12:00", "1999-12-31",
     "2100-01-01", "0026-11-23", "2026-02-30"],
)  # fmt: skip
@pytest.mark.parametrize("path", ["approved_date", "expected_date", LINE + "expected_date"])
def test_a_number_or_an_impossible_day_is_one_exception(path: str, value: Any) -> None:
    (found,) = problems_of(raw_order({path: value}))
    assert found.code == "BAD_FIELD"
    assert repr(value) in found.cause


@pytest.mark.parametrize("day", ["2000-01-01", "2099-12-31T23:59:59", "20261123", " 2026-11-23 "])
def test_a_possible_day_is_read(day: str) -> None:
    assert read(raw_order({"approved_date": day})).order_date.isoformat()[:2] == "20"


# --- Control characters --------------------------------------------------------------------


def test_control_characters_become_spaces() -> None:
    order = read(raw_order({
        "number": "PO\x00-1",
        "notes": "Desk\x07 and\r\nchair\x85\ufffe",
        "vendor.name": "A\tB\u2028",
    }))  # fmt: skip
    assert order.number == "PO -1"
    assert order.description == "Desk  and\r\nchair"
    assert order.vendor.name == "A B"


@pytest.mark.parametrize("path", ["id", "vendor.airbase_id", "currency.iso_code"])
@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "a\x9fb"])
def test_an_id_with_control_characters_is_one_exception(path: str, text: str) -> None:
    (found,) = problems_of(raw_order({path: text}))
    assert found.code == "BAD_FIELD"
    assert "control characters" in found.cause


# --- Tags without a value ------------------------------------------------------------------


@pytest.mark.parametrize(
    "blank", [{"erp_reference_id": None, "name": None}, {"erp_reference_id": "", "name": " "}, {}]
)
def test_a_tag_without_a_value_is_no_tag(blank: dict[str, Any]) -> None:
    order = read(raw_order({"transaction_tags": [{"type_label": "Department", **blank}]}))
    assert order.tags == ()


@given(st.text(max_size=30) | st.datetimes(timezones=st.timezones()).map(lambda d: d.isoformat()))
def test_any_text_is_a_day_or_a_value_error(text: str) -> None:
    with suppress(ValueError):
        assert isinstance(read_day(text, "Pacific/Kiritimati"), date)


# --- Words ---------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(ApprovalState))
def test_every_state_has_its_word_in_any_case(state: ApprovalState) -> None:
    assert read(raw_order({"status": state.value.upper()})).state is state


def test_a_card_is_another_outcome() -> None:
    assert read(raw_order({"outcome": "virtual_card"})).outcome is RequestOutcome.OTHER


def test_the_profile_says_what_an_absent_outcome_means() -> None:
    profile = AirbaseProfile(outcome_when_absent=RequestOutcome.PURCHASE_ORDER)
    raw = raw_order({"outcome": MISSING})
    assert read(raw, profile).outcome is RequestOutcome.PURCHASE_ORDER


# --- Lines with quantities -----------------------------------------------------------------


def line_with(**fields: Any) -> OrderLine:
    return read(raw_order({LINE + name: value for name, value in fields.items()})).lines[0]


def test_a_missing_unit_price_is_derived_so_that_it_multiplies_to_the_amount() -> None:
    line = line_with(amount="100.00", quantity="3", unit_price=None)
    assert line.unit_price == Decimal("33.33333333")


def test_a_unit_price_may_have_more_decimals_than_a_cent() -> None:
    assert line_with(amount="1.00", quantity="80", unit_price="0.0125").unit_price == Decimal(
        "0.0125"
    )


def test_quantities_may_be_fractions() -> None:
    assert line_with(amount="62.50", quantity="2.5", unit_price="25").quantity == Decimal("2.5")


@pytest.mark.parametrize("gap", ["0.004", "-0.004"])
def test_a_price_that_rounds_to_the_amount_is_right(gap: str) -> None:
    price = Decimal("250.00") + Decimal(gap) / 4
    assert line_with(unit_price=str(price)).amount == Decimal("1000.00")


# --- Minor units and other tenants ---------------------------------------------------------


def test_minor_units_become_units() -> None:
    changes = {"total_amount": 123450, LINE + "amount": 100000, LINE + "unit_price": 25000}
    raw = raw_order(changes | {"expense_list.1.amount": "23450"})
    assert read(raw, MINOR) == read(raw_order())


def test_a_unit_price_in_minor_units_may_have_a_fraction() -> None:
    changes = {LINE + "amount": 100, LINE + "quantity": 8, LINE + "unit_price": "12.5"}
    line = read(raw_order(changes | {"total_amount": 1, "expense_list.1.amount": 1}), MINOR)
    assert line.lines[0].unit_price == Decimal("0.125")


@pytest.mark.parametrize(
    ("currency", "units"), [("EUR", "12345.67"), ("JPY", "1234567"), ("KWD", "1234.567")]
)
def test_the_minor_unit_is_that_of_the_currency(currency: str, units: str) -> None:
    raw = raw_order({"currency.iso_code": currency, "total_amount": 1234567})
    raw["expense_list"] = [raw["expense_list"][1] | {"amount": 1234567}]
    order = read(raw, MINOR)
    assert str(order.total) == f"{currency} {units}"
    assert order.lines[0].unit_price == Decimal(units)


def test_a_tenant_with_selections_and_minor_units() -> None:
    order = read(ramp_like_order(), RAMP_LIKE)
    assert order.title == "RPO-7"
    assert order.state is ApprovalState.APPROVED
    assert order.outcome is RequestOutcome.PURCHASE_ORDER
    assert order.total == Money(Decimal("99.98"), "USD")
    assert order.order_date == date(2026, 11, 23)
    assert order.subsidiary == Reference("ent-1", "", "Firm")
    (line,) = order.lines
    assert (line.quantity, line.unit_price) == (Decimal(2), Decimal("49.99"))
    assert line.gl_account == Reference("", "4406", "Software")
    assert line.tags == (Tag("Department", Reference("", "IT", "Information")),)


def test_a_tenant_with_numeric_ids_and_custom_fields() -> None:
    order = read(procurify_like_order(), PROCURIFY_LIKE)
    assert (order.id, order.number) == ("512", "P-512")
    assert order.state is ApprovalState.APPROVED
    assert order.vendor == Reference("77", "60001", "Meubelmaker")
    assert order.subsidiary == Reference("9", "", "Utrecht")
    assert order.total == Money(Decimal("100.00"), "EUR")
    assert order.order_date == date(2026, 11, 24)
    assert order.tags == (Tag("Department", Reference("", "HR", "HR")),)
    (line,) = order.lines
    assert line.gl_account == Reference("3", "4406", "Inventory")
    assert line.unit_price == Decimal("33.33333333")


def test_a_path_that_does_not_fit_the_answer_is_an_exception() -> None:
    profile = AirbaseProfile.model_validate({"order": {"number": "length(id)"}})
    (found,) = problems_of(raw_order({"id": 5}), profile)
    assert found.code == "BAD_FIELD"
    assert "length(id)" in found.cause
