"""A lost consent, a division that is gone: one exception, few questions, no hand afterwards."""

from datetime import timedelta

import pytest

from local.firm import BE, DE, NL
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.doors.circuit import AIRBASE, EXACT
from ml_connector.doors.ledger import CONNECTION
from ml_connector.ids import Division
from tests.workflows.away import (
    Journal,
    comes_back,
    goes_away,
    live_through,
    posted_in_turn,
    states,
)


def halts(office: Office) -> dict[str, str]:
    return {where: str(p["code"]) for where, p in office.doors.ledger.halts(FIRM).items()}


def times_halted(office: Office) -> int:
    trail = office.doors.ledger.trail(FIRM, CONNECTION)
    return sum(entry.step == "halted" for entry in trail)


def test_a_revoked_consent_halts_once_and_goes_on_when_it_is_given_again(at_rest: Office) -> None:
    at_rest.exact.revoke_consent()
    at_rest.clock.move(700)
    journal = Journal(at_rest, EXACT)
    orders = live_through(at_rest, 90, approve_each=3)
    assert halts(at_rest) == {"": "RECONNECT_NEEDED"}
    assert times_halted(at_rest) == 1
    assert len(journal.calls) <= 2, "nothing is asked whose answer is known"
    assert set(states(at_rest, orders)) == {"received"}
    at_rest.consent()
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 30}
    assert posted_in_turn(at_rest, orders)
    assert at_rest.mini.queues.dead == []


def test_a_division_that_is_gone_halts_alone_and_goes_on_by_itself(at_rest: Office) -> None:
    at_rest.exact.world.divisions[BE.division].in_scope = False
    journal = Journal(at_rest, EXACT)
    orders = live_through(at_rest, 24 * 60, approve_each=30)
    assert halts(at_rest) == {str(BE.division): "EXACT_DIVISION_NOT_ALLOWED"}
    assert times_halted(at_rest) == 1
    ours = [order for order in orders if order["subsidiary"]["airbase_id"] == BE.subsidiary]
    assert states(at_rest, ours) == {"received": 16}
    assert states(at_rest, orders)["posted"] == 32
    refused = [call for call in journal.calls if call.division == BE.division]
    assert len(refused) <= 24 * 4 + 1, "one question in 15 minutes: four errors an hour"
    assert not [call for call in journal.calls if call.status == 429], "no key is blocked"
    at_rest.exact.world.divisions[BE.division].in_scope = True
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 48}
    assert posted_in_turn(at_rest, ours)
    assert at_rest.mini.queues.dead == []


def test_a_refused_airbase_key_goes_on_with_the_next_one(at_rest: Office) -> None:
    key = at_rest.airbase.api_key
    at_rest.airbase.api_key = "another"
    journal = Journal(at_rest, AIRBASE)
    orders = live_through(at_rest, 60, approve_each=5)
    assert halts(at_rest) == {"": "AIRBASE_KEY_REFUSED"}
    assert times_halted(at_rest) == 1
    assert len(journal.calls) <= 1 + 5
    at_rest.airbase.api_key = key
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    assert states(at_rest, orders) == {"posted": 12}


@pytest.mark.parametrize("code", ["AIRBASE_KEY_MISSING", "SECRET_UNREADABLE", "EXACT_USER_BLOCKED"])
def test_a_halt_whose_cause_is_gone_is_lifted_at_once(at_rest: Office, code: str) -> None:
    at_rest.doors.ledger.halt(FIRM, problem(code, "Connection example-firm"))
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_halt_is_proved_where_it_was_met(at_rest: Office) -> None:
    """Orders may be read: that says nothing of the suppliers, whose scope is missing."""
    at_rest.exact.policy.denied.add("sync/CRM/Accounts")
    at_rest.clock.move(timedelta(hours=5))
    for _ in range(40):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {"": "EXACT_SCOPE_MISSING"}
    assert times_halted(at_rest) == 1
    at_rest.exact.policy.denied.clear()
    for _ in range(16):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_division_that_is_no_longer_configured_keeps_no_halt(at_rest: Office) -> None:
    at_rest.doors.ledger.halt(
        FIRM, problem("EXACT_DIVISION_BLOCKED", "Exact division 1"), Division(1)
    )
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_anothers_trouble_does_not_keep_the_connection_stopped(at_rest: Office) -> None:
    at_rest.doors.ledger.halt(FIRM, problem("EXACT_USER_BLOCKED", "Exact connection"))
    at_rest.exact.world.divisions[NL.division].in_scope = False
    at_rest.wait(minutes=1)
    assert "" not in halts(at_rest)
    order = at_rest.order("PO-1", DE)
    assert at_rest.post(order).state == "posted"


def test_an_outage_is_no_answer_about_a_halt(at_rest: Office) -> None:
    at_rest.doors.ledger.halt(FIRM, problem("EXACT_USER_BLOCKED", "Exact connection"))
    goes_away(at_rest, EXACT)
    journal = Journal(at_rest, EXACT)
    for _ in range(60):
        at_rest.wait(minutes=1)
    assert halts(at_rest) == {"": "EXACT_USER_BLOCKED"}
    assert len(journal.calls) <= 3 + 2 * 10
    comes_back(at_rest)
    at_rest.wait(minutes=1)
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}


def test_a_lifted_halt_is_not_looked_for_again_before_its_time(at_rest: Office) -> None:
    started = clock.now()
    at_rest.exact.world.divisions[BE.division].in_scope = False
    at_rest.post(at_rest.order("PO-1", BE))
    journal = Journal(at_rest, EXACT)
    at_rest.wait(minutes=1)
    at_rest.exact.world.divisions[BE.division].in_scope = True
    while halts(at_rest):
        at_rest.wait(minutes=1)
    assert timedelta(minutes=15) <= clock.now() - started <= timedelta(minutes=17)
    assert len([call for call in journal.calls if call.method == "GET"]) == 2


def test_who_may_read_and_not_write_is_halted_ever_more_rarely(at_rest: Office) -> None:
    at_rest.exact.policy.read_only.add("purchaseorder/PurchaseOrders")
    orders = live_through(at_rest, 24 * 60, approve_each=30)
    times = len(at_rest.connection().divisions) * 8
    assert times_halted(at_rest) <= times, "after 15, 30, 60 minutes, then 2, 4, 8 hours"
    assert states(at_rest, orders).get("posted", 0) == 0
    refused = [c for c in at_rest.exact.calls if c.status == 403]
    assert len(refused) <= times * 2
    at_rest.exact.policy.read_only.clear()
    at_rest.doors.ledger.clear_halt(FIRM)
    at_rest.wait(minutes=1)
    assert halts(at_rest) == {}
    at_rest.doors.ledger.halt(FIRM, problem("EXACT_FORBIDDEN", "Exact connection"))
    at_rest.wait(minutes=16)
    assert halts(at_rest) == {}, "what a person let go on counts from the start"
