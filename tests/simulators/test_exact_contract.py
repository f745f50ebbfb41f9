"""The simulator of Exact counts what all apps of a contract call, and may refuse parallel calls."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local.exact_simulator import Contract, ExactFault, serve
from ml_connector.clock import MovableClock
from tests.simulators.exact_site import (
    DIVISION,
    MIDNIGHT_MS,
    SUMMER_NOON,
    Opened,
    open_site,
    rate_headers,
)

CODES = "vat/VATCodes"


def test_a_contract_counts_the_calls_of_all_its_sites_and_divisions() -> None:
    contract, clock = Contract(per_day=3), MovableClock(SUMMER_NOON)
    nl, de = (open_site(site, contract=contract, clock=clock) for site in ("nl", "de"))
    nl.simulator.add_division(202)
    answers = [nl.get(CODES), nl.get(CODES, division=202), de.get(CODES)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    refused = de.get(CODES)
    assert (refused.status_code, refused.content) == (429, b"")
    assert rate_headers(refused) == {"limit": "3", "remaining": "0", "reset": MIDNIGHT_MS}
    assert contract.used(clock()) == 3


def test_a_contracts_day_ends_at_midnight_utc() -> None:
    site = open_site()
    site.simulator.limits.contract.spend(site.clock(), 20_000)
    assert site.get(CODES).status_code == 429
    site.clock.move(int(MIDNIGHT_MS) / 1000 - site.clock())
    site.new_consent()
    assert site.get(CODES).status_code == 200


def test_the_user_is_answered_when_a_contract_is_spent_and_is_not_counted() -> None:
    site = open_site(contract=Contract(per_day=1))
    for _ in range(61):
        assert site.client.get("/api/v1/current/Me").status_code == 200
    assert site.get(CODES).status_code == 200
    assert site.get(CODES).status_code == 429
    answer = site.client.get("/api/v1/current/Me")
    assert (answer.status_code, rate_headers(answer)) == (200, {})


def test_a_premium_contract_has_thirty_thousand_calls_and_no_day_for_an_app() -> None:
    site = open_site(contract=Contract.premium())
    site.simulator.limits.spend(DIVISION, site.clock(), 29_999)
    site.clock.move(60)
    last = site.get(CODES)
    assert (last.status_code, rate_headers(last)["limit"]) == (200, "30000")
    assert rate_headers(last)["remaining"] == "0"
    assert rate_headers(site.get(CODES))["limit"] == "30000"


def test_calls_that_the_app_may_not_make_do_not_count_for_the_contract() -> None:
    site = open_site()
    contract = site.simulator.limits.contract
    site.simulator.limits.spend(DIVISION, site.clock(), 60)
    used = contract.used(site.clock())
    assert site.get(CODES).status_code == 429
    assert contract.used(site.clock()) == used


def test_controls_show_and_change_the_contract() -> None:
    site = open_site()
    with serve(site.simulator) as base_url:
        answer = httpx.post(f"{base_url}/_control/contract", json={"per_day": 5, "spend": 4})
    assert answer.json() == {"per_day": 5, "is_premium": False, "used": 4}
    assert site.simulator.limits.contract.per_day == 5


# Parallel calls


class Held:
    """A site over a socket whose slow answers are held until they are let go."""

    def __init__(self, opened: Opened, base_url: str) -> None:
        self.opened = opened
        self.base_url = base_url
        self.began = threading.Event()
        self.may_end = threading.Event()
        opened.simulator.wait = self._hold

    def get(self, division: int = DIVISION) -> int:
        """Return the status of a call over a connection of its own."""
        headers = dict(self.opened.client.headers)
        address = f"{self.base_url}/api/v1/{division}/{CODES}"
        return httpx.get(address, headers=headers, timeout=30).status_code

    def _hold(self, _seconds: float) -> None:
        self.began.set()
        assert self.may_end.wait(30)


@pytest.mark.parametrize("refuses", [True, False])
def test_a_second_call_in_flight_is_refused_where_the_switch_says_so(*, refuses: bool) -> None:
    opened = open_site()
    opened.simulator.add_division(202)
    opened.simulator.policy.refuse_parallel = refuses
    opened.simulator.faults.append(ExactFault("slow", seconds=1))
    with serve(opened.simulator) as base_url, ThreadPoolExecutor(1) as pool:
        held = Held(opened, base_url)
        first = pool.submit(held.get)
        assert held.began.wait(30)
        assert held.get() == (429 if refuses else 200)
        assert held.get(division=202) == 200
        held.may_end.set()
        assert first.result() == 200
        assert [held.get() for _ in range(20)] == [200] * 20
    assert opened.simulator.parallel.most == {DIVISION: 2, 202: 1}
    refused = [call.status for call in opened.simulator.calls if call.status == 429]
    assert refused == ([429] if refuses else [])


def test_a_refused_parallel_call_does_nothing_and_costs_nothing() -> None:
    opened = open_site()
    opened.simulator.policy.refuse_parallel = True
    assert opened.simulator.parallel.begin(DIVISION)
    answer = opened.post_order()
    assert (answer.status_code, answer.content, rate_headers(answer)) == (429, b"", {})
    assert not opened.simulator.purchase_orders(DIVISION)
    assert opened.simulator.limits.contract.used(opened.clock()) == 0
    opened.simulator.parallel.end(DIVISION)
    assert opened.post_order().status_code == 201


def test_a_call_without_an_answer_is_no_longer_in_flight() -> None:
    opened = open_site()
    opened.simulator.policy.refuse_parallel = True
    opened.simulator.faults.append(ExactFault("timeout_after_commit"))
    with pytest.raises(httpx.ReadTimeout):
        opened.get(CODES)
    assert opened.get(CODES).status_code == 200
