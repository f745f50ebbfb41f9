"""How tests make a remote go away, come back, and count what it was asked meanwhile."""

from collections import Counter
from typing import Any

from local.exact_simulator import Fault as ExactFault
from local.exact_simulator.faults import Kind
from local.firm import BRANCHES
from local.office import Office
from local.simulation import Fault as AirbaseFault
from ml_connector.doors.circuit import AIRBASE, EXACT, Remote

Order = dict[str, Any]


class Journal:
    """The calls that a remote got since this was made; knocks at its site apart."""

    def __init__(self, office: Office, remote: Remote) -> None:
        self._all: list[Any] = office.exact.calls if remote is EXACT else office.airbase.calls
        self._from = len(self._all)

    @property
    def calls(self) -> list[Any]:
        return [call for call in self._all[self._from :] if not _is_knock(call)]

    @property
    def knocks(self) -> int:
        return sum(_is_knock(call) for call in self._all[self._from :])


def _is_knock(call: Any) -> bool:
    return call.path in ("", "/")


def goes_away(office: Office, remote: Remote, kind: str = "unavailable") -> None:
    if remote is AIRBASE:
        office.airbase.on_call = lambda _: AirbaseFault(kind)
        return
    exact_kind: Kind = "timeout_before_commit" if kind == "timeout" else kind  # type: ignore[assignment]
    # Garbage for a renewed token would lose the consent: no outage, and a test of its own.
    spared = "oauth2" if kind == "garbage" else "nothing"
    office.exact.on_call = lambda r: None if spared in r.path else ExactFault(exact_kind)


def comes_back(office: Office) -> None:
    office.exact.on_call = office.airbase.on_call = None


def live_through(office: Office, minutes: int, approve_each: int) -> list[Order]:
    """Sweep each minute, with webhooks arriving meanwhile."""
    orders = []
    for minute in range(minutes):
        if minute % approve_each == 0:
            orders.append(office.order(f"PO-{minute}", BRANCHES[minute // approve_each % 3]))
            office.queue(orders[-1])
        office.wait(minutes=1)
    return orders


def states(office: Office, orders: list[Order]) -> Counter[str]:
    return Counter(office.record(order).state for order in orders)


def posted_in_turn(office: Office, orders: list[Order]) -> bool:
    """Whether every division's orders came in the order of their approval."""
    numbers = [order["number"] for order in orders]
    for branch in BRANCHES:
        came = [each["YourRef"] for each in office.in_exact(branch)]
        turn = [numbers.index(number) for number in came if number in numbers]
        if turn != sorted(turn):
            return False
    return True
