"""Reconcile all vendors and suppliers: at first, daily, and after a change of the rules.

It reads Airbase's list page by page and reconciles what is new, changed or gone, compares the
suppliers with those last reconciled, and matches divisions that are new or whose rules changed. A
run that is interrupted, by time or by a fault, resumes from the progress in the ledger: it is due,
and the next sweep queues it. Exact is not called.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.airbase.vendors import read_vendor, read_vendor_id
from ml_connector.connections.problems import report_connection_problems
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Review
from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching import rules
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.domain.records import ComparisonFacts, ComparisonProgress, ComparisonState
from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.infrastructure.coordination import COMPARISON
from ml_connector.infrastructure.reconciliation_progress import ReconciliationProgress
from ml_connector.records.tracked_record import TrackedRecord
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.vendors.bulk_matching import decide_division
from ml_connector.vendors.context import VendorContext, open_context, open_vendor
from ml_connector.vendors.parties import supplier_party, vendor_party
from ml_connector.vendors.reconcile_vendor import (
    queue_vendors,
    reconcile_missing_vendor,
    reconcile_or_requeue,
)
from ml_connector.vendors.supplier_changes import apply_supplier_change
from ml_connector.vendors.waiting_orders import release_orders

VENDOR_LIST = "Airbase's list of vendors"
_TIME_LIMIT = timedelta(seconds=200)  # of a worker's 300
_RESUME_AFTER = timedelta(minutes=20)  # without progress for so long, the sweep resumes a run


class _OutOfTime(Exception):
    """The worker's time is over; the next message resumes the run."""


def reconcile_all(services: Services, receives: int | None = None) -> None:
    """Continue the run as far as the time allows; start one if none is under way.

    `receives`: how often the message was delivered, if not once.
    """
    tracked = TrackedRecord(services.ledger, services.ledger.comparison())
    with tracked.taken(receives, lives=_RESUME_AFTER) as may_work:
        if may_work:
            _reconcile_all(services, tracked)


def _reconcile_all(services: Services, tracked: TrackedRecord[ComparisonFacts]) -> None:
    if tracked.record.state != ComparisonState.RUNNING:
        digest = _rules_digest(services.connection)
        is_new = tracked.facts.rules != digest
        keys = (each.division for each in services.connection.divisions)
        progress = ComparisonProgress(page=1, whole=tuple(keys) if is_new else ())
        facts = replace(tracked.facts, run=progress, rules=digest, waiting=None)
        tracked.step(ComparisonState.RUNNING, "started", facts, retry_in=_RESUME_AFTER)
    run = _ReconciliationRun(open_context(services), tracked, services)
    try:
        run.work()
    except _OutOfTime:
        # Not a message of its own: Lambda stops a chain of about 16 messages to its own queue.
        tracked.record = services.ledger.postpone(tracked.record, clock.now())
    except Fault as fault:
        run.save_failed_page()
        tracked.apply_fault(fault)


