"""The ledger: every record and its audit trail, written together.

A record is an order (`order#<id>`), a vendor (`vendor#<id>`) or the connection itself
(`connection`). A change of a record, its audit entry and its notifications are written in one
transaction, so none exists without the others.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ml_connector import clock
from ml_connector.domain.audit_chain import START, Anchor, Entry, find_break, seal
from ml_connector.domain.faults import Problem
from ml_connector.domain.ids import ConnectionId, Division, OrderId, RecordKey, VendorId
from ml_connector.domain.open_exceptions import open_problems, tidied
from ml_connector.infrastructure.compression import compress, decompress
from ml_connector.infrastructure.dynamodb import Insert, Item, Replace, Table, Write
from ml_connector.infrastructure.notification_outbox import outbox_item

CONNECTION = RecordKey("connection")
VENDORS = RecordKey("vendors")
"""The comparison of both vendor lists of a connection."""

# Parked records have a due list of their own: the sweep does not read it before the delay ends.
_PARKED = "#"
_MAX_ATTEMPTS = 5
_RECURS_WITHIN = timedelta(hours=24)


class Conflict(Exception):
    """The record was changed since it was read: read it again."""


@dataclass(frozen=True)
class Record:
    """The state of one record; `facts` are its details, JSON-serialisable.

    `due_at`: when the sweep queues it again; None when nothing is to be done.
    `parked`: the code of the delay that has to end first; empty when only time decides.
    """

    connection: ConnectionId
    key: RecordKey
    state: str = "new"
    facts: Mapping[str, Any] = field(default_factory=dict)
    received_at: str = ""
    due_at: datetime | None = None
    parked: str = ""
    version: int = 0
    anchor: Anchor = field(default_factory=Anchor)
    stored: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    """The facts as last read or written: notifications are about the difference."""

    def now(self, state: str, **facts: Any) -> "Record":
        """Return the record in another state, with these facts added and nothing due."""
        return replace(self, state=state, facts={**self.facts, **facts}, due_at=None, parked="")

    def due(self, at: datetime | None) -> "Record":
        """Return the record, to be queued again at `at`; None: never."""
        return replace(self, due_at=at, parked="")

    def park(self, code: str) -> "Record":
        """Return the record, to be queued when the delay `code` is over, in its original order."""
        received_at = self.received_at or clock.now().isoformat()
        return replace(self, due_at=datetime.fromisoformat(received_at), parked=code)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Return the open exceptions of the record, as `Problem.as_dict` gave them."""
        return open_problems(self.facts)

    @property
    def all_problems(self) -> list[dict[str, Any]]:
        """Return the problems of the last outcome, including dismissed ones."""
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
        """Store records in `ledger` and their trails in `audit`."""
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

        Its problems are dated, and outdated dismissals dropped (`open_exceptions.tidied`).
        `also` is written in the same transaction: the step's changes of other tables.
        Raises `Conflict` when it was changed since it was read.
        """
        now = clock.now()
        entry = seal(_trail(record), record.anchor, now, self.actor, step, detail)
        stored = replace(
            record,
            facts=tidied(record.state, record.facts, now),
            version=record.version + 1,
            anchor=Anchor(entry.seq, entry.hash),
            received_at=record.received_at or now.isoformat(),
            stored=record.facts,
        )
        item = _item(stored)
        write = (
            Replace(self._ledger, item, record.version)
            if record.version
            else Insert(self._ledger, item)
        )
        writes: list[Write] = [write, Insert(self._audit, _entry_item(entry)), *also]
        if notifications := outbox_item(record.connection, record.stored, record.facts):
            writes.append(Insert(self._ledger, notifications))
        if not self._ledger.transact(writes):
            raise Conflict(_trail(record))
        return stored

    def postpone(self, record: Record, until: datetime | None) -> Record:
        """Store when the sweep queues the record again (None: never), without an audit entry.

        Raises `Conflict` when it was changed since it was read.
        """
        return self.save_unaudited(record.due(until))

    def save_unaudited(self, record: Record) -> Record:
        """Store the record without an audit entry.

        Raises `Conflict` when it was changed since it was read.
        """
        moved = replace(record, version=record.version + 1)
        if not self._ledger.replace(_item(moved), record.version):
            raise Conflict(_trail(record))
        return moved

    def due(self, connection: ConnectionId, until: datetime, parked: str = "") -> Iterator[Record]:
        """Yield records that are due (or parked under this code), the longest waiting first."""
        group = _due_group(connection, parked)
        for item in self._ledger.query_index("due", group, f"{_stamp(until)}~"):
            yield _record(item)

    def records(self, connection: ConnectionId, prefix: str = "") -> Iterator[Record]:
        """Yield all records whose key starts with `prefix`."""
        return (_record(item) for item in self._ledger.query(connection, prefix))

    def unfinished(self, connection: ConnectionId) -> Iterator[Item]:
        """Yield `received_at`, `state`, `codes` and `waits` of records that are not at rest.

        Read from a small index: cheap however many orders there are.
        """
        return self._ledger.query_index("open", connection, "~")

    def trail(self, connection: ConnectionId, key: RecordKey) -> list[Entry]:
        """Return the audit entries of a record, oldest first."""
        return list(self.entries(connection, key))

    def entries(self, connection: ConnectionId, key: RecordKey) -> Iterator[Entry]:
        """Yield the audit entries of a record, oldest first."""
        return (_entry(item) for item in self._audit.query(f"{connection}#{key}"))

    def find_break(self, record: Record) -> str | None:
        """Return what is wrong with the record's audit trail, or None when it is intact."""
        entries = self.trail(record.connection, record.key)
        return find_break(_trail(record), entries, record.anchor)

    def halt(
        self,
        connection: ConnectionId,
        problem: Problem,
        division: Division | None = None,
    ) -> None:
        """Stop the connection or one division with an exception; repeating it changes nothing.

        Raises `Conflict` when other workers keep changing the connection's record.
        """
        for _ in range(_MAX_ATTEMPTS):  # a lost consent stops all workers at once
            with suppress(Conflict):
                self._halt(connection, problem, str(division or ""))
                return
        raise Conflict(f"{connection}#{CONNECTION}")

    def _halt(self, connection: ConnectionId, problem: Problem, where: str) -> None:
        record = self.read(connection, CONNECTION)
        halts = dict(record.facts.get("halts", {}))
        if halts.get(where, {}).get("code") == problem.code:
            return
        halts[where] = problem.as_dict() | {"times": _times(record, problem.code, where)}
        self.write(
            record.now("halted", halts=halts),
            "halted",
            division=where,
            problem=problem.as_dict(),
        )

    def clear_halt(self, connection: ConnectionId, division: Division | None = None) -> None:
        """Lift the halts of the connection (and all its divisions), or of one division."""
        halts = {where: found["code"] for where, found in self.halts(connection).items()}
        wanted = halts if division is None else {str(division): halts.get(str(division), "")}
        self.lift(connection, wanted, by_hand=True)

    def lift(
        self, connection: ConnectionId, halts: Mapping[str, str], *, by_hand: bool = False
    ) -> bool:
        """Lift the halts with these codes ("" or a division to code).

        Unless `by_hand`, count how often each came back soon after it was lifted. Return whether
        any was lifted. Raises `Conflict` as `write` does.
        """
        record = self.read(connection, CONNECTION)
        before = dict(record.facts.get("halts", {}))
        left = {k: v for k, v in before.items() if halts.get(k) != v["code"]}
        if left == before:
            return False
        over = sorted(before.keys() - left.keys())
        lifted = {} if by_hand else {**record.facts.get("lifted", {}), **_lifted(before, over)}
        moved = record.now("halted" if left else "active", halts=left, lifted=lifted)
        self.write(moved, "continued", division=", ".join(over))
        return True

    def halts(self, connection: ConnectionId) -> dict[str, dict[str, Any]]:
        """Return the exceptions that stop the connection (under "") or its divisions."""
        return dict(self.read(connection, CONNECTION).facts.get("halts", {}))

    def halted(self, connection: ConnectionId, division: Division | None = None) -> bool:
        """Return whether the connection, or this division of it, is stopped."""
        halts = self.halts(connection)
        return "" in halts or str(division) in halts

    def must_look_up_first(self, connection: ConnectionId) -> bool:
        """Return whether posted orders may be missing from the ledger (see `restored`)."""
        until = self.read(connection, CONNECTION).facts.get("looks_first_until")
        return until is not None and clock.now() < datetime.fromisoformat(until)

    def restored(self, connection: ConnectionId, to: datetime, until: datetime) -> None:
        """Record that ledger and audit trail were restored to the moment `to`.

        Before `until`, every order is looked up in Exact before it is posted.
        """
        record = self.read(connection, CONNECTION)
        state = "active" if record.state == "new" else record.state
        end = until.isoformat()
        moved = record.now(state, looks_first_until=end)
        self.write(moved, "restored", to=to.isoformat(), looks_first_until=end)


