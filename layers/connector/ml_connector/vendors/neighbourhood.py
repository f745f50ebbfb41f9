"""Everybody who can matter to one vendor's link, found by keys instead of reading both lists.

Two parties that the ladder could relate share a key, so a vendor decided among its neighbours gets
the very link that it gets among all. Candidates for a proposal are found by parts of the name, the
likeliest and not all of them.
"""

from collections.abc import Callable, Iterable, Iterator

from ml_connector.vendors import identifiers
from ml_connector.vendors.directory import reference
from ml_connector.vendors.generic import GENERIC
from ml_connector.vendors.matching import Matcher
from ml_connector.vendors.party import Decision, Party
from ml_connector.vendors.profile import Profile, read_profile

Find = Callable[[Iterable[str]], Iterable[Party]]
"""Returns the parties of one list that are posted under any of the keys, each once."""

MOST_UNDER = {"beginning": 300, "word": 150, "head": 150, "bones": 150}
"""How many a list keeps under a key of these kinds: one is enough to know that a name goes on, and
what many share proposes nothing. Under every other key all are kept."""

_SHORTEST_WORD = 3
_HEAD, _BONES = 5, 8
_VOWELS = str.maketrans("", "", "aeiouy")


def supplier_keys(supplier: Party) -> set[str]:
    """Return the keys under which a supplier is posted."""
    profile = read_profile(supplier)
    return {
        f"id:{profile.id.strip().casefold()}",
        *({f"code:{profile.code}"} if profile.code else ()),
        *_numbers(profile),
        *_names(profile),
        *_beginnings(profile),
        *_likeness(profile),
    }


def vendor_keys(vendor: Party) -> set[str]:
    """Return the keys under which a vendor is posted."""
    profile = read_profile(vendor)
    told = reference(profile)
    return {
        *({f"reference:{told}"} if told else ()),
        f"core:{_joined(profile.name.core)}",
        *_numbers(profile),
        *_names(profile),
        *_beginnings(profile),
        *_likeness(profile),
    }


def neighbours(
    vendor: Party, find_vendors: Find, find_suppliers: Find
) -> tuple[list[Party], list[Party]]:
    """Return the vendors (the given one first) and suppliers among whom it is to be decided."""
    profile = read_profile(vendor)
    told = reference(profile)
    decisive = {f"id:{told}", f"code:{told}"} if told else set()
    decisive |= {*_numbers(profile), *_names(profile)}
    related = {each.id: each for each in find_suppliers(decisive)}
    core = _joined(profile.name.core)
    others = find_suppliers({f"beginning:{core}", *_likeness(profile)})
    suppliers = {each.id: each for each in others} | related
    asked = {key for each in related.values() for key in _rivals(read_profile(each))}
    rivals = find_vendors({f"beginning:{core}", *asked})
    return [vendor, *(each for each in rivals if each.id != vendor.id)], list(suppliers.values())


def decide(vendor: Party, find_vendors: Find, find_suppliers: Find) -> Decision:
    """Return the decision about one vendor."""
    vendors, suppliers = neighbours(vendor, find_vendors, find_suppliers)
    matcher = Matcher(vendors, suppliers)
    return matcher.decide(0, matcher.climb()[0])


def vendors_touched_by_supplier(supplier: Party) -> set[str]:
    """Return the keys of the vendors whose link a supplier can sway."""
    profile = read_profile(supplier)
    core = profile.name.core
    return {
        *_rivals(profile),
        *(f"core:{_joined(core[:size])}" for size in range(1, len(core))),
    }


def vendors_alike(supplier: Party) -> set[str]:
    """Return the keys of the vendors to which a supplier may be proposed."""
    return set(_likeness(read_profile(supplier)))


def suppliers_touched_by_vendor(vendor: Party) -> set[str]:
    """Return the keys of the suppliers whose other vendors a vendor can sway."""
    profile = read_profile(vendor)
    told = reference(profile)
    named = {f"id:{told}", f"code:{told}"} if told else set()
    # A vendor's name that goes on is in the way of one that is its first word.
    first = {f"family:{word}" for word in profile.name.core[:1]}
    return {*named, *first, *_numbers(profile), *_names(profile)}


def _rivals(supplier: Profile) -> Iterator[str]:
    """Yield the keys of vendors that may claim a supplier."""
    for text in (supplier.id.strip().casefold(), supplier.code):
        if text:
            yield f"reference:{text}"
    yield from _numbers(supplier)
    yield from _names(supplier)


def _numbers(profile: Profile) -> Iterator[str]:
    for kind in identifiers.KINDS:
        number = profile.numbers.get(kind)
        if number and number.is_valid:
            yield f"{kind}:{number.value}"


def _names(profile: Profile) -> Iterator[str]:
    for key in profile.name.keys:
        yield f"name:{key}"
    if profile.name.keys:
        yield f"family:{profile.name.family}"


def _beginnings(profile: Profile) -> Iterator[str]:
    core = profile.name.core
    for size in range(1, len(core)):
        yield f"beginning:{_joined(core[:size])}"


def _likeness(profile: Profile) -> Iterator[str]:
    """Yield what names that are alike are likely to share; it proposes, and never links."""
    name = profile.name
    for word in name.core:
        if len(word) >= _SHORTEST_WORD and word not in GENERIC:
            yield f"word:{word}"
    if len(name.family) >= _SHORTEST_WORD:
        yield f"head:{name.family[:_HEAD]}"
        yield f"bones:{name.family[0]}{name.family[1:].translate(_VOWELS)[:_BONES]}"


def _joined(core: tuple[str, ...]) -> str:
    return " ".join(core)
