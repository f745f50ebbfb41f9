"""Look up the parties of a list by identifiers, references and name."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ml_connector.domain.matching import identifiers
from ml_connector.domain.matching.features import PartyFeatures
from ml_connector.domain.matching.identifiers import Kind

_NONE: tuple[int, ...] = ()
Positions = dict[str, tuple[int, ...]]


class PartyIndex:
    """One list of parties by id, number, reference, spelling, words and family."""

    def __init__(self, features: Sequence[PartyFeatures]) -> None:
        """Index the parties; positions are those of the sequence."""
        self.features = features
        self._numbers: dict[Kind, Positions] = {
            kind: _grouped(
                (at, (each.numbers[kind].value,))
                for at, each in enumerate(features)
                if kind in each.numbers
            )
            for kind in identifiers.KINDS
        }
        self._ids = _grouped(
            (at, (each.id.strip().casefold(),)) for at, each in enumerate(features)
        )
        self._codes = _grouped((at, (each.code,)) for at, each in enumerate(features) if each.code)
        self._references = _grouped(
            (at, (reference(each),)) for at, each in enumerate(features) if reference(each)
        )
        self._keys = _grouped((at, each.name.keys) for at, each in enumerate(features))
        self._families = _grouped(
            (at, each.name.families) for at, each in enumerate(features) if each.name.keys
        )
        self._words = _grouped(
            (at, (each.name.words,)) for at, each in enumerate(features) if each.name.words
        )
        self._without_trade = {each.name.without_trade for each in features} - {""}

    def with_id(self, text: str) -> tuple[int, ...]:
        """Return the positions of parties with this id, given in lower case."""
        return self._ids.get(text, _NONE)

    def with_code(self, text: str) -> tuple[int, ...]:
        """Return the positions of parties with this account code."""
        return self._codes.get(text, _NONE)

    def referring_to(self, *texts: str) -> set[int]:
        """Return the positions of parties whose external id is one of these."""
        return {at for text in texts if text for at in self._references.get(text, _NONE)}

    def with_number(self, kind: Kind, other: PartyFeatures) -> tuple[int, ...]:
        """Return the positions of parties with the same valid number as `other`."""
        number = other.numbers.get(kind)
        sharing = self._numbers[kind].get(number.value) if number else None
        if not number or not sharing or not number.is_valid:
            return _NONE
        numbers = ((at, self.features[at].numbers[kind]) for at in sharing)
        return tuple(at for at, each in numbers if each.is_valid and each.same_as(number))

    def with_spelling(self, other: PartyFeatures) -> set[int]:
        """Return the positions of parties with a spelling or all words of this name."""
        found = {at for key in other.name.keys for at in self._keys.get(key, _NONE)}
        return found.union(self._words.get(other.name.words, _NONE))

    def family_of(self, other: PartyFeatures) -> set[int]:
        """Return the positions of parties of the family, whose names share the core words."""
        return {at for family in other.name.families for at in self._families.get(family, _NONE)}

    def has_longer_name(self, other: PartyFeatures) -> bool:
        """Tell whether a name is that of this family with a trade behind it."""
        return not self._without_trade.isdisjoint(other.name.families)


def reference(features: PartyFeatures) -> str:
    """Return the reference that a vendor has to its supplier, without braces."""
    return (features.external_id or features.code).strip("{}")


def _grouped(entries: Iterable[tuple[int, tuple[str, ...]]]) -> Positions:
    found: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)
    large: dict[str, list[int]] = {}  # a long tuple is slow to extend
    for at, keys in entries:
        for key in keys:
            if key in large:
                large[key].append(at)
            elif len(found[key]) < 8:
                found[key] += (at,)
            else:
                large[key] = [*found[key], at]
    found.update({key: tuple(positions) for key, positions in large.items()})
    return dict(found)
