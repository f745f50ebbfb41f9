"""`make local` has orders to look at, and `connector --local` lives in its time."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.session import Session

from connector_cli.target import local_target
from local.__main__ import (
    CREDENTIALS,
    ENVIRONMENT,
    _program,
    add_orders,
    lesson_to_connect,
    write_environment,
)
from local.demo.environment import DemoEnvironment
from local.demo.samples import connect_with_samples
from local.firm import ABROAD, CONNECTION_ID
from ml_connector import clock
from tests.cli.terminal import Terminal


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoEnvironment]:
    monkeypatch.chdir(tmp_path)
    with DemoEnvironment(branches=ABROAD) as running:
        connect_with_samples(running)
        yield running


def test_three_orders_and_a_green_ping(demo: DemoEnvironment) -> None:
    pending = add_orders(demo)
    write_environment(demo, "127.0.0.1")
    assert ENVIRONMENT.stat().st_mode & 0o777 == 0o600
    terminal = Terminal()
    orders = terminal.ok("--local", "orders", CONNECTION_ID, "--json").data
    states = {each["title"]: each["state"] for each in orders}
    assert (states["PO-1001"], states["PO-1002"]) == ("posted", "review")
    assert "UNKNOWN_VENDOR" in terminal.ok("--local", "exceptions", CONNECTION_ID).out
    demo.airbase.approve(demo.airbase.orders[pending])
    demo.stack.drain()
    shown = terminal.ok("--local", "orders", CONNECTION_ID).out
    assert "PO-1003" in shown
    clock.read_from(clock.MovableClock())  # as in a process of its own
    run = terminal.run("--local", "ping", CONNECTION_ID)
    assert (run.exit_code, " 0 red" in run.out) == (0, True)


def test_the_guide_is_told_where_the_simulators_are(demo: DemoEnvironment) -> None:
    write_environment(demo, "127.0.0.1")
    assert local_target().stand_ins == {"airbase": demo.airbase_url, **demo.exact_urls}
    assert list(demo.exact_urls) == ["nl", "be", "de"]
    shown = "\n".join(lesson_to_connect(demo))
    assert "--local connect my-firm" in shown
    assert f"{demo.stack.url}/webhooks/airbase/my-firm" in shown
    assert f"{demo.airbase_url}/_control/webhooks" in shown


def test_sam_local_gets_the_key_of_each_functions_role(
    demo: DemoEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes the caller's key on, and of `--env-vars` only what the template declares."""
    write_environment(demo, "host.containers.internal")
    assert CREDENTIALS.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(CREDENTIALS))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    keys = {}
    for name in demo.stack.functions:
        found = Session(profile=name).get_credentials()
        assert found
        assert found.access_key == demo.stack.environment(name)["AWS_ACCESS_KEY_ID"]
        keys[name] = found.access_key
    assert len({*keys.values()}) == len(keys) == 7


def test_the_command_follows_the_clock_of_the_stack(demo: DemoEnvironment) -> None:
    write_environment(demo, "127.0.0.1")
    add_orders(demo)
    demo.clock.move(timedelta(days=40))
    # What is typed is read before the stack is opened, and by the same clock.
    for since, is_found in (("39d", False), ("41d", True)):
        clock.read_from(clock.MovableClock())  # as in a process of its own
        listed = Terminal().ok("--local", "orders", CONNECTION_ID, "--since", since, "--json").data
        assert bool(listed) is is_found, since
        assert abs(clock.epoch() - demo.clock()) < 60


def test_the_command_is_named_as_it_is_typed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / ".venv/bin/python"))
    assert _program() == ".venv/bin/connector"
    monkeypatch.setattr(sys, "executable", "/opt/env/bin/python")
    assert _program() == "/opt/env/bin/connector"
