"""Invariant: one renewal at a time, never early, stored before use; a lost consent halts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from botocore.exceptions import ClientError

from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.tokens import CALLS_A_DAY, TokenProvider
from ml_connector.infrastructure.coordination import ErrorWindow, Leases
from ml_connector.infrastructure.secret_store import AppCredentials
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM, TokenSite
from tests.site import APP, SITE

MakeProvider = Callable[[], TokenProvider]


def token(provider: TokenProvider) -> str:
    return provider.access_token().reveal()


def stored(secret_store: InMemorySecretStore) -> Tokens:
    text = secret_store.tokens(FIRM)
    assert text is not None
    return Tokens.from_json(text)


def failed(status: int, error: str, description: str) -> httpx.Response:
    body = {"error": error, "error_description": description}
    return httpx.Response(status, json=body)


OLD = (401, "unauthorized_client", "Old refresh token used.")
CHAIN = (400, "invalid_grant", "Token is not allowed, because of invalid or empty chainId")
EXPIRED = (400, "invalid_request", "The refresh token expired at 1-10-2026 and it is now 2-11-2026")


def test_a_young_token_is_used_without_a_call(make_provider: MakeProvider, site: TokenSite) -> None:
    provider = make_provider()
    assert [token(provider), token(provider)] == ["access-0", "access-0"]
    assert not site.calls


@pytest.mark.parametrize(("age", "renewed"), [(0, False), (569, False), (574, False), (576, True)])
def test_a_token_is_never_renewed_before_its_last_half_minute(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock, age: int, renewed: bool
) -> None:
    time.move(age)
    assert token(make_provider()) == ("access-1" if renewed else "access-0")
    assert site.calls["refresh_token"] == renewed


def test_the_new_pair_is_stored_before_it_is_used(
    make_provider: MakeProvider, secret_store: InMemorySecretStore, time: MovableClock
) -> None:
    time.move(600)
    assert token(make_provider()) == "access-1"
    assert stored(secret_store).refresh_token.reveal() == "refresh-1"
    assert stored(secret_store).obtained_at == clock.now()


def test_fifty_processes_on_an_expired_token_renew_once(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(3600)
    together = threading.Barrier(50)

    def work(provider: TokenProvider) -> str:
        together.wait()
        try:
            return token(provider)
        except Later as later:
            return later.code

    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(work, [make_provider() for _ in range(50)]))
    assert site.calls["refresh_token"] == 1
    assert seen <= {"access-1", "TOKEN_BUSY"}
    assert token(make_provider()) == "access-1"


def test_fifty_threads_of_one_process_renew_once_and_all_get_the_token(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(3600)
    provider = make_provider()
    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(lambda _: token(provider), range(50)))
    assert seen == {"access-1"}
    assert site.calls["refresh_token"] == 1


def test_while_another_renews_the_old_token_is_used_until_it_expires(
    make_provider: MakeProvider, site: TokenSite, table: InMemoryTable, time: MovableClock
) -> None:
    time.move(590)
    assert Leases(table, FIRM).acquire("token", timedelta(seconds=90))
    provider = make_provider()
    assert token(provider) == "access-0"
    time.move(10)
    with pytest.raises(Later, match="TOKEN_BUSY"):
        provider.access_token()
    assert not site.calls


def test_the_lease_of_a_crashed_worker_expires(
    make_provider: MakeProvider, table: InMemoryTable, time: MovableClock
) -> None:
    time.move(600)
    Leases(table, FIRM).acquire("token", timedelta(seconds=90))
    time.move(91)
    assert token(make_provider()) == "access-1"


def test_a_pair_that_another_process_renewed_is_found_in_the_secret_store(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    one, two = make_provider(), make_provider()
    assert [token(one), token(two)] == ["access-0"] * 2
    time.move(600)
    assert [token(one), token(two)] == ["access-1"] * 2
    assert site.calls["refresh_token"] == 1


def test_too_early_keeps_the_old_token(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(580)
    site.issued_at = time()  # its clock differs
    provider = make_provider()
    assert [token(provider) for _ in range(5)] == ["access-0"] * 5
    assert site.calls["refresh_token"] == 1, "no repetition: it would use up the error limit"


def test_too_early_without_a_valid_token_waits_and_then_renews(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.issued_at = time()
    provider = make_provider()
    for _ in range(20):
        with pytest.raises(Later, match="TOKEN_TOO_EARLY"):
            provider.access_token()
        time.move(20)
    assert site.calls["refresh_token"] <= 6
    time.move(600)
    assert token(provider) == "access-1"


class CrashingSecretStore(InMemorySecretStore):
    """The process crashes before the new pair is stored anywhere."""

    crashes = False

    def sealed_copy(self, connection: ConnectionId, tokens: Secret) -> str:
        if self.crashes:
            self.crashes = False
            raise KeyboardInterrupt
        return super().sealed_copy(connection, tokens)


@pytest.fixture
def crashing(secret_store: InMemorySecretStore) -> CrashingSecretStore:
    made = CrashingSecretStore()
    made.__dict__.update(secret_store.__dict__)
    return made


def crash_between_answer_and_store(
    crashing: CrashingSecretStore, site: TokenSite, table: InMemoryTable
) -> TokenProvider:
    http = httpx.Client(transport=httpx.MockTransport(site))
    provider = TokenProvider(APP, SITE, BASE, http, crashing, table)
    crashing.crashes = True
    with pytest.raises(KeyboardInterrupt):
        provider.access_token()
    return TokenProvider(APP, SITE, BASE, http, crashing, table)


def test_a_pair_lost_between_answer_and_store_ends_in_reconnect(
    crashing: CrashingSecretStore, site: TokenSite, table: InMemoryTable, time: MovableClock
) -> None:
    time.move(600)
    provider = crash_between_answer_and_store(crashing, site, table)
    with pytest.raises(Halt) as halted:
        provider.access_token()
    assert halted.value.problem.code == "RECONNECT_NEEDED"
    assert "connector connect" in halted.value.problem.remedy
    assert halted.value.scope == SITE


def test_a_lost_pair_is_harmless_if_exact_accepts_the_old_token(
    crashing: CrashingSecretStore, site: TokenSite, table: InMemoryTable, time: MovableClock
) -> None:
    time.move(600)
    provider = crash_between_answer_and_store(crashing, site, table)
    site.current = "refresh-0"
    time.move(600)
    assert token(provider) == "access-2"


@pytest.mark.parametrize("answer", [OLD, CHAIN, EXPIRED])
def test_a_lost_consent_halts_and_is_not_tried_again(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock, answer: tuple[int, str, str]
) -> None:
    time.move(700)
    site.answers = [failed(*answer)]
    for _ in range(30):
        with pytest.raises(Halt, match="RECONNECT_NEEDED"):
            make_provider().access_token()
        time.move(600)
    assert site.calls["refresh_token"] == 1


def test_a_used_refresh_token_is_not_sent_again_after_a_store_failed(
    make_provider: MakeProvider,
    site: TokenSite,
    secret_store: InMemorySecretStore,
    time: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    time.move(700)
    site.current = "refresh-n"
    tokens = secret_store.tokens

    def fail_once_refused(connection: ConnectionId) -> Secret | None:
        if site.calls:
            raise ClientError({"Error": {"Code": "InternalServiceError"}}, "GetSecretValue")
        return tokens(connection)

    with monkeypatch.context() as away:
        away.setattr(secret_store, "tokens", fail_once_refused)
        with pytest.raises(Later, match="TOKEN_STORE_AWAY"):
            make_provider().access_token()
    time.move(60)
    with pytest.raises(Halt, match=r"RECONNECT_NEEDED.*Old refresh token used"):
        make_provider().access_token()
    assert site.calls["refresh_token"] == 1


@pytest.mark.parametrize("answer", [OLD, CHAIN, EXPIRED])
def test_a_refused_refresh_token_is_harmless_if_a_newer_one_is_stored(
    make_provider: MakeProvider,
    site: TokenSite,
    secret_store: InMemorySecretStore,
    time: MovableClock,
    answer: tuple[int, str, str],
) -> None:
    time.move(700)

    def refuse(request: httpx.Request) -> httpx.Response:
        newer = Tokens(Secret("access-n"), Secret("refresh-n"), clock.now())
        secret_store.seal_tokens(FIRM, newer.to_json())
        return failed(*answer)

    provider = make_provider()
    provider._http = httpx.Client(transport=httpx.MockTransport(refuse))
    assert token(provider) == "access-n"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("down"),
        httpx.Response(503, text="maintenance"),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"access_token": "x"}),
        httpx.Response(429),
    ],
)
def test_without_a_usable_answer_it_waits(
    make_provider: MakeProvider,
    site: TokenSite,
    time: MovableClock,
    answer: httpx.Response | Exception,
) -> None:
    time.move(700)
    site.answers = [answer]
    with pytest.raises(Later) as later:
        make_provider().access_token()
    assert later.value.until > clock.now()
    assert site.calls["refresh_token"] == 1
    with pytest.raises(Later):
        make_provider().access_token()
    assert site.calls["refresh_token"] == 1, "all processes pause together"
    time.move(65)
    assert token(make_provider()) == "access-1"


def test_a_temporary_fault_leaves_a_valid_token_in_use(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(580)
    site.answers = [httpx.Response(503)]
    assert token(make_provider()) == "access-0"


def test_a_wrong_client_secret_halts_with_its_own_code(
    make_provider: MakeProvider,
    site: TokenSite,
    secret_store: InMemorySecretStore,
    time: MovableClock,
) -> None:
    time.move(700)
    site.answers = [failed(400, "invalid_client", "Client authentication failed")]
    for _ in range(3):
        with pytest.raises(Halt, match="APP_CREDENTIALS_REFUSED"):
            make_provider().access_token()
    assert site.calls["refresh_token"] == 1
    secret_store.store("exact-app", FIRM, {"client_id": "app", "client_secret": "right"})
    assert token(make_provider()) == "access-1"


class CachingStore(InMemorySecretStore):
    """Returns the app's credentials as first read, unless they have to be fresh."""

    first: AppCredentials | None = None

    def app(self, connection: ConnectionId, *, is_fresh: bool = False) -> AppCredentials:
        newest = super().app(connection)
        self.first = newest if is_fresh or self.first is None else self.first
        return self.first


