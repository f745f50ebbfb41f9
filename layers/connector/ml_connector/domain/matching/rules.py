"""The rules that may link automatically, and the doubts that prevent it.

A wrong link pays the wrong company. So a rule must find one supplier, no other vendor may fit that
supplier unless it is the same vendor twice, and no field known on both sides may contradict.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz.fuzz import ratio

from ml_connector.domain.matching.distinguishing_words import conflict, towns
from ml_connector.domain.matching.features import PartyFeatures, read_features
from ml_connector.domain.matching.identifiers import KINDS
from ml_connector.domain.matching.legal_forms import (
    are_compatible,
    may_be_a_person,
    same_form,
    tells_apart,
)
from ml_connector.domain.matching.names import Name
from ml_connector.domain.matching.party import MatchRule, Party
from ml_connector.domain.matching.party_index import PartyIndex, reference
from ml_connector.domain.matching.similarity import may_be_same_city, name_score

VERSION = 3
"""Raise this with every change of the rules: all vendors are then decided again."""

# An account may belong to a factoring company, a code to another system's own numbering.
_RELATED_NAME = 0.6
_SAME_WORD = 75
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


def are_one_vendor(one: Party, other: Party) -> bool:
    """Tell whether two vendors are one that stands twice: same name and form, no difference."""
    return _are_duplicates(read_features(one), read_features(other))


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
        if len(same) > 1:
            same = self._closest(vendor, same)
        if same:
            yield "name", tuple(sorted(same))

    def _namesakes(self, index: PartyIndex, other: PartyFeatures) -> set[int]:
        """Return the parties of the same name, with the same legal form or none on one side."""
        return {
            at
            for at in index.with_spelling(other)
            if _are_namesakes(index.features[at].name, other.name)
        }

    def _closest(self, vendor: PartyFeatures, suppliers: set[int]) -> set[int]:
        """Prefer the namesakes with the vendor's legal form to those without one."""
        same = {
            at for at in suppliers if _have_form(self._suppliers.features[at].name, vendor.name)
        }
        return same or suppliers

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
        return any(not self.are_one_vendor(at, other) for other in claims - {at})

    def are_one_vendor(self, at: int, other: int) -> bool:
        """Tell whether two vendors, given by position, are one that stands twice."""
        return _are_duplicates(self._vendors.features[at], self._vendors.features[other])

    # ------------------------------------------------------------ by number

    def _doubts_of_number(self, rule: MatchRule, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if rule in _SHARED_IN_GROUP and (
            _are_siblings(one.name, other.name) or _have_own_words(one.name, other.name)
        ):
            yield f"companies of one group may share a {_RULE_NAMES[rule]}"
        namesakes = self._namesakes(self._suppliers, one)
        if one.name.is_distinctive and namesakes and supplier not in namesakes:
            yield "another supplier has exactly this name"
        agreeing = sum(1 for kind in KINDS if _agree(one, other, kind))
        is_alone = agreeing < 2 if rule == "iban" else not agreeing
        if rule not in _WITHOUT_NAME and is_alone and name_score(one, other) < _RELATED_NAME:
            yield "the names have nothing in common"

    # ------------------------------------------------------------ by name

    def _doubts_of_name(self, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        has_form = _have_form(one.name, other.name)
        if not (one.name.has_letters if has_form else one.name.is_distinctive):
            yield "the name is too short or too common"
        if self._rivals(at, other):
            yield "another vendor has the same name"
        yield from self._doubts_of_place(at, supplier)
        yield from _doubts_of_mail(one, other)
        is_company = has_form and not may_be_a_person(one.name.legal_form)
        if one.name.is_person and not is_company and not _is_proven(one, other):
            yield "many persons have this name, and nothing else confirms it"
        if not has_form:
            yield from self._doubts_of_missing_form(at, supplier)

    def _rivals(self, at: int, supplier: PartyFeatures) -> set[int]:
        """Return the other vendors that the supplier may be as well as this one."""
        one = self._vendors.features[at]
        rivals = self._namesakes(self._vendors, supplier) - {at}
        if _is_exact(one.name, supplier.name):
            rivals = {
                each
                for each in rivals
                if _is_exact(self._vendors.features[each].name, supplier.name)
            }
        return {each for each in rivals if not self.are_one_vendor(at, each)}

    def _doubts_of_place(self, at: int, supplier: int) -> Iterator[str]:
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if not may_be_same_city(one.city, other.city):
            if not (_have_form(one.name, other.name) and self._is_only_one(at, supplier)):
                yield "the cities differ"
        elif self._has_sister_in_town(at, supplier):
            yield "a company of this name in a named town could be meant"

    def _is_only_one(self, at: int, supplier: int) -> bool:
        """Tell whether no list has another company of this family."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        return (
            len(one.name.core) > 1
            and not self._suppliers.family_of(one) - {supplier}
            and not self._vendors.family_of(other) - {at}
        )

    def _has_sister_in_town(self, at: int, supplier: int) -> bool:
        """Tell whether a town may have been left out of the name."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if set(one.name.families).isdisjoint(other.name.families):
            return False  # the same words in another order
        if towns(one.name.distinguishing) or (one.city and one.city == other.city):
            return False
        mail_domain = one.mail_domain if one.mail_domain == other.mail_domain else ""

        def is_in_town(each: PartyFeatures) -> bool:
            of_others = mail_domain and each.mail_domain and each.mail_domain != mail_domain
            return bool(towns(each.name.distinguishing)) and not of_others

        return self._has_unpaired_relative(at, supplier, is_in_town)

    def _doubts_of_missing_form(self, at: int, supplier: int) -> Iterator[str]:
        """Without a legal form a name may mean any of the family, so there must be only one."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        if one.name.legal_form != other.name.legal_form and not _is_proven(one, other):
            if tells_apart(one.name.legal_form or other.name.legal_form):
                yield "one side has no legal form, and a company may have this name too"
            if one.name.is_shortened != other.name.is_shortened:
                yield "one side has no legal form, and a word is shortened"
            if len(one.name.tokens) != len(other.name.tokens):
                yield "one side has no legal form, and the words are divided differently"
        words = one.name.distinguishing
        if self._has_unpaired_relative(
            at, supplier, lambda each: words <= each.name.distinguishing
        ):
            yield "another company of this family could be meant"
        if one.name.legal_form != other.name.legal_form and (
            self._suppliers.has_longer_name(one) or self._vendors.has_longer_name(one)
        ):
            yield "a company of this name with a trade behind it could be meant"

    def _has_unpaired_relative(
        self, at: int, supplier: int, may_be_meant: Callable[[PartyFeatures], bool]
    ) -> bool:
        """Tell whether such a company of the family has no counterpart in the other list."""
        one, other = self._vendors.features[at], self._suppliers.features[supplier]
        vendors, suppliers = self._vendors, self._suppliers
        return any(
            may_be_meant(relative := suppliers.features[each])
            and not _has_counterpart(relative, vendors, at)
            for each in suppliers.family_of(one) - {supplier}
        ) or any(
            may_be_meant(relative := vendors.features[each])
            and not _has_counterpart(relative, suppliers, supplier)
            for each in vendors.family_of(other) - {at}
        )


def _has_counterpart(party: PartyFeatures, others: PartyIndex, taken: int) -> bool:
    """Tell whether the other list has a namesake of this family, beside the one that is taken."""
    return any(
        each != taken
        and _are_namesakes(name := others.features[each].name, party.name)
        and not set(name.families).isdisjoint(party.name.families)
        for each in others.with_spelling(party)
    )


def _doubts_of_mail(one: PartyFeatures, other: PartyFeatures) -> Iterator[str]:
    if one.mail_domain and other.mail_domain and one.mail_domain != other.mail_domain:
        yield "the e-mail addresses are of different companies"
    elif one.mail_domain and _are_different(one.mail_country, other.mail_country):
        yield "the e-mail addresses are of companies in different countries"


def _is_proven(one: PartyFeatures, other: PartyFeatures) -> bool:
    """Tell whether something beside the name says that both are one: town, e-mail, number."""
    if one.city and one.city == other.city:
        return True
    if one.mail and one.mail == other.mail:
        return True
    if one.mail_domain and one.mail_domain == other.mail_domain:
        return not _are_different(one.mail_country, other.mail_country)
    return any(_agree(one, other, kind) for kind in KINDS)


def _contradictions(one: PartyFeatures, other: PartyFeatures) -> Iterator[str]:
    for kind in KINDS:
        ours, theirs = one.numbers.get(kind), other.numbers.get(kind)
        if ours and theirs and not ours.same_as(theirs):
            yield f"the {_RULE_NAMES[kind]} differs"
    if _are_different(one.country, other.country):
        yield "the country differs"


def _are_different(text: str, other: str) -> bool:
    return bool(text and other and text != other)


def _agree(one: PartyFeatures, other: PartyFeatures, kind: str) -> bool:
    return any(
        number.is_valid and theirs.same_as(number)
        for each, number in one.numbers.items()
        if each == kind and (theirs := other.numbers.get(each))
    )


def _are_namesakes(one: Name, other: Name) -> bool:
    if one.words and one.words == other.words and (one.legal_form or other.legal_form):
        return True  # such as "Volvo AB" and "AB Volvo"
    if one.legal_form and other.legal_form and not same_form(one.legal_form, other.legal_form):
        return False
    if one.distinguishing == other.distinguishing:
        return not set(one.keys).isdisjoint(other.keys)
    return _have_form(one, other) and _differ_by_tail(one, other)


def _differ_by_tail(one: Name, other: Name) -> bool:
    """Tell whether only one name says, behind its form, where the company is."""
    is_place = not conflict(one.distinguishing, other.distinguishing)
    return (
        is_place
        and bool(one.tail) != bool(other.tail)
        and one.distinguishing - one.tail == other.distinguishing - other.tail
    )


def _have_form(one: Name, other: Name) -> bool:
    """Tell whether both names have a legal form, and the same."""
    if one.words and one.words == other.words:
        return bool(one.legal_form or other.legal_form)
    return bool(one.legal_form and other.legal_form) and same_form(one.legal_form, other.legal_form)


def _is_exact(one: Name, other: Name) -> bool:
    """Tell whether both names have the same legal form, or both none."""
    return one.legal_form == other.legal_form or _have_form(one, other)


def _are_duplicates(one: PartyFeatures, other: PartyFeatures) -> bool:
    a, b = one.name, other.name
    if not a.legal_form or a.legal_form != b.legal_form or a.distinguishing != b.distinguishing:
        return False
    if set(a.families).isdisjoint(b.families) or a.is_person or not a.has_letters:
        return False
    is_same = not any(_contradictions(one, other)) and not any(_doubts_of_mail(one, other))
    return is_same and may_be_same_city(one.city, other.city)


def _are_siblings(one: Name, other: Name) -> bool:
    return conflict(one.distinguishing, other.distinguishing) or not are_compatible(
        one.legal_form, other.legal_form
    )


def _have_own_words(one: Name, other: Name) -> bool:
    """Tell whether each name has a word that the other lacks, beside a word of both."""
    ours, theirs = set(one.core), set(other.core)
    if ours.isdisjoint(theirs) or not set(one.families).isdisjoint(other.families):
        return False
    mine, yours = ours - theirs, theirs - ours
    return any(not _is_like(word, yours) for word in mine) and any(
        not _is_like(word, mine) for word in yours
    )


def _is_like(word: str, others: Iterable[str]) -> bool:
    """Tell whether the word is one of these, misspelt or shortened."""
    return any(
        other.startswith(word) or word.startswith(other) or ratio(word, other) >= _SAME_WORD
        for other in others
    )
