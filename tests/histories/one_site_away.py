"""At the end of a history with two sites: one cannot be called, the other goes on at once."""

from typing import TYPE_CHECKING, Any

from local.exact_simulator import ExactFault
from ml_connector import clock
from ml_connector.domain.ids import Division, OrderId, code_of, site_of
from ml_connector.exact.turns import kept
from ml_connector.infrastructure.halts import Halts
from ml_connector.messages.sending import order_message
from ml_connector.services import Services
from tests.histories.firm import FIRM, make_order

if TYPE_CHECKING:
    from tests.histories.history import History

_ORDERS = 4
_ROUNDS = 40


class OneSiteAway:
    """Approves orders of both sites while a seeded one of them cannot be called."""

    def __init__(self, history: "History") -> None:
        """Choose the site that goes away, and how."""
        self.history = history
        self.rng = history.rng
        self.away, self.other = self.rng.sample(history.divisions, 2)
        self.loses_consent = self.rng.random() < 0.5

    def run(self) -> None:
        """See the other site go on at once, and what waited posted afterwards."""
        history = self.history
        history.services = history.memory.services()
        waiting, going_on = self._approve(self.away), self._approve(self.other)
        before = self._used()
        calls = len(history.exact_of(self.other).calls)
        self._post([waiting.pop()])
        self._take_away()
        self._post(waiting)
        with kept():  # a call to the site that is away is under way all the while
            self._services.exact(self.away).turns.take(self.away)
            self._post(going_on)
        self._check(waiting, going_on, before, calls)
        self._bring_back()
        self._check_posted(waiting)

    @property
    def _services(self) -> Services:
        found = self.history.services.of(FIRM)
        assert found is not None
        return found

    def _approve(self, division: Division) -> list[str]:
        place = self.history.divisions.index(division)
        ids = [f"late-{place}-{number}" for number in range(_ORDERS)]
        for id in ids:
            order = make_order(id, "good", self.rng)
            order |= {"subsidiary": {"airbase_id": ("sub-nl", "sub-be")[place]}, "number": id}
            self.history.orders[id] = order | {"approved_date": clock.now().isoformat()}
        return ids

    def _take_away(self) -> None:
        exact = self.history.exact_of(self.away)
        if self.loses_consent:
            self.history.clock.move(700)
            exact.revoke_consent()
        else:
            exact.on_call = lambda _: ExactFault("unavailable")

    def _post(self, ids: list[str]) -> None:
        for id in ids:
            self.history.clock.move(0.001)
            message = order_message(FIRM, OrderId(id))
            self.history.memory.queues.send(message, f"{id} {clock.epoch()}")
        self.history.memory.drain(self.history.services)

    def _used(self) -> int:
        """Return the calls that the limits of the other site still allow today."""
        limiter = self._services.exact(self.other).rate_limiter
        return limiter.minute_and_day_left(self.other)[1]

    def _check(self, waiting: list[str], going_on: list[str], before: int, calls: int) -> None:
        where = f"seed {self.history.seed}, {self.away} away: "
        states = {id: self._state(id) for id in [*waiting, *going_on]}
        assert all(states[id] == "posted" for id in going_on), f"{where}{states}"
        assert not any(states[id] == "posted" for id in waiting), f"{where}{states}"
        made = self.history.exact_of(self.other).calls[calls:]
        counted = sum(call.division is not None for call in made)
        assert before - self._used() == counted, f"{where}the other one's budget"
        halts = set(Halts(self._services.ledger).all())
        assert halts == ({site_of(self.away)} if self.loses_consent else set()), f"{where}{halts}"
        outage = self._services.exact(self.other).circuit_breaker.outage()
        assert not outage.is_open, f"{where}the other one is taken to be away"

    def _bring_back(self) -> None:
        exact = self.history.exact_of(self.away)
        exact.on_call = None
        if self.loses_consent:
            self.history.give_consent(site_of(self.away))
        self.history.services = self.history.memory.services()

    def _check_posted(self, ids: list[str]) -> None:
        for _ in range(_ROUNDS):
            if {self._state(id) for id in ids} == {"posted"}:
                break
            self.history.clock.move(130)
            self.history.sweep_and_work()
        exact = self.history.exact_of(self.away)
        found = [order["YourRef"] for order in exact.purchase_orders(code_of(self.away))]
        counts: dict[str, Any] = {id: found.count(id) for id in ids}
        assert set(counts.values()) == {1}, f"seed {self.history.seed}: {counts}"

    def _state(self, id: str) -> str:
        record = self._services.ledger.order(OrderId(id))
        return str(record.state)
