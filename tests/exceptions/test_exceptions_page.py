"""docs/exceptions.md explains every code in the words that people see."""

import re
from pathlib import Path

import pytest

from ml_connector.domain.exception_codes import EXPLANATIONS
from ml_connector.domain.orders.validation import VALIDATION_CODES
from ml_connector.exact import error_texts as texts

PAGE = Path(__file__).parents[2] / "docs" / "exceptions.md"


def rows() -> dict[str, tuple[str, str]]:
    """Return cause and remedy by code, as on the page."""
    row = re.compile(r"^\| `([A-Z0-9_]+)` \| (.*?) \| (.*?) \|$", re.MULTILINE)
    found = row.findall(PAGE.read_text("utf-8"))
    assert len(found) == len({code for code, _, _ in found}), "a code is listed twice"
    return {code: (cause, remedy) for code, cause, remedy in found}


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_the_page_says_what_the_exception_says(code: str) -> None:
    known = EXPLANATIONS[code]
    assert rows().get(code) == (known.cause, known.remedy), (
        f"add to docs/exceptions.md: | `{code}` | {known.cause} | {known.remedy} |"
    )


def test_the_page_has_every_code_and_no_others() -> None:
    assert set(rows()) == set(EXPLANATIONS) | VALIDATION_CODES


def test_the_codes_of_exacts_texts_are_explained() -> None:
    assert {rule.code for rule in texts.RULES} <= set(EXPLANATIONS)
