"""Make in Exact the supplier that an approved order needs: at most one, whatever happens.

The protocol is that of orders. What will be sent is recorded first, with a marker that the account
carries in its remarks; whoever finds such an intent later looks for the marker before anything is
sent again, and adopts what is there.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from ml_connector import clock
from ml_connector.codes import problem
from ml_connector.connection import ExactDivision
from ml_connector.doors.links import Link
from ml_connector.exact.odata import guid, text_literal, trimmed
from ml_connector.exact.reference import ACCOUNTS_PATH
from ml_connector.faults import Halt, Later, Review
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.messages import never_seen, refresh_message
from ml_connector.workflows.upkeep.refresh import note_stale
from ml_connector.workflows.vendors.alignment import ACCOUNTS, LONGEST_NAME
from ml_connector.workflows.vendors.case import VendorCase
from ml_connector.workflows.vendors.desk import VendorDesk, agreed_names
from ml_connector.workflows.vendors.parties import supplier_party

SETTLE = timedelta(seconds=120)
"""After this no POST of an earlier intent is still under way: it is sent at once, within 30 s."""

CREATED = "created"
_LEASE = timedelta(seconds=330)  # longer than a worker lives
_BUSY = timedelta(seconds=30)
_SELECT = "ID,Code,Name,IsSupplier,Remarks,Email"


def create_supplier(
    desk: VendorDesk, case: VendorCase, division: ExactDivision, vendor: Party
) -> bool:
    """Make the vendor's supplier, or adopt the one an earlier attempt left; link it.

    Return whether it was linked. Raises `Later` while an outcome is not known, `Review` when Exact
    refuses or holds an account of this name that is not ours.
    """
    leases = desk.doors.leases(desk.id)
    with leases.holding(f"supplier#{division.division}#{vendor.id}", _LEASE) as held:
        if held is None:
            until = clock.now() + _BUSY
            raise Later("PROVISION_BUSY", until, "another worker is making the supplier.")
        return _Creation(desk, case, division, vendor).run()


class _Creation:
    def __init__(
        self, desk: VendorDesk, case: VendorCase, division: ExactDivision, vendor: Party
    ) -> None:
        self.desk = desk
        self.case = case
        self.code = division.division
        self.vendor = vendor
        self.name = vendor.name.strip()[:LONGEST_NAME]
        self.gateway = desk.doors.exact(desk.connection)

    def run(self) -> bool:
        if not self.name:
            return False
        intent = self.case.here(self.code).get("intent")
        if intent:
            self._wait_until_settled(intent)
        names = [self.name, *([intent["name"]] if intent else [])]
        if found := self._ours(dict.fromkeys(names)):
            return self._link(found, "adopted")
        if intent:
            self.case.note("looked", self.code, {"intent": None}, found="nothing")
        self._refuse_namesake()
        return self._create()

    def _wait_until_settled(self, intent: Mapping[str, Any]) -> None:
        settled = datetime.fromisoformat(intent["at"]) + SETTLE
        if clock.now() < settled:
            raise Later("OUTCOME_UNKNOWN", settled, "an earlier attempt may still be under way.")

    def _ours(self, names: Mapping[str, None]) -> Mapping[str, Any] | None:
        for name in names:
            for row in self._named(name):
                if _marker(self.desk.id, self.code, self.vendor.id) in str(row.get("Remarks")):
                    return row
        return None

    def _refuse_namesake(self) -> None:
        if any(trimmed(row.get("Name")) == self.name for row in self._named(self.name)):
            note_stale(self.desk.doors.data(self.desk.id, self.code), ACCOUNTS_PATH)
            message = refresh_message(self.desk.id, self.code)
            self.desk.doors.queues.send(message, never_seen())
            detail = f"Division {self.code}: {self.name}."
            raise Review([problem("SUPPLIER_EXISTS", self.case.title, detail)])

    def _named(self, name: str) -> list[dict[str, Any]]:
        query = {"$filter": f"Name eq {text_literal(name)}", "$select": _SELECT}
        return list(self.gateway.rows(self.code, ACCOUNTS, query))

    def _create(self) -> bool:
        marker = _marker(self.desk.id, self.code, self.vendor.id)
        body = {"Name": self.name, "IsSupplier": True, "Remarks": f"Airbase vendor {marker}"}
        if self.vendor.email:
            body["Email"] = self.vendor.email
        intent = {"at": clock.now().isoformat(), "name": self.name}
        self.case.note("creating", self.code, {"intent": intent}, body=body)
        try:
            made = self.gateway.create(self.code, ACCOUNTS, body, record=self.case.title)
        except Later as later:
            if later.outcome_unknown:
                raise Later("OUTCOME_UNKNOWN", clock.now() + SETTLE, later.cause) from later
            self.case.note("not_sent", self.code, {"intent": None})
            raise
        except (Review, Halt):
            self.case.note("refused", self.code, {"intent": None})
            raise
        return self._link({"Name": self.name, "IsSupplier": True, **made}, CREATED)

    def _link(self, row: Mapping[str, Any], step: str) -> bool:
        """Keep the supplier as if it had been read: its own echo is then no news."""
        supplier = Supplier(
            id=guid(str(row["ID"])),
            code=trimmed(row.get("Code")),
            name=trimmed(row.get("Name")) or self.name,
            email=trimmed(row.get("Email")),
        )
        self.desk.doors.data(self.desk.id, self.code).store("supplier", [supplier])
        party = supplier_party(supplier)
        self.desk.suppliers(self.code).save(party)
        evidence = ("made for this vendor",)
        link = Link(self.code, self.case.vendor, supplier.id, CREATED, evidence)
        self.case.link(link, agreed_names(self.vendor, party), step, name=supplier.name)
        return True


def _marker(connection: str, division: int, vendor: str) -> str:
    """Return what marks the account; digests only, so that it reveals nothing."""
    text = f"{connection}\n{division}\n{vendor}"
    return f"[ab-vendor:{sha256(text.encode()).hexdigest()[:24]}]"
