"""What the reconciliation of a connection's vendors needs: settings, lists and services."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ml_connector.domain.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.domain.matching.party import Candidate, Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.match_index import MatchIndex
from ml_connector.infrastructure.vendor_links import ProposedSupplier
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.vendors.parties import suppliers_of, vendors_of
from ml_connector.vendors.tracked_vendor import TrackedVendor


@dataclass
class VendorContext:
    """A connection with its vendors and suppliers."""

    services: Services
    vendors: MatchIndex
    chain: int = 0
    """How many vendors were matched, one because of the other, before this one."""
    _suppliers: dict[Division, MatchIndex] = field(default_factory=dict)

    @property
    def id(self) -> ConnectionId:
        """Return the connection's id."""
        return self.services.id

    @property
    def connection(self) -> Connection:
        """Return the connection's settings."""
        return self.services.connection

    def suppliers(self, division: Division) -> MatchIndex:
        """Return a division's suppliers as last reconciled."""
        if division not in self._suppliers:
            self._suppliers[division] = suppliers_of(self.services.match_indexes, division)
        return self._suppliers[division]

    def supplier(self, division: Division, id: Guid) -> Supplier | None:
        """Return a supplier as last read from Exact, or None if it is gone."""
        return self.services.reference_store(division).get("supplier", id, Supplier)

    def configured_supplier(self, division: ExactDivision, vendor: Party) -> Supplier | None:
        """Return the supplier that the connection file names for the vendor."""
        keys = filter(None, (vendor.id, vendor.external_id, vendor.name))
        wanted = self.services.mapped(division.division, "suppliers", keys)
        division_data = self.services.division_data(division.division)
        return division_data.supplier(wanted) if wanted else None

    def without_foreign_reference(self, division: Division, vendor: Party) -> Party:
        """Return the vendor without a reference to its supplier in another division.

        Airbase holds one reference, and each division has its own accounts.
        """
        reference = vendor.external_id.strip("{}").lower()
        for other in self.connection.divisions if "-" in reference else ():
            if other.division != division:
                link = self.services.vendor_links.get(other.division, VendorId(vendor.id))
                if link and link.supplier == reference:
                    return replace(vendor, external_id="")
        return vendor

    @property
    def has_all_suppliers(self) -> bool:
        """Return whether the suppliers of all divisions have been read."""
        return all(self.suppliers(each.division).is_indexed for each in self.connection.divisions)

    def proposed_suppliers(
        self, division: Division, candidates: Sequence[Candidate]
    ) -> tuple[ProposedSupplier, ...]:
        """Return candidates as shown to a person, without those that are gone."""
        found = ((self.supplier(division, Guid(each.id)), each.score) for each in candidates)
        return tuple(
            ProposedSupplier(supplier.id, supplier.code, supplier.name, score)
            for supplier, score in found
            if supplier
        )


def open_context(services: Services) -> VendorContext:
    """Return the context of a connection."""
    return VendorContext(services, vendors_of(services.match_indexes))


def open_vendor(services: Services, ledger: Ledger, vendor: Party) -> TrackedVendor:
    """Return the vendor's record; `ledger` names who acts."""
    id = VendorId(vendor.id)
    return TrackedVendor(
        ledger, services.vendor_links, services.supplier_proposals, id, vendor.name
    )


def agreed_names(vendor: Party, supplier: Party) -> dict[str, str]:
    """Return the names and e-mail addresses of both sides, to detect later changes."""
    return {
        "vendor": vendor.name,
        "supplier": supplier.name,
        "vendor_email": vendor.email,
        "supplier_email": supplier.email,
    }
