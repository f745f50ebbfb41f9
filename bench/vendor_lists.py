"""Two random vendor lists, as two teams would keep them, and the true pairs between them.

The companies have distinct full names: groups with holdings, foreign sister companies, numbered
entities and namesakes in other legal forms. Each list has some of them, in its own spelling, with
numbers for some. Nothing here uses the matcher's tables, and a third of the distinguishing words
are in none of them.

`Kinds` adds what real lists have besides, each with its share of the records: vendors that stand
twice, names without their legal form, shortened words, a form in front, a place behind the form,
group companies that share their numbers, and persons' names.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from stdnum import iban
from stdnum.de import vat as german_vat
from stdnum.iso7064 import mod_11_10
from stdnum.nl import bsn

from ml_connector.domain.matching.party import Party

_MAIN = True
_FORMS = {
    "NL": ("B.V.", "BV", "B.V", "bv", "Besloten Vennootschap"),
    "BE": ("NV", "N.V.", "naamloze vennootschap"),
    "DE": ("GmbH", "G.m.b.H.", "Gesellschaft mit beschränkter Haftung", "gmbh"),
    "FR": ("SARL", "S.A.R.L.", "sarl", "Société à responsabilité limitée"),
    "ES": ("S.L.", "SL", "Sociedad Limitada"),
    "GB": ("Ltd", "Limited", "Ltd.", "LTD"),
    "US": ("Inc.", "Inc", "Incorporated"),
}
_OTHER_FORMS = {
    "NL": ("V.O.F.", "N.V.", "Coöperatie U.A."),
    "BE": ("BVBA", "CVBA", "BV"),
    "DE": ("AG", "GmbH & Co. KG", "UG (haftungsbeschränkt)"),
    "FR": ("SAS", "SA", "EURL"),
    "ES": ("S.A.", "S.L.U."),
    "GB": ("PLC", "LLP"),
    "US": ("LLC", "Corp."),
}
_SHARE = {"NL": 45, "BE": 15, "DE": 12, "FR": 8, "ES": 5, "GB": 9, "US": 6}
_TRADES = {
    "NL": "Bouw Transport Schilders Techniek Installaties Advies Catering Bloemen Verhuur "
    "Drukkerij Interieur Logistiek Elektro Beveiliging Schoonmaak Software Groothandel Metaal",
    "BE": "Bouwwerken Transport Traiteur Garage Drukkerij Toitures Verwarming Schrijnwerken "
    "Consulting Electro Reiniging Tuinen",
    "DE": "Bau Spedition Elektrotechnik Maschinenbau Reinigung Druckerei Heizung Gebäudetechnik "
    "Werkzeuge Vertrieb Beratung Metallbau",
    "FR": "Bâtiment Transports Conseil Électricité Menuiserie Imprimerie Nettoyage Plomberie "
    "Traiteur Peinture",
    "ES": "Construcciones Transportes Consultores Instalaciones Imprenta Limpiezas Electricidad",
    "GB": "Builders Haulage Consulting Electrical Cleaning Printing Joinery Catering Scaffolding",
    "US": "Software Consulting Analytics Logistics Staffing Security Labs Media",
}
_PEOPLE = {
    "NL": "Jansen|de Vries|van den Berg|Bakker|Visser|Smit|Meijer|de Boer|Mulder|de Groot|Bos|Vos|"
    "Peters|Hendriks|van Leeuwen|Dekker|Brouwer|de Wit|Dijkstra|Smits|de Graaf|van der Meer",
    "BE": "Peeters|Janssens|Maes|Jacobs|Mertens|Willems|Claes|Goossens|Wouters|Dubois|Lambert|"
    "Dupont|Leclercq|Renard|Lemmens|De Smet",
    "DE": "Müller|Schmidt|Schneider|Fischer|Weber|Becker|Schäfer|Köhler|König|Krüger|Böhm|Lehmann|"
    "Vogel|Jäger|Groß|Schröder",
    "FR": "Martin|Bernard|Lefèvre|Moreau|Girard|Fournier|Mercier|Bonnet|Guérin|Chevalier|Rousseau",
    "ES": "García|Fernández|López|Martínez|Gómez|Muñoz|Álvarez|Romero|Navarro|Domínguez|Núñez",
    "GB": "Smith|Jones|Taylor|Brown|Wilson|Evans|Walker|Wright|Hughes|O'Neill|Clarke|Hill",
    "US": "Johnson|Miller|Davis|Anderson|Harris|Nelson|Baker|Carter|Mitchell|Parker",
}
_PLACES = {
    "NL": "Amsterdam Rotterdam Utrecht Eindhoven Breda Zwolle Veenendaal Sneek Goes Oss Weert",
    "BE": "Antwerpen Gent Brussel Leuven Luik Geel Ronse Torhout",
    "DE": "Berlin Hamburg München Köln Ulm Gera Borken Kleve",
    "FR": "Paris Lyon Lille Nantes Arras Niort Vannes",
    "ES": "Madrid Barcelona Valencia Sevilla Reus Lorca",
    "GB": "London Leeds Bristol Crewe Wigan Luton",
    "US": "Boston Austin Denver Tulsa Fresno Reno",
}
_DISTINGUISHING_WORDS = (
    "Holding", "Beheer", "Groep", "Group", "Nederland", "Deutschland", "Belgium", "France", "UK",
    "Ibérica", "II", "2", "3", "2019", "Europe", "Vastgoed", "Noord", "Zuid", "Participaties",
    "International", "Services", "Benelux", "Personeel", "Materieel", "Retail", "Ventures",
    "Academy", "Export", "Digital", "Oost-Nederland", "Rijnmond",
)  # fmt: skip
_STARTS = "ba be bi bo bra bre ca ce cla co da de dri el en fa fe fi flo ga ge gra ha he in jo ka ko la le li lo lu ma me mi mo na ne no o pa pe pla po qui ra re ri ro sa se sol sta ta te ti tra u va ve vi vo wa wi xa ya za ze zo"  # noqa: E501
_EXPANDED = str.maketrans({"ü": "ue", "ö": "oe", "ä": "ae", "ß": "ss"})
_MIDDLES = "ba ca da den di do ga gi go la len li lo lu ma men mi mo na ni no pa ra ri ro sa sen ta ten ti to va ve vi xo"  # noqa: E501
_ENDS = "x s n ra ro ris sys tec tis va via lio nix na mo do dis com gen lux mar net nova on or um"


@dataclass(frozen=True)
class Lists:
    """Airbase's vendors, Exact's suppliers, and the true pairs: vendor id to supplier id."""

    vendors: list[Party]
    suppliers: list[Party]
    truth: dict[str, str]


@dataclass(frozen=True)
class Kinds:
    """How many of the records are of each kind, from 0 to 1."""

    twice: float = 0.02
    bare: float = 0.1
    respelt: float = 0.06
    sharing: float = 0.02
    person: float = 0.02


@dataclass(frozen=True)
class _Company:
    stem: str
    form: int
    is_main_form: bool
    country: str
    city: str
    distinguishing_word: str
    site: str
    vat: str
    chamber: str
    account: str


def make_lists(
    seed: int,
    size: int,
    numbers: float = 0.25,
    columns: bool = True,
    kinds: Kinds | None = None,
) -> Lists:
    """Return two lists of about `size`; `numbers` is the share of records with each number.

    Without `columns` the records have only names.
    """
    chance = random.Random(seed)  # noqa: S311
    companies = _companies(chance, int(size * 1.25))
    if kinds:
        companies = [each for one in companies for each in _of_kinds(chance, one, kinds)]
    spell_in_exact = _spellers(noise=0.15)
    spell_in_airbase = _spellers(noise=0.55)
    vendors, suppliers, truth = [], [], {}
    for at, company in enumerate(companies):
        draw = chance.random()
        vendor, supplier = f"v{at:06}", f"s{chance.randrange(10**9):09}-{at}"
        if draw < 0.8:
            record = _party(chance, vendor, company, spell_in_airbase, numbers)
            vendors.append(_respelt(chance, record, company, kinds) if kinds else record)
        if draw < 0.6 or draw >= 0.8:
            suppliers.append(_party(chance, supplier, company, spell_in_exact, numbers))
        if draw < 0.6:
            truth[vendor] = supplier
            if kinds and chance.random() < kinds.twice:
                again = _party(chance, f"{vendor}b", company, spell_in_exact, numbers)
                vendors.append(again)
                truth[again.id] = supplier
    if not columns:
        vendors, suppliers = _names_only(vendors), _names_only(suppliers)
    chance.shuffle(vendors)
    chance.shuffle(suppliers)
    return Lists(vendors, suppliers, truth)


def _of_kinds(chance: random.Random, company: _Company, kinds: Kinds) -> list[_Company]:
    """Return the company, or instead of it a person, or beside it one that shares its numbers."""
    draw = chance.random()
    if draw < kinds.person:
        initials = ".".join(chance.sample("ABCDEFGHJKLMNPRSTW", chance.randint(1, 3)))
        surname = chance.choice(_PEOPLE[company.country].split("|"))
        return [replace(company, stem=f"{initials}. {surname}", distinguishing_word="")]
    if draw < kinds.person + kinds.sharing:
        one, other = chance.sample(_TRADES[company.country].split(), 2)
        stem = company.stem.split()[0]
        chamber = f"{chance.randrange(10**7, 10**8)}"
        sister = replace(company, stem=f"{stem} {other}", chamber=chamber)
        return [replace(company, stem=f"{stem} {one}"), sister]
    return [company]


def _respelt(chance: random.Random, record: Party, company: _Company, kinds: Kinds) -> Party:
    """Return a vendor as people type it: without its form, or in another way."""
    name = " ".join(word for word in (company.stem, company.distinguishing_word) if word)
    form = _written_form(company)
    draw = chance.random()
    if draw < kinds.bare:
        return replace(record, name=name)
    if draw > kinds.bare + kinds.respelt:
        return record
    words = name.split()
    written = chance.choice(
        (
            f"{form} {name}",
            f"{name} {form} {chance.choice(_PLACES[company.country].split())}",
            f"{' '.join([*words[1:], words[0]])} {form}",
            f"{_with_short_words(name)} {form}",
        )
    )
    return replace(record, name=written)


def _with_short_words(name: str) -> str:
    for word, short in (("International", "Intl"), ("Holding", "Hldg"), ("Group", "Grp")):
        name = name.replace(word, short)
    return name


def _names_only(parties: list[Party]) -> list[Party]:
    return [Party(party.id, party.name) for party in parties]


def _companies(chance: random.Random, size: int) -> list[_Company]:
    companies: list[_Company] = []
    taken: set[str] = set()
    numbers: set[str] = set()
    while len(companies) < size:
        for company in _group(chance):
            key = letters(f"{company.stem} {company.distinguishing_word} {_written_form(company)}")
            own = {company.vat, company.chamber, company.account} - {""}
            if key not in taken and numbers.isdisjoint(own):
                taken.add(key)
                numbers |= own
                companies.append(company)
    return companies[:size]


def _written_form(company: _Company) -> str:
    forms = _FORMS if company.is_main_form else _OTHER_FORMS
    return forms[company.country][company.form]


def letters(text: str) -> str:
    """Return a name without case, spaces and punctuation."""
    return "".join(c for c in text.lower() if c.isalnum())


def _group(chance: random.Random) -> list[_Company]:
    country = chance.choices(list(_SHARE), list(_SHARE.values()))[0]
    head = _company(chance, _stem(chance, country), country)
    group = [head]
    if chance.random() < 0.2:
        group += [_sister(chance, head) for _ in range(chance.randint(1, 4))]
    return group


def _sister(chance: random.Random, head: _Company) -> _Company:
    """Return a sister company: it differs by a word, its legal form, or its country."""
    draw = chance.random()
    new = _company(chance, head.stem, head.country)
    new = replace(new, site=head.site)
    if draw < 0.75:
        return replace(new, distinguishing_word=chance.choice(_DISTINGUISHING_WORDS))
    if draw < 0.9:
        form = chance.randrange(len(_OTHER_FORMS[head.country]))
        return replace(new, form=form, is_main_form=False)
    country = chance.choice([each for each in _SHARE if each != head.country])
    return replace(_company(chance, head.stem, country), site=head.site)


def _stem(chance: random.Random, country: str) -> str:
    trade = chance.choice(_TRADES[country].split())
    person = chance.choice(_PEOPLE[country].split("|"))
    coined = _coined(chance)
    place = chance.choice(_PLACES[country].split())
    makers: tuple[Callable[[], str], ...] = (
        lambda: coined,
        lambda: f"{coined} {trade}",
        lambda: f"{coined} {_coined(chance)}",
        lambda: f"{person} {trade} {place}",
        lambda: f"{trade} {person} & {chance.choice(_PEOPLE[country].split('|'))}",
        lambda: (
            f"{chance.choice('ABCDEFGHJKLMNPRSTVW')}.{chance.choice('ABCDEFGHJKL')}. {person} "
            f"{trade}"
        ),
        lambda: f"{trade} {coined} {person}",
        lambda: f"{coined}-{_coined(chance)}",
        lambda: "".join(chance.choices("ABCDEFGHIJKLMNOPRSTUVWXZ", k=3)) + f" {trade}",
    )
    return chance.choices(makers, (25, 20, 12, 10, 8, 8, 7, 5, 5))[0]()


def _coined(chance: random.Random) -> str:
    parts = [chance.choice(_STARTS.split())]
    parts += chance.choices(_MIDDLES.split(), k=chance.randint(1, 2))
    return ("".join(parts) + chance.choice(_ENDS.split())).capitalize()


def _company(chance: random.Random, stem: str, country: str) -> _Company:
    return _Company(
        stem, 0, _MAIN, country, chance.choice(_PLACES[country].split()), "",
        "".join(c for c in stem.lower() if c.isalnum() and c.isascii())[:12] or "mail",
        _vat(chance, country), f"{chance.randrange(10**7, 10**8)}", _iban(chance, country),
    )  # fmt: skip


def _vat(chance: random.Random, country: str) -> str:
    if country == "NL":
        front = f"{chance.randrange(10**7, 10**8)}"
        digit = sum(int(c) * w for c, w in zip(front, range(9, 1, -1), strict=True)) % 11
        number = f"{front}{digit}"
        return f"NL{number}B01" if digit < 10 and bsn.is_valid(number) else _vat(chance, country)
    if country == "BE":
        base = chance.randrange(2_000_000, 10_000_000)
        return f"BE0{base:07}{97 - base % 97:02}"
    if country == "DE":
        front = f"{chance.randrange(10**7, 10**8)}"
        number = front + mod_11_10.calc_check_digit(front)
        return f"DE{number}" if german_vat.is_valid(number) else ""
    return ""


def _iban(chance: random.Random, country: str) -> str:
    if country == "NL":
        body = f"{chance.choice(('INGB', 'RABO', 'ABNA'))}{chance.randrange(10**9):010}"
        return f"NL{iban.calc_check_digits('NL00' + body)}{body}"
    if country == "DE":
        body = f"{chance.randrange(10**17, 10**18)}"
        return f"DE{iban.calc_check_digits('DE00' + body)}{body}"
    return ""


Speller = Callable[[random.Random, _Company], str]


def _spellers(noise: float) -> Speller:
    def spell(chance: random.Random, company: _Company) -> str:
        stem = company.stem
        forms = _FORMS if company.is_main_form else _OTHER_FORMS
        form = (
            chance.choice(forms[company.country])
            if company.is_main_form
            else forms[company.country][company.form]
        )
        if chance.random() < noise:
            stem = _changed(chance, stem)
        with_form = chance.random() > noise * 0.55
        words = [stem, company.distinguishing_word, form if with_form else ""]
        name = " ".join(word for word in words if word)
        return _cased(chance, name, noise)

    return spell


def _changed(chance: random.Random, stem: str) -> str:
    draw = chance.random()
    if draw < 0.35:
        return _mistyped(chance, stem)
    if draw < 0.5:
        return stem.replace("&", chance.choice(("and", "en", "et", "+")))
    if draw < 0.6 and " " in stem:
        words = stem.split()
        chance.shuffle(words)
        return " ".join(words)
    if draw < 0.7:
        return stem.replace(" ", "").replace("-", "")
    if draw < 0.78 and stem.count(" ") > 1 and "&" not in stem:
        return stem.rpartition(" ")[0]
    if draw < 0.85:
        return stem.translate(str.maketrans("üöäéèáíóúñâ", "uoaeeaiouna"))
    if draw < 0.9:
        return stem.translate(_EXPANDED)
    return stem.replace(".", "").replace("-", " ")


def _mistyped(chance: random.Random, text: str) -> str:
    for _ in range(chance.choice((1, 1, 1, 2))):
        at = chance.randrange(max(len(text) - 1, 1))
        letter = chance.choice("aeionrstlk")
        text = chance.choice(
            (
                text[:at] + text[at + 1 :],
                text[:at] + letter + text[at:],
                text[:at] + letter + text[at + 1 :],
                text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
            )
        )
    return text


def _cased(chance: random.Random, name: str, noise: float) -> str:
    draw = chance.random() / max(noise, 0.01)
    if draw < 0.3:
        return name.upper()
    return name.lower() if draw < 0.4 else name


def _party(
    chance: random.Random, id: str, company: _Company, spell: Speller, numbers: float
) -> Party:
    def some(text: str, share: float) -> str:
        return text if chance.random() < share else ""

    return Party(
        id=id,
        name=spell(chance, company),
        email=some(f"{chance.choice(('info', 'ar', 'sales'))}@{company.site}.example", 0.5),
        vat_number=some(company.vat, numbers),
        chamber_of_commerce=some(company.chamber, numbers) if company.country == "NL" else "",
        iban=some(company.account, numbers),
        country=some(company.country, 0.6),
        city=some(company.city, 0.5),
    )
