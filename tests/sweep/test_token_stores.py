"""The sweep brings a token pair home when it is due; people are told while that fails."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.secret_versions import MOST_VERSIONS
from ml_connector import clock
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.oauth import Tokens
from ml_connector.infrastructure.halts import Halts
from ml_connector.secret import Secret
from tests.site import SITE


def home(env: InMemoryEnvironment) -> Tokens:
    text = env.memory.secret_store.tokens(FIRM)
    assert text is not None
    return Tokens.from_json(text)


def told(env: InMemoryEnvironment) -> list[str]:
    problems = env.services.ledger_of(FIRM).connection().problems
    return [each.code for each in problems]


def renew_twice(env: InMemoryEnvironment) -> Tokens:
    """Renew within the pace of Secrets Manager; return the newest pair, which is not there."""
    env.clock.move(timedelta(minutes=20))
    for _ in range(2):
        env.services_of().exact_at(SITE).tokens.access_token()
        env.clock.move(timedelta(minutes=10))
    newest = env.services_of().exact_at(SITE).tokens.pairs.read()
    assert newest is not None
    assert home(env).number < newest.number
    return newest


def test_an_idle_connections_pair_goes_home_without_a_renewal(at_rest: InMemoryEnvironment) -> None:
    newest = renew_twice(at_rest)
    refreshes = at_rest.exact.oauth.refreshes
    at_rest.wait(minutes=7)
    assert home(at_rest) == newest
    assert at_rest.exact.oauth.refreshes == refreshes
    assert told(at_rest) == []


def test_people_are_told_while_secrets_manager_refuses_and_no_longer(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ClientError({"Error": {"Code": "LimitExceededException"}}, "PutSecretValue")

    newest = renew_twice(at_rest)
    monkeypatch.setattr(at_rest.memory.secret_store, "seal_tokens", refuse)
    at_rest.wait(minutes=8)
    assert told(at_rest) == ["TOKEN_STORES_DIFFER"]
    assert at_rest.post(at_rest.order("PO-REFUSED")).state == "posted"
    monkeypatch.undo()
    at_rest.wait(minutes=18)
    assert told(at_rest) == []
    assert home(at_rest).number > newest.number


def test_people_are_told_of_an_hour_in_which_the_copy_alone_is_new(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that is killed each time it stores the pair leaves no refusal behind."""

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    renew_twice(at_rest)
    monkeypatch.setattr(at_rest.memory.secret_store, "seal_tokens", kill)
    start = clock.epoch()
    while clock.epoch() - start < 4_000:
        try:
            at_rest.wait(minutes=9)
        except KeyboardInterrupt:
            at_rest.services = at_rest.memory.services()
    assert told(at_rest) == ["TOKEN_STORES_DIFFER"]


def test_a_day_in_which_every_order_renews_the_pair_keeps_within_the_quota_and_stops_nothing(
    at_rest: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each order meets an expired pair, and another process: as many versions would be too many."""
    written: list[float] = []
    seal = at_rest.memory.secret_store.seal_tokens

    def note(app: ConnectionId, tokens: Secret) -> None:
        seal(app, tokens)
        written.append(clock.epoch())

    monkeypatch.setattr(at_rest.memory.secret_store, "seal_tokens", note)
    before = at_rest.exact.oauth.refreshes
    for number in range(MOST_VERSIONS + 20):
        at_rest.clock.move(timedelta(minutes=10, seconds=1))
        at_rest.services = at_rest.memory.services()
        assert at_rest.post(at_rest.order(f"PO-{number}")).state == "posted"
    assert at_rest.exact.oauth.refreshes - before > MOST_VERSIONS
    assert 0 < len(written) <= MOST_VERSIONS - 10
    assert (told(at_rest), Halts(at_rest.services.ledger_of(FIRM)).all()) == ([], {})
