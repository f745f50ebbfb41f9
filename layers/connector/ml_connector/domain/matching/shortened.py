"""How well one name can be a shortened way of writing another; it proposes, and never links."""

_UNIMPORTANT = {"and", "de", "der", "des", "di", "du", "fur", "la", "of", "the", "van", "voor"}
_SOME_WORD, _ONLY_INITIALS, _UNUSED_WORD, _MOST_UNUSED = 0.86, 0.78, 0.02, 5
_FEWEST_INITIALS = 3
_LETTERS = 32


def first_letters(words: tuple[str, ...]) -> int:
    """Return the first letters of the words as bits; letters of large scripts share some."""
    bits = 0
    for word in words:
        if word not in _UNIMPORTANT:
            bits |= 1 << ord(word[0]) % _LETTERS
    return bits


def shortened_score(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    """Return 0 to 1: how likely the shorter name stands for the longer one.

    Each of its words must be a word of the other, the beginning of one, one without its vowels, or
    the initials of several, in their order.
    """
    short, long = (one, other) if sum(map(len, one)) <= sum(map(len, other)) else (other, one)
    found = _align(short, long)
    if found is None:
        return 0.0
    shared, used = found
    if not shared and not (len(short) == 1 and len(short[0]) >= _FEWEST_INITIALS):
        return 0.0
    unused = min(sum(word not in _UNIMPORTANT for word in long) - used, _MOST_UNUSED)
    return (_SOME_WORD if shared else _ONLY_INITIALS) - _UNUSED_WORD * unused


def initials(words: tuple[str, ...]) -> str:
    """Return the initials of the words that count."""
    return "".join(word[0] for word in words if word not in _UNIMPORTANT)


def _align(short: tuple[str, ...], long: tuple[str, ...]) -> tuple[int, int] | None:
    """Return how many words are the same, and how many of the longer name are used; else None."""
    same = used = at = 0
    for word in short:
        if word in _UNIMPORTANT:
            continue
        for start in range(at, len(long)):
            size = _words_meant(word, long[start:])
            if size:
                same += long[start] == word
                used += sum(each not in _UNIMPORTANT for each in long[start : start + size])
                at = start + size
                break
        else:
            return None
    return same, used


def _words_meant(word: str, following: tuple[str, ...]) -> int:
    """Return how many of the following words are meant, 0 if not the first of them."""
    first = following[0]
    if word[0] != first[0]:
        return 0
    if word == first or (len(word) > 1 and (first.startswith(word) or word.startswith(first))):
        return 1
    if len(word) > 1 and initials(following).startswith(word):
        return _size_of(len(word), following)
    return int(len(word) > 2 and _is_contained(word, first))


def _size_of(letters: int, words: tuple[str, ...]) -> int:
    for at, word in enumerate(words):
        letters -= word not in _UNIMPORTANT
        if not letters:
            return at + 1
    return 0


def _is_contained(word: str, other: str) -> bool:
    """Tell whether the letters of a word are in another one in their order, as in "intl"."""
    letters = iter(other)
    return all(letter in letters for letter in word)
