"""docs/exceptions.md shows the catalogue as it is."""

import re

from docs import exceptions_page
from ml_connector.domain.exception_codes import CATALOGUE
from tests.exceptions.placeholders import placeholders_in

PAGE = exceptions_page.PAGE.read_text("utf-8")


def test_the_page_is_up_to_date() -> None:
    assert exceptions_page.written(PAGE) == PAGE, "run `make exceptions-page`"


def test_the_page_has_every_code_once() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| ", PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(CATALOGUE)


def test_the_prose_stays_when_the_tables_are_written() -> None:
    emptied = re.sub(r"(<!-- table: \w+ -->\n).*?(<!-- end -->)", r"\1\2", PAGE, flags=re.DOTALL)
    assert "No action is needed: the record waits" in emptied
    assert exceptions_page.written(emptied) == PAGE


def test_the_page_has_no_placeholders() -> None:
    assert placeholders_in(re.sub("<!--.*?-->", "", PAGE)) == []
