"""The CPU that `connector` needs for its help and for lists, beside what they are made of."""

import logging
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.result import Result
from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID
from tests.console.orders import approve

_RUNS = 7
_MAX_HELP, _MAX_LIST = 3.0, 1.4
_CONNECTOR = "from connector_cli.main import app; app()"
_TERMINAL = "import typer, rich"
_CLIENTS = """
import boto3
for name in ("cloudformation", "dynamodb"):
    boto3.client(name)
"""
"""Those that a list makes: of the stack's outputs, and of its tables."""
_LISTS = ("orders", "exceptions")


def measure() -> Iterator[Result]:
    """Yield the ratios of CPU seconds: medians of runs in turn, as machines change their speed."""
    help_ = _ratio([_CONNECTOR, "--help"], [_TERMINAL])
    yield Result(
        "CPU of --help to that of import typer, rich",
        f"{help_:.2f}", f"{_MAX_HELP}", help_ <= _MAX_HELP,
    )  # fmt: skip
    logging.disable(logging.CRITICAL)
    with DemoEnvironment() as demo:
        demo.connect()
        approve(demo, "PO-9001", "no such account", "100.00")  # a list has rows
        demo.stack.run_in_background()
        variables = demo.stack.environment() | {"CONNECTOR_STACK": demo.stack.name}
        ratios = {
            verb: _ratio([_CONNECTOR, verb, CONNECTION_ID], [_CLIENTS], variables)
            for verb in _LISTS
        }
    logging.disable(logging.NOTSET)
    for verb, ratio in ratios.items():
        yield Result(
            f"CPU of `connector {verb}` to that of its boto3 clients",
            f"{ratio:.2f}", f"{_MAX_LIST}", ratio <= _MAX_LIST,
        )  # fmt: skip


def _ratio(
    words: Sequence[str], yardstick: Sequence[str], variables: Mapping[str, str] | None = None
) -> float:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | dict(variables or {})
    pairs = [(_once(words, environment), _once(yardstick, environment)) for _ in range(_RUNS)]
    return median(own / beside for own, beside in pairs)


def _once(words: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as empty:
        subprocess.run(
            [sys.executable, "-c", *words],
            env=environment, cwd=Path(empty), stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
