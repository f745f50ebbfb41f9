"""The story, played with a template from which a right was taken: what is refused."""

import logging
import os
import tempfile
from pathlib import Path

from local.demo.environment import DemoEnvironment
from local.firm import ABROAD
from local.rights.aws_services import NotAuthorizedError
from tests.rights.story import Story
from tests.rights.taken_away import Right, every_right, without

_LONGEST = 200


def refusal_without(right: Right, folder: Path) -> str:
    """Play the story without a right; return what AWS refused first, empty if nothing.

    Whatever else ends the story is raised: it shows nothing about the right.
    """
    demo = DemoEnvironment(branches=ABROAD)
    template = demo.stack.template
    # Its conditions are decided here, which moves what stands below them.
    own = next(each for each in every_right(template.cloudformation) if str(each) == str(right))
    template.use(without(template.cloudformation, own))
    try:
        with demo:
            for chapter in Story(demo, folder).chapters():
                chapter()
                if demo.stack.rights.refusals:  # the stack fails when its context ends
                    break
    except NotAuthorizedError as refusal:
        return str(refusal)
    except Exception:
        rights = getattr(demo.stack, "rights", None)  # none before the stack is made
        if not rights or not rights.refusals:
            raise
        return str(rights.refusals[0])
    return ""


def outcome_without(right: Right) -> tuple[bool, str]:
    """Return whether something was refused without the right, and how the story ended."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            refusal = refusal_without(right, Path(folder))
        except Exception as error:  # noqa: BLE001  shown; the other rights are played
            return False, f"fails for another reason: {error!r}"[:_LONGEST]
    return bool(refusal), refusal[:_LONGEST] or "plays on"


def be_silent() -> None:
    """Let this process print neither logs nor metrics."""
    os.environ["LOG_LEVEL"] = "CRITICAL"
    os.environ["POWERTOOLS_METRICS_DISABLED"] = "true"
    logging.disable(logging.CRITICAL)
