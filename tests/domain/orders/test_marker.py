"""The connector recognises its own purchase orders in Exact, and no others."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from ml_connector.domain.ids import ConnectionId, OrderId
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.orders.marker import is_marked_for, marker, your_ref
from ml_connector.domain.states import ApprovalState
from tests.domain.orders.builders import TOMORROW, any_line, any_order, any_tag

IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30)
AROUND = st.text(st.characters(codec="utf-8"), max_size=40)
FIRM = ConnectionId("firm")
ORDER = OrderId("po-1")


@given(IDS, IDS, IDS, AROUND, AROUND)
def test_a_marker_is_found_within_any_text(
    connection: str, order: str, revision: str, before: str, after: str
) -> None:
    firm, id = ConnectionId(connection), OrderId(order)
    text = marker(firm, id, revision)
    assert is_marked_for(f"{before}{text}{after}", firm, id)
    assert len(text) == 39
    assert text.isascii()


@given(IDS, IDS, IDS, IDS, IDS)
def test_two_orders_are_never_confused(
    one: str, other: str, order: str, another: str, revision: str
) -> None:
    assume((one, order) != (other, another))
    text = marker(ConnectionId(one), OrderId(order), revision)
    assert not is_marked_for(text, ConnectionId(other), OrderId(another))


def test_a_digit_more_or_less_is_another_order() -> None:
    text = marker(ConnectionId("firm-1"), OrderId("1"), "1")
    assert not is_marked_for(text, ConnectionId("firm"), OrderId("-11"))
    assert not is_marked_for(text, ConnectionId("firm-1"), OrderId("11"))


def test_any_revision_is_the_same_order_under_another_marker() -> None:
    assert is_marked_for(marker(FIRM, ORDER, "2"), FIRM, ORDER)
    assert marker(FIRM, ORDER, "1") != marker(FIRM, ORDER, "2")
    assert marker(FIRM, ORDER, "1") == marker(FIRM, ORDER, "1")


def test_one_of_several_markers_is_enough() -> None:
    both = marker(FIRM, OrderId("po-0"), "1") + " " + marker(FIRM, ORDER, "1")
    assert is_marked_for(both, FIRM, ORDER)


@given(AROUND)
def test_text_without_a_marker_marks_nothing(text: str) -> None:
    assert not is_marked_for(text, FIRM, ORDER)
    assert not is_marked_for(None, FIRM, ORDER)


@given(st.integers(0, 38))
def test_a_cut_marker_marks_nothing(length: int) -> None:
    assert not is_marked_for(marker(FIRM, ORDER, "1")[:length], FIRM, ORDER)


def test_your_ref_is_the_number_or_else_the_id() -> None:
    assert your_ref("PO-1", ORDER) == "PO-1"
    assert your_ref("", ORDER) == "po-1"
    assert your_ref("x" * 39 + " tail", ORDER) == "x" * 39


# --- Fingerprint ---------------------------------------------------------------------------


def test_the_same_order_read_twice_has_one_fingerprint() -> None:
    assert any_order().fingerprint == any_order().fingerprint


def test_another_way_to_write_a_number_is_no_change() -> None:
    one = any_order(lines=(any_line(quantity=Decimal(100)),))
    for same in ("1E+2", "100.0", "100.00"):
        assert one.fingerprint == any_order(lines=(any_line(quantity=Decimal(same)),)).fingerprint


def test_an_approved_order_that_is_opened_has_not_changed() -> None:
    assert any_order().fingerprint == any_order(state=ApprovalState.OPEN).fingerprint
    assert any_order().fingerprint != any_order(state=ApprovalState.CANCELLED).fingerprint


def test_whatever_is_posted_changes_the_fingerprint() -> None:
    order = any_order()
    line = any_line()
    changed = [
        replace(order, vendor=replace(order.vendor, code="1")),
        replace(order, subsidiary=replace(order.subsidiary, id="1")),
        replace(order, total=replace(order.total, amount=Decimal("100.01"))),
        replace(order, total=replace(order.total, currency="USD")),
        replace(order, description="Other"),
        replace(order, order_date=TOMORROW),
        replace(order, receipt_date=TOMORROW),
        replace(order, payment_condition="30"),
        replace(order, tags=(any_tag("Department", "IT"),)),
        replace(order, lines=(line, line)),
        replace(order, lines=(replace(line, amount=Decimal("99.99")),)),
        replace(order, lines=(replace(line, quantity=Decimal(2)),)),
        replace(order, lines=(replace(line, unit_price=Decimal(2)),)),
        replace(order, lines=(replace(line, description="Other"),)),
        replace(order, lines=(replace(line, vat_code="4"),)),
        replace(order, lines=(replace(line, gl_account=replace(line.gl_account, code="1")),)),
        replace(order, lines=(replace(line, tags=(any_tag("Department", "IT"),)),)),
    ]
    assert len({one.fingerprint for one in [order, *changed]}) == len(changed) + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))
