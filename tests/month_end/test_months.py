"""A month begins and ends in the tenant's time zone."""

from datetime import UTC, date, datetime

import pytest

from local.firm import NL
from local.in_memory.environment import InMemoryEnvironment
from ml_connector.clock import MovableClock
from ml_connector.month_end.months import read_month
from ml_connector.user_errors import UserError
from tests.month_end.month_stack import by_category, reconcile

_ORDERS = "purchaseorder/PurchaseOrders"


def wire(day: datetime) -> str:
    return f"/Date({int(day.timestamp()) * 1000})/"


def at(time: MovableClock, text: str) -> None:
    time.move(datetime.fromisoformat(text).timestamp() - time())


@pytest.mark.parametrize(
    ("zone", "now", "month", "is_over"),
    [
        ("UTC", "2026-10-31T23:59:59+00:00", "2026-10", False),
        ("UTC", "2026-11-01T00:00:00+00:00", "2026-10", True),
        ("Europe/Amsterdam", "2026-10-31T22:59:59+00:00", "2026-10", False),
        ("Europe/Amsterdam", "2026-10-31T23:00:00+00:00", "2026-10", True),
        ("America/Los_Angeles", "2026-11-01T06:59:59+00:00", "2026-10", False),
        ("America/Los_Angeles", "2026-11-01T07:00:00+00:00", "2026-10", True),
        ("Pacific/Kiritimati", "2026-10-31T10:00:00+00:00", "2026-10", True),
        ("Pacific/Kiritimati", "2026-10-31T10:00:00+00:00", "2026-11", False),
    ],
)
def test_a_month_is_over_when_its_last_day_is_over_in_the_zone(
    time: MovableClock, zone: str, now: str, month: str, is_over: bool
) -> None:
    at(time, now)
    assert read_month(month, zone).is_over is is_over


def test_a_month_that_has_not_begun_is_refused(time: MovableClock) -> None:
    at(time, "2026-10-31T12:00:00+00:00")
    with pytest.raises(UserError, match="2026-11 has not begun yet in UTC"):
        read_month("2026-11", "UTC")


@pytest.mark.parametrize("text", ["", "2026", "2026-13", "2026-00", "10-2026", "0000-01", "2026-1"])
def test_an_invalid_month_is_refused(time: MovableClock, text: str) -> None:
    with pytest.raises(UserError, match="is not a month"):
        read_month(text, "UTC")


@pytest.mark.parametrize(("month", "last"), [("2024-02", 29), ("2026-02", 28), ("2025-12", 31)])
def test_a_month_includes_its_last_day(time: MovableClock, month: str, last: int) -> None:
    found = read_month(month, "UTC")
    assert (found.first.day, found.last.day) == (1, last)
    assert found.includes(date(found.year, found.month, last))
    assert not found.includes(None)


# The time zone, the moment of approval, and the month of the order.
MOMENTS = [
    ("UTC", "2026-10-31T23:59:59+00:00", "2026-10"),
    ("UTC", "2026-11-01T00:00:00+00:00", "2026-11"),
    ("Europe/Amsterdam", "2026-10-31T22:59:59Z", "2026-10"),
    ("Europe/Amsterdam", "2026-10-31T23:00:00Z", "2026-11"),
    ("America/New_York", "2026-11-01T03:59:59Z", "2026-10"),
    ("America/New_York", "2026-11-01T04:00:00Z", "2026-11"),
    ("America/New_York", "2026-10-31T23:59:00", "2026-10"),
    # Summer time ends on 25 October, and begins on 29 March.
    ("Europe/Amsterdam", "2026-10-25T00:30:00Z", "2026-10"),
    ("Europe/Amsterdam", "2026-03-31T21:59:59Z", "2026-03"),
    ("Europe/Amsterdam", "2026-03-31T22:00:00Z", "2026-04"),
    ("Asia/Kolkata", "2026-02-28T18:29:59Z", "2026-02"),
    ("Asia/Kolkata", "2026-02-28T18:30:00Z", "2026-03"),
    ("UTC", "2026-02-28", "2026-02"),
]


@pytest.mark.parametrize(("zone", "approved", "month"), MOMENTS)
def test_an_order_is_of_the_month_of_its_approval_in_the_zone(
    env: InMemoryEnvironment, zone: str, approved: str, month: str
) -> None:
    at(env.clock, "2026-11-20T12:00:00+00:00")
    env.connect(profile={"time_zone": zone})
    order = env.order(approved_date=approved)
    assert env.post(order).state == "posted"
    for each in ("2026-02", "2026-03", "2026-04", "2026-10", "2026-11"):
        wanted = {"equal": ["PO-1"]} if each == month else {}
        assert by_category(reconcile(env, each)) == wanted
    (row,) = env.in_exact()
    day = datetime.fromtimestamp(int(row["OrderDate"][6:-2]) / 1000, tz=UTC)
    assert f"{day:%Y-%m}" == month


def test_an_order_whose_date_was_changed_in_exact_stays_in_its_month(
    env: InMemoryEnvironment,
) -> None:
    at(env.clock, "2026-11-20T12:00:00+00:00")
    env.connect()
    env.post(env.order(approved_date="2026-10-31T10:00:00Z"))
    key = env.in_exact()[0]["PurchaseOrderID"]
    env.exact.change(NL.division, _ORDERS, key, OrderDate=wire(datetime(2026, 11, 2, tzinfo=UTC)))
    assert by_category(reconcile(env, "2026-10")) == {"equal": ["PO-1"]}
    report = reconcile(env, "2026-11")
    assert by_category(report) == {"only_in_exact": ["PO-1"]}
    assert "of another month" in report.lines[0].why


def test_a_current_month_is_not_over(env: InMemoryEnvironment) -> None:
    at(env.clock, "2026-11-20T12:00:00+00:00")
    env.connect()
    assert reconcile(env, "2026-11").as_dict()["is_over"] is False
    assert reconcile(env, "2026-10").as_dict()["is_over"] is True
