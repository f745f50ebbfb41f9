"""Countries by name, in the languages of the neighbours, and by ISO code."""

from iso3166 import countries

_LOCAL_NAMES = {
    "nl": "nederland netherlands holland niederlande",
    "be": "belgium belgie belgique belgien belgica",
    "de": "deutschland germany duitsland allemagne alemania",
    "fr": "france frankrijk frankreich francia",
    "es": "espana spain spanje spanien espagne iberica iberia",
    "gb": "uk gb britain england engeland grossbritannien unitedkingdom greatbritain",
    "us": "usa us america amerika unitedstates",
    "at": "austria osterreich oostenrijk autriche",
    "ch": "switzerland schweiz suisse zwitserland svizzera",
    "it": "italy italia italie italien",
    "pt": "portugal",
    "lu": "luxembourg luxemburg",
    "ie": "ireland ierland irland irlande",
    "dk": "denmark danmark denemarken danemark",
    "se": "sweden sverige zweden schweden suede",
    "no": "norway norge noorwegen norwegen norvege",
    "fi": "finland suomi finnland finlande",
    "pl": "poland polska polen pologne",
    "cz": "czech czechia cesko tschechien tsjechie",
    "sk": "slovakia slovensko",
    "hu": "hungary magyarorszag hongarije ungarn",
    "ro": "romania roemenie rumanien",
    "bg": "bulgaria",
    "gr": "greece hellas griekenland",
    "tr": "turkey turkiye turkije",
    "ca": "canada",
    "mx": "mexico",
    "br": "brasil brazil",
    "cn": "china",
    "hk": "hongkong",
    "jp": "japan",
    "in": "india",
    "sg": "singapore",
    "au": "australia",
    "ae": "uae dubai emirates",
    "za": "southafrica",
    "kr": "korea southkorea",
}
# As people write a supplier's country; in a company's name some would mean something else.
_FURTHER_NAMES = {
    "nl": "paysbas paisesbajos paesibassi hollande",
    "gb": "verenigdkoninkrijk vereinigteskonigreich royaumeuni reinounido regnounito angleterre "
    "schotland schottland wales",
    "us": "verenigdestaten vereinigtestaaten etatsunis estadosunidos statiuniti vs",
    "be": "belgio", "de": "germania", "lu": "lussemburgo luxemburgo", "ie": "irlanda",
    "se": "suecia svezia", "no": "noruega norvegia", "fi": "finlandia", "dk": "dinamarca danimarca",
    "pl": "polonia", "cz": "tchequie republiquetcheque tsjechischerepubliek ceskarepublika",
    "sk": "slowakei slowakije slovaquie", "si": "slowenien slovenie slovenija eslovenia",
    "hu": "hongrie hungria ungheria", "ro": "roumanie rumania",
    "bg": "bulgarien bulgarije bulgarie",
    "gr": "griechenland grece grecia ellada", "hr": "kroatien kroatie croatie hrvatska croacia",
    "rs": "serbien servie serbie srbija", "lt": "litauen litouwen lituanie lietuva",
    "lv": "lettland letland lettonie latvija", "ee": "estland estonie eesti",
    "is": "island ijsland",
    "cy": "zypern chypre", "mt": "malte", "tr": "turkei turquie turquia", "ua": "oekraine",
    "ru": "russland rusland russie russia", "ma": "marokko maroc marruecos",
    "tn": "tunesien tunesie tunisie", "dz": "algerije algerien algerie", "eg": "egypte agypten",
    "za": "sudafrika zuidafrika afriquedusud", "cn": "chine", "jp": "japon", "in": "indien inde",
    "kr": "zuidkorea sudkorea coreedusud", "tw": "taiwan", "sg": "singapur singapour",
    "vn": "vietnam", "id": "indonesien indonesie", "br": "brasilien brazilie bresil",
    "ca": "kanada", "mx": "mexiko mexique", "ar": "argentinien argentinie argentine",
    "au": "australien australie", "nz": "nieuwzeeland neuseeland", "il": "israel",
    "ae": "vae verenigdearabischeemiraten vereinigtearabischeemirate emiratsarabesunis",
    "pt": "portogallo", "es": "spagna", "ch": "svizra suiza", "li": "liechtenstein",
}  # fmt: skip
# First names and towns: in a company's name they hardly ever mean the country.
_NO_COUNTRY = {"chad", "georgia", "guernsey", "israel", "jersey", "jordan", "montserrat", "reunion"}

_LISTED = {
    name.partition(",")[0].casefold().replace("-", " "): each.alpha2.casefold()
    for each in reversed(list(countries))
    for name in (each.name, each.apolitical_name)
}
_FURTHER = {word: code for code, words in _FURTHER_NAMES.items() for word in words.split()}
_LOCAL = {word: code for code, words in _LOCAL_NAMES.items() for word in words.split()}
_CODES = {
    code.casefold(): each.alpha2.casefold()
    for each in countries
    for code in (each.alpha2, each.alpha3)
}

COUNTRY_WORDS = {
    name.replace(" ", ""): code
    for name, code in _LISTED.items()
    if name.isascii() and len(name.split()) < 3 and name not in _NO_COUNTRY
} | _LOCAL
"""A country's name as one word, to its ISO code in lower case."""

TWO_WORDS = {
    (one, other)
    for name in (*_LISTED, "great britain", "united kingdom", "united states", "hong kong")
    for one, _, other in [name.partition(" ")]
    if other and " " not in other
}
"""The countries' names that are two words."""


def country_of(text: str) -> str:
    """Return the ISO code, in lower case, of a normalised name or code; else the text itself."""
    word = text.replace(" ", "")
    known = COUNTRY_WORDS.get(word) or _LISTED.get(text) or _FURTHER.get(word)
    return known or _CODES.get(word, text)
