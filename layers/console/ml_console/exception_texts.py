"""What the catalogue of exceptions says, in the reader's language.

Records keep a cause and a remedy as they were said, in English and filled in. So the template that
made a text is found again by its words, and its translation is filled in with the same values.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache

from ml_connector.domain.exception_codes import CATALOGUE
from ml_console.texts import SOURCE, Texts

_FIELD = re.compile(r"\{(\w+)\}")
_LONGEST = 20_000


def in_words(texts: Texts, code: str, text: str) -> str:
    """Return a cause or remedy of this code in the reader's language.

    A text that an earlier version or another place has made stays as it is.
    """
    if texts.language == SOURCE or len(text) > _LONGEST:
        return text
    for pattern, templates in _patterns(code):
        if found := pattern.fullmatch(text):
            return " ".join(_filled(texts.say(each), found.groupdict()) for each in templates)
    return text


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
