"""Orders posted twice under the faults of the seeded histories: ours, and a blind client's.

The blind client remembers what it has posted, and waits between its tries; but after a time-out, a
server error or a crash it posts again without a look in Exact. Both get the same orders, and the
same shares of the same faults, by seed. Histories in which people change orders are left out, and
those with two sites.
"""

import logging
import random
from collections.abc import Iterator
from typing import Any

import httpx

from bench.result import Result
from ml_connector.domain.ids import OrderId, code_of
from ml_connector.domain.orders.exact_order import CANCELLED
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.domain.records import Body, posted_facts
from tests.histories.fault_injection import FaultInjector, FaultyTransport, ProcessKilled
from tests.histories.firm import FIRM
from tests.histories.history import PEOPLE_EVERY, History, has_two_sites

_SEEDS = [seed for seed in range(135) if seed % PEOPLE_EVERY and not has_two_sites(seed)]
_TRIES = 50
_WAIT = 61.0  # seconds: a new minute of Exact's limit
_REMARK = "blind"


def measure() -> Iterator[Result]:
    """Play the histories, then let the blind client post the same orders again."""
    logging.disable(logging.CRITICAL)
    orders = ours = blind = 0
    for seed in _SEEDS:
        history = History(seed)
        history.run()
        bodies = _posted(history)
        orders += len(bodies)
        ours += sum(_in_exact(history, id) > 1 for id in bodies)
        blind += _BlindClient(history).posted_twice(bodies)
    given = f"{len(_SEEDS)} histories with faults"
    yield Result(f"orders posted twice, {given}", f"{ours} of {orders}", "0", ours == 0)
    yield Result(
        "the same by a client that posts again without a look",
        f"{blind} of {orders}",
        "more than 0, or the faults are too mild",
        blind > 0,
    )


def _posted(history: History) -> dict[OrderId, tuple[int, Body]]:
    """Return division and body of each order that was posted, as it was sent."""
    records = [record for record in history.services.ledger_of(FIRM).orders() if record.facts.exact]
    posted = [(record.key.partition("#")[2], posted_facts(record.facts)) for record in records]
    return {OrderId(id): (code_of(facts.division), facts.body) for id, facts in posted}


def _in_exact(history: History, id: OrderId) -> int:
    return sum(is_marked_for(order["Remarks"], FIRM, id) for order in _orders(history))


def _orders(history: History) -> list[dict[str, Any]]:
    divisions = history.exact.world.divisions
    every = (order for code in divisions for order in history.exact.purchase_orders(code))
    return [order for order in every if order["OrderStatus"] != CANCELLED]


class _BlindClient:
    """Posts orders to a history's Exact until it is told that each was created."""

    def __init__(self, history: History) -> None:
        self._history = history
        share = history.faults._share
        chance = random.Random(history.seed + 1)  # noqa: S311  the seed of the history's faults
        self._faults = FaultInjector(chance, share)
        self._faults.is_on = True
        transport = FaultyTransport(history.exact.transport(), self._faults)
        self._http = httpx.Client(transport=transport, base_url="https://exact.test/api/v1")

    def posted_twice(self, bodies: dict[OrderId, tuple[int, Body]]) -> int:
        """Post the orders; return how many are in Exact more than once."""
        for id, (division, body) in bodies.items():
            self._post(division, {**body, "Remarks": f"{_REMARK} {id}"})
            self._history.clock.move(_WAIT)
            self._faults.catch_up()
        remarks = [order["Remarks"] for order in _orders(self._history)]
        return sum(remarks.count(f"{_REMARK} {id}") > 1 for id in bodies)

    def _post(self, division: int, body: dict[str, Any]) -> None:
        for _ in range(_TRIES):
            if self._is_created(division, body):
                return
            self._history.clock.move(_WAIT)
            self._faults.catch_up()
        raise RuntimeError(f"the blind client cannot post {body}")

    def _is_created(self, division: int, body: dict[str, Any]) -> bool:
        token = self._history.exact.issue_tokens()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        path = f"/{division}/purchaseorder/PurchaseOrders"
        try:
            answer = self._http.post(path, json=body, headers=headers)
        except (httpx.HTTPError, ProcessKilled):
            self._faults.is_dead = False  # a new process takes over
            return False
        return answer.is_success
