"""What the worker did not do is told in the reader's language, whoever said why."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_connector
from ml_connector import clock
from ml_connector.deeds.refusals import FAILED, why
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Later, Review
from ml_connector.infrastructure.ledger import Conflict
from ml_console.refusal_texts import REFUSALS, refusal_in_words
from ml_console.texts import texts_in

_FIELD = re.compile(r"\{\w+\}")
OF_PARTS = {
    "decided meanwhile by {}, {}: {} stands for {}",
    "decided meanwhile by {}, {}: the vendor is {}",
    "decided meanwhile: {} stands for {}",
    "{} is in Exact already",
    "{} was not read in Airbase yet: retry it",
    "{} cannot be retried: exceptions of the connection are checked every six hours",
    "{} cannot be retried: its event is no longer kept",
    "{} is in Exact already, as order {}",
    "Exact order {} is of another supplier than {}",
    "Exact order {} is in {}, {} in {}",
    "Exact order {} is cancelled in Exact",
    "Exact order {} is linked to {} already",
}
"""Made of two texts of the source."""


def said() -> Iterator[str]:
    """Yield every text of the workers' layer, with `{}` for what is filled in."""
    for path in Path(ml_connector.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = (
                    each.value if isinstance(each, ast.Constant) else "{}" for each in node.values
                )
                yield "".join(map(str, parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_every_refusal_is_one_that_the_worker_makes() -> None:
    known = {*said(), *OF_PARTS}
    assert [each for each in REFUSALS if _FIELD.sub("{}", each) not in known] == []


@pytest.mark.parametrize("language", ["nl", "de", "fr"])
@pytest.mark.parametrize("template", REFUSALS)
def test_each_is_found_again_with_its_values(template: str, language: str) -> None:
    names = _FIELD.findall(template)
    values = {name: f"<Ö {number}>" for number, name in enumerate(names)}
    text = _FIELD.sub(lambda found: values[found[0]], template)
    texts = texts_in(language)
    shown = refusal_in_words(texts, text)
    assert shown == _FIELD.sub(lambda found: values[found[0]], texts.say(template))
    assert shown != text


def test_faults_are_told_in_the_readers_language() -> None:
    blocked = problem(
        "GL_ACCOUNT_BLOCKED", "PO-1", account="4600", code="4600", name="Kosten", division="nl.1"
    )
    dutch = texts_in("nl")
    review = refusal_in_words(dutch, why(Review([blocked])))
    assert "is geblokkeerd in administratie" in review
    assert "Deblokkeer" in review
    until = clock.now()
    later = refusal_in_words(dutch, why(Later("BUDGET", until, FAILED)))
    assert later.startswith("Het is mislukt")
    assert f"vanaf {until.day} " in later
    assert refusal_in_words(dutch, why(Conflict("x"))).startswith("Iemand anders")


@pytest.mark.parametrize("text", ["", "Order 7 is <b>odd</b>", "x" * 100_000, "(" * 500])
def test_what_is_not_known_stays_as_it_is(text: str) -> None:
    assert refusal_in_words(texts_in("de"), text) == text
