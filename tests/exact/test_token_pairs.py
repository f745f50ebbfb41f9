"""Invariant: a renewed pair is never lost, and Secrets Manager takes at most 90 a day."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.exact.tokens import TokenProvider
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM, TokenSite
from tests.site import APP, SITE

Result = TypeVar("Result")
MOST_VERSIONS = 90
RENEWALS = 151
"""In a day of full load: an access token is used for 572 to 575 s."""
LEASE = 91


@dataclass
class Faults:
    """What happens to the calls of both stores, by name of the call."""

    before: Callable[[str], None] = lambda _: None
    after: Callable[[str], None] = lambda _: None
    versions: list[float] = field(default_factory=list)

    def call(self, name: str, call: Callable[[], Result]) -> Result:
        self.before(name)
        result = call()
        self.after(name)
        return result


class SecretStore(InMemorySecretStore):
    """A secret store with faults, which remembers when versions were written."""

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self.faults = faults

    def tokens(self, connection: ConnectionId) -> Secret | None:
        return self.faults.call("home.read", lambda: InMemorySecretStore.tokens(self, connection))

    def seal_tokens(self, connection: ConnectionId, tokens: Secret) -> None:
        def write() -> None:
            InMemorySecretStore.seal_tokens(self, connection, tokens)
            self.faults.versions.append(clock.epoch())

        self.faults.call("home.write", write)

    def prepare_sealing(self, connection: ConnectionId) -> None:
        self.faults.call("key", lambda: InMemorySecretStore.prepare_sealing(self, connection))

    def open_copy(self, connection: ConnectionId, sealed: str) -> Secret:
        return self.faults.call(
            "key", lambda: InMemorySecretStore.open_copy(self, connection, sealed)
        )


class CoordinationTable(InMemoryTable):
    """A coordination table with faults; writes of the pair have a name of their own."""

    def __init__(self, faults: Faults) -> None:
        super().__init__("coordination")
        self.faults = faults

    def insert(self, item: Item) -> bool:
        return self.faults.call(_of(item), lambda: InMemoryTable.insert(self, item))

    def replace(self, item: Item, expected: int) -> bool:
        return self.faults.call(_of(item), lambda: InMemoryTable.replace(self, item, expected))

    def add(self, *args: Any) -> bool:
        return self.faults.call("table.write", lambda: InMemoryTable.add(self, *args))


def _of(item: Item) -> str:
    return "copy.write" if item["pk"] == f"{FIRM}#tokens" else "table.write"


@dataclass
class Stores:
    """Both stores, Exact's token endpoint, and processes that share nothing else."""

    site: TokenSite
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self.secret_store = SecretStore(self.faults)
        self.table = CoordinationTable(self.faults)
        app = {"client_id": "app", "client_secret": "app-secret"}
        self.secret_store.store("exact-app", FIRM, app)
        self.pairs().store(Tokens(Secret("access-0"), Secret("refresh-0"), clock.now(), number=7))

    def pairs(self) -> TokenPairs:
        return TokenPairs(FIRM, self.secret_store, self.table)

    def process(self) -> TokenProvider:
        http = httpx.Client(transport=httpx.MockTransport(self.site))
        return TokenProvider(APP, SITE, BASE, http, self.secret_store, self.table)

    def token(self) -> str:
        """Return the token that a new process uses."""
        return self.process().access_token().reveal()

    def home(self) -> Tokens | None:
        text = InMemorySecretStore.tokens(self.secret_store, FIRM)
        return Tokens.from_json(text) if text else None

    def home_token(self) -> str | None:
        home = self.home()
        return home.access_token.reveal() if home else None

    def refuse(self, *names: str, code: str = "InternalServiceError") -> None:
        def refuse(name: str) -> None:
            if name in names:
                raise ClientError({"Error": {"Code": code}}, name)

        self.faults.before = refuse

    def recover(self) -> None:
        self.faults.before = self.faults.after = lambda _: None


@pytest.fixture
def stores(site: TokenSite) -> Stores:
    return Stores(site)


