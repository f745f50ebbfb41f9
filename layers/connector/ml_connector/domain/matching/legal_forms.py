"""Legal forms and their spellings, as word sequences after normalisation.

Curated here: what vendor lists use. `legal_form_codes` adds what GLEIF's list knows beyond that.
"""

from ml_connector.domain.matching import legal_form_codes

_SPELLINGS = {
    # Netherlands
    "bv": "bv|besloten vennootschap|besloten vennootschap met beperkte aansprakelijkheid",
    "nv": "nv|naamloze vennootschap",
    "vof": "vof|vennootschap onder firma",
    "cv": "cv|commanditaire vennootschap",
    "stichting": "stichting",
    "vereniging": "vereniging",
    "cooperatie": "cooperatie|cooperatie ua|cooperatieve vereniging|ua",
    "maatschap": "maatschap",
    "eenmanszaak": "eenmanszaak",
    # Belgium
    "bvba": "bvba|besloten vennootschap met beperkte aansprakelijkheid bvba",
    "ebvba": "ebvba",
    "cvba": "cvba|cooperatieve vennootschap met beperkte aansprakelijkheid",
    "vzw": "vzw|vereniging zonder winstoogmerk",
    "commv": "commv|comm v|gewone commanditaire vennootschap",
    "sprl": "sprl|societe privee a responsabilite limitee",
    "asbl": "asbl|association sans but lucratif",
    "scrl": "scrl",
    "srl": "srl|societe a responsabilite limitee srl|societa a responsabilita limitata",
    # Germany, Austria, Switzerland
    "gmbh": "gmbh|gesellschaft mit beschrankter haftung|gesellschaft mit beschraenkter haftung|"
    "gesellschaft mbh|ges mbh|gesmbh|mbh",
    "gmbh co kg": "gmbh and co kg|gmbh co kg|gmbh and cokg|gmbh and co kommanditgesellschaft",
    "ag": "ag|aktiengesellschaft",
    "ag co kg": "ag and co kg",
    "kg": "kg|kommanditgesellschaft",
    "kgaa": "kgaa|kommanditgesellschaft auf aktien",
    "gmbh co kgaa": "gmbh and co kgaa",
    "ohg": "ohg|offene handelsgesellschaft",
    "gbr": "gbr|gesellschaft burgerlichen rechts",
    "ug": "ug|ug haftungsbeschrankt|ug haftungsbeschraenkt|unternehmergesellschaft|"
    "unternehmergesellschaft haftungsbeschrankt",
    "ug co kg": "ug and co kg|ug haftungsbeschraenkt and co kg|ug haftungsbeschrankt and co kg",
    "ev": "ev|eingetragener verein",
    "eg": "eg|eingetragene genossenschaft",
    "ek": "ek|ekfm|ekfr|eingetragener kaufmann|eingetragene kauffrau",
    "ggmbh": "ggmbh",
    "partg": "partg|partgmbb|partg mbb",
    # France
    "sarl": "sarl|societe a responsabilite limitee|sarlu",
    "sa": "sa|societe anonyme|sociedad anonima",
    "sas": "sas|societe par actions simplifiee",
    "sasu": "sasu|societe par actions simplifiee unipersonnelle",
    "eurl": "eurl|entreprise unipersonnelle a responsabilite limitee",
    "snc": "snc|societe en nom collectif",
    "sci": "sci|societe civile immobiliere",
    "scop": "scop",
    "selarl": "selarl",
    "sca": "sca|societe en commandite par actions",
    "gie": "gie|groupement d interet economique",
    # Spain
    "sl": "sl|sociedad limitada|sociedad de responsabilidad limitada|srl sl",
    "slu": "slu|sociedad limitada unipersonal|sl unipersonal|sl u",
    "sau": "sau|sociedad anonima unipersonal|sa u",
    "sll": "sll|sociedad limitada laboral",
    "sal": "sal|sociedad anonima laboral",
    "scoop": "scoop|s coop|sociedad cooperativa",
    "cb": "cb|comunidad de bienes",
    # United Kingdom, Ireland
    "ltd": "ltd|limited",
    "co ltd": "co ltd|company limited|company ltd|co limited",
    "plc": "plc|public limited company",
    "llp": "llp|limited liability partnership",
    "dac": "dac|designated activity company",
    "cic": "cic|community interest company",
    # United States
    "inc": "inc|incorporated",
    "corp": "corp|corporation",
    "llc": "llc|limited liability company|limited liability co",
    "lp": "lp|limited partnership",
    "pllc": "pllc",
    "co": "co|company",
    "co inc": "co inc|company inc|company incorporated",
    # elsewhere
    "spa": "spa|societa per azioni",
    "sas it": "societa in accomandita semplice",
    "sagl": "sagl|societa a garanzia limitata",
    "lda": "lda|limitada",
    "sgps": "sgps",
    "ab": "ab|aktiebolag|aktiebolaget",
    "aps": "aps|anpartsselskab",
    "as": "as|aktieselskab|aksjeselskap|aktieselskabet",
    "asa": "asa|allmennaksjeselskap",
    "oy": "oy|osakeyhtio|oy ab|ab oy",
    "oyj": "oyj|abp|oyj abp|julkinen osakeyhtio",
    "hf": "hf|hlutafelag",
    "ou": "ou|osauhing",
    "ad": "ad",
    "dd": "dd",
    "jsc": "jsc|joint stock company",
    "pjsc": "pjsc|public joint stock company",
    "ojsc": "ojsc|open joint stock company",
    "ltda": "ltda",
    "bhd": "bhd|berhad",
    "sdn bhd": "sdn bhd|sendirian berhad",
    "spzoo": "spzoo|sp zoo|sp z oo|sp z o o",
    "sro": "sro",
    "doo": "doo",
    "kft": "kft",
    "pty ltd": "pty ltd|pty limited|proprietary limited",
    "pvt ltd": "pvt ltd|private limited|pvt limited",
    "pte ltd": "pte ltd|pte limited",
    "se": "se|societas europaea",
    "ooo": "ооо",  # noqa: RUF001  Cyrillic
    "ao": "ао",  # noqa: RUF001  Cyrillic
    "oao": "оао",  # noqa: RUF001  Cyrillic
    "zao": "зао",
    "pao": "пао",
    "ae": "αε",
    "epe": "επε",
    "kk": "株式会社|kk|kabushiki kaisha|kabushiki gaisha",
    "yk": "有限会社",
    "cn ltd": "有限公司",
}

