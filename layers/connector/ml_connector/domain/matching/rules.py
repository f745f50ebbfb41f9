"""The rules that may link automatically, and the doubts that prevent it.

A wrong link pays the wrong company. So a rule must find one supplier, no other vendor may fit that
supplier, and no field known on both sides may contradict.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ml_connector.domain.matching.distinguishing_words import conflict, towns
from ml_connector.domain.matching.features import PartyFeatures
from ml_connector.domain.matching.identifiers import KINDS
from ml_connector.domain.matching.legal_forms import are_compatible, same_form
from ml_connector.domain.matching.names import Name
from ml_connector.domain.matching.party import MatchRule
from ml_connector.domain.matching.party_index import PartyIndex, reference
from ml_connector.domain.matching.similarity import may_be_same_city, name_score

VERSION = 1
"""Raise this with every change of the rules: all vendors are then decided again."""

# An account may belong to a factoring company, a code to another system's own numbering.
_RELATED_NAME = 0.6
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WITHOUT_NAME: set[MatchRule] = {"external_id", "vat_number", "chamber_of_commerce"}
_SHARED_IN_GROUP: set[MatchRule] = {"account_code", "vat_number", "iban"}
_RULE_NAMES: dict[MatchRule, str] = {
    "external_id": "external id",
    "account_code": "account code",
    "vat_number": "VAT number",
    "chamber_of_commerce": "chamber of commerce number",
    "iban": "IBAN",
    "name": "name",
}


@dataclass(frozen=True, slots=True)
class RuleResult:
    """The suppliers that a rule found, the evidence, and the doubts about it."""

    rule: MatchRule
    suppliers: tuple[int, ...]
    evidence: tuple[str, ...]
    doubts: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Tell whether this may link: one supplier and no doubt."""
        return len(self.suppliers) == 1 and not self.doubts


