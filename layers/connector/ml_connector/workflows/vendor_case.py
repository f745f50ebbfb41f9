"""One vendor's record: what was decided about it in each division, audited as it takes effect.

A decision, its audit entry and the links or proposals that it changes are one transaction: none of
them is ever there without the others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.doors.ledger import Ledger, vendor_key
from ml_connector.doors.links import Link, Proposal, Rejection
from ml_connector.doors.table import Write
from ml_connector.ids import ConnectionId, Division, VendorId
from ml_connector.workflows.doors import Doors


class VendorCase:
    """Holds the record as it is stored.

    Its facts: `title` (the vendor's name), `problems` (the open exceptions of all divisions) and
    `divisions`, by code: `agreed` (both names when the link was made), `problem`, `proposed`.
    Every method that writes raises `Conflict` when another changed the record meanwhile.
    """

    def __init__(
        self, doors: Doors, ledger: Ledger, connection: ConnectionId, vendor: VendorId, title: str
    ) -> None:
        """Read the vendor's record; `ledger` names who acts, `title` the vendor."""
        self._doors = doors
        self._ledger = ledger
        self._connection = connection
        self.vendor = vendor
        self.title = title
        self.record = ledger.read(connection, vendor_key(vendor))

    def link(self, link: Link, agreed: Mapping[str, str], **detail: Any) -> None:
        """Link the vendor and close what was open in the division.

        `agreed` are both sides' names, that a later change of one can be told.
        """
        division = link.division
        writes = [
            *self._doors.links.saving(self._connection, link),
            self._doors.proposals.removing(self._connection, division, self.vendor),
            self._doors.links.forgetting(self._connection, division, self.vendor, link.supplier),
        ]
        told = {"supplier": link.supplier, "rule": link.rule, "evidence": list(link.evidence)}
        here = {"agreed": dict(agreed)}
        self._write("linked", division, here, writes, by=link.decided_by, **told, **detail)

    def unlink(self, division: Division, rejected: Rejection | None = None, **detail: Any) -> None:
        """Take the vendor's link away, and with `rejected` remember not to make it again."""
        writes = [
            *self._doors.links.removing(self._connection, division, self.vendor),
            self._doors.proposals.removing(self._connection, division, self.vendor),
        ]
        if rejected:
            writes.append(self._doors.links.rejecting(self._connection, rejected))
        self._write("unlinked", division, {}, writes, **detail)

    def reject(self, rejected: Rejection, left: Proposal | None, **detail: Any) -> None:
        """Remember that the vendor is not this supplier; `left` is what is proposed still."""
        division = rejected.division
        proposals = self._doors.proposals
        here = dict(self.here(division))
        here["proposed"] = _told(left) if left else None
        writes = [
            self._doors.links.rejecting(self._connection, rejected),
            proposals.saving(self._connection, left)
            if left
            else proposals.removing(self._connection, division, self.vendor),
        ]
        self._write("rejected", division, here, writes, supplier=rejected.supplier, **detail)

    def here(self, division: Division) -> Mapping[str, Any]:
        """Return what the record knows of one division."""
        found: Mapping[str, Any] = self.record.facts.get("divisions", {}).get(str(division), {})
        return found

    def _write(
        self,
        step: str,
        division: Division,
        here: Mapping[str, Any],
        writes: Sequence[Write],
        **detail: Any,
    ) -> None:
        known = {name: value for name, value in here.items() if value}
        divisions = {**self.record.facts.get("divisions", {}), str(division): known}
        problems = [d["problem"] for d in divisions.values() if d.get("problem")]
        facts = {"divisions": divisions, "problems": problems, "title": self.title}
        record = self.record.now(_state(divisions), **facts)
        self.record = self._ledger.write(record, step, also=writes, division=division, **detail)


def _state(divisions: Mapping[str, Mapping[str, Any]]) -> str:
    for state, fact in (("review", "problem"), ("proposed", "proposed"), ("linked", "agreed")):
        if any(fact in here for here in divisions.values()):
            return state
    return "unmatched"


def _told(proposal: Proposal) -> list[str]:
    return [each.id for each in proposal.candidates]
