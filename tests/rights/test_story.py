"""The template gives each role and person what the whole story needs, and nothing else.

`make rights` really plays the story without each right; here the decider is asked again whatever
was asked in the story.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from connector_cli.main import app
from local.demo.environment import DemoEnvironment
from local.firm import ABROAD
from local.rights.aws_alone import USED_BY_AWS_ALONE
from local.rights.calls import Need
from local.rights.decider import Question
from local.rights.policies import Principal
from local.rights.stack_policies import StackPolicies
from local.rights.stack_rights import StackRights
from local.stack import PEOPLE, LocalStack
from tests.rights.story import Story
from tests.rights.taken_away import Right, every_right, for_each_role, without
from tests.template.deployed import deployed

RIGHTS = list(every_right(for_each_role(deployed().cloudformation)))
ALONE = {(right.sid, right.text) for right in RIGHTS} & USED_BY_AWS_ALONE.keys()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, played with its rights enforced."""
    with DemoEnvironment(branches=ABROAD) as demo:
        story = Story(demo, tmp_path_factory.mktemp("files"))
        story.play()
        yield story


@pytest.fixture(scope="module")
def asked(story: Story) -> list[Question]:
    """Return all that was asked; an operator may do what a reader does."""
    found = list(story.demo.stack.rights.allowed.values())
    operator = Principal("operator", "arn:aws:iam::123456789012:user/operator")
    read = [each for each in found if each.principal.name == "reader"]
    return found + [Question(operator, q.action, q.resource, q.context) for q in read]


def rights_of(stack: LocalStack, template: Any) -> StackRights:
    """Return the rights of the running stack, had it been made from this template."""
    return StackRights(StackPolicies(template, stack.rights.policies.resolver), PEOPLE)


def refused(rights: StackRights, asked: list[Question]) -> list[str]:
    """Return what of it would be refused."""
    answers = (
        rights.first_refusal(each.principal, [Need(each.action, each.resource, each.context)])
        for each in asked
    )
    return [str(answer) for answer in answers if answer]


def test_nothing_in_the_story_is_refused(story: Story) -> None:
    assert list(story.demo.stack.rights.refusals) == []


def test_every_verb_is_in_the_story(story: Story) -> None:
    typed = {" ".join(words) for words in story.typed}
    verbs = list(_verbs(typer.main.get_command(app)))
    assert len(verbs) > 30
    assert [verb for verb in verbs if not any(f"{t} ".startswith(f"{verb} ") for t in typed)] == []


def _verbs(command: Any, above: str = "") -> Iterator[str]:
    if not isinstance(command, typer.core.TyperGroup):
        yield above
        return
    for name in command.list_commands(typer.Context(command)):
        inner = command.get_command(typer.Context(command), name)
        yield from _verbs(inner, f"{above} {name}".strip())


def test_all_of_it_is_allowed_again(story: Story, asked: list[Question]) -> None:
    written_out = for_each_role(deployed().cloudformation)
    assert refused(rights_of(story.demo.stack, written_out), asked) == []


@pytest.mark.parametrize("right", RIGHTS, ids=str)
def test_without_this_right_something_is_refused(
    story: Story, asked: list[Question], right: Right
) -> None:
    template = without(for_each_role(deployed().cloudformation), right)
    is_needed = bool(refused(rights_of(story.demo.stack, template), asked))
    assert is_needed != ((right.sid, right.text) in USED_BY_AWS_ALONE)


def test_what_aws_alone_uses_is_given_and_has_a_reason() -> None:
    assert USED_BY_AWS_ALONE.keys() == ALONE
    assert all(len(reason) > 40 for reason in USED_BY_AWS_ALONE.values())
