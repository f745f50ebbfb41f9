"""Ping Airbase: check the key, one order, one vendor, the calls left and the clock."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Any

from ml_connector import clock
from ml_connector.airbase.client import AirbaseClient
from ml_connector.airbase.purchase_orders import FieldReader, read_order
from ml_connector.airbase.vendors import read_vendor
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Fault, Halt, Later, Review
from ml_connector.domain.ids import OrderId, VendorId
from ml_connector.domain.orders.order import Order
from ml_connector.domain.states import ApprovalState
from ml_connector.domain.words import counted
from ml_connector.health.checks import Checklist, result_or_fault
from ml_connector.services import Services

_SAMPLE = 20
"""How many orders to read to find an approved one."""


class AirbasePing:
    """Three calls at most: a page of orders, one order, its vendor."""

    def __init__(self, checklist: Checklist, services: Services) -> None:
        """Add the results to `checklist`."""
        self._list = checklist
        self._services = services
        self._connection = services.connection
        self._profile = services.connection.profile
        self._client: AirbaseClient | None = None

    def run(self) -> None:
        """Make all checks of Airbase."""
        rows = result_or_fault(self._listed)
        self._check_key(rows)
        order: Order | None = None
        with self._list.guarding("airbase_order"):
            order = self._check_order(rows)
        with self._list.guarding("airbase_vendor"):
            self._check_vendor(order)
        headers = self._client.headers if self._client else {}
        with self._list.guarding("airbase_rate"):
            self._check_rate(headers)
        with self._list.guarding("airbase_clock"):
            self._check_clock(headers)

    def _listed(self) -> list[Any]:
        """Return some orders, or subsidiaries if orders only come in events."""
        self._client = self._services.airbase()
        has_detail = self._profile.order_source == "detail"
        rows = self._client.orders() if has_detail else self._client.subsidiaries()
        return list(islice(rows, _SAMPLE))

    def _check_key(self, rows: list[Any] | Fault) -> None:
        if isinstance(rows, Halt | Later):
            self._list.red("airbase_key", rows)
        elif isinstance(rows, Fault):
            self._list.unknown("airbase_key", "Not known: see airbase_order.")
        elif self._client and not self._client.headers:
            self._list.unknown("airbase_key", "This tenant has no listing to read.")
        else:
            self._list.green("airbase_key", "Airbase accepts the key.")

    def _check_order(self, rows: list[Any] | Fault) -> Order | None:
        if isinstance(rows, Halt | Later) or self._client is None:
            self._list.unknown("airbase_order", "Not checked: Airbase cannot be used.")
            return None
        if isinstance(rows, Fault):
            raise rows
        if self._profile.order_source != "detail":
            self._list.unknown("airbase_order", "This tenant's orders come in events.")
            return None
        if not rows:
            self._list.unknown("airbase_order", "Airbase has no order yet.")
            return None
        id = self._find(self._profile.order.id, self._pick(rows))
        if id is None:
            path = repr(self._profile.order.id)
            raise Review([problem("MISSING_FIELD", "order", "no_id", path=path)])
        raw = self._client.order(OrderId(str(id)))
        order = read_order(raw, self._profile, clock.now().date())
        self._list.green("airbase_order", f"Order {order.title} was read.")
        return order

    def _pick(self, rows: list[Any]) -> Any:
        """Return an approved or open order if there is one: a draft may be incomplete."""
        words = self._profile.state_words
        states = [words.get(str(self._find(self._profile.order.state, row))) for row in rows]
        matching = (
            n
            for n, state in enumerate(states)
            if state in (ApprovalState.APPROVED, ApprovalState.OPEN)
        )
        return rows[next(matching, 0)]

    def _find(self, path: str, row: Any) -> Any:
        reader = FieldReader(row, self._profile)
        found = reader.find(path)
        if reader.problems:
            raise Review(reader.problems)
        return found

    def _check_vendor(self, order: Order | None) -> None:
        if self._profile.vendor_path is None:
            self._list.unknown("airbase_vendor", "This tenant has no vendor call.")
        elif order is None or self._client is None or not order.vendor.id:
            self._list.unknown(
                "airbase_vendor", "Not checked: no order was read, or it has no vendor id."
            )
        else:
            raw = self._client.vendor(VendorId(order.vendor.id))
            vendor = read_vendor(raw, self._profile)
            self._list.green("airbase_vendor", f"Vendor {vendor.name} was read.")

    def _check_rate(self, headers: Mapping[str, str]) -> None:
        remaining = headers.get("x-ratelimit-remaining", "")
        if not (remaining.isascii() and remaining.isdigit()):
            self._list.unknown("airbase_rate", "Airbase did not report how many calls are left.")
        elif int(remaining) <= self._profile.rate_floor:
            until = clock.now() + timedelta(minutes=1)
            raise delay("AIRBASE_BUSY", until, "few_left", remaining=remaining)
        else:
            self._list.green("airbase_rate", f"{counted(int(remaining), 'call')} left.")

    def _check_clock(self, headers: Mapping[str, str]) -> None:
        try:
            theirs = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            self._list.compare_clocks("airbase_clock", "Airbase", None)
        else:
            aware = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
            self._list.compare_clocks("airbase_clock", "Airbase", aware)
