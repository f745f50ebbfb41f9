"""Exact or Airbase down for a minute, an hour, a day: few calls, recovery by itself, in order."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from local.exact_simulator import ExactFault
from local.firm import BRANCHES
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from local.simulator import SimulatedFault as AirbaseFault
from ml_connector.infrastructure import backoff
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT, Remote
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from tests.site import SITE
from tests.sweep.outages import (
    CallLog,
    bring_back,
    posted_in_order,
    run_minutes,
    states,
    take_down,
)

_DAY = 24 * 60


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
@pytest.mark.parametrize("kind", ["unavailable", "timeout", "garbage"])
def test_an_hour_down(at_rest: InMemoryEnvironment, remote: Remote, kind: str) -> None:
    take_down(at_rest, remote, kind)
    log = CallLog(at_rest, remote)
    orders = run_minutes(at_rest, 60, approve_each=2)
    assert len(log.calls) <= 3 + 2 * 36, "three faults, then probes: a token and an API call"
    assert log.site_checks <= 36
    assert "posted" not in states(at_rest, orders)
    bring_back(at_rest)
    for _ in range(8):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 30}
    assert sum(len(at_rest.in_exact(branch)) for branch in BRANCHES) == 30
    assert at_rest.memory.queues.dead == []
    assert not Halts(at_rest.services.ledger_of(FIRM)).is_stopped()


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
def test_a_day_down(at_rest: InMemoryEnvironment, remote: Remote) -> None:
    take_down(at_rest, remote)
    log = CallLog(at_rest, remote)
    orders = run_minutes(at_rest, _DAY, approve_each=20)
    assert len(log.calls) + log.site_checks <= 200
    bring_back(at_rest)
    for _ in range(21):  # reference data that are too old by now are read first
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": len(orders)}
    assert posted_in_order(at_rest, orders[3:])
    assert at_rest.memory.queues.dead == []


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
def test_a_minute_down(at_rest: InMemoryEnvironment, remote: Remote) -> None:
    orders = [at_rest.order(f"PO-{n}") for n in range(20)]
    take_down(at_rest, remote)
    log = CallLog(at_rest, remote)
    for order in orders:
        at_rest.post(order)
    assert len(log.calls) == 3, "no call after the third"
    at_rest.wait(seconds=59)
    bring_back(at_rest)
    for _ in range(4):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 20}
    assert at_rest.memory.queues.dead == []


def test_a_single_fault_is_no_outage(at_rest: InMemoryEnvironment) -> None:
    at_rest.exact.faults.append(ExactFault("unavailable"))
    orders = [at_rest.order(f"PO-{n}") for n in range(3)]
    for order in orders:
        at_rest.post(order)
    assert states(at_rest, orders) == {"posting": 1, "posted": 2}
    assert not at_rest.services_of().exact_at(SITE).circuit_breaker.outage().is_open


def test_a_waiting_order_names_the_outage_and_is_audited_once(at_rest: InMemoryEnvironment) -> None:
    take_down(at_rest, EXACT)
    orders = [at_rest.order(f"PO-{n}") for n in range(4)]
    for order in orders:
        at_rest.post(order)
    for _ in range(30):
        at_rest.wait(minutes=1)
    record = at_rest.record(orders[-1])
    assert (record.facts.waiting_for, record.parked) == ("EXACT_AWAY", "EXACT_AWAY nl")
    assert at_rest.steps(orders[-1]) == ["received", "fetched", "waiting"]


def test_one_worker_probes_and_then_all_orders_continue_at_full_speed(
    at_rest: InMemoryEnvironment,
) -> None:
    take_down(at_rest, EXACT)
    orders = run_minutes(at_rest, 200, approve_each=1)
    bring_back(at_rest)
    log = CallLog(at_rest, EXACT)
    while not (calls := [call for call in log.calls if "oauth2" not in call.path]):
        at_rest.wait(minutes=1)
    first, *rest = calls
    assert first.path.endswith("current/Me")
    assert len(rest) == 3 * 60, "every call that the minute allows, in the minute of the probe"
    assert posted_in_order(at_rest, orders[3:])


def test_the_last_of_several_changes_during_an_outage_is_posted(
    at_rest: InMemoryEnvironment,
) -> None:
    """A change that arrives during the outage is the one that is posted."""
    take_down(at_rest, EXACT)
    order = at_rest.order("PO-1")
    for _ in range(5):
        at_rest.post(order)
        at_rest.wait(minutes=1)
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    at_rest.post(order)
    bring_back(at_rest)
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=3)
    (posted,) = at_rest.in_exact()
    assert posted["AmountFCExclVat"] == 1300.0


def test_airbase_is_called_while_exact_is_down(at_rest: InMemoryEnvironment) -> None:
    take_down(at_rest, EXACT)
    run_minutes(at_rest, 3, approve_each=1)
    order = at_rest.order(status="pending")
    assert at_rest.post(order).state == "awaiting_approval"


def test_an_outage_that_the_site_does_not_show_is_probed(at_rest: InMemoryEnvironment) -> None:
    at_rest.exact.on_call = lambda r: ExactFault("unavailable") if "/api/" in r.path else None
    log = CallLog(at_rest, EXACT)
    orders = run_minutes(at_rest, 60, approve_each=10)
    assert len(log.calls) <= 3 + 2 * 36
    assert log.site_checks == 1, "it says nothing"
    bring_back(at_rest)
    for _ in range(8):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 6}


def test_a_token_endpoint_that_is_down_is_an_outage_too(at_rest: InMemoryEnvironment) -> None:
    at_rest.clock.move(700)
    at_rest.exact.on_call = lambda r: ExactFault("unavailable") if "oauth2" in r.path else None
    log = CallLog(at_rest, EXACT)
    orders = run_minutes(at_rest, _DAY, approve_each=60)
    assert len(log.calls) <= 3 + 120, "190 token calls are what a day has"
    assert {call.fault for call in log.calls} == {"unavailable"}
    bring_back(at_rest)
    for _ in range(22):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 24}


def test_a_pause_of_the_token_calls_ends_with_the_outage(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses had grown long; the next renewal must not wait for one."""
    monkeypatch.setattr(backoff, "delay", lambda *_, **__: timedelta(minutes=30))
    take_down(at_rest, EXACT)
    run_minutes(at_rest, 3 * 60, approve_each=60)
    bring_back(at_rest)
    at_rest.wait(minutes=21)
    for minute in range(31):
        assert at_rest.post(at_rest.order(f"PO-later-{minute}")).state == "posted"
        at_rest.wait(minutes=1)


