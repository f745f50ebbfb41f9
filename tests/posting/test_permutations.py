"""Whatever happens to an order, and however late it is told: Airbase's last word decides.

The property: a history of approvals, amendments and cancellations, its events in any order, twice
or never, with workers, sweeps and time in between, ends as if only the last of it had happened.
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
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.inbox import Arrival
from ml_connector.doors.queues import PURCHASE_ORDERS
from ml_connector.purchase_orders.marker import marks

_CHANGES = ("amend", "amend", "amend text", "cancel", "approve", "pend")
_BETWEEN = ("nothing", "nothing", "work", "sweep", "minutes", "hours")
_SITES = ({"line_additions": True}, {"line_updates": False, "nested_line_updates": True})


@dataclass
class Word:
    """One event of Airbase: what the order was then, and when it was said."""

    key: str
    made: str
    order: dict[str, Any]


@dataclass
class Tale:
    """What hypothesis has thought up: the changes, and how their events come."""

    changes: list[str]
    amounts: list[list[int]]
    between: list[str]
    deliveries: list[int]
    in_one_second: list[bool]
    site: int


@st.composite
def a_tale(draw: st.DrawFn) -> Tale:
    changes = ["approve", *draw(st.lists(st.sampled_from(_CHANGES), max_size=4))]
    count = len(changes)
    twice = draw(st.lists(st.integers(0, count - 1), max_size=3))
    steps = 2 * count + len(twice)
    return Tale(
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


class Play:
    """Plays one tale in an office that other tales have used before."""

    def __init__(self, office: Office, connection: Connection, tale: Tale) -> None:
        self.office, self.connection, self.tale = office, connection, tale
        self.words: list[Word] = []
        office.doors.mappings.save(connection)
        for name, value in {**vars_of(Policy()), **_SITES[tale.site]}.items():
            setattr(office.exact.policy, name, value)
        self.order = office.order("PO-1", status="pending")

    def run(self) -> None:
        """Let it all happen; deliveries mix with the changes, never before what they speak of."""
        left, between = list(self.tale.deliveries), iter(self.tale.between)
        for at, change in enumerate(self.tale.changes):
            self._change(at, change)
            self._pass(next(between))
            # What has been said may be told now, in the order that was drawn.
            while left and left[0] <= at:
                self._tell(left.pop(0))
                self._pass(next(between))
        for at in left:
            self._tell(at)
            self._pass(next(between, "nothing"))
        for hours in (0, 1, 5, 1):
            self.office.wait(hours=hours, minutes=4)

    def _change(self, at: int, change: str) -> None:
        if not (0 < at < len(self.tale.changes) and self.tale.in_one_second[at]):
            self.office.clock.move(1)
        order, airbase = self.order, self.office.airbase
        if change in {"amend", "approve", "amend text"}:
            order["revision"] += at > 0
            order["status"] = "approved"
        if change == "amend":
            amounts = self.tale.amounts[at]
            order["expense_list"] = [
                airbase.line("4100", f"{a}00.00", f"Part {a}") for a in amounts
            ]
            order["total_amount"] = f"{sum(amounts)}00.00"
        elif change == "amend text":
            order["notes"] = f"Note {at}"
        elif change in {"cancel", "pend"}:
            order["status"] = {"cancel": "cancelled", "pend": "pending"}[change]
        made = datetime.fromtimestamp(int(clock.epoch()), UTC).replace(tzinfo=None).isoformat()
        self.words.append(Word(f"{order['id']}-{at}", made, json.loads(json.dumps(order))))

    def _tell(self, at: int) -> None:
        word = self.words[at]
        data = {"id": word.order["id"], "created_date": word.made, "data": word.order}
        arrival = Arrival(
            connection=FIRM,
            source="airbase",
            key=word.key,
            queue=PURCHASE_ORDERS,
            group=word.order["id"],
            message={"kind": "order", "order": word.order["id"]},
            body=json.dumps(data).encode(),
            headers={},
        )
        kept, _ = self.office.doors.inbox.keep(arrival)
        if kept.is_open:
            self.office.mini.queues.send(kept.message, kept.once)

    def _pass(self, what: str) -> None:
        if what == "work":
            self.office.work()
        elif what == "sweep":
            self.office.wait(seconds=1)
        elif what == "minutes":
            self.office.wait(minutes=3)
        elif what == "hours":
            self.office.wait(hours=4, minutes=1)

    # ------------------------------------------------------------ the end

    def expected(self) -> tuple[Any, ...]:
        """Return what Airbase's last word means, after what was approved before it."""
        order = self.order
        if order["status"] == "cancelled":
            return "cancelled", (), ()
        return "posted", (), (_content(order["notes"], order["expense_list"]),)

    def found(self) -> tuple[Any, ...]:
        """Return where the order stands, its exceptions, and what is in Exact."""
        there = [
            _content(
                o.get("Description"),
                [{"amount": x["UnitPrice"], "description": x["Description"]} for x in o["lines"]],
            )
            for o in self.office.in_exact()
            if marks(o["Remarks"], FIRM, self.order["id"])
        ]
        state = self.office.record(self.order).state
        return state, tuple(self.office.codes(self.order)), tuple(there)


def vars_of(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__slots__}


def _content(notes: str | None, lines: list[dict[str, Any]]) -> tuple[Any, ...]:
    return notes or "", tuple(sorted((float(x["amount"]), x["description"]) for x in lines))


@pytest.fixture(scope="module")
def offices() -> Iterator[dict[str, tuple[Office, Connection]]]:
    logging.disable(logging.CRITICAL)
    yield {}
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


def _office(
    offices: dict[str, tuple[Office, Connection]], source: str
) -> tuple[Office, Connection]:
    office = Office()
    connection = office.connect(when_cancelled="delete", profile={"order_source": source})
    offices[source] = office, connection
    return offices[source]


_EXAMPLES = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("source", ["detail", "event"])
@_EXAMPLES
@given(tale=a_tale())
def test_only_the_last_word_counts(
    offices: dict[str, tuple[Office, Connection]], source: str, tale: Tale
) -> None:
    play = Play(*_office(offices, source), tale)
    play.run()
    if play.order["status"] == "pending":  # not decided yet: then what was approved before stands
        play._change(len(play.words), "approve")
        play._tell(len(play.words) - 1)
        play.office.wait(minutes=4)
    assert play.found() == play.expected()
