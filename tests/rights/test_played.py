"""Without a right the stack fails: the story, really played. `make rights` does so for each right.

These stand apart from the story that is played whole: an account has one stack of this name.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.rights.played import refusal_without
from tests.rights.story import Story
from tests.rights.taken_away import every_right
from tests.template.deployed import deployed


@pytest.mark.parametrize(
    ("holder", "text"),
    [("AirbaseWebhookRole", "dynamodb:PutItem"), ("PoPostingRole", "dynamodb:Query")],
)
def test_without_a_right_the_stack_fails(tmp_path: Path, holder: str, text: str) -> None:
    template = deployed().cloudformation
    right = next(r for r in every_right(template) if (r.holder, r.text) == (holder, text))
    action = text.partition(":")[2]
    assert action in refusal_without(right, tmp_path)


def test_a_story_that_ends_for_another_reason_shows_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends(_: Story) -> Iterator[Callable[[], None]]:
        raise RuntimeError("no port is free")

    monkeypatch.setattr(Story, "chapters", ends)
    right = next(iter(every_right(deployed().cloudformation)))
    with pytest.raises(RuntimeError, match="no port is free"):
        refusal_without(right, tmp_path)
