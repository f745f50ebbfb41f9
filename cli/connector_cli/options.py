"""The options before the verb."""

from dataclasses import dataclass

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@dataclass(frozen=True)
class Options:
    """Which stack to use."""

    stack: str | None = None
    region: str | None = None
    local: bool = False
