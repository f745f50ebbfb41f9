"""`make rights`: play the story without each right of the template; AWS must refuse something.

`ARGS=WorkerPolicy` plays only those whose name contains the text. `tests/rights/test_story.py`
asks the decider the same in seconds; this is the proof that the answers are enforced. Each story
has a process of its own: what a local stack leaves behind takes tens of megabytes.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from rich.console import Console

from local.rights.aws_alone import USED_BY_AWS_ALONE
from tests.rights.played import be_silent, outcome_without
from tests.rights.taken_away import Right, every_right
from tests.template.deployed import deployed

_console = Console(highlight=False, soft_wrap=True)


def main(wanted: str = "") -> int:
    """Play each story; return 1 if nothing was refused in one."""
    rights = [right for right in every_right(deployed().cloudformation) if wanted in str(right)]
    played = [right for right in rights if not _is_used_by_aws_alone(right)]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.rights.played"])
    unproven = []
    with ProcessPoolExecutor(
        os.cpu_count(), context, initializer=be_silent, max_tasks_per_child=1
    ) as processes:
        outcomes = processes.map(outcome_without, played)
        for right, (is_refused, how) in zip(played, outcomes, strict=True):
            _console.print(f"{right}: {how}", markup=False)
            unproven += [] if is_refused else [right]
    for right in unproven:
        _console.print(f"[red]nothing is refused without[/red] {right}")
    _console.print(f"{len(played)} stories, nothing was refused in {len(unproven)} of them")
    return 1 if unproven else 0


def _is_used_by_aws_alone(right: Right) -> bool:
    reason = USED_BY_AWS_ALONE.get((right.sid, right.text))
    if reason:
        _console.print(f"[yellow]not seen here[/yellow] {right}: {reason}")
    return bool(reason)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
