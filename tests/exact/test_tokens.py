"""Invariant: one refresher, never early, stored before used, and lost loudly."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from botocore.exceptions import ClientError

from local.memory import MemoryTable, MemoryVault
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.doors.coordination import Leases
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.tokens import CALLS_A_DAY, TokenKeeper
from ml_connector.faults import Halt, Later
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM, TokenSite

MakeKeeper = Callable[[], TokenKeeper]


def token(keeper: TokenKeeper) -> str:
    return keeper.access_token().reveal()


def stored(vault: MemoryVault) -> Tokens:
    text = vault.tokens(FIRM)
    assert text is not None
    return Tokens.from_json(text)


def failed(status: int, error: str, description: str) -> httpx.Response:
    body = {"error": error, "error_description": description}
    return httpx.Response(status, json=body)


OLD = (401, "unauthorized_client", "Old refresh token used.")
CHAIN = (400, "invalid_grant", "Token is not allowed, because of invalid or empty chainId")
EXPIRED = (400, "invalid_request", "The refresh token expired at 1-10-2026 and it is now 2-11-2026")


def test_a_young_token_is_used_without_asking_anybody(
    make_keeper: MakeKeeper, site: TokenSite
) -> None:
    keeper = make_keeper()
    assert [token(keeper), token(keeper)] == ["access-0", "access-0"]
    assert not site.calls


@pytest.mark.parametrize(("age", "renewed"), [(0, False), (569, False), (574, False), (576, True)])
def test_a_token_is_never_renewed_before_its_last_half_minute(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock, age: int, renewed: bool
) -> None:
    time.move(age)
    assert token(make_keeper()) == ("access-1" if renewed else "access-0")
    assert site.calls["refresh_token"] == renewed


def test_the_new_pair_is_stored_before_it_is_used(
    make_keeper: MakeKeeper, vault: MemoryVault, time: MovableClock
) -> None:
    time.move(600)
    assert token(make_keeper()) == "access-1"
    assert stored(vault).refresh_token.reveal() == "refresh-1"
    assert stored(vault).obtained_at == clock.now()


def test_fifty_processes_on_an_expired_token_renew_once(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(3600)
    together = threading.Barrier(50)

    def work(keeper: TokenKeeper) -> str:
        together.wait()
        try:
            return token(keeper)
        except Later as later:
            return later.code

    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(work, [make_keeper() for _ in range(50)]))
    assert site.calls["refresh_token"] == 1
    assert seen <= {"access-1", "TOKEN_BUSY"}
    assert token(make_keeper()) == "access-1"


def test_fifty_threads_of_one_process_renew_once_and_all_get_the_token(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(3600)
    keeper = make_keeper()
    with ThreadPoolExecutor(50) as pool:
        seen = set(pool.map(lambda _: token(keeper), range(50)))
    assert seen == {"access-1"}
    assert site.calls["refresh_token"] == 1


def test_while_another_renews_the_old_token_serves_as_long_as_it_lives(
    make_keeper: MakeKeeper, site: TokenSite, table: MemoryTable, time: MovableClock
) -> None:
    time.move(590)
    assert Leases(table, FIRM).acquire("token", timedelta(seconds=90))
    keeper = make_keeper()
    assert token(keeper) == "access-0"
    time.move(10)
    with pytest.raises(Later, match="TOKEN_BUSY"):
        keeper.access_token()
    assert not site.calls


def test_the_lease_of_a_crashed_refresher_passes_on(
    make_keeper: MakeKeeper, table: MemoryTable, time: MovableClock
) -> None:
    time.move(600)
    Leases(table, FIRM).acquire("token", timedelta(seconds=90))
    time.move(91)
    assert token(make_keeper()) == "access-1"


def test_what_another_process_renewed_is_found_in_the_vault(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    one, two = make_keeper(), make_keeper()
    assert [token(one), token(two)] == ["access-0"] * 2
    time.move(600)
    assert [token(one), token(two)] == ["access-1"] * 2
    assert site.calls["refresh_token"] == 1


def test_too_early_means_keep_what_there_is(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(580)
    site.issued_at = time()  # its clock thinks otherwise
    keeper = make_keeper()
    assert [token(keeper) for _ in range(5)] == ["access-0"] * 5
    assert site.calls["refresh_token"] == 1, "asked again at once: that burns the error limit"


def test_too_early_without_a_living_token_waits_and_then_renews(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.issued_at = time()
    keeper = make_keeper()
    for _ in range(20):
        with pytest.raises(Later, match="TOKEN_TOO_EARLY"):
            keeper.access_token()
        time.move(20)
    assert site.calls["refresh_token"] <= 6
    time.move(600)
    assert token(keeper) == "access-1"


class DyingVault(MemoryVault):
    """The process dies when the new pair should be stored."""

    dies = False

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        if self.dies:
            self.dies = False
            raise KeyboardInterrupt
        super().seal_tokens(connection, tokens)


@pytest.fixture
def dying(vault: MemoryVault) -> DyingVault:
    made = DyingVault()
    made.__dict__.update(vault.__dict__)
    return made


def crash_between_answer_and_store(
    dying: DyingVault, site: TokenSite, table: MemoryTable
) -> TokenKeeper:
    http = httpx.Client(transport=httpx.MockTransport(site))
    keeper = TokenKeeper(FIRM, BASE, http, dying, table)
    dying.dies = True
    with pytest.raises(KeyboardInterrupt):
        keeper.access_token()
    return TokenKeeper(FIRM, BASE, http, dying, table)


def test_a_pair_lost_between_answer_and_store_ends_in_reconnect(
    dying: DyingVault, site: TokenSite, table: MemoryTable, time: MovableClock
) -> None:
    time.move(600)
    keeper = crash_between_answer_and_store(dying, site, table)
    with pytest.raises(Halt) as halted:
        keeper.access_token()
    assert halted.value.problem.code == "RECONNECT_NEEDED"
    assert "connector connect" in halted.value.problem.remedy
    assert halted.value.division is None


def test_a_lost_pair_is_survived_where_exact_takes_the_old_token(
    dying: DyingVault, site: TokenSite, table: MemoryTable, time: MovableClock
) -> None:
    time.move(600)
    keeper = crash_between_answer_and_store(dying, site, table)
    site.current = "refresh-0"
    time.move(600)
    assert token(keeper) == "access-2"


@pytest.mark.parametrize("failures", [1, 2, 3, 5])
def test_a_vault_out_of_order_does_not_lose_the_new_pair(
    make_keeper: MakeKeeper,
    site: TokenSite,
    vault: MemoryVault,
    time: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
    failures: int,
) -> None:
    time.move(600)
    real, left = vault.seal_tokens, [failures]

    def seal(connection: ConnectionId, tokens: Secret) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise ClientError({"Error": {"Code": "InternalServiceError"}}, "PutSecretValue")
        real(connection, tokens)

    monkeypatch.setattr(vault, "seal_tokens", seal)
    keeper = make_keeper()
    if failures >= 3:
        with pytest.raises(ClientError):
            keeper.access_token()
        assert stored(vault).refresh_token.reveal() == "refresh-0", "not used before it is stored"
    assert token(keeper) == "access-1"
    assert stored(vault).refresh_token.reveal() == "refresh-1"
    assert site.calls["refresh_token"] == 1


@pytest.mark.parametrize("answer", [OLD, CHAIN, EXPIRED])
def test_a_lost_consent_halts_and_is_not_asked_about_again(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock, answer: tuple[int, str, str]
) -> None:
    time.move(700)
    site.answers = [failed(*answer)]
    for _ in range(30):
        with pytest.raises(Halt, match="RECONNECT_NEEDED"):
            make_keeper().access_token()
        time.move(600)
    assert site.calls["refresh_token"] == 1


@pytest.mark.parametrize("answer", [OLD, CHAIN, EXPIRED])
def test_a_refused_refresh_token_is_no_loss_when_the_vault_has_a_newer_one(
    make_keeper: MakeKeeper,
    site: TokenSite,
    vault: MemoryVault,
    time: MovableClock,
    answer: tuple[int, str, str],
) -> None:
    time.move(700)

    def refuse(request: httpx.Request) -> httpx.Response:
        newer = Tokens(Secret("access-n"), Secret("refresh-n"), clock.now())
        vault.seal_tokens(FIRM, newer.to_json())
        return failed(*answer)

    keeper = make_keeper()
    keeper._http = httpx.Client(transport=httpx.MockTransport(refuse))
    assert token(keeper) == "access-n"


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
def test_no_usable_answer_is_waited_out(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock, answer: httpx.Response | Exception
) -> None:
    time.move(700)
    site.answers = [answer]
    with pytest.raises(Later) as later:
        make_keeper().access_token()
    assert later.value.until > clock.now()
    assert site.calls["refresh_token"] == 1
    with pytest.raises(Later):
        make_keeper().access_token()
    assert site.calls["refresh_token"] == 1, "all processes wait together"
    time.move(60)
    assert token(make_keeper()) == "access-1"


def test_a_passing_fault_does_not_take_a_living_token_away(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(580)
    site.answers = [httpx.Response(503)]
    assert token(make_keeper()) == "access-0"


def test_a_wrong_client_secret_halts_by_its_own_name(
    make_keeper: MakeKeeper, site: TokenSite, vault: MemoryVault, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(400, "invalid_client", "Client authentication failed")]
    for _ in range(3):
        with pytest.raises(Halt, match="APP_CREDENTIALS_REFUSED"):
            make_keeper().access_token()
    assert site.calls["refresh_token"] == 1
    vault.store("exact-app", FIRM, {"client_id": "app", "client_secret": "right"})
    assert token(make_keeper()) == "access-1"


def test_unknown_words_halt_with_the_words(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(400, "brand_new", "Never heard of")]
    with pytest.raises(Halt, match=r"EXACT_TOKEN_REFUSED.*Never heard of"):
        make_keeper().access_token()


def test_without_consent_there_is_no_token(make_keeper: MakeKeeper, vault: MemoryVault) -> None:
    vault.forget(FIRM)
    with pytest.raises(Halt, match="NOT_CONNECTED"):
        make_keeper().access_token()


def test_token_calls_of_a_day_are_counted(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock, table: MemoryTable
) -> None:
    time.move(700)
    today = f"token-calls-{clock.now():%Y-%m-%d}"
    table.raise_to(f"{FIRM}#marks", today, CALLS_A_DAY, int(time()) + 86_400)
    with pytest.raises(Later) as later:
        make_keeper().access_token()
    assert later.value.code == "TOKEN_CALLS_SPENT"
    assert later.value.until.isoformat() == "2026-10-27T00:00:00+00:00"
    assert not site.calls
    time.move(86_400)
    assert token(make_keeper()) == "access-1"


def test_consent_starts_a_new_chain_and_clears_the_old_refusal(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(700)
    site.answers = [failed(*CHAIN)]
    with pytest.raises(Halt):
        make_keeper().access_token()
    make_keeper().connect(Secret("code"), "https://example.test/back")
    assert site.calls["authorization_code"] == 1
    assert token(make_keeper()) == "access-1"


def test_a_refused_consent_code_keeps_the_old_tokens(
    make_keeper: MakeKeeper, site: TokenSite, vault: MemoryVault
) -> None:
    site.answers = [failed(*CHAIN)]
    with pytest.raises(Halt):
        make_keeper().connect(Secret("reused"), "https://example.test/back")
    assert stored(vault).access_token.reveal() == "access-0"


def test_only_idle_tokens_are_renewed_by_the_keeper(
    make_keeper: MakeKeeper, site: TokenSite, time: MovableClock
) -> None:
    time.move(timedelta(hours=23))
    assert make_keeper().renew_if_idle() == timedelta(hours=23)
    assert not site.calls
    time.move(timedelta(hours=2))
    assert make_keeper().renew_if_idle() == timedelta(0)
    assert site.calls["refresh_token"] == 1
    assert make_keeper().age() == timedelta(0)


def test_nothing_shows_a_token(vault: MemoryVault) -> None:
    tokens = stored(vault)
    shown = f"{tokens} {tokens!r} {tokens.access_token} {vault.app(FIRM)!r} {tokens.to_json()}"
    for secret in ("access-0", "refresh-0", "app-secret"):
        assert secret not in shown
