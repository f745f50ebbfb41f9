"""A consent is taken once, for the connection that asked, by the state that it asked with."""

import json
import threading
from collections import Counter as Counts
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.exact_simulator import ExactSimulator, Fault
from local.miniature import Hosts
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.codes import problem
from ml_connector.consent.desk import NotTaken
from ml_connector.doors.consents import VALID_FOR
from ml_connector.doors.coordination import Leases
from ml_connector.doors.ledger import CONNECTION
from ml_connector.faults import Halt, Later
from ml_connector.ids import ConnectionId, Division
from ml_connector.secret import Secret
from tests.consent.counter import BACK, FIRM, Counter

OTHER = ConnectionId("other")
NOON = 1_793_016_000.0  # 2026-10-26 12:00 UTC


def refused(counter: Counter, state: Secret, code: Secret) -> str:
    with pytest.raises(NotTaken) as refusal:
        counter.desk().take(state, code)
    return refusal.value.reason


def exchanges(counter: Counter) -> int:
    return counter.exact.counters["POST", "/api/oauth2/token"]


def test_a_code_becomes_sealed_tokens_and_a_step_of_the_trail(counter: Counter) -> None:
    state = counter.ask()
    assert counter.desk().take(state, counter.code(state)) == FIRM
    tokens = counter.tokens()
    assert tokens is not None
    assert counter.exact.oauth.admits({"authorization": f"Bearer {tokens.access_token.reveal()}"})
    assert counter.steps() == ["consent_brought", "consent_given"]
    assert counter.ledger.trail(FIRM, CONNECTION)[-1].actor == "exact_consent"


def test_a_second_call_changes_nothing_and_says_so(counter: Counter) -> None:
    state = counter.ask()
    code = counter.code(state)
    counter.desk().take(state, code)
    tokens, items = counter.tokens(), counter.items()
    assert refused(counter, state, code) == "given"
    assert refused(counter, state, counter.code(state)) == "given", "nor with a new code"
    assert (counter.tokens(), counter.items(), exchanges(counter)) == (tokens, items, 1)


def test_of_many_calls_at_once_one_exchanges_the_code(counter: Counter) -> None:
    state = counter.ask()
    code, start = counter.code(state), threading.Barrier(12)

    def take(_: int) -> str:
        start.wait()
        try:
            return counter.desk().take(state, code)
        except NotTaken as refusal:
            return refusal.reason

    with ThreadPoolExecutor(12) as pool:
        ends = list(pool.map(take, range(12)))
    assert ends.count(FIRM) == 1
    assert set(ends) <= {FIRM, "taking", "given"}
    assert (exchanges(counter), len(counter.steps())) == (1, 2)


@pytest.mark.parametrize("text", ["", "short", "A" * 43, "A" * 44, "A" * 42 + "\n"])
def test_a_state_that_nobody_asked_with_leads_nowhere(counter: Counter, text: str) -> None:
    counter.ask()
    assert refused(counter, Secret(text), Secret("code")) == "unknown"
    assert exchanges(counter) == 0


def test_a_state_is_good_for_fifteen_minutes(counter: Counter, time: MovableClock) -> None:
    state = counter.ask()
    time.move(VALID_FOR)
    assert timedelta(minutes=15) == VALID_FOR
    assert refused(counter, state, counter.code(state)) == "expired"
    assert (exchanges(counter), counter.tokens()) == (0, None)
    young = counter.ask()
    time.move(VALID_FOR - timedelta(seconds=1))
    assert counter.desk().take(young, counter.code(young)) == FIRM


def test_what_is_long_over_is_forgotten(counter: Counter, time: MovableClock) -> None:
    state = counter.ask()
    counter.desk().take(state, counter.code(state))
    time.move(timedelta(days=2))
    assert refused(counter, state, Secret("code")) == "unknown"


def test_a_code_goes_to_the_site_and_the_connection_that_asked(
    counter: Counter, time: MovableClock
) -> None:
    """Mix-up: somebody else's state with our code must neither reach our site nor our tokens."""
    theirs = ExactSimulator(clock=time)
    app = {"client_id": theirs.client_id, "client_secret": theirs.client_secret}
    counter.vault.store("exact-app", OTHER, app)
    routes = {"exact.test": counter.exact.transport(), "other.test": theirs.transport()}
    http = httpx.Client(transport=Hosts(routes))
    ours = counter.ask()
    foreign = counter.consents.ask(OTHER, "https://other.test", BACK)
    with pytest.raises(Halt, match="RECONNECT_NEEDED"):
        counter.desk(http).take(foreign, counter.code(ours))
    assert (counter.tokens(), counter.tokens(OTHER), exchanges(counter)) == (None, None, 0)
    assert theirs.counters["POST", "/api/oauth2/token"] == 1
    assert counter.desk(http).take(ours, counter.code(ours)) == FIRM, "ours is still good"


def test_consent_that_is_denied_is_over(counter: Counter) -> None:
    state = counter.ask()
    assert counter.desk().deny(state) == FIRM
    assert counter.steps() == ["consent_denied"]
    assert refused(counter, state, counter.code(state)) == "denied"


