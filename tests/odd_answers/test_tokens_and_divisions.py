"""A division that turns the token away, a token that is not renewed, and what must not be lost.

Where Exact refuses for good, somebody is told within hours, and told what to do.
"""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.exact_simulator import Fault
from local.firm import BE, NL
from local.office import FIRM, Office
from local.simulation import Request, Response
from ml_connector.doors.vault import AwsVault
from tests.odd_answers.hostile import (
    ORDERS,
    KeyService,
    SecretsManager,
    answer_by,
    asks_for,
    note_crashes,
    page,
    refusal,
)


def six_hours(office: Office) -> None:
    for _ in range(72):
        office.wait(minutes=5)


# ---------------------------------------------------------------- one division answers 401

UNAUTHORIZED = {
    "without a word": Response(401),
    "with a page": page(401, "Object moved"),
    "in Dutch": refusal(401, "Niet gemachtigd"),
}


def turn_belgium_away(office: Office, response: Response) -> dict[str, Any]:
    """Let six hours pass in which one of three divisions answers 401; return an order of it."""
    office.connect()
    asked: list[str] = []

    def answer(request: Request) -> Response | None:
        if not asks_for(request, "/api/", BE.division):
            return None
        asked.append(request.path)
        return response

    answer_by(office, answer)
    order = office.order("PO-BE", BE)
    office.post(order)
    six_hours(office)
    if not asked:
        raise RuntimeError("the division was not asked")
    return order


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="the orders of a division that always answers 401 wait for ever, and nobody is told",
)
@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_a_division_that_turns_the_token_away_is_halted(office: Office, name: str) -> None:
    turn_belgium_away(office, UNAUTHORIZED[name])
    halts = office.doors.ledger.halts(FIRM)
    assert list(halts) == [str(BE.division)]
    assert halts[str(BE.division)]["remedy"]


@pytest.mark.parametrize("name", UNAUTHORIZED)
def test_the_other_divisions_go_on(office: Office, name: str) -> None:
    turn_belgium_away(office, UNAUTHORIZED[name])
    assert office.post(office.order("PO-NL", NL)).state == "posted"
    assert not office.doors.ledger.halted(FIRM)


# ---------------------------------------------------------------- the token endpoint refuses

_ENDLESS = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="a token endpoint that refuses without OAuth's words is an outage without end",
)
SILENT_REFUSALS = {
    "400 with a page": page(400, "Bad Request"),
    "401 without a word": Response(401),
    "401 in other words": Response.of_json(
        401, {"Message": "Authorization has been denied for this request."}
    ),
    "403 without a word": Response(403),
    "403 with a page": page(403, "Forbidden"),
    "403 in Exact's words": refusal(403, "Forbidden"),
    "302 to a login": page(302, "Object moved"),
}
OAUTH_REFUSALS = {
    name: Response.of_json(400, {"error": name})
    for name in ("invalid_request", "unauthorized_client")
}


@pytest.mark.parametrize(
    "name", [*(pytest.param(n, marks=_ENDLESS) for n in SILENT_REFUSALS), *OAUTH_REFUSALS]
)
def test_a_refusing_token_endpoint_halts_the_connection(office: Office, name: str) -> None:
    office.connect()
    response = {**SILENT_REFUSALS, **OAUTH_REFUSALS}[name]
    asked: list[str] = []

    def answer(request: Request) -> Response | None:
        if not asks_for(request, "oauth2/token"):
            return None
        asked.append(request.path)
        return response

    answer_by(office, answer)
    office.wait(minutes=15)
    office.post(office.order("PO-1"))
    six_hours(office)
    if not asked:
        raise RuntimeError("no token was asked for")
    halts = office.doors.ledger.halts(FIRM)
    assert list(halts) == [""]
    assert halts[""]["remedy"]


# ---------------------------------------------------------------- a division moves

_TWICE = pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="an order is looked for among the row versions of the old database, and posted again",
)


@pytest.mark.parametrize(
    "filters", [True, pytest.param(False, marks=_TWICE)], ids=["by reference", "by stream"]
)
def test_an_order_whose_answer_was_lost_as_its_division_moved_is_adopted(
    office: Office, filters: bool
) -> None:
    office.exact.policy.your_ref_filter = filters
    office.connect()
    for number in range(3):
        office.post(office.order(f"PO-OLD{number}"))
    office.wait(hours=5)
    office.wait(minutes=1)
    office.exact.faults.append(Fault("timeout_after_commit", "POST", ORDERS))
    order = office.order("PO-1")
    office.post(order)
    if [each["YourRef"] for each in office.in_exact()].count("PO-1") != 1:
        raise RuntimeError("the order was not committed")
    office.exact.world.move(office.exact.world.divisions[NL.division])
    for _ in range(5):
        office.wait(minutes=2)
    assert [each["YourRef"] for each in office.in_exact()].count("PO-1") == 1
    assert office.record(order).state == "posted"
    assert "adopted" in office.steps(order)


# ---------------------------------------------------------------- the pair is never lost


@pytest.mark.xfail(
    strict=True,
    raises=AssertionError,
    reason="at the quota of Secrets Manager the renewed pair is lost with the worker that holds it",
)
def test_a_busy_day_of_renewals_loses_no_pair(office: Office) -> None:
    """Every renewal is a version of the secret, and AWS keeps about 100 for a day."""
    vault = AwsVault(SecretsManager(), KeyService(), "stack", "a-key")
    office.mini.vault = vault  # type: ignore[assignment]
    office.doors = office.mini.doors()
    office.connect()
    crashes = note_crashes(office, ClientError)
    for number in range(26 * 6):
        before = len(crashes)
        office.wait(minutes=10)
        office.post(office.order(f"PO-{number}"))
        if len(crashes) > before:
            office.doors = office.mini.doors()  # the worker is gone, and what it alone knew
    assert office.doors.ledger.halts(FIRM) == {}, f"after {crashes}"
    assert crashes == []
