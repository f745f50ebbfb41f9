"""What the catalogue of exceptions says, in the reader's language.

Records keep a cause and a remedy as they were said, in English and filled in. So the template that
made a text is found again by its words, and its translation is filled in with the same values.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from ml_connector.domain.exception_codes import CATALOGUE
from ml_console.filled_values import in_readers_form
from ml_console.texts import Texts

_FIELD = re.compile(r"\{(\w+)\}")
_LONGEST, _LONGEST_CAUSE = 20_000, 1_000
_TOLD = 12
"""So many characters of its own has a template at least that is found without its code."""
_REASONS = frozenset({"reason", "words", "why"})


def in_words(texts: Texts, code: str, text: str) -> str:
    """Return a cause or remedy of this code in the reader's language.

    A text that an earlier version or another place has made stays as it is.
    """
    return _filled_in(texts, _patterns(code), text) or text


def in_any_words(texts: Texts, text: str) -> str:
    """Return a cause of any code, where it was kept without its code."""
    if len(text) > _LONGEST_CAUSE:
        return text
    return _filled_in(texts, _causes(), text) or text


def _filled_in(
    texts: Texts, patterns: Iterable[tuple[re.Pattern[str], tuple[str, ...]]], text: str
) -> str | None:
    if len(text) > _LONGEST:
        return None
    for pattern, templates in patterns:
        if found := pattern.fullmatch(text):
            values = {name: _value(texts, name, each) for name, each in found.groupdict().items()}
            return " ".join(_filled(texts.say(each), values) for each in templates)
    return None


def _value(texts: Texts, name: str, value: str) -> str:
    """Return a value; a reason may be the cause of another exception."""
    if name in _REASONS:
        return in_any_words(texts, value)
    return in_readers_form(texts, name, value)


@cache
def _causes() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    """Return the causes of all codes, those with most words of their own first."""
    made = {each for code in CATALOGUE for each in _templates(code)}
    known = sorted(made, key=lambda each: -len(_FIELD.sub("", " ".join(each))))
    return tuple(
        (_pattern(" ".join(each)), each) for each in known if len(_FIELD.sub("", each[0])) > _TOLD
    )


def _filled(template: str, values: Mapping[str, str]) -> str:
    """Fill in values as they stood in the text: in a command they are quoted already."""
    return _FIELD.sub(lambda found: values.get(found[1], found[1]), template)


@cache
def _patterns(code: str) -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
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
