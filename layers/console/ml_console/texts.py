"""The words of the pages, in the languages that there are catalogues for; English is the source.

To add a text: write it in English where it is shown, in a template as `_("…", name=value)` or
`_n("%(number)s order", "%(number)s orders", number)`, in Python as `texts.say("…")` (or
`marked("…")` where it only stands in a table). Then run `make catalogues`, which adds it to
`locales/pages.LANGUAGE.po`, and translate it there; the tests fail until it is.
"""

import re
from functools import cache
from pathlib import Path

from ml_connector.languages.locales import LOCALES
from ml_connector.languages.texts import SOURCE, Texts, catalogue

_FOLDER = Path(__file__).parent / "locales"
_LANGUAGE = re.compile(r"([a-z]{2})(?:-[A-Za-z]{2})?(?:;q=([0-9.]+))?")


@cache
def texts_in(language: str) -> Texts:
    """Return the texts of a language, read once: those of the pages, then those of messages."""
    return Texts(language, first=catalogue(_FOLDER, "pages", language))


def best_texts(accept_language: str, chosen: str = "") -> Texts:
    """Return the texts in the chosen language, else in the one that a browser prefers."""
    if chosen in LOCALES:
        return texts_in(chosen)
    given = (_LANGUAGE.fullmatch(each.strip()) for each in accept_language[:200].split(","))
    wanted = sorted((-_weight(found[2]), found[1]) for found in given if found)
    return texts_in(next((name for _, name in wanted if name in LOCALES), SOURCE))


def _weight(text: str | None) -> float:
    """Return how much a language is wanted; browsers leave out the most."""
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
