"""The whole comparison of both lists: daily, first of all, and after a change of the rules.

It reads Airbase's list page by page, looks at what is new, changed or gone, compares the suppliers
with what was last looked at, and decides whole divisions that were never decided. A run that is cut
off, by time or by a fault, goes on where it was: how far it is stands in the ledger, and the sweep
queues it again. It asks Exact nothing.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ml_connector import clock
from ml_connector.airbase.vendors import read_vendor
from ml_connector.connection import Connection
from ml_connector.doors.ledger import VENDORS
from ml_connector.doors.run_notes import RunNotes
from ml_connector.faults import Fault, Review
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.telemetry import logger
from ml_connector.vendors import ladder
from ml_connector.vendors.party import Party
from ml_connector.workflows.case import Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import never_seen, reconcile_message
from ml_connector.workflows.upkeep.refresh import fresh_since
from ml_connector.workflows.vendors.desk import VendorDesk, open_desk
from ml_connector.workflows.vendors.look import look_at_gone, look_safely, tell
from ml_connector.workflows.vendors.parties import supplier_party, vendor_party
from ml_connector.workflows.vendors.supplier_news import follow
from ml_connector.workflows.vendors.waiting_orders import release_orders
from ml_connector.workflows.vendors.whole import decide_division

_AT_A_TIME = timedelta(seconds=200)  # of a worker's 300
_AGAIN = timedelta(minutes=20)  # when nothing was heard of a run for so long, it goes on


class _CutOff(Exception):
    """The worker's time is over; the run goes on with the next message."""


def reconcile(doors: Doors, connection: Connection) -> None:
    """Take the run as far as the time allows; start one when none is under way."""
    case = Case(doors.ledger, doors.ledger.read(connection.id, VENDORS))
    if case.record.state != "running":
        rules = _rules(connection)
        is_new = case.record.facts.get("rules") != rules
        run = {
            "page": 1,
            "whole": [str(d.division) for d in connection.divisions] if is_new else [],
        }
        case.step("running", "started", _AGAIN, run=run, rules=rules, waiting=None)
    run_ = _Run(open_desk(doors, connection), case, doors)
    try:
        run_.work()
    except _CutOff:
        doors.queues.send(reconcile_message(connection.id), never_seen())
    except Fault as fault:
        run_.keep_place()
        case.put_aside(fault)


