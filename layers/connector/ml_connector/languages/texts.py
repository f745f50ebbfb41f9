"""The words of the languages that there are catalogues for; English is the source.

To add a text of a message: write it in English where it is sent, as `texts.say("…", name=value)`
or `texts.count("%(number)s order", "%(number)s orders", number)` (or `marked("…")` where it only
stands in a table). Then run `make catalogues`, which adds it to `locales/messages.LANGUAGE.po`, and
translate it there; the tests fail until it is. What the catalogue of exceptions says is in
`locales/exceptions.LANGUAGE.po`, in the same way.
"""

import gettext
import io
from functools import cache
from pathlib import Path
from typing import Any

from ml_connector.languages.locales import LOCALES, Locale

SOURCE = "en"
_FOLDER = Path(__file__).parent / "locales"


class Texts:
    """The texts of one language, for readers with their clocks in one time zone."""

    def __init__(
        self, language: str, zone: str = "UTC", first: gettext.NullTranslations | None = None
    ) -> None:
        """Look texts up in `first`, then in the shared catalogues; else they are as written."""
        self.language, self.zone = language, zone
        self._catalogue = first or gettext.NullTranslations()
        self._catalogue.add_fallback(_shared(language))

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


def marked(text: str) -> str:
    """Return the text: one that stands in a table is found here, and translated when shown."""
    return text


def catalogue(folder: Path, kind: str, language: str) -> gettext.NullTranslations:
    """Return a catalogue, as the build compiled it or as it is written; empty if there is none."""
    compiled, source = (folder / f"{kind}.{language}.{form}" for form in ("mo", "po"))
    if compiled.is_file():
        return gettext.GNUTranslations(io.BytesIO(compiled.read_bytes()))
    if not source.is_file():
        return gettext.NullTranslations()
    from ml_connector.languages import po_files  # noqa: PLC0415  what is deployed is compiled

    entries = po_files.read(source.read_text("utf-8"))
    return gettext.GNUTranslations(io.BytesIO(po_files.compiled(entries)))


@cache
def _shared(language: str) -> gettext.NullTranslations:
    """Return what messages and the catalogue of exceptions say, read once."""
    found = catalogue(_FOLDER, "messages", language)
    found.add_fallback(catalogue(_FOLDER, "exceptions", language))
    return found
