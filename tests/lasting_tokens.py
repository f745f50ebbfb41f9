"""Tokens that never expire, for tests in which their renewal would only be in the way."""

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.exact.oauth import Tokens
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.secret import Secret

_FOR_EVER = 1e9


def let_tokens_last(env: InMemoryEnvironment) -> None:
    """Give the connection tokens that never expire."""
    given = env.exact.issue_tokens()
    access = given["access_token"]
    env.exact.oauth._access[access] = clock.epoch() + _FOR_EVER
    pairs = TokenPairs(FIRM, env.memory.secret_store, env.memory.tables.coordination)
    number = pairs.next_number(of_new_consent=True)
    secrets = Secret(access), Secret(given["refresh_token"])
    pairs.store(Tokens(*secrets, clock.now(), int(_FOR_EVER), number))
