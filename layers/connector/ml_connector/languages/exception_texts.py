"""What the catalogue of exceptions says, in the reader's language.

Records keep a cause and a remedy as they were said, in English and filled in. So the template that
made a text is found again by its words, and its translation is filled in with the same values.
"""

from collections.abc import Callable

from ml_connector.domain.exception_codes.said_texts import (
    SaidText,
    put_together,
    taken_apart,
    taken_apart_of_any,
)
from ml_connector.languages.filled_values import in_readers_form
from ml_connector.languages.texts import Texts

_REASONS = frozenset({"reason", "words", "why"})
_SHORT_WORDS = {"gl": "GL", "vat": "VAT", "po": "PO", "exact": "Exact", "airbase": "Airbase"}


def in_words(texts: Texts, code: str, text: str) -> str:
    """Return a cause or remedy of this code in the reader's language.

    A text that an earlier version or another place has made stays as it is.
    """
    return said(texts, taken_apart(code, text)) or text


def in_any_words(texts: Texts, text: str) -> str:
    """Return a cause of any code, where it was kept without its code."""
    return said(texts, taken_apart_of_any(text)) or text


def said(
    texts: Texts, found: SaidText | None, in_words: Callable[[Texts, str], str] = in_any_words
) -> str:
    """Return what was taken apart, in the reader's language; empty when nothing was.

    `in_words` translates a value that is a reason itself.
    """
    if found is None:
        return ""
    values = {
        name: in_words(texts, each) if name in _REASONS else in_readers_form(texts, name, each)
        for name, each in found.values.items()
    }
    return " ".join(put_together(texts.say(each), values) for each in found.templates)


def heading(code: str) -> str:
    """Return a code as a heading: `GL_ACCOUNT_BLOCKED` is `GL account blocked`."""
    words = [_SHORT_WORDS.get(word, word) for word in code.lower().split("_")]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
