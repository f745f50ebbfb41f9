"""`make rights`: play the story without each right of the template; it must fail every time.

`ARGS=WorkerPolicy` plays only those whose name contains the text. `tests/rights/test_story.py`
asks the decider the same in seconds; this is the proof that the answers are enforced.
"""

import logging
import os
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from local.rights.aws_alone import USED_BY_AWS_ALONE
from tests.rights.taken_away import Right, every_right
from tests.rights.test_story import plays_without
from tests.template.deployed import deployed

_console = Console(highlight=False, soft_wrap=True)


def main(wanted: str = "") -> int:
    """Play each story; return 1 if one did not fail."""
    os.environ["LOG_LEVEL"] = "CRITICAL"
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    logging.disable(logging.CRITICAL)
    rights = [right for right in every_right(deployed().cloudformation) if wanted in str(right)]
    needless = [right for right in rights if not _fails_without(right)]
    for right in needless:
        _console.print(f"[red]nothing fails without[/red] {right}")
    return 1 if needless else 0


def _fails_without(right: Right) -> bool:
    if reason := USED_BY_AWS_ALONE.get((right.sid, right.text)):
        _console.print(f"[yellow]not seen here[/yellow] {right}: {reason}")
        return True
    with tempfile.TemporaryDirectory() as folder:
        failure = plays_without(right, Path(folder))
    _console.print(f"{right}: {failure.partition('(')[2][:200] or 'plays on'}")
    return bool(failure)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
