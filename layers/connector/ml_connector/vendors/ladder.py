"""The rungs that may link by themselves, and every doubt that keeps them from it.

A link pays somebody. So a rung must name one supplier, that supplier must name this vendor alone,
and nothing that both sides know may say otherwise.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_connector.vendors.directory import Directory, reference
from ml_connector.vendors.identifiers import KINDS
from ml_connector.vendors.legal_forms import may_be_one, shared
from ml_connector.vendors.marks import conflict, towns
from ml_connector.vendors.names import Name
from ml_connector.vendors.party import Rule
from ml_connector.vendors.profile import Profile
from ml_connector.vendors.similarity import are_one_place, name_score

VERSION = 1
"""Raised with every change of what links or what doubts: all vendors are then decided anew."""

# An account may belong to a factoring company, a code to another system's own numbering.
_RELATED_NAME = 0.6
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WITHOUT_NAME: set[Rule] = {"external_id", "vat_number", "chamber_of_commerce"}
_FAMILY_SHARES: set[Rule] = {"account_code", "vat_number", "iban"}
_WORDS: dict[Rule, str] = {
    "external_id": "external id",
    "account_code": "account code",
    "vat_number": "VAT number",
    "chamber_of_commerce": "chamber of commerce number",
    "iban": "IBAN",
    "name": "name",
}


@dataclass(frozen=True, slots=True)
class Step:
    """Where the ladder ended: the suppliers found, by which rule, and what speaks against it.

    Certain only with one supplier and no doubt.
    """

    rule: Rule
    suppliers: tuple[int, ...]
    evidence: tuple[str, ...]
    doubts: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Tell whether this may link."""
        return len(self.suppliers) == 1 and not self.doubts


