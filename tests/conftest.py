"""Fixtures of several test folders: a clock, and the in-memory environment of the demo firm."""

import importlib
import logging
import pkgutil
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.strategies import _internal as strategies

from local.in_memory.environment import InMemoryEnvironment
from local.in_memory.rights import refusals
from ml_connector import clock, telemetry
from ml_connector.clock import MovableClock

# How long an example takes depends on the machine: `make bench` measures speed. `make test` has the
# same examples each time, so that it fails for what was changed; `make fuzz` draws others.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.register_profile("fuzz", deadline=None, max_examples=1000)
settings.load_profile("tests")

NOON = 1_793_016_000.0  # 2026-10-26 12:00 UTC
_MACHINE_TIME = clock._read


@pytest.fixture(autouse=True, scope="session")
def _all_strategies_are_loaded() -> None:
    """No example loads a part of hypothesis while a server's thread runs.

    pytest parses what it loads of hypothesis, werkzeug what it routes, and Python 3.11 raises
    `SystemError` where two threads parse at once.
    """
    for module in pkgutil.iter_modules(strategies.__path__, f"{strategies.__name__}."):
        importlib.import_module(module.name)


@pytest.fixture(autouse=True, scope="module")
def _each_file_begins_as_a_process_does() -> None:
    """Which files ran before on the same worker is chance; some leave a clock, and many secrets."""
    clock.read_from(_MACHINE_TIME)
    telemetry._concealed.clear()


@pytest.fixture(autouse=True)
def _nothing_is_refused_in_memory() -> Iterator[None]:
    """A worker may do in memory only what its function's role may do on AWS."""
    yield
    assert [str(refusal) for refusal in refusals()] == []


@pytest.fixture
def time() -> Iterator[MovableClock]:
    """The connector's clock, which only moves when a test moves it."""
    moving = MovableClock(NOON)
    real = clock._read
    clock.read_from(moving)
    yield moving
    clock.read_from(real)


@pytest.fixture
def env() -> Iterator[InMemoryEnvironment]:
    logging.disable(logging.CRITICAL)
    yield InMemoryEnvironment()
    logging.disable(logging.NOTSET)
    clock.read_from(clock.MovableClock())


@pytest.fixture
def at_rest(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """The demo firm, connected and with nothing to do."""
    env.connect()
    env.wait(minutes=2)
    return env