def most_in_a_day(versions: Iterable[float]) -> int:
    """Return the most versions in any 24 hours."""
    times = sorted(versions)
    return max(sum(start <= at <= start + 86_400 for at in times) for start in times)


# ---------------------------------------------------------------- the number of versions


@pytest.mark.parametrize("restarts", [False, True])
def test_days_of_full_load_write_at_most_90_versions_a_day(
    stores: Stores, time: MovableClock, restarts: bool
) -> None:
    workers = [stores.process(), stores.process()]
    for second in range(0, 2 * 86_400, 25):
        if restarts and second % 3_600 == 0:
            workers = [stores.process(), stores.process()]
        assert workers[second // 25 % 2].access_token().reveal() == f"access-{stores.site.issued}"
        time.move(25)
    assert stores.site.issued >= 2 * (RENEWALS - 1)
    assert len(stores.faults.versions) >= 2 * 60
    assert most_in_a_day(stores.faults.versions) <= MOST_VERSIONS


def test_a_day_of_new_consents_and_sweeps_keeps_to_the_pace(
    stores: Stores, time: MovableClock
) -> None:
    for _ in range(24 * 60):
        stores.process().exchange_code(Secret("code"), "https://example.test/back")
        stores.pairs().send_home()
        time.move(60)
    assert most_in_a_day(stores.faults.versions) <= MOST_VERSIONS
    assert stores.token() == f"access-{stores.site.issued}"


def test_the_quota_of_the_stand_in_is_that_of_secrets_manager(
    secret_store: InMemorySecretStore, time: MovableClock
) -> None:
    for _ in range(99):  # the fixture wrote one
        secret_store.seal_tokens(FIRM, Secret("one"))
    with pytest.raises(ClientError, match="LimitExceededException"):
        secret_store.seal_tokens(FIRM, Secret("one too many"))
    time.move(86_400)
    secret_store.seal_tokens(FIRM, Secret("a day later"))


# ---------------------------------------------------------------- killed at each point


def writes_of_a_renewal(site: TokenSite, time: MovableClock) -> list[str]:
    """Return the names of the calls of a renewal that goes home, in order."""
    stores, seen = Stores(site), list[str]()
    time.move(1_200)
    stores.faults.before = seen.append
    assert stores.token() == "access-1"
    return seen


KILLED = [(moment, n) for moment in ("before", "after") for n in range(10)]


@pytest.mark.parametrize(("moment", "n"), KILLED)
def test_a_process_killed_at_any_call_of_a_renewal_loses_no_stored_pair(
    site: TokenSite, time: MovableClock, moment: str, n: int
) -> None:
    names = writes_of_a_renewal(TokenSite(time), time)
    assert len(names) == len(KILLED) // 2
    site.issued_at = time()
    stores, count = Stores(site), iter(range(100))
    time.move(1_200)

    def kill(_: str) -> None:
        if next(count) == n:
            raise KeyboardInterrupt

    setattr(stores.faults, moment, kill)
    with pytest.raises(KeyboardInterrupt):
        stores.token()
    stores.recover()
    stored = [item for item in stores.table.items() if item["sk"] == "pair"]
    assert len(stored) == 1
    time.move(LEASE)
    answered, is_lost = site.issued == 1, stored[0]["version"] == 7 and site.issued == 1
    assert is_lost == (moment == "before" and answered and n == names.index("copy.write"))
    if is_lost:  # only what no store has yet can be lost
        with pytest.raises(Halt, match="RECONNECT_NEEDED"):
            stores.token()
    else:
        assert stores.token() == "access-1"
        time.move(1_200)
        assert stores.token() == "access-2"


# ---------------------------------------------------------------- a store refuses for an hour


def an_hour(stores: Stores, time: MovableClock) -> Iterator[str]:
    """Ask for a token in a new process each minute for an hour; yield it, or the delay's code."""
    for _ in range(60):
        time.move(60)
        try:
            yield stores.token()
        except Later as later:
            yield later.code


@pytest.mark.parametrize("code", ["LimitExceededException", "InternalServiceError"])
def test_an_hour_without_secrets_manager_delays_nothing_and_loses_nothing(
    stores: Stores, time: MovableClock, code: str
) -> None:
    time.move(1_200)
    stores.refuse("home.write", code=code)
    assert list(an_hour(stores, time))[-1] == f"access-{stores.site.issued}"
    assert stores.site.issued >= 6
    assert stores.home_token() == "access-0"
    (told,) = stores.pairs().problems()
    assert told.code == "TOKEN_STORES_DIFFER"
    assert code in told.cause
    stores.recover()
    time.move(1_020)
    stores.pairs().send_home()
    assert stores.home_token() == f"access-{stores.site.issued}"
    assert stores.pairs().problems() == []


def test_an_hour_in_which_secrets_manager_cannot_be_read_delays_nothing(
    stores: Stores, time: MovableClock
) -> None:
    stores.refuse("home.read", "home.write")
    assert set(an_hour(stores, time)) == {f"access-{n}" for n in range(stores.site.issued + 1)}
    stores.recover()
    assert stores.token() == f"access-{stores.site.issued}"


def test_an_hour_without_the_key_spends_no_refresh_token(
    stores: Stores, time: MovableClock
) -> None:
    time.move(700)
    stores.refuse("key")
    assert set(an_hour(stores, time)) == {"TOKEN_STORE_AWAY"}
    assert not stores.site.calls
    stores.recover()
    assert stores.token() == "access-1"


def test_an_hour_in_which_the_table_takes_no_copy_uses_secrets_manager(
    stores: Stores, time: MovableClock
) -> None:
    time.move(700)
    stores.refuse("copy.write")
    assert list(an_hour(stores, time))[-1] == f"access-{stores.site.issued}"
    assert stores.home_token() == f"access-{stores.site.issued}"
    stores.recover()
    time.move(700)
    assert stores.token() == f"access-{stores.site.issued}"


def test_a_pair_that_no_store_takes_is_kept_and_not_used(
    stores: Stores, time: MovableClock
) -> None:
    time.move(700)
    process = stores.process()
    stores.refuse("copy.write", "home.write")
    for _ in range(5):
        with pytest.raises(Later, match="TOKEN_NOT_STORED"):
            process.access_token()
        time.move(60)
    stores.recover()
    assert process.access_token().reveal() == "access-1"
    assert stores.site.calls["refresh_token"] == 1
    assert stores.process().age() == timedelta(seconds=300)


def test_a_lost_answer_of_the_table_does_no_harm(stores: Stores, time: MovableClock) -> None:
    time.move(700)
    lost = iter([True])

    def lose(name: str) -> None:
        if name == "copy.write" and next(lost, False):
            raise EndpointConnectionError(endpoint_url="https://table.test")

    stores.faults.after = lose
    assert [stores.token() for _ in range(2)] == ["access-1"] * 2
    assert stores.site.calls["refresh_token"] == 1


def test_no_consent_is_lost_to_a_key_that_is_away(stores: Stores) -> None:
    stores.refuse("key")
    with pytest.raises(Later, match="TOKEN_STORE_AWAY"):
        stores.process().exchange_code(Secret("code"), "https://example.test/back")
    assert not stores.site.calls


# ---------------------------------------------------------------- the higher number decides


def test_two_workers_at_once_store_one_new_pair(stores: Stores, time: MovableClock) -> None:
    for renewals in range(1, 6):
        time.move(700)
        workers = [stores.process() for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            seen = set(pool.map(_token_or_code, workers))
        assert stores.site.issued == renewals
        assert seen <= {f"access-{renewals}", "TOKEN_BUSY"}


def _token_or_code(process: TokenProvider) -> str:
    try:
        return process.access_token().reveal()
    except Later as later:
        return later.code


def test_a_table_restored_to_an_earlier_moment_brings_back_no_older_pair(
    stores: Stores, time: MovableClock
) -> None:
    (before,) = (item for item in stores.table.items() if item["sk"] == "pair")
    for _ in range(3):
        time.move(1_200)
        assert stores.token() == f"access-{stores.site.issued}"
    stores.table.put(before)
    assert stores.token() == "access-3"
    time.move(700)
    assert stores.token() == "access-4"


def test_a_process_keeps_the_pair_that_it_saw_when_the_table_goes_back(
    stores: Stores, time: MovableClock
) -> None:
    time.move(1_200)
    assert stores.token() == "access-1"
    (before,) = (item for item in stores.table.items() if item["sk"] == "pair")
    time.move(700)
    process = stores.process()
    assert process.access_token().reveal() == "access-2"
    assert stores.home_token() == "access-1", "not yet"
    stores.table.put(before)
    time.move(700)
    assert process.access_token().reveal() == "access-3"
    assert stores.token() == "access-3"


def test_a_table_that_starts_empty_brings_back_no_older_pair(
    stores: Stores, time: MovableClock
) -> None:
    time.move(1_200)
    assert stores.token() == "access-1"
    stores.table.delete(f"{FIRM}#tokens", "pair")
    time.move(700)
    assert stores.token() == "access-2"
    time.move(1_200)
    assert stores.token() == "access-3"


def test_a_secret_restored_to_an_earlier_version_is_not_used(
    stores: Stores, time: MovableClock
) -> None:
    before = stores.secret_store.tokens(FIRM)
    assert before is not None
    time.move(1_200)
    assert stores.token() == "access-1"
    InMemorySecretStore.seal_tokens(stores.secret_store, FIRM, before)
    assert stores.token() == "access-1"
    time.move(1_200)
    assert stores.token() == "access-2"
    assert stores.home_token() == "access-2"


@pytest.mark.parametrize("number", [6, 8])
def test_the_number_decides_and_never_the_time(
    stores: Stores, time: MovableClock, number: int
) -> None:
    """The pair in Secrets Manager seems to be from the past if newer, from the future if older."""
    at = clock.now() + timedelta(hours=1 if number < 7 else -1)
    other = Tokens(Secret("access-x"), Secret("refresh-x"), at, lifetime=90_000, number=number)
    stores.secret_store.seal_tokens(FIRM, other.to_json())
    assert stores.token() == ("access-0" if number < 7 else "access-x")


def test_a_consent_given_during_a_slow_renewal_wins(stores: Stores, time: MovableClock) -> None:
    consent = Tokens(Secret("access-c"), Secret("refresh-c"), clock.now(), lifetime=90_000)

    def slow(request: httpx.Request) -> httpx.Response:
        pairs = stores.pairs()
        number = pairs.next_number(of_new_consent=True)
        pairs.store(Tokens(*_texts(consent), clock.now(), 90_000, number))
        return stores.site(request)

    time.move(700)
    process = stores.process()
    process._http = httpx.Client(transport=httpx.MockTransport(slow))
    assert process.access_token().reveal() == "access-c"
    assert stores.token() == "access-c"


def _texts(pair: Tokens) -> tuple[Secret, Secret]:
    return pair.access_token, pair.refresh_token


def test_a_consent_outranks_every_pair_before_it_even_without_a_copy(
    stores: Stores, time: MovableClock
) -> None:
    for _ in range(20):
        time.move(575)
        stores.token()
    stores.table.delete(f"{FIRM}#tokens", "pair")
    stores.refuse("home.write")
    stores.process().exchange_code(Secret("code"), "https://example.test/back")
    assert stores.token() == f"access-{stores.site.issued}"


def test_a_pair_that_the_version_before_stored_is_found_after_a_refusal(
    stores: Stores, time: MovableClock
) -> None:
    time.move(700)
    stores.site.issue()
    older = Tokens(Secret("access-1"), Secret("refresh-1"), clock.now())
    stores.secret_store.seal_tokens(FIRM, older.to_json())
    assert stores.token() == "access-1"
    time.move(700)
    assert [stores.token() for _ in range(2)] == ["access-2"] * 2


def test_a_refused_pair_does_not_halt_while_a_store_cannot_be_read(
    stores: Stores, time: MovableClock
) -> None:
    time.move(700)
    stores.site.current = "refresh-n"
    stores.refuse("home.read")
    with pytest.raises(Later, match="TOKEN_STORE_AWAY"):
        stores.token()
    stores.recover()
    with pytest.raises(Halt, match="RECONNECT_NEEDED"):
        stores.token()
