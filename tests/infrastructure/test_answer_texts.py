"""The encodings of answers, and pages that are none."""

import codecs
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.infrastructure import answer_texts

TEXT = json.dumps({"a": "Ongeldig: Café"}, ensure_ascii=False)


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        codecs.BOM_UTF8 + TEXT.encode(),
        codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.encode("utf-16-be"),
        codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
        TEXT.encode("latin-1"),
    ],
)
def test_a_text_is_read_in_each_encoding(body: bytes) -> None:
    assert answer_texts.decode(body) == TEXT
    assert answer_texts.read_json(body) == {"a": "Ongeldig: Café"}


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    answer_texts.page_title(answer_texts.decode(body))
    try:
        answer_texts.read_json(body)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("<html><title>Access denied</title></html>", "Access denied"),
        ("<!DOCTYPE html>\n<HTML><h1>Not&nbsp;found</h1>", "Not found"),
        ("<!-- edge --><html><body>x</body></html>", ""),
        ("<error><message>No</message></error>", None),
        ('{"error": "<html>"}', None),
        ("", None),
    ],
)
def test_pages_are_told_from_answers(text: str, title: str | None) -> None:
    assert answer_texts.page_title(text) == title
