"""A company's name in comparable parts, in any script."""

import re
import unicodedata
from dataclasses import dataclass

from ml_connector.domain.matching import distinguishing_words as distinguishing
from ml_connector.domain.matching.generic_words import GENERIC
from ml_connector.domain.matching.legal_forms import ENDINGS, LEADINGS, LONGEST

_AND = {"and", "en", "und", "et", "y"}
_DROPPED = "'\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT SINGLE QUOTATION MARK}`\N{ACUTE ACCENT}"
_LETTERS = {
    "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i",  # noqa: RUF001
    "&": " and ", "+": " and ",
}  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})
_ACCENTS = range(0x0300, 0x0370)
_FORMS_AT_MOST = 2
_LONG = 6
# "1 23" and "12 3" stay two numbers.
_JOINT = re.compile(r"(?<!\d) | (?!\d)")
_KEPT_TEXTS = 400


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a name. `keys` are its spellings without legal form and spaces.

    `core` are the words that the companies of a family share, `distinguishing` those that tell this
    one apart.
    """

    keys: tuple[str, ...]
    tokens: tuple[str, ...]
    core: tuple[str, ...]
    distinguishing: frozenset[str]
    legal_form: str

    @property
    def key(self) -> str:
        """Return the first spelling, or an empty text."""
        return self.keys[0] if self.keys else ""

    @property
    def family(self) -> str:
        """Return the core as one text."""
        return "".join(self.core)

    @property
    def is_distinctive(self) -> bool:
        """Tell whether the name alone can identify one company."""
        if self.tokens and (self.tokens[0] in _AND or self.tokens[-1] in _AND):
            return False  # a part is missing
        words = [word for word in self.core if word not in GENERIC and word not in _AND]
        letters = "".join(words)
        if letters.isdigit():
            return False
        if self.legal_form and len(self.key) >= _LONG:
            return len(letters) > 1  # such as "DB Vertrieb GmbH"
        return len(letters) > (2 if letters.isascii() else 1)


def read_name(text: str) -> Name:
    """Return the parts of a name."""
    text = text[:_KEPT_TEXTS]
    lowered = unicodedata.normalize("NFC", text).casefold()
    tokens, form = _without_form(_with_one_and(_words(_plain(lowered))))
    tokens = _merged_initials(tokens)
    core, found = distinguishing.split_words(tokens)
    keys = _spellings(tokens, lowered)
    return Name(keys, tokens, core, found, form)


def plain(text: str) -> str:
    """Return a place or word in comparable spelling."""
    return " ".join(_words(_plain(text.casefold())))


def _spellings(tokens: tuple[str, ...], lowered: str) -> tuple[str, ...]:
    key = _JOINT.sub("", " ".join(tokens))
    if not key:
        return ()
    expanded = lowered.translate(_UMLAUTS)
    if lowered.isascii() or expanded == lowered:
        return (key,)
    return (key, *(k for k in read_name(expanded).keys if k != key))


def _plain(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", unicodedata.normalize("NFKD", text).translate(_BARE))
        text = text.casefold()
    return text.translate(_SPACED)


class _Bare(dict[int, int | None]):
    """Drops the accents of Latin, Greek and Cyrillic; other scripts keep their combining marks."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if code in _ACCENTS else code
        return self[code]


class _Spaced(dict[int, int | str | None]):
    """Turns all but letters, combining marks and digits into spaces."""

    def __missing__(self, code: int) -> int | str | None:
        character = chr(code)
        category = unicodedata.category(character)
        kept: int | str | None = code if category[0] in "LMN" else " "
        if character in _DROPPED or category == "Cf":
            kept = None
        self[code] = _LETTERS.get(character, kept)
        return self[code]


_BARE, _SPACED = _Bare(), _Spaced()


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _without_form(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """Remove the legal form from the end, else from the start."""
    forms: list[str] = []
    tokens, tail = _split_place(tokens)
    while tokens and len(forms) < _FORMS_AT_MOST:
        size, form = _ending(tokens)
        if not size:
            break
        tokens = tokens[:-size]
        forms.append(form)
    if not forms and len(tokens) > 1:
        size, form = _leading(tokens)
        if size:
            tokens = tokens[size:]
            forms.append(form)
    return tokens + tail, "/".join(sorted(set(forms)))


def _split_place(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split "Acme GmbH Deutschland" before the place, if a legal form comes before it."""
    for size in (1, 2):
        head, tail = tokens[:-size], tokens[-size:]
        if len(head) > 1 and _ending(head)[0] and not _ending(tokens)[0]:
            core, found = distinguishing.split_words(("x", *tail))
            if found and core == ("x",):
                return head, tail
    return tokens, ()


def _ending(tokens: tuple[str, ...]) -> tuple[int, str]:
    for size in range(min(LONGEST, len(tokens)), 0, -1):
        words = tokens[-size:]
        form = ENDINGS.get(words) or (size > 1 and _initials(words, ENDINGS)) or ""
        if form and not _is_part_of_the_name(tokens[:-size], form):
            return size, form
    return 0, ""


def _leading(tokens: tuple[str, ...]) -> tuple[int, str]:
    for size in range(min(LONGEST, len(tokens) - 1), 0, -1):
        words = tokens[:size]
        form = LEADINGS.get(words) or (size > 1 and _initials(words, LEADINGS)) or ""
        if form:
            return size, form
    return 0, ""


def _initials(words: tuple[str, ...], forms: dict[tuple[str, ...], str]) -> str:
    if any(len(word) > 1 for word in words):
        return ""
    return forms.get(("".join(words),), "")


def _is_part_of_the_name(before: tuple[str, ...], form: str) -> bool:
    """Tell whether the form is the end of "& Co"."""
    return bool(before) and before[-1] in _AND and form in {"co", "co ltd", "co inc"}


def _with_one_and(tokens: tuple[str, ...]) -> tuple[str, ...]:
    if len(tokens) < 3 or _AND.isdisjoint(tokens[1:-1]):
        return tokens
    middle = ("and" if token in _AND else token for token in tokens[1:-1])
    return (tokens[0], *middle, tokens[-1])


def _merged_initials(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Join "a b c bouw" to "abc bouw"; a last letter alone stays, as in "Hal B"."""
    if all(len(token) > 1 for token in tokens):
        return tokens
    out: list[str] = []
    open_run = False
    for token in tokens:
        if single := len(token) == 1 and token.isalpha() and token.isascii():
            if open_run:
                out[-1] += token
            else:
                out.append(token)
        else:
            out.append(token)
        open_run = single
    return tuple(out)
