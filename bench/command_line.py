"""The CPU that `connector` needs for its help and for a list, beside what they are made of."""

import logging
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.result import Result
from local.demo.environment import DemoEnvironment
from local.firm import CONNECTION_ID

_RUNS = 5
_MAX_HELP, _WANTED_LIST, _MAX_LIST = 3.0, 1.4, 1.8
_CONNECTOR = "from connector_cli.main import app; app()"
_TERMINAL = "import typer, rich"
_CLIENTS = """
import boto3
for name in ("cloudformation", "dynamodb", "sqs", "secretsmanager", "kms"):
    boto3.client(name)
"""


def measure() -> Iterator[Result]:
    """Yield both ratios of CPU seconds; of several runs, the one with the least counts."""
    help_ = _cpu([_CONNECTOR, "--help"]) / _cpu([_TERMINAL])
    yield Result(
        "CPU of --help to that of import typer, rich",
        f"{help_:.2f}", f"{_MAX_HELP}", help_ <= _MAX_HELP,
    )  # fmt: skip
    logging.disable(logging.CRITICAL)
    with DemoEnvironment() as demo:
        demo.connect()
        demo.stack.run_in_background()
        variables = demo.stack.environment() | {"CONNECTOR_STACK": demo.stack.name}
        own = _cpu([_CLIENTS], variables)
        list_ = _cpu([_CONNECTOR, "orders", CONNECTION_ID], variables) / own
    logging.disable(logging.NOTSET)
    yield Result(
        f"CPU of a list to that of its boto3 clients (wanted: {_WANTED_LIST})",
        f"{list_:.2f}", f"{_MAX_LIST}", list_ <= _MAX_LIST,
    )  # fmt: skip


def _cpu(words: Sequence[str], variables: Mapping[str, str] | None = None) -> float:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | dict(variables or {})
    return min(_once(words, environment) for _ in range(_RUNS))


def _once(words: Sequence[str], environment: Mapping[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as empty:
        subprocess.run(
            [sys.executable, "-c", *words],
            env=environment, cwd=Path(empty), stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
