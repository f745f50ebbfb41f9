"""Decide about every vendor: link what is certain, propose what is alike, leave the rest.

What is decided depends on neither list's order.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ml_connector.vendors.candidates import CandidateIndex
from ml_connector.vendors.directory import Directory
from ml_connector.vendors.ladder import Ladder, Step
from ml_connector.vendors.party import Candidate, Decision, Party, Rule
from ml_connector.vendors.profile import Profile, read_profile
from ml_connector.vendors.similarity import score

MOST_CANDIDATES = 3
_COMPARED = 28
_WORTH_A_LOOK = 0.8
_LINK_SCORES: dict[Rule, float] = {
    "external_id": 1.0, "account_code": 1.0, "vat_number": 1.0, "chamber_of_commerce": 1.0,
    "iban": 0.99, "name": 0.98,
}  # fmt: skip
_FOUND_BY_NUMBER = 0.9


def match(
    vendors: Iterable[Party],
    suppliers: Iterable[Party],
    progress: Callable[[int], None] | None = None,
) -> list[Decision]:
    """Return one decision for each vendor, in their order.

    Ids are unique on each side. `progress` is told how many vendors are done. 100,000 by 100,000
    take about a minute and half a gigabyte.
    """
    matcher = Matcher(vendors, suppliers)
    steps = matcher.climb()
    decisions = []
    for at, step in enumerate(steps):
        decisions.append(matcher.decide(at, step))
        if progress:
            progress(at + 1)
    return decisions


class Matcher:
    """Both lists, read and indexed once."""

    def __init__(self, vendors: Iterable[Party], suppliers: Iterable[Party]) -> None:
        """Read both lists; positions of vendors are those given."""
        self._vendors = [read_profile(party) for party in vendors]
        # In the order of their ids, so that ties fall the same way every time.
        self._suppliers = sorted((read_profile(party) for party in suppliers), key=_id)
        self._ladder = Ladder(Directory(self._vendors), Directory(self._suppliers))
        self._index: CandidateIndex | None = None

    def climb(self) -> list[Step]:
        """Return where each vendor's ladder ended; a supplier is certain for one vendor only."""
        steps = [self._ladder.climb(at) for at in range(len(self._vendors))]
        claims = Counter(step.suppliers[0] for step in steps if step.is_certain)
        return [
            replace(step, doubts=("several vendors fit this supplier",))
            if step.is_certain and claims[step.suppliers[0]] > 1
            else step
            for step in steps
        ]

    def decide(self, at: int, step: Step) -> Decision:
        """Return the decision about the vendor at a position, given where its ladder ended."""
        vendor = self._vendors[at]
        if step.is_certain:
            supplier = self._suppliers[step.suppliers[0]]
            return Decision(
                vendor.id,
                "link",
                _LINK_SCORES[step.rule],
                step.rule,
                supplier.id,
                evidence=step.evidence,
            )
        return self._proposal(vendor, step)

    def _proposal(self, vendor: Profile, step: Step) -> Decision:
        ranked = self._ranked(vendor, step)
        best = ranked[0].score if ranked else 0.0
        worthy = [each for each in ranked if each.score >= _WORTH_A_LOOK]
        if not worthy and not step.suppliers:
            return Decision(vendor.id, "none", best, "")
        return Decision(
            vendor.id,
            "review",
            best,
            step.rule or "similar_name",
            candidates=tuple((worthy or ranked)[:MOST_CANDIDATES]),
            evidence=(*step.evidence, *step.doubts),
        )

    def _ranked(self, vendor: Profile, step: Step) -> list[Candidate]:
        positions: Sequence[int] = self._names_index().near(vendor.name, _COMPARED)
        least = 0.0 if step.rule in {"", "name"} else _FOUND_BY_NUMBER
        scores = {at: score(vendor, self._suppliers[at]) for at in positions}
        for at in step.suppliers[:_COMPARED]:
            scores[at] = max(score(vendor, self._suppliers[at]), least)
        ranked = sorted(scores, key=lambda at: (-scores[at], at))
        return [Candidate(self._suppliers[at].id, scores[at]) for at in ranked]

    def _names_index(self) -> CandidateIndex:
        if self._index is None:
            self._index = CandidateIndex([each.name for each in self._suppliers])
        return self._index


def _id(profile: Profile) -> str:
    return profile.id