def _lifted(before: Mapping[str, Any], over: Sequence[str]) -> dict[str, Any]:
    at = clock.now().isoformat()
    return {
        where: {"code": before[where]["code"], "times": before[where].get("times", 0), "at": at}
        for where in over
    }


def _times(record: Record, code: str, where: str) -> int:
    """Return how often in a row the halt has come back within a day of being lifted."""
    before = record.facts.get("lifted", {}).get(where)
    if not before or before["code"] != code:
        return 0
    is_soon = clock.now() - datetime.fromisoformat(before["at"]) < _RECURS_WITHIN
    return int(before["times"]) + 1 if is_soon else 0


def _trail(record: Record) -> str:
    return f"{record.connection}#{record.key}"


def _due_group(connection: ConnectionId, parked: str) -> str:
    return f"{connection}{_PARKED}{parked}" if parked else connection


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _item(record: Record) -> Item:
    item: Item = {
        "pk": record.connection,
        "sk": record.key,
        "state": record.state,
        "facts": compress(json.dumps(record.facts, ensure_ascii=False, separators=(",", ":"))),
        "received_at": record.received_at,
        "version": record.version,
        "audit_seq": record.anchor.seq,
        "audit_hash": record.anchor.hash,
    }
    if record.due_at:
        item["due_group"] = _due_group(record.connection, record.parked)
        item["due_at"] = f"{_stamp(record.due_at)}#{record.received_at}"
    return item | _unfinished(record)


def _unfinished(record: Record) -> Item:
    """Return the attributes of the index `open`: exception codes, and whether it waits."""
    codes = " ".join(str(found["code"]) for found in record.problems)
    at_rest = record.state == "posted" and not record.facts.get("waiting")
    waits = record.key.startswith("order#") and bool(record.due_at) and not codes and not at_rest
    if not codes and not waits:
        return {}
    return {
        "open_group": record.connection,
        "open_at": record.received_at,
        "codes": codes,
        "waits": waits,
    }


def _record(item: Item) -> Record:
    due = str(item.get("due_at", "")).partition("#")[0]
    facts = json.loads(decompress(str(item["facts"])))
    return Record(
        connection=ConnectionId(str(item["pk"])),
        key=RecordKey(str(item["sk"])),
        state=str(item["state"]),
        facts=facts,
        stored=facts,
        received_at=str(item["received_at"]),
        due_at=datetime.fromisoformat(due) if due else None,
        parked=str(item.get("due_group", "")).partition(_PARKED)[2],
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
        "detail": compress(json.dumps(entry.detail, ensure_ascii=False, separators=(",", ":"))),
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
        detail=json.loads(decompress(str(item["detail"]))),
        previous=str(item["previous"]),
        hash=str(item["hash"]),
    )