def test_a_refused_code_keeps_the_old_tokens_and_ends_the_attempt(
    counter: Counter, time: MovableClock
) -> None:
    first = counter.ask()
    counter.desk().take(first, counter.code(first))
    before = counter.tokens()
    state = counter.ask()
    code = counter.code(state)
    time.move(181)
    with pytest.raises(Halt, match="RECONNECT_NEEDED"):
        counter.desk().take(state, code)
    assert counter.tokens() == before
    assert refused(counter, state, counter.code(state)) == "code"
    assert counter.steps()[-1] == "consent_brought"


def test_a_code_of_another_address_is_refused(counter: Counter) -> None:
    counter.exact.oauth.redirect_uris = None
    state = counter.ask()
    code = Secret(counter.exact.oauth.code("https://elsewhere.test/"))
    with pytest.raises(Halt):
        counter.desk().take(state, code)


def test_a_wrong_client_secret_is_told_from_a_wrong_code(counter: Counter) -> None:
    counter.vault.store("exact-app", FIRM, {"client_id": "x", "client_secret": "wrong-secret"})
    state = counter.ask()
    with pytest.raises(Halt, match="APP_CREDENTIALS_REFUSED"):
        counter.desk().take(state, counter.code(state))
    assert refused(counter, state, Secret("c")) == "app"


def test_no_answer_ends_the_attempt_for_the_code_may_be_spent(counter: Counter) -> None:
    state = counter.ask()
    code = counter.code(state)
    counter.exact.faults.append(Fault("timeout_after_commit", "POST", "oauth2"))
    with pytest.raises(Later, match="TOKEN_UNAVAILABLE"):
        counter.desk().take(state, code)
    assert refused(counter, state, code) == "no_answer"


def test_while_tokens_are_renewed_the_code_waits_and_is_good_again(counter: Counter) -> None:
    state = counter.ask()
    code = counter.code(state)
    leases = Leases(counter.coordination, FIRM)
    with leases.holding("token", timedelta(seconds=90)), pytest.raises(Later, match="TOKEN_BUSY"):
        counter.desk().take(state, code)
    assert counter.desk().take(state, code) == FIRM


def test_consent_lifts_what_it_repairs_and_nothing_else(counter: Counter) -> None:
    counter.ledger.halt(FIRM, problem("RECONNECT_NEEDED", "firm"))
    counter.ledger.halt(FIRM, problem("EXACT_DIVISION_NOT_ALLOWED", "firm"), Division(1))
    counter.ledger.halt(FIRM, problem("EXACT_LICENCE", "firm"), Division(2))
    state = counter.ask()
    counter.desk().take(state, counter.code(state))
    record = counter.ledger.read(FIRM, CONNECTION)
    assert [one["code"] for one in record.facts["halts"].values()] == ["EXACT_LICENCE"]
    assert record.state == "halted"
    given = counter.ledger.trail(FIRM, CONNECTION)[-1]
    assert given.detail == {"lifted": ["EXACT_DIVISION_NOT_ALLOWED", "RECONNECT_NEEDED"]}


def test_a_key_that_airbase_refused_is_not_forgiven_by_exact(counter: Counter) -> None:
    counter.ledger.halt(FIRM, problem("AIRBASE_KEY_REFUSED", "firm"))
    state = counter.ask()
    counter.desk().take(state, counter.code(state))
    assert counter.ledger.halted(FIRM)


def test_neither_state_nor_code_nor_tokens_are_kept_readable(counter: Counter) -> None:
    state = counter.ask()
    code = counter.code(state)
    counter.desk().take(state, code)
    tokens = counter.tokens()
    assert tokens is not None
    hidden = (state, code, tokens.access_token, tokens.refresh_token)
    kept = json.dumps(counter.items())
    assert str(FIRM) in kept
    assert [secret for secret in hidden if secret.reveal() in kept] == []


ACTIONS = st.sampled_from(["ask", "bring", "bring old", "deny", "late", "busy", "no answer"])


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=12))
def test_whatever_happens_a_state_is_exchanged_at_most_once(actions: list[str]) -> None:
    time, real = MovableClock(NOON), clock._read
    clock.read_from(time)
    try:
        exact = ExactSimulator(clock=time)
        counter = Counter(exact)
        states, ends = [counter.ask()], Counts[Secret]()
        for action in actions:
            _act(action, counter, time, states, ends)
        given_steps = counter.steps().count("consent_given")
        assert given_steps == sum(ends.values()) <= len(states)
        assert set(ends.values()) <= {1}
        assert exact.oauth.refreshes == 0
    finally:
        clock.read_from(real)


def _act(
    action: str, counter: Counter, time: MovableClock, states: list[Secret], ends: Counts[Secret]
) -> None:
    state = states[0 if action == "bring old" else -1]
    if action == "ask":
        states.append(counter.ask())
    elif action == "late":
        time.move(VALID_FOR)
    elif action == "busy":
        with Leases(counter.coordination, FIRM).holding("token", timedelta(seconds=90)):
            _bring(counter, state, ends)
    elif action == "deny":
        with suppress(NotTaken):
            counter.desk().deny(state)
    else:
        if action == "no answer":
            counter.exact.faults.append(Fault("timeout_before_commit", "POST", "oauth2"))
        _bring(counter, state, ends)
        counter.exact.faults.clear()


def _bring(counter: Counter, state: Secret, ends: Counts[Secret]) -> None:
    with suppress(NotTaken, Halt, Later):
        counter.desk().take(state, counter.code(state))
        ends[state] += 1
