"""Whatever happens to an order and however late its events arrive, its latest state decides.

The property: a history of approvals, amendments and cancellations, its events in any order, twice
or never, with workers, sweeps and time in between, ends as if only the last one had happened.
"""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.exact_simulator.context import Policy
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.orders.marker import is_marked_for
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from ml_connector.settings.connection import Connection

_CHANGES = ("amend", "amend", "amend text", "cancel", "approve", "pend")
_BETWEEN = ("nothing", "nothing", "work", "sweep", "minutes", "hours")
_SITES = ({"line_additions": True}, {"line_updates": False, "nested_line_updates": True})


@dataclass
class SentEvent:
    """One event of Airbase: the order at that moment, and when it was created."""

    key: str
    created: str
    order: dict[str, Any]


@dataclass
class EventHistory:
    """A drawn history: the changes, and how their events are delivered."""

    changes: list[str]
    amounts: list[list[int]]
    between: list[str]
    deliveries: list[int]
    in_one_second: list[bool]
    site: int


@st.composite
def a_history(draw: st.DrawFn) -> EventHistory:
    changes = ["approve", *draw(st.lists(st.sampled_from(_CHANGES), max_size=4))]
    count = len(changes)
    twice = draw(st.lists(st.integers(0, count - 1), max_size=3))
    steps = 2 * count + len(twice)
    return EventHistory(
        changes,
        draw(
            st.lists(
                st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=count, max_size=count
            )
        ),
        draw(st.lists(st.sampled_from(_BETWEEN), min_size=steps, max_size=steps)),
        draw(st.permutations([*range(count), *twice])),
        draw(st.lists(st.booleans(), min_size=count, max_size=count)),
        draw(st.integers(0, len(_SITES) - 1)),
    )


class HistoryPlayer:
    """Plays one history in an environment that earlier histories have used."""

    def __init__(
        self, env: InMemoryEnvironment, connection: Connection, history: EventHistory
    ) -> None:
        self.env, self.connection, self.history = env, connection, history
        self.events: list[SentEvent] = []
        env.services.connections.save(connection)
        for name, value in {**attributes_of(Policy()), **_SITES[history.site]}.items():
            setattr(env.exact.policy, name, value)
        self.order = env.order("PO-1", status="pending")

    def run(self) -> None:
        """Play changes and deliveries mixed; no event is delivered before its change."""
        undelivered, between = list(self.history.deliveries), iter(self.history.between)
        for at, change in enumerate(self.history.changes):
            self._change(at, change)
            self._do(next(between))
            # Events of changes that have happened are delivered in the drawn order.
            while undelivered and undelivered[0] <= at:
                self._deliver(undelivered.pop(0))
                self._do(next(between))
        for at in undelivered:
            self._deliver(at)
            self._do(next(between, "nothing"))
        for hours in (0, 1, 5, 1):
            self.env.wait(hours=hours, minutes=4)

    def _change(self, at: int, change: str) -> None:
        if not (0 < at < len(self.history.changes) and self.history.in_one_second[at]):
            self.env.clock.move(1)
        order, airbase = self.order, self.env.airbase
        if change in {"amend", "approve", "amend text"}:
            order["revision"] += at > 0
            order["status"] = "approved"
        if change == "amend":
            amounts = self.history.amounts[at]
            order["expense_list"] = [
                airbase.line("4100", f"{a}00.00", f"Part {a}") for a in amounts
            ]
            order["total_amount"] = f"{sum(amounts)}00.00"
        elif change == "amend text":
            order["notes"] = f"Note {at}"
        elif change in {"cancel", "pend"}:
            order["status"] = {"cancel": "cancelled", "pend": "pending"}[change]
        created = datetime.fromtimestamp(int(clock.epoch()), UTC).replace(tzinfo=None).isoformat()
        self.events.append(SentEvent(f"{order['id']}-{at}", created, json.loads(json.dumps(order))))

    def _deliver(self, at: int) -> None:
        event = self.events[at]
        data = {"id": event.order["id"], "created_date": event.created, "data": event.order}
        incoming = IncomingEvent(
            connection=FIRM,
            source="airbase",
            key=event.key,
            queue=PURCHASE_ORDERS,
            group=event.order["id"],
            message={"kind": "order", "order": event.order["id"]},
            body=json.dumps(data).encode(),
            headers={},
        )
        kept, _ = self.env.services.inbox_of(FIRM).keep(incoming)
        if kept.is_open:
            self.env.memory.queues.send(kept.message, kept.once)

    def _do(self, what: str) -> None:
        if what == "work":
            self.env.work()
        elif what == "sweep":
            self.env.wait(seconds=1)
        elif what == "minutes":
            self.env.wait(minutes=3)
        elif what == "hours":
            self.env.wait(hours=4, minutes=1)

    # ------------------------------------------------------------ the end

    def expected(self) -> tuple[Any, ...]:
        """Return the result that Airbase's latest state requires."""
        order = self.order
        if order["status"] == "cancelled":
            return "cancelled", (), ()
        return "posted", (), (_content(order["notes"], order["expense_list"]),)

    def found(self) -> tuple[Any, ...]:
        """Return the state of the order, its exceptions, and what is in Exact."""
        in_exact = [
            _content(
                o.get("Description"),
                [{"amount": x["UnitPrice"], "description": x["Description"]} for x in o["lines"]],
            )
            for o in self.env.in_exact()
            if is_marked_for(o["Remarks"], FIRM, self.order["id"])
        ]
        state = self.env.record(self.order).state
        return state, tuple(self.env.codes(self.order)), tuple(in_exact)


def attributes_of(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__slots__}


def _content(notes: str | None, lines: list[dict[str, Any]]) -> tuple[Any, ...]:
    return notes or "", tuple(sorted((float(x["amount"]), x["description"]) for x in lines))


@pytest.fixture(scope="module")
def environments() -> Iterator[dict[str, tuple[InMemoryEnvironment, Connection]]]:
    logging.disable(logging.CRITICAL)
    yield {}
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


def _env(
    environments: dict[str, tuple[InMemoryEnvironment, Connection]], source: str
) -> tuple[InMemoryEnvironment, Connection]:
    env = InMemoryEnvironment()
    connection = env.connect(when_cancelled="delete", profile={"order_source": source})
    environments[source] = env, connection
    return environments[source]


_EXAMPLES = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("source", ["detail", "event"])
@_EXAMPLES
@given(history=a_history())
def test_only_the_latest_state_counts(
    environments: dict[str, tuple[InMemoryEnvironment, Connection]],
    source: str,
    history: EventHistory,
) -> None:
    player = HistoryPlayer(*_env(environments, source), history)
    player.run()
    if player.order["status"] == "pending":  # not decided yet: approve it
        player._change(len(player.events), "approve")
        player._deliver(len(player.events) - 1)
        player.env.wait(minutes=4)
    assert player.found() == player.expected()
