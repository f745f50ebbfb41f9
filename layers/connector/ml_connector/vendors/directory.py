"""Both lists, looked up by every thing that can say who a company is."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from ml_connector.vendors import identifiers
from ml_connector.vendors.identifiers import Kind
from ml_connector.vendors.profile import Profile

_NOBODY: tuple[int, ...] = ()
Found = dict[str, tuple[int, ...]]


class Directory:
    """One list of companies by number, reference, spelling, family and beginning."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        """Index the profiles; positions are those of the sequence."""
        self.profiles = profiles
        self._numbers: dict[Kind, Found] = {
            kind: _grouped((at, _values(each, kind)) for at, each in enumerate(profiles))
            for kind in identifiers.KINDS
        }
        self._ids = _grouped(
            (at, (each.id.strip().casefold(),)) for at, each in enumerate(profiles)
        )
        self._codes = _grouped((at, (each.code,)) for at, each in enumerate(profiles) if each.code)
        self._references = _grouped(
            (at, (reference(each),)) for at, each in enumerate(profiles) if reference(each)
        )
        self._keys = _grouped((at, each.name.keys) for at, each in enumerate(profiles))
        self._families = _grouped(
            (at, (each.name.family,)) for at, each in enumerate(profiles) if each.name.keys
        )
        self._beginnings = {
            each.name.core[:size] for each in profiles for size in range(1, len(each.name.core))
        }

    def with_id(self, text: str) -> tuple[int, ...]:
        """Return who has this id, in whatever case."""
        return self._ids.get(text, _NOBODY)

    def with_code(self, text: str) -> tuple[int, ...]:
        """Return who has this account code."""
        return self._codes.get(text, _NOBODY)

    def referring_to(self, *texts: str) -> set[int]:
        """Return whose external id is one of these."""
        return {at for text in texts if text for at in self._references.get(text, _NOBODY)}

    def with_number(self, kind: Kind, other: Profile) -> tuple[int, ...]:
        """Return who has the valid number that another company has."""
        number = other.numbers.get(kind)
        if number is None or not number.is_valid:
            return _NOBODY
        sharing = self._numbers[kind].get(number.value, _NOBODY)
        return tuple(at for at in sharing if self.profiles[at].numbers[kind].same_as(number))

    def with_spelling(self, other: Profile) -> set[int]:
        """Return whose name is spelt the same, whatever the legal form."""
        return {at for key in other.name.keys for at in self._keys.get(key, _NOBODY)}

    def family_of(self, other: Profile) -> tuple[int, ...]:
        """Return whose name is the same but for place, number, group word and legal form."""
        return self._families.get(other.name.family, _NOBODY)

    def goes_on(self, core: tuple[str, ...]) -> bool:
        """Tell whether somebody's name begins with these words and has more of them."""
        return core in self._beginnings


def reference(profile: Profile) -> str:
    """Return what a vendor says about its supplier in the other system, without braces."""
    return (profile.external_id or profile.code).strip("{}")


def _values(profile: Profile, kind: Kind) -> tuple[str, ...]:
    number = profile.numbers.get(kind)
    return (number.value,) if number and number.is_valid else ()


def _grouped(entries: Iterable[tuple[int, tuple[str, ...]]]) -> Found:
    found: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)
    crowds: dict[str, list[int]] = {}
    for at, keys in entries:
        for key in keys:
            if key in crowds:
                crowds[key].append(at)
            elif len(found[key]) < 8:
                found[key] += (at,)
            else:
                crowds[key] = [*found[key], at]
    found.update({key: tuple(crowd) for key, crowd in crowds.items()})
    return dict(found)
