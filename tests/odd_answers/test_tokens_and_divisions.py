"""A division that refuses the token, a token endpoint that refuses, and what must not be lost.

When Exact refuses permanently, an exception with a remedy is open within hours.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.exact_simulator import ExactFault
from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.secret_store import AwsSecretStore
from tests.odd_answers.hostile import (
    ORDERS,
    KeyService,
    SecretsManager,
    alter,
    answer_by,
    asks_for,
    exceptions,
    page,
    record_crashes,
    refusal,
)


def six_hours(env: InMemoryEnvironment) -> None:
    for _ in range(72):
        env.wait(minutes=5)


# ---------------------------------------------------------------- one division answers 401

UNAUTHORIZED = {
    "without a body": Response(401),
    "with a page": page(401, "Object moved"),
    "in Dutch": refusal(401, "Niet gemachtigd"),
}


def refuse_belgium(env: InMemoryEnvironment, response: Response) -> dict[str, Any]:
    """Answer 401 for one of three divisions for six hours; return an order of it."""
    env.connect()
    paths: list[str] = []

    def answer(request: Request) -> Response | None:
        if not asks_for(request, "/api/", BE.division):
            return None
        paths.append(request.path)
        return response

    answer_by(env, answer)
    order = env.order("PO-BE", BE)
    env.post(order)
    six_hours(env)
    if not paths:
        raise RuntimeError("the division was not called")
    return order


@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_a_division_that_refuses_the_token_is_halted(env: InMemoryEnvironment, name: str) -> None:
    refuse_belgium(env, UNAUTHORIZED[name])
    halts = Halts(env.services.ledger_of(FIRM)).all()
    assert halts
    ((where, halt),) = halts.items()
    assert where == BE.key
    assert halt.remedy


@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_the_other_divisions_are_not_halted(env: InMemoryEnvironment, name: str) -> None:
    refuse_belgium(env, UNAUTHORIZED[name])
    assert env.post(env.order("PO-NL", NL)).state == "posted"
    assert not Halts(env.services.ledger_of(FIRM)).is_stopped()


# ---------------------------------------------------------------- the token endpoint refuses

SILENT_REFUSALS = {
    "400 with a page": page(400, "Bad Request"),
    "401 without a body": Response(401),
    "401 with another error": Response.of_json(
        401, {"Message": "Authorization has been denied for this request."}
    ),
    "403 without a body": Response(403),
    "403 with a page": page(403, "Forbidden"),
    "403 with Exact's error": refusal(403, "Forbidden"),
    "302 to a login": page(302, "Object moved"),
    "200 with a page": page(200, "Sign in"),
}
OAUTH_REFUSALS = {
    name: Response.of_json(400, {"error": name})
    for name in ("invalid_request", "unauthorized_client")
}


@pytest.mark.parametrize("name", [*SILENT_REFUSALS, *OAUTH_REFUSALS])
def test_a_refusing_token_endpoint_halts_the_connection(
    env: InMemoryEnvironment, name: str
) -> None:
    env.connect()
    response = {**SILENT_REFUSALS, **OAUTH_REFUSALS}[name]
    paths: list[str] = []

    def answer(request: Request) -> Response | None:
        if not asks_for(request, "oauth2/token"):
            return None
        paths.append(request.path)
        return response

    answer_by(env, answer)
    env.wait(minutes=15)
    env.post(env.order("PO-1"))
    six_hours(env)
    if not paths:
        raise RuntimeError("no token was requested")
    halts = Halts(env.services.ledger_of(FIRM)).all()
    assert list(halts) == ["nl"]
    assert halts["nl"].remedy


@pytest.mark.parametrize("lifetime", ["9" * 15, "9" * 5000, 31_536_000, -5, "soon"])
def test_a_lifetime_that_cannot_be_meant_is_ignored(
    env: InMemoryEnvironment, lifetime: object
) -> None:
    env.connect()

    def change(request: Request, value: Any) -> None:
        if asks_for(request, "oauth2/token") and "access_token" in value:
            value["expires_in"] = lifetime

    alter(env, change)
    for _ in range(6):
        env.wait(minutes=10)
    order = env.order("PO-1")
    assert env.post(order).state == "posted"


def test_a_renewal_that_is_always_too_early_is_an_exception_of_what_waits(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    words = {"error": "invalid_request", "error_description": "access_token not expired"}
    too_early = Response.of_json(400, words)
    answer_by(env, lambda request: too_early if asks_for(request, "oauth2/token") else None)
    env.wait(minutes=20)
    order = env.order("PO-1")
    env.post(order)
    for _ in range(26 * 6):
        env.wait(minutes=10)
    assert env.codes(order) == ["WAITS_TOO_LONG"]
    for _ in range(6 * 6):
        env.wait(minutes=10)
        assert env.codes(order) == ["WAITS_TOO_LONG"], "it stays open while it is tried"
    of_divisions = [each.code for each in exceptions(env) if each.code != "WAITS_TOO_LONG"]
    assert set(of_divisions) == {"EXACT_READING_FAILS"}
    answer_by(env, lambda _: None)
    for _ in range(15):
        env.wait(minutes=10)
    assert env.record(order).state == "posted"
    assert exceptions(env) == []


# ---------------------------------------------------------------- a division moves

NEVER_MOVED = {"Code": NL.division, "DivisionMoveDate": None}


@pytest.mark.parametrize("filters", [True, False], ids=["by reference", "by stream"])
@pytest.mark.parametrize(
    "divisions",
    [None, refusal(404, "No"), Response.of_json(200, {"d": {"results": [NEVER_MOVED]}})],
    ids=["the move is shown", "divisions are not shown", "it is not shown that this one moved"],
)
def test_an_order_with_a_lost_answer_is_adopted_after_its_division_moved(
    env: InMemoryEnvironment, filters: bool, divisions: Response | None
) -> None:
    env.exact.policy.your_ref_filter = filters
    env.connect()
    answer_by(env, lambda request: divisions if "system/Divisions" in request.path else None)
    for number in range(3):
        env.post(env.order(f"PO-OLD{number}"))
    env.wait(hours=5)
    env.wait(minutes=1)
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", ORDERS))
    order = env.order("PO-1")
    env.post(order)
    if [each["YourRef"] for each in env.in_exact()].count("PO-1") != 1:
        raise RuntimeError("the order was not committed")
    env.exact.world.move(env.exact.world.divisions[NL.division])
    for _ in range(5):
        env.wait(minutes=2)
    assert [each["YourRef"] for each in env.in_exact()].count("PO-1") == 1
    assert env.record(order).state == "posted"
    assert "adopted" in env.steps(order)


# ---------------------------------------------------------------- token pairs are never lost


def test_a_day_of_token_refreshes_loses_no_pair(env: InMemoryEnvironment) -> None:
    """Every refresh writes a version of the secret, and AWS takes about 100 a day."""
    secret_store = AwsSecretStore(SecretsManager(), KeyService(), "stack", "a-key")
    env.memory.secret_store = secret_store  # type: ignore[assignment]
    env.services = env.memory.services()
    env.connect()
    crashes = record_crashes(env, ClientError)
    for number in range(26 * 6):
        before = len(crashes)
        env.wait(minutes=10)
        env.post(env.order(f"PO-{number}"))
        if len(crashes) > before:
            env.services = env.memory.services()  # the worker is gone, and its cached pair
    assert Halts(env.services.ledger_of(FIRM)).all() == {}, f"after {crashes}"
    assert crashes == []
