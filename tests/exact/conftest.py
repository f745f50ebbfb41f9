"""A clock that only moves when a test moves it, and one connection's tokens in memory."""

from collections.abc import Callable

import httpx
import pytest

from local.in_memory.tables import InMemorySecretStore, InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.tokens import TokenProvider
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM, TokenSite
from tests.site import APP, SITE


@pytest.fixture(autouse=True)
def _moved_by_hand(time: MovableClock) -> None:
    """No test here uses real time."""


@pytest.fixture
def site(time: MovableClock) -> TokenSite:
    return TokenSite(time)


@pytest.fixture
def table() -> InMemoryTable:
    return InMemoryTable("coordination")


@pytest.fixture
def secret_store() -> InMemorySecretStore:
    """The secrets of a connection with a new consent."""
    made = InMemorySecretStore()
    made.store("exact-app", FIRM, {"client_id": "app", "client_secret": "app-secret"})
    tokens = Tokens(Secret("access-0"), Secret("refresh-0"), clock.now())
    made.seal_tokens(FIRM, tokens.to_json())
    return made


@pytest.fixture
def make_provider(
    site: TokenSite, secret_store: InMemorySecretStore, table: InMemoryTable
) -> Callable[[], TokenProvider]:
    """Make a provider per process: they share only the secret store and the table."""

    def make() -> TokenProvider:
        http = httpx.Client(transport=httpx.MockTransport(site))
        return TokenProvider(APP, SITE, BASE, http, secret_store, table)

    return make
