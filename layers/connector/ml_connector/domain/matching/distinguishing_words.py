"""Words that tell companies of one family apart: group, place, number, branch."""

import re

from ml_connector.domain.matching.countries import COUNTRY_WORDS, TWO_WORDS

_REGIONS = (
    "benelux emea europe europa international internationaal internacional global worldwide "
    "apac asia asean nordic nordics scandinavia baltic baltics dach latam noord zuid oost west "
    "nord sud est ouest north south east central centraal midden norte sur este oeste noordwest "
    "noordoost zuidwest zuidoost randstad brabant limburg gelderland utrecht friesland drenthe "
    "overijssel flevoland zeeland groningen holland noordholland zuidholland vlaanderen flandern "
    "wallonie flanders bayern bavaria hessen sachsen baden wurttemberg westfalen rheinland "
    "niedersachsen brandenburg saarland thuringen holstein bretagne normandie provence alsace "
    "lorraine aquitaine occitanie auvergne catalunya cataluna andalucia galicia aragon asturias "
    "canarias baleares scotland wales ulster yorkshire midlands kent essex sussex california texas "
    "florida delaware ohio nevada oregon virginia jersey guernsey"
)
_CITIES = (
    "amsterdam rotterdam denhaag thehague eindhoven tilburg breda nijmegen arnhem haarlem "
    "enschede apeldoorn amersfoort almere zwolle leiden maastricht dordrecht delft venlo "
    "leeuwarden alkmaar hilversum deventer roosendaal hoofddorp schiphol zaandam gouda helmond "
    "antwerpen antwerp gent brussel brussels bruxelles brugge leuven luik liege namur charleroi "
    "mechelen hasselt kortrijk oostende aalst mons berlin hamburg munchen munich koln cologne "
    "frankfurt stuttgart dusseldorf dortmund essen leipzig bremen dresden hannover nurnberg "
    "duisburg bochum wuppertal bielefeld bonn munster karlsruhe mannheim augsburg wiesbaden "
    "aachen kiel mainz kassel freiburg paris lyon marseille toulouse nice nantes strasbourg "
    "montpellier bordeaux lille rennes reims grenoble dijon angers nimes rouen nancy madrid "
    "barcelona valencia sevilla zaragoza malaga murcia bilbao alicante cordoba valladolid vigo "
    "gijon granada london manchester birmingham leeds glasgow liverpool edinburgh bristol "
    "sheffield cardiff belfast nottingham leicester newyork chicago boston houston dallas austin "
    "seattle atlanta denver miami losangeles sanfrancisco dublin cork vienna wien zurich geneva "
    "geneve basel bern milano milan roma torino lisboa porto copenhagen stockholm oslo helsinki "
    "warszawa warsaw krakow prague praha budapest"
)
_GROUP = {
    "holding": "holding holdings beteiligungen beteiligungs beteiligung beteiligungsgesellschaft",
    "beheer": "beheer beheermaatschappij",
    "group": "group groep gruppe groupe grupo",
    "invest": "invest investments investment investissements inversiones participations "
    "participaties deelnemingen participatie",
    "management": "management verwaltung verwaltungs verwaltungsgesellschaft",
    "property": "vastgoed properties property immobilien immobilier immo onroerend inmobiliaria "
    "realestate",
    "pension": "pensioen pension pensioenfonds",
    "finance": "finance financial finanz financiering leasing lease",
    "operations": "operations exploitatie",
}
_BRANCH = (
    "branch filiaal filiale bijkantoor niederlassung zweigniederlassung succursale sucursal "
    "agence vestiging division afdeling dept department"
)
_ROMAN = {
    "i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6", "vii": "7", "viii": "8",
    "ix": "9", "x": "10", "xi": "11", "xii": "12", "xiii": "13", "xiv": "14", "xv": "15",
}  # fmt: skip
_WRITTEN = {
    "one": "1", "two": "2", "three": "3", "een": "1", "twee": "2", "drie": "3", "eins": "1",
    "zwei": "2", "drei": "3", "deux": "2", "trois": "3", "dos": "2", "tres": "3",
}  # fmt: skip
_CODES = {"nl", "be", "de", "fr", "es", "at", "ch", "it", "lu", "ie", "dk"}
_LAST_ONLY = _CODES | {"i", "v", "x"}
_GROUP_WORDS = {word: f"group:{kind}" for kind, words in _GROUP.items() for word in words.split()}
_WORDS = {
    **{word: f"place:{word}" for word in (_REGIONS + " " + _CITIES).split()},
    **{word: f"country:{code}" for word, code in COUNTRY_WORDS.items()},
    **{code: f"country:{code}" for code in _CODES},
    **dict.fromkeys(_BRANCH.split(), "branch"),
    **{word: f"number:{value}" for word, value in (_ROMAN | _WRITTEN).items()},
    **_GROUP_WORDS,
}
_PAIRS = {
    ("den", "haag"), ("the", "hague"), ("new", "york"), ("los", "angeles"), ("san", "francisco"),
    ("noord", "holland"), ("zuid", "holland"), ("real", "estate"),
} | TWO_WORDS  # fmt: skip
_PAIR_STARTS = {first for first, _ in _PAIRS}
_MAY_MARK = frozenset(_WORDS).union(*_PAIRS)
_TOWNS = frozenset(f"place:{word}" for word in _CITIES.split())
_PARTICLES = {"van", "de", "der", "den", "von", "zu", "di", "da", "du", "la", "le"}
NONE: frozenset[str] = frozenset()
"""No words: one object for all names, as each would be 216 bytes."""
_NUMBER = re.compile(r"\d+")


