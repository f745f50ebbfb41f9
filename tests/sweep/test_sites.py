"""A connection with two Exact sites: what stops one leaves the other at full speed."""

from datetime import timedelta

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import FIRM
from ml_connector.connections import token_refresh
from ml_connector.domain.ids import AppId, Guid, code_of
from ml_connector.infrastructure.halts import Halts
from ml_connector.messages.kinds import ExactNotification
from ml_connector.notifications.text import compose_halts
from tests.two_sites import BE_APP, BE_DIVISION, BELGIUM, TwoSites


@pytest.fixture
def both() -> TwoSites:
    env = TwoSites()
    env.connect_both()
    return env


def halts(env: TwoSites) -> dict[str, str]:
    found = Halts(env.services.ledger_of(FIRM)).all()
    return {where: halt.code for where, halt in found.items()}


def test_each_order_goes_to_its_own_site_although_the_codes_are_equal(both: TwoSites) -> None:
    dutch, belgian = both.order("PO-NL", NL), both.order("PO-BE", BE)
    assert both.post(dutch).state == both.post(belgian).state == "posted"
    assert (both.numbers_at(both.exact), both.numbers_at(both.belgium)) == (["PO-NL"], ["PO-BE"])
    assert both.record(belgian).facts.division == BE_DIVISION
    assert code_of(BE_DIVISION) == NL.division
    (step,) = [
        entry
        for entry in both.services.ledger_of(FIRM).trail(both.record(belgian).key)
        if entry.step == "intent"
    ]
    assert (step.detail["intent"]["site"], step.detail["intent"]["division"]) == ("be", 2101)


def test_one_vendor_is_linked_to_a_supplier_of_each_site(both: TwoSites) -> None:
    for branch in (NL, BE):
        both.post(both.order(f"PO-{branch.country}", branch))
    links = list(both.services_of().vendor_links.all())
    assert {link.division for link in links} >= {NL.key, BE_DIVISION}
    assert len({link.supplier for link in links if link.vendor == links[0].vendor}) == 2


def test_a_lost_consent_stops_its_site_alone_until_it_is_given_again(both: TwoSites) -> None:
    both.belgium.revoke_consent()
    both.clock.move(timedelta(hours=30))
    token_refresh.refresh_all(both.services.all(), lambda _name, _value: None)
    assert halts(both) == {BELGIUM: "RECONNECT_NEEDED"}
    both.wait(minutes=1)
    waiting, going_on = both.order("PO-BE", BE), both.order("PO-NL", NL)
    assert both.post(going_on).state == "posted"
    record = both.post(waiting)
    assert (record.facts.waiting_for, record.parked) == ("HALTED", "HALTED be")
    both.belgium.oauth.revoked = False
    both.consent_at(BE_APP, both.belgium)
    for _ in range(20):
        both.wait(minutes=1)
    assert (halts(both), both.record(waiting).state) == ({}, "posted")


def test_an_outage_of_one_site_parks_its_orders_alone(both: TwoSites) -> None:
    both.belgium.on_call = lambda _request: ExactFault("unavailable")
    parked = [both.order(f"PO-BE{number}", BE) for number in range(5)]
    for order in parked:
        both.post(order)
    both.wait(minutes=1)
    assert both.services_of().exact_at(BELGIUM).circuit_breaker.outage().is_open
    before = len(both.belgium.calls)
    for number in range(5):
        assert both.post(both.order(f"PO-NL{number}", NL)).state == "posted"
    assert len(both.belgium.calls) == before
    assert {both.record(order).parked for order in parked} <= {"EXACT_AWAY be", ""}
    both.belgium.on_call = None
    for _ in range(30):
        both.wait(minutes=1)
    assert {both.record(order).state for order in parked} == {"posted"}
    assert both.numbers_at(both.belgium) == sorted(order["number"] for order in parked)


_KEY = Guid("11111111-0000-4000-8000-000000000001")


def test_a_notification_marks_the_stream_of_its_own_site(both: TwoSites) -> None:
    services = both.services_of()
    changed = ExactNotification(FIRM, code_of(BE_DIVISION), "GLAccounts", _KEY, "Update", BELGIUM)
    assert services.division_of(changed.division, changed.site) == BE_DIVISION
    of_first = ExactNotification(FIRM, code_of(BE_DIVISION), "GLAccounts", _KEY, "Update")
    assert services.division_of(of_first.division, of_first.site) == NL.key


def test_each_site_has_its_own_app_calls_and_tokens(both: TwoSites) -> None:
    nl, be = (both.services_of().exact_at(site.site) for site in both.connection().sites)
    assert (nl.tokens.app, be.tokens.app) == (AppId(FIRM), BE_APP)
    left = nl.rate_limiter.calls_left(NL.key)
    be.rate_limiter.reserve(BE_DIVISION, 10)
    assert nl.rate_limiter.calls_left(NL.key) == left


def test_people_are_told_which_site_is_stopped(both: TwoSites) -> None:
    both.belgium.revoke_consent()
    both.clock.move(timedelta(hours=30))
    token_refresh.refresh_all(both.services.all(), lambda _name, _value: None)
    (found,) = both.services_of().outbox.waiting(10)
    ((subject, text, _),) = compose_halts(both.connection(), found)
    assert subject == f"Connector {FIRM}: site be stopped, RECONNECT_NEEDED"
    assert "Site be is STOPPED: RECONNECT_NEEDED" in text
    assert f"connector connection consent {BE_APP}" in text
