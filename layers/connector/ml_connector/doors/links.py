"""Which Airbase vendor is which Exact supplier, who is not, and what waits for a person.

All in the mappings table, under the connection, per division. A row that leads from a supplier to
its vendors only points: the link itself says whether it still holds.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ml_connector import clock
from ml_connector.doors.table import Delete, Item, Put, Table, Write
from ml_connector.ids import ConnectionId, Division, Guid, VendorId


@dataclass(frozen=True)
class Link:
    """A vendor is this supplier in this division, by this rule and on this evidence.

    `decided_by` names the person who said so, empty for an automatic link. `doubt` is the code of
    the exception that makes the link's orders wait, empty while nothing speaks against it.
    """

    division: Division
    vendor: VendorId
    supplier: Guid
    rule: str
    evidence: tuple[str, ...] = ()
    decided_by: str = ""
    decided_at: datetime = field(default_factory=clock.now)
    doubt: str = ""


@dataclass(frozen=True)
class Rejection:
    """Somebody said that the vendor is not this supplier.

    It holds until the data of one of the two change: `digest` is of both as they were.
    """

    division: Division
    vendor: VendorId
    supplier: Guid
    digest: str
    by: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True)
class ProposedSupplier:
    """A supplier that may be the vendor's; `score` is 0 to 1."""

    id: Guid
    code: str
    name: str
    score: float


@dataclass(frozen=True)
class Proposal:
    """What is proposed to a person about a vendor in a division: candidates, best first."""

    division: Division
    vendor: VendorId
    vendor_name: str
    candidates: tuple[ProposedSupplier, ...]
    rule: str
    evidence: tuple[str, ...] = ()
    at: datetime = field(default_factory=clock.now)


class Links:
    """The links and the rejections of every connection."""

    def __init__(self, table: Table) -> None:
        """Keep them in the mappings table."""
        self._table = table

    def get(self, connection: ConnectionId, division: Division, vendor: VendorId) -> Link | None:
        """Return the vendor's link in the division, or None."""
        item = self._table.get(connection, f"link#{division}#{vendor}")
        return _link(item) if item else None

    def save(self, connection: ConnectionId, link: Link) -> None:
        """Link the vendor, in the place of an earlier link of it in the division."""
        self._table.transact(self.saving(connection, link))

    def saving(self, connection: ConnectionId, link: Link) -> list[Write]:
        """Return the writes of `save`, for a transaction with the step that decided it."""
        back: Item = {"pk": connection, "sk": _back(link), "vendor": link.vendor}
        writes: list[Write] = [Put(self._table, _item(connection, link)), Put(self._table, back)]
        before = self.get(connection, link.division, link.vendor)
        if before and before.supplier != link.supplier:
            writes.append(Delete(self._table, connection, _back(before)))
        return writes

    def remove(self, connection: ConnectionId, division: Division, vendor: VendorId) -> None:
        """Forget the vendor's link in the division; none is fine."""
        if writes := self.removing(connection, division, vendor):
            self._table.transact(writes)

    def removing(
        self, connection: ConnectionId, division: Division, vendor: VendorId
    ) -> list[Write]:
        """Return the writes of `remove`; none when there is no link."""
        link = self.get(connection, division, vendor)
        if link is None:
            return []
        return [
            Delete(self._table, connection, f"link#{division}#{vendor}"),
            Delete(self._table, connection, _back(link)),
        ]

    def all(self, connection: ConnectionId, division: Division | None = None) -> Iterator[Link]:
        """Yield the links of the connection, or of one of its divisions."""
        prefix = "link#" if division is None else f"link#{division}#"
        return (_link(item) for item in self._table.query(connection, prefix))

    def vendors_of(
        self, connection: ConnectionId, division: Division, supplier: Guid
    ) -> list[VendorId]:
        """Return the vendors that are linked to the supplier: one, unless something is wrong."""
        found = self._table.query(connection, f"linked#{division}#{supplier}#")
        vendors = [VendorId(str(item["vendor"])) for item in found]
        links = [self.get(connection, division, vendor) for vendor in vendors]
        return [link.vendor for link in links if link and link.supplier == supplier]

    def reject(
        self,
        connection: ConnectionId,
        division: Division,
        vendor: VendorId,
        supplier: Guid,
        digest: str,
        by: str,
        at: datetime,
        reason: str = "",
    ) -> None:
        """Remember that the vendor is not this supplier, as long as both are as in `digest`."""
        rejection = Rejection(division, vendor, supplier, digest, by, at, reason)
        self._table.transact([self.rejecting(connection, rejection)])

    def rejecting(self, connection: ConnectionId, rejection: Rejection) -> Write:
        """Return the write of `reject`."""
        sk = _rejected(rejection.division, rejection.vendor, rejection.supplier)
        return Put(self._table, {"pk": connection, "sk": sk, "body": _text(rejection)})

    def forgetting(
        self, connection: ConnectionId, division: Division, vendor: VendorId, supplier: Guid
    ) -> Write:
        """Return the write that lets the pair be linked again; one never rejected is fine."""
        return Delete(self._table, connection, _rejected(division, vendor, supplier))

    def all_rejections(self, connection: ConnectionId, division: Division) -> Iterator[Rejection]:
        """Yield what was rejected in the division, whatever has changed since."""
        rows = self._table.query(connection, f"rejected#{division}#")
        return (_rejection(item) for item in rows)

    def rejections(
        self, connection: ConnectionId, division: Division, vendor: VendorId
    ) -> list[Rejection]:
        """Return what was rejected for the vendor in the division, whatever has changed since."""
        rows = self._table.query(connection, f"rejected#{division}#{vendor}#")
        found = (_rejection(item) for item in rows)
        return [each for each in found if each.vendor == vendor]  # ids may contain a "#"


