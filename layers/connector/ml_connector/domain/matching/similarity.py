"""How similar two companies are; a score only proposes, it never links."""

from rapidfuzz.distance import JaroWinkler
from rapidfuzz.fuzz import ratio, token_set_ratio

from ml_connector.domain.matching.distinguishing_words import conflict
from ml_connector.domain.matching.features import PartyFeatures
from ml_connector.domain.matching.legal_forms import same_form
from ml_connector.domain.matching.names import Name
from ml_connector.domain.matching.shortened import shortened_score

_SUBSET, _FAMILY = 0.9, 0.88
_ONE_CITY = 0.88
_UNLIKE, _SURELY_ALIKE, _ALIKE = 0.5, 0.82, 0.86
_NO_WORD, _SAME_WORD = 0.1, 60
_DISTINGUISHING, _FORM, _COUNTRY, _NUMBER = 0.04, 0.02, 0.08, 0.2
_SAME_CITY, _SAME_MAIL_DOMAIN, _SAME_NUMBER = 0.04, 0.1, 0.3


def name_score(one: PartyFeatures, other: PartyFeatures) -> float:
    """Return how similar two names are, 0 to 1, from spelling alone."""
    a, b = one.name, other.name
    if not a.keys or not b.keys:
        return 0.0
    if len(a.keys) == len(b.keys) == 1:
        best = ratio(a.keys[0], b.keys[0]) / 100
    else:
        best = max(ratio(x, y) for x in a.keys for y in b.keys) / 100
    if best < _FAMILY and a.families[0] == b.families[0]:
        best = _FAMILY
    if best < 1 and (len(a.tokens) > 1 or len(b.tokens) > 1):
        best = max(best, _score_of_words(a, b))
    return best


def _score_of_words(a: Name, b: Name) -> float:
    best = ratio(a.text, b.text) / 100
    if a.is_distinctive and b.is_distinctive:
        best = max(best, _SUBSET * token_set_ratio(a.text, b.text) / 100)
    if best >= _SURELY_ALIKE or not _may_be_shortened(a, b):
        return best
    return max(best, shortened_score(a.tokens, b.tokens))


def _may_be_shortened(a: Name, b: Name) -> bool:
    """Tell quickly whether all words of a name begin with a letter that words of the other do."""
    ours, theirs = a.first_letters, b.first_letters
    return not ours & ~theirs or not theirs & ~ours


def score(one: PartyFeatures, other: PartyFeatures, least: float = 0.0) -> float:
    """Return how likely two parties are one company, 0 to 1, from all their features.

    The names count as `least` alike.
    """
    value = max(name_score(one, other), least)
    a, b = one.name, other.name
    if _UNLIKE < value < _ALIKE and not _share_a_word(a.own, b.own):
        value -= _NO_WORD
    if conflict(a.distinguishing, b.distinguishing):
        value -= _DISTINGUISHING
    if a.legal_form and b.legal_form and not same_form(a.legal_form, b.legal_form):
        value -= _FORM
    if one.country and other.country and one.country != other.country:
        value -= _COUNTRY
    if one.city and one.city == other.city:
        value += _SAME_CITY
    if one.mail_domain and one.mail_domain == other.mail_domain:
        value += _SAME_MAIL_DOMAIN
    if one.numbers and other.numbers:
        value += _score_of_numbers(one, other)
    return round(min(max(value, 0.0), 1.0), 4)


def _score_of_numbers(one: PartyFeatures, other: PartyFeatures) -> float:
    value = 0.0
    for kind, number in one.numbers.items():
        if theirs := other.numbers.get(kind):
            value += _SAME_NUMBER if number.same_as(theirs) else -_NUMBER
    return value


def _share_a_word(ours: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    """Tell whether a word that says which company it is may be in both, in any spelling."""
    for word in ours:
        start = word[:2]
        for each in theirs:
            if each.startswith(start) and ratio(word, each) >= _SAME_WORD:
                return True
    return False


def may_be_same_city(city: str, other: str) -> bool:
    """Tell whether two spellings of a city may be the same one."""
    return not city or not other or JaroWinkler.similarity(city, other) >= _ONE_CITY
