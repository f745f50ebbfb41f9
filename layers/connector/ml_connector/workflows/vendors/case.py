"""One vendor's record: what was decided about it in each division, audited as it takes effect.

A decision, its audit entry and the links or proposals that it changes are one transaction: none of
them is ever there without the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ml_connector.doors.ledger import Ledger, vendor_key
from ml_connector.doors.links import Link, Links, Proposal, Proposals, Rejection
from ml_connector.doors.table import Write
from ml_connector.faults import Fault, Problem, Review
from ml_connector.ids import ConnectionId, Division, VendorId
from ml_connector.workflows.case import Case

Agreed = Mapping[str, str]
"""Names and e-mail addresses of both sides when a link was made or last accepted."""


class VendorCase:
    """Holds the record as it is stored.

    Its facts: `title` (the vendor's name), `problems` (the open exceptions of all divisions) and
    `divisions`, by code: `agreed`, `problem`, `proposed` (supplier ids) and `intent`; what concerns
    no single division stands under "". Every method that writes raises `Conflict` when another
    changed the record meanwhile.
    """

    def __init__(
        self,
        ledger: Ledger,
        links: Links,
        proposals: Proposals,
        connection: ConnectionId,
        vendor: VendorId,
        title: str,
    ) -> None:
        """Read the vendor's record; `ledger` names who acts, `title` the vendor if it is known."""
        self._ledger = ledger
        self._links = links
        self._proposals = proposals
        self._connection = connection
        self.vendor = vendor
        self.record = ledger.read(connection, vendor_key(vendor))
        self.title = title or str(self.record.facts.get("title") or vendor)

    def here(self, division: Division | None) -> Mapping[str, Any]:
        """Return what the record knows of one division, or of no single one."""
        found: Mapping[str, Any] = self.record.facts.get("divisions", {}).get(_where(division), {})
        return found

    def link(self, link: Link, agreed: Agreed, step: str = "linked", **detail: Any) -> None:
        """Link the vendor and close what was open in the division."""
        writes = [
            *self._links.saving(self._connection, link),
            self._proposals.removing(self._connection, link.division, self.vendor),
            self._links.forgetting(self._connection, link.division, self.vendor, link.supplier),
        ]
        told = {"supplier": link.supplier, "rule": link.rule, "evidence": list(link.evidence)}
        self._write(
            step, link.division, {"agreed": agreed}, writes, by=link.decided_by, **told, **detail
        )

    def unlink(self, division: Division, rejected: Rejection | None = None, **detail: Any) -> None:
        """Take the vendor's link away, and with `rejected` remember not to make it again."""
        writes = [
            *self._links.removing(self._connection, division, self.vendor),
            self._proposals.removing(self._connection, division, self.vendor),
        ]
        if rejected:
            writes.append(self._links.rejecting(self._connection, rejected))
        self._write("unlinked", division, {}, writes, **detail)

    def reject(self, rejected: Rejection, left: Proposal | None, **detail: Any) -> None:
        """Remember that the vendor is not this supplier; `left` is what is proposed still."""
        here = {**self.here(rejected.division), "proposed": left and _ids(left)}
        writes = [
            self._links.rejecting(self._connection, rejected),
            self._proposing(rejected.division, left),
        ]
        self._write(
            "rejected", rejected.division, here, writes, rejected=rejected.supplier, **detail
        )

    def propose(self, proposal: Proposal) -> None:
        """Propose suppliers for an unlinked vendor; the same proposal over again is silent."""
        self.report(proposal.division, None, proposal)

    def report(
        self, division: Division, problem: Problem | None, proposal: Proposal | None
    ) -> None:
        """Open an exception of a division without a link, with what is proposed about it.

        The same over again is silent; neither of both closes what was open.
        """
        problem = _with_candidates(problem, proposal)
        if self._is_known(division, problem, proposal):
            return
        here = {**self.here(division), **_told(problem, proposal)}
        step = "exception" if problem else "proposed" if proposal else "withdrawn"
        writes = [self._proposing(division, proposal)]
        self._write(step, division, here, writes, **_detail(problem, proposal))

    def doubt(
        self, link: Link, problem: Problem, proposal: Proposal | None, *, waits: bool
    ) -> None:
        """Open an exception about a link; when it `waits`, so do its orders."""
        problem = _with_candidates(problem, proposal) or problem
        doubted = replace(link, doubt=problem.code if waits else "")
        if self._is_known(link.division, problem, proposal) and doubted == link:
            return
        here = {**self.here(link.division), **_told(problem, proposal)}
        writes = [
            *self._links.saving(self._connection, doubted),
            self._proposing(link.division, proposal),
        ]
        self._write("doubted", link.division, here, writes, **_detail(problem, proposal))

    def settle(self, link: Link, agreed: Agreed) -> bool:
        """Close what was open about a link and remember what both sides agree on.

        Return whether there was something to close.
        """
        here = self.here(link.division)
        was_open = bool(link.doubt or here.get("problem") or here.get("proposed"))
        if not was_open and here.get("agreed") == agreed:
            return False
        writes = [
            *self._links.saving(self._connection, replace(link, doubt="")),
            self._proposing(link.division, None),
        ]
        kept = {**here, "agreed": agreed, "problem": None, "proposed": None}
        step = "settled" if was_open else "agreed"
        self._write(step, link.division, kept, writes, agreed=dict(agreed))
        return was_open

    def note(
        self,
        step: str,
        division: Division | None,
        kept: Mapping[str, Any],
        **detail: Any,
    ) -> None:
        """Audit a step that changes neither link nor proposal; `kept` are facts of the division."""
        self._write(step, division, {**self.here(division), **kept}, (), **kept, **detail)

    def put_aside(self, fault: Fault) -> None:
        """Do with the vendor what the fault demands: an exception, or another look later."""
        if isinstance(fault, Review):
            (found, *_) = [each.as_dict() for each in fault.problems]
            if self.here(None).get("problem") != found:
                self._write("review", None, {"problem": found}, (), problem=found)
            return
        aside = Case(self._ledger, self.record)
        aside.put_aside(fault)
        self.record = aside.record

    def go_on(self) -> None:
        """Forget that something of the vendor itself was wrong or had to wait."""
        here = dict(self.here(None))
        if here.pop("problem", None) or self.record.facts.get("waiting"):
            self.record = replace(self.record, facts={**self.record.facts, "waiting": None})
            self._write("went_on", None, here, ())

    def _is_known(
        self, division: Division, problem: Problem | None, proposal: Proposal | None
    ) -> bool:
        here = self.here(division)
        wanted = {name: value for name, value in _told(problem, proposal).items() if value}
        return {name: here[name] for name in ("problem", "proposed") if name in here} == wanted

    def _proposing(self, division: Division, proposal: Proposal | None) -> Write:
        if proposal is None:
            return self._proposals.removing(self._connection, division, self.vendor)
        return self._proposals.saving(self._connection, proposal)

    def _write(
        self,
        step: str,
        division: Division | None,
        here: Mapping[str, Any],
        writes: Sequence[Write],
        **detail: Any,
    ) -> None:
        known = {name: value for name, value in here.items() if value}
        divisions = {**self.record.facts.get("divisions", {}), _where(division): known}
        divisions = {where: each for where, each in divisions.items() if each}
        problems = [each["problem"] for each in divisions.values() if each.get("problem")]
        facts = {"title": self.title, "divisions": divisions, "problems": problems}
        moved = self.record.now(_state(divisions), **facts)
        told = {"division": division, **detail} if division else detail
        self.record = self._ledger.write(moved, step, also=writes, **told)


def _where(division: Division | None) -> str:
    return str(division or "")


def _state(divisions: Mapping[str, Mapping[str, Any]]) -> str:
    for state, fact in (("review", "problem"), ("proposed", "proposed"), ("linked", "agreed")):
        if any(fact in here for here in divisions.values()):
            return state
    return "unmatched"


def _with_candidates(problem: Problem | None, proposal: Proposal | None) -> Problem | None:
    """Show with an exception what is proposed about it."""
    if problem is None or proposal is None:
        return problem
    shown = [{"id": c.id, "code": c.code, "name": c.name} for c in proposal.candidates]
    return replace(problem, candidates=shown)


def _ids(proposal: Proposal) -> list[str]:
    return [each.id for each in proposal.candidates]


def _told(problem: Problem | None, proposal: Proposal | None) -> dict[str, Any]:
    return {
        "problem": problem and problem.as_dict(),
        "proposed": _ids(proposal) if proposal else None,
    }


def _detail(problem: Problem | None, proposal: Proposal | None) -> dict[str, Any]:
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
