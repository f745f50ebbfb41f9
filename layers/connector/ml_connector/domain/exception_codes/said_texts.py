"""Take a cause or a remedy that a record keeps apart again: its templates and the values in it.

Records keep what was said, in English and filled in. Whoever shows it writes the values in the form
of its readers, or translates the templates.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from ml_connector.domain.exception_codes import CATALOGUE

_FIELD = re.compile(r"\{(\w+)\}")
_LONGEST, _LONGEST_CAUSE = 20_000, 1_000
_TOLD = 12
"""So many characters of its own has a template at least that is found without its code."""


_Pattern = tuple[re.Pattern[str], tuple[str, ...]]
Patterns = tuple[_Pattern, ...]
"""What finds templates in a text, one or several after each other; and these templates."""


class SaidText(NamedTuple):
    """The templates that a text was made of, one after the other, and the values in them."""

    templates: tuple[str, ...]
    values: Mapping[str, str]


def taken_apart(code: str, text: str) -> SaidText | None:
    """Return what a cause or remedy of this code was made of.

    None for a text that an earlier version or another place has made.
    """
    return _found(_patterns(code), text) if len(text) <= _LONGEST else None


def taken_apart_of_any(text: str) -> SaidText | None:
    """Do the same for a cause that was kept without its code."""
    return _found(_causes(), text) if len(text) <= _LONGEST_CAUSE else None


def taken_apart_with_remedy(text: str) -> SaidText | None:
    """Do the same for a cause of any code that its remedy follows."""
    return taken_apart_by(_with_remedies(), text)


def taken_apart_by(patterns: Patterns, text: str) -> SaidText | None:
    """Do the same for a text that is made of templates which `patterns_of` was given."""
    return _found(patterns, text) if len(text) <= _LONGEST else None


def patterns_of(templates: Iterable[tuple[str, ...]]) -> Patterns:
    """Return what finds these templates in a text, those with most words of their own first."""
    known = sorted(templates, key=lambda each: -len(_FIELD.sub("", " ".join(each))))
    return tuple((_pattern(" ".join(each)), each) for each in known)


def put_together(template: str, values: Mapping[str, str]) -> str:
    """Fill in values as they stood in a text: in a command they are quoted already."""
    return _FIELD.sub(lambda found: values.get(found[1], found[1]), template)


def _found(
    patterns: Iterable[tuple[re.Pattern[str], tuple[str, ...]]], text: str
) -> SaidText | None:
    for pattern, templates in patterns:
        if found := pattern.fullmatch(text):
            return SaidText(templates, found.groupdict())
    return None


@cache
def _causes() -> Patterns:
    """Return the causes of all codes, those with most words of their own first."""
    made = {each for code in CATALOGUE for each in _templates(code)}
    return patterns_of(each for each in made if len(_FIELD.sub("", each[0])) > _TOLD)


@cache
def _with_remedies() -> Patterns:
    made = {
        (*each, entry.remedy)
        for code, entry in CATALOGUE.items()
        for each in _templates(code)
        if each != (entry.remedy,)
    }
    return patterns_of(made)


@cache
def _patterns(code: str) -> tuple[_Pattern, ...]:
    return tuple((_pattern(" ".join(each)), each) for each in _templates(code))


def _templates(code: str) -> Iterator[tuple[str, ...]]:
    """Yield the templates that a text of this code may be made of, with most words first."""
    if entry := CATALOGUE.get(code):
        details = sorted(entry.details.values(), key=lambda each: -len(_FIELD.sub("", each)))
        yield from ((entry.cause, each) for each in details)
        yield (entry.cause,)
        yield (entry.remedy,)


def _pattern(template: str) -> re.Pattern[str]:
    parts, known = [], set()
    for position, part in enumerate(_FIELD.split(template)):
        if position % 2 == 0:
            parts.append(re.escape(part))
        elif part in known:
            parts.append(f"(?P={part})")
        else:
            known.add(part)
            parts.append(f"(?P<{part}>.*?)")
    return re.compile("".join(parts), re.DOTALL)
