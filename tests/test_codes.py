"""Every code in the source is explained, every explanation is used, and people can look it up."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_connector
from ml_connector.codes import EXPLANATIONS, problem
from ml_connector.codes.changes import CHANGES
from ml_connector.codes.delays import DELAYS
from ml_connector.codes.halts import HALTS
from ml_connector.codes.orders import ORDERS
from ml_connector.codes.refusals import REFUSALS
from ml_connector.codes.vendors import VENDORS
from ml_connector.exact import texts
from ml_connector.purchase_orders.problems import PLANNING_CODES

SOURCE = Path(ml_connector.__file__ or "").parent
PAGE = Path(__file__).parents[1] / "docs" / "exceptions.md"
KNOWN = set(EXPLANATIONS) | PLANNING_CODES
TAKES_A_CODE_FIRST = {"problem", "Later", "Problem", "report"}
CODE = re.compile(r"[A-Z][A-Z0-9_]{3,}[A-Z0-9]")  # whole ones, not the start of an f-string


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def texts_in(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def codes_given() -> set[tuple[str, str]]:
    """Return file and code of each call that takes a code as its first argument."""
    found = set()
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node) in TAKES_A_CODE_FIRST and node.args:
                found |= {(file, text) for text in texts_in(node.args[0]) if CODE.fullmatch(text)}
    return found


def codes_mentioned() -> set[str]:
    """Return all texts of the source that look like a code, the explanations themselves apart."""
    return {
        text
        for file, tree in trees()
        if not file.startswith("codes/") and file != "purchase_orders/problems.py"
        for text in texts_in(tree)
        if CODE.fullmatch(text)
    }


def test_the_source_is_read() -> None:
    given = codes_given()
    assert ("airbase/api.py", "AIRBASE_BUSY") in given
    assert ("airbase/orders.py", "BAD_AMOUNT") in given
    assert ("workflows/orders/judging.py", "HALTED") in given
    assert len(given) > 30


def test_every_code_that_is_given_is_explained() -> None:
    assert {(file, code) for file, code in codes_given() if code not in KNOWN} == set()


def test_every_explanation_is_used() -> None:
    assert set(EXPLANATIONS) - codes_mentioned() == set()


def test_what_exacts_texts_mean_is_explained() -> None:
    assert {rule.code for rule in texts.RULES} <= set(EXPLANATIONS)


def test_a_code_is_explained_once() -> None:
    registers = (DELAYS, HALTS, REFUSALS, ORDERS, CHANGES, VENDORS)
    assert sum(len(register) for register in registers) == len(EXPLANATIONS)
    assert not set(EXPLANATIONS) & PLANNING_CODES


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_code_stands_in_the_documentation(code: str) -> None:
    assert f"| `{code}` | " in PAGE.read_text("utf-8")


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_an_explanation_is_whole_sentences_without_jargon(code: str) -> None:
    known = EXPLANATIONS[code]
    for text in (known.cause, known.remedy):
        assert text[0].isupper()
        assert text.endswith(".")
        assert "HTTP" not in text
        assert "Exception" not in text


def test_a_detail_follows_the_cause() -> None:
    found = problem("BAD_AMOUNT", "PO-1", "It was 7.", evidence={"found": "7"})
    assert found.cause == "An amount cannot be used. It was 7."
    assert str(found) == f"BAD_AMOUNT: PO-1: {found.cause} Correct the amount in Airbase."
    assert found.as_dict()["evidence"] == {"found": "7"}


def test_an_unknown_code_is_a_bug() -> None:
    with pytest.raises(KeyError):
        problem("NO_SUCH_CODE", "PO-1")
