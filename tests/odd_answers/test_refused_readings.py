"""Exact refuses one endpoint for good, or a listing suddenly loses most of its rows."""

import json
from typing import Any

import pytest

from local.exact_simulator.faults import ExactFault
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request, Response
from ml_connector.domain.faults import Problem
from ml_connector.domain.orders.reference_data import Code
from ml_connector.exact.reference_data import LISTINGS, STREAMS
from ml_connector.health.probes import probes_of
from ml_connector.mapping.listings import accept_listing
from ml_connector.reference_data.refresh import refresh
from ml_connector.user_errors import UserError
from tests.odd_answers.hostile import answer_by, asks_for, exceptions, refusal
from tests.person_stack import PERSON, PersonStack

DIVISION = NL.key
VAT = "vat/VATCodes"


def refuse(env: InMemoryEnvironment, path: str, answer: Response) -> list[Request]:
    """Refuse to let the path be read in the Dutch division; return the calls, as they come."""
    calls: list[Request] = []

    def choose(request: Request) -> Response | None:
        if request.method != "GET" or not asks_for(request, path, NL.division):
            return None
        calls.append(request)
        return answer

    answer_by(env, choose)
    return calls


def of_code(env: InMemoryEnvironment, code: str) -> list[Problem]:
    return [each for each in exceptions(env) if each.code == code]


def hours(env: InMemoryEnvironment, count: int) -> None:
    for _ in range(count):
        env.wait(hours=1)


@pytest.mark.parametrize("status", [400, 403, 404])
@pytest.mark.parametrize("path", ["sync/Deleted", VAT, "hrm/Costunits"])
def test_what_is_refused_for_good_is_an_exception_that_names_it(
    env: InMemoryEnvironment, path: str, status: int
) -> None:
    env.connect()
    calls = refuse(env, path, refusal(status, "Not for you"))
    hours(env, 48)
    (found,) = of_code(env, "EXACT_READING_REFUSED")
    assert path in found.cause
    assert "Not for you" in found.cause
    assert "right" in found.remedy
    assert "the scope" in found.remedy
    assert len(calls) <= 12, "six a day"
    assert env.post(env.order("PO-NL")).state == "posted", "the division goes on"
    answer_by(env, lambda _: None)
    hours(env, 12)
    assert of_code(env, "EXACT_READING_REFUSED") == []


@pytest.mark.parametrize("status", [400, 404])
def test_a_needed_stream_that_is_refused_is_an_exception_and_the_others_go_on(
    env: InMemoryEnvironment, status: int
) -> None:
    env.connect()
    refuse(env, "sync/CRM/Accounts", refusal(status, "No such endpoint"))
    env.exact.add_gl_account(NL.division, "4711", "Scent")
    hours(env, 8)
    (found,) = of_code(env, "EXACT_READING_REFUSED")
    assert "sync/CRM/Accounts" in found.cause
    assert env.services_of().division_data(DIVISION).gl_account("4711")


