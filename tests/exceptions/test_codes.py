"""Every code of the product is in the catalogue once, and is written out where it is raised."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import ml_connector
from ml_connector.domain.exception_codes import CATALOGUE, GROUPS, Severity, problem
from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry
from ml_connector.domain.exception_codes.templates import (
    MissingValueWarning,
    fields_of,
    fill,
    in_general,
)
from ml_connector.exact import error_texts as texts

SOURCE = Path(ml_connector.__file__ or "").parent
TAKES_A_CODE_FIRST = {"problem", "delay", "Later", "Problem", "report", "_problem", "_later"}
CODE = re.compile(r"[A-Z][A-Z0-9_]{3,}[A-Z0-9]")
PART_OF_A_CODE = re.compile(r"[A-Z]{3,}_|_[A-Z]{3,}")
FROM_EXACT = {"text", "connection", "endpoint"}
FROM_A_DECISION = {"number", "differences", "count"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield file and call of everything that takes a code as its first argument."""
    for file, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node) in TAKES_A_CODE_FIRST and node.args:
                yield file, node


def name_of(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def texts_in(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value


def codes_in_calls() -> set[tuple[str, str]]:
    return {
        (file, text)
        for file, call in calls()
        for text in texts_in(call.args[0])
        if CODE.fullmatch(text)
    }


def codes_in_source() -> set[str]:
    """Return all texts in the source that look like a code, except the catalogue's own."""
    return {
        text
        for file, tree in trees()
        if not file.startswith("domain/exception_codes/")
        for text in texts_in(tree)
        if CODE.fullmatch(text)
    }


def text_of(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def complete_calls() -> Iterator[tuple[str, CatalogueEntry, str, set[str]]]:
    """Yield place, entry, detail and given values of each call that has all of it in place."""
    for file, call in calls():
        name, given = name_of(call), {each.arg for each in call.keywords}
        if name not in {"problem", "delay", "report"} or None in given:
            continue
        if any(isinstance(each, ast.Starred) for each in call.args):
            continue
        of_mapping = name == "report" and file.startswith(("domain/", "mapping/"))
        position = 99 if of_mapping else 1 if name == "report" else 2
        last = call.args[position] if len(call.args) > position else ast.Constant("")
        code, detail = text_of(call.args[0]), text_of(last)
        if code is not None and code in CATALOGUE and detail is not None:
            names = {str(each) for each in given} | ({"division"} if of_mapping else set())
            yield f"{file}:{call.lineno}", CATALOGUE[code], detail, names


def test_the_source_is_read() -> None:
    found = codes_in_calls()
    assert ("airbase/client.py", "AIRBASE_BUSY") in found
    assert ("airbase/purchase_orders.py", "BAD_AMOUNT") in found
    assert ("domain/orders/next_step.py", "HALTED") in found
    assert len(found) > 60
    assert sum(1 for _ in complete_calls()) > 70


def test_every_code_in_a_call_is_in_the_catalogue() -> None:
    assert {(file, code) for file, code in codes_in_calls() if code not in CATALOGUE} == set()


def test_every_code_is_written_out_where_it_is_raised() -> None:
    assert set(CATALOGUE) - codes_in_source() == set()


def test_no_code_is_assembled() -> None:
    pieces = [
        (file, text)
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for text in texts_in(node)
        if PART_OF_A_CODE.fullmatch(text)
        if any(code.startswith(text) or code.endswith(text) for code in CATALOGUE)
    ]
    assert pieces == []


def test_a_code_is_in_the_catalogue_once() -> None:
    codes = Counter(entry.code for group in GROUPS.values() for entry in group)
    assert [code for code, count in codes.items() if count > 1] == []


def test_every_place_gives_the_values_of_its_templates() -> None:
    missing = {
        place: needed - given
        for place, entry, detail, given in complete_calls()
        if (needed := fields_of(entry.template(detail)) | fields_of(entry.remedy)) - given
    }
    assert missing == {}


def test_every_detail_is_used() -> None:
    said = {text for _, tree in trees() for text in texts_in(tree)}
    named = {name for entry in CATALOGUE.values() for name in entry.details}
    assert named - said == set()


def test_the_codes_of_exacts_texts_need_only_what_exact_says() -> None:
    codes = {rule.code for rule in texts.RULES} | {code for code, _ in texts._REASONS.values()}
    for code in sorted(codes - {"EXACT_UNAVAILABLE"}):  # its kind is a delay, with its own status
        entry = CATALOGUE[code]
        assert fields_of(entry.template("quoted")) | fields_of(entry.remedy) <= FROM_EXACT


def test_the_codes_of_decisions_need_only_the_differences() -> None:
    (tree,) = [tree for file, tree in trees() if file == "domain/orders/decision.py"]
    codes = {text for text in texts_in(tree) if CODE.fullmatch(text)}
    assert len(codes) == 9
    for code in codes:
        for detail in ("number", "differences", "more"):
            assert fields_of(CATALOGUE[code].template(detail)) <= FROM_A_DECISION
        assert not fields_of(CATALOGUE[code].remedy)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_an_entry_has_full_sentences_without_jargon(code: str) -> None:
    entry = CATALOGUE[code]
    for text in (entry.cause, entry.remedy, *entry.details.values()):
        assert text[0].isupper() or text[0] == "{"
        assert text.endswith((".", '"', "}"))
        assert "HTTP" not in text
        assert "Exception" not in text
        assert "<" not in text


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_a_delay_or_halt_can_be_explained_without_its_record(code: str) -> None:
    entry = CATALOGUE[code]
    if entry.severity in {Severity.DELAY, Severity.HALT}:
        assert not fields_of(entry.cause)
        assert fields_of(entry.remedy) <= {"connection"}


def test_delays_and_halts_are_those_of_their_groups() -> None:
    for name, group in GROUPS.items():
        here = {entry.severity for entry in group}
        if name == "delays":
            assert here == {Severity.DELAY}
        elif name == "halts":
            assert here == {Severity.HALT}
        else:
            assert here <= {Severity.EXCEPTION, Severity.NOTE}


def test_a_detail_follows_the_cause() -> None:
    found = problem("BAD_AMOUNT", "PO-1", "quantity", quantity=0, evidence={"found": "0"})
    assert found.cause == "An amount cannot be used. The quantity 0 is not above zero."
    assert str(found) == f"BAD_AMOUNT: PO-1: {found.cause} Correct the amount in Airbase."
    assert found.as_dict()["evidence"] == {"found": "0"}


def test_the_same_values_are_the_same_exception() -> None:
    def identity(numbers: str, connection: str) -> str:
        found = problem(
            "POSSIBLE_DUPLICATE", "PO-1", "numbers", numbers=numbers,
            connection=connection, order="PO-1", number=numbers,
        )  # fmt: skip
        return found.digest

    assert identity("26000017", "firm") == identity("26000017", "renamed")
    assert identity("26000017", "firm") != identity("26000018", "firm")


def test_a_remedy_names_the_command_with_its_values() -> None:
    found = problem("NOT_CONNECTED", "Connection my-firm", connection="my-firm")
    assert "`connector connection consent my-firm`" in found.remedy


def test_a_missing_value_fails_the_tests_and_never_shows_braces() -> None:
    with pytest.warns(MissingValueWarning, match="no value for connection in: "):
        found = problem("NOT_CONNECTED", "Connection my-firm")
    assert "`connector connection consent CONNECTION`" in found.remedy


def test_values_are_not_templates() -> None:
    assert fill("It is {name}.", {"name": "{other} {}"}) == "It is {other} {}."
    assert in_general("{other_orders} of {name}.", name="x") == "OTHER ORDERS of x."


def test_an_unknown_code_or_detail_is_a_bug() -> None:
    with pytest.raises(KeyError):
        problem("NO_SUCH_CODE", "PO-1")
    with pytest.raises(KeyError):
        problem("BAD_AMOUNT", "PO-1", "no_such_detail")
