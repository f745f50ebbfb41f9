"""Vendor links, rejections and proposals, per division, in the mappings table.

An item that leads from a supplier to its vendors is only a pointer: the link itself decides.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ml_connector import clock
from ml_connector.domain.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.infrastructure.dynamodb import Delete, Item, Put, Table, Write


@dataclass(frozen=True)
class Link:
    """This vendor is this supplier in this division, by this rule and evidence.

    `decided_by` names the person who decided, empty for an automatic link. `doubt` is the code of
    the exception that makes the link's orders wait, empty without one.
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
    """A person decided that the vendor is not this supplier.

    Valid until the data of either change: `digest` covers both.
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
class SupplierProposal:
    """Candidates for a vendor in a division, best first, waiting for a person's decision."""

    division: Division
    vendor: VendorId
    vendor_name: str
    candidates: tuple[ProposedSupplier, ...]
    rule: str
    evidence: tuple[str, ...] = ()
    at: datetime = field(default_factory=clock.now)


class VendorLinks:
    """The links and the rejections of one connection."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Store those of the connection `id` in the mappings table."""
        self._table = table
        self._id = id

    def get(self, division: Division, vendor: VendorId) -> Link | None:
        """Return the vendor's link in the division, or None."""
        item = self._table.get(self._id, f"link#{division}#{vendor}")
        return _link(item) if item else None

    def save(self, link: Link) -> None:
        """Link the vendor, replacing its earlier link in the division."""
        self._table.transact(self.saving(link))

    def saving(self, link: Link) -> list[Write]:
        """Return the writes of `save`, for a transaction with the step that decided it."""
        reverse: Item = {"pk": self._id, "sk": _reverse_key(link), "vendor": link.vendor}
        writes: list[Write] = [Put(self._table, _item(self._id, link)), Put(self._table, reverse)]
        before = self.get(link.division, link.vendor)
        if before and before.supplier != link.supplier:
            writes.append(Delete(self._table, self._id, _reverse_key(before)))
        return writes

    def remove(self, division: Division, vendor: VendorId) -> None:
        """Remove the vendor's link in the division; none is fine."""
        if writes := self.removing(division, vendor):
            self._table.transact(writes)

    def removing(self, division: Division, vendor: VendorId) -> list[Write]:
        """Return the writes of `remove`; none when there is no link."""
        link = self.get(division, vendor)
        if link is None:
            return []
        return [
            Delete(self._table, self._id, f"link#{division}#{vendor}"),
            Delete(self._table, self._id, _reverse_key(link)),
        ]

    def all(self, division: Division | None = None) -> Iterator[Link]:
        """Yield the links of the connection, or of one of its divisions."""
        prefix = "link#" if division is None else f"link#{division}#"
        return (_link(item) for item in self._table.query(self._id, prefix))

    def vendors_of(self, division: Division, supplier: Guid) -> list[VendorId]:
        """Return the vendors linked to the supplier: one, unless something is wrong."""
        found = self._table.query(self._id, f"linked#{division}#{supplier}#")
        vendors = [VendorId(str(item["vendor"])) for item in found]
        links = [self.get(division, vendor) for vendor in vendors]
        return [link.vendor for link in links if link and link.supplier == supplier]

    def reject(
        self,
        division: Division,
        vendor: VendorId,
        supplier: Guid,
        digest: str,
        by: str,
        at: datetime,
        reason: str = "",
    ) -> None:
        """Store that the vendor is not this supplier, as long as `digest` covers both."""
        rejection = Rejection(division, vendor, supplier, digest, by, at, reason)
        self._table.transact([self.rejecting(rejection)])

    def rejecting(self, rejection: Rejection) -> Write:
        """Return the write of `reject`."""
        sk = _rejection_key(rejection.division, rejection.vendor, rejection.supplier)
        return Put(self._table, {"pk": self._id, "sk": sk, "body": _text(rejection)})

    def forgetting(self, division: Division, vendor: VendorId, supplier: Guid) -> Write:
        """Return the write that removes a rejection; none is fine."""
        return Delete(self._table, self._id, _rejection_key(division, vendor, supplier))

    def all_rejections(self, division: Division) -> Iterator[Rejection]:
        """Yield the rejections in the division, including outdated ones."""
        rows = self._table.query(self._id, f"rejected#{division}#")
        return (_rejection(item) for item in rows)

    def rejections(self, division: Division, vendor: VendorId) -> list[Rejection]:
        """Return the vendor's rejections in the division, including outdated ones."""
        rows = self._table.query(self._id, f"rejected#{division}#{vendor}#")
        found = (_rejection(item) for item in rows)
        return [each for each in found if each.vendor == vendor]  # ids may contain a "#"


class SupplierProposals:
    """The open proposals of one connection: at most one per vendor and division."""

    def __init__(self, table: Table, id: ConnectionId) -> None:
        """Store those of the connection `id` in the mappings table."""
        self._table = table
        self._id = id

    def get(self, division: Division, vendor: VendorId) -> SupplierProposal | None:
        """Return the vendor's proposal in the division, or None."""
        item = self._table.get(self._id, f"proposal#{division}#{vendor}")
        return _proposal(item) if item else None

    def save(self, proposal: SupplierProposal) -> None:
        """Store the proposal, replacing an earlier one."""
        self._table.transact([self.saving(proposal)])

    def saving(self, proposal: SupplierProposal) -> Write:
        """Return the write of `save`, for a transaction with the step that decided it."""
        sk = f"proposal#{proposal.division}#{proposal.vendor}"
        return Put(self._table, {"pk": self._id, "sk": sk, "body": _text(proposal)})

    def remove(self, division: Division, vendor: VendorId) -> None:
        """Remove the vendor's proposal in the division; none is fine."""
        self._table.transact([self.removing(division, vendor)])

    def removing(self, division: Division, vendor: VendorId) -> Write:
        """Return the write of `remove`."""
        return Delete(self._table, self._id, f"proposal#{division}#{vendor}")

    def all(self, division: Division | None = None) -> Iterator[SupplierProposal]:
        """Yield the proposals of the connection, or of one of its divisions."""
        prefix = "proposal#" if division is None else f"proposal#{division}#"
        return (_proposal(item) for item in self._table.query(self._id, prefix))


def _reverse_key(link: Link) -> str:
    return f"linked#{link.division}#{link.supplier}#{link.vendor}"


def _rejection_key(division: Division, vendor: VendorId, supplier: Guid) -> str:
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


def _text(fact: Rejection | SupplierProposal) -> str:
    return json.dumps(asdict(fact), default=datetime.isoformat, ensure_ascii=False)


def _rejection(item: Item) -> Rejection:
    body = json.loads(str(item["body"]))
    return Rejection(**{**body, "at": datetime.fromisoformat(body["at"])})


def _proposal(item: Item) -> SupplierProposal:
    body = json.loads(str(item["body"]))
    candidates: Sequence[ProposedSupplier] = [ProposedSupplier(**c) for c in body["candidates"]]
    return SupplierProposal(
        **{
            **body,
            "candidates": tuple(candidates),
            "evidence": tuple(body["evidence"]),
            "at": datetime.fromisoformat(body["at"]),
        }
    )
