"""Match two lists: link what is certain, propose what is similar, leave the rest.

The decisions do not depend on the order of either list.
"""

import gc
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from ml_connector.domain.matching.candidates import CandidateIndex
from ml_connector.domain.matching.features import PartyFeatures, read_features
from ml_connector.domain.matching.party import Candidate, MatchDecision, MatchRule, Party
from ml_connector.domain.matching.party_index import PartyIndex
from ml_connector.domain.matching.rules import MatchRules, RuleResult
from ml_connector.domain.matching.similarity import score

MOST_CANDIDATES = 3
_LIKELIEST, _LIKELIEST_FREE = 8, 10
_MOST_FOUND = 12
_LEAST_TO_PROPOSE = 0.65
# Below it nothing in the list is alike, so a supplier may be created. A person who looks at a
# vendor anyway sees what is above it.
_LEAST_ALIKE = 0.55
_LINK_SCORES: dict[MatchRule, float] = {
    "external_id": 1.0, "account_code": 1.0, "vat_number": 1.0, "chamber_of_commerce": 1.0,
    "iban": 0.99, "name": 0.98,
}  # fmt: skip
_LEAST_BY_NUMBER = 0.9
# A company that was renamed within its group often keeps the group's word in front.
_LEAST_BY_FIRST_WORD, _MOST_OF_A_GROUP, _SHORTEST_OF_A_GROUP = 0.82, 8, 3
_Ranked = list[tuple[float, int]]  # the negative score, for sorting, and the supplier's position


def match(
    vendors: Iterable[Party],
    suppliers: Iterable[Party],
    progress: Callable[[int], None] | None = None,
) -> list[MatchDecision]:
    """Return one decision for each vendor, in their order.

    Ids are unique on each side. `progress` is called with the number of vendors done. 100,000 by
    100,000 take about a minute and half a gigabyte.
    """
    with _without_collection():
        matcher = Matcher(vendors, suppliers)
        decisions = []
        for at, result in enumerate(matcher.apply()):
            decisions.append(matcher.decide(at, result))
            if progress:
                progress(at + 1)
    return decisions


class Matcher:
    """Decides about vendors; reads and indexes both lists once."""

    def __init__(self, vendors: Iterable[Party], suppliers: Iterable[Party]) -> None:
        """Index both lists; vendors keep their positions."""
        with _without_collection():
            self._vendors = [read_features(party) for party in vendors]
            # Sorted by id, so that ties are always broken alike.
            self._suppliers = sorted((read_features(party) for party in suppliers), key=_id)
            self._rules = MatchRules(PartyIndex(self._vendors), PartyIndex(self._suppliers))
        self._index: CandidateIndex | None = None
        self._groups: defaultdict[str, list[int]] = defaultdict(list)
        self._claimed: set[int] = set()

    def apply(self) -> list[RuleResult]:
        """Apply the rules to every vendor; a supplier is certain for one vendor only.

        A vendor that stands twice in Airbase has one supplier.
        """
        results = [self._rules.apply(at) for at in range(len(self._vendors))]
        claims: defaultdict[int, list[int]] = defaultdict(list)
        for at, result in enumerate(results):
            if result.is_certain:
                claims[result.suppliers[0]].append(at)
        self._claimed = set(claims)
        return [
            replace(result, doubts=("several vendors fit this supplier",))
            if result.is_certain and self._has_rival(at, claims[result.suppliers[0]])
            else result
            for at, result in enumerate(results)
        ]

    def _has_rival(self, at: int, claimants: Iterable[int]) -> bool:
        return any(at != each and not self._rules.are_one_vendor(at, each) for each in claimants)

    def decide(self, at: int, result: RuleResult) -> MatchDecision:
        """Return the decision about the vendor at a position, given the result of its rules."""
        vendor = self._vendors[at]
        if result.is_certain:
            supplier = self._suppliers[result.suppliers[0]]
            return MatchDecision(
                vendor.id,
                "link",
                _LINK_SCORES[result.rule],
                result.rule,
                supplier.id,
                evidence=result.evidence,
            )
        return self._proposal(vendor, result)

    def _proposal(self, vendor: PartyFeatures, result: RuleResult) -> MatchDecision:
        ranked = self._ranked(vendor, result)
        best = -ranked[0][0] if ranked else 0.0
        alike = [each for each in ranked if -each[0] >= _LEAST_ALIKE]
        if best < _LEAST_TO_PROPOSE and not result.suppliers:
            return MatchDecision(vendor.id, "none", best, "", candidates=self._offered(alike))
        return MatchDecision(
            vendor.id,
            "review",
            best,
            result.rule or "similar_name",
            candidates=self._offered(alike or ranked),
            evidence=result.evidence,
            doubts=result.doubts,
        )

    def _offered(self, ranked: _Ranked) -> tuple[Candidate, ...]:
        """Return the best three; the last of them one that no other vendor has, if there is one.

        The others may be another vendor's too: the same company often has several spellings.
        """
        first, others = ranked[: MOST_CANDIDATES - 1], ranked[MOST_CANDIDATES - 1 :]
        free = next((each for each in others if each[1] not in self._claimed), None)
        offered = (*first, free) if free else (*first, *others[:1])
        return tuple(Candidate(self._suppliers[at].id, -negative) for negative, at in offered)

    def _ranked(self, vendor: PartyFeatures, result: RuleResult) -> _Ranked:
        positions = self._names_index().candidates(
            vendor.name, _LIKELIEST, _LIKELIEST_FREE, self._claimed
        )
        least = 0.0 if result.rule in {"", "name"} else _LEAST_BY_NUMBER
        group = self._group(vendor)
        scores = {
            at: score(vendor, self._suppliers[at], _LEAST_BY_FIRST_WORD if at in group else 0.0)
            for at in positions
        }
        for at in result.suppliers[:_MOST_FOUND]:
            scores[at] = max(score(vendor, self._suppliers[at]), least)
        return sorted([(-value, at) for at, value in scores.items()])

    def _group(self, vendor: PartyFeatures) -> Collection[int]:
        """Return the suppliers that have the vendor's first word in front, if they are few."""
        word = _first_word(vendor)
        group = self._groups.get(word, ()) if word in vendor.name.own else ()
        return group if len(group) <= _MOST_OF_A_GROUP else ()

    def _names_index(self) -> CandidateIndex:
        if self._index is None:
            with _without_collection():
                self._index = CandidateIndex([each.name for each in self._suppliers])
                for at, supplier in enumerate(self._suppliers):
                    self._groups[_first_word(supplier)].append(at)
        return self._index


@contextmanager
def _without_collection() -> Iterator[None]:
    """Pause the search for circular garbage, which would read the growing lists again and again.

    They hold no circles; the search takes a fifth of the time.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _first_word(party: PartyFeatures) -> str:
    """Return the first word of a name if it is long enough to say which group it is of."""
    word = party.name.tokens[0] if party.name.tokens else ""
    return word if len(word) >= _SHORTEST_OF_A_GROUP else ""


def _id(features: PartyFeatures) -> str:
    return features.id
