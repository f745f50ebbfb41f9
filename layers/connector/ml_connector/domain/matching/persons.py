"""Names of persons: many share one, so such a name alone identifies nobody."""

from ml_connector.domain.matching.generic_words import GENERIC

_PARTICLES = {
    "van", "de", "der", "den", "ten", "ter", "te", "het", "von", "vom", "zu", "zum", "zur", "la",
    "le", "du", "des", "di", "da", "del", "della", "dos", "op", "in", "t", "el", "mac", "mc", "y",
}  # fmt: skip
_TITLES = {"dr", "ing", "ir", "mr", "mrs", "ms", "drs", "prof", "dhr", "mevr", "herr", "frau"}
_MOST_SURNAMES = 2
_ENDS_OF_TRADES = (
    "bedrijf", "betrieb", "college", "institut", "institute", "instituut", "onderwijs", "technics",
    "techniek", "technik", "technique", "werke", "werken",
)  # fmt: skip
_GIVEN_NAMES = (
    "adam adrian alain albert alberto alessandro alex alexander alfred ali ana andrea andreas "
    "andrew angela angelo anita anja anke ann anna anne annemarie annette antoine anton antonio "
    "arend arie arjan arno arnold arthur astrid barbara bart bas bastiaan beatrice ben benjamin "
    "berend bernard bernd bert bianca bjorn bob boris bram brigitte bruno carla carlo carlos "
    "carmen carolina caroline catherine cees charles charlotte chris christa christian "
    "christiane christina christine christophe christopher claire claudia claus cor cornelis "
    "cristina daan daniel daniela danny david denis dennis didier diego dieter dimitri dirk "
    "dominique donald edith eduard edward edwin elena elisabeth elizabeth ellen els emma eric "
    "erik erwin esther eva evelien fabio ferdinand fernando filip flip florian francesco "
    "francis francisco franck francois frank franz frans fred frederic frits fritz gabriel "
    "geert george georg georges gerard gerd gerrit gert gijs giovanni giuseppe guido guillaume "
    "gunter gunther gustav guus guy hannah hans harald harm harry heidi heiko heinrich heinz "
    "helen helena helga helmut hendrik henk henri henry herbert herman hermann holger hubert "
    "hugo huub ian igor ilse ine inge ingrid irene irma isabel isabelle jaap jack jacob "
    "jacqueline jacques jakob james jan jane janet jannie jasper javier jean jeanne jeff jelle "
    "jennifer jens jeroen jesus jim joachim joan jochen joel johan johann johannes john jonas "
    "jonathan joop joost jordi jorge joris jos jose josef joseph juan juliette julia julien "
    "jurgen jurriaan karel karen karin karl katarina kees kevin klaas klaus koen koos kristof "
    "kurt lars laura laurent leo leon leonardo lex liesbeth linda lisa lodewijk louis louise "
    "luc luca lucas lucia ludovic luigi luis lukas maarten manfred manuel marc marcel marco "
    "margaret margot maria marianne marie marieke mario marion mark markus marleen marta martha "
    "martijn martin martina mary massimo mathieu matteo matthias maurice mauro max maximilian "
    "melanie menno michael michel michele michelle mieke miguel mike mirjam monica monika nadia "
    "nancy natalie nathalie nick nicolas nicole nico niels nikolaus nils noel norbert olaf "
    "oliver olivier oscar otto pablo paola paolo pascal patricia patrick paul paula pedro peter "
    "petra philip philippe pierre piet pieter pietro pim rafael ralf ralph ramon raoul raymond "
    "rebecca reinhard reinier rene renate ria richard rik rita rob robert roberto robin roel "
    "roger roland rolf roman ronald rosa ruben rudi rudolf rudy ruth ruud sabine salvatore sam "
    "samuel sandra sara sarah sebastian serge sergio sietse silvia simon simone sjaak sjoerd "
    "sofia sophie stefan stefania stefano stephan stephane stephen steven susan susanne sven "
    "sylvia tamara thea theo theodor theodorus therese thierry thijs thomas tim tinus tobias "
    "tom tony toon udo ulrich ulrike ursula uwe valerie vera veronique victor vincent virginie "
    "vittorio volker walter wendy werner wilco wilfried wilhelm willem william wim wolfgang "
    "wouter xavier yves yvonne "
)
_GIVEN = frozenset(_GIVEN_NAMES.split())
_FIRST_WORDS = _GIVEN | _TITLES


def is_person(tokens: tuple[str, ...]) -> bool:
    """Tell whether the words are initials or a given name, and a surname, without a trade."""
    if not tokens or (len(tokens[0]) > 1 and tokens[0] not in _FIRST_WORDS):
        return False
    words = [token for token in tokens if token not in _TITLES]
    initials = 0
    while initials < len(words) and len(words[initials]) == 1 and words[initials].isalpha():
        initials += 1
    given = 0 if initials else int(bool(words) and words[0] in _GIVEN)
    if not initials and not given:
        return False
    surnames = [word for word in words[initials + given :] if word not in _PARTICLES]
    return 0 < len(surnames) <= _MOST_SURNAMES and all(map(_may_be_surname, surnames))


def _may_be_surname(word: str) -> bool:
    if len(word) < 2 or not word.isalpha() or word.endswith(_ENDS_OF_TRADES):
        return False
    return word not in GENERIC and word != "and"
