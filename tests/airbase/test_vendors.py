"""An order takes its vendor from the vendor's own record."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.airbase.vendors import Vendor, read_vendor, with_vendor
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import VendorId
from ml_connector.domain.orders.order import Reference
from ml_connector.settings.airbase_profile import AirbaseProfile
from tests.domain.orders.builders import any_order

DEFAULT = AirbaseProfile()
RAW = {
    "airbase_id": "ven-1",
    "erp_reference_id": "60001",
    "name": "Papierhandel",
    "email": "ap@example.com",
    "is_active": True,
}


def codes_of(raw: Any) -> list[str]:
    with pytest.raises(Review) as caught:
        read_vendor(raw, DEFAULT)
    return [one.code for one in caught.value.problems]


def test_a_vendor_is_read_completely() -> None:
    assert read_vendor(RAW, DEFAULT) == Vendor(
        VendorId("ven-1"), "60001", "Papierhandel", "ap@example.com", is_active=True
    )


def test_only_the_id_is_needed() -> None:
    expected = Vendor(VendorId("7"), "", "", "", is_active=True)
    assert read_vendor({"airbase_id": 7}, DEFAULT) == expected


@pytest.mark.parametrize("raw", [None, [], "vendor", {}, RAW | {"airbase_id": " "}])
def test_a_vendor_without_an_id_is_an_exception(raw: Any) -> None:
    assert codes_of(raw) == ["MISSING_FIELD"]


@pytest.mark.parametrize(
    "spoiled",
    [
        {"name": ["a"]},
        {"name": "x" * 201},
        {"name": "\ud800"},
        {"erp_reference_id": {"id": 1}},
        {"erp_reference_id": "x" * 201},
        {"email": True},
        {"email": "x" * 5000},
        {"is_active": "maybe"},
        {"is_active": 0},
    ],
)
def test_a_doubtful_field_is_an_exception(spoiled: dict[str, Any]) -> None:
    assert codes_of(RAW | spoiled) == ["BAD_FIELD"]


@given(st.dictionaries(st.sampled_from(sorted(RAW)), st.none() | st.booleans() | st.text()))
def test_anything_is_a_vendor_or_a_review(changes: dict[str, Any]) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        assert read_vendor(RAW | changes, DEFAULT).id
    except Review as review:
        problems = review.problems
    assert {one.code for one in problems} <= set(CATALOGUE)


def test_the_vendors_own_record_replaces_the_orders_copy() -> None:
    order = with_vendor(any_order(), RAW | {"name": "New name"}, DEFAULT)
    assert order.vendor == Reference("ven-1", "60001", "New name")


def test_without_a_vendor_call_the_orders_copy_is_used() -> None:
    assert with_vendor(any_order(), None, DEFAULT) == any_order()


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"is_active": False}, "VENDOR_INACTIVE"), ({"airbase_id": "ven-2"}, "NOT_THE_ORDER")],
)
def test_another_or_an_inactive_vendor_is_an_exception(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Review) as caught:
        with_vendor(any_order(), RAW | changes, DEFAULT)
    assert [(one.code, one.record) for one in caught.value.problems] == [(code, "PO-1")]
