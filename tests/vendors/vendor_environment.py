"""The firm in memory with one division, for tests of vendors and suppliers."""

from typing import Any

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.domain.ids import Guid, VendorId, code_of
from ml_connector.infrastructure.ledger import VENDORS, AnyRecord, Ledger, vendor_key
from ml_connector.infrastructure.queues import Message
from ml_connector.infrastructure.vendor_links import Link, SupplierProposal
from ml_connector.messages.sending import reconcile_message, vendor_message
from tests.vendors.staleness import note_all_stale

Row = dict[str, Any]
CODE = NL.key


class VendorEnvironment(InMemoryEnvironment):
    """An environment whose connection has only the Dutch division."""

    def open(self, **policy: Any) -> None:
        """Connect with this vendor policy; both lists are read and matched."""
        config = self.config()
        self.connect(divisions=config["divisions"][:1], vendors=policy)

    def open_with(self, **division: Any) -> None:
        """Connect (again) with these changes of the division, and reconcile both lists."""
        config = self.config(**division)
        self.connect(divisions=config["divisions"][:1])
        self.reconcile()

    @staticmethod
    def vendor_id(vendor: Row) -> VendorId:
        """Return the vendor's id."""
        return VendorId(vendor["id"])

    def vendor(self, name: str, code: str = "", **more: Any) -> Row:
        """Add a vendor to Airbase."""
        self.firm.vendors[name] = self.airbase.add_vendor(name, code, **more)
        return self.firm.vendors[name]

    def supplier(self, name: str, code: str, **fields: Any) -> Guid:
        """Add a supplier to Exact."""
        return Guid(self.exact.add_supplier(code_of(CODE), name, code=code, **fields))

    def pair(self, name: str = "Kanimo B.V.", code: str = "901") -> tuple[Row, Guid]:
        """Add a vendor and its supplier."""
        return self.vendor(name), self.supplier(name, code)

    def send(self, message: Message) -> None:
        """Queue a message as new, and run the workers."""
        self.clock.move(0.001)
        self.memory.queues.send(message, f"{message.body} {clock.epoch()}")
        self.work()

    def receive_webhook(self, vendor: Row) -> None:
        """Receive Airbase's webhook about a vendor, and run the workers."""
        self.send(vendor_message(FIRM, vendor["id"]))

    def refresh(self) -> None:
        """Receive Exact's notification, refresh, and run the workers."""
        note_all_stale(self.services_of().reference_store(CODE))
        self.wait(minutes=1)

    def reconcile(self) -> None:
        """Run the daily reconciliation."""
        self.send(reconcile_message(FIRM))

    def link(self, vendor: Row) -> Link | None:
        """Return the vendor's link."""
        return self.services_of().vendor_links.get(CODE, VendorId(vendor["id"]))

    def supplier_of(self, vendor: Row) -> str | None:
        """Return the supplier that the vendor is linked to."""
        link = self.link(vendor)
        return link.supplier if link else None

    def proposal(self, vendor: Row) -> SupplierProposal | None:
        """Return what is proposed about the vendor."""
        return self.services_of().supplier_proposals.get(CODE, VendorId(vendor["id"]))

    def offered(self, vendor: Row) -> list[str]:
        """Return the suppliers proposed for the vendor, best first."""
        proposal = self.proposal(vendor)
        return [each.id for each in proposal.candidates] if proposal else []

    def vendor_record(self, vendor: Row) -> AnyRecord:
        """Return the vendor's record."""
        return self.services.ledger_of(FIRM).read(vendor_key(VendorId(vendor["id"])))

    def open_codes(self, vendor: Row) -> list[str]:
        """Return the codes of the vendor's open exceptions."""
        return [found.code for found in self.vendor_record(vendor).problems]

    def vendor_steps(self, vendor: Row) -> list[str]:
        """Return the steps of the vendor's audit trail."""
        key = vendor_key(VendorId(vendor["id"]))
        return [entry.step for entry in self.services.ledger_of(FIRM).trail(key)]

    def run_steps(self) -> list[str]:
        """Return the steps of the reconciliations."""
        return [entry.step for entry in self.services.ledger_of(FIRM).trail(VENDORS)]

    def account(self, id: str) -> Row:
        """Return a supplier in Exact."""
        return self.exact.row(code_of(CODE), "crm/Accounts", id)

    def change_account(self, id: str, **fields: Any) -> None:
        """Change a supplier in Exact, and refresh."""
        self.exact.change(code_of(CODE), "crm/Accounts", id, **fields)
        self.refresh()

    def remove_account(self, id: str) -> None:
        """Delete a supplier in Exact, and refresh."""
        self.exact.remove(code_of(CODE), "crm/Accounts", id)
        self.refresh()

    def accounts(self, name: str) -> list[Row]:
        """Return the accounts of this name in Exact."""
        rows = self.exact.world.divisions[code_of(CODE)].table("crm/Accounts").values()
        return [dict(row) for row in rows if row["Name"] == name]

    @property
    def person(self) -> Ledger:
        """Return the ledger with a person as actor."""
        return Ledger(self.memory.tables.ledger, self.memory.tables.audit, "anna", FIRM)