@pytest.fixture
def corrected(site: TokenSite, secret_store: InMemorySecretStore) -> TokenProvider:
    """A process that has read a secret which was wrong and is corrected since."""
    store = CachingStore()
    vars(store).update(vars(secret_store))
    http = httpx.Client(transport=httpx.MockTransport(site))
    provider = TokenProvider(APP, SITE, BASE, http, store, InMemoryTable("coordination"))
    store.app(FIRM)
    store.store("exact-app", FIRM, {"client_id": "app", "client_secret": "right"})
    return provider


def test_a_corrected_secret_is_used_at_once_where_the_wrong_one_was_read_before(
    corrected: TokenProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(400, "invalid_client", "Client authentication failed")]
    assert token(corrected) == "access-1"
    assert site.secrets[-2:] == ["app-secret", "right"]


def test_a_consent_is_exchanged_with_the_secret_as_it_is_stored_now(
    corrected: TokenProvider, site: TokenSite
) -> None:
    corrected.exchange_code(Secret("code"), "https://back.test")
    assert site.secrets == ["right"]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ((400, "invalid_grant", "Token is not allowed"), True),
        ((400, "invalid_client", "Client authentication failed"), False),
        ((400, "invalid_request", "Something else"), None),
        ((503, "", ""), None),
    ],
)
def test_credentials_are_tested_three_times_an_hour(
    make_provider: MakeProvider,
    site: TokenSite,
    time: MovableClock,
    answer: tuple[int, str, str],
    verdict: bool | None,
) -> None:
    site.answers = [failed(*answer) for _ in range(4)]
    test = Secret("secret"), "https://back.test"
    for _ in range(3):
        assert make_provider().accepts("client", *test) is verdict
        time.move(60)
    with pytest.raises(Later):
        make_provider().accepts("another", *test)
    assert site.calls["authorization_code"] == 3
    time.move(3600)
    assert make_provider().accepts("client", *test) is verdict
    assert token(make_provider()) == "access-1", "a test does not touch the tokens"