class Ladder:
    """Climbs for one vendor at a time; sees both lists whole, as uniqueness needs both."""

    def __init__(self, vendors: Directory, suppliers: Directory) -> None:
        """Keep both lists."""
        self._vendors = vendors
        self._suppliers = suppliers

    def climb(self, at: int) -> Step:
        """Return the first certain step for the vendor at a position, else the first doubtful."""
        vendor = self._vendors.profiles[at]
        found = list(self._by_identifier(vendor)) or list(self._by_name(vendor))
        if not found:
            return Step("", (), ())
        everyone = tuple(sorted({supplier for _, suppliers in found for supplier in suppliers}))
        evidence = tuple(f"same {_WORDS[rule]}" for rule, _ in found)
        first = found[0][0]
        if len(everyone) > 1:
            return Step(first, everyone, evidence, ("several suppliers fit",))
        steps = [
            Step(rule, everyone, evidence, tuple(self._doubts(rule, at, everyone[0])))
            for rule, _ in found
        ]
        return next((step for step in steps if step.is_certain), steps[0])

    def _by_identifier(self, vendor: Profile) -> Iterator[tuple[Rule, tuple[int, ...]]]:
        told = reference(vendor)
        if told and (same := self._suppliers.with_id(told)):
            yield "external_id", same
        elif told and (same := self._suppliers.with_code(told)):
            yield "account_code", same
        for kind in KINDS:
            if same := self._suppliers.with_number(kind, vendor):
                yield kind, same

    def _by_name(self, vendor: Profile) -> Iterator[tuple[Rule, tuple[int, ...]]]:
        same = self._namesakes(self._suppliers, vendor)
        if same:
            yield "name", tuple(sorted(same))

    def _namesakes(self, directory: Directory, other: Profile) -> set[int]:
        """Return who has the same name, with the same legal form or none on one side."""
        return {
            at
            for at in directory.with_spelling(other)
            if _are_namesakes(directory.profiles[at].name, other.name)
        }

    def _doubts(self, rule: Rule, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.profiles[at], self._suppliers.profiles[supplier]
        if not other.is_usable:
            yield "the supplier is blocked, ended or no supplier"
        yield from _contradictions(one, other)
        if _GUID.fullmatch(told := reference(one)) and told != other.id.strip().casefold():
            yield "the external id is of another supplier"
        if self._other_claims(at, other):
            yield "another vendor has a number or reference of this supplier"
        if rule == "name":
            yield from self._doubts_of_name(at, supplier)
        elif rule != "external_id":
            yield from self._doubts_of_number(rule, at, supplier)

    def _other_claims(self, at: int, supplier: Profile) -> bool:
        """Tell whether another vendor points to this supplier, by number or reference."""
        claims = self._vendors.referring_to(supplier.id.strip().casefold(), supplier.code)
        for kind in KINDS:
            claims.update(self._vendors.with_number(kind, supplier))
        return bool(claims - {at})

    def _doubts_of_number(self, rule: Rule, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.profiles[at], self._suppliers.profiles[supplier]
        if rule in _FAMILY_SHARES and _are_siblings(one.name, other.name):
            yield f"companies of one group may share a {_WORDS[rule]}"
        namesakes = self._namesakes(self._suppliers, one)
        if one.name.is_telling and namesakes and supplier not in namesakes:
            yield "another supplier has exactly this name"
        agreeing = sum(1 for kind in KINDS if _agree(one, other, kind))
        is_alone = agreeing < 2 if rule == "iban" else not agreeing
        if rule not in _WITHOUT_NAME and is_alone and name_score(one, other) < _RELATED_NAME:
            yield "the names have nothing in common"

    def _doubts_of_name(self, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.profiles[at], self._suppliers.profiles[supplier]
        if not one.name.is_telling:
            yield "the name is too short or too common"
        if self._namesakes(self._vendors, other) - {at}:
            yield "another vendor has the same name"
        if not are_one_place(one.city, other.city):
            yield "the cities differ"
        elif self._has_sister_in_town(at, supplier):
            yield "a company of this name in a named town could be meant"
        if one.site and other.site and one.site != other.site:
            yield "the e-mail addresses are of different companies"
        if not one.name.legal_form or not other.name.legal_form:
            yield from self._doubts_of_open_form(at, supplier)

    def _has_sister_in_town(self, at: int, supplier: int) -> bool:
        """Tell whether a town may have been left out of a name, and nothing says which one."""
        one, other = self._vendors.profiles[at], self._suppliers.profiles[supplier]
        if towns(one.name.marks) or (one.city and one.city == other.city):
            return False
        site = one.site if one.site == other.site else ""
        sisters = [self._suppliers.profiles[x] for x in self._suppliers.family_of(one)]
        sisters += [self._vendors.profiles[x] for x in self._vendors.family_of(other)]
        return any(
            towns(each.name.marks)
            for each in sisters
            if not (site and each.site and each.site != site)
        )

    def _doubts_of_open_form(self, at: int, supplier: int) -> Iterator[str]:
        """A side without legal form may mean any company of the family, so there must be one."""
        one, other = self._vendors.profiles[at], self._suppliers.profiles[supplier]
        if one.name.legal_form != other.name.legal_form and not (
            one.city and one.city == other.city
        ):
            yield "one side has no legal form, and no city confirms it"
        if _could_be_meant(self._suppliers, one) - {supplier}:
            yield "another supplier of this family could be meant"
        if _could_be_meant(self._vendors, other) - {at}:
            yield "another vendor of this family could be meant"
        core = one.name.core
        if self._suppliers.goes_on(core) or (len(core) == 1 and self._vendors.goes_on(core)):
            yield "another company's name goes on where this one ends"


def _could_be_meant(directory: Directory, profile: Profile) -> set[int]:
    """Return who of the family has all the marks of this name: one that has others is not meant."""
    said = profile.name.marks
    return {at for at in directory.family_of(profile) if said <= directory.profiles[at].name.marks}


def _contradictions(one: Profile, other: Profile) -> Iterator[str]:
    for kind in KINDS:
        ours, theirs = one.numbers.get(kind), other.numbers.get(kind)
        if ours and theirs and not ours.same_as(theirs):
            yield f"the {_WORDS[kind]} differs"
    if one.country and other.country and one.country != other.country:
        yield "the country differs"


def _agree(one: Profile, other: Profile, kind: str) -> bool:
    return any(
        number.is_valid and theirs.same_as(number)
        for each, number in one.numbers.items()
        if each == kind and (theirs := other.numbers.get(each))
    )


def _are_namesakes(one: Name, other: Name) -> bool:
    return one.marks == other.marks and (
        not one.legal_form or not other.legal_form or shared(one.legal_form, other.legal_form)
    )


def _are_siblings(one: Name, other: Name) -> bool:
    return conflict(one.marks, other.marks) or not may_be_one(one.legal_form, other.legal_form)
