"""The ledger: the truth about every record, and its audit trail, written together.

A record is an order (`order#<id>`), a vendor (`vendor#<id>`) or the connection itself
(`connection`). Every change of a record appends an audit entry in the same transaction, so
neither exists without the other.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ml_connector import clock
from ml_connector.audit_chain import START, Anchor, Entry, find_break, seal
from ml_connector.doors.table import Insert, Item, Replace, Table, Write
from ml_connector.faults import Problem
from ml_connector.ids import ConnectionId, Division, OrderId, RecordKey, VendorId

CONNECTION = RecordKey("connection")
VENDORS = RecordKey("vendors")
"""The comparison of both vendor lists of a connection."""

# DynamoDB takes 400 KB an item; a long order's body and problems are kept packed.
_LONGEST_PLAIN = 50_000


class Conflict(Exception):
    """Somebody else changed the record since it was read: read it again."""


@dataclass(frozen=True)
class Record:
    """The state of one record. `facts` is what its state means, JSON-serialisable.

    `due_at`: when the sweep shall queue it again; None when nothing is to be done.
    """

    connection: ConnectionId
    key: RecordKey
    state: str = "new"
    facts: Mapping[str, Any] = field(default_factory=dict)
    received_at: str = ""
    due_at: datetime | None = None
    version: int = 0
    anchor: Anchor = field(default_factory=Anchor)

    def now(self, state: str, **facts: Any) -> "Record":
        """Return the record in another state, with these facts added and nothing due."""
        return replace(self, state=state, facts={**self.facts, **facts}, due_at=None)

    def due(self, at: datetime) -> "Record":
        """Return the record to be queued again at `at`."""
        return replace(self, due_at=at)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Return the open exceptions of the record, as `Problem.as_dict` gave them."""
        return list(self.facts.get("problems", []))


def order_key(order: OrderId) -> RecordKey:
    """Return the record key of an Airbase order."""
    return RecordKey(f"order#{order}")


def vendor_key(vendor: VendorId) -> RecordKey:
    """Return the record key of an Airbase vendor."""
    return RecordKey(f"vendor#{vendor}")


class Ledger:
    """Reads and writes records; `actor` names the function in the audit trail."""

    def __init__(self, ledger: Table, audit: Table, actor: str) -> None:
        """Keep records in `ledger` and their trails in `audit`."""
        self._ledger = ledger
        self._audit = audit
        self.actor = actor

    def read(self, connection: ConnectionId, key: RecordKey) -> Record:
        """Return the record; a new one, not yet stored, when there is none."""
        item = self._ledger.get(connection, key)
        return _record(item) if item else Record(connection, key)

    def write(
        self, record: Record, step: str, *, also: Sequence[Write] = (), **detail: Any
    ) -> Record:
        """Store the record and append `step` to its trail; return it as stored.

        `also` is written in the same transaction: what the step means for other tables.
        Raises `Conflict` when it was changed by another since it was read.
        """
        now = clock.now()
        entry = seal(_trail(record), record.anchor, now, self.actor, step, detail)
        stored = replace(
            record,
            version=record.version + 1,
            anchor=Anchor(entry.seq, entry.hash),
            received_at=record.received_at or now.isoformat(),
        )
        item = _item(stored)
        write = (
            Replace(self._ledger, item, record.version)
            if record.version
            else Insert(self._ledger, item)
        )
        if not self._ledger.transact([write, Insert(self._audit, _entry_item(entry)), *also]):
            raise Conflict(_trail(record))
        return stored

    def postpone(self, record: Record, until: datetime) -> Record:
        """Store when the sweep looks again, without a step worth auditing.

        Raises `Conflict` when it was changed by another since it was read.
        """
        moved = replace(record, due_at=until, version=record.version + 1)
        if not self._ledger.replace(_item(moved), record.version):
            raise Conflict(_trail(record))
        return moved

    def due(self, connection: ConnectionId, until: datetime) -> Iterator[Record]:
        """Yield records that are due, the longest waiting first."""
        for item in self._ledger.query_index("due", connection, f"{_stamp(until)}~"):
            yield _record(item)

    def records(self, connection: ConnectionId, prefix: str = "") -> Iterator[Record]:
        """Yield all records whose key starts with `prefix`."""
        return (_record(item) for item in self._ledger.query(connection, prefix))

    def trail(self, connection: ConnectionId, key: RecordKey) -> list[Entry]:
        """Return the audit entries of a record, oldest first."""
        return [_entry(item) for item in self._audit.query(f"{connection}#{key}")]

    def find_break(self, record: Record) -> str | None:
        """Return what is wrong with the record's audit trail, or None when it is whole."""
        entries = self.trail(record.connection, record.key)
        return find_break(_trail(record), entries, record.anchor)

    def halt(
        self,
        connection: ConnectionId,
        problem: Problem,
        division: Division | None = None,
    ) -> None:
        """Stop the connection, or one division of it, with one exception. Repeating is silent."""
        record = self.read(connection, CONNECTION)
        halts = dict(record.facts.get("halts", {}))
        where = str(division or "")
        if halts.get(where, {}).get("code") == problem.code:
            return
        halts[where] = problem.as_dict()
        self.write(
            record.now("halted", halts=halts),
            "halted",
            division=where,
            problem=problem.as_dict(),
        )

    def clear_halt(self, connection: ConnectionId, division: Division | None = None) -> None:
        """Let the connection (and all its divisions), or one division, go on."""
        record = self.read(connection, CONNECTION)
        halts = dict(record.facts.get("halts", {}))
        if not halts:
            return
        left = {} if division is None else {k: v for k, v in halts.items() if k != str(division)}
        if left != halts:
            state = "halted" if left else "active"
            self.write(record.now(state, halts=left), "continued", division=str(division or ""))

    def halted(self, connection: ConnectionId, division: Division | None = None) -> bool:
        """Return whether the connection, or this division of it, is stopped."""
        halts = self.read(connection, CONNECTION).facts.get("halts", {})
        return "" in halts or str(division) in halts