def test_an_unknown_refusal_halts_with_its_text(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(400, "brand_new", "Never heard of")]
    with pytest.raises(Halt, match=r"EXACT_TOKEN_REFUSED.*Never heard of"):
        make_provider().access_token()


def test_without_consent_there_is_no_token(
    make_provider: MakeProvider, secret_store: InMemorySecretStore
) -> None:
    secret_store.forget(FIRM)
    with pytest.raises(Halt, match="NOT_CONNECTED"):
        make_provider().access_token()


def test_token_calls_of_a_day_are_counted(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock, table: InMemoryTable
) -> None:
    time.move(700)
    today = f"token-calls-{clock.now():%Y-%m-%d}"
    table.raise_to(f"{FIRM}#marks", today, CALLS_A_DAY, int(time()) + 86_400)
    with pytest.raises(Later) as later:
        make_provider().access_token()
    assert later.value.code == "TOKEN_CALLS_SPENT"
    assert later.value.until.isoformat() == "2026-10-27T00:00:00+00:00"
    assert not site.calls
    time.move(86_400)
    assert token(make_provider()) == "access-1"


def test_a_new_consent_clears_the_old_refusal(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(*CHAIN)]
    with pytest.raises(Halt):
        make_provider().access_token()
    make_provider().exchange_code(Secret("code"), "https://example.test/back")
    assert site.calls["authorization_code"] == 1
    assert token(make_provider()) == "access-1"


