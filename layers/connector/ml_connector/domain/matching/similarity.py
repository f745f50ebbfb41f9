"""How similar two companies are; a score only proposes, it never links."""

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from ml_connector.domain.matching.distinguishing_words import conflict
from ml_connector.domain.matching.features import PartyFeatures
from ml_connector.domain.matching.legal_forms import same_form

_SUBSET, _FAMILY = 0.9, 0.88
_ONE_CITY = 0.88
_DISTINGUISHING, _FORM, _COUNTRY, _NUMBER = 0.04, 0.02, 0.08, 0.2
_SAME_CITY, _SAME_MAIL_DOMAIN, _SAME_NUMBER = 0.04, 0.1, 0.3


def name_score(one: PartyFeatures, other: PartyFeatures) -> float:
    """Return how similar two names are, 0 to 1, from spelling alone."""
    a, b = one.name, other.name
    if not a.keys or not b.keys:
        return 0.0
    best = max(ratio(x, y) for x in a.keys for y in b.keys) / 100
    if a.family == b.family:
        best = max(best, _FAMILY)
    if len(a.tokens) > 1 or len(b.tokens) > 1:
        left, right = " ".join(a.tokens), " ".join(b.tokens)
        best = max(best, token_sort_ratio(left, right) / 100)
        if a.is_distinctive and b.is_distinctive:
            best = max(best, _SUBSET * token_set_ratio(left, right) / 100)
    return best


def score(one: PartyFeatures, other: PartyFeatures) -> float:
    """Return how likely two parties are one company, 0 to 1, from all their features."""
    value = name_score(one, other)
    a, b = one.name, other.name
    value -= _DISTINGUISHING * conflict(a.distinguishing, b.distinguishing)
    value -= _FORM * bool(
        a.legal_form and b.legal_form and not same_form(a.legal_form, b.legal_form)
    )
    value -= _COUNTRY * bool(one.country and other.country and one.country != other.country)
    value += _SAME_CITY * bool(one.city and one.city == other.city)
    value += _SAME_MAIL_DOMAIN * bool(one.mail_domain and one.mail_domain == other.mail_domain)
    for kind, number in one.numbers.items():
        if theirs := other.numbers.get(kind):
            value += _SAME_NUMBER if number.same_as(theirs) else -_NUMBER
    return round(min(max(value, 0.0), 1.0), 4)


def may_be_same_city(city: str, other: str) -> bool:
    """Tell whether two spellings of a city may be the same one."""
    return not city or not other or JaroWinkler.similarity(city, other) >= _ONE_CITY
