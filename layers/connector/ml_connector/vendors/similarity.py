"""How alike two companies look; this only ever proposes."""

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import ratio, token_set_ratio, token_sort_ratio

from ml_connector.vendors.legal_forms import shared
from ml_connector.vendors.marks import conflict
from ml_connector.vendors.profile import Profile

_SUBSET, _FAMILY = 0.9, 0.88
_ONE_CITY = 0.88
_MARKS, _FORM, _COUNTRY, _NUMBER = 0.04, 0.02, 0.08, 0.2
_SAME_CITY, _SAME_SITE, _SAME_NUMBER = 0.04, 0.1, 0.3


def name_score(one: Profile, other: Profile) -> float:
    """Return how alike two names are, 0 to 1, from spelling alone."""
    a, b = one.name, other.name
    if not a.keys or not b.keys:
        return 0.0
    best = max(ratio(x, y) for x in a.keys for y in b.keys) / 100
    if a.family == b.family:
        best = max(best, _FAMILY)
    if len(a.tokens) > 1 or len(b.tokens) > 1:
        left, right = " ".join(a.tokens), " ".join(b.tokens)
        best = max(best, token_sort_ratio(left, right) / 100)
        if a.is_telling and b.is_telling:
            best = max(best, _SUBSET * token_set_ratio(left, right) / 100)
    return best


def score(one: Profile, other: Profile) -> float:
    """Return how likely two companies are one, 0 to 1, from all that is known of both."""
    value = name_score(one, other)
    a, b = one.name, other.name
    value -= _MARKS * conflict(a.marks, b.marks)
    value -= _FORM * bool(a.legal_form and b.legal_form and not shared(a.legal_form, b.legal_form))
    value -= _COUNTRY * bool(one.country and other.country and one.country != other.country)
    value += _SAME_CITY * bool(one.city and one.city == other.city)
    value += _SAME_SITE * bool(one.site and one.site == other.site)
    for kind, number in one.numbers.items():
        if theirs := other.numbers.get(kind):
            value += _SAME_NUMBER if number.same_as(theirs) else -_NUMBER
    return round(min(max(value, 0.0), 1.0), 4)


def are_one_place(city: str, other: str) -> bool:
    """Tell whether two spellings of a city may be the same one."""
    return not city or not other or JaroWinkler.similarity(city, other) >= _ONE_CITY