class MatchRules:
    """Applies the rules to one vendor at a time; needs both full lists to tell what is unique."""

    def __init__(self, vendors: PartyIndex, suppliers: PartyIndex) -> None:
        """Keep both lists."""
        self._vendors = vendors
        self._suppliers = suppliers

    def apply(self, at: int) -> RuleResult:
        """Return the first certain result for the vendor at a position, else the first in doubt."""
        vendor = self._vendors.features[at]
        found = list(self._by_identifier(vendor)) or list(self._by_name(vendor))
        if not found:
            return RuleResult("", (), ())
        suppliers_found = tuple(
            sorted({supplier for _, suppliers in found for supplier in suppliers})
        )
        evidence = tuple(f"same {_RULE_NAMES[rule]}" for rule, _ in found)
        first = found[0][0]
        if len(suppliers_found) > 1:
            return RuleResult(first, suppliers_found, evidence, ("several suppliers fit",))
        results = [
            RuleResult(
                rule, suppliers_found, evidence, tuple(self._doubts(rule, at, suppliers_found[0]))
            )
            for rule, _ in found
        ]
        return next((each for each in results if each.is_certain), results[0])

    def _by_identifier(self, vendor: PartyFeatures) -> Iterator[tuple[MatchRule, tuple[int, ...]]]:
        ref = reference(vendor)
        if ref and (same := self._suppliers.with_id(ref)):
            yield "external_id", same
        elif ref and (same := self._suppliers.with_code(ref)):
            yield "account_code", same
        for kind in KINDS:
            if same := self._suppliers.with_number(kind, vendor):
                yield kind, same

    def _by_name(self, vendor: PartyFeatures) -> Iterator[tuple[MatchRule, tuple[int, ...]]]:
        same = self._namesakes(self._suppliers, vendor)
        if same:
            yield "name", tuple(sorted(same))

    def _namesakes(self, index: PartyIndex, other: PartyFeatures) -> set[int]:
        """Return the parties of the same name, with the same legal form or none on one side."""
        return {
            at
            for at in index.with_spelling(other)
            if _are_namesakes(index.features[at].name, other.name)
        }

    def _doubts(self, rule: MatchRule, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if not other.is_usable:
            yield "the account is blocked, ended or not a supplier"
        yield from _contradictions(one, other)
        if _GUID.fullmatch(ref := reference(one)) and ref != other.id.strip().casefold():
            yield "the external id names another supplier"
        if self._other_claims(at, other):
            yield "another vendor has a number or reference of this supplier"
        if rule == "name":
            yield from self._doubts_of_name(at, supplier)
        elif rule != "external_id":
            yield from self._doubts_of_number(rule, at, supplier)

    def _other_claims(self, at: int, supplier: PartyFeatures) -> bool:
        """Tell whether another vendor points to this supplier, by number or reference."""
        claims = self._vendors.referring_to(supplier.id.strip().casefold(), supplier.code)
        for kind in KINDS:
            claims.update(self._vendors.with_number(kind, supplier))
        return bool(claims - {at})

    def _doubts_of_number(self, rule: MatchRule, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if rule in _SHARED_IN_GROUP and _are_siblings(one.name, other.name):
            yield f"companies of one group may share a {_RULE_NAMES[rule]}"
        namesakes = self._namesakes(self._suppliers, one)
        if one.name.is_distinctive and namesakes and supplier not in namesakes:
            yield "another supplier has exactly this name"
        agreeing = sum(1 for kind in KINDS if _agree(one, other, kind))
        is_alone = agreeing < 2 if rule == "iban" else not agreeing
        if rule not in _WITHOUT_NAME and is_alone and name_score(one, other) < _RELATED_NAME:
            yield "the names have nothing in common"

    def _doubts_of_name(self, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if not one.name.is_distinctive:
            yield "the name is too short or too common"
        if self._namesakes(self._vendors, other) - {at}:
            yield "another vendor has the same name"
        if not may_be_same_city(one.city, other.city):
            yield "the cities differ"
        elif self._has_sister_in_town(at, supplier):
            yield "a company of this name in a named town could be meant"
        if one.mail_domain and other.mail_domain and one.mail_domain != other.mail_domain:
            yield "the e-mail addresses are of different companies"
        if not one.name.legal_form or not other.name.legal_form:
            yield from self._doubts_of_missing_form(at, supplier)

    def _has_sister_in_town(self, at: int, supplier: int) -> bool:
        """Tell whether a town may have been left out of the name."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if towns(one.name.distinguishing) or (one.city and one.city == other.city):
            return False
        mail_domain = one.mail_domain if one.mail_domain == other.mail_domain else ""
        sisters = [self._suppliers.features[x] for x in self._suppliers.family_of(one)]
        sisters += [self._vendors.features[x] for x in self._vendors.family_of(other)]
        return any(
            towns(each.name.distinguishing)
            for each in sisters
            if not (mail_domain and each.mail_domain and each.mail_domain != mail_domain)
        )

    def _doubts_of_missing_form(self, at: int, supplier: int) -> Iterator[str]:
        """Without a legal form a name may mean any of the family, so there must be only one."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if one.name.legal_form != other.name.legal_form and not (
            one.city and one.city == other.city
        ):
            yield "one side has no legal form, and no city confirms it"
        if _could_be_meant(self._suppliers, one) - {supplier}:
            yield "another supplier of this family could be meant"
        if _could_be_meant(self._vendors, other) - {at}:
            yield "another vendor of this family could be meant"
        core = one.name.core
        if self._suppliers.has_longer_name(core) or (
            len(core) == 1 and self._vendors.has_longer_name(core)
        ):
            yield "a longer name begins with this one"


def _could_be_meant(index: PartyIndex, features: PartyFeatures) -> set[int]:
    """Return the parties of the family with at least the distinguishing words of this name."""
    words = features.name.distinguishing
    return {
        at for at in index.family_of(features) if words <= index.features[at].name.distinguishing
    }


def _contradictions(one: PartyFeatures, other: PartyFeatures) -> Iterator[str]:
    for kind in KINDS:
        ours, theirs = one.numbers.get(kind), other.numbers.get(kind)
        if ours and theirs and not ours.same_as(theirs):
            yield f"the {_RULE_NAMES[kind]} differs"
    if one.country and other.country and one.country != other.country:
        yield "the country differs"


def _agree(one: PartyFeatures, other: PartyFeatures, kind: str) -> bool:
    return any(
        number.is_valid and theirs.same_as(number)
        for each, number in one.numbers.items()
        if each == kind and (theirs := other.numbers.get(each))
    )


def _are_namesakes(one: Name, other: Name) -> bool:
    return one.distinguishing == other.distinguishing and (
        not one.legal_form or not other.legal_form or same_form(one.legal_form, other.legal_form)
    )


def _are_siblings(one: Name, other: Name) -> bool:
    return conflict(one.distinguishing, other.distinguishing) or not are_compatible(
        one.legal_form, other.legal_form
    )