def _trail(record: Record) -> str:
    return f"{record.connection}#{record.key}"


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _item(record: Record) -> Item:
    item: Item = {
        "pk": record.connection,
        "sk": record.key,
        "state": record.state,
        "facts": _pack(json.dumps(record.facts, ensure_ascii=False, separators=(",", ":"))),
        "received_at": record.received_at,
        "version": record.version,
        "audit_seq": record.anchor.seq,
        "audit_hash": record.anchor.hash,
    }
    if record.due_at:
        item["due_group"] = record.connection
        item["due_at"] = f"{_stamp(record.due_at)}#{record.received_at}"
    return item


def _record(item: Item) -> Record:
    due = str(item.get("due_at", "")).partition("#")[0]
    return Record(
        connection=ConnectionId(str(item["pk"])),
        key=RecordKey(str(item["sk"])),
        state=str(item["state"]),
        facts=json.loads(_unpack(str(item["facts"]))),
        received_at=str(item["received_at"]),
        due_at=datetime.fromisoformat(due) if due else None,
        version=int(item["version"]),
        anchor=Anchor(int(item.get("audit_seq", 0)), str(item.get("audit_hash", START))),
    )


def _entry_item(entry: Entry) -> Item:
    return {
        "pk": entry.record,
        "sk": f"{entry.seq:08d}",
        "at": entry.at,
        "actor": entry.actor,
        "step": entry.step,
        "detail": _pack(json.dumps(entry.detail, ensure_ascii=False, separators=(",", ":"))),
        "previous": entry.previous,
        "hash": entry.hash,
    }


def _entry(item: Item) -> Entry:
    return Entry(
        record=str(item["pk"]),
        seq=int(item["sk"]),
        at=str(item["at"]),
        actor=str(item["actor"]),
        step=str(item["step"]),
        detail=json.loads(_unpack(str(item["detail"]))),
        previous=str(item["previous"]),
        hash=str(item["hash"]),
    )


def _pack(text: str) -> str:
    if len(text) <= _LONGEST_PLAIN:
        return text
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _unpack(text: str) -> str:
    return text if text.startswith("{") else zlib.decompress(base64.b64decode(text)).decode()
