"""A consent is stored once, for the connection and the state that requested it."""

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.exact_simulator import ExactFault, ExactSimulator
from local.in_memory.stack import Hosts
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.consent.exchange import CodeRejected
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import AppId, ConnectionId, Division, SiteId
from ml_connector.infrastructure.consents import VALID_FOR
from ml_connector.infrastructure.coordination import Leases
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import CONNECTION
from ml_connector.secret import Secret
from tests.consent.environment import FIRM, REDIRECT_URI, ConsentEnvironment

OTHER = ConnectionId("other")
NOON = 1_793_016_000.0  # 2026-10-26 12:00 UTC


def rejected(consent: ConsentEnvironment, state: Secret, code: Secret) -> str:
    with pytest.raises(CodeRejected) as caught:
        consent.exchange().redeem(state, code)
    return caught.value.reason


def exchanges(consent: ConsentEnvironment) -> int:
    return consent.exact.counters["POST", "/api/oauth2/token"]


def test_a_code_becomes_sealed_tokens_and_audit_steps(consent: ConsentEnvironment) -> None:
    state = consent.ask()
    assert consent.exchange().redeem(state, consent.code(state)) == FIRM
    tokens = consent.tokens()
    assert tokens is not None
    assert consent.exact.oauth.admits({"authorization": f"Bearer {tokens.access_token.reveal()}"})
    assert consent.steps() == ["consent_brought", "consent_given"]
    assert consent.ledger.trail(CONNECTION)[-1].actor == "exact_consent"


def test_a_second_call_changes_nothing_and_reports_it(consent: ConsentEnvironment) -> None:
    state = consent.ask()
    code = consent.code(state)
    consent.exchange().redeem(state, code)
    tokens, items = consent.tokens(), consent.items()
    assert rejected(consent, state, code) == "given"
    assert rejected(consent, state, consent.code(state)) == "given", "with a new code too"
    assert (consent.tokens(), consent.items(), exchanges(consent)) == (tokens, items, 1)


def test_of_many_simultaneous_calls_one_exchanges_the_code(consent: ConsentEnvironment) -> None:
    state = consent.ask()
    code, start = consent.code(state), threading.Barrier(12)

    def take(_: int) -> str:
        start.wait()
        try:
            return consent.exchange().redeem(state, code)
        except CodeRejected as error:
            return error.reason

    with ThreadPoolExecutor(12) as pool:
        ends = list(pool.map(take, range(12)))
    assert ends.count(FIRM) == 1
    assert set(ends) <= {FIRM, "taking", "given"}
    assert (exchanges(consent), len(consent.steps())) == (1, 2)


@pytest.mark.parametrize("text", ["", "short", "A" * 43, "A" * 44, "A" * 42 + "\n"])
def test_an_unknown_state_is_rejected(consent: ConsentEnvironment, text: str) -> None:
    consent.ask()
    assert rejected(consent, Secret(text), Secret("code")) == "unknown"
    assert exchanges(consent) == 0


def test_a_state_is_valid_for_fifteen_minutes(
    consent: ConsentEnvironment, time: MovableClock
) -> None:
    state = consent.ask()
    time.move(VALID_FOR)
    assert timedelta(minutes=15) == VALID_FOR
    assert rejected(consent, state, consent.code(state)) == "expired"
    assert (exchanges(consent), consent.tokens()) == (0, None)
    young = consent.ask()
    time.move(VALID_FOR - timedelta(seconds=1))
    assert consent.exchange().redeem(young, consent.code(young)) == FIRM


def test_an_old_request_is_forgotten(consent: ConsentEnvironment, time: MovableClock) -> None:
    state = consent.ask()
    consent.exchange().redeem(state, consent.code(state))
    time.move(timedelta(days=2))
    assert rejected(consent, state, Secret("code")) == "unknown"


def test_a_code_is_used_for_the_requesting_connection_and_site_only(
    consent: ConsentEnvironment, time: MovableClock
) -> None:
    """Mix-up attack: another connection's state with our code must not reach our site or tokens."""
    theirs = ExactSimulator(clock=time)
    app = {"client_id": theirs.client_id, "client_secret": theirs.client_secret}
    consent.secret_store.store("exact-app", OTHER, app)
    routes = {"exact.test": consent.exact.transport(), "other.test": theirs.transport()}
    http = httpx.Client(transport=Hosts(routes))
    ours = consent.ask()
    foreign = consent.consents.create(
        AppId(OTHER), SiteId("nl"), "https://other.test", REDIRECT_URI
    )
    with pytest.raises(Halt, match="RECONNECT_NEEDED"):
        consent.exchange(http).redeem(foreign, consent.code(ours))
    assert (consent.tokens(), consent.tokens(OTHER), exchanges(consent)) == (None, None, 0)
    assert theirs.counters["POST", "/api/oauth2/token"] == 1
    assert consent.exchange(http).redeem(ours, consent.code(ours)) == FIRM, "ours is still valid"


def test_a_denied_consent_has_ended(consent: ConsentEnvironment) -> None:
    state = consent.ask()
    assert consent.exchange().deny(state) == FIRM
    assert consent.steps() == ["consent_denied"]
    assert rejected(consent, state, consent.code(state)) == "denied"


def test_a_refused_code_keeps_the_old_tokens_and_ends_the_attempt(
    consent: ConsentEnvironment, time: MovableClock
) -> None:
    first = consent.ask()
    consent.exchange().redeem(first, consent.code(first))
    before = consent.tokens()
    state = consent.ask()
    code = consent.code(state)
    time.move(181)
    with pytest.raises(Halt, match="RECONNECT_NEEDED"):
        consent.exchange().redeem(state, code)
    assert consent.tokens() == before
    assert rejected(consent, state, consent.code(state)) == "code"
    assert consent.steps()[-1] == "consent_brought"


