"""Take a remote down and bring it back, and count the calls that it got meanwhile."""

from collections import Counter
from typing import Any

from local.exact_simulator import ExactFault
from local.exact_simulator.faults import Kind
from local.firm import BRANCHES
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import SimulatedFault as AirbaseFault
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT, Remote

Order = dict[str, Any]


class CallLog:
    """The calls that a remote got since this was created, apart from checks of its site."""

    def __init__(self, env: InMemoryEnvironment, remote: Remote) -> None:
        self._all: list[Any] = env.exact.calls if remote is EXACT else env.airbase.calls
        self._from = len(self._all)

    @property
    def calls(self) -> list[Any]:
        return [call for call in self._all[self._from :] if not _is_site_check(call)]

    @property
    def site_checks(self) -> int:
        return sum(_is_site_check(call) for call in self._all[self._from :])


def _is_site_check(call: Any) -> bool:
    return call.path in ("", "/")


def take_down(env: InMemoryEnvironment, remote: Remote, kind: str = "unavailable") -> None:
    if remote is AIRBASE:
        env.airbase.on_call = lambda _: AirbaseFault(kind)
        return
    exact_kind: Kind = "timeout_before_commit" if kind == "timeout" else kind  # type: ignore[assignment]
    # Garbage for a renewed token would lose the consent, which is no outage.
    spared = "oauth2" if kind == "garbage" else "nothing"
    env.exact.on_call = lambda r: None if spared in r.path else ExactFault(exact_kind)


def bring_back(env: InMemoryEnvironment) -> None:
    env.exact.on_call = env.airbase.on_call = None


def run_minutes(env: InMemoryEnvironment, minutes: int, approve_each: int) -> list[Order]:
    """Sweep each minute, with webhooks arriving meanwhile."""
    orders = []
    for minute in range(minutes):
        if minute % approve_each == 0:
            orders.append(env.order(f"PO-{minute}", BRANCHES[minute // approve_each % 3]))
            env.queue(orders[-1])
        env.wait(minutes=1)
    return orders


def states(env: InMemoryEnvironment, orders: list[Order]) -> Counter[str]:
    return Counter(env.record(order).state for order in orders)


def posted_in_order(env: InMemoryEnvironment, orders: list[Order]) -> bool:
    """Return whether every division's orders were posted in the order of their approval."""
    numbers = [order["number"] for order in orders]
    for branch in BRANCHES:
        posted = [each["YourRef"] for each in env.in_exact(branch)]
        positions = [numbers.index(number) for number in posted if number in numbers]
        if positions != sorted(positions):
            return False
    return True
