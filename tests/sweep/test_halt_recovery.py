"""A lost consent or division: one exception, few calls, and recovery without a person."""

from datetime import timedelta

import pytest

from local.firm import BE, DE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Division
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION
from tests.odd_answers.hostile import answer_by, asks_for, refusal
from tests.sweep.outages import (
    CallLog,
    bring_back,
    posted_in_order,
    run_minutes,
    states,
    take_down,
)


def halts(env: InMemoryEnvironment) -> dict[str, str]:
    return {where: str(p.code) for where, p in Halts(env.services.ledger_of(FIRM)).all().items()}


def times_halted(env: InMemoryEnvironment) -> int:
    trail = env.services.ledger_of(FIRM).trail(CONNECTION)
    return sum(entry.step == "halted" for entry in trail)


def test_a_revoked_consent_halts_once_and_recovers_when_it_is_given_again(
    at_rest: InMemoryEnvironment,
) -> None:
    at_rest.exact.revoke_consent()
    at_rest.clock.move(700)
    log = CallLog(at_rest, EXACT)
    orders = run_minutes(at_rest, 90, approve_each=3)
    assert halts(at_rest) == {"nl": "RECONNECT_NEEDED"}
    assert times_halted(at_rest) == 1
    assert len(log.calls) <= 2, "no call is made whose answer is known"
    assert set(states(at_rest, orders)) == {"received"}
    at_rest.consent()
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 30}
    assert posted_in_order(at_rest, orders)
    assert at_rest.memory.queues.dead == []


def test_a_division_that_is_gone_halts_alone_and_recovers_by_itself(
    at_rest: InMemoryEnvironment,
) -> None:
    at_rest.exact.world.divisions[BE.division].in_scope = False
    log = CallLog(at_rest, EXACT)
    orders = run_minutes(at_rest, 24 * 60, approve_each=30)
    assert halts(at_rest) == {BE.key: "EXACT_DIVISION_NOT_ALLOWED"}
    assert times_halted(at_rest) == 1
    ours = [order for order in orders if order["subsidiary"]["airbase_id"] == BE.subsidiary]
    assert states(at_rest, ours) == {"received": 16}
    assert states(at_rest, orders)["posted"] == 32
    refused = [call for call in log.calls if call.division == BE.division]
    assert len(refused) <= 24 * 4 + 1, "one call in 15 minutes: four errors an hour"
    assert not [call for call in log.calls if call.status == 429], "no key is blocked"
    at_rest.exact.world.divisions[BE.division].in_scope = True
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 48}
    assert posted_in_order(at_rest, ours)
    assert at_rest.memory.queues.dead == []


def test_a_refused_airbase_key_recovers_with_a_new_one(at_rest: InMemoryEnvironment) -> None:
    key = at_rest.airbase.api_key
    at_rest.airbase.api_key = "another-key"
    log = CallLog(at_rest, AIRBASE)
    orders = run_minutes(at_rest, 60, approve_each=5)
    assert halts(at_rest) == {"": "AIRBASE_KEY_REFUSED"}
    assert times_halted(at_rest) == 1
    assert len(log.calls) <= 1 + 5
    at_rest.airbase.api_key = key
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 12}