def test_a_needed_stream_that_is_forbidden_stops_the_division_and_is_named(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    refuse(env, "sync/CRM/Accounts", refusal(403, "Forbidden"))
    hours(env, 5)
    (found,) = of_code(env, "EXACT_FORBIDDEN")
    assert "sync/CRM/Accounts" in found.cause


@pytest.mark.parametrize("kind", ["page", "garbage", "server_error"])
def test_what_has_no_usable_answer_is_an_exception_after_some_hours(
    env: InMemoryEnvironment, kind: Any
) -> None:
    env.connect()
    calls: list[Request] = []

    def fail(request: Request) -> ExactFault | None:
        if not asks_for(request, "sync/Deleted", NL.division):
            return None
        calls.append(request)
        return ExactFault(kind)

    env.exact.on_call = fail
    hours(env, 24)
    (found,) = of_code(env, "EXACT_READING_FAILS")
    assert "sync/Deleted" in found.cause
    assert len(calls) <= 30
    assert env.post(env.order("PO-NL")).state == "posted"
    env.exact.on_call = None
    hours(env, 2)
    assert exceptions(env) == []


def test_a_ping_asks_for_the_very_fields_that_are_read(env: InMemoryEnvironment) -> None:
    connection = env.connect()
    asked = {
        probe.path: probe.query["$select"]
        for probe in probes_of(connection.tag_kinds, connection.divisions[0])
    }
    for each in (*STREAMS, *LISTINGS):
        assert asked[each.path] == each.select
    read: dict[str, set[str]] = {}

    def note(request: Request) -> None:
        path = request.path.partition(f"/{NL.division}/")[2]
        read.setdefault(path, set()).add(request.query.get("$select", ""))

    env.exact.on_call = note
    refresh(env.services_of(), DIVISION, everything=True)
    env.exact.on_call = None
    assert {path: {asked[path]} for path in read} == read


# ---------------------------------------------------------------- a listing that shrank


@pytest.fixture
def codes(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The demo firm with twelve more cost centres."""
    for number in range(12):
        env.exact.add_cost_centre(NL.division, f"CC{number:02}")
    env.connect()
    return env


PATH = "hrm/Costcenters"


def keep_rows(env: InMemoryEnvironment, count: int) -> None:
    """Let Exact show only so many cost centres from now on."""

    def cut(request: Request) -> Response | None:
        if not asks_for(request, PATH, NL.division):
            return None
        full = env.exact.handle(request)
        rows = json.loads(full.body)["d"]
        rows = rows["results"] if isinstance(rows, dict) else rows
        shown = rows[: min(count, 1 if "$top" in request.query else count)]
        return Response.of_json(200, {"d": {"results": shown}})

    answer_by(env, cut)


def stored(env: InMemoryEnvironment) -> int:
    return len(list(env.services_of().reference_store(DIVISION).all("cost_centre", Code)))


@pytest.mark.parametrize("left", [0, 6])
def test_a_listing_that_lost_most_of_its_rows_is_kept(
    codes: InMemoryEnvironment, left: int
) -> None:
    before = stored(codes)
    keep_rows(codes, left)
    hours(codes, 60)
    assert stored(codes) == before
    (found,) = of_code(codes, "EXACT_LISTING_SHRANK")
    assert f"had {before} rows and suddenly has {left}" in found.cause
    answer_by(codes, lambda _: None)
    hours(codes, 30)
    assert exceptions(codes) == []


def test_a_listing_that_lost_fewer_rows_is_taken_over(codes: InMemoryEnvironment) -> None:
    keep_rows(codes, stored(codes) - 3)
    before = stored(codes)
    hours(codes, 30)
    assert stored(codes) == before - 3
    assert exceptions(codes) == []


@pytest.mark.parametrize("left", [0, 6])
def test_it_is_taken_over_when_a_person_says_so_and_exact_says_it_again(
    codes: InMemoryEnvironment, left: int
) -> None:
    keep_rows(codes, left)
    hours(codes, 26)
    said = accept_listing(PersonStack(codes), PERSON, FIRM, DIVISION, PATH, "closed the shops")
    assert said["rows"] == left
    codes.work()
    assert stored(codes) == left
    assert exceptions(codes) == []
    ledger = codes.services_of().ledger
    trail = ledger.trail(ledger.division(DIVISION).key)
    (entry,) = [each for each in trail if each.step == "listing_accepted"]
    assert entry.actor == PERSON
    assert "closed the shops" in str(entry.detail)


def test_it_is_kept_while_another_call_is_refused(codes: InMemoryEnvironment) -> None:
    before = stored(codes)

    def answer(request: Request) -> Response | None:
        if not asks_for(request, PATH, NL.division):
            return None
        is_check = "$top" in request.query
        empty = Response.of_json(200, {"d": {"results": []}})
        return refusal(403, "Forbidden") if is_check else empty

    answer_by(codes, answer)
    hours(codes, 26)
    accept_listing(PersonStack(codes), PERSON, FIRM, DIVISION, PATH, "it is right")
    codes.work()
    assert stored(codes) == before
    assert f"{PERSON} has said" in of_code(codes, "EXACT_LISTING_SHRANK")[0].cause


def test_only_a_kept_listing_can_be_accepted(codes: InMemoryEnvironment) -> None:
    with pytest.raises(UserError, match="no kept listing"):
        accept_listing(PersonStack(codes), PERSON, FIRM, DIVISION, PATH, "why not")