CURATED = {
    tuple(spelling.split()): form
    for form, spellings in _SPELLINGS.items()
    for spelling in spellings.split("|")
}
"""The curated part of `ENDINGS`."""

ENDINGS = {
    tuple(spelling.split()): form
    for form, _, spellings in (
        line.partition("=") for line in legal_form_codes.SPELLINGS.splitlines()
    )
    for spelling in spellings.split("|")
} | CURATED
"""Words at the end of a name, to the canonical legal form."""

SIZES = {
    last: tuple(sorted({len(words) for words in ENDINGS if words[-1] == last}, reverse=True))
    for last in {words[-1] for words in ENDINGS}
}
"""How many words the endings with this last word have, longest first."""

LONGEST_INITIALS = max(len(words[0]) for words in ENDINGS if len(words) == 1 and len(words[0]) < 7)

_LEADING = {
    "bv", "nv", "vof", "stichting", "vereniging", "cooperatie", "maatschap", "bvba", "vzw",
    "sprl", "asbl", "gmbh", "sarl", "sas", "sasu", "eurl", "snc", "sci", "scop", "selarl", "gie",
    "sa", "sl", "scoop", "ooo", "ao", "oao", "zao", "pao", "kk", "yk",
}  # fmt: skip
_TOO_SHORT_TO_LEAD = {("sa",), ("sl",), ("cb",), ("s", "coop")}
LEADINGS = {
    words: form
    for words, form in ENDINGS.items()
    if form in _LEADING and words not in _TOO_SHORT_TO_LEAD
}
"""Words before a name ("SARL X", "Stichting X"), to the canonical legal form."""

_SOLE_TRADERS_AND_PARTNERSHIPS = {
    "vof", "cv", "maatschap", "eenmanszaak", "commv", "snc", "sci", "cb", "kg", "ohg", "gbr", "ek",
    "partg", "llp", "lp", "sas it", "og", "scs", "scomm", "secs",
}  # fmt: skip
_FOUNDATIONS_AND_ASSOCIATIONS = {
    "stichting", "vereniging", "vzw", "asbl", "ivzw", "aisbl", "ev", "vve", "cic", "cooperatie",
    "eg", "coop",
}  # fmt: skip

_BESIDE_COMPANIES = _SOLE_TRADERS_AND_PARTNERSHIPS | _FOUNDATIONS_AND_ASSOCIATIONS

_SAME_IN_ANOTHER_LANGUAGE = (
    {"bv", "srl"},
    {"nv", "sa"},
    {"bvba", "sprl"},
    {"bvba", "bv"},
    {"sprl", "srl"},
    {"vzw", "asbl"},
    {"cvba", "scrl"},
)


def tells_apart(form: str) -> bool:
    """Tell whether a body of this form often stands beside a company of the same name.

    A foundation, an association, a partnership or a sole trader: without its form, its name may
    mean another.
    """
    return not _BESIDE_COMPANIES.isdisjoint(form.split("/"))


def may_be_a_person(form: str) -> bool:
    """Tell whether this is the form of a sole trader or a partnership, or none."""
    return not form or not _SOLE_TRADERS_AND_PARTNERSHIPS.isdisjoint(form.split("/"))


def are_compatible(form: str, other: str) -> bool:
    """Tell whether two legal forms allow that both are one company.

    For parties that share an identifier: one form is absent, both are the same, or they belong to a
    bilingual or renamed Belgian company. By name alone, forms must be the same.
    """
    if not form or not other or same_form(form, other):
        return True
    return any(
        {one, two} <= pair
        for one in form.split("/")
        for two in other.split("/")
        for pair in _SAME_IN_ANOTHER_LANGUAGE
    )


def same_form(form: str, other: str) -> bool:
    """Tell whether two legal forms are the same; "SA/NV" shares one with "NV"."""
    return form == other or not set(form.split("/")).isdisjoint(other.split("/"))