def test_a_code_for_another_redirect_uri_is_refused(consent: ConsentEnvironment) -> None:
    consent.exact.oauth.redirect_uris = None
    state = consent.ask()
    code = Secret(consent.exact.oauth.code("https://elsewhere.test/"))
    with pytest.raises(Halt):
        consent.exchange().redeem(state, code)


def test_a_wrong_client_secret_and_a_wrong_code_are_distinguished(
    consent: ConsentEnvironment,
) -> None:
    consent.secret_store.store(
        "exact-app", FIRM, {"client_id": "x", "client_secret": "wrong-secret"}
    )
    state = consent.ask()
    with pytest.raises(Halt, match="APP_CREDENTIALS_REFUSED"):
        consent.exchange().redeem(state, consent.code(state))
    assert rejected(consent, state, Secret("c")) == "app"


def test_no_answer_ends_the_attempt_because_the_code_may_be_used(
    consent: ConsentEnvironment,
) -> None:
    state = consent.ask()
    code = consent.code(state)
    consent.exact.faults.append(ExactFault("timeout_after_commit", "POST", "oauth2"))
    with pytest.raises(Later, match="TOKEN_UNAVAILABLE"):
        consent.exchange().redeem(state, code)
    assert rejected(consent, state, code) == "no_answer"


def test_a_code_sent_during_a_token_renewal_can_be_sent_again(
    consent: ConsentEnvironment,
) -> None:
    state = consent.ask()
    code = consent.code(state)
    leases = Leases(consent.coordination, FIRM)
    with leases.holding("token", timedelta(seconds=90)), pytest.raises(Later, match="TOKEN_BUSY"):
        consent.exchange().redeem(state, code)
    assert consent.exchange().redeem(state, code) == FIRM


def test_consent_lifts_only_the_halts_it_ends(consent: ConsentEnvironment) -> None:
    Halts(consent.ledger).stop(problem("RECONNECT_NEEDED", "firm", connection=FIRM))
    Halts(consent.ledger).stop(
        problem("EXACT_DIVISION_NOT_ALLOWED", "firm", connection=FIRM), Division("nl.1")
    )
    Halts(consent.ledger).stop(problem("EXACT_LICENCE", "firm"), Division("nl.2"))
    state = consent.ask()
    consent.exchange().redeem(state, consent.code(state))
    record = consent.ledger.connection()
    assert [one.code for one in record.facts.halts.values()] == ["EXACT_LICENCE"]
    assert record.state == "halted"
    given = consent.ledger.trail(CONNECTION)[-1]
    assert given.detail["lifted"] == ["EXACT_DIVISION_NOT_ALLOWED", "RECONNECT_NEEDED"]


def test_consent_does_not_lift_the_halt_of_a_refused_airbase_key(
    consent: ConsentEnvironment,
) -> None:
    Halts(consent.ledger).stop(problem("AIRBASE_KEY_REFUSED", "firm", connection="firm"))
    state = consent.ask()
    consent.exchange().redeem(state, consent.code(state))
    assert Halts(consent.ledger).is_stopped()


def test_state_code_and_tokens_are_never_stored_in_plain_text(consent: ConsentEnvironment) -> None:
    state = consent.ask()
    code = consent.code(state)
    consent.exchange().redeem(state, code)
    tokens = consent.tokens()
    assert tokens is not None
    hidden = (state, code, tokens.access_token, tokens.refresh_token)
    kept = json.dumps(consent.items())
    assert str(FIRM) in kept
    assert [secret for secret in hidden if secret.reveal() in kept] == []


ACTIONS = st.sampled_from(["ask", "redeem", "redeem old", "deny", "late", "busy", "no answer"])


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=12))
def test_a_state_is_exchanged_at_most_once_in_any_sequence(actions: list[str]) -> None:
    time, real = MovableClock(NOON), clock._read
    clock.read_from(time)
    try:
        exact = ExactSimulator(clock=time)
        consent = ConsentEnvironment(exact)
        states, ends = [consent.ask()], Counter[Secret]()
        for action in actions:
            _act(action, consent, time, states, ends)
        given_steps = consent.steps().count("consent_given")
        assert given_steps == sum(ends.values()) <= len(states)
        assert set(ends.values()) <= {1}
        assert exact.oauth.refreshes == 0
    finally:
        clock.read_from(real)


def _act(
    action: str,
    consent: ConsentEnvironment,
    time: MovableClock,
    states: list[Secret],
    ends: Counter[Secret],
) -> None:
    state = states[0 if action == "redeem old" else -1]
    if action == "ask":
        states.append(consent.ask())
    elif action == "late":
        time.move(VALID_FOR)
    elif action == "busy":
        with Leases(consent.coordination, FIRM).holding("token", timedelta(seconds=90)):
            _redeem(consent, state, ends)
    elif action == "deny":
        with suppress(CodeRejected):
            consent.exchange().deny(state)
    else:
        if action == "no answer":
            consent.exact.faults.append(ExactFault("timeout_before_commit", "POST", "oauth2"))
        _redeem(consent, state, ends)
        consent.exact.faults.clear()


def _redeem(consent: ConsentEnvironment, state: Secret, ends: Counter[Secret]) -> None:
    with suppress(CodeRejected, Halt, Later):
        consent.exchange().redeem(state, consent.code(state))
        ends[state] += 1
