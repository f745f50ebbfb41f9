"""The words of the pages, in the languages that there are catalogues for; English is the source.

Every text of a page goes through `Texts`. Catalogues are `locales/LANGUAGE/LC_MESSAGES/console.mo`;
Babel reads the texts from the sources and compiles them at build time, and is not needed here.
"""

import gettext
import re
from functools import cache
from pathlib import Path
from typing import Any

_LOCALES = Path(__file__).parent / "locales"
_LANGUAGE = re.compile(r"([a-z]{2})(?:-[A-Za-z]{2})?(?:;q=([0-9.]+))?")
SOURCE = "en"


class Texts:
    """The texts of one language."""

    def __init__(self, language: str) -> None:
        """Read the catalogue of a language, if there is one; otherwise texts are as written."""
        found = gettext.translation("console", _LOCALES, [language], fallback=True)
        self.language = language
        self._catalogue = found

    def say(self, text: str, **values: Any) -> str:
        """Return the text with its `%(name)s` filled in."""
        translated = self._catalogue.gettext(text)
        return translated % values if values else translated

    def count(self, one: str, many: str, number: int, **values: Any) -> str:
        """Return the text for this number, filled in with `%(number)s` and the other values."""
        return self._catalogue.ngettext(one, many, number) % {"number": number, **values}


@cache
def texts_in(language: str) -> Texts:
    """Return the texts of a language, read once."""
    return Texts(language)


def best_texts(accept_language: str) -> Texts:
    """Return the texts in the language that a browser prefers among those that there are."""
    given = (_LANGUAGE.fullmatch(each.strip()) for each in accept_language[:200].split(","))
    wanted = sorted((-_weight(found[2]), found[1]) for found in given if found)
    known = {SOURCE, *(path.name for path in _LOCALES.glob("*") if path.is_dir())}
    return texts_in(next((name for _, name in wanted if name in known), SOURCE))


def _weight(text: str | None) -> float:
    """Return how much a language is wanted; browsers leave out the most."""
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
