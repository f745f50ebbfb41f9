"""Features of a party: its fields, normalised and checked for comparison."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ml_connector.domain.matching import identifiers
from ml_connector.domain.matching.countries import country_of
from ml_connector.domain.matching.identifiers import Identifier, Kind
from ml_connector.domain.matching.names import Name, plain, read_name
from ml_connector.domain.matching.party import Party

_NO_NUMBERS: Mapping[Kind, Identifier] = MappingProxyType({})
_PLACEHOLDERS = {"na", "n a", "nvt", "n v t", "none", "null", "unknown", "onbekend", "x", "tbd"}
_PUBLIC_MAIL = {
    "gmail", "googlemail", "outlook", "hotmail", "live", "yahoo", "icloud", "aol", "gmx", "web",
    "proton", "protonmail", "ziggo", "kpn", "kpnmail", "xs4all", "planet", "hetnet", "home",
    "upcmail", "chello", "telenet", "skynet", "proximus", "t-online", "freenet", "orange",
    "wanadoo", "free", "laposte", "sfr", "telefonica", "btinternet", "msn", "me", "mail",
}  # fmt: skip
_SECOND_LEVEL = {"co", "com", "org", "net", "gov", "ac"}
_OF_NO_COUNTRY = {"ai", "cc", "co", "eu", "fm", "gg", "io", "ly", "me", "sh", "to", "tv", "ws"}
_CITIES = {
    "s gravenhage": "den haag", "sgravenhage": "den haag", "the hague": "den haag",
    "bruxelles": "brussel", "brussels": "brussel", "koln": "cologne", "koeln": "cologne",
    "munchen": "munich", "muenchen": "munich", "antwerp": "antwerpen", "anvers": "antwerpen",
    "gand": "gent", "ghent": "gent", "luik": "liege", "wien": "vienna", "roma": "rome",
    "milano": "milan", "lisboa": "lisbon", "s hertogenbosch": "den bosch",
    "shertogenbosch": "den bosch",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartyFeatures:
    """A party in comparable form.

    `mail_domain` is "acme" for an address at acme.co.uk, and nothing for a public mail provider;
    `mail_country` is then "gb", and nothing for a domain that is of no country.
    """

    id: str
    name: Name
    numbers: Mapping[Kind, Identifier]
    country: str
    city: str
    mail: str
    mail_domain: str
    mail_country: str
    code: str
    external_id: str
    is_usable: bool


def read_features(party: Party) -> PartyFeatures:
    """Return a party in comparable form."""
    country = _country(party.country)
    numbers = _numbers(party, country)
    vat = numbers.get("vat_number")
    mail = party.email.strip().casefold()
    domain, mail_country = _mail_domain(mail)
    return PartyFeatures(
        id=party.id,
        name=read_name(party.name),
        numbers=numbers,
        country=country or (vat.country.lower() if vat and vat.is_valid else ""),
        city=_city(party.city),
        mail=mail if "@" in mail else "",
        mail_domain=domain,
        mail_country=mail_country,
        code=party.code.strip().casefold(),
        external_id=party.external_id.strip().casefold(),
        is_usable=party.is_usable,
    )


def _numbers(party: Party, country: str) -> Mapping[Kind, Identifier]:
    texts = (party.vat_number, party.chamber_of_commerce, party.iban)
    if not any(texts):
        return _NO_NUMBERS
    iso = country if len(country) == 2 else ""
    found = (
        (kind, identifiers.read(kind, text, iso))
        for kind, text in zip(identifiers.KINDS, texts, strict=True)
        if text
    )
    return {kind: number for kind, number in found if number}


@lru_cache(maxsize=1000)
def _country(text: str) -> str:
    word = plain(text)
    return "" if word in _PLACEHOLDERS else country_of(word)


@lru_cache(maxsize=50_000)
def _city(text: str) -> str:
    word = plain(text)
    return "" if word in _PLACEHOLDERS else _CITIES.get(word, word)


def _mail_domain(mail: str) -> tuple[str, str]:
    """Return the name before the public suffix and the country of the suffix."""
    labels = mail.rpartition("@")[2].split(".")
    if "@" not in mail or len(labels) < 2:
        return "", ""
    suffix = labels.pop()
    if len(labels) > 1 and labels[-1] in _SECOND_LEVEL:
        del labels[-1]
    if labels[-1] in _PUBLIC_MAIL:
        return "", ""
    is_country = len(suffix) == 2 and suffix not in _OF_NO_COUNTRY
    return labels[-1], {"uk": "gb"}.get(suffix, suffix) if is_country else ""
