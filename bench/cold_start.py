"""How long functions take to start, against a bare handler, and how large the layer is.

Layer and functions come from `sam build` (`make bench` builds them for this machine).
"""

import os
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.emulator import Runtime, emulator_in, start
from bench.result import Result
from local.sam_template import SamTemplate

_ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
BUILT = Path("build/sam").resolve()
_CLIENT = Path("build/runtime").resolve()
_MAX_MEGABYTES = 50
_MAX_RATIO = {
    "AirbaseWebhookFunction": 1.25,
    "ExactWebhookFunction": 1.25,
    "PoPostingFunction": 2.0,
    "ConsoleFunction": 1.6,
}
_CONSOLE = "ConsoleFunction"
_BARE = "BareFunction"
_BARE_HANDLER = """\
import boto3

client = boto3.client("dynamodb")


def handler(event, context):
    return None
"""


def measure() -> Iterator[Result]:
    """Start each function many times; yield medians and their ratios to the bare handler."""
    if not os.environ.get("LAMBDA_PYTHON"):
        yield Result("init and layer", "not measured: python3.13 is missing")
        return
    yield _layer_size()
    medians = _medians()
    bare = medians.pop(_BARE)
    yield Result("init of a bare handler with one client", f"{bare:.0f} ms")
    for name, milliseconds in medians.items():
        ratio = milliseconds / bare
        figure = f"{milliseconds:.0f} ms, {ratio:.2f} times bare"
        yield Result(
            f"init of {name}", figure, f"at most {_MAX_RATIO[name]}", ratio <= _MAX_RATIO[name]
        )


def _layer_size() -> Result:
    files = (path for path in (BUILT / "ConnectorLayer").rglob("*") if path.is_file())
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    holds = 0 < megabytes <= _MAX_MEGABYTES
    return Result("layer, unpacked", f"{megabytes:.1f} MB", f"at most {_MAX_MEGABYTES}", holds)


def _medians() -> dict[str, float]:
    runtime = built_runtime()
    folders = {_BARE: bare_folder()} | {name: BUILT / name for name in _MAX_RATIO}
    variables = {name: _variables(name) for name in folders}
    times: dict[str, list[float]] = {name: [] for name in folders}
    for _ in range(_ROUNDS):  # in turn, so that a slow minute of the machine affects all
        for name, folder in folders.items():
            on = {_BARE: without_layers(runtime), _CONSOLE: with_console(runtime)}
            times[name].append(start(on.get(name, runtime), folder, variables[name]).init)
    return {name: statistics.median(taken) for name, taken in times.items()}


def built_runtime() -> Runtime:
    """Return the emulator with the layer that all functions have, as it was built."""
    return Runtime(
        emulator_in(Path(".venv-sam").resolve()),
        Path(os.environ["LAMBDA_PYTHON"]),
        _CLIENT,
        (BUILT / "ConnectorLayer" / "python",),
    )


def with_console(runtime: Runtime) -> Runtime:
    """Return the runtime with the console's layer beside the other, as its function has it."""
    return replace(runtime, layers=(*runtime.layers, BUILT / "ConsoleLayer" / "python"))


def without_layers(runtime: Runtime) -> Runtime:
    """Return the runtime of a bare handler: a layer that trims botocore would start it faster."""
    return replace(runtime, layers=())


def bare_folder() -> Path:
    """Return the folder of a handler that makes one client and does nothing."""
    folder = BUILT.parent / _BARE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "app.py").write_text(_BARE_HANDLER)
    return folder


def _variables(function: str) -> dict[str, str]:
    """Return a value for every variable that template.yaml gives to the function."""
    template = SamTemplate()
    parameters = template.cloudformation["Parameters"]
    properties = template.of_type("AWS::Lambda::Function").get(function, {})
    given: dict[str, Any] = properties.get("Environment", {}).get("Variables", {})
    return {name: _value(value, parameters) for name, value in given.items()}


def _value(given: Any, parameters: Mapping[str, Mapping[str, Any]]) -> str:
    """Return what a variable is set to: a text, a parameter's default, or an address."""
    if isinstance(given, str):
        return given
    parameter = parameters.get(given.get("Ref", ""), {})
    return str(parameter.get("Default", "")) or "https://bench.invalid/queue.fifo"
