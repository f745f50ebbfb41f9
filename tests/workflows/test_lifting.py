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


def test_a_revoked_consent_halts_once_and_goes_on_when_it_is_given_again(firm: Office) -> None:
    firm.exact.revoke_consent()
    firm.clock.move(700)
    journal = Journal(firm, EXACT)
    orders = live_through(firm, 90, approve_each=3)
    assert halts(firm) == {"": "RECONNECT_NEEDED"}
    assert times_halted(firm) == 1
    assert len(journal.calls) <= 2, "nothing is asked whose answer is known"
    assert set(states(firm, orders)) == {"received"}
    firm.consent()
    for _ in range(16):
        firm.wait(minutes=1)
    assert halts(firm) == {}
    assert states(firm, orders) == {"posted": 30}
    assert posted_in_turn(firm, orders)
    assert firm.mini.queues.dead == []


def test_a_division_that_is_gone_halts_alone_and_goes_on_by_itself(firm: Office) -> None:
    firm.exact.world.divisions[BE.division].in_scope = False
    journal = Journal(firm, EXACT)
    orders = live_through(firm, 24 * 60, approve_each=30)
    assert halts(firm) == {str(BE.division): "EXACT_DIVISION_NOT_ALLOWED"}
    assert times_halted(firm) == 1
    ours = [order for order in orders if order["subsidiary"]["airbase_id"] == BE.subsidiary]
    assert states(firm, ours) == {"received": 16}
    assert states(firm, orders)["posted"] == 32
    refused = [call for call in journal.calls if call.division == BE.division]
    assert len(refused) <= 24 * 4 + 1, "one question in 15 minutes: four errors an hour"
    assert not [call for call in journal.calls if call.status == 429], "no key is blocked"
    firm.exact.world.divisions[BE.division].in_scope = True
    for _ in range(16):
        firm.wait(minutes=1)
    assert halts(firm) == {}
    assert states(firm, orders) == {"posted": 48}
    assert posted_in_turn(firm, ours)
    assert firm.mini.queues.dead == []


def test_a_refused_airbase_key_goes_on_with_the_next_one(firm: Office) -> None:
    key = firm.airbase.api_key
    firm.airbase.api_key = "another"
    journal = Journal(firm, AIRBASE)
    orders = live_through(firm, 60, approve_each=5)
    assert halts(firm) == {"": "AIRBASE_KEY_REFUSED"}
    assert times_halted(firm) == 1
    assert len(journal.calls) <= 1 + 5
    firm.airbase.api_key = key
    for _ in range(16):
        firm.wait(minutes=1)
    assert halts(firm) == {}
    assert states(firm, orders) == {"posted": 12}


@pytest.mark.parametrize("code", ["AIRBASE_KEY_MISSING", "SECRET_UNREADABLE", "EXACT_USER_BLOCKED"])
def test_a_halt_whose_cause_is_gone_is_lifted_at_once(firm: Office, code: str) -> None:
    firm.doors.ledger.halt(FIRM, problem(code, "Connection example-firm"))
    firm.wait(minutes=1)
    assert halts(firm) == {}


def test_a_halt_is_proved_where_it_was_met(firm: Office) -> None:
    """Orders may be read: that says nothing of the suppliers, whose scope is missing."""
    firm.exact.policy.denied.add("sync/CRM/Accounts")
    firm.clock.move(timedelta(hours=5))
    for _ in range(40):
        firm.wait(minutes=1)
    assert halts(firm) == {"": "EXACT_SCOPE_MISSING"}
    assert times_halted(firm) == 1
    firm.exact.policy.denied.clear()
    for _ in range(16):
        firm.wait(minutes=1)
    assert halts(firm) == {}


def test_a_division_that_is_no_longer_configured_keeps_no_halt(firm: Office) -> None:
    firm.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "Exact division 1"), Division(1))
    firm.wait(minutes=1)
    assert halts(firm) == {}


def test_anothers_trouble_does_not_keep_the_connection_stopped(firm: Office) -> None:
    firm.doors.ledger.halt(FIRM, problem("EXACT_USER_BLOCKED", "Exact connection"))
    firm.exact.world.divisions[NL.division].in_scope = False
    firm.wait(minutes=1)
    assert "" not in halts(firm)
    order = firm.order("PO-1", DE)
    assert firm.post(order).state == "posted"


def test_an_outage_is_no_answer_about_a_halt(firm: Office) -> None:
    firm.doors.ledger.halt(FIRM, problem("EXACT_USER_BLOCKED", "Exact connection"))
    goes_away(firm, EXACT)
    journal = Journal(firm, EXACT)
    for _ in range(60):
        firm.wait(minutes=1)
    assert halts(firm) == {"": "EXACT_USER_BLOCKED"}
    assert len(journal.calls) <= 3 + 2 * 10
    comes_back(firm)
    firm.wait(minutes=1)
    firm.wait(minutes=1)
    assert halts(firm) == {}


def test_a_lifted_halt_is_not_looked_for_again_before_its_time(firm: Office) -> None:
    started = clock.now()
    firm.exact.world.divisions[BE.division].in_scope = False
    firm.post(firm.order("PO-1", BE))
    journal = Journal(firm, EXACT)
    firm.wait(minutes=1)
    firm.exact.world.divisions[BE.division].in_scope = True
    while halts(firm):
        firm.wait(minutes=1)
    assert timedelta(minutes=15) <= clock.now() - started <= timedelta(minutes=17)
    assert len([call for call in journal.calls if call.method == "GET"]) == 2
