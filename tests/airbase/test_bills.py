"""A vendor's bills are found among the ledger entries, despite unreadable ones."""

import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.airbase_simulator import AirbaseSimulator
from local.in_memory.tables import InMemoryTable
from local.simulator import SimulatedFault
from ml_connector.airbase.bills import VendorBills, bills_of
from ml_connector.airbase.client import AirbaseClient
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.domain.faults import Later, Review
from ml_connector.domain.ids import ConnectionId, VendorId
from ml_connector.domain.money import Money
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.circuit_breaker import AIRBASE, CircuitBreaker
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile

DEFAULT = AirbaseProfile()
VENDOR = VendorId("ven-1")
RAW: dict[str, Any] = {
    "airbase_id": "b-1",
    "erp_reference_id": "",
    "type": "bill",
    "status": "sync_ready",
    "vendor": {"airbase_id": "ven-1", "name": "Papierhandel"},
    "invoice_number": "2026-0042",
    "entry_date": "2026-11-02T23:30:00",
    "currency": {"erp_reference_id": "", "iso_code": "EUR"},
    "total_amount": "1234.50",
}


def read(*entries: Any, profile: AirbaseProfile = DEFAULT) -> VendorBills:
    return bills_of(VENDOR, entries, profile)


def codes(found: VendorBills) -> list[str]:
    return [each.code for each in found.problems]


def test_a_bill_is_read_completely() -> None:
    (bill,) = read(RAW).bills.values()
    assert (bill.id, bill.number, bill.date) == ("b-1", "2026-0042", date(2026, 11, 2))
    assert bill.amount == Money(Decimal("1234.50"), "EUR")
    assert (bill.status, bill.is_entered) == ("sync_ready", False)


@pytest.mark.parametrize(
    ("change", "is_entered"),
    [
        ({}, False),
        ({"status": "sync_complete"}, True),
        ({"erp_reference_id": "9001"}, True),
        ({"status": "sync_failed"}, None),
        ({"status": "sync_failed", "erp_reference_id": "9001"}, True),
        ({"status": None}, None),
        ({"erp_reference_id": None}, False),
    ],
)
def test_whether_a_bill_is_in_exact(change: dict[str, Any], is_entered: bool | None) -> None:
    (bill,) = read(RAW | change).bills.values()
    assert bill.is_entered is is_entered


def test_the_words_are_settings() -> None:
    profile = AirbaseProfile.model_validate(
        {
            "bill_words": ["vendor_bill", "credit"],
            "entered_words": ["booked"],
            "unentered_words": ["open"],
            "money_form": "minor_units",
            "bill": {"type": "kind", "vendor": "vendor_id", "number": "no", "total": "cents"},
        }
    )
    raw = RAW | {"kind": "credit", "vendor_id": "ven-1", "no": 7, "cents": -9950}
    found = read(raw | {"status": "booked"}, RAW, profile=profile)
    (bill,) = found.bills.values()
    assert (bill.number, bill.amount.amount, bill.is_entered) == ("7", Decimal("-99.50"), True)
    assert codes(found) == ["MISSING_FIELD"], "the other one has no type"


@pytest.mark.parametrize(
    "other",
    [
        {"type": "reimbursement"},
        {"vendor": None},
        {"vendor": {"airbase_id": "ven-2"}},
        {"type": "reimbursement", "total_amount": "many"},
        {"vendor": {"airbase_id": "ven-2"}, "total_amount": "many"},
    ],
)
def test_other_entries_are_skipped(other: dict[str, Any]) -> None:
    assert read(RAW | other) == VendorBills()


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        ({"type": None}, "MISSING_FIELD"),
        ({"type": ["bill"]}, "BAD_FIELD"),
        ({"airbase_id": None}, "MISSING_FIELD"),
        ({"invoice_number": {}}, "BAD_FIELD"),
        ({"entry_date": "yesterday"}, "BAD_FIELD"),
        ({"currency": None}, "MISSING_FIELD"),
        ({"currency": {"iso_code": "euro"}}, "BAD_FIELD"),
        ({"total_amount": None}, "MISSING_FIELD"),
        ({"total_amount": "1.234,50"}, "BAD_AMOUNT"),
        ({"total_amount": True}, "BAD_AMOUNT"),
        ({"status": 1.5}, "BAD_FIELD"),
    ],
)
def test_an_unreadable_entry_is_reported_and_hides_no_other(
    spoiled: dict[str, Any], code: str
) -> None:
    found = read(RAW | {"airbase_id": "b-0"} | spoiled, RAW)
    assert list(found.bills) == ["b-1"]
    assert code in codes(found)


