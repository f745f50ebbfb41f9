"""Some users may read only one of Exact's two lists of divisions: either is enough."""

from collections.abc import Callable
from typing import Any

import pytest

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.connections import setup
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from tests.odd_answers.hostile import answer_by, exceptions, refusal
from tests.odd_answers.premium import renumbered
from tests.odd_answers.test_refused_readings import hours, of_code

SYSTEM, HRM = "system/Divisions", "hrm/Divisions"
ORDERS = "purchaseorder/PurchaseOrders"
HQ = 10_000_001


def listed(services: Services) -> dict[str, Any]:
    """Return what `connector connect` lists at the connection's only site."""
    (site,) = services.connection.sites
    return setup.list_divisions(services.exact_at(site.site), site)


def denied(env: InMemoryEnvironment, *paths: str) -> None:
    env.exact.policy.denied = set(paths)


def unlicensed(env: InMemoryEnvironment, *paths: str) -> None:
    env.exact.policy.unlicensed = set(paths)


def absent(env: InMemoryEnvironment, *paths: str) -> None:
    """Answer as an Exact that does not have the list."""

    def choose(request: Request) -> Response | None:
        is_list = any(path in request.path for path in paths)
        return refusal(404, "") if is_list else None

    answer_by(env, choose)


def emptied(env: InMemoryEnvironment, *paths: str) -> None:
    """Show no rows, as Exact does where a right is missing."""

    def fault(request: Request) -> ExactFault | None:
        is_list = any(path in request.path for path in paths)
        return ExactFault("emptied") if is_list else None

    env.exact.on_call = fault


WAYS: dict[str, Callable[..., None]] = {
    "no scope": denied, "no licence": unlicensed, "not there": absent, "shown empty": emptied,
}  # fmt: skip
ways = pytest.mark.parametrize("switch_off", WAYS.values(), ids=WAYS)


@ways
@pytest.mark.parametrize("path", [SYSTEM, HRM])
def test_connect_lists_divisions_by_either_list(
    env: InMemoryEnvironment, path: str, switch_off: Callable[..., None]
) -> None:
    env.connect()
    switch_off(env, path)
    found = listed(env.services_of())
    assert [(d["division"], d["country"], d["status"]) for d in found["divisions"]] == [
        (2101, "NL", "open"), (2102, "BE", "open"), (2103, "DE", "open"),
    ]  # fmt: skip
    assert found["unreadable"] == []


@pytest.mark.parametrize("switch_off", [denied, unlicensed], ids=["no scope", "no licence"])
def test_connect_says_why_when_both_lists_are_refused(
    env: InMemoryEnvironment, switch_off: Callable[..., None]
) -> None:
    env.connect()
    switch_off(env, SYSTEM, HRM)
    with pytest.raises(UserError) as caught:
        listed(env.services_of())
    assert "Exact" in str(caught.value)
    assert SYSTEM in str(caught.value), str(caught.value)


@ways
def test_readings_go_on_by_the_other_list_and_nobody_is_told(
    env: InMemoryEnvironment, switch_off: Callable[..., None]
) -> None:
    env.connect()
    switch_off(env, SYSTEM)
    env.exact.calls.clear()
    hours(env, 48)
    assert exceptions(env) == []
    lists = [call for call in env.exact.calls if call.path.endswith("/Divisions")]
    assert len([call for call in lists if call.division == NL.division]) <= 4, "two a day"
    assert env.post(env.order("PO-1")).state == "posted"


def test_both_lists_refused_are_one_exception(env: InMemoryEnvironment) -> None:
    env.connect()
    denied(env, SYSTEM, HRM)
    hours(env, 48)
    (found,) = [e for e in of_code(env, "EXACT_READING_REFUSED") if str(NL.division) in e.record]
    assert SYSTEM in found.cause
    assert env.post(env.order("PO-1")).state == "posted", "the division goes on"


@ways
def test_a_move_is_noticed_where_no_list_says_so(
    env: InMemoryEnvironment, switch_off: Callable[..., None]
) -> None:
    env.connect()
    switch_off(env, SYSTEM)
    hours(env, 25)
    env.exact.world.move(env.exact.world.divisions[NL.division])
    env.exact.add_gl_account(NL.division, "4700", "Travel")
    hours(env, 26)
    assert env.services_of().division_data(NL.key).gl_account("4700")
    env.exact.calls.clear()
    hours(env, 24)
    dutch, belgian = (
        [call.path for call in env.exact.calls if call.division == branch.division]
        for branch in (NL, BE)
    )
    assert len(dutch) == len(belgian), "all is read again once"