class Proposals:
    """The open proposals of every connection: at most one for a vendor and division."""

    def __init__(self, table: Table) -> None:
        """Keep them in the mappings table."""
        self._table = table

    def get(
        self, connection: ConnectionId, division: Division, vendor: VendorId
    ) -> Proposal | None:
        """Return what is proposed about the vendor in the division, or None."""
        item = self._table.get(connection, f"proposal#{division}#{vendor}")
        return _proposal(item) if item else None

    def save(self, connection: ConnectionId, proposal: Proposal) -> None:
        """Propose this, in the place of what was proposed before."""
        self._table.transact([self.saving(connection, proposal)])

    def saving(self, connection: ConnectionId, proposal: Proposal) -> Write:
        """Return the write of `save`, for a transaction with the step that decided it."""
        sk = f"proposal#{proposal.division}#{proposal.vendor}"
        return Put(self._table, {"pk": connection, "sk": sk, "body": _text(proposal)})

    def remove(self, connection: ConnectionId, division: Division, vendor: VendorId) -> None:
        """Propose nothing any more about the vendor in the division; none is fine."""
        self._table.transact([self.removing(connection, division, vendor)])

    def removing(self, connection: ConnectionId, division: Division, vendor: VendorId) -> Write:
        """Return the write of `remove`."""
        return Delete(self._table, connection, f"proposal#{division}#{vendor}")

    def all(self, connection: ConnectionId, division: Division | None = None) -> Iterator[Proposal]:
        """Yield what is proposed in the connection, or in one of its divisions."""
        prefix = "proposal#" if division is None else f"proposal#{division}#"
        return (_proposal(item) for item in self._table.query(connection, prefix))


def _back(link: Link) -> str:
    return f"linked#{link.division}#{link.supplier}#{link.vendor}"


def _rejected(division: Division, vendor: VendorId, supplier: Guid) -> str:
    return f"rejected#{division}#{vendor}#{supplier}"


def _item(connection: ConnectionId, link: Link) -> Item:
    return {
        "pk": connection,
        "sk": f"link#{link.division}#{link.vendor}",
        "supplier": link.supplier,
        "rule": link.rule,
        "evidence": json.dumps(link.evidence, ensure_ascii=False),
        "decided_by": link.decided_by,
        "decided_at": link.decided_at.isoformat(),
        "doubt": link.doubt,
    }


def _link(item: Item) -> Link:
    _, division, vendor = str(item["sk"]).split("#", 2)
    return Link(
        Division(int(division)),
        VendorId(vendor),
        Guid(str(item["supplier"])),
        str(item["rule"]),
        tuple(json.loads(str(item["evidence"]))),
        str(item["decided_by"]),
        datetime.fromisoformat(str(item["decided_at"])),
        str(item["doubt"]),
    )


def _text(fact: Rejection | Proposal) -> str:
    return json.dumps(asdict(fact), default=datetime.isoformat, ensure_ascii=False)


def _rejection(item: Item) -> Rejection:
    body = json.loads(str(item["body"]))
    return Rejection(**{**body, "at": datetime.fromisoformat(body["at"])})


def _proposal(item: Item) -> Proposal:
    body = json.loads(str(item["body"]))
    candidates: Sequence[ProposedSupplier] = [ProposedSupplier(**c) for c in body["candidates"]]
    return Proposal(
        **{
            **body,
            "candidates": tuple(candidates),
            "evidence": tuple(body["evidence"]),
            "at": datetime.fromisoformat(body["at"]),
        }
    )