@pytest.mark.parametrize("garbage", [None, 7, "x", [], {}])
def test_an_entry_that_is_garbage_is_reported(garbage: Any) -> None:
    found = read(garbage, RAW)
    assert (list(found.bills), codes(found)) == (["b-1"], ["MISSING_FIELD"])


def test_a_repeated_entry_counts_once_in_its_last_form() -> None:
    found = read(RAW, RAW | {"status": "sync_complete"})
    assert [bill.is_entered for bill in found.bills.values()] == [True]


@given(st.dictionaries(st.sampled_from(sorted(RAW)), st.none() | st.booleans() | st.text()))
def test_any_entry_is_a_bill_or_a_problem_or_skipped(changes: dict[str, Any]) -> None:
    found = read(RAW | changes)
    assert set(codes(found)) <= set(CATALOGUE)
    assert not (found.bills and found.problems)


# --- From the listing ----------------------------------------------------------------------


@pytest.fixture
def site(time: MovableClock) -> AirbaseSimulator:
    return AirbaseSimulator(clock=time, rng=random.Random(1))


FetchBills = Callable[[], VendorBills]


class _NoPause:
    """A pace without pauses."""

    def wait_until(self) -> None:
        return None

    def slow_down(self, until: Any) -> None:
        assert until


FIRM = ConnectionId("firm")
BREAKER = CircuitBreaker(InMemoryTable(), FIRM, AIRBASE)


@pytest.fixture
def fetch(site: AirbaseSimulator) -> FetchBills:
    http = http_clients.client(site.transport())
    client = AirbaseClient(
        FIRM, "https://airbase.test", DEFAULT, Secret(site.api_key), http, _NoPause(), BREAKER
    )

    def bills() -> VendorBills:
        entries = (row for word in DEFAULT.bill_statuses for row in client.ledger_entries(word))
        return bills_of(VENDOR, entries, DEFAULT)

    return bills


def test_every_page_of_every_status_is_read(site: AirbaseSimulator, fetch: FetchBills) -> None:
    ours, theirs = site.add_vendor("Papier", id="ven-1"), site.add_vendor("Pixel", id="ven-2")
    for number in range(230):
        site.add_bill(ours if number % 2 else theirs, f"R-{number}", "10.00")
    for number in range(3):
        site.add_bill(ours, f"S-{number}", "10.00", status="sync_complete")
    site.add_bill(ours, "T-1", "10.00", status="archived")
    site.add_ledger_entry(ours, "99.00", type="reimbursement")
    found = fetch()
    assert (len(found.bills), found.problems) == (118, [])
    assert {call.method for call in site.calls} == {"GET"}
    assert len(site.calls) == 4, "three pages, and one of the other status"


def test_a_missing_or_busy_listing_is_a_fault(site: AirbaseSimulator, fetch: FetchBills) -> None:
    site.faults.append(SimulatedFault("rate_limited"))
    with pytest.raises(Later):
        fetch()
    site.faults.append(SimulatedFault("garbage"))
    with pytest.raises(Later):
        fetch()
    site.ledger_entries = {}
    assert fetch() == VendorBills()
    http, key = http_clients.client(site.transport()), Secret(site.api_key)
    profile = AirbaseProfile(ledger_entries_path="/v1/no_such_list/")
    wrong = AirbaseClient(FIRM, "https://airbase.test", profile, key, http, _NoPause(), BREAKER)
    with pytest.raises(Review):
        next(wrong.ledger_entries("sync_ready"))
