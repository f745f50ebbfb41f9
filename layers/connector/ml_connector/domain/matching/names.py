"""A company's name in comparable parts, in any script."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ml_connector.domain.matching import distinguishing_words as distinguishing
from ml_connector.domain.matching.abbreviations import ABBREVIATIONS
from ml_connector.domain.matching.generic_words import GENERIC
from ml_connector.domain.matching.legal_forms import ENDINGS, LEADINGS, LONGEST_INITIALS, SIZES
from ml_connector.domain.matching.persons import is_person
from ml_connector.domain.matching.shortened import first_letters

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
_in_full = ABBREVIATIONS.get
# "X-Flow" is no person, "J. Smit" and "J-P Smit" are.
_JOINED_LETTER = re.compile(r"\s*[^\W\d_][-/*\\|][^\W\d_]{2}")
_LONGEST_LEADING = max(map(len, LEADINGS))
# "Rossi S.a.s. di Mario Rossi": an Italian partnership; the French SAS is a company.
_ITALIAN_SAS = re.compile(r"\b[Ss]\.\s?a\.\s?s\b|\b[Ss]\.?[Aa]\.?[Ss]\.? di ")


@dataclass(frozen=True, slots=True)
class Name:
    """The parts of a name. `keys` are its spellings without legal form and spaces.

    `core` are the words that the companies of a family share, `own` those of them that are not
    common, `families` the core as one text, in each spelling, and `distinguishing` those that tell
    this one apart; of these, `tail` stands behind the legal form, as in "Acme GmbH Deutschland".
    `words` has all words and the form in alphabetical order, `text` the words without it;
    `first_letters` are those of all words, as `shortened.first_letters` gives them.
    `is_distinctive`: the name alone can identify one company; with `has_letters` it can if its
    legal form is the same as well. `is_shortened`: a word was written as an abbreviation.
    """

    keys: tuple[str, ...]
    tokens: tuple[str, ...]
    core: tuple[str, ...]
    own: tuple[str, ...]
    families: tuple[str, ...]
    distinguishing: frozenset[str]
    tail: frozenset[str]
    legal_form: str
    words: str
    text: str
    first_letters: int
    is_distinctive: bool
    has_letters: bool
    is_person: bool
    is_shortened: bool

    @property
    def family(self) -> str:
        """Return the core as one text."""
        return self.families[0]

    @property
    def without_trade(self) -> str:
        """Return the core without the trade at its end: "acme" for "Acme Textiel"."""
        return "".join(self.core[:-1]) if self.core[-1:] and self.core[-1] in GENERIC else ""


def read_name(text: str) -> Name:
    """Return the parts of a name."""
    text = text[:_KEPT_TEXTS]
    lowered = unicodedata.normalize("NFC", text).casefold()
    parts = _parts(text, lowered)
    core, found = distinguishing.split_words(parts.tokens)
    keys, families = _spellings(parts, core, lowered)
    tail = (_marks(parts.tail) & found) or distinguishing.NONE
    own_words = core if GENERIC.isdisjoint(core) else tuple(w for w in core if w not in GENERIC)
    own = "".join(word for word in own_words if word not in _AND)
    return Name(
        keys,
        parts.tokens,
        core,
        own_words,
        families,
        found,
        tail,
        parts.form,
        _in_any_order(parts),
        " ".join(sorted(parts.tokens)),
        first_letters(parts.tokens),
        is_distinctive=_is_distinctive(parts, own),
        has_letters=_has_letters(parts, own),
        is_person=not found and parts.is_person,
        is_shortened=parts.is_shortened,
    )


def plain(text: str) -> str:
    """Return a place or word in comparable spelling."""
    return " ".join(_words(_plain(text.casefold())))


class _Parts(NamedTuple):
    """A name without its legal form; `tail` are the words behind the form, also in `tokens`."""

    tokens: tuple[str, ...]
    tail: tuple[str, ...]
    form: str
    is_person: bool
    is_shortened: bool


def _parts(text: str, lowered: str) -> _Parts:
    written = _words(_plain(lowered))
    words = tuple(map(_in_full, written, written))
    tokens, tail, form = _without_form(_with_one_and(_without_notes(words)))
    if form == "sas" and _ITALIAN_SAS.search(text):
        form = "sas it"
    person = not _JOINED_LETTER.match(lowered) and is_person(tokens)
    return _Parts(_merged_initials(tokens), tail, form, person, words != written)


def _is_distinctive(parts: _Parts, own: str) -> bool:
    tokens = parts.tokens
    if tokens and (tokens[0] in _AND or tokens[-1] in _AND):
        return False  # a part is missing
    if own.isdigit():
        return False
    if sum(map(len, tokens)) >= _LONG:
        return len(own) > 1  # such as "DB Vertrieb"
    return len(own) > (2 if own.isascii() else 1)


def _has_letters(parts: _Parts, own: str) -> bool:
    """Tell whether the name has a word of its own, or several that are common by themselves."""
    letters = "".join(parts.tokens)
    return not letters.isdigit() and len(letters) > 1 and (bool(own) or len(parts.tokens) > 1)


def _in_any_order(parts: _Parts) -> str:
    """Return all words and the form in alphabetical order; nothing where order may matter."""
    words = [*parts.tokens, *parts.form.replace("/", " ").split()]
    if len(words) < 2 or "and" in words:  # "Smit & Bos" may not be "Bos & Smit"
        return ""
    if sum(map(str.isdigit, parts.tokens)) > 1:
        return ""
    words.sort()
    return " ".join(words if "the" not in words else [word for word in words if word != "the"])


def _marks(tail: tuple[str, ...]) -> frozenset[str]:
    return distinguishing.split_words(("x", *tail))[1] if tail else distinguishing.NONE


def _spellings(
    parts: _Parts, core: tuple[str, ...], lowered: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the spellings of the name and of its core, with umlauts as one letter and two."""
    keys, families = [_joined(parts.tokens)], ["".join(core)]
    if families == keys:
        families = keys[:]  # the same text, kept once
    if parts.tail:
        keys.append(_joined(parts.tokens[: -len(parts.tail)]))
    if not lowered.isascii() and (expanded := lowered.translate(_UMLAUTS)) != lowered:
        other = read_name(expanded)
        keys += other.keys
        families += other.families
    return tuple(dict.fromkeys(filter(None, keys))), tuple(dict.fromkeys(families))