def test_without_a_move_nothing_is_read_again(env: InMemoryEnvironment) -> None:
    for number in range(600):
        env.exact.add_supplier(NL.division, f"Supplier {number}")
    env.exact.policy.sync_page_size = 60
    env.connect()
    denied(env, SYSTEM)
    readings = []
    for _ in range(60):
        env.exact.calls.clear()
        hours(env, 1)
        dutch = [call for call in env.exact.calls if call.division == NL.division]
        readings.append(len([each for each in dutch if each.path.endswith("sync/CRM/Accounts")]))
    assert max(readings) <= 5, "the newest ones, never all eleven pages"


@ways
def test_a_lost_answer_is_found_after_a_move_that_no_list_shows(
    env: InMemoryEnvironment, switch_off: Callable[..., None]
) -> None:
    env.exact.policy.your_ref_filter = False
    env.connect()
    for number in range(3):
        env.post(env.order(f"PO-OLD{number}"))
    hours(env, 5)
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", ORDERS))
    order = env.order("PO-1")
    env.post(order)
    switch_off(env, SYSTEM, HRM)
    env.exact.world.move(env.exact.world.divisions[NL.division])
    for _ in range(5):
        env.wait(minutes=2)
    assert [each["YourRef"] for each in env.in_exact()].count("PO-1") == 1
    assert env.record(order).state == "posted"


# ---------------------------------------------------------------- rows that cannot be read


def test_connect_says_which_divisions_cannot_be_read(env: InMemoryEnvironment) -> None:
    env.connect()
    env.exact.faults.append(ExactFault("odd_row", "GET", SYSTEM))
    found = listed(env.services_of())
    assert [d["division"] for d in found["divisions"]] == [2102, 2103]
    (said,) = found["unreadable"]
    assert "Code is " in said


# ---------------------------------------------------------------- HQ


def with_hq(env: InMemoryEnvironment) -> None:
    env.exact.add_division(HQ, description="HQ", is_virtual=True)
    env.exact.world.current_division = HQ


def test_the_virtual_division_is_listed_as_such_if_the_user_has_it_open(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    with_hq(env)
    found = listed(env.services_of())["divisions"]
    assert [(d["division"], d["status"]) for d in found][-1] == (HQ, "virtual")
    assert len(found) == 4


def test_a_user_with_only_the_virtual_division_open_is_told_to_open_another(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    with_hq(env)
    env.exact.world.divisions[HQ].in_scope = False
    for branch in (NL, BE):
        env.exact.world.divisions[branch.division].in_scope = False
    settings = env.config() | {"divisions": [{"division": 0, "subsidiaries": ["x"]}]}
    new = env.services.bound(Connection.model_validate(settings))
    with pytest.raises(UserError, match=rf"has HQ \({HQ}\) open"):
        listed(new)


def test_a_connection_to_the_virtual_division_is_an_exception(env: InMemoryEnvironment) -> None:
    with_hq(env)
    divisions = env.config()["divisions"]
    divisions[0] = {**divisions[0], "division": HQ}
    env.connect(divisions=divisions)
    hours(env, 26)
    found = [each for each in exceptions(env) if f"Exact lists no division {HQ}" in each.cause]
    assert len(found) == 1
    assert "the HQ of a Premium licence" in found[0].cause
    order = env.order("PO-1", NL)
    env.post(order)
    assert env.record(order).state == "review"
    assert env.post(env.order("PO-2", BE)).state == "posted"


def test_a_premium_division_that_is_listed_is_no_virtual_one(env: InMemoryEnvironment) -> None:
    premium = renumbered(env, NL, 10_000_007)
    divisions = env.config()["divisions"]
    divisions[0] = {**divisions[0], "division": premium}
    env.connect(divisions=divisions)
    hours(env, 26)
    assert exceptions(env) == []
    assert env.post(env.order("PO-1", NL)).state == "posted"
    assert [order["YourRef"] for order in env.exact.purchase_orders(10_000_007)] == ["PO-1"]
