"""VAT, chamber of commerce and bank account numbers, normalised and checked."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Literal

from stdnum import get_cc_module
from stdnum import iban as iban_
from stdnum.de import handelsregisternummer
from stdnum.exceptions import ValidationError
from stdnum.fr import siren, siret

Kind = Literal["vat_number", "chamber_of_commerce", "iban"]
KINDS: tuple[Kind, ...] = ("vat_number", "chamber_of_commerce", "iban")

_NOT_ALNUM = re.compile(r"[\W_]+")
_PREFIXES = {"EL": "GR", "XI": "GB", "UK": "GB"}
_SHORTEST = 5
_WITHOUT_FIRST_0 = 7
_CHAMBER_SHAPES = {
    "NL": re.compile(r"\d{8}"),
    "GB": re.compile(r"[A-Z0-9]{2}\d{6}"),
}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A normalised number; `country` is empty when unknown.

    An invalid number never links, but a difference still prevents a link. `passed` is None for an
    IBAN, which is checked when somebody asks: that is slow, and few are in both lists.
    """

    value: str
    country: str
    passed: bool | None

    @property
    def is_valid(self) -> bool:
        """Tell whether the number has the right form and check digits."""
        return _is_iban(self.value) if self.passed is None else self.passed

    def same_as(self, other: "Identifier") -> bool:
        """Tell whether both are the same number; an unknown country fits any."""
        return self.value == other.value and (
            not self.country or not other.country or self.country == other.country
        )


def read(kind: Kind, text: str, country: str) -> Identifier | None:
    """Return the number in a text, or None; `country` is ISO 3166 or empty."""
    bare = _NOT_ALNUM.sub("", text).upper()
    if not any(c in "123456789" for c in bare):
        return None
    if kind == "iban":
        return Identifier(bare, "", None)
    if kind == "vat_number":
        return _vat(bare, country.upper())
    return _chamber(bare, text, country.upper())


def _vat(bare: str, country: str) -> Identifier:
    prefix = _PREFIXES.get(bare[:2], bare[:2])
    module = _vat_module(prefix.lower()) if prefix.isalpha() else None
    if module and (number := _checked(module, bare)):
        return Identifier(_without_prefix(number, prefix), prefix, passed=True)
    module = _vat_module(country.lower()) if country else None
    if module and (number := _checked(module, bare)):
        return Identifier(_without_prefix(number, country), country, passed=True)
    known = prefix if prefix.isalpha() and _vat_module(prefix.lower()) else country
    return Identifier(_without_prefix(bare, known), known, passed=False)


def _without_prefix(number: str, country: str) -> str:
    for prefix in (country, *(p for p, real in _PREFIXES.items() if real == country)):
        if prefix and number.startswith(prefix):
            number = number[len(prefix) :]
            break
    # Belgian numbers are written with and without their first 0.
    return number.zfill(10) if country == "BE" else number


def _chamber(bare: str, text: str, country: str) -> Identifier:
    if country == "NL":
        bare = bare.removeprefix("KVK")
        bare = bare.zfill(8) if len(bare) == _WITHOUT_FIRST_0 else bare
    elif country == "BE":
        bare = bare.removeprefix("BE").zfill(10)
    elif country == "GB":
        bare = bare.zfill(8) if len(bare) == _WITHOUT_FIRST_0 else bare
    elif country == "DE":
        bare = _checked(handelsregisternummer, text) or bare
    elif country == "FR" and _checked(siret, bare):
        bare = bare[:9]
    return Identifier(bare, country, passed=_is_chamber_number(bare, country))


def _is_chamber_number(bare: str, country: str) -> bool:
    if country in _CHAMBER_SHAPES:
        return bool(_CHAMBER_SHAPES[country].fullmatch(bare))
    checks: dict[str, Any] = {
        "BE": _vat_module("be"),
        "FR": siren,
        "ES": _vat_module("es"),
        "DE": handelsregisternummer,
    }
    if country in checks:
        return bool(_checked(checks[country], bare)) or (country == "DE" and _is_long(bare))
    return _is_long(bare)


def _is_long(bare: str) -> bool:
    return len(bare) >= _SHORTEST and sum(c.isdigit() for c in bare) >= _SHORTEST


@lru_cache(maxsize=10_000)
def _is_iban(text: str) -> bool:
    return bool(_checked(iban_, text))


def _checked(module: Any, text: str) -> str:
    try:
        return str(module.validate(text))
    except ValidationError:
        return ""


@cache
def _vat_module(country: str) -> Any:
    return get_cc_module(country, "vat")
