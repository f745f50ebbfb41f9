"""Which orders that people entered in Exact make an approved one wait, and which do not."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector.domain.faults import Review
from ml_connector.domain.ids import ConnectionId, Division, OrderId
from ml_connector.domain.money import Money
from ml_connector.domain.orders.exact_order import CANCELLED, ExactOrder
from ml_connector.domain.orders.look_alikes import find_unrecorded, refuse_look_alikes
from ml_connector.domain.orders.marker import marker, order_token
from ml_connector.domain.orders.order import Order
from ml_connector.domain.orders.questions import Known, MarkedOrders, OrdersNear, OriginOf
from ml_connector.domain.records import ExactReference, OrderFacts, OrderState
from ml_connector.infrastructure.exact_orders import ExactOrders
from tests.domain.orders.builders import SUPPLIER_ID, another_guid, any_connection, any_order
from tests.site import keys_of

CONNECTION = ConnectionId("firm")
DIVISION = Division("nl.101")
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
    return ExactOrders(InMemoryTable(), keys_of(CONNECTION), DIVISION)


def known(orders: ExactOrders, order: Order = ORDER, *, including_vat: bool = False) -> Known:
    """Return what is known of an order, given what Exact has reported."""
    marked = orders.with_order_token(order_token(CONNECTION, order.id))
    return Known(
        now=datetime(2026, 11, 23, tzinfo=UTC),
        connection=any_connection(amounts_include_vat=including_vat),
        id=order.id,
        state=OrderState.RECEIVED,
        facts=OrderFacts(),
        answers={
            near(order): tuple(orders.near(SUPPLIER_ID, order.order_date)),
            MarkedOrders(DIVISION): tuple(marked),
            **{OriginOf(one.id): None for one in orders.all()},
        },
    )


def near(order: Order) -> OrdersNear:
    return OrdersNear(DIVISION, SUPPLIER_ID, order.order_date)


def is_reported(orders: ExactOrders, *, including_vat: bool = False) -> bool:
    try:
        refuse_look_alikes(known(orders, including_vat=including_vat), ORDER, near(ORDER))
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
    refuse_look_alikes(known(orders, order), order, near(order))


@pytest.mark.parametrize(
    ("origin", "is_other"), [(None, False), (ORDER.id, False), (OrderId("po-id-2"), True)]
)
def test_one_that_came_from_another_airbase_order_is_another_purchase(
    orders: ExactOrders, origin: OrderId | None, is_other: bool
) -> None:
    orders.keep([BY_HAND])
    told = known(orders).told({OriginOf(BY_HAND.id): origin})
    if is_other:
        refuse_look_alikes(told, ORDER, near(ORDER))
    else:
        with pytest.raises(Review, match="26000001"):
            refuse_look_alikes(told, ORDER, near(ORDER))


def test_so_is_one_of_which_a_person_said_so(orders: ExactOrders) -> None:
    orders.keep([BY_HAND])
    facts = OrderFacts(not_duplicates=(BY_HAND.id,))
    refuse_look_alikes(replace(known(orders), facts=facts), ORDER, near(ORDER))


def test_an_order_that_got_another_supplier_is_not_similar_any_more(orders: ExactOrders) -> None:
    orders.keep([BY_HAND])
    assert is_reported(orders)
    orders.keep([replace(BY_HAND, supplier=another_guid(9))])
    assert not is_reported(orders)


def found_after_removal(orders: ExactOrders, removed: ExactOrder) -> ExactOrder | None:
    facts = OrderFacts(removed=ExactReference(removed.id))
    return find_unrecorded(replace(known(orders), facts=facts), ORDER, DIVISION)


class TestOursThatTheLedgerHasLost:
    ours = replace(BY_HAND, remarks=f"Airbase PO-1 {marker(CONNECTION, ORDER.id, '1')}")

    def test_it_is_found_by_its_marker(self, orders: ExactOrders) -> None:
        orders.keep([self.ours, replace(BY_HAND, id=another_guid(2))])
        assert find_unrecorded(known(orders), ORDER, DIVISION) == self.ours

    def test_a_cancelled_one_does_not_count(self, orders: ExactOrders) -> None:
        orders.keep([replace(self.ours, order_status=CANCELLED)])
        assert find_unrecorded(known(orders), ORDER, DIVISION) is None

    def test_nor_does_one_that_is_known_to_be_deleted(self, orders: ExactOrders) -> None:
        orders.keep([self.ours])
        assert found_after_removal(orders, self.ours) is None

    def test_nor_one_that_a_late_page_brings_back_after_its_deletion(
        self, orders: ExactOrders
    ) -> None:
        orders.mark_deleted(self.ours.id)
        orders.keep([self.ours])
        assert find_unrecorded(known(orders), ORDER, DIVISION) is None

    def test_nor_one_whose_marker_somebody_removed(self, orders: ExactOrders) -> None:
        orders.keep([self.ours])
        orders.keep([replace(self.ours, remarks="")])
        assert find_unrecorded(known(orders), ORDER, DIVISION) is None

    def test_of_several_a_person_chooses(self, orders: ExactOrders) -> None:
        orders.keep([self.ours, replace(self.ours, id=another_guid(2), number="26000002")])
        with pytest.raises(Review) as review:
            find_unrecorded(known(orders), ORDER, DIVISION)
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
