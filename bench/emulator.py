"""Starts functions under AWS's runtime emulator and reads their init time.

The emulator is part of the SAM CLI's wheel; Docker is not needed.
"""

import platform
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

_TIMEOUT = 30.0
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_CALL = re.compile(r"INVOKE RTDONE\(status: success, .*duration: ([\d.]+)ms\)")
_opener = build_opener(ProxyHandler({}))


@dataclass(frozen=True)
class Runtime:
    """What a function runs on: the emulator, python3.13, Lambda's runtime client, its layers."""

    emulator: Path
    python: Path
    client: Path
    layers: tuple[Path, ...]


def emulator_in(sam_venv: Path) -> Path:
    """Return this machine's emulator from the SAM CLI's venv; raises FileNotFoundError."""
    kind = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
    found = sorted(sam_venv.glob(f"lib/python*/site-packages/samcli/local/rapid/*rie-{kind}"))
    if not found:
        raise FileNotFoundError(f"no runtime emulator in {sam_venv}")
    return found[0]


class Start(NamedTuple):
    """The start of a function: milliseconds of its init and of its first call, and the answer.

    `call` is None when it failed.
    """

    init: float
    call: float | None
    answer: bytes


def start(
    runtime: Runtime, folder: Path, variables: Mapping[str, str], event: bytes = b"{}"
) -> Start:
    """Start the function in `folder` by calling it once.

    Raises RuntimeError with the emulator's log when the function did not start.
    """
    with tempfile.TemporaryFile("w+") as log:
        port, api_port = _free_ports()
        with _running(runtime, folder, variables, (port, api_port), log):
            answer = _call(port, event)
        log.seek(0)
        text = log.read()
    reported = _INIT.search(text)
    if reported is None or "INIT RTDONE(status: success)" not in text:
        raise RuntimeError(f"{folder.name} did not start:\n{text[-2000:]}")
    called = _CALL.search(text)
    return Start(float(reported[1]), float(called[1]) if called else None, answer)


@contextmanager
def _running(
    runtime: Runtime,
    folder: Path,
    variables: Mapping[str, str],
    ports: tuple[int, int],
    log: IO[str],
) -> Iterator[None]:
    addresses = [f"127.0.0.1:{port}" for port in ports]
    command = [
        str(runtime.emulator),
        *("--runtime-interface-emulator-address", addresses[0]),
        *("--runtime-api-address", addresses[1]),
        *(str(runtime.python), "-m", "awslambdaric", "app.handler"),
    ]
    environment = _environment(runtime, folder) | dict(variables)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        yield
    finally:
        # On SIGTERM the emulator ends its runtime too; a kill would leave it running during the
        # next measurement.
        process.terminate()
        process.wait(_TIMEOUT)


def _environment(runtime: Runtime, folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{runtime.python.parent}:/usr/bin:/bin",
        "PYTHONPATH": ":".join(map(str, (*runtime.layers, runtime.client))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "LAMBDA_TASK_ROOT": str(folder),
        "AWS_LAMBDA_FUNCTION_NAME": folder.name,
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
    }


def _call(port: int, event: bytes) -> bytes:
    """Call the function once, which starts it; return its answer."""
    url = f"http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
    deadline = time.monotonic() + _TIMEOUT
    while time.monotonic() < deadline:
        try:
            with _opener.open(url, data=event, timeout=_TIMEOUT) as answer:
                found: bytes = answer.read()
                return found
        except HTTPError as error:
            return error.read()
        except OSError:
            time.sleep(0.02)  # not listening yet
    return b""


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
