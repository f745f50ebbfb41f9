"""Exact or Airbase away for a minute, an hour, a day: no hand, few calls, everything in order."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from local.exact_simulator import Fault as ExactFault
from local.firm import BRANCHES
from local.memory import MemoryTable
from local.office import FIRM, Office
from local.simulation import Fault as AirbaseFault
from ml_connector import backoff
from ml_connector.doors.circuit import AIRBASE, EXACT, Remote
from ml_connector.doors.queues import PURCHASE_ORDERS, Message
from tests.workflows.away import (
    Journal,
    comes_back,
    goes_away,
    live_through,
    posted_in_turn,
    states,
)

_DAY = 24 * 60


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
@pytest.mark.parametrize("kind", ["unavailable", "timeout", "garbage"])
def test_an_hour_away(at_rest: Office, remote: Remote, kind: str) -> None:
    goes_away(at_rest, remote, kind)
    journal = Journal(at_rest, remote)
    orders = live_through(at_rest, 60, approve_each=2)
    assert len(journal.calls) <= 3 + 2 * 10, "three faults, then probes: a token and a question"
    assert journal.knocks <= 60
    assert "posted" not in states(at_rest, orders)
    comes_back(at_rest)
    for _ in range(11 if kind == "garbage" else 4):  # a site that answers garbage does answer
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 30}
    assert sum(len(at_rest.in_exact(branch)) for branch in BRANCHES) == 30
    assert at_rest.mini.queues.dead == []
    assert not at_rest.doors.ledger.halted(FIRM)


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
def test_a_day_away(at_rest: Office, remote: Remote) -> None:
    goes_away(at_rest, remote)
    journal = Journal(at_rest, remote)
    orders = live_through(at_rest, _DAY, approve_each=20)
    # Probes ten minutes apart; Exact's token calls are among them (200 a day).
    assert len(journal.calls) <= 3 + 24 * 7
    assert journal.knocks <= _DAY
    comes_back(at_rest)
    at_rest.wait(minutes=1)  # reference data that are too old by now are read first
    assert states(at_rest, orders) == {"posted": len(orders)}
    assert posted_in_turn(at_rest, orders[3:])
    assert at_rest.mini.queues.dead == []


@pytest.mark.parametrize("remote", [EXACT, AIRBASE], ids=lambda remote: remote.name)
def test_a_minute_away(at_rest: Office, remote: Remote) -> None:
    orders = [at_rest.order(f"PO-{n}") for n in range(20)]
    goes_away(at_rest, remote)
    journal = Journal(at_rest, remote)
    for order in orders:
        at_rest.post(order)
    assert len(journal.calls) == 3, "nobody asks after the third"
    at_rest.wait(seconds=59)
    comes_back(at_rest)
    for _ in range(4):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 20}
    assert at_rest.mini.queues.dead == []


def test_a_blip_is_what_it_was(at_rest: Office) -> None:
    at_rest.exact.faults.append(ExactFault("unavailable"))
    orders = [at_rest.order(f"PO-{n}") for n in range(3)]
    for order in orders:
        at_rest.post(order)
    assert states(at_rest, orders) == {"posting": 1, "posted": 2}
    assert not at_rest.doors.circuit(FIRM, EXACT).outage().is_open


def test_what_waits_says_for_what_and_is_audited_once(at_rest: Office) -> None:
    goes_away(at_rest, EXACT)
    orders = [at_rest.order(f"PO-{n}") for n in range(4)]
    for order in orders:
        at_rest.post(order)
    for _ in range(30):
        at_rest.wait(minutes=1)
    record = at_rest.record(orders[-1])
    assert record.facts["waiting"]["code"] == record.parked == "EXACT_AWAY"
    assert at_rest.steps(orders[-1]) == ["received", "fetched", "waiting"]


def test_only_the_prober_asks_and_then_all_go_at_full_speed(at_rest: Office) -> None:
    goes_away(at_rest, EXACT)
    orders = live_through(at_rest, 200, approve_each=1)
    comes_back(at_rest)
    journal = Journal(at_rest, EXACT)
    at_rest.wait(minutes=1)
    first, *rest = [call for call in journal.calls if "oauth2" not in call.path]
    assert first.path.endswith("current/Me")
    assert 1 + len(rest) == 3 * 59, "every call that the minute allows, in the minute of the probe"
    assert posted_in_turn(at_rest, orders[3:])


def test_orders_of_one_purchase_order_stay_in_order(at_rest: Office) -> None:
    """A change that arrives during the outage is the one that is posted."""
    goes_away(at_rest, EXACT)
    order = at_rest.order("PO-1")
    for _ in range(5):
        at_rest.post(order)
        at_rest.wait(minutes=1)
    order["expense_list"][0]["amount"] = order["total_amount"] = "1300.00"
    at_rest.post(order)
    comes_back(at_rest)
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=3)
    (posted,) = at_rest.in_exact()
    assert posted["AmountFCExclVat"] == 1300.0


def test_exact_away_does_not_keep_airbase_from_being_asked(at_rest: Office) -> None:
    goes_away(at_rest, EXACT)
    live_through(at_rest, 3, approve_each=1)
    order = at_rest.order(status="pending")
    assert at_rest.post(order).state == "awaiting_approval"


def test_an_outage_that_the_site_does_not_show_is_probed_for(at_rest: Office) -> None:
    at_rest.exact.on_call = lambda r: ExactFault("unavailable") if "/api/" in r.path else None
    journal = Journal(at_rest, EXACT)
    orders = live_through(at_rest, 60, approve_each=10)
    assert len(journal.calls) <= 3 + 2 * 10
    comes_back(at_rest)
    for _ in range(11):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 6}


def test_a_token_endpoint_away_is_an_outage_too(at_rest: Office) -> None:
    at_rest.clock.move(700)
    at_rest.exact.on_call = lambda r: ExactFault("unavailable") if "oauth2" in r.path else None
    journal = Journal(at_rest, EXACT)
    orders = live_through(at_rest, _DAY, approve_each=60)
    assert len(journal.calls) <= 3 + 24 * 7, "190 token calls are what a day has"
    assert {call.fault for call in journal.calls} == {"unavailable"}
    comes_back(at_rest)
    for _ in range(12):
        at_rest.wait(minutes=1)
    assert states(at_rest, orders) == {"posted": 24}


def test_a_pause_of_the_token_calls_ends_with_the_outage(
    at_rest: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pauses had grown long: the next renewal must not meet one."""
    monkeypatch.setattr(backoff, "delay", lambda *_, **__: timedelta(minutes=30))
    goes_away(at_rest, EXACT)
    live_through(at_rest, 3 * 60, approve_each=60)
    comes_back(at_rest)
    at_rest.wait(minutes=1)
    for minute in range(31):
        assert at_rest.post(at_rest.order(f"PO-later-{minute}")).state == "posted"
        at_rest.wait(minutes=1)


