"""Find the few suppliers whose name may be a vendor's, without comparing every pair.

Names are indexed by words, pairs of words and four-character n-grams. A feature that more than a
fixed number of suppliers share is left out, so a look-up costs the same however long the list is; a
common word still counts as part of a pair.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from itertools import combinations, islice
from math import log2

from ml_connector.domain.matching.names import Name
from ml_connector.domain.matching.shortened import initials

_MOST_SHARING = 120
# The rarest features say most; of the others as many are read as come to this many names. Short
# lists reach it as well as long ones, so that a look-up in a long list takes no longer.
_MOST_READ = 150
_GRAM = 4
_LONGEST_KEY = 28
_MOST_WORDS = 7
_SHORTEST_CORRECTED = 4
_MOST_CORRECTIONS = 8
_FEWEST_INITIALS = 3


class CandidateIndex:
    """An inverted index of names by rare features; positions are those of the names given."""

    def __init__(self, names: Sequence[Name]) -> None:
        """Index the names, in linear time and about 1 kB a name."""
        self._size = max(len(names), 2)
        self._alone, self._sharing = _positions(names)
        self._vocabulary = {word for name in names for word in name.tokens}
        self._corrections = _by_deletion(self._vocabulary)
        self._rarity = [0, *(_rarity(self._size, count) for count in range(1, _MOST_SHARING + 1))]

    def candidates(
        self, name: Name, most: int, most_free: int = 0, taken: Container[int] = ()
    ) -> list[int]:
        """Return up to `most` positions, the likeliest first, then `most_free` that are not taken.

        A list with many namesakes would otherwise fill the first places with those of others.
        """
        # One number sorts by weight, then position.
        size = self._size
        weights = self._weights(name)
        ranked = sorted([at - weight * size for at, weight in weights.items()])
        likeliest = [each % size for each in ranked[:most]]
        free = (at for each in ranked[most:] if (at := each % size) not in taken)
        return [*likeliest, *islice(free, most_free)]

    def _weights(self, name: Name) -> dict[int, int]:
        """Return positions with the weight of the features they share with the name."""
        weights: defaultdict[int, int] = defaultdict(int)
        alone, sharing = self._alone, self._sharing
        found = []
        read = 0
        for feature in _features(name, self._with_corrections(name.tokens)):
            if positions := sharing.get(feature):
                found.append((len(positions), feature, positions))
            elif (at := alone.get(feature)) is not None:
                weights[at] += self._rarity[1] * (1 if feature[0] == "#" else 3)
                read += 1
        found.sort()
        for count, feature, positions in found:
            weight = self._rarity[count] * (1 if feature[0] == "#" else 3)
            for at in positions:
                weights[at] += weight
            read += count
            if read > _MOST_READ:
                break
        return weights

    def _with_corrections(self, tokens: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words, with known words one letter away from those that no supplier has."""
        found = list(tokens)
        for token in tokens:
            if token not in self._vocabulary and len(token) >= _SHORTEST_CORRECTED:
                near = {
                    word
                    for key in _deletions(token)
                    for word in self._corrections.get(key, "").split()
                }
                found += sorted(near)[:_MOST_CORRECTIONS]
        return tuple(found)


def _rarity(size: int, count: int) -> int:
    """Weigh by rarity, in whole numbers so that no order of adding matters."""
    return int(4 * log2(size / count)) + 1


def _positions(names: Iterable[Name]) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Return the features of one name, and those of several, with the positions of the names.

    Most are of one name, and a number is smaller than a list of one.
    """
    alone: dict[str, int] = {}
    sharing: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        for feature in _features(name, name.tokens):
            if positions := sharing.get(feature):
                # One beyond the limit is enough to know that it is common.
                if len(positions) <= _MOST_SHARING:
                    positions.append(at)
            elif (first := alone.pop(feature, None)) is None:
                alone[feature] = at
            else:
                sharing[feature] = [first, at]
    for feature in [each for each, found in sharing.items() if len(found) > _MOST_SHARING]:
        del sharing[feature]
    return alone, sharing


def _features(name: Name, tokens: tuple[str, ...]) -> list[str]:
    found = [f"={key}" for key in name.keys]
    for key in name.keys:
        padded = f"#{key[:_LONGEST_KEY]}#"
        starts = range(max(len(padded) - _GRAM + 1, 1))
        found += {"#" + padded[at : at + _GRAM] for at in starts}
    if len(name.tokens) == 1:
        found.append(f"@{name.tokens[0]}")
    elif len(name.tokens) >= _FEWEST_INITIALS:
        found.append(f"@{initials(name.tokens)}")
    words = sorted(set(tokens))[: _MOST_WORDS + _MOST_CORRECTIONS]
    found += words
    if len(words) > 1:
        found += [f"{one} {other}" for one, other in combinations(words[:_MOST_WORDS], 2)]
    return found


def _by_deletion(words: Iterable[str]) -> dict[str, str]:
    """Map each word, and each word without one of its letters, to the word.

    Words that differ by one letter (added, missing or replaced) share such a key; they are one
    text, separated by spaces, which for one word takes no room.
    """
    found: dict[str, str] = {}
    for word in sorted(words):
        if len(word) >= _SHORTEST_CORRECTED:
            for key in _deletions(word):
                known = found.get(key, "")
                if not known:
                    found[key] = word
                elif known.count(" ") < _MOST_CORRECTIONS - 1:
                    found[key] = f"{known} {word}"
    return found


def _deletions(word: str) -> set[str]:
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}