@dataclass
class _Run:
    desk: VendorDesk
    case: Case
    doors: Doors
    started: Any = field(default_factory=clock.now)
    counts: dict[str, int] = field(default_factory=dict)
    page: int = 0

    def keep_place(self) -> None:
        """Remember the page that could not be read."""
        if self.page > int(self._run["page"] or 0) > 0:
            self._reach(page=self.page)

    def work(self) -> None:
        notes = RunNotes(self.doors.reference, self.desk.id)
        if self._run["page"]:
            self._read_vendors(notes)
        self._compare_suppliers()
        self._decide_whole()
        release_orders(self.doors, self.desk.id)
        notes.clear()
        self.case.step(
            "reconciled", "reconciled", None, {"counts": self.counts}, run={}, waiting=None
        )

    @property
    def _run(self) -> dict[str, Any]:
        found: dict[str, Any] = self.case.record.facts["run"]
        return found

    def _reach(self, **facts: Any) -> None:
        """Remember how far the run is."""
        self.case.step("running", "reached", _AGAIN, run={**self._run, **facts})

    def _check_time(self) -> None:
        if clock.now() - self.started > _AT_A_TIME:
            raise _CutOff

    # ------------------------------------------------------------ Airbase's list

    def _read_vendors(self, notes: RunNotes) -> None:
        if self.desk.connection.profile.vendors_path is None:
            self._index_vendors()
            self._reach(page=0)
            return
        known = {party.id: party for party in self.desk.vendors.all()}
        excepted = self._with_exceptions()
        page, is_last = int(self._run["page"]), False
        while not is_last:
            self.page = page
            rows, is_last = self.doors.airbase(self.desk.connection).vendors(page)
            parties, seen = self._parties(rows)
            is_last = is_last or notes.is_repeated(page, seen)
            self._take(parties, known, excepted)
            notes.add(page, seen)
            page += 1
            if not is_last and clock.now() - self.started > _AT_A_TIME:
                self._reach(page=page)
                raise _CutOff
        self._index_vendors()
        for id in sorted(known.keys() - notes.all()):
            self._confirm_gone(VendorId(id))
        self._reach(page=0)

    def _parties(self, rows: list[Any]) -> tuple[list[Party], list[str]]:
        """Return what can be read, and the ids of all: one unreadable vendor stops no other."""
        parties, seen = [], []
        for raw in rows:
            try:
                parties.append(vendor_party(read_vendor(raw, self.desk.connection.profile)))
                seen.append(parties[-1].id)
            except Review as review:
                logger().warning("vendor not read", connection=self.desk.id, cause=str(review))
                if isinstance(raw, dict) and isinstance(raw.get("airbase_id"), str):
                    seen.append(raw["airbase_id"])
        return parties, seen

    def _with_exceptions(self) -> set[str]:
        """Return the vendors with open exceptions: one that could not be read may be as before."""
        keys = (str(item["sk"]) for item in self.doors.ledger.unfinished(self.desk.id))
        return {key.partition("#")[2] for key in keys if key.startswith("vendor#")}

    def _take(self, parties: list[Party], known: dict[str, Party], excepted: set[str]) -> None:
        changed = [each for each in parties if known.get(each.id) != each]
        self._count("vendors_changed", len(changed))
        if not self.desk.vendors.is_indexed:
            self.desk.vendors.keep(*changed)
            return
        for vendor in [*changed, *(each for each in parties if each.id in excepted)]:
            look_safely(self.desk, vendor)

    def _index_vendors(self) -> None:
        if not self.desk.vendors.is_indexed:
            self.desk.vendors.index(self.desk.vendors.all())

    def _confirm_gone(self, id: VendorId) -> None:
        """Ask for the vendor itself: a list that changes while it is read may leave one out."""
        self._check_time()
        try:
            raw = self.doors.airbase(self.desk.connection).vendor(id)
        except Review as review:
            if any(found.code != "NOT_IN_AIRBASE" for found in review.problems):
                raise
            raw = None
        if raw is None:
            self._count("vendors_gone", 1)
            look_at_gone(self.desk, id)
        else:
            look_safely(self.desk, vendor_party(read_vendor(raw, self.desk.connection.profile)))

    # ------------------------------------------------------------ Exact's suppliers

    def _compare_suppliers(self) -> None:
        """Follow what no change row told of, such as a supplier whose last day has passed."""
        for division in self._read_divisions():
            parties = self.desk.suppliers(division)
            if not parties.is_indexed:
                continue
            known = {party.id: party for party in parties.all()}
            data = self.doors.data(self.desk.id, division)
            for supplier in data.every("supplier", Supplier):
                now = supplier_party(supplier)
                if known.pop(now.id, None) != now:
                    self._check_time()
                    self._count("suppliers_changed", 1)
                    follow(self.desk, division, supplier.id, now)
            for id, party in known.items():
                if party.is_usable:
                    follow(self.desk, division, Guid(id), None)

    def _decide_whole(self) -> None:
        for division in self._read_divisions():
            is_new = not self.desk.suppliers(division).is_indexed
            if is_new and str(division) not in self._run["whole"]:
                self._reach(whole=[*self._run["whole"], str(division)])
            if str(division) in self._run["whole"]:
                self._decide(division)
        if "decided" in self.counts and self.desk.connection.vendors.writes:
            tell(self.desk, {link.vendor for link in self.doors.links.all(self.desk.id)})

    def _decide(self, division: Division) -> None:
        after = str(self._run.get("after", ""))
        for id in decide_division(self.desk, division, after):
            self._count("decided", 1)
            if clock.now() - self.started > _AT_A_TIME:
                self._reach(after=id)
                raise _CutOff
        whole = [each for each in self._run["whole"] if each != str(division)]
        self._reach(whole=whole, after="")

    def _read_divisions(self) -> Iterator[Division]:
        for division in self.desk.connection.divisions:
            data = self.doors.data(self.desk.id, division.division)
            if fresh_since(data):
                yield division.division

    def _count(self, what: str, more: int) -> None:
        self.counts[what] = self.counts.get(what, 0) + more


def _rules(connection: Connection) -> str:
    """Return a digest of all that decides about links beside the data."""
    files = [(d.division, sorted(d.mappings.suppliers.items())) for d in connection.divisions]
    text = f"{ladder.VERSION} {connection.vendors.model_dump_json()} {files}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