def test_a_refused_consent_code_keeps_the_old_tokens(
    make_provider: MakeProvider, site: TokenSite, secret_store: InMemorySecretStore
) -> None:
    site.answers = [failed(*CHAIN)]
    with pytest.raises(Halt):
        make_provider().exchange_code(Secret("reused"), "https://example.test/back")
    assert stored(secret_store).access_token.reveal() == "access-0"


def test_only_idle_tokens_are_renewed_by_the_schedule(
    make_provider: MakeProvider, site: TokenSite, time: MovableClock
) -> None:
    time.move(timedelta(hours=23))
    assert make_provider().renew_if_idle() == timedelta(hours=23)
    assert not site.calls
    time.move(timedelta(hours=2))
    assert make_provider().renew_if_idle() == timedelta(0)
    assert site.calls["refresh_token"] == 1
    assert make_provider().age() == timedelta(0)


def test_nothing_shows_a_token(secret_store: InMemorySecretStore) -> None:
    tokens = stored(secret_store)
    shown = (
        f"{tokens} {tokens!r} {tokens.access_token} {secret_store.app(FIRM)!r} {tokens.to_json()}"
    )
    for secret in ("access-0", "refresh-0", "app-secret"):
        assert secret not in shown


def test_nobody_else_renews_during_the_slowest_renewal(
    site: TokenSite, secret_store: InMemorySecretStore, table: InMemoryTable, time: MovableClock
) -> None:
    """A worker lives at most 60 seconds, and may spend them all on one token call."""

    def slow(request: httpx.Request) -> httpx.Response:
        time.move(60)
        with pytest.raises(Later):
            other.access_token()
        return site(request)

    def provider(answer: Callable[[httpx.Request], httpx.Response]) -> TokenProvider:
        http = httpx.Client(transport=httpx.MockTransport(answer))
        return TokenProvider(APP, SITE, BASE, http, secret_store, table)

    other = provider(site)
    time.move(700)
    assert token(provider(slow)) == "access-1"
    assert site.calls["refresh_token"] == 1


def test_token_errors_of_the_last_hour_stop_the_token_calls(
    make_provider: MakeProvider, site: TokenSite, table: InMemoryTable, time: MovableClock
) -> None:
    for _ in range(6):
        ErrorWindow(table, FIRM).record(None, "oauth2/token")
    time.move(700)
    with pytest.raises(Later) as later:
        make_provider().access_token()
    assert later.value.code == "EXACT_ERROR_LIMIT"
    assert not site.calls
