"""The state of vendors in a division: linked, proposed or neither, read for all at once."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.party import Party, digest
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.vendor_links import (
    Link,
    ProposedSupplier,
    Rejection,
    SupplierProposal,
)
from ml_connector.lists.known_codes import KnownCodes
from ml_connector.records import lookup as records
from ml_connector.services import Services
from ml_connector.vendors.parties import supplier_party, vendors_of
from ml_connector.vendors.waiting_orders import waiting_for_link

Waiting = Mapping[tuple[VendorId, Division], Sequence[str]]


@dataclass(frozen=True)
class VendorInDivision:
    """One vendor in one division. `is_known`: it was in Airbase when last read."""

    division: Division
    vendor: Party
    is_known: bool
    link: Link | None
    proposal: SupplierProposal | None
    rejections: tuple[Rejection, ...]

    @property
    def candidates(self) -> tuple[ProposedSupplier, ...]:
        """Return the proposed suppliers, best first."""
        return self.proposal.candidates if self.proposal else ()

    @property
    def decision(self) -> Literal["link", "review", "none"]:
        """Return what was decided; a link with a proposal is for review."""
        if self.candidates:
            return "review"
        return "link" if self.link else "none"

    @property
    def supplier(self) -> Guid | None:
        """Return the supplier that the decision is about: the best candidate, or the linked one."""
        if self.candidates:
            return self.candidates[0].id
        return self.link.supplier if self.link else None

    @property
    def last_decision(self) -> tuple[datetime, str] | None:
        """Return when the last decision was made, and by whom (empty: automatically)."""
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


class VendorStates:
    """The states of all vendors of a connection, one division at a time."""

    def __init__(self, services: Services) -> None:
        """Prepare to read; nothing is read yet."""
        self._services = services

    @cached_property
    def vendors(self) -> dict[str, Party]:
        """Return the vendors as last read from Airbase, by id."""
        known = vendors_of(self._services.match_indexes).all()
        return {party.id: party for party in known}

    def of(self, division: Division) -> Iterator[VendorInDivision]:
        """Yield every vendor by id, including linked ones that Airbase no longer has."""
        links = {each.vendor: each for each in self._services.vendor_links.all(division)}
        proposals = {each.vendor: each for each in self._services.supplier_proposals.all(division)}
        rejections: defaultdict[VendorId, list[Rejection]] = defaultdict(list)
        for each in self._services.vendor_links.all_rejections(division):
            rejections[each.vendor].append(each)
        for id in sorted(self.vendors.keys() | links.keys() | proposals.keys()):
            vendor = VendorId(id)
            yield VendorInDivision(
                division,
                self.vendors.get(id) or Party(id, ""),
                id in self.vendors,
                links.get(vendor),
                proposals.get(vendor),
                tuple(rejections[vendor]),
            )

    def suppliers(self, division: Division) -> "SupplierLookup":
        """Return the division's suppliers as last read from Exact."""
        return SupplierLookup(self._services.reference_store(division).all("supplier", Supplier))


class SupplierLookup:
    """A division's suppliers, by GUID and by account code."""

    def __init__(self, suppliers: Iterable[Supplier]) -> None:
        """Index the suppliers."""
        self._by_id = {each.id: each for each in suppliers}
        self._by_code: defaultdict[str, list[Supplier]] = defaultdict(list)
        for each in self._by_id.values():
            self._by_code[each.code].append(each)

    @cached_property
    def _known(self) -> KnownCodes:
        return KnownCodes(self._by_code)

    def get(self, id: Guid | None) -> Supplier | None:
        """Return the supplier with this GUID."""
        return self._by_id.get(id) if id else None

    def with_code(self, code: str) -> Supplier | None:
        """Return the supplier with this account code, or with the one that a spreadsheet changed.

        None if several have it.
        """
        found = self._by_code.get(code)
        if found is None:
            found = [each for known in self._known.same(code) for each in self._by_code[known]]
        return found[0] if len(found) == 1 else None

    def possible_codes(self, code: str) -> list[str]:
        """Return the account codes of which a spreadsheet may have made this one."""
        return self._known.possible(code)


def waiting_by_vendor(ledger: Ledger) -> Waiting:
    """Return the titles of the orders that wait for a link, by vendor and division."""
    found: defaultdict[tuple[VendorId, Division], list[str]] = defaultdict(list)
    for record, vendor, division in waiting_for_link(ledger):
        found[vendor, division].append(records.title(record))
    return found
