"""The words of the pages, in the languages that there are catalogues for; English is the source.

To add a text: write it in English where it is shown, in a template as `_("…", name=value)` or
`_n("%(number)s order", "%(number)s orders", number)`, in Python as `texts.say("…")` (or
`marked("…")` where it only stands in a table). Then run `python layers/console/catalogues.py`,
which adds it to `locales/pages.LANGUAGE.po`, and translate it there; the tests fail until it is.
What the catalogue of exceptions says is in `locales/exceptions.LANGUAGE.po`, in the same way.
"""

import gettext
import io
import re
from functools import cache
from pathlib import Path
from typing import Any

from ml_console.locales import LOCALES, Locale

_FOLDER = Path(__file__).parent / "locales"
_LANGUAGE = re.compile(r"([a-z]{2})(?:-[A-Za-z]{2})?(?:;q=([0-9.]+))?")
SOURCE = "en"


class Texts:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        """Read the catalogue of a language; texts that it does not have are as written."""
        self.language = language
        self._catalogue = _catalogue("pages", language)
        self._catalogue.add_fallback(_catalogue("exceptions", language))

    @property
    def locale(self) -> Locale:
        """Return how the language writes numbers and days."""
        return LOCALES[self.language]

    def say(self, text: str, /, **values: Any) -> str:
        """Return the text with its `%(name)s` filled in."""
        translated = self._catalogue.gettext(text) if text else ""
        return translated % values if values else translated

    def count(self, one: str, many: str, number: int, **values: Any) -> str:
        """Return the text for this number, filled in with `%(number)s` and the other values."""
        shown = {"number": self.locale.number(number), **values}
        return self._catalogue.ngettext(one, many, number) % shown


@cache
def texts_in(language: str) -> Texts:
    """Return the texts of a language, read once."""
    return Texts(language)


def best_texts(accept_language: str, chosen: str = "") -> Texts:
    """Return the texts in the chosen language, else in the one that a browser prefers."""
    if chosen in LOCALES:
        return texts_in(chosen)
    given = (_LANGUAGE.fullmatch(each.strip()) for each in accept_language[:200].split(","))
    wanted = sorted((-_weight(found[2]), found[1]) for found in given if found)
    return texts_in(next((name for _, name in wanted if name in LOCALES), SOURCE))


def marked(text: str) -> str:
    """Return the text: one that stands in a table is found here, and translated when shown."""
    return text


def _catalogue(kind: str, language: str) -> gettext.NullTranslations:
    compiled, source = (_FOLDER / f"{kind}.{language}.{form}" for form in ("mo", "po"))
    if compiled.is_file():
        return gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    if not source.is_file():
        return gettext.NullTranslations()
    from ml_console import po_files  # noqa: PLC0415  what is deployed is compiled

    entries = po_files.read(source.read_text("utf-8"))
    return gettext.GNUTranslations(io.BytesIO(po_files.compiled(entries)))


def _weight(text: str | None) -> float:
    """Return how much a language is wanted; browsers leave out the most."""
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
