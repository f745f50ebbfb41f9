"""Blocking: find by keys the parties that can affect one vendor's link, not by reading both lists.

Two parties that a rule could relate share a key, so a vendor matched within its block gets the same
link as among all. Candidates for a proposal are found by parts of the name: the likeliest, not all.
"""

from collections.abc import Callable, Iterable, Iterator

from ml_connector.domain.matching import identifiers
from ml_connector.domain.matching.features import PartyFeatures, read_features
from ml_connector.domain.matching.generic_words import GENERIC
from ml_connector.domain.matching.matcher import Matcher
from ml_connector.domain.matching.party import MatchDecision, Party
from ml_connector.domain.matching.party_index import reference

FindParties = Callable[[Iterable[str]], Iterable[Party]]
"""Returns the parties of one list that are indexed under any of the keys, each once."""

MOST_PER_KEY = {"beginning": 300, "word": 150, "head": 150, "bones": 150}
"""How many parties a list keeps under a key of these kinds; others are not limited. One is enough
to know that a longer name exists, and a word that many share proposes nothing."""

_SHORTEST_WORD = 3
_HEAD, _BONES = 5, 8
_VOWELS = str.maketrans("", "", "aeiouy")


def supplier_keys(supplier: Party) -> set[str]:
    """Return the keys under which a supplier is indexed."""
    features = read_features(supplier)
    return {
        f"id:{features.id.strip().casefold()}",
        *({f"code:{features.code}"} if features.code else ()),
        *_numbers(features),
        *_names(features),
        *_beginnings(features),
        *_similarity_keys(features),
    }


def vendor_keys(vendor: Party) -> set[str]:
    """Return the keys under which a vendor is indexed."""
    features = read_features(vendor)
    ref = reference(features)
    return {
        *({f"reference:{ref}"} if ref else ()),
        *_numbers(features),
        *_names(features),
        *_beginnings(features),
        *_similarity_keys(features),
    }


def block_of(
    vendor: Party, find_vendors: FindParties, find_suppliers: FindParties
) -> tuple[list[Party], list[Party]]:
    """Return the vendor's block: vendors (the given one first) and suppliers."""
    features = read_features(vendor)
    ref = reference(features)
    decisive = {f"id:{ref}", f"code:{ref}"} if ref else set()
    decisive |= {*_numbers(features), *_names(features)}
    related = {each.id: each for each in find_suppliers(decisive)}
    beginnings = {f"beginning:{family}" for family in features.name.families}
    others = find_suppliers({*beginnings, *_similarity_keys(features)})
    suppliers = {each.id: each for each in others} | related
    claims = {key for each in related.values() for key in _claim_keys(read_features(each))}
    claimants = find_vendors({*beginnings, *claims})
    return [vendor, *(each for each in claimants if each.id != vendor.id)], list(suppliers.values())


def match_one(
    vendor: Party, find_vendors: FindParties, find_suppliers: FindParties
) -> MatchDecision:
    """Return the decision about one vendor, matched within its block."""
    vendors, suppliers = block_of(vendor, find_vendors, find_suppliers)
    matcher = Matcher(vendors, suppliers)
    return matcher.decide(0, matcher.apply()[0])


def affected_vendor_keys(supplier: Party) -> set[str]:
    """Return the keys of the vendors whose link a supplier can affect."""
    features = read_features(supplier)
    short = features.name.without_trade
    return {*_claim_keys(features), *({f"family:{short}"} if short else ())}


def similar_vendor_keys(supplier: Party) -> set[str]:
    """Return the keys of the vendors to which a supplier may be proposed."""
    return set(_similarity_keys(read_features(supplier)))


def affected_supplier_keys(vendor: Party) -> set[str]:
    """Return the keys of the suppliers through which a vendor can affect other vendors."""
    features = read_features(vendor)
    ref = reference(features)
    named = {f"id:{ref}", f"code:{ref}"} if ref else set()
    # A longer vendor name raises a doubt about one that is its beginning.
    short = {f"family:{features.name.without_trade}"} if features.name.without_trade else set()
    return {*named, *short, *_numbers(features), *_names(features)}


def _claim_keys(supplier: PartyFeatures) -> Iterator[str]:
    """Yield the keys of the vendors that may fit a supplier."""
    for text in (supplier.id.strip().casefold(), supplier.code):
        if text:
            yield f"reference:{text}"
    yield from _numbers(supplier)
    yield from _names(supplier)


def _numbers(features: PartyFeatures) -> Iterator[str]:
    for kind in identifiers.KINDS:
        number = features.numbers.get(kind)
        if number and number.is_valid:
            yield f"{kind}:{number.value}"


def _names(features: PartyFeatures) -> Iterator[str]:
    for key in features.name.keys:
        yield f"name:{key}"
    if features.name.keys:
        for family in features.name.families:
            yield f"family:{family}"
    if features.name.words:
        yield f"words:{features.name.words}"


def _beginnings(features: PartyFeatures) -> Iterator[str]:
    if beginning := features.name.without_trade:
        yield f"beginning:{beginning}"


def _similarity_keys(features: PartyFeatures) -> Iterator[str]:
    """Yield keys that similar names are likely to share; they propose, and never link."""
    name = features.name
    for word in name.core:
        if len(word) >= _SHORTEST_WORD and word not in GENERIC:
            yield f"word:{word}"
    if len(name.family) >= _SHORTEST_WORD:
        yield f"head:{name.family[:_HEAD]}"
        yield f"bones:{name.family[0]}{name.family[1:].translate(_VOWELS)[:_BONES]}"