def split_words(tokens: tuple[str, ...]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the core words, which a family shares, and the distinguishing words of this name.

    A place or number in front is part of the name itself ("France Telecom", "24 Uur Service", "Van
    Hessen"). At least one core word is left.
    """
    if len(tokens) < 2 or not _has_mark(tokens):
        return tokens, NONE
    tokens = _with_joined_pairs(tokens)
    core, distinguishing, last = [], set(), len(tokens) - 1
    start = int(tokens[0] in _PARTICLES)
    for at, token in enumerate(tokens):
        word = _distinguishing(token, max(at - start, 0), last - start)
        if word:
            distinguishing.add(word)
        else:
            core.append(token)
    if not core or not distinguishing:
        return tokens, NONE
    return tuple(core), frozenset(distinguishing)


def are_marks(words: tuple[str, ...]) -> bool:
    """Tell whether all these words, behind a name, would be distinguishing."""
    return _has_mark(words[-1:]) and split_words(("x", *words))[0] == ("x",)


def _has_mark(words: tuple[str, ...]) -> bool:
    """Tell quickly whether any of the words may distinguish."""
    return not _MAY_MARK.isdisjoint(words) or any(map(str.isdecimal, words))


def _distinguishing(token: str, at: int, last: int) -> str:
    if at == 0:
        return _GROUP_WORDS.get(token, "")
    if token in _LAST_ONLY and at != last:
        return ""
    if _NUMBER.fullmatch(token):
        return f"number:{token.lstrip('0') or '0'}"
    return _WORDS.get(token, "")


def _with_joined_pairs(tokens: tuple[str, ...]) -> tuple[str, ...]:
    if _PAIR_STARTS.isdisjoint(tokens):
        return tokens
    out: list[str] = []
    for token in tokens:
        if out and (out[-1], token) in _PAIRS:
            out[-1] += token
        else:
            out.append(token)
    return tuple(out)


def conflict(one: frozenset[str], other: frozenset[str]) -> bool:
    """Tell whether the distinguishing words of two names of a family conflict.

    A group word, number or branch on one side alone does; a place only when both names have one, as
    people leave out their own country.
    """
    if one == other:
        return False
    places, others = _places(one), _places(other)
    if places and others and places.isdisjoint(others):
        return True
    return one - places != other - others


def towns(distinguishing: frozenset[str]) -> frozenset[str]:
    """Return the words that name a town."""
    return distinguishing & _TOWNS


def _places(distinguishing: frozenset[str]) -> frozenset[str]:
    return frozenset(word for word in distinguishing if word.startswith(("place:", "country:")))