def test_a_token_that_cannot_be_renewed_once_is_no_outage(at_rest: Office) -> None:
    at_rest.clock.move(700)
    at_rest.exact.faults.append(ExactFault("unavailable", path="oauth2"))
    for number in range(10):
        at_rest.post(at_rest.order(f"PO-{number}"))
    assert not at_rest.doors.circuit(FIRM, EXACT).outage().is_open


def test_one_broken_order_does_not_keep_the_others_waiting(at_rest: Office) -> None:
    """Airbase fails for this one alone: the probe asks for something else."""
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


def test_a_rate_limit_is_no_outage(at_rest: Office) -> None:
    for _ in range(5):
        at_rest.exact.faults.append(ExactFault("rate_limited_minute", "POST"))
    for number in range(5):
        at_rest.post(at_rest.order(f"PO-{number}"))
        at_rest.wait(minutes=1)
    assert not at_rest.doors.circuit(FIRM, EXACT).outage().is_open
    at_rest.airbase.limit = 0
    for number in range(5, 10):
        at_rest.post(at_rest.order(f"PO-{number}"))
        at_rest.wait(minutes=15)
    assert not at_rest.doors.circuit(FIRM, AIRBASE).outage().is_open


def test_a_sweep_reads_little_when_nothing_is_due(
    at_rest: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_away(at_rest, EXACT)
    live_through(at_rest, 60, approve_each=1)
    at_rest.wait(minutes=10)
    items, reads = Counter[str](), Counter[str]()
    for name in ("query_index", "query", "get"):
        monkeypatch.setattr(MemoryTable, name, _counted(getattr(MemoryTable, name), items, reads))
    at_rest.mini.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), at_rest.doors)
    assert items["query_index"] == 0, "what an outage keeps is not even read"
    assert reads.total() <= 10
    comes_back(at_rest)
    monkeypatch.undo()
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=1)
    for name in ("query_index", "query", "get"):
        monkeypatch.setattr(MemoryTable, name, _counted(getattr(MemoryTable, name), items, reads))
    reads.clear()
    at_rest.mini.work(Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"}), at_rest.doors)
    assert reads.total() <= 18


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
