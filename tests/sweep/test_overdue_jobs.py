"""What should long have run is counted into one figure; what waits for a known reason is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.connections.token_refresh import refresh_all
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import RecordKey
from ml_connector.domain.records import WAITING_DEEDS, DeedFacts
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.queues import PURCHASE_ORDERS
from ml_connector.messages.sending import reconcile_message
from ml_connector.sweep.outages import read_outages
from ml_connector.sweep.overdue_jobs import count_overdue


@pytest.fixture(autouse=True)
def connected(env: InMemoryEnvironment) -> None:
    """The firm, with every job of the list done a moment ago."""
    env.connect()
    assert overdue(env) == 0


def overdue(env: InMemoryEnvironment, **wait: float) -> int:
    """Return what a sweep after this time, and five minutes, counts; nothing runs meanwhile."""
    env.clock.move(timedelta(minutes=5) + timedelta(**wait))
    services = env.services_of()
    halts = services.ledger.connection().facts.halts
    return count_overdue(services, halts, read_outages(services))


def run_all_but(env: InMemoryEnvironment, job: str) -> None:
    """Let everything happen that recurs, except one job, for a day and a half."""
    for _ in range(3):
        env.clock.move(timedelta(hours=13))
        if job != "care":
            refresh_all(env.services.all(), lambda *_: None)
        if job != "comparison":
            env.memory.queues.send(reconcile_message(FIRM), f"daily {clock.epoch()}")
        env.wait(minutes=1)


def test_nothing_is_overdue_while_everything_runs(env: InMemoryEnvironment) -> None:
    run_all_but(env, "")
    assert overdue(env) == 0


@pytest.mark.parametrize("job", ["care", "comparison"])
def test_a_schedule_that_does_not_run_is_overdue(env: InMemoryEnvironment, job: str) -> None:
    run_all_but(env, job)
    assert overdue(env) == 1
    run_all_but(env, "")
    assert overdue(env) == 0


def test_a_division_and_the_listing_that_are_not_read_are_overdue(env: InMemoryEnvironment) -> None:
    divisions = len(env.connection().divisions)
    assert overdue(env, hours=11) == 1, "the listing"
    assert overdue(env, hours=2) == 1 + divisions
    env.wait(minutes=1)
    assert overdue(env) == 0


def test_an_event_that_nobody_handles_is_overdue(env: InMemoryEnvironment) -> None:
    message = {"kind": "order", "order": "o-1"}
    event = IncomingEvent(FIRM, "airbase", "1", PURCHASE_ORDERS, None, message, b"{}", {})
    env.services_of().inbox.keep(event)
    assert overdue(env, minutes=30) == 0
    assert overdue(env, minutes=30) == 1


def test_an_order_that_the_sweep_does_not_queue_is_overdue(env: InMemoryEnvironment) -> None:
    late(env)
    assert overdue(env, hours=3) == 0
    assert overdue(env, hours=1) == 1


def late(env: InMemoryEnvironment) -> None:
    """Let an order of NL be due, which no sweep finds."""
    env.exact.faults += [ExactFault("unavailable", "POST", "PurchaseOrders")] * 4
    record = env.post(env.order())
    env.services.ledger_of(FIRM).postpone(record, clock.now())


def test_a_notification_that_stays_is_overdue(env: InMemoryEnvironment) -> None:
    class Channel:
        name = "topic"

        def send(self, subject: str, text: str, html: str) -> None:
            raise OSError

    env.memory.topics.append(Channel())
    env.services = env.memory.services()
    env.post(env.order(lines=[env.airbase.line("4600", "10.00")]))
    run_all_but(env, "")
    assert overdue(env) == 1


def halt_all(env: InMemoryEnvironment) -> None:
    found = problem("RECONNECT_NEEDED", "x", connection=FIRM)
    Halts(env.services.ledger_of(FIRM)).stop(found)


def halt_nl(env: InMemoryEnvironment) -> None:
    found = problem("EXACT_DIVISION_BLOCKED", "x")
    Halts(env.services.ledger_of(FIRM)).stop(found, NL.key)


@pytest.mark.parametrize(("halt", "left"), [(halt_all, 0), (halt_nl, 3)])
def test_what_a_halt_stops_is_not_overdue(
    env: InMemoryEnvironment, halt: Callable[[InMemoryEnvironment], None], left: int
) -> None:
    """Of one halted division: the listing and the two other divisions stay overdue."""
    late(env)
    assert overdue(env, hours=13) == 5
    halt(env)
    assert overdue(env) == left


def test_it_is_measured_every_five_minutes(env: InMemoryEnvironment) -> None:
    env.memory.figures.clear()
    for _ in range(10):
        env.wait(minutes=1)
    assert sum("OverdueJobs" in figures for figures in env.memory.figures) == 2


def test_a_deed_that_waits_is_overdue_also_while_all_is_halted(env: InMemoryEnvironment) -> None:
    ledger = env.services.ledger_of(FIRM)
    Halts(ledger).stop(problem("RECONNECT_NEEDED", "x", connection=FIRM))
    record = ledger.read(RecordKey("deed#1"))
    parked = replace(record.now("parked", DeedFacts()), due_at=clock.now(), parked=WAITING_DEEDS)
    ledger.write(parked, "asked")
    assert overdue(env, minutes=50) == 0
    assert overdue(env, minutes=20) == 1
