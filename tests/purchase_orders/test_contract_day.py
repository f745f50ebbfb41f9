"""When a contract's calls run out, orders come before readings, then wait for the next day."""

from datetime import timedelta
from typing import Any

import pytest

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, site_of
from ml_connector.exact.purchase_orders import STREAM_PATH
from ml_connector.exact.rate_limit_headers import next_day
from ml_connector.health.ping import ping_connection
from ml_connector.reference_data.refresh import note_stale

CONTRACT = {"name": "group", "share_percent": 1}
"""200 calls a day, 160 of them for readings, too."""


NL_SITE = site_of(NL.key)


def use(env: InMemoryEnvironment, calls: int) -> None:
    """Let other connections of the same contract use so many of its calls."""
    expires = int(clock.epoch()) + 2 * 86_400
    table = env.memory.tables.coordination
    assert table.add("contract#group", f"day#{clock.now():%Y-%m-%d}", calls, 1_000, expires)


def used(env: InMemoryEnvironment) -> int:
    return env.services_of().exact(NL.key).contract_day.used()


def counted(env: InMemoryEnvironment) -> int:
    """Return how many calls Exact has counted for the contract."""
    return env.exact.limits.contract.used(env.clock())


@pytest.fixture
def firm(env: InMemoryEnvironment) -> InMemoryEnvironment:
    env.connect(contract=CONTRACT)
    env.wait(minutes=2)
    return env


def waits_for(env: InMemoryEnvironment, order: dict[str, Any]) -> str:
    return env.record(order).facts.waiting_for


def test_what_is_reserved_is_at_least_what_exact_counts(firm: InMemoryEnvironment) -> None:
    for number in range(5):
        firm.post(firm.order(f"PO-{number}"))
    assert counted(firm) <= used(firm) <= counted(firm) + 20, "a block of each kind may be left"


def test_orders_go_on_when_readings_have_stopped(firm: InMemoryEnvironment) -> None:
    use(firm, 165 - used(firm))
    firm.services = firm.memory.services()  # another process: no block is left
    data = firm.services_of().reference_store(NL.key)
    read_at = data.cursor(STREAM_PATH).read_at
    firm.clock.move(60)
    note_stale(data, STREAM_PATH)
    firm.wait(minutes=1)
    assert data.cursor(STREAM_PATH).read_at == read_at, "not read: that is kept for orders"
    assert firm.post(firm.order()).state == "posted"
    firm.clock.move(next_day(clock.now()) - clock.now())
    firm.wait(minutes=1)
    now_read = data.cursor(STREAM_PATH).read_at
    assert now_read is not None
    assert read_at is not None
    assert now_read > read_at


def test_an_order_waits_for_the_next_day_once_the_share_is_spent(
    firm: InMemoryEnvironment,
) -> None:
    use(firm, 200 - used(firm))
    firm.services = firm.memory.services()
    before = firm.exact_calls()
    order = firm.order()
    record = firm.post(order)
    assert waits_for(firm, order) == "EXACT_CONTRACT_DAY"
    assert record.due_at == next_day(clock.now())
    assert not record.problems
    assert "intent" not in firm.steps(order)
    for _ in range(5):
        firm.wait(minutes=1)
    assert firm.exact_calls() == before
    firm.clock.move(next_day(clock.now()) - clock.now())
    firm.wait(minutes=1)
    firm.wait(minutes=1)
    assert firm.record(order).state == "posted"


def test_no_more_than_the_share_is_called_however_much_there_is_to_do(
    firm: InMemoryEnvironment,
) -> None:
    orders = [firm.order(f"PO-{number}") for number in range(300)]
    for order in orders:
        firm.queue(order)
    for _ in range(10):
        firm.wait(minutes=1)
    assert counted(firm) <= 200
    assert counted(firm) >= 200 - 20
    waiting = [each for each in orders if firm.record(each).state != "posted"]
    assert waiting
    assert {waits_for(firm, each) for each in waiting} == {"EXACT_CONTRACT_DAY"}


def test_two_connections_of_one_contract_share_its_day(firm: InMemoryEnvironment) -> None:
    divisions = [firm.config()["divisions"][0] | {"division": 9999, "subsidiaries": ["other"]}]
    firm.exact.add_division(9999, "NL", description="Another firm")
    firm.connect("another", contract=CONTRACT, divisions=divisions)
    another = firm.services_of(ConnectionId("another")).exact_at(NL_SITE).contract_day
    assert another.used() == used(firm)
    use(firm, 200 - used(firm))
    fresh = firm.memory.services().of(ConnectionId("another"))
    assert fresh is not None
    assert fresh.exact_at(NL_SITE).contract_day.spent() is not None


def test_a_ping_shows_the_contract_and_says_when_it_is_spent(firm: InMemoryEnvironment) -> None:
    def contract() -> Any:
        services = firm.memory.services("connector").of(FIRM)
        assert services is not None
        (found,) = [each for each in ping_connection(services) if each.check == "contract"]
        return found

    shown = contract()
    assert shown.ok
    assert "of 200 calls of contract group used today" in shown.detail
    use(firm, 200 - used(firm))
    spent = contract()
    assert spent.ok is False
    assert spent.code == "EXACT_CONTRACT_DAY"


def test_the_call_of_no_division_is_not_counted(firm: InMemoryEnvironment) -> None:
    before = counted(firm), used(firm)
    firm.services_of().exact(NL.key).current_user()
    assert (counted(firm), used(firm)) == before


def test_a_day_of_the_default_is_ten_thousand_calls(env: InMemoryEnvironment) -> None:
    env.connect()
    assert env.services_of().exact(NL.key).contract_day.share == 10_000
    env.clock.move(timedelta(minutes=1))
    env.post(env.order())
    assert 0 < env.services_of().exact(NL.key).contract_day.used() < 100
