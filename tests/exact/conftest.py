"""A clock that only moves when told, and the doors of one connection in memory."""

from collections.abc import Callable

import httpx
import pytest

from local.memory import MemoryTable, MemoryVault
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.tokens import TokenKeeper
from ml_connector.secret import Secret
from tests.exact.token_site import BASE, FIRM, TokenSite


@pytest.fixture(autouse=True)
def _moved_by_hand(time: MovableClock) -> None:
    """No test here lives in real time."""


@pytest.fixture
def site(time: MovableClock) -> TokenSite:
    return TokenSite(time)


@pytest.fixture
def table() -> MemoryTable:
    return MemoryTable("coordination")


@pytest.fixture
def vault() -> MemoryVault:
    """A connection that has just been given consent."""
    made = MemoryVault()
    made.store("exact-app", FIRM, {"client_id": "app", "client_secret": "app-secret"})
    tokens = Tokens(Secret("access-0"), Secret("refresh-0"), clock.now())
    made.seal_tokens(FIRM, tokens.to_json())
    return made


@pytest.fixture
def make_keeper(
    site: TokenSite, vault: MemoryVault, table: MemoryTable
) -> Callable[[], TokenKeeper]:
    """Make a keeper per process: they share nothing but vault and table."""

    def make() -> TokenKeeper:
        http = httpx.Client(transport=httpx.MockTransport(site))
        return TokenKeeper(FIRM, BASE, http, vault, table)

    return make