def _joined(tokens: tuple[str, ...]) -> str:
    joined = "".join(tokens)
    return joined if joined.isalpha() else _JOINT.sub("", " ".join(tokens))


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


def _without_notes(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Drop "(publ)", by which Sweden marks a public company."""
    return tokens[:-1] if len(tokens) > 1 and tokens[-1] == "publ" else tokens


def _without_form(
    tokens: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Remove the legal form from the end, else from the start; return what stands behind it too."""
    forms: list[str] = []
    tokens, tail = _split_place(tokens)
    while tokens and len(forms) < _FORMS_AT_MOST:
        size, form = _ending(tokens)
        if not size:
            break
        tokens = tokens[:-size]
        forms.append(form)
    if forms == ["ab"] and len(tokens) > 1 and tokens[0] == "oy":  # "Oy Kanimo Ab", in Finland
        tokens, forms = tokens[1:], ["oy"]
    if not forms and len(tokens) > 1:
        size, form = _leading(tokens)
        if size:
            tokens = tokens[size:]
            forms.append(form)
    return tokens + tail, tail if tokens else (), "/".join(sorted(set(forms)))


def _split_place(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split "Acme GmbH Deutschland" before the place, if a legal form comes before it."""
    for size in (1, 2):
        head, tail = tokens[:-size], tokens[-size:]
        if len(head) < 2 or not distinguishing.are_marks(tail):
            continue
        form_size, form = _ending(head)
        named = any(len(word) > 1 for word in head[:-form_size])  # not the initials "A.A.B."
        if form_size and form != "co" and named and not _ending(tokens)[0]:
            return head, tail
    return tokens, ()


def _ending(tokens: tuple[str, ...]) -> tuple[int, str]:
    sizes: Sequence[int] = SIZES.get(tokens[-1], ())
    if len(tokens[-1]) == 1:
        sizes = range(min(LONGEST_INITIALS, len(tokens)), 0, -1)
    for size in sizes:
        words = tokens[-size:]
        form = ENDINGS.get(words) or (size > 1 and _initials(words, ENDINGS)) or ""
        if form and size <= len(tokens) and not _is_part_of_the_name(tokens[:-size], form):
            return size, form
    return 0, ""


def _leading(tokens: tuple[str, ...]) -> tuple[int, str]:
    for size in range(min(_LONGEST_LEADING, len(tokens) - 1), 0, -1):
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
    if 1 not in map(len, tokens):
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
