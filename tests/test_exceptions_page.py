"""docs/exceptions.md explains every code, in the words that people are shown."""

import re
from pathlib import Path

import pytest

from ml_connector.codes import EXPLANATIONS
from ml_connector.exact import texts
from ml_connector.purchase_orders.problems import PLANNING_CODES

PAGE = Path(__file__).parents[1] / "docs" / "exceptions.md"


def rows() -> dict[str, tuple[str, str]]:
    """Return cause and remedy by code, as the page has them."""
    row = re.compile(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
    found = row.findall(PAGE.read_text("utf-8"))
    assert len(found) == len({code for code, _, _ in found}), "a code stands there twice"
    return {code: (cause, remedy) for code, cause, remedy in found}


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_the_page_says_what_the_exception_says(code: str) -> None:
    known = EXPLANATIONS[code]
    assert rows().get(code) == (known.cause, known.remedy), (
        f"add to docs/exceptions.md: | `{code}` | {known.cause} | {known.remedy} |"
    )


def test_planning_codes_are_there_and_no_others() -> None:
    assert set(rows()) == set(EXPLANATIONS) | PLANNING_CODES


def test_what_exact_says_is_explained() -> None:
    assert {rule.code for rule in texts.RULES} <= set(EXPLANATIONS)