@dataclass
class _ReconciliationRun:
    """Resumes from its stored progress.

    That is the next `page` (0: all read), the divisions to match in full (`whole`) and, within one
    of them, the last vendor matched (`after`).
    """

    context: VendorContext
    tracked: TrackedRecord[ComparisonFacts]
    services: Services
    started: Any = field(default_factory=clock.now)
    counts: dict[str, int] = field(default_factory=dict)
    page: int = 0
    nameless: list[str] = field(default_factory=list)
    """Why rows without an id cannot be read."""

    def save_failed_page(self) -> None:
        """Record the page that could not be read, to resume there."""
        if self.page > self._progress.page > 0:
            self._save_progress(replace(self._progress, page=self.page))

    def work(self) -> None:
        pages = self.services.read_progress()
        if self._progress.page:
            self._read_vendors(pages)
        self._compare_suppliers()
        self._decide_divisions()
        release_orders(self.services)
        pages.clear()
        self.services.last_runs.note(COMPARISON)
        facts = replace(self.tracked.facts, run=ComparisonProgress(), waiting=None)
        self.tracked.step(
            ComparisonState.RECONCILED, "reconciled", facts, detail={"counts": self.counts}
        )

    @property
    def _progress(self) -> ComparisonProgress:
        return self.tracked.facts.run

    def _save_progress(self, progress: ComparisonProgress) -> None:
        facts = replace(self.tracked.facts, run=progress)
        self.tracked.step(ComparisonState.RUNNING, "reached", facts, retry_in=_RESUME_AFTER)

    def _check_time(self) -> None:
        if clock.now() - self.started > _TIME_LIMIT:
            raise _OutOfTime

    # ------------------------------------------------------------ Airbase's list

    def _read_vendors(self, pages: ReconciliationProgress) -> None:
        if self.context.connection.profile.vendors_path is None:
            self._index_vendors()
            self._save_progress(replace(self._progress, page=0))
            return
        known = {party.id: party for party in self.context.vendors.all()}
        excepted = self._with_exceptions()
        page, is_last = self._progress.page, False
        while not is_last:
            self.page = page
            rows, is_last = self.services.airbase().vendors(page)
            parties, seen = self._read_page(rows)
            is_last = is_last or pages.is_repeated(page, seen)
            self._process(parties, known, excepted)
            pages.add(page, seen)
            page += 1
            if not is_last and clock.now() - self.started > _TIME_LIMIT:
                self._save_progress(replace(self._progress, page=page))
                raise _OutOfTime
        self._report_nameless()
        self._index_vendors()
        for id in sorted(known.keys() - pages.all()):
            self._reconcile_unlisted(VendorId(id))
        self._save_progress(replace(self._progress, page=0))

    def _read_page(self, rows: list[Any]) -> tuple[list[Party], list[str]]:
        """Return the vendors that can be read, and the ids of all, readable or not.

        One that cannot be read is an exception of its own; without an id, of the connection.
        """
        parties, seen = [], []
        profile = self.context.connection.profile
        for raw in rows:
            try:
                parties.append(vendor_party(read_vendor(raw, profile)))
                seen.append(parties[-1].id)
            except Review as review:
                if id := read_vendor_id(raw, profile):
                    seen.append(id)
                    self._except(id, review)
                else:
                    self.nameless.append(review.problems[0].cause)
        return parties, seen

    def _except(self, id: VendorId, review: Review) -> None:
        """Open the exceptions of one vendor; the others go on."""
        vendor = self.context.vendors.get(id) or Party(id, id)
        open_vendor(self.services, self.services.ledger, vendor).apply_fault(review)

    def _report_nameless(self) -> None:
        """Open one exception for all rows without an id, or close it."""
        count = len(self.nameless)
        found = [
            problem("LISTED_VENDOR_UNREADABLE", VENDOR_LIST, "why", count=count, why=each)
            for each in self.nameless[:1]
        ]
        report_connection_problems(self.services.ledger, VENDOR_LIST, "vendors_read", found)

    def _with_exceptions(self) -> set[str]:
        """Return the vendors with open exceptions: they are reconciled even when unchanged."""
        keys = (str(item["sk"]) for item in self.services.ledger.unfinished())
        return {key.partition("#")[2] for key in keys if key.startswith("vendor#")}

    def _process(self, parties: list[Party], known: dict[str, Party], excepted: set[str]) -> None:
        changed = [each for each in parties if known.get(each.id) != each]
        self._count("vendors_changed", len(changed))
        if not self.context.vendors.is_indexed:
            self.context.vendors.store(*changed)
            return
        for vendor in [*changed, *(each for each in parties if each.id in excepted)]:
            reconcile_or_requeue(self.context, vendor)

    def _index_vendors(self) -> None:
        if not self.context.vendors.is_indexed:
            self.context.vendors.rebuild_index(self.context.vendors.all())

    def _reconcile_unlisted(self, id: VendorId) -> None:
        """Read the vendor by itself: a list that changes while it is read may omit one."""
        self._check_time()
        try:
            raw = self.services.airbase().vendor(id)
            vendor = raw and vendor_party(read_vendor(raw, self.context.connection.profile))
        except Review as review:
            if any(found.code != "NOT_IN_AIRBASE" for found in review.problems):
                self._except(id, review)
                return
            vendor = None
        if vendor is None:
            self._count("vendors_gone", 1)
            reconcile_missing_vendor(self.context, id)
        else:
            reconcile_or_requeue(self.context, vendor)

    # ------------------------------------------------------------ Exact's suppliers

    def _compare_suppliers(self) -> None:
        """Process changes without a change row, such as a supplier whose last day has passed."""
        for division in self._read_divisions():
            parties = self.context.suppliers(division)
            if not parties.is_indexed:
                continue
            known = {party.id: party for party in parties.all()}
            data = self.services.reference_store(division)
            for supplier in data.all("supplier", Supplier):
                party = supplier_party(supplier)
                if known.pop(party.id, None) != party:
                    self._check_time()
                    self._count("suppliers_changed", 1)
                    apply_supplier_change(self.context, division, supplier.id, party)
            for id, party in known.items():
                if party.is_usable:
                    apply_supplier_change(self.context, division, Guid(id), None)

    def _decide_divisions(self) -> None:
        for division in self._read_divisions():
            is_new = not self.context.suppliers(division).is_indexed
            key, whole = division, self._progress.whole
            if is_new and key not in whole:
                whole = (*whole, key)
                self._save_progress(replace(self._progress, whole=whole))
            if key in whole:
                self._decide(division)
        if "decided" in self.counts and self.context.connection.vendors.writes:
            queue_vendors(
                self.context,
                {link.vendor for link in self.services.vendor_links.all()},
            )

    def _decide(self, division: Division) -> None:
        after = self._progress.after
        for id in decide_division(self.context, division, after):
            self._count("decided", 1)
            if clock.now() - self.started > _TIME_LIMIT:
                self._save_progress(replace(self._progress, after=id))
                raise _OutOfTime
        decided = division
        remaining = tuple(each for each in self._progress.whole if each != decided)
        self._save_progress(replace(self._progress, whole=remaining, after=""))

    def _read_divisions(self) -> Iterator[Division]:
        for division in self.context.connection.divisions:
            data = self.services.reference_store(division.division)
            if data.cursor(ACCOUNTS_PATH).read_at:  # what else is read does not matter here
                yield division.division

    def _count(self, name: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number


def _rules_digest(connection: Connection) -> str:
    """Return a digest of the rules, policy and configured links."""
    files = [
        (d.division, sorted(d.mappings.suppliers.items()), *d.mappings.supplier_rows)
        for d in connection.divisions
    ]
    text = f"{rules.VERSION} {connection.vendors.model_dump_json()} {files}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
