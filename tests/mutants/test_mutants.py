"""The list of mutants follows the source; `make mutants` runs them."""

import ast

from tests.mutants.catalogue import ROOT, load


def test_each_text_occurs_once_in_the_source_and_its_tests_exist() -> None:
    mutants = load()
    assert len(mutants) >= 60
    for mutant in mutants:
        source = (ROOT / mutant.path).read_text("utf-8")
        assert mutant.line(source), "raises when the text is not there, or not only once"
        changed = mutant.apply(source)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source)), mutant.find
        assert mutant.why, mutant.find
        assert mutant.tests, mutant.find
        assert [path for path in mutant.test_paths if not (ROOT / path).is_file()] == []
