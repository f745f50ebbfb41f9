"""What an order becomes in Exact, and every reason for which it does not."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from ml_connector.connection import ExactDivision
from ml_connector.faults import Problem, Review
from ml_connector.money import Money
from ml_connector.purchase_orders.books import Code
from ml_connector.purchase_orders.carriers import CarrierNeeded, LinkNeeded
from ml_connector.purchase_orders.marker import marks
from ml_connector.purchase_orders.model import Order, Reference
from ml_connector.purchase_orders.plan import Plan, pick_division, plan
from ml_connector.purchase_orders.problems import PLANNING_CODES
from tests.purchase_orders.builders import (
    ACCOUNT,
    ITEM,
    ITEM_ID,
    PROJECT_ID,
    SUPPLIER,
    SUPPLIER_ID,
    TOMORROW,
    WAREHOUSE_ID,
    YESTERDAY,
    DictBooks,
    another_guid,
    any_connection,
    any_division,
    any_line,
    any_order,
    any_tag,
)


def planned(
    order: Order | None = None,
    division: ExactDivision | None = None,
    books: DictBooks | None = None,
    **connection: Any,
) -> Plan:
    division = division or any_division()
    made = any_connection(division, **connection)
    return plan(order or any_order(), made, division, books or DictBooks())


def line_of(made: Plan, position: int = 0) -> dict[str, Any]:
    line: dict[str, Any] = made.body["PurchaseOrderLines"][position]
    return line


def problems_of(call: Callable[[], Any]) -> tuple[Problem, ...]:
    with pytest.raises(Review) as caught:
        call()
    return caught.value.problems


# --- The whole body ------------------------------------------------------------------------


def test_an_order_becomes_one_body() -> None:
    made = planned()
    body = dict(made.body)
    remarks = body.pop("Remarks")
    assert remarks.startswith("Airbase PO-1 [airbase ")
    assert marks(remarks, any_connection().id, any_order().id)
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
    assert made.needs == ()


def test_lines_keep_their_order_quantities_and_prices() -> None:
    lines = (
        any_line(quantity=Decimal("2.5"), unit_price=Decimal("40.00")),
        any_line(number=2, amount=Decimal("0.01"), unit_price=Decimal("0.01")),
    )
    made = planned(any_order(lines=lines))
    assert line_of(made)["QuantityInPurchaseUnits"] == 2.5
    assert line_of(made)["UnitPrice"] == 40
    assert line_of(made, 1)["UnitPrice"] == 0.01


def test_a_text_that_poses_as_another_orders_marker_is_defused() -> None:
    made = planned()
    stolen = made.body["Remarks"]
    other = any_order(id="po-id-2", number=stolen[:200])
    remarks = planned(other).body["Remarks"]
    assert marks(remarks, any_connection().id, other.id)
    assert not marks(remarks, any_connection().id, any_order().id)


# --- Supplier ------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [SUPPLIER_ID, "60001"], ids=["guid", "code"])
def test_a_mapped_vendor_wins_over_its_link(target: str) -> None:
    division = any_division(mappings={"suppliers": {"ven-1": target}})
    books = DictBooks(links={"ven-1": "70001"})
    assert planned(division=division, books=books).body["Supplier"] == SUPPLIER_ID


def test_a_vendor_may_be_mapped_by_its_name() -> None:
    division = any_division(mappings={"suppliers": {"Papierhandel B.V.": "60001"}})
    assert planned(division=division, books=DictBooks(links={})).body["Supplier"] == SUPPLIER_ID


def test_the_erp_reference_that_airbase_keeps_is_a_link() -> None:
    order = any_order(vendor=Reference("ven-9", "60001", "Whoever"))
    assert planned(order, books=DictBooks(links={})).body["Supplier"] == SUPPLIER_ID


def test_an_unknown_vendor_comes_with_three_candidates_at_most() -> None:
    alike = [replace(SUPPLIER, id=another_guid(n), code=str(n)) for n in range(5)]
    (found,) = problems_of(lambda: planned(books=DictBooks(links={}, suppliers=alike)))
    assert found.code == "UNKNOWN_VENDOR"
    assert found.candidates == [
        {"id": another_guid(n), "code": str(n), "name": "Papierhandel"} for n in range(3)
    ]


def test_validity_counts_both_of_its_days() -> None:
    day = any_order().order_date
    assert planned(books=DictBooks(suppliers=[replace(SUPPLIER, start=day, end=day)]))


# --- GL account and item -------------------------------------------------------------------


def test_a_gl_account_may_be_mapped_by_id_code_or_name() -> None:
    for key in ("acc-1", "9999", "Travel"):
        line = any_line(gl_account=Reference("acc-1", "9999", "Travel"))
        division = any_division(mappings={"gl_accounts": {key: "4406"}})
        assert line_of(planned(any_order(lines=(line,)), division))["Item"] == ITEM_ID


def test_the_mapping_of_the_id_comes_before_that_of_the_name() -> None:
    mappings = {"gl_accounts": {"Office supplies": "nothing", "acc-1": "4406"}}
    assert planned(division=any_division(mappings=mappings))


def test_a_mapped_item_is_used_and_no_other() -> None:
    chosen = replace(ITEM, id=another_guid(1))
    division = any_division(mappings={"items": {"4406": chosen.id.upper()}})
    books = DictBooks(items=[ITEM, chosen])
    assert line_of(planned(division=division, books=books))["Item"] == chosen.id


@pytest.mark.parametrize(
    "unfit",
    [
        {"is_stock": True},
        {"is_purchase": False},
        {"end": YESTERDAY},
        {"start": TOMORROW},
    ],
)
def test_an_unfit_item_is_no_carrier(unfit: dict[str, Any]) -> None:
    other = replace(ITEM, id=another_guid(1), **unfit)
    assert line_of(planned(books=DictBooks(items=[other, ITEM])))["Item"] == ITEM_ID
    (found,) = problems_of(lambda: planned(books=DictBooks(items=[other])))
    assert found.code == "NO_CARRIER_ITEM"


def test_a_missing_carrier_is_needed_once_where_it_may_be_made() -> None:
    order = any_order(lines=(any_line(), any_line(number=2)))
    division = any_division(create_items=True)
    made = planned(order, division, DictBooks(items=[]))
    assert made.needs == (CarrierNeeded(ACCOUNT),)
    assert made.needs[0].name == "item for GL account 4406"
    assert "Item" not in line_of(made)


def test_a_link_is_needed_where_the_division_demands_it() -> None:
    division = any_division(link_supplier_items=True)
    made = planned(division=division)
    assert made.needs == (LinkNeeded(ITEM, SUPPLIER, 100),)
    assert made.needs[0].name == "link of item GL-4406 to supplier 60001"
    known = DictBooks(supplied={(ITEM_ID, SUPPLIER_ID)})
    assert planned(division=division, books=known).needs == ()
    assert planned().needs == ()


# --- VAT, payment condition, header --------------------------------------------------------


def vat(*codes: str) -> DictBooks:
    return DictBooks(codes={"vat_code": [Code(code) for code in codes]})


def test_vat_code_of_line_then_account_then_supplier_then_division() -> None:
    books = vat("L", "A", "S", "D")
    line = any_order(lines=(any_line(vat_code="L"),))
    division = any_division(default_vat_code="D")
    assert line_of(planned(line, division, books))["VATCode"] == "L"
    assert line_of(planned(None, division, books))["VATCode"] == "D"
    books.suppliers = [replace(SUPPLIER, vat_code="S")]
    assert line_of(planned(None, division, books))["VATCode"] == "S"
    books.gl_accounts = [replace(ACCOUNT, vat_code="A")]
    assert line_of(planned(None, division, books))["VATCode"] == "A"
    assert line_of(planned(line, division, books))["VATCode"] == "L"


def test_a_mapped_vat_code_replaces_airbases_word() -> None:
    order = any_order(lines=(any_line(vat_code="High rate"),))
    division = any_division(mappings={"vat_codes": {"High rate": "4"}})
    assert line_of(planned(order, division, vat("4")))["VATCode"] == "4"


def test_an_inclusive_code_fits_amounts_that_include_vat() -> None:
    books = DictBooks(codes={"vat_code": [Code("5", percentage_is_included=True)]})
    order = any_order(lines=(any_line(vat_code="5"),))
    assert line_of(planned(order, books=books, amounts_include_vat=True))["VATCode"] == "5"


def test_payment_condition_of_order_then_supplier_then_division() -> None:
    books = DictBooks(codes={"payment_condition": [Code("30"), Code("14"), Code("60")]})
    order = any_order(payment_condition="Net 30")
    mappings = {"payment_conditions": {"Net 30": "30"}}
    division = any_division(default_payment_condition="60", mappings=mappings)
    assert planned(order, division, books).body["PaymentCondition"] == "30"
    assert planned(None, division, books).body["PaymentCondition"] == "60"
    books.suppliers = [replace(SUPPLIER, payment_condition="14")]
    assert planned(None, division, books).body["PaymentCondition"] == "14"
    assert "PaymentCondition" not in planned().body


def test_the_divisions_warehouse_is_named() -> None:
    made = planned(division=any_division(warehouse=f"{{{WAREHOUSE_ID.upper()}}}"))
    assert made.body["Warehouse"] == WAREHOUSE_ID


def test_receipt_date_of_the_line_then_of_the_order() -> None:
    lines = (any_line(receipt_date=TOMORROW), any_line(number=2))
    made = planned(any_order(lines=lines, receipt_date=YESTERDAY))
    assert made.body["ReceiptDate"] == "2026-11-22"
    assert line_of(made)["ReceiptDate"] == "2026-11-24"
    assert line_of(made, 1)["ReceiptDate"] == "2026-11-22"


def test_long_texts_are_cut_to_what_exact_takes_and_kept_in_the_notes() -> None:
    text = "x" * 61
    made = planned(any_order(lines=(any_line(description=text),), description=text))
    assert made.body["Description"] == "x" * 60
    assert line_of(made)["Description"] == "x" * 60
    assert line_of(made)["Notes"] == f"GL account 4406. {text}"


def test_your_ref_has_forty_characters_at_most() -> None:
    assert planned(any_order(number="N" * 41)).body["YourRef"] == "N" * 40
    assert planned(any_order(number="")).body["YourRef"] == "po-id-1"


def test_another_active_currency_is_sent_as_it_is() -> None:
    order = any_order(total=Money(Decimal("100.00"), "USD"))
    division = any_division(other_currencies=["USD"])
    assert planned(order, division).body["Currency"] == "USD"


# --- Tags ----------------------------------------------------------------------------------

CENTRES = DictBooks(
    codes={
        "cost_centre": [Code("IT"), Code("HR")],
        "cost_unit": [Code("U1")],
        "project": [Code("P1", id=PROJECT_ID)],
    }
)


def test_tags_of_a_line_override_those_of_the_order() -> None:
    lines = (any_line(tags=(any_tag("Department", "IT"),)), any_line(number=2))
    tags = (any_tag("Department", "HR"), any_tag("Cost unit", "U1"))
    made = planned(any_order(lines=lines, tags=tags), books=CENTRES)
    assert line_of(made)["CostCenter"] == "IT"
    assert line_of(made)["CostUnit"] == "U1"
    assert line_of(made, 1)["CostCenter"] == "HR"


def test_a_project_is_named_by_its_guid() -> None:
    order = any_order(tags=(any_tag("Project", "P1"),))
    made = planned(order, books=CENTRES, tag_dimensions={"Project": "project"})
    assert line_of(made)["Project"] == PROJECT_ID


def test_a_mapped_tag_replaces_airbases_word() -> None:
    order = any_order(tags=(any_tag("Department", "Sales"),))
    division = any_division(mappings={"cost_centres": {"The Sales": "HR"}})
    assert line_of(planned(order, division, CENTRES))["CostCenter"] == "HR"


def test_an_ignored_tag_changes_nothing() -> None:
    order = any_order(tags=(any_tag("Mood", "good"),))
    assert planned(order, ignored_tags=["Mood"]).body == planned().body


@pytest.mark.parametrize("use", [0, 1])
def test_a_cost_centre_is_kept_where_the_account_takes_one(use: int) -> None:
    books = replace(CENTRES, gl_accounts=[replace(ACCOUNT, use_cost_centre=use)])
    order = any_order(tags=(any_tag("Department", "IT"),))
    assert line_of(planned(order, books=books))["CostCenter"] == "IT"


def test_dimensions_that_the_account_does_not_use_are_dropped() -> None:
    account = replace(ACCOUNT, use_cost_centre=2, use_cost_unit=2)
    books = replace(CENTRES, gl_accounts=[account])
    order = any_order(tags=(any_tag("Department", "IT"), any_tag("Cost unit", "U1")))
    line = line_of(planned(order, books=books))
    assert "CostCenter" not in line
    assert "CostUnit" not in line


# --- Divisions -----------------------------------------------------------------------------


def test_the_division_is_that_of_the_subsidiary_by_id_then_code_then_name() -> None:
    connection = any_connection(
        any_division(subsidiaries=["Firm NL"]),
        any_division(division=102, subsidiaries=["NL01"]),
        any_division(division=103, subsidiaries=["sub-nl"]),
    )
    assert pick_division(any_order(), connection).division == 103
    by_code = any_order(subsidiary=Reference("", "NL01", "Firm NL"))
    assert pick_division(by_code, connection).division == 102
    by_name = any_order(subsidiary=Reference("", "", "Firm NL"))
    assert pick_division(by_name, connection).division == 101


def test_an_unserved_subsidiary_is_an_exception() -> None:
    order = any_order(subsidiary=Reference("sub-fr", "", "Firm FR"))
    (found,) = problems_of(lambda: pick_division(order, any_connection()))
    assert found == Problem(
        "UNKNOWN_SUBSIDIARY",
        "PO-1",
        "no division of this connection serves the subsidiary Firm FR.",
        "Add the subsidiary to a division of the connection.",
        evidence={"subsidiary": "Firm FR"},
    )


# --- Every problem -------------------------------------------------------------------------


@dataclass(frozen=True)
class Spoiled:
    """An order with one thing wrong, and what a person is told about it."""

    code: str
    record: str
    said: str
    order: Order = field(default_factory=any_order)
    division: ExactDivision = field(default_factory=any_division)
    books: DictBooks = field(default_factory=DictBooks)
    connection: dict[str, Any] = field(default_factory=dict)

    def plan(self) -> Plan:
        return planned(self.order, self.division, self.books, **self.connection)


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


def with_codes(kind: Any, *codes: Code) -> DictBooks:
    return DictBooks(codes={kind: codes})


def demanding(**use: Any) -> DictBooks:
    accounts = [ACCOUNT, replace(BAD_ACCOUNT, **use)]
    return DictBooks(gl_accounts=accounts, items=[ITEM, BAD_ITEM])


SPOILED = [
    Spoiled(
        "TOTAL_MISMATCH",
        "PO-1",
        "the lines add up to 100.00, the order says EUR 100.01.",
        any_order(total=Money(Decimal("100.01"), "EUR")),
    ),
    Spoiled(
        "NOT_POSITIVE",
        "PO-1, line 2",
        "the amount 0.00 is not above zero.",
        second(amount=Decimal("0.00")),
    ),
    Spoiled(
        "NOT_POSITIVE",
        "PO-1, line 2",
        "the amount -1.00 is not above zero.",
        second(amount=Decimal("-1.00")),
    ),
    Spoiled(
        "CURRENCY_NOT_ACTIVE",
        "PO-1",
        "division 101 NL does not work in USD.",
        any_order(total=Money(Decimal("100.00"), "USD")),
    ),
    Spoiled(
        "UNKNOWN_VENDOR",
        "PO-1",
        "the vendor Papierhandel B.V. is not linked to a supplier in division 101 NL.",
        books=DictBooks(links={}),
    ),
    Spoiled(
        "SUPPLIER_GONE",
        "PO-1",
        "the supplier that vendor Papierhandel B.V. is linked to is not in division 101 NL.",
        books=DictBooks(suppliers=[]),
    ),
    Spoiled(
        "VENDOR_LINK_IN_DOUBT",
        "PO-1",
        "the link of vendor Papierhandel B.V. in division 101 NL is in doubt (NAME_CHANGED).",
        books=DictBooks(doubts={SUPPLIER_ID: "NAME_CHANGED"}),
    ),
    Spoiled(
        "NOT_A_SUPPLIER",
        "PO-1",
        "60001 Papierhandel is no supplier in division 101 NL.",
        books=DictBooks(suppliers=[replace(SUPPLIER, is_supplier=False)]),
    ),
    Spoiled(
        "SUPPLIER_BLOCKED",
        "PO-1",
        "the supplier 60001 Papierhandel is blocked in division 101 NL.",
        books=DictBooks(suppliers=[replace(SUPPLIER, is_blocked=True)]),
    ),
    Spoiled(
        "SUPPLIER_ENDED",
        "PO-1",
        "the supplier 60001 Papierhandel is not active on the order date in division 101 NL.",
        books=DictBooks(suppliers=[replace(SUPPLIER, end=YESTERDAY)]),
    ),
    Spoiled(
        "SUPPLIER_ENDED",
        "PO-1",
        "the supplier 60001 Papierhandel is not active on the order date in division 101 NL.",
        books=DictBooks(suppliers=[replace(SUPPLIER, start=TOMORROW)]),
    ),
    Spoiled(
        "UNKNOWN_GL_ACCOUNT",
        "PO-1, line 2",
        "the GL account Travel (4500) is not in division 101 NL.",
        second(gl_account=Reference("acc-2", "4500", "Travel")),
    ),
    Spoiled(
        "GL_ACCOUNT_BLOCKED",
        "PO-1, line 2",
        "the GL account 4500 Travel is blocked in division 101 NL.",
        on_second("4500"),
        books=DictBooks(gl_accounts=[ACCOUNT, BLOCKED], items=[ITEM, BAD_ITEM]),
    ),
    Spoiled(
        "NO_CARRIER_ITEM",
        "PO-1, line 2",
        "no item in division 101 NL books to GL account 4500 Travel.",
        on_second("4500"),
        books=DictBooks(gl_accounts=ACCOUNTS),
    ),
    Spoiled(
        "SEVERAL_CARRIER_ITEMS",
        "PO-1, line 2",
        "several items in division 101 NL book to GL account 4500.",
        on_second("4500"),
        books=DictBooks(
            gl_accounts=ACCOUNTS, items=[ITEM, BAD_ITEM, replace(BAD_ITEM, id=another_guid(6))]
        ),
    ),
    Spoiled(
        "MAPPED_ITEM_UNUSABLE",
        "PO-1, line 2",
        "the mapped item GL-4406 is not an active non-stock purchase item on GL account 4500.",
        on_second("4500"),
        any_division(mappings={"items": {"4500": ITEM_ID}}),
        DictBooks(gl_accounts=ACCOUNTS),
    ),
    Spoiled(
        "MAPPED_ITEM_UNUSABLE",
        "PO-1, line 2",
        f"the mapped item {another_guid(9)} is not an active non-stock purchase item "
        "on GL account 4500.",
        on_second("4500"),
        any_division(mappings={"items": {"4500": another_guid(9)}}),
        DictBooks(gl_accounts=ACCOUNTS),
    ),
    Spoiled(
        "VAT_CODE_BASIS",
        "PO-1, line 2",
        "the VAT code X of division 101 NL does not count VAT as the amounts do.",
        second(vat_code="X"),
        books=with_codes("vat_code", Code("X", percentage_is_included=True)),
    ),
    Spoiled(
        "VAT_CODE_NOT_FOR_PURCHASE",
        "PO-1, line 2",
        "the VAT code X of division 101 NL is for sales only.",
        second(vat_code="X"),
        books=with_codes("vat_code", Code("X", is_for_purchase=False)),
    ),
    Spoiled(
        "COST_CENTRE_MISSING",
        "PO-1, line 2",
        "GL account 4500 demands a cost centre in division 101 NL, and there is none.",
        on_second("4500"),
        books=demanding(use_cost_centre=1),
    ),
    Spoiled(
        "COST_UNIT_MISSING",
        "PO-1, line 2",
        "GL account 4500 demands a cost unit in division 101 NL, and there is none.",
        on_second("4500"),
        books=demanding(use_cost_unit=1),
    ),
    Spoiled(
        "UNKNOWN_TAG",
        "PO-1, line 2",
        "the tag Mood has no meaning here.",
        tagged("Mood", "good"),
    ),
    Spoiled(
        "UNKNOWN_TAG",
        "PO-1",
        "the tag Mood has no meaning here.",
        any_order(tags=(any_tag("Mood", "good"),)),
    ),
    Spoiled(
        "UNKNOWN_COST_CENTRE",
        "PO-1, line 2",
        "the cost centre The X (X) is not in division 101 NL.",
        tagged("Department", "X"),
    ),
    Spoiled(
        "UNKNOWN_COST_UNIT",
        "PO-1, line 2",
        "the cost unit The X (X) is not in division 101 NL.",
        tagged("Cost unit", "X"),
    ),
    Spoiled(
        "UNKNOWN_PROJECT",
        "PO-1, line 2",
        "the project The X (X) is not in division 101 NL.",
        tagged("Project", "X"),
        connection=PROJECTS,
    ),
    Spoiled(
        "UNKNOWN_VAT_CODE",
        "PO-1, line 2",
        "the VAT code X (X) is not in division 101 NL.",
        second(vat_code="X"),
    ),
    Spoiled(
        "UNKNOWN_PAYMENT_CONDITION",
        "PO-1",
        "the payment condition Net 30 (Net 30) is not in division 101 NL.",
        any_order(payment_condition="Net 30"),
    ),
    Spoiled(
        "COST_CENTRE_BLOCKED",
        "PO-1, line 2",
        "the cost centre X is blocked or ended in division 101 NL.",
        tagged("Department", "X"),
        books=with_codes("cost_centre", Code("X", is_blocked=True)),
    ),
    Spoiled(
        "COST_UNIT_BLOCKED",
        "PO-1, line 2",
        "the cost unit X is blocked or ended in division 101 NL.",
        tagged("Cost unit", "X"),
        books=with_codes("cost_unit", ENDED),
    ),
    Spoiled(
        "PROJECT_BLOCKED",
        "PO-1, line 2",
        "the project X is blocked or ended in division 101 NL.",
        tagged("Project", "X"),
        books=with_codes("project", ENDED),
        connection=PROJECTS,
    ),
    Spoiled(
        "VAT_CODE_BLOCKED",
        "PO-1, line 2",
        "the VAT code X is blocked or ended in division 101 NL.",
        second(vat_code="X"),
        books=with_codes("vat_code", Code("X", is_blocked=True)),
    ),
    Spoiled(
        "PAYMENT_CONDITION_BLOCKED",
        "PO-1",
        "the payment condition X is blocked or ended in division 101 NL.",
        any_order(payment_condition="X"),
        books=with_codes("payment_condition", ENDED),
    ),
]


@pytest.mark.parametrize("spoiled", SPOILED, ids=lambda one: one.code)
def test_one_thing_wrong_is_one_problem_that_says_what(spoiled: Spoiled) -> None:
    (found,) = problems_of(spoiled.plan)
    assert (found.code, found.record, found.cause) == (spoiled.code, spoiled.record, spoiled.said)
    assert found.remedy.endswith(".")
    assert "{" not in found.cause + found.remedy


def test_each_planning_code_is_raised_by_some_order() -> None:
    tested_above = {"UNKNOWN_SUBSIDIARY"} | {one.code for one in SPOILED}
    assert tested_above == PLANNING_CODES


def test_the_remedy_names_the_division() -> None:
    unusable = next(one for one in SPOILED if one.code == "MAPPED_ITEM_UNUSABLE")
    (found,) = problems_of(unusable.plan)
    assert found.remedy == "Correct mappings.items of division 101 NL, or the item in Exact."


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
    found = problems_of(lambda: planned(order, books=DictBooks(links={})))
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
    (found,) = problems_of(lambda: planned(order))
    assert found.cause == "the GL account nothing () is not in division 101 NL."


def test_several_carriers_are_offered_as_candidates() -> None:
    items = [ITEM, replace(ITEM, id=another_guid(1), code="Other")]
    (found,) = problems_of(lambda: planned(books=DictBooks(items=items)))
    assert [one["code"] for one in found.candidates] == ["GL-4406", "Other"]


def test_evidence_with_braces_breaks_nothing() -> None:
    order = any_order(vendor=Reference("v", "", "{vendor} {0} {"))
    (found,) = problems_of(lambda: planned(order))
    assert "{vendor} {0} {" in found.cause
