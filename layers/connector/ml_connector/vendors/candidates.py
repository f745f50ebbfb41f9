"""The few suppliers whose name may be a vendor's, without comparing every pair.

Names are indexed by words, pairs of words and runs of four characters. What more than a fixed
number of suppliers share tells nothing and is left out, so a look-up costs the same however long
the list is; a common word still counts together with its neighbour.
"""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from math import log2

from ml_connector.vendors.names import Name

_MOST_SHARING = 120
_GRAM = 4
_LONGEST_KEY = 28
_MOST_WORDS = 7
_SHORTEST_MISSPELT = 4
_MOST_VARIANTS = 8


class CandidateIndex:
    """Suppliers' names by what is rare in them; positions are those of the names given."""

    def __init__(self, names: Sequence[Name]) -> None:
        """Index the names; costs linear time and about 1 kB a name."""
        found: defaultdict[str, array[int]] = defaultdict(lambda: array("I"))
        for at, name in enumerate(names):
            for feature in _features(name, name.tokens):
                postings = found[feature]
                # One beyond the limit is enough to know that it is common.
                if len(postings) <= _MOST_SHARING:
                    postings.append(at)
        self._size = max(len(names), 2)
        self._postings = {
            feature: postings for feature, postings in found.items() if _is_rare(postings)
        }
        self._vocabulary = {word for name in names for word in name.tokens}
        self._misspelt = _misspellings(self._vocabulary)

    def near(self, name: Name, most: int) -> list[int]:
        """Return up to `most` positions, the likeliest first."""
        weights: defaultdict[int, int] = defaultdict(int)
        for feature in _features(name, self._readings(name.tokens)):
            postings = self._postings.get(feature)
            if postings:
                weight = self._weight(feature, len(postings))
                for at in postings:
                    weights[at] += weight
        ranked = sorted(weights, key=lambda at: (-weights[at], at))
        return ranked[:most]

    def _weight(self, feature: str, sharing: int) -> int:
        """Weigh by rarity, in whole numbers so that no order of adding matters."""
        rarity = int(4 * log2(self._size / sharing)) + 1
        return rarity if feature[0] == "#" else 3 * rarity

    def _readings(self, tokens: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words with, for one that no supplier has, those one slip away from it."""
        read = list(tokens)
        for token in tokens:
            if token not in self._vocabulary and len(token) >= _SHORTEST_MISSPELT:
                near = {word for key in _slips(token) for word in self._misspelt.get(key, ())}
                read += sorted(near)[:_MOST_VARIANTS]
        return tuple(read)


def _features(name: Name, tokens: tuple[str, ...]) -> Iterator[str]:
    for key in name.keys:
        yield f"={key}"
        yield from _grams(key)
    words = sorted(set(tokens))[: _MOST_WORDS + _MOST_VARIANTS]
    yield from words
    for one, other in combinations(words[:_MOST_WORDS], 2):
        yield f"{one} {other}"


def _grams(key: str) -> set[str]:
    padded = f"#{key[:_LONGEST_KEY]}#"
    return {"#" + padded[at : at + _GRAM] for at in range(max(len(padded) - _GRAM + 1, 1))}


def _is_rare(postings: Sequence[int]) -> bool:
    return len(postings) <= _MOST_SHARING


def _misspellings(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Map what is left of each word without one of its letters to the word.

    Two words one letter apart meet there, whatever the slip: one letter more, less, or another.
    """
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for word in sorted(words):
        if len(word) >= _SHORTEST_MISSPELT:
            for key in _slips(word):
                if len(found[key]) < _MOST_VARIANTS:
                    found[key] += (word,)
    return dict(found)


def _slips(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
