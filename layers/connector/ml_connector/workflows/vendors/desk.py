"""What lies on the desk while a connection's vendors are looked at."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import Ledger
from ml_connector.doors.links import ProposedSupplier
from ml_connector.doors.parties import Parties
from ml_connector.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Candidate, Party
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.parties import suppliers_of, vendors_of


@dataclass
class VendorDesk:
    """One connection's lists and rules; `suppliers` remembers the lists of its divisions."""

    doors: Doors
    connection: Connection
    vendors: Parties
    _suppliers: dict[Division, Parties] = field(default_factory=dict)

    @property
    def id(self) -> ConnectionId:
        """Return the connection's id."""
        return self.connection.id

    def suppliers(self, division: Division) -> Parties:
        """Return the list of a division's suppliers, as last looked at."""
        if division not in self._suppliers:
            self._suppliers[division] = suppliers_of(self.doors.reference, self.id, division)
        return self._suppliers[division]

    def supplier(self, division: Division, id: Guid) -> Supplier | None:
        """Return a supplier as last read from Exact, or None when it is gone."""
        return self.doors.data(self.id, division).get("supplier", id, Supplier)

    def configured(self, division: ExactDivision, vendor: Party) -> Supplier | None:
        """Return the supplier that the connection file names for the vendor."""
        named = division.mappings.suppliers
        keys = (vendor.id, vendor.external_id, vendor.name)
        told = next((named[key] for key in keys if key and key in named), None)
        books = self.doors.books(self.connection, division.division)
        return books.supplier(told) if told else None

    def as_seen_from(self, division: Division, vendor: Party) -> Party:
        """Return the vendor without a reference that names its supplier in another division.

        Airbase has room for one, and each division has accounts of its own.
        """
        told = vendor.external_id.strip("{}").lower()
        for other in self.connection.divisions if "-" in told else ():
            if other.division != division:
                link = self.doors.links.get(self.id, other.division, VendorId(vendor.id))
                if link and link.supplier == told:
                    return replace(vendor, external_id="")
        return vendor

    @property
    def is_complete(self) -> bool:
        """Return whether the lists of all divisions have been read."""
        return all(self.suppliers(each.division).is_indexed for each in self.connection.divisions)

    def proposed(
        self, division: Division, candidates: Sequence[Candidate]
    ) -> tuple[ProposedSupplier, ...]:
        """Return candidates as a person is shown them; those that are gone are left out."""
        found = ((self.supplier(division, Guid(each.id)), each.score) for each in candidates)
        return tuple(
            ProposedSupplier(supplier.id, supplier.code, supplier.name, score)
            for supplier, score in found
            if supplier
        )


def open_desk(doors: Doors, connection: Connection) -> VendorDesk:
    """Return the desk of a connection."""
    return VendorDesk(doors, connection, vendors_of(doors.reference, connection.id))


def open_case(doors: Doors, ledger: Ledger, connection: ConnectionId, vendor: Party) -> VendorCase:
    """Return the vendor's record; `ledger` names who acts."""
    id = VendorId(vendor.id)
    return VendorCase(ledger, doors.links, doors.proposals, connection, id, vendor.name)


def agreed_names(vendor: Party, supplier: Party) -> dict[str, str]:
    """Return what both sides call themselves now, to tell a later change by."""
    return {
        "vendor": vendor.name,
        "supplier": supplier.name,
        "vendor_email": vendor.email,
        "supplier_email": supplier.email,
    }
