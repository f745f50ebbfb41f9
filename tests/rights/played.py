"""The story, played with a template from which a right was taken: how it failed."""

import logging
import os
import tempfile
from pathlib import Path

from local.demo.environment import DemoEnvironment
from local.firm import ABROAD
from tests.rights.story import Story
from tests.rights.taken_away import Right, without


def plays_without(right: Right, folder: Path) -> str:
    """Play the story without a right; return how it failed, empty if it did not."""
    demo = DemoEnvironment(branches=ABROAD)
    demo.stack.template.use(without(demo.stack.template.cloudformation, right))
    try:
        with demo:
            for chapter in Story(demo, folder).chapters():
                chapter()
                if demo.stack.rights.refusals:  # the stack fails when its context ends
                    break
    except Exception as error:  # noqa: BLE001  however it fails
        return repr(error)
    return ""


def failure_without(right: Right) -> str:
    """Return `plays_without` in short, with files in a folder that is removed again."""
    with tempfile.TemporaryDirectory() as folder:
        failure = plays_without(right, Path(folder))
    return failure.partition("(")[2][:200]


def be_silent() -> None:
    """Let this process print neither logs nor metrics."""
    os.environ["LOG_LEVEL"] = "CRITICAL"
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    logging.disable(logging.CRITICAL)
