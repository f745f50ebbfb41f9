"""Vendor links, rejections and proposals, per division, in the mappings table.

A write stores them under keys that name the division's site, and removes those under older keys in
the same transaction: each has one key at any time. An item that leads from a supplier to its
vendors is only a pointer: the link itself decides.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from ml_connector import clock
from ml_connector.domain.ids import Division, Guid, VendorId, parse_division
from ml_connector.infrastructure.dynamodb import Delete, Item, Put, Table, Write
from ml_connector.infrastructure.site_keys import SiteKeys

_LINK, _REVERSE, _REJECTION, _PROPOSAL = "link", "linked", "rejected", "proposal"


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


class _Rows:
    """The rows of one connection that belong to its divisions, under all their keys."""

    def __init__(self, table: Table, keys: SiteKeys) -> None:
        self._table = table
        self._keys = keys
        self._pk = keys.id

    def get(self, kind: str, division: Division, rest: str) -> Item | None:
        """Return a row, or None."""
        for where in self._keys.spellings(division):
            if item := self._table.get(self._pk, f"{kind}#{where}#{rest}"):
                return item
        return None

    def of(self, kind: str, division: Division, rest: str = "") -> Iterator[Item]:
        """Yield a division's rows whose key continues with `rest`."""
        return self._once(f"{kind}#{where}#{rest}" for where in self._keys.spellings(division))

    def all(self, kind: str) -> Iterator[Item]:
        """Yield the rows of all divisions."""
        return self._once([f"{kind}#"])

    def _once(self, prefixes: Iterable[str]) -> Iterator[Item]:
        """Yield each row once, although it may be moved meanwhile."""
        if not self._keys.has_older:
            yield from (row for prefix in prefixes for row in self._table.query(self._pk, prefix))
            return
        found: dict[tuple[str, str], Item] = {}
        for prefix in prefixes:
            for row in self._table.query(self._pk, prefix):
                found.setdefault(self._identity(row), row)
        yield from (row for _, row in sorted(found.items()))

    def putting(self, kind: str, division: Division, rest: str, values: Item) -> list[Write]:
        """Return the writes that store a row under its newest key only."""
        sk = f"{kind}#{division}#{rest}"
        put = Put(self._table, {"pk": self._pk, "sk": sk, **values})
        return [put, *(each for each in self.deleting(kind, division, rest) if each.sk != sk)]

    def deleting(self, kind: str, division: Division, rest: str) -> list[Delete]:
        """Return the writes that remove a row; none is fine."""
        names = (f"{kind}#{where}#{rest}" for where in self._keys.spellings(division))
        return [Delete(self._table, self._pk, sk) for sk in names]

    def division_of(self, item: Item) -> Division:
        """Return the division that a row is about, however its key names it."""
        where = str(item["sk"]).split("#", 2)[1]
        return parse_division(where, self._keys.first_site)

    def _identity(self, item: Item) -> tuple[str, str]:
        return self.division_of(item), str(item["sk"]).split("#", 2)[2]


