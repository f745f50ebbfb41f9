"""One vendor's record: what was decided about it in each division, each step audited.

A decision, its audit entry and the links or proposals that it changes are one transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ml_connector.domain.faults import Fault, Problem, Review
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.open_exceptions import are_alike
from ml_connector.domain.records import VendorDivision, VendorState
from ml_connector.infrastructure.dynamodb import Write
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.vendor_links import (
    Link,
    Rejection,
    SupplierProposal,
    SupplierProposals,
    VendorLinks,
)
from ml_connector.records.tracked_record import TrackedRecord

Agreed = Mapping[str, str]
"""Names and e-mail addresses of both sides when a link was made or last accepted."""


class TrackedVendor:
    """Holds the record as stored.

    Its facts: `title` (the vendor's name), `problems` (the open exceptions of all divisions) and
    `divisions`, by key: `agreed`, `problem`, `proposed` (supplier ids) and `intent`; facts of the
    vendor itself are under "". Methods that write raise `Conflict` when the record was changed
    meanwhile.
    """

    def __init__(
        self,
        ledger: Ledger,
        links: VendorLinks,
        proposals: SupplierProposals,
        vendor: VendorId,
        title: str,
    ) -> None:
        """Read the vendor's record; `ledger` names who acts, `title` the vendor if it is known."""
        self._ledger = ledger
        self._links = links
        self._proposals = proposals
        self.vendor = vendor
        self.record = ledger.vendor(vendor)
        self.title = title or self.record.facts.title or vendor

    def division_facts(self, division: Division | None) -> VendorDivision:
        """Return the facts of one division, or of the vendor itself."""
        return self.record.facts.divisions.get(division or "", VendorDivision())

    def link(
        self,
        link: Link,
        supplier: Party,
        agreed: Agreed,
        step: str = "linked",
        **detail: Any,
    ) -> None:
        """Link the vendor to `supplier`; close the exception and proposal of the division."""
        writes = [
            *self._links.saving(link),
            *self._proposals.removing(link.division, self.vendor),
            *self._links.forgetting(link.division, self.vendor, link.supplier),
        ]
        shown = {"rule": link.rule, "evidence": list(link.evidence)}
        self._write(
            step,
            link.division,
            VendorDivision(agreed=agreed),
            writes,
            by=link.decided_by,
            **named(link.supplier, supplier),
            **shown,
            **detail,
        )

    def unlink(
        self,
        division: Division,
        supplier: Mapping[str, str],
        rejected: Rejection | None = None,
        **detail: Any,
    ) -> None:
        """Remove the vendor's link to `supplier`, as `named`; with `rejected`, for good."""
        writes = [
            *self._links.removing(division, self.vendor),
            *self._proposals.removing(division, self.vendor),
        ]
        if rejected:
            writes += self._links.rejecting(rejected)
        self._write("unlinked", division, VendorDivision(), writes, **supplier, **detail)

    def reject(
        self,
        rejected: Rejection,
        supplier: Mapping[str, str],
        left: SupplierProposal | None,
        **detail: Any,
    ) -> None:
        """Record that the vendor is not `supplier`; `left` is what is still proposed."""
        facts = replace(self.division_facts(rejected.division), proposed=_ids(left))
        writes = [
            *self._links.rejecting(rejected),
            *self._proposal_writes(rejected.division, left),
        ]
        detail = {"rejected": rejected.supplier, **supplier, **detail}
        self._write("rejected", rejected.division, facts, writes, **detail)

    def propose(self, proposal: SupplierProposal) -> None:
        """Propose suppliers for an unlinked vendor; a repeated proposal changes nothing."""
        self.report(proposal.division, None, proposal)

    def report(
        self, division: Division, problem: Problem | None, proposal: SupplierProposal | None
    ) -> None:
        """Open an exception of a division without a link, with the proposal for it.

        Repeating it changes nothing. Without a problem and a proposal, what was open is closed.
        """
        problem = _with_candidates(problem, proposal)
        if self._is_recorded(division, problem, proposal):
            return
        facts = replace(self.division_facts(division), problem=problem, proposed=_ids(proposal))
        step = "exception" if problem else "proposed" if proposal else "withdrawn"
        writes = self._proposal_writes(division, proposal)
        self._write(step, division, facts, writes, **_detail(problem, proposal))

    def flag_link(
        self,
        link: Link,
        problem: Problem,
        proposal: SupplierProposal | None,
        *,
        blocks_orders: bool,
    ) -> None:
        """Open an exception about a link; with `blocks_orders`, its orders wait."""
        problem = _with_candidates(problem, proposal) or problem
        flagged = replace(link, doubt=problem.code if blocks_orders else "")
        if self._is_recorded(link.division, problem, proposal) and flagged == link:
            return
        facts = replace(
            self.division_facts(link.division), problem=problem, proposed=_ids(proposal)
        )
        writes = [
            *self._links.saving(flagged),
            *self._proposal_writes(link.division, proposal),
        ]
        self._write("doubted", link.division, facts, writes, **_detail(problem, proposal))

    def confirm_link(self, link: Link, agreed: Agreed) -> bool:
        """Record the data that both sides agree on; close the exception about the link.

        Return whether something was open.
        """
        facts = self.division_facts(link.division)
        was_open = bool(link.doubt or facts.problem or facts.proposed)
        if not was_open and facts.agreed == agreed:
            return False
        writes = [
            *self._links.saving(replace(link, doubt="")),
            *self._proposal_writes(link.division, None),
        ]
        kept = replace(facts, agreed=agreed, problem=None, proposed=())
        step = "settled" if was_open else "agreed"
        self._write(step, link.division, kept, writes, agreed=dict(agreed))
        return was_open

    def note(
        self,
        step: str,
        division: Division | None,
        facts: VendorDivision | None = None,
        **detail: Any,
    ) -> None:
        """Audit a step that changes neither link nor proposal, but facts of the division."""
        self._write(step, division, facts or self.division_facts(division), (), **detail)

    def apply_fault(self, fault: Fault) -> None:
        """Do what the fault requires: open an exception, or try again later."""
        if isinstance(fault, Review):
            problem, known = fault.problems[0], self.division_facts(None).problem
            if not known or not are_alike([known], [problem]):
                facts = VendorDivision(problem=problem)
                self._write("review", None, facts, (), problem=problem.as_dict())
            return
        tracked = TrackedRecord(self._ledger, self.record)
        tracked.apply_fault(fault)
        self.record = tracked.record

    def resume(self) -> None:
        """Close the exception and end the wait of the vendor itself."""
        facts = self.division_facts(None)
        if facts.problem or self.record.facts.waiting:
            going_on = replace(self.record.facts, waiting=None)
            self.record = replace(self.record, facts=going_on, receives=0)
            self._write("went_on", None, replace(facts, problem=None), ())

    def _is_recorded(
        self, division: Division, problem: Problem | None, proposal: SupplierProposal | None
    ) -> bool:
        facts = self.division_facts(division)
        known, wanted = ([each] if each else [] for each in (facts.problem, problem))
        return facts.proposed == _ids(proposal) and are_alike(known, wanted)

    def _proposal_writes(
        self, division: Division, proposal: SupplierProposal | None
    ) -> list[Write]:
        if proposal is None:
            return self._proposals.removing(division, self.vendor)
        return self._proposals.saving(proposal)

    def _write(
        self,
        step: str,
        division: Division | None,
        known: VendorDivision,
        writes: Sequence[Write],
        **detail: Any,
    ) -> None:
        divisions = {**self.record.facts.divisions, division or "": known}
        divisions = {key: each for key, each in divisions.items() if each != VendorDivision()}
        problems = tuple(each.problem for each in divisions.values() if each.problem)
        facts = replace(self.record.facts, title=self.title, divisions=divisions, problems=problems)
        moved = replace(self.record.now(_state(divisions), facts), receives=self.record.receives)
        if division:
            detail = {"division": division, **detail}
        self.record = self._ledger.write(moved, step, also=writes, detail=detail)


def named(id: Guid, supplier: Party | None) -> dict[str, str]:
    """Return a supplier for the trail: its id, and code and name where they are known."""
    known = {"name": supplier.name, "code": supplier.code} if supplier else {}
    return {"supplier": id, **known}


def _state(divisions: Mapping[str, VendorDivision]) -> VendorState:
    known = divisions.values()
    if any(each.problem for each in known):
        return VendorState.REVIEW
    if any(each.proposed for each in known):
        return VendorState.PROPOSED
    return VendorState.LINKED if any(each.agreed for each in known) else VendorState.UNMATCHED


def _with_candidates(problem: Problem | None, proposal: SupplierProposal | None) -> Problem | None:
    """Add the proposed suppliers to the exception."""
    if problem is None or proposal is None:
        return problem
    shown = [{"id": c.id, "code": c.code, "name": c.name} for c in proposal.candidates]
    return replace(problem, candidates=shown)


def _ids(proposal: SupplierProposal | None) -> tuple[str, ...]:
    return tuple(each.id for each in proposal.candidates) if proposal else ()


def _detail(problem: Problem | None, proposal: SupplierProposal | None) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if problem:
        detail["problem"] = problem.as_dict()
    if proposal:
        detail |= {"rule": proposal.rule, "evidence": list(proposal.evidence)}
        detail["candidates"] = [
            {"id": each.id, "code": each.code, "name": each.name, "score": str(each.score)}
            for each in proposal.candidates
        ]
    return detail
