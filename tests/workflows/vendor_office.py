"""The firm in memory with one division, for what happens between its vendors and suppliers."""

from typing import Any

from local.firm import NL
from local.office import FIRM, Office
from ml_connector import clock
from ml_connector.doors.ledger import VENDORS, Ledger, Record, vendor_key
from ml_connector.doors.links import Link, Proposal
from ml_connector.doors.queues import Message
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.workflows.messages import reconcile_message, vendor_message
from tests.workflows.staleness import note_all_stale

Row = dict[str, Any]
CODE = Division(NL.division)


class VendorOffice(Office):
    """An office whose connection has the Dutch division alone."""

    def open(self, **policy: Any) -> None:
        """Connect with this vendor policy; both lists are read and matched."""
        config = self.config()
        self.connect(divisions=config["divisions"][:1], vendors=policy)

    def open_with(self, **division: Any) -> None:
        """Connect (again) with these changes of the division, and compare both lists."""
        config = self.config(**division)
        self.connect(divisions=config["divisions"][:1])
        self.compare()

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
        return Guid(self.exact.add_supplier(CODE, name, code=code, **fields))

    def pair(self, name: str = "Kanimo B.V.", code: str = "901") -> tuple[Row, Guid]:
        """Add a vendor and its supplier."""
        return self.vendor(name), self.supplier(name, code)

    def say(self, message: Message) -> None:
        """Queue a message that is taken for a new one, and work."""
        self.clock.move(0.001)
        self.mini.queues.send(message, f"{message.body} {clock.epoch()}")
        self.work()

    def hear(self, vendor: Row) -> None:
        """Let Airbase's webhook about a vendor arrive, and work."""
        self.say(vendor_message(FIRM, vendor["id"]))

    def read_exact(self) -> None:
        """Let Exact's notification arrive and the increment be read, and work."""
        note_all_stale(self.doors.data(FIRM, CODE))
        self.wait(minutes=1)

    def compare(self) -> None:
        """Let the daily comparison run."""
        self.say(reconcile_message(FIRM))

    def link(self, vendor: Row) -> Link | None:
        """Return the vendor's link."""
        return self.doors.links.get(FIRM, CODE, VendorId(vendor["id"]))

    def supplier_of(self, vendor: Row) -> str | None:
        """Return the supplier that the vendor is linked to."""
        link = self.link(vendor)
        return link.supplier if link else None

    def proposal(self, vendor: Row) -> Proposal | None:
        """Return what is proposed about the vendor."""
        return self.doors.proposals.get(FIRM, CODE, VendorId(vendor["id"]))

    def offered(self, vendor: Row) -> list[str]:
        """Return the suppliers proposed for the vendor, best first."""
        proposal = self.proposal(vendor)
        return [each.id for each in proposal.candidates] if proposal else []

    def vendor_record(self, vendor: Row) -> Record:
        """Return the vendor's record."""
        return self.doors.ledger.read(FIRM, vendor_key(VendorId(vendor["id"])))

    def open_codes(self, vendor: Row) -> list[str]:
        """Return the codes of the vendor's open exceptions."""
        return [found["code"] for found in self.vendor_record(vendor).problems]

    def vendor_steps(self, vendor: Row) -> list[str]:
        """Return the steps of the vendor's audit trail."""
        key = vendor_key(VendorId(vendor["id"]))
        return [entry.step for entry in self.doors.ledger.trail(FIRM, key)]

    def run_steps(self) -> list[str]:
        """Return the steps of the comparisons."""
        return [entry.step for entry in self.doors.ledger.trail(FIRM, VENDORS)]

    def account(self, id: str) -> Row:
        """Return a supplier as Exact holds it."""
        return self.exact.row(CODE, "crm/Accounts", id)

    def change_account(self, id: str, **fields: Any) -> None:
        """Change a supplier as people in Exact do, and let it be read."""
        self.exact.change(CODE, "crm/Accounts", id, **fields)
        self.read_exact()

    def remove_account(self, id: str) -> None:
        """Delete a supplier in Exact, and let it be read."""
        self.exact.remove(CODE, "crm/Accounts", id)
        self.read_exact()

    def accounts(self, name: str) -> list[Row]:
        """Return the accounts of this name in Exact."""
        rows = self.exact.world.divisions[CODE].table("crm/Accounts").values()
        return [dict(row) for row in rows if row["Name"] == name]

    @property
    def person(self) -> Ledger:
        """Return the ledger as a person who decides by hand."""
        return Ledger(self.mini.tables.ledger, self.mini.tables.audit, "anna")
