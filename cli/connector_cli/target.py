"""Which stack to use: from options and environment, or from the file of `make local`."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from ml_connector import clock
from ml_connector.user_errors import UserError

LOCAL_FILE = Path(".connector-local/env")
DEFAULT_STACK = "connector"
_CLOCK_TIMEOUT = 5
_NEEDED = (
    "AWS_ENDPOINT_URL",
    "AWS_DEFAULT_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "CONNECTOR_STACK",
    "CONNECTOR_WEBHOOK_BASE_URL",
)


@dataclass(frozen=True)
class Target:
    """A stack and how to reach it; None leaves a setting to the AWS SDK."""

    stack: str = DEFAULT_STACK
    region: str | None = None
    endpoint_url: str | None = None
    key_id: str | None = None
    key: str | None = None
    webhook_base_url: str | None = None
    clock_url: str | None = None
    """Where the time of a local stack is asked for: its clock can be moved."""
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    """The addresses of a local stack's simulators: of `airbase` and each Exact site."""

    def __repr__(self) -> str:
        """Show only the name: the other fields may hold a key."""
        return f"Target({self.stack})"


def remote_target(stack: str | None, region: str | None) -> Target:
    """Return the stack in AWS, or at AWS_ENDPOINT_URL."""
    return Target(
        stack=stack or DEFAULT_STACK,
        region=region,
        webhook_base_url=os.environ.get("CONNECTOR_WEBHOOK_BASE_URL") or None,
    )


def local_target() -> Target:
    """Return the stack of `make local`, from its file here or above.

    Raises `UserError` when there is no such file, or when it is incomplete.
    """
    start = Path.cwd()
    for each in (start, *start.parents):
        if (each / LOCAL_FILE).is_file():
            return _target(_read(each / LOCAL_FILE))
    raise UserError(f"no {LOCAL_FILE} here or above: start `make local` first")


def _read(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _target(found: Mapping[str, str]) -> Target:
    if missing := [name for name in _NEEDED if not found.get(name)]:
        raise UserError(f"{LOCAL_FILE} lacks {', '.join(missing)}: start `make local` again")
    return Target(
        stack=found["CONNECTOR_STACK"],
        region=found["AWS_DEFAULT_REGION"],
        endpoint_url=found["AWS_ENDPOINT_URL"],
        key_id=found["AWS_ACCESS_KEY_ID"],
        key=found["AWS_SECRET_ACCESS_KEY"],
        webhook_base_url=found["CONNECTOR_WEBHOOK_BASE_URL"],
        clock_url=found.get("CONNECTOR_LOCAL_CLOCK"),
        stand_ins=dict(_pairs(found.get("CONNECTOR_LOCAL_SIMULATORS", ""))),
    )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each in `airbase=http://...,nl=http://...`."""
    for each in filter(None, text.split(",")):
        name, _, url = each.partition("=")
        yield name, url


def follow_local_clock() -> None:
    """Take the time from the local stack's own clock, which is asked when it is first read."""
    clock.read_from(_first_reading)


def _first_reading() -> float:
    ours = clock.MovableClock()
    ours.move(_ahead_of(ours()))
    clock.read_from(ours)
    return ours()


def _ahead_of(now: float) -> float:
    """Return by how many seconds the local stack's clock was moved, 0 where none answers."""
    try:
        url = local_target().clock_url
        if url is None:
            return 0.0
        with build_opener(ProxyHandler({})).open(url, timeout=_CLOCK_TIMEOUT) as answer:
            return max(float(json.load(answer)["now"]) - now, 0.0)
    except (UserError, OSError, ValueError, KeyError, TypeError):
        return 0.0  # a stack that does not run is reported by its first call
