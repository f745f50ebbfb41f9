"""Create a vendor's supplier in Exact, or a supplier's vendor in Airbase: at most one of each.

A supplier is created like an order: the intent is recorded first, with a marker that the account
carries in its remarks. After an unknown outcome the account is looked up by its marker and adopted
before anything is sent again. A vendor is keyed by its supplier's id, so Airbase creates it once.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from ml_connector import clock
from ml_connector.airbase.vendors import read_vendor
from ml_connector.domain import unclear_refusals
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division, VendorId, code_of
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.digest import digest
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.records import Body, CreationIntent
from ml_connector.domain.texts import cut
from ml_connector.exact.odata import text_literal
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.exact.rows import RowReader, read_required, refused
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.messages.sending import refresh_message, unique_id
from ml_connector.reference_data.refresh import note_stale
from ml_connector.settings.connection import ExactDivision
from ml_connector.vendors.alignment import ACCOUNTS, LONGEST_NAME
from ml_connector.vendors.context import VendorContext, agreed_names, open_vendor
from ml_connector.vendors.parties import supplier_party, vendor_party
from ml_connector.vendors.tracked_vendor import TrackedVendor

CREATED = "created"
"""The rule of a link to a vendor or supplier that the connector created."""

# After this, no POST of an earlier intent is still under way: it is sent within 30 s.
_SETTLE = timedelta(seconds=120)
_LEASE = timedelta(seconds=330)  # longer than a worker lives
_BUSY = timedelta(seconds=30)
_SELECT = "ID,Code,Name,IsSupplier,Remarks,Email"


def create_supplier(
    context: VendorContext, tracked: TrackedVendor, division: ExactDivision, vendor: Party
) -> bool:
    """Create the vendor's supplier, or adopt the one of an earlier attempt; link it.

    Return whether it was linked. Raise `Later` while an outcome is unknown, `Review` when Exact
    refuses or has another account of this name.
    """
    with _leased(context, f"supplier#{division.division}#{vendor.id}", "supplier"):
        return _SupplierCreation(context, tracked, division, vendor).run()


def create_vendor(context: VendorContext, division: Division, supplier: Supplier) -> None:
    """Create the supplier's vendor, or find the one of an earlier attempt; link it.

    Raise the faults of Airbase. Airbase matches on the ERP reference, which is the supplier's id:
    repeating the call changes nothing.
    """
    row = {"name": supplier.name, "erp_reference_id": supplier.id}
    if supplier.email:
        row["email"] = supplier.email
    with _leased(context, f"vendor#{supplier.id}", "vendor"):
        airbase = context.services.airbase()
        raw = airbase.upsert_vendor(row, f"supplier {supplier.code}")
    vendor = vendor_party(read_vendor(raw, context.connection.profile))
    tracked = open_vendor(context.services, context.services.ledger, vendor)
    id = VendorId(vendor.id)
    link = Link(division, id, supplier.id, CREATED, ("created for this supplier",))
    party = supplier_party(supplier)
    tracked.link(link, party, agreed_names(vendor, party), CREATED)
    context.vendors.save(vendor)


@contextmanager
def _leased(context: VendorContext, name: str, what: str) -> Iterator[None]:
    with context.services.leases.holding(name, _LEASE) as lease:
        if lease is None:
            raise delay("PROVISION_BUSY", clock.now() + _BUSY, "name", name=f"the {what}")
        yield


class _SupplierCreation:
    def __init__(
        self, context: VendorContext, tracked: TrackedVendor, division: ExactDivision, vendor: Party
    ) -> None:
        self.context = context
        self.tracked = tracked
        self.code = division.division
        self.vendor = vendor
        self.name = cut(vendor.name.strip(), LONGEST_NAME)
        self.exact_client = context.services.exact(self.code)

    def run(self) -> bool:
        if not self.name:
            return False
        intent = self.tracked.division_facts(self.code).intent
        if intent:
            self._require_known_outcome(intent)
        names = [self.name, *([intent.name] if intent else [])]
        if found := self._created_before(dict.fromkeys(names)):
            return self._link(found, "adopted")
        if intent:
            self._note("looked", None, found="nothing")
        self._refuse_namesake()
        body = self._body()
        self._wait_after_refusals(digest(body))
        return self._create(body)

    def _require_known_outcome(self, intent: CreationIntent) -> None:
        settled = intent.at + _SETTLE
        if clock.now() < settled:
            raise delay("OUTCOME_UNKNOWN", settled, "attempt")

    def _created_before(self, names: Mapping[str, None]) -> Supplier | None:
        marker = _marker(self.context.id, code_of(self.code), self.vendor.id)
        for name in names:
            for row in self._accounts_named(name):
                reader = RowReader(row)
                is_ours = marker in reader.long_text("Remarks")
                if reader.wrong or not reader.has("Remarks"):
                    reader.wrong.append("Remarks decides whether it is ours")
                    raise refused(reader, ACCOUNTS, self.code)
                if is_ours:
                    return read_required(row, _read_created, ACCOUNTS, self.code)
        return None

    def _refuse_namesake(self) -> None:
        if any(RowReader(row).text("Name") == self.name for row in self._accounts_named(self.name)):
            note_stale(self.context.services.reference_store(self.code), ACCOUNTS_PATH)
            message = refresh_message(self.context.id, self.code)
            self.context.services.queues.send(message, unique_id())
            title, name = self.tracked.title, self.name
            raise Review([problem("SUPPLIER_EXISTS", title, "name", division=self.code, name=name)])

    def _accounts_named(self, name: str) -> list[dict[str, Any]]:
        query = {"$filter": f"Name eq {text_literal(name)}", "$select": _SELECT}
        return list(self.exact_client.rows(self.code, ACCOUNTS, query))

    def _body(self) -> Body:
        marker = _marker(self.context.id, code_of(self.code), self.vendor.id)
        body = {"Name": self.name, "IsSupplier": True, "Remarks": f"Airbase vendor {marker}"}
        return body | ({"Email": self.vendor.email} if self.vendor.email else {})

    def _is_ours(self, row: Mapping[str, Any]) -> bool:
        reader = RowReader(row)
        marker = _marker(self.context.id, code_of(self.code), self.vendor.id)
        return marker in reader.long_text("Remarks") and bool(reader.key("ID"))

    def _wait_after_refusals(self, of_write: str) -> None:
        """Do not repeat without end what Exact refuses in words that we do not know."""
        refusals, now = self.tracked.division_facts(self.code).refusals, clock.now()
        if later := unclear_refusals.wait(refusals, of_write, now):
            raise later
        title = self.tracked.title
        if found := unclear_refusals.refused_for_good(
            refusals, of_write, now, title, by_hand=False
        ):
            raise Review([found])

    def _create(self, body: Body) -> bool:
        self._note("creating", CreationIntent(clock.now(), self.name), body=body)
        try:
            created = self.exact_client.create(
                self.code, ACCOUNTS, body, record=self.tracked.title, is_ours=self._is_ours
            )
        except Later as later:
            self._note_refusal(digest(body), later)
            if later.outcome_unknown:
                until = clock.now() + _SETTLE
                raise delay("OUTCOME_UNKNOWN", until, "reason", reason=later.cause) from later
            self._note("not_sent", None)
            raise
        except (Review, Halt):
            self._note("refused", None)
            raise
        return self._link(_read_created(RowReader(created)), CREATED)

    def _note_refusal(self, of_write: str, later: Later) -> None:
        known = self.tracked.division_facts(self.code)
        refusals = unclear_refusals.with_refusal(known.refusals, of_write, later, clock.now())
        if refusals != known.refusals:
            self.tracked.note("refused_unclearly", self.code, replace(known, refusals=refusals))

    def _note(self, step: str, intent: CreationIntent | None, **detail: Any) -> None:
        facts = replace(self.tracked.division_facts(self.code), intent=intent)
        self.tracked.note(step, self.code, facts, **detail)

    def _link(self, found: Supplier, step: str) -> bool:
        """Store the supplier as if read from Exact, so that its echo is not a change."""
        supplier = replace(found, name=found.name or self.name)
        self.context.services.reference_store(self.code).store("supplier", [supplier])
        party = supplier_party(supplier)
        self.context.suppliers(self.code).save(party)
        evidence = ("created for this vendor",)
        link = Link(self.code, self.tracked.vendor, supplier.id, CREATED, evidence)
        self.tracked.link(link, party, agreed_names(self.vendor, party), step)
        return True


def _read_created(row: RowReader) -> Supplier:
    return Supplier(row.key("ID"), row.text("Code"), row.text("Name"), email=row.text("Email"))


def _marker(connection: str, division: int, vendor: str) -> str:
    """Return the marker of the account; a digest, so that it reveals nothing."""
    text = f"{connection}\n{division}\n{vendor}"
    return f"[ab-vendor:{sha256(text.encode()).hexdigest()[:24]}]"