class VendorLinks:
    """The links and the rejections of one connection."""

    def __init__(self, table: Table, keys: SiteKeys) -> None:
        """Store them in the mappings table."""
        self._table = table
        self.keys = keys
        self._rows = _Rows(table, keys)

    def get(self, division: Division, vendor: VendorId) -> Link | None:
        """Return the vendor's link in the division, or None."""
        item = self._rows.get(_LINK, division, vendor)
        return self._link(item) if item else None

    def save(self, link: Link) -> None:
        """Link the vendor, replacing its earlier link in the division."""
        self._table.transact(self.saving(link))

    def saving(self, link: Link) -> list[Write]:
        """Return the writes of `save`, for a transaction with the step that decided it."""
        reverse: Item = {"vendor": link.vendor}
        writes = [
            *self._rows.putting(_LINK, link.division, link.vendor, _values(link)),
            *self._rows.putting(_REVERSE, link.division, _supplied(link), reverse),
        ]
        before = self.get(link.division, link.vendor)
        if before and before.supplier != link.supplier:
            writes += self._rows.deleting(_REVERSE, link.division, _supplied(before))
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
            *self._rows.deleting(_LINK, division, vendor),
            *self._rows.deleting(_REVERSE, division, _supplied(link)),
        ]

    def all(self, division: Division | None = None) -> Iterator[Link]:
        """Yield all links, or those in one division."""
        rows = self._rows.all(_LINK) if division is None else self._rows.of(_LINK, division)
        return map(self._link, rows)

    def vendors_of(self, division: Division, supplier: Guid) -> list[VendorId]:
        """Return the vendors linked to the supplier: one, unless something is wrong."""
        found = self._rows.of(_REVERSE, division, f"{supplier}#")
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
        self._table.transact(self.rejecting(rejection))

    def rejecting(self, rejection: Rejection) -> list[Write]:
        """Return the writes of `reject`."""
        pair = f"{rejection.vendor}#{rejection.supplier}"
        values: Item = {"body": _text(rejection)}
        return self._rows.putting(_REJECTION, rejection.division, pair, values)

    def forgetting(self, division: Division, vendor: VendorId, supplier: Guid) -> list[Write]:
        """Return the writes that remove a rejection; none is fine."""
        return [*self._rows.deleting(_REJECTION, division, f"{vendor}#{supplier}")]

    def all_rejections(self, division: Division) -> Iterator[Rejection]:
        """Yield the rejections in the division, including outdated ones."""
        return map(self._rejection, self._rows.of(_REJECTION, division))

    def rejections(self, division: Division, vendor: VendorId) -> list[Rejection]:
        """Return the vendor's rejections in the division, including outdated ones."""
        found = map(self._rejection, self._rows.of(_REJECTION, division, f"{vendor}#"))
        return [each for each in found if each.vendor == vendor]  # ids may contain a "#"

    def _link(self, item: Item) -> Link:
        return Link(
            self._rows.division_of(item),
            VendorId(str(item["sk"]).split("#", 2)[2]),
            Guid(str(item["supplier"])),
            str(item["rule"]),
            tuple(json.loads(str(item["evidence"]))),
            str(item["decided_by"]),
            datetime.fromisoformat(str(item["decided_at"])),
            str(item["doubt"]),
        )

    def _rejection(self, item: Item) -> Rejection:
        body = json.loads(str(item["body"]))
        division, at = self._rows.division_of(item), datetime.fromisoformat(body["at"])
        return Rejection(**{**body, "division": division, "at": at})


class SupplierProposals:
    """The open proposals of one connection: at most one per vendor and division."""

    def __init__(self, table: Table, keys: SiteKeys) -> None:
        """Store them in the mappings table."""
        self._table = table
        self._rows = _Rows(table, keys)

    def get(self, division: Division, vendor: VendorId) -> SupplierProposal | None:
        """Return the vendor's proposal in the division, or None."""
        item = self._rows.get(_PROPOSAL, division, vendor)
        return self._proposal(item) if item else None

    def save(self, proposal: SupplierProposal) -> None:
        """Store the proposal, replacing an earlier one."""
        self._table.transact(self.saving(proposal))

    def saving(self, proposal: SupplierProposal) -> list[Write]:
        """Return the writes of `save`, for a transaction with the step that decided it."""
        values: Item = {"body": _text(proposal)}
        return self._rows.putting(_PROPOSAL, proposal.division, proposal.vendor, values)

    def remove(self, division: Division, vendor: VendorId) -> None:
        """Remove the vendor's proposal in the division; none is fine."""
        self._table.transact(self.removing(division, vendor))

    def removing(self, division: Division, vendor: VendorId) -> list[Write]:
        """Return the writes of `remove`."""
        return [*self._rows.deleting(_PROPOSAL, division, vendor)]

    def all(self, division: Division | None = None) -> Iterator[SupplierProposal]:
        """Yield all proposals, or those in one division."""
        rows = self._rows.all(_PROPOSAL) if division is None else self._rows.of(_PROPOSAL, division)
        return map(self._proposal, rows)

    def _proposal(self, item: Item) -> SupplierProposal:
        body = json.loads(str(item["body"]))
        candidates: Sequence[ProposedSupplier] = [ProposedSupplier(**c) for c in body["candidates"]]
        return SupplierProposal(
            **{
                **body,
                "division": self._rows.division_of(item),
                "candidates": tuple(candidates),
                "evidence": tuple(body["evidence"]),
                "at": datetime.fromisoformat(body["at"]),
            }
        )


def _supplied(link: Link) -> str:
    return f"{link.supplier}#{link.vendor}"


def _values(link: Link) -> Item:
    return {
        "supplier": link.supplier,
        "rule": link.rule,
        "evidence": json.dumps(link.evidence, ensure_ascii=False),
        "decided_by": link.decided_by,
        "decided_at": link.decided_at.isoformat(),
        "doubt": link.doubt,
    }


def _text(fact: Rejection | SupplierProposal) -> str:
    return json.dumps(asdict(fact), default=datetime.isoformat, ensure_ascii=False)
