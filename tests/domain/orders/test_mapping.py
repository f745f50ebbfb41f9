"""How an order is mapped, and every reason why it cannot be."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.domain.exception_codes.validation import VALIDATION
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.money import Money
from ml_connector.domain.orders.carrier_items import MissingCarrierItem, MissingSupplierItem
from ml_connector.domain.orders.mapping import MappedOrder, map_order, pick_division
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.orders.order import Order, Reference
from ml_connector.domain.orders.reference_data import Code
from ml_connector.settings.connection import ExactDivision
from tests.domain.orders.builders import (
    ACCOUNT,
    ITEM,
    ITEM_ID,
    PROJECT_ID,
    SUPPLIER,
    SUPPLIER_ID,
    TOMORROW,
    WAREHOUSE_ID,
    YESTERDAY,
    DictDivisionData,
    another_guid,
    any_connection,
    any_division,
    any_line,
    any_order,
    any_tag,
)


def mapped_order(
    order: Order | None = None,
    division: ExactDivision | None = None,
    division_data: DictDivisionData | None = None,
    **connection: Any,
) -> MappedOrder:
    valid = any_connection(division or any_division(), **connection)
    (placed,) = valid.divisions
    return map_order(order or any_order(), valid, placed, division_data or DictDivisionData())


def line_of(mapped: MappedOrder, position: int = 0) -> dict[str, Any]:
    line: dict[str, Any] = mapped.body["PurchaseOrderLines"][position]
    return line


def problems_of(call: Callable[[], Any]) -> tuple[Problem, ...]:
    with pytest.raises(Review) as caught:
        call()
    return caught.value.problems


# --- The full body -------------------------------------------------------------------------


def test_an_order_is_mapped_to_one_body() -> None:
    mapped = mapped_order()
    body = dict(mapped.body)
    remarks = body.pop("Remarks")
    assert remarks.startswith("Airbase PO-1 [airbase ")
    assert is_marked_for(remarks, any_connection().id, any_order().id)
    assert body == {
        "Supplier": SUPPLIER_ID,
        "OrderDate": "2026-11-23",
        "Currency": "EUR",
        "YourRef": "PO-1",
        "Description": "Stationery",
        "PurchaseOrderLines": [
            {
                "Item": ITEM_ID,
                "QuantityInPurchaseUnits": 1,
                "UnitPrice": 100,
                "Description": "Paper",
                "Notes": "GL account 4406.",
            }
        ],
    }
    assert mapped.missing == ()


def test_lines_keep_their_order_quantities_and_prices() -> None:
    lines = (
        any_line(quantity=Decimal("2.5"), unit_price=Decimal("40.00")),
        any_line(number=2, amount=Decimal("0.01"), unit_price=Decimal("0.01")),
    )
    mapped = mapped_order(any_order(lines=lines))
    assert line_of(mapped)["QuantityInPurchaseUnits"] == 2.5
    assert line_of(mapped)["UnitPrice"] == 40
    assert line_of(mapped, 1)["UnitPrice"] == 0.01


def test_a_text_cannot_imitate_another_orders_marker() -> None:
    mapped = mapped_order()
    stolen = mapped.body["Remarks"]
    other = any_order(id="po-id-2", number=stolen[:200])
    remarks = mapped_order(other).body["Remarks"]
    assert is_marked_for(remarks, any_connection().id, other.id)
    assert not is_marked_for(remarks, any_connection().id, any_order().id)


# --- Supplier ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [SUPPLIER_ID, "60001"], ids=["guid", "code"])
def test_a_mapped_vendor_wins_over_its_link(target: str) -> None:
    division = any_division(mappings={"suppliers": {"ven-1": target}})
    division_data = DictDivisionData(links={"ven-1": "70001"})
    assert (
        mapped_order(division=division, division_data=division_data).body["Supplier"] == SUPPLIER_ID
    )


def test_a_vendor_may_be_mapped_by_its_name() -> None:
    division = any_division(mappings={"suppliers": {"Papierhandel B.V.": "60001"}})
    assert (
        mapped_order(division=division, division_data=DictDivisionData(links={})).body["Supplier"]
        == SUPPLIER_ID
    )


def test_the_erp_reference_that_airbase_keeps_is_a_link() -> None:
    order = any_order(vendor=Reference("ven-9", "60001", "Whoever"))
    assert (
        mapped_order(order, division_data=DictDivisionData(links={})).body["Supplier"]
        == SUPPLIER_ID
    )


def test_an_unknown_vendor_comes_with_three_candidates_at_most() -> None:
    alike = [replace(SUPPLIER, id=another_guid(n), code=str(n)) for n in range(5)]
    (found,) = problems_of(
        lambda: mapped_order(division_data=DictDivisionData(links={}, suppliers=alike))
    )
    assert found.code == "UNKNOWN_VENDOR"
    assert list(found.candidates) == [
        {"id": another_guid(n), "code": str(n), "name": "Papierhandel"} for n in range(3)
    ]


def test_validity_counts_both_of_its_days() -> None:
    day = any_order().order_date
    assert mapped_order(
        division_data=DictDivisionData(suppliers=[replace(SUPPLIER, start=day, end=day)])
    )


# --- GL account and item -------------------------------------------------------------------


def test_a_gl_account_may_be_mapped_by_id_code_or_name() -> None:
    for key in ("acc-1", "9999", "Travel"):
        line = any_line(gl_account=Reference("acc-1", "9999", "Travel"))
        division = any_division(mappings={"gl_accounts": {key: "4406"}})
        assert line_of(mapped_order(any_order(lines=(line,)), division))["Item"] == ITEM_ID


def test_the_mapping_of_the_id_comes_before_that_of_the_name() -> None:
    mappings = {"gl_accounts": {"Office supplies": "nothing", "acc-1": "4406"}}
    assert mapped_order(division=any_division(mappings=mappings))


def test_a_mapped_item_is_used_and_no_other() -> None:
    chosen = replace(ITEM, id=another_guid(1))
    division = any_division(mappings={"items": {"4406": chosen.id.upper()}})
    division_data = DictDivisionData(items=[ITEM, chosen])
    assert (
        line_of(mapped_order(division=division, division_data=division_data))["Item"] == chosen.id
    )


@pytest.mark.parametrize(
    "unusable_fields",
    [
        {"is_stock": True},
        {"is_purchase": False},
        {"end": YESTERDAY},
        {"start": TOMORROW},
    ],
)
def test_an_unusable_item_is_no_carrier(unusable_fields: dict[str, Any]) -> None:
    other = replace(ITEM, id=another_guid(1), **unusable_fields)
    assert (
        line_of(mapped_order(division_data=DictDivisionData(items=[other, ITEM])))["Item"]
        == ITEM_ID
    )
    (found,) = problems_of(lambda: mapped_order(division_data=DictDivisionData(items=[other])))
    assert found.code == "NO_CARRIER_ITEM"


def test_a_missing_carrier_is_created_once_where_that_is_allowed() -> None:
    order = any_order(lines=(any_line(), any_line(number=2)))
    division = any_division(create_items=True)
    mapped = mapped_order(order, division, DictDivisionData(items=[]))
    assert mapped.missing == (MissingCarrierItem(ACCOUNT),)
    assert mapped.missing[0].name == "item for GL account 4406"
    assert "Item" not in line_of(mapped)


def test_a_missing_link_is_created_where_the_division_demands_it() -> None:
    division = any_division(link_supplier_items=True)
    mapped = mapped_order(division=division)
    assert mapped.missing == (MissingSupplierItem(ITEM, SUPPLIER, 100),)
    assert mapped.missing[0].name == "link of item GL-4406 to supplier 60001"
    known = DictDivisionData(supplied={(ITEM_ID, SUPPLIER_ID)})
    assert mapped_order(division=division, division_data=known).missing == ()
    assert mapped_order().missing == ()


# --- VAT, payment condition, header --------------------------------------------------------


def vat(*codes: str) -> DictDivisionData:
    return DictDivisionData(codes={"vat_code": [Code(code) for code in codes]})


def test_vat_code_of_line_then_account_then_supplier_then_division() -> None:
    division_data = vat("L", "A", "S", "D")
    line = any_order(lines=(any_line(vat_code="L"),))
    division = any_division(default_vat_code="D")
    assert line_of(mapped_order(line, division, division_data))["VATCode"] == "L"
    assert line_of(mapped_order(None, division, division_data))["VATCode"] == "D"
    division_data.suppliers = [replace(SUPPLIER, vat_code="S")]
    assert line_of(mapped_order(None, division, division_data))["VATCode"] == "S"
    division_data.gl_accounts = [replace(ACCOUNT, vat_code="A")]
    assert line_of(mapped_order(None, division, division_data))["VATCode"] == "A"
    assert line_of(mapped_order(line, division, division_data))["VATCode"] == "L"


def test_a_default_vat_code_that_is_unknown_is_one_problem_of_the_order() -> None:
    division = any_division(default_vat_code="X")
    (found,) = problems_of(lambda: mapped_order(second(), division))
    assert (found.code, found.record) == ("UNKNOWN_VAT_CODE", "PO-1")


def test_a_mapped_vat_code_replaces_airbases_code() -> None:
    order = any_order(lines=(any_line(vat_code="High rate"),))
    division = any_division(mappings={"vat_codes": {"High rate": "4"}})
    assert line_of(mapped_order(order, division, vat("4")))["VATCode"] == "4"


def test_an_inclusive_code_fits_amounts_that_include_vat() -> None:
    division_data = DictDivisionData(codes={"vat_code": [Code("5", percentage_is_included=True)]})
    order = any_order(lines=(any_line(vat_code="5"),))
    assert (
        line_of(mapped_order(order, division_data=division_data, amounts_include_vat=True))[
            "VATCode"
        ]
        == "5"
    )


def test_payment_condition_of_order_then_supplier_then_division() -> None:
    division_data = DictDivisionData(
        codes={"payment_condition": [Code("30"), Code("14"), Code("60")]}
    )
    order = any_order(payment_condition="Net 30")
    mappings = {"payment_conditions": {"Net 30": "30"}}
    division = any_division(default_payment_condition="60", mappings=mappings)
    assert mapped_order(order, division, division_data).body["PaymentCondition"] == "30"
    assert mapped_order(None, division, division_data).body["PaymentCondition"] == "60"
    division_data.suppliers = [replace(SUPPLIER, payment_condition="14")]
    assert mapped_order(None, division, division_data).body["PaymentCondition"] == "14"
    assert "PaymentCondition" not in mapped_order().body


@pytest.mark.parametrize(
    ("site", "country", "named"),
    [
        ("de", "", "Germany"),
        ("es", "", "Spain"),
        ("nl", "DE", "Germany"),
        ("nl", "ES", "Spain"),
        ("de", "NL", ""),
        ("nl", "", ""),
        ("co.uk", "GB", ""),
    ],
)
def test_a_payment_condition_is_demanded_in_germany_and_spain(
    site: str, country: str, named: str
) -> None:
    def order_in(division: ExactDivision, data: DictDivisionData | None = None) -> MappedOrder:
        return mapped_order(division=division, division_data=data, exact_site=site)

    codes = DictDivisionData(codes={"payment_condition": [Code("14"), Code("60")]})
    chosen = any_division(country=country, default_payment_condition="60")
    assert order_in(chosen, codes).body["PaymentCondition"] == "60"
    codes.suppliers = [replace(SUPPLIER, payment_condition="14")]
    assert order_in(any_division(country=country), codes).body["PaymentCondition"] == "14"
    if not named:
        assert "PaymentCondition" not in order_in(any_division(country=country)).body
        return
    [found] = problems_of(lambda: order_in(any_division(country=country)))
    assert found.code == "PAYMENT_CONDITION_MISSING"
    assert found.cause == (
        "The order has no payment condition, nor have the supplier 60001 Papierhandel and division "
        f"{site}.101 NL. In {named}, Exact demands one."
    )
    assert f"default_payment_condition of division {site}.101 NL" in found.remedy


def test_without_a_supplier_nobody_knows_whether_a_payment_condition_is_missing() -> None:
    unlinked = DictDivisionData(links={})
    found = problems_of(lambda: mapped_order(None, any_division(country="DE"), unlinked))
    assert [each.code for each in found] == ["UNKNOWN_VENDOR"]


def test_the_divisions_warehouse_is_named() -> None:
    mapped = mapped_order(division=any_division(warehouse=f"{{{WAREHOUSE_ID.upper()}}}"))
    assert mapped.body["Warehouse"] == WAREHOUSE_ID


def test_receipt_date_of_the_line_then_of_the_order() -> None:
    lines = (any_line(receipt_date=TOMORROW), any_line(number=2))
    mapped = mapped_order(any_order(lines=lines, receipt_date=YESTERDAY))
    assert mapped.body["ReceiptDate"] == "2026-11-22"
    assert line_of(mapped)["ReceiptDate"] == "2026-11-24"
    assert line_of(mapped, 1)["ReceiptDate"] == "2026-11-22"


def test_long_texts_are_cut_to_what_exact_takes_and_kept_in_the_notes() -> None:
    text = "x" * 61
    mapped = mapped_order(any_order(lines=(any_line(description=text),), description=text))
    assert mapped.body["Description"] == "x" * 60
    assert line_of(mapped)["Description"] == "x" * 60
    assert line_of(mapped)["Notes"] == f"GL account 4406. {text}"


def test_lengths_are_counted_in_utf_16_and_no_character_is_split() -> None:
    text = "x" * 59 + "\N{GRINNING FACE}\nand a chair"
    order = any_order(
        number="n" * 39 + "\N{GRINNING FACE}", lines=(any_line(description=text),) * 2
    )
    mapped = mapped_order(order)
    assert line_of(mapped)["Description"] == "x" * 59
    assert line_of(mapped)["Notes"].endswith(text)
    assert mapped.body["YourRef"] == "n" * 39


def test_a_description_is_one_line() -> None:
    lines = (any_line(description="Desk\r\nand chair"), any_line(number=2))
    assert line_of(mapped_order(any_order(lines=lines)))["Description"] == "Desk and chair"


def test_your_ref_has_forty_characters_at_most() -> None:
    assert mapped_order(any_order(number="N" * 41)).body["YourRef"] == "N" * 40
    assert mapped_order(any_order(number="")).body["YourRef"] == "po-id-1"


def test_another_active_currency_is_sent_as_it_is() -> None:
    order = any_order(total=Money(Decimal("100.00"), "USD"))
    division = any_division(other_currencies=["USD"])
    assert mapped_order(order, division).body["Currency"] == "USD"


# --- Tags ----------------------------------------------------------------------------------

CENTRES = DictDivisionData(
    codes={
        "cost_centre": [Code("IT"), Code("HR")],
        "cost_unit": [Code("U1")],
        "project": [Code("P1", id=PROJECT_ID)],
    }
)


def test_tags_of_a_line_override_those_of_the_order() -> None:
    lines = (any_line(tags=(any_tag("Department", "IT"),)), any_line(number=2))
    tags = (any_tag("Department", "HR"), any_tag("Cost unit", "U1"))
    mapped = mapped_order(any_order(lines=lines, tags=tags), division_data=CENTRES)
    assert line_of(mapped)["CostCenter"] == "IT"
    assert line_of(mapped)["CostUnit"] == "U1"
    assert line_of(mapped, 1)["CostCenter"] == "HR"


def test_two_tags_that_mean_the_same_are_one_value() -> None:
    tags = (any_tag("Department", "X"), any_tag("Cost centre", "X"))
    data = with_codes("cost_centre", Code("X"))
    line = line_of(mapped_order(second(tags=tags), division_data=data), 1)
    assert line["CostCenter"] == "X"


def test_a_project_is_named_by_its_guid() -> None:
    order = any_order(tags=(any_tag("Project", "P1"),))
    mapped = mapped_order(order, division_data=CENTRES, tag_dimensions={"Project": "project"})
    assert line_of(mapped)["Project"] == PROJECT_ID


def test_a_mapped_tag_replaces_airbases_code() -> None:
    order = any_order(tags=(any_tag("Department", "Sales"),))
    division = any_division(mappings={"cost_centres": {"The Sales": "HR"}})
    assert line_of(mapped_order(order, division, CENTRES))["CostCenter"] == "HR"


def test_an_ignored_tag_changes_nothing() -> None:
    order = any_order(tags=(any_tag("Mood", "good"),))
    assert mapped_order(order, ignored_tags=["Mood"]).body == mapped_order().body


@pytest.mark.parametrize("use", [0, 1])
def test_a_cost_centre_is_kept_where_the_account_accepts_one(use: int) -> None:
    division_data = replace(CENTRES, gl_accounts=[replace(ACCOUNT, use_cost_centre=use)])
    order = any_order(tags=(any_tag("Department", "IT"),))
    assert line_of(mapped_order(order, division_data=division_data))["CostCenter"] == "IT"


def test_dimensions_that_the_account_does_not_use_are_dropped() -> None:
    account = replace(ACCOUNT, use_cost_centre=2, use_cost_unit=2)
    division_data = replace(CENTRES, gl_accounts=[account])
    order = any_order(tags=(any_tag("Department", "IT"), any_tag("Cost unit", "U1")))
    line = line_of(mapped_order(order, division_data=division_data))
    assert "CostCenter" not in line
    assert "CostUnit" not in line


# --- Divisions -----------------------------------------------------------------------------


def test_the_division_is_that_of_the_subsidiary_by_id_then_code_then_name() -> None:
    connection = any_connection(
        any_division(subsidiaries=["Firm NL"]),
        any_division(division=102, subsidiaries=["NL01"]),
        any_division(division=103, subsidiaries=["sub-nl"]),
    )
    assert pick_division(any_order(), connection).division == "nl.103"
    by_code = any_order(subsidiary=Reference("", "NL01", "Firm NL"))
    assert pick_division(by_code, connection).division == "nl.102"
    by_name = any_order(subsidiary=Reference("", "", "Firm NL"))
    assert pick_division(by_name, connection).division == "nl.101"


def test_an_unserved_subsidiary_is_an_exception() -> None:
    order = any_order(subsidiary=Reference("sub-fr", "", "Firm FR"))
    (found,) = problems_of(lambda: pick_division(order, any_connection()))
    assert found == Problem(
        "UNKNOWN_SUBSIDIARY",
        "PO-1",
        "No division of this connection serves the subsidiary Firm FR.",
        "Add the subsidiary to a division of the connection, or under `served_elsewhere` if its "
        "orders are not posted here.",
        evidence={"subsidiary": "Firm FR"},
    )


# --- Every problem -------------------------------------------------------------------------


@dataclass(frozen=True)
class InvalidOrder:
    """An order with one thing wrong, and the problem that is reported."""

    code: str
    record: str
    cause: str
    order: Order = field(default_factory=any_order)
    division: ExactDivision = field(default_factory=any_division)
    division_data: DictDivisionData = field(default_factory=DictDivisionData)
    connection: dict[str, Any] = field(default_factory=dict)

    def map(self) -> MappedOrder:
        return mapped_order(self.order, self.division, self.division_data, **self.connection)


def second(**changes: Any) -> Order:
    """Return an order whose second line is changed."""
    return any_order(lines=(any_line(), any_line(number=2, **changes)))


def on_second(code: str) -> Order:
    """Return an order whose second line is on GL account `code`."""
    return second(gl_account=Reference("", code, ""))


def tagged(dimension: str, code: str) -> Order:
    return second(tags=(any_tag(dimension, code),))


BAD_ACCOUNT = replace(ACCOUNT, id=another_guid(4), code="4500", description="Travel")
BLOCKED = replace(BAD_ACCOUNT, is_blocked=True)
BAD_ITEM = replace(ITEM, id=another_guid(5), gl_costs=BAD_ACCOUNT.id, code="GL-4500")
ACCOUNTS = [ACCOUNT, BAD_ACCOUNT]
ENDED = Code("X", end=YESTERDAY)
PROJECTS = {"tag_dimensions": {"Project": "project"}}


def with_codes(kind: Any, *codes: Code) -> DictDivisionData:
    return DictDivisionData(codes={kind: codes})


def demanding(**use: Any) -> DictDivisionData:
    accounts = [ACCOUNT, replace(BAD_ACCOUNT, **use)]
    return DictDivisionData(gl_accounts=accounts, items=[ITEM, BAD_ITEM])


INVALID_ORDERS = [
    InvalidOrder(
        "TOTAL_MISMATCH",
        "PO-1",
        "The lines add up to 100.00, but the order total is EUR 100.01.",
        any_order(total=Money(Decimal("100.01"), "EUR")),
    ),
    InvalidOrder(
        "NOT_POSITIVE",
        "PO-1, line 2",
        "The amount 0.00 is not positive.",
        second(amount=Decimal("0.00")),
    ),
    InvalidOrder(
        "NOT_POSITIVE",
        "PO-1, line 2",
        "The amount -1.00 is not positive.",
        second(amount=Decimal("-1.00")),
    ),
    InvalidOrder(
        "CURRENCY_NOT_ACTIVE",
        "PO-1",
        "The currency USD is not active in division nl.101 NL.",
        any_order(total=Money(Decimal("100.00"), "USD")),
    ),
    InvalidOrder(
        "UNKNOWN_VENDOR",
        "PO-1",
        "The vendor Papierhandel B.V. is not linked to a supplier in division nl.101 NL.",
        division_data=DictDivisionData(links={}),
    ),
    InvalidOrder(
        "SUPPLIER_GONE",
        "PO-1",
        "The supplier that vendor Papierhandel B.V. is linked to is not in division nl.101 NL.",
        division_data=DictDivisionData(suppliers=[]),
    ),
    InvalidOrder(
        "VENDOR_LINK_IN_DOUBT",
        "PO-1",
        "The link of vendor Papierhandel B.V. in division nl.101 NL is in doubt (NAME_CHANGED).",
        division_data=DictDivisionData(doubts={SUPPLIER_ID: "NAME_CHANGED"}),
    ),
    InvalidOrder(
        "NOT_A_SUPPLIER",
        "PO-1",
        "60001 Papierhandel is not a supplier in division nl.101 NL.",
        division_data=DictDivisionData(suppliers=[replace(SUPPLIER, is_supplier=False)]),
    ),
    InvalidOrder(
        "SUPPLIER_BLOCKED",
        "PO-1",
        "The supplier 60001 Papierhandel is blocked in division nl.101 NL.",
        division_data=DictDivisionData(suppliers=[replace(SUPPLIER, is_blocked=True)]),
    ),
    InvalidOrder(
        "SUPPLIER_ENDED",
        "PO-1",
        "The supplier 60001 Papierhandel is not active on the order date in division nl.101 NL.",
        division_data=DictDivisionData(suppliers=[replace(SUPPLIER, end=YESTERDAY)]),
    ),
    InvalidOrder(
        "SUPPLIER_ENDED",
        "PO-1",
        "The supplier 60001 Papierhandel is not active on the order date in division nl.101 NL.",
        division_data=DictDivisionData(suppliers=[replace(SUPPLIER, start=TOMORROW)]),
    ),
    InvalidOrder(
        "UNKNOWN_GL_ACCOUNT",
        "PO-1, line 2",
        "The GL account Travel (4500) is not in division nl.101 NL.",
        second(gl_account=Reference("acc-2", "4500", "Travel")),
    ),
    InvalidOrder(
        "GL_ACCOUNT_BLOCKED",
        "PO-1, line 2",
        "The GL account 4500 Travel is blocked in division nl.101 NL.",
        on_second("4500"),
        division_data=DictDivisionData(gl_accounts=[ACCOUNT, BLOCKED], items=[ITEM, BAD_ITEM]),
    ),
    InvalidOrder(
        "NO_CARRIER_ITEM",
        "PO-1, line 2",
        "No item in division nl.101 NL books to GL account 4500 Travel.",
        on_second("4500"),
        division_data=DictDivisionData(gl_accounts=ACCOUNTS),
    ),
    InvalidOrder(
        "SEVERAL_CARRIER_ITEMS",
        "PO-1, line 2",
        "Several items in division nl.101 NL book to GL account 4500.",
        on_second("4500"),
        division_data=DictDivisionData(
            gl_accounts=ACCOUNTS, items=[ITEM, BAD_ITEM, replace(BAD_ITEM, id=another_guid(6))]
        ),
    ),
    InvalidOrder(
        "MAPPED_ITEM_UNUSABLE",
        "PO-1, line 2",
        "The mapped item GL-4406 is not an active non-stock purchase item on GL account 4500.",
        on_second("4500"),
        any_division(mappings={"items": {"4500": ITEM_ID}}),
        DictDivisionData(gl_accounts=ACCOUNTS),
    ),
    InvalidOrder(
        "MAPPED_ITEM_UNUSABLE",
        "PO-1, line 2",
        f"The mapped item {another_guid(9)} is not an active non-stock purchase item "
        "on GL account 4500.",
        on_second("4500"),
        any_division(mappings={"items": {"4500": another_guid(9)}}),
        DictDivisionData(gl_accounts=ACCOUNTS),
    ),
    InvalidOrder(
        "VAT_CODE_BASIS",
        "PO-1, line 2",
        "The VAT code X of division nl.101 NL includes VAT and the amounts do not, or vice versa.",
        second(vat_code="X"),
        division_data=with_codes("vat_code", Code("X", percentage_is_included=True)),
    ),
    InvalidOrder(
        "VAT_CODE_NOT_FOR_PURCHASE",
        "PO-1, line 2",
        "The VAT code X of division nl.101 NL is for sales only.",
        second(vat_code="X"),
        division_data=with_codes("vat_code", Code("X", is_for_purchase=False)),
    ),
    InvalidOrder(
        "COST_CENTRE_MISSING",
        "PO-1, line 2",
        "GL account 4500 requires a cost centre in division nl.101 NL.",
        on_second("4500"),
        division_data=demanding(use_cost_centre=1),
    ),
    InvalidOrder(
        "COST_UNIT_MISSING",
        "PO-1, line 2",
        "GL account 4500 requires a cost unit in division nl.101 NL.",
        on_second("4500"),
        division_data=demanding(use_cost_unit=1),
    ),
    InvalidOrder(
        "UNKNOWN_TAG",
        "PO-1, line 2",
        "The tag Mood is not mapped to a dimension.",
        tagged("Mood", "good"),
    ),
    InvalidOrder(
        "UNKNOWN_TAG",
        "PO-1",
        "The tag Mood is not mapped to a dimension.",
        any_order(tags=(any_tag("Mood", "good"),)),
    ),
    InvalidOrder(
        "UNKNOWN_COST_CENTRE",
        "PO-1, line 2",
        "The cost centre The X (X) is not in division nl.101 NL.",
        tagged("Department", "X"),
    ),
    InvalidOrder(
        "SEVERAL_VALUES",
        "PO-1, line 2",
        "The cost centre has more than one value: Department The X, Department The Y.",
        second(tags=(any_tag("Department", "X"), any_tag("Department", "Y"))),
        division_data=with_codes("cost_centre", Code("X"), Code("Y")),
    ),
    InvalidOrder(
        "SEVERAL_VALUES",
        "PO-1",
        "The cost unit has more than one value: Cost unit The Y, Cost unit The X.",
        any_order(tags=(any_tag("Cost unit", "Y"), any_tag("Cost unit", "X"))),
    ),
    InvalidOrder(
        "UNKNOWN_COST_CENTRE",
        "PO-1, line 2",
        "The cost centre The X (X) is not in division nl.101 NL.",
        second(gl_account=Reference("", "4500", ""), tags=(any_tag("Department", "X"),)),
        division_data=demanding(use_cost_centre=1),
    ),
    InvalidOrder(
        "UNKNOWN_COST_UNIT",
        "PO-1, line 2",
        "The cost unit The X (X) is not in division nl.101 NL.",
        tagged("Cost unit", "X"),
    ),
    InvalidOrder(
        "UNKNOWN_PROJECT",
        "PO-1, line 2",
        "The project The X (X) is not in division nl.101 NL.",
        tagged("Project", "X"),
        connection=PROJECTS,
    ),
    InvalidOrder(
        "UNKNOWN_VAT_CODE",
        "PO-1, line 2",
        "The VAT code X (X) is not in division nl.101 NL.",
        second(vat_code="X"),
    ),
    InvalidOrder(
        "UNKNOWN_PAYMENT_CONDITION",
        "PO-1",
        "The payment condition Net 30 (Net 30) is not in division nl.101 NL.",
        any_order(payment_condition="Net 30"),
    ),
    InvalidOrder(
        "COST_CENTRE_BLOCKED",
        "PO-1, line 2",
        "The cost centre X is blocked or ended in division nl.101 NL.",
        tagged("Department", "X"),
        division_data=with_codes("cost_centre", Code("X", is_blocked=True)),
    ),
    InvalidOrder(
        "COST_UNIT_BLOCKED",
        "PO-1, line 2",
        "The cost unit X is blocked or ended in division nl.101 NL.",
        tagged("Cost unit", "X"),
        division_data=with_codes("cost_unit", ENDED),
    ),
    InvalidOrder(
        "PROJECT_BLOCKED",
        "PO-1, line 2",
        "The project X is blocked or ended in division nl.101 NL.",
        tagged("Project", "X"),
        division_data=with_codes("project", ENDED),
        connection=PROJECTS,
    ),
    InvalidOrder(
        "VAT_CODE_BLOCKED",
        "PO-1, line 2",
        "The VAT code X is blocked or ended in division nl.101 NL.",
        second(vat_code="X"),
        division_data=with_codes("vat_code", Code("X", is_blocked=True)),
    ),
    InvalidOrder(
        "PAYMENT_CONDITION_BLOCKED",
        "PO-1",
        "The payment condition X is blocked or ended in division nl.101 NL.",
        any_order(payment_condition="X"),
        division_data=with_codes("payment_condition", ENDED),
    ),
    InvalidOrder(
        "PAYMENT_CONDITION_MISSING",
        "PO-1",
        "The order has no payment condition, nor have the supplier 60001 Papierhandel and division "
        "nl.101 NL. In Germany, Exact demands one.",
        any_order(),
        division=any_division(country="DE"),
    ),
]


@pytest.mark.parametrize("invalid", INVALID_ORDERS, ids=lambda one: one.code)
def test_each_error_is_one_problem_with_its_cause(invalid: InvalidOrder) -> None:
    (found,) = problems_of(invalid.map)
    assert (found.code, found.record, found.cause) == (invalid.code, invalid.record, invalid.cause)
    assert found.remedy.endswith(".")
    assert "{" not in found.cause + found.remedy


def test_every_validation_code_is_raised_by_some_order() -> None:
    tested_above = {"UNKNOWN_SUBSIDIARY"} | {one.code for one in INVALID_ORDERS}
    assert tested_above == {entry.code for entry in VALIDATION}


def test_the_remedy_names_the_division() -> None:
    unusable = next(one for one in INVALID_ORDERS if one.code == "MAPPED_ITEM_UNUSABLE")
    (found,) = problems_of(unusable.map)
    assert found.remedy == "Correct mappings.items of division nl.101 NL, or the item in Exact."


def test_all_problems_are_reported_together_and_each_once() -> None:
    order = any_order(
        number="PO-2",
        total=Money(Decimal("9.00"), "USD"),
        tags=(any_tag("Mood", "good"),),
        lines=(
            any_line(gl_account=Reference("", "1", "")),
            any_line(number=2, vat_code="X", gl_account=Reference("", "1", "")),
        ),
    )
    found = problems_of(lambda: mapped_order(order, division_data=DictDivisionData(links={})))
    assert [(p.code, p.record) for p in found] == [
        ("TOTAL_MISMATCH", "PO-2"),
        ("CURRENCY_NOT_ACTIVE", "PO-2"),
        ("UNKNOWN_VENDOR", "PO-2"),
        ("UNKNOWN_GL_ACCOUNT", "PO-2, line 1"),
        ("UNKNOWN_TAG", "PO-2"),
        ("UNKNOWN_GL_ACCOUNT", "PO-2, line 2"),
        ("UNKNOWN_VAT_CODE", "PO-2, line 2"),
    ]


def test_a_blank_gl_account_is_unknown() -> None:
    order = any_order(lines=(any_line(gl_account=Reference()),))
    (found,) = problems_of(lambda: mapped_order(order))
    assert found.cause == "The GL account nothing () is not in division nl.101 NL."


def test_several_carriers_are_offered_as_candidates() -> None:
    items = [ITEM, replace(ITEM, id=another_guid(1), code="Other")]
    (found,) = problems_of(lambda: mapped_order(division_data=DictDivisionData(items=items)))
    assert [one["code"] for one in found.candidates] == ["GL-4406", "Other"]


def test_evidence_with_braces_breaks_nothing() -> None:
    order = any_order(vendor=Reference("v", "", "{vendor} {0} {"))
    (found,) = problems_of(lambda: mapped_order(order))
    assert "{vendor} {0} {" in found.cause
