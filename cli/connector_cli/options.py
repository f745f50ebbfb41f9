"""The options before the verb."""

import shlex
import shutil
import sys
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


@dataclass(frozen=True)
class Options:
    """Which stack to use."""

    stack: str | None = None
    region: str | None = None
    local: bool = False


def typed_before_verb(options: Options, given: AbstractSet[str]) -> str:
    """Return the command and its options before the verb as they were typed.

    `given` are the options that were typed; what the environment says, it says again.
    """
    words = [_program()]
    for name, value in (("stack", options.stack), ("region", options.region)):
        words += [f"--{name}", value] if name in given and value else []
    return shlex.join([*words, "--local"] if options.local else words)


def _program() -> str:
    """Return `connector` where the shell finds it, else its path as it was typed."""
    typed = Path(sys.argv[0])
    found = shutil.which("connector")
    is_found = found is not None and Path(found).resolve() == typed.resolve()
    return "connector" if is_found or typed.name != "connector" else sys.argv[0]
