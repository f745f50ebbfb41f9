"""Every code in the source is explained and documented, and every explanation is used."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_connector
from ml_connector.domain.exception_codes import EXPLANATIONS, problem
from ml_connector.domain.exception_codes.changes import CHANGES
from ml_connector.domain.exception_codes.delays import DELAYS
from ml_connector.domain.exception_codes.halts import HALTS
from ml_connector.domain.exception_codes.orders import ORDERS
from ml_connector.domain.exception_codes.refusals import REFUSALS
from ml_connector.domain.exception_codes.vendors import VENDORS
from ml_connector.domain.orders.validation import VALIDATION_CODES
from ml_connector.exact import error_texts as texts

SOURCE = Path(ml_connector.__file__ or "").parent
PAGE = Path(__file__).parents[2] / "docs" / "exceptions.md"
KNOWN = set(EXPLANATIONS) | VALIDATION_CODES
TAKES_A_CODE_FIRST = {"problem", "Later", "Problem", "report"}
CODE = re.compile(r"[A-Z][A-Z0-9_]{3,}[A-Z0-9]")  # complete codes, not the start of an f-string


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


def codes_in_calls() -> set[tuple[str, str]]:
    """Return file and code of each call that takes a code as its first argument."""
    found = set()
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node) in TAKES_A_CODE_FIRST and node.args:
                found |= {(file, text) for text in texts_in(node.args[0]) if CODE.fullmatch(text)}
    return found


def codes_in_source() -> set[str]:
    """Return all texts in the source that look like a code, except the explanations themselves."""
    return {
        text
        for file, tree in trees()
        if not file.startswith("domain/exception_codes/") and file != "domain/orders/validation.py"
        for text in texts_in(tree)
        if CODE.fullmatch(text)
    }


def test_the_source_is_read() -> None:
    found = codes_in_calls()
    assert ("airbase/client.py", "AIRBASE_BUSY") in found
    assert ("airbase/purchase_orders.py", "BAD_AMOUNT") in found
    assert ("purchase_orders/preconditions.py", "HALTED") in found
    assert len(found) > 30


def test_every_code_in_a_call_is_explained() -> None:
    assert {(file, code) for file, code in codes_in_calls() if code not in KNOWN} == set()


def test_every_explanation_is_used() -> None:
    assert set(EXPLANATIONS) - codes_in_source() == set()


def test_the_codes_of_exacts_texts_are_explained() -> None:
    assert {rule.code for rule in texts.RULES} <= set(EXPLANATIONS)


def test_a_code_is_explained_once() -> None:
    registers = (DELAYS, HALTS, REFUSALS, ORDERS, CHANGES, VENDORS)
    assert sum(len(register) for register in registers) == len(EXPLANATIONS)
    assert not set(EXPLANATIONS) & VALIDATION_CODES


@pytest.mark.parametrize("code", sorted(KNOWN))
def test_a_code_is_in_the_documentation(code: str) -> None:
    assert f"| `{code}` | " in PAGE.read_text("utf-8")


@pytest.mark.parametrize("code", sorted(EXPLANATIONS))
def test_an_explanation_has_full_sentences_without_jargon(code: str) -> None:
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
