"""Where vendors stand in a division: linked, proposed or neither, read for many at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from connector_cli.actions import records
from connector_cli.stack import Stack
from ml_connector.connection import Connection
from ml_connector.doors.links import Link, Proposal, ProposedSupplier, Rejection
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party, digest
from ml_connector.workflows.vendors.parties import supplier_party, vendors_of
from ml_connector.workflows.vendors.waiting_orders import waiting_for_link

Waiting = Mapping[tuple[VendorId, Division], Sequence[str]]


@dataclass(frozen=True)
class Standing:
    """One vendor in one division. `is_known`: Airbase has it, as far as was read."""

    division: Division
    vendor: Party
    is_known: bool
    link: Link | None
    proposal: Proposal | None
    rejections: tuple[Rejection, ...]

    @property
    def offered(self) -> tuple[ProposedSupplier, ...]:
        """Return the proposed suppliers, best first."""
        return self.proposal.candidates if self.proposal else ()

    @property
    def decision(self) -> Literal["link", "review", "none"]:
        """Return what was decided; a link about which something is proposed is to review."""
        if self.offered:
            return "review"
        return "link" if self.link else "none"

    @property
    def supplier(self) -> Guid | None:
        """Return the supplier that the decision is about: the best candidate, or the linked one."""
        if self.offered:
            return self.offered[0].id
        return self.link.supplier if self.link else None

    @property
    def decided(self) -> tuple[datetime, str] | None:
        """Return when anything was last decided here, and by whom; nobody: by itself."""
        found = [(each.at, each.by) for each in self.rejections]
        if self.link:
            found.append((self.link.decided_at, self.link.decided_by))
        if self.proposal:
            found.append((self.proposal.at, ""))
        return max(found, default=None)

    def is_rejected(self, id: Guid, supplier: Supplier | None) -> bool:
        """Return whether the pair was rejected and neither side has changed since."""
        other = supplier_party(supplier) if supplier else Party(id, "")
        now = digest(self.vendor, other)
        return any(each.supplier == id and each.digest == now for each in self.rejections)


class Standings:
    """All vendors of a connection, and where they stand in one division after the other."""

    def __init__(self, stack: Stack, connection: Connection) -> None:
        """Read nothing yet."""
        self._doors = stack.doors
        self._id = connection.id

    @cached_property
    def vendors(self) -> dict[str, Party]:
        """Return the vendors as last read from Airbase, by id."""
        known = vendors_of(self._doors.reference, self._id).all()
        return {party.id: party for party in known}

    def of(self, division: Division) -> Iterator[Standing]:
        """Yield every vendor in the order of ids; those linked that Airbase no longer has too."""
        links = {each.vendor: each for each in self._doors.links.all(self._id, division)}
        proposals = {each.vendor: each for each in self._doors.proposals.all(self._id, division)}
        rejections: defaultdict[VendorId, list[Rejection]] = defaultdict(list)
        for each in self._doors.links.all_rejections(self._id, division):
            rejections[each.vendor].append(each)
        for id in sorted(self.vendors.keys() | links.keys() | proposals.keys()):
            vendor = VendorId(id)
            yield Standing(
                division,
                self.vendors.get(id) or Party(id, ""),
                id in self.vendors,
                links.get(vendor),
                proposals.get(vendor),
                tuple(rejections[vendor]),
            )

    def suppliers(self, division: Division) -> "Suppliers":
        """Return the division's suppliers as last read from Exact."""
        return Suppliers(self._doors.data(self._id, division).every("supplier", Supplier))


class Suppliers:
    """A division's suppliers, by GUID and by account code."""

    def __init__(self, suppliers: Iterable[Supplier]) -> None:
        """Hold them all."""
        self._by_id = {each.id: each for each in suppliers}
        self._by_code: defaultdict[str, list[Supplier]] = defaultdict(list)
        for each in self._by_id.values():
            self._by_code[each.code].append(each)

    def get(self, id: Guid | None) -> Supplier | None:
        """Return the supplier with this GUID."""
        return self._by_id.get(id) if id else None

    def coded(self, code: str) -> Supplier | None:
        """Return the supplier with this account code; one that several have names none."""
        found = self._by_code.get(code, [])
        return found[0] if len(found) == 1 else None


def waiting_by_vendor(stack: Stack, connection: Connection) -> Waiting:
    """Return what people call the orders that wait for a link, by its vendor and division."""
    found: defaultdict[tuple[VendorId, Division], list[str]] = defaultdict(list)
    for record, vendor, division in waiting_for_link(stack.doors, connection.id):
        found[vendor, division].append(records.title(record))
    return found