def test_a_token_that_cannot_be_renewed_once_is_no_outage(at_rest: InMemoryEnvironment) -> None:
    at_rest.clock.move(700)
    at_rest.exact.faults.append(ExactFault("unavailable", path="oauth2"))
    for number in range(10):
        at_rest.post(at_rest.order(f"PO-{number}"))
    assert not at_rest.services_of().exact_at(SITE).circuit_breaker.outage().is_open


def test_one_failing_order_does_not_hold_up_the_others(at_rest: InMemoryEnvironment) -> None:
    """Airbase fails for this order only; the probe asks for something else."""
    broken = at_rest.order("PO-broken")
    at_rest.airbase.on_call = lambda r: (
        AirbaseFault("unavailable") if broken["id"] in r.path else None
    )
    at_rest.queue(broken)
    for _ in range(60):
        at_rest.wait(minutes=1)
    order = at_rest.order("PO-2")
    at_rest.post(order)
    at_rest.wait(minutes=1)
    assert at_rest.record(order).state == "posted"


def test_a_rate_limit_is_no_outage(at_rest: InMemoryEnvironment) -> None:
    for _ in range(5):
        at_rest.exact.faults.append(ExactFault("rate_limited_minute", "POST"))
    for number in range(5):
        at_rest.post(at_rest.order(f"PO-{number}"))
        at_rest.wait(minutes=1)
    assert not at_rest.services_of().exact_at(SITE).circuit_breaker.outage().is_open
    at_rest.airbase.limit = 0
    for number in range(5, 10):
        at_rest.post(at_rest.order(f"PO-{number}"))
        at_rest.wait(minutes=15)
    assert not at_rest.services_of().airbase_breaker.outage().is_open


def test_a_sweep_reads_little_when_nothing_is_due(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_down(at_rest, EXACT)
    run_minutes(at_rest, 60, approve_each=1)
    at_rest.wait(minutes=10)
    items, reads = Counter[str](), Counter[str]()
    for name in ("query_index", "query", "get"):
        monkeypatch.setattr(
            InMemoryTable, name, _counted(getattr(InMemoryTable, name), items, reads)
        )
    at_rest.memory.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), at_rest.services)
    assert items["query_index"] == 0, "records parked by an outage are not read"
    assert reads.total() <= 14
    bring_back(at_rest)
    monkeypatch.undo()
    at_rest.wait(minutes=5)
    at_rest.wait(minutes=1)
    for name in ("query_index", "query", "get"):
        monkeypatch.setattr(
            InMemoryTable, name, _counted(getattr(InMemoryTable, name), items, reads)
        )
    reads.clear()
    at_rest.memory.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), at_rest.services)
    assert reads.total() <= 23


def _counted(real: Any, items: Counter[str], reads: Counter[str]) -> Any:
    def counted(*args: Any, **more: Any) -> Any:
        answer = real(*args, **more)
        reads[real.__name__] += 1
        if real.__name__ == "get":
            return answer
        rows = list(answer)
        items[real.__name__] += len(rows)
        return iter(rows)

    return counted