@pytest.mark.parametrize("code", ["AIRBASE_KEY_MISSING", "SECRET_UNREADABLE", "EXACT_USER_BLOCKED"])
def test_a_halt_whose_cause_is_repaired_is_lifted_at_once(
    at_rest: InMemoryEnvironment, code: str
) -> None:
    Halts(at_rest.services.ledger_of(FIRM)).stop(
        problem(code, "Connection example-firm", connection=FIRM)
    )
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_halt_is_checked_at_the_endpoint_that_caused_it(at_rest: InMemoryEnvironment) -> None:
    """That orders can be read proves nothing about suppliers, whose scope is missing."""
    at_rest.exact.policy.denied.add("sync/CRM/Accounts")
    at_rest.clock.move(timedelta(hours=5))
    for _ in range(40):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {"nl": "EXACT_SCOPE_MISSING"}
    assert times_halted(at_rest) == 1
    at_rest.exact.policy.denied.clear()
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_division_that_is_no_longer_configured_has_no_halt(
    at_rest: InMemoryEnvironment,
) -> None:
    Halts(at_rest.services.ledger_of(FIRM)).stop(
        problem("EXACT_DIVISION_BLOCKED", "Exact division 1"), Division("nl.1")
    )
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_halted_division_does_not_keep_the_connection_stopped(
    at_rest: InMemoryEnvironment,
) -> None:
    blocked = problem("EXACT_USER_BLOCKED", "Exact connection", connection=FIRM)
    Halts(at_rest.services.ledger_of(FIRM)).stop(blocked)
    at_rest.exact.world.divisions[NL.division].in_scope = False
    at_rest.wait(minutes=1)
    assert "" not in halts(at_rest)
    order = at_rest.order("PO-1", DE)
    assert at_rest.post(order).state == "posted"


def test_an_outage_does_not_lift_a_halt(at_rest: InMemoryEnvironment) -> None:
    blocked = problem("EXACT_USER_BLOCKED", "Exact connection", connection=FIRM)
    Halts(at_rest.services.ledger_of(FIRM)).stop(blocked)
    take_down(at_rest, EXACT)
    log = CallLog(at_rest, EXACT)
    for _ in range(60):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {"": "EXACT_USER_BLOCKED"}
    assert len(log.calls) <= 3 + 2 * 10
    bring_back(at_rest)
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_halt_is_not_checked_again_before_its_time(
    at_rest: InMemoryEnvironment,
) -> None:
    started = clock.now()
    at_rest.exact.world.divisions[BE.division].in_scope = False
    at_rest.post(at_rest.order("PO-1", BE))
    log = CallLog(at_rest, EXACT)
    at_rest.wait(minutes=1)
    at_rest.exact.world.divisions[BE.division].in_scope = True
    while halts(at_rest):
        at_rest.wait(minutes=1)
    assert timedelta(minutes=15) <= clock.now() - started <= timedelta(minutes=17)
    assert len([call for call in log.calls if call.method == "GET"]) == 2


def test_a_user_who_may_read_but_not_write_is_checked_less_and_less_often(
    at_rest: InMemoryEnvironment,
) -> None:
    at_rest.exact.policy.read_only.add("purchaseorder/PurchaseOrders")
    orders = run_minutes(at_rest, 24 * 60, approve_each=30)
    times = len(at_rest.connection().divisions) * 8
    assert times_halted(at_rest) <= times, "after 15, 30, 60 minutes, then 2, 4, 8 hours"
    assert states(at_rest, orders).get("posted", 0) == 0
    refused = [c for c in at_rest.exact.calls if c.status == 403]
    assert len(refused) <= times * 2
    at_rest.exact.policy.read_only.clear()
    Halts(at_rest.services.ledger_of(FIRM)).lift_all()
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    Halts(at_rest.services.ledger_of(FIRM)).stop(problem("EXACT_FORBIDDEN", "Exact connection"))
    at_rest.wait(minutes=16)
    assert halts(at_rest) == {}, "after a person lifts it, the count starts over"


def test_a_check_without_a_useful_answer_is_not_repeated_every_minute_and_stops_no_other(
    at_rest: InMemoryEnvironment,
) -> None:
    ledger = at_rest.services.ledger_of(FIRM)
    calls: list[str] = []

    def answer(request: Request) -> Response | None:
        if not asks_for(request, "/api/v1/", NL.division):
            return None
        calls.append(request.path)
        return refusal(500, "Something odd")

    answer_by(at_rest, answer)
    for each in (NL, BE):
        Halts(ledger).stop(problem("EXACT_FORBIDDEN", "Exact"), each.key)
    for _ in range(60):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {NL.key: "EXACT_FORBIDDEN"}
    assert 1 <= len(calls) <= 5
