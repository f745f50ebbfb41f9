"""Which orders that people entered in Exact make an approved one wait, and which do not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division
from ml_connector.domain.money import Money
from ml_connector.domain.orders.exact_order import CANCELLED, ExactOrder
from ml_connector.domain.orders.marker import marker
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.purchase_orders.exact_lookup import find_unrecorded, refuse_duplicate
from tests.domain.orders.builders import SUPPLIER_ID, another_guid, any_connection, any_order

CONNECTION = ConnectionId("firm")
ORDER = any_order(order_date=date(2026, 11, 23))  # PO-1, EUR 100.00
BY_HAND = ExactOrder(
    id=another_guid(1),
    number="26000001",
    supplier=SUPPLIER_ID,
    currency="EUR",
    amount=Decimal("121.00"),
    amount_without_vat=Decimal("100.00"),
    order_date=date(2026, 11, 20),
)
OTHER_AMOUNT: Mapping[str, Any] = {"amount": Decimal(12), "amount_without_vat": Decimal(10)}


@pytest.fixture
def orders() -> ExactOrders:
    return ExactOrders(InMemoryTable(), CONNECTION, Division(101))


def is_reported(orders: ExactOrders, *, including_vat: bool = False) -> bool:
    connection = any_connection(amounts_include_vat=including_vat)
    try:
        refuse_duplicate(orders, connection, ORDER, SUPPLIER_ID, lambda _: False)
    except Review as review:
        return [each.code for each in review.problems] == ["POSSIBLE_DUPLICATE"]
    return False


@pytest.mark.parametrize(
    ("entered", "reported"),
    [
        ({}, True),
        ({"currency": "USD"}, False),
        (OTHER_AMOUNT, False),
        ({**OTHER_AMOUNT, "your_ref": "PO-1"}, True),
        ({**OTHER_AMOUNT, "your_ref": "po-1"}, True),
        ({**OTHER_AMOUNT, "your_ref": "PO-1", "currency": "USD"}, True),
        ({**OTHER_AMOUNT, "your_ref": "PO-11"}, False),
        ({"supplier": another_guid(9)}, False),
        ({"order_status": CANCELLED}, False),
        ({"your_ref": "PO-1", "order_status": CANCELLED}, False),
        ({"remarks": marker(CONNECTION, any_order(id="po-id-2").id, "1")}, False),
        ({"order_date": date(2026, 10, 1)}, True),
        ({"order_date": date(2026, 12, 20)}, True),
        ({"order_date": date(2026, 8, 31)}, False),
        ({"order_date": date(2027, 1, 31)}, False),
    ],
)
def test_what_is_similar(
    orders: ExactOrders,
    entered: Mapping[str, Any],
    reported: bool,
) -> None:
    orders.keep([replace(BY_HAND, **entered)])
    assert is_reported(orders) is reported


@pytest.mark.parametrize(
    ("with_vat", "without_vat", "including_vat", "reported"),
    [
        ("121.00", "100.00", False, True),
        ("121.00", "100.00", True, False),
        ("100.00", "82.64", True, True),
        ("100.00", "82.64", False, False),
    ],
)
def test_totals_are_compared_with_or_without_vat_as_airbase_states_them(
    orders: ExactOrders,
    with_vat: str,
    without_vat: str,
    including_vat: bool,
    reported: bool,
) -> None:
    amounts: Any = {"amount": Decimal(with_vat), "amount_without_vat": Decimal(without_vat)}
    orders.keep([replace(BY_HAND, **amounts)])
    assert is_reported(orders, including_vat=including_vat) is reported


def test_the_total_of_the_order_decides_and_not_the_line(orders: ExactOrders) -> None:
    orders.keep([BY_HAND])
    order = replace(ORDER, total=Money(Decimal("100.01"), "EUR"))
    refuse_duplicate(orders, any_connection(), order, SUPPLIER_ID, lambda _: False)


def test_an_order_that_got_another_supplier_is_not_similar_any_more(orders: ExactOrders) -> None:
    orders.keep([BY_HAND])
    assert is_reported(orders)
    orders.keep([replace(BY_HAND, supplier=another_guid(9))])
    assert not is_reported(orders)


class TestOursThatTheLedgerHasLost:
    ours = replace(BY_HAND, remarks=f"Airbase PO-1 {marker(CONNECTION, ORDER.id, '1')}")

    def test_it_is_found_by_its_marker(self, orders: ExactOrders) -> None:
        orders.keep([self.ours, replace(BY_HAND, id=another_guid(2))])
        assert find_unrecorded(orders, CONNECTION, ORDER) == self.ours

    def test_a_cancelled_one_does_not_count(self, orders: ExactOrders) -> None:
        orders.keep([replace(self.ours, order_status=CANCELLED)])
        assert find_unrecorded(orders, CONNECTION, ORDER) is None

    def test_nor_does_one_that_is_known_to_be_deleted(self, orders: ExactOrders) -> None:
        orders.keep([self.ours])
        assert find_unrecorded(orders, CONNECTION, ORDER, deleted=self.ours.id) is None

    def test_nor_one_that_a_late_page_brings_back_after_its_deletion(
        self, orders: ExactOrders
    ) -> None:
        orders.mark_deleted(self.ours.id)
        orders.keep([self.ours])
        assert find_unrecorded(orders, CONNECTION, ORDER) is None

    def test_nor_one_whose_marker_somebody_removed(self, orders: ExactOrders) -> None:
        orders.keep([self.ours])
        orders.keep([replace(self.ours, remarks="")])
        assert find_unrecorded(orders, CONNECTION, ORDER) is None

    def test_of_several_a_person_chooses(self, orders: ExactOrders) -> None:
        orders.keep([self.ours, replace(self.ours, id=another_guid(2), number="26000002")])
        with pytest.raises(Review) as review:
            find_unrecorded(orders, CONNECTION, ORDER)
        (problem,) = review.value.problems
        assert problem.code == "SEVERAL_IN_EXACT"
        assert "26000001, 26000002" in problem.cause


def test_its_own_order_without_the_marker_is_not_posted_a_second_time(
    env: InMemoryEnvironment,
) -> None:
    """The ledger has lost the order, and somebody has cleared the remarks in Exact."""
    env.connect()
    order = env.order()
    env.post(order)
    (there,) = env.in_exact()
    env.exact.change(
        NL.division, "purchaseorder/PurchaseOrders", there["PurchaseOrderID"], Remarks=""
    )
    env.wait(hours=4, minutes=1)
    env.memory.tables.ledger.delete(FIRM, f"order#{order['id']}")
    for entry in list(env.memory.tables.audit.query(f"{FIRM}#order#{order['id']}")):
        env.memory.tables.audit.delete(str(entry["pk"]), str(entry["sk"]))
    env.clock.move(400)
    env.post(order)
    assert env.codes(order) == ["POSSIBLE_DUPLICATE"]
    assert len(env.in_exact()) == 1
