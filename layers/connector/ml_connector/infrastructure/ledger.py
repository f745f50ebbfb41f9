"""The ledger: every record and its audit trail, written together.

A record is an order (`order#<id>`), a vendor (`vendor#<id>`), the readings of a division
(`division#<site>.<code>`) or the connection itself (`connection`). A change of a record, its audit
entry and its notifications are written in one transaction, so none exists without the others.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from ml_connector import clock
from ml_connector.domain.audit_chain import START, Anchor, Entry, find_break, seal
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import (
    ConnectionId,
    Division,
    OrderId,
    RecordKey,
    SiteId,
    VendorId,
)
from ml_connector.domain.open_exceptions import tidied
from ml_connector.domain.open_groups import by_id, memberships
from ml_connector.domain.records import (
    ComparisonFacts,
    ConnectionFacts,
    ConnectionState,
    DivisionFacts,
    EventFacts,
    Facts,
    OrderFacts,
    OrderState,
    VendorFacts,
    check_transition,
)
from ml_connector.infrastructure.audit_entries import (
    entry_writes,
    read_entries,
    read_latest,
    rewrite,
)
from ml_connector.infrastructure.compression import (
    Packed,
    PartsGoneError,
    number_of_parts,
    pack,
    part_key,
    part_row,
    unpack,
)
from ml_connector.infrastructure.data_form import DataForm
from ml_connector.infrastructure.decided_values import DecidedValues
from ml_connector.infrastructure.dynamodb import (
    LARGEST_TRANSACTION,
    MOST_WRITES,
    Insert,
    Item,
    Put,
    Replace,
    Table,
    Write,
    transaction_size,
)
from ml_connector.infrastructure.notification_outbox import outbox_item
from ml_connector.infrastructure.open_groups import Memberships, OpenGroups
from ml_connector.infrastructure.order_names import keys_named, name_writes, names_of
from ml_connector.infrastructure.record_codec import (
    NewerDataError,
    changed,
    decode,
    encode,
    facts_type,
    with_site,
)
from ml_connector.telemetry import logger

CONNECTION = RecordKey("connection")
VENDORS = RecordKey("vendors")
"""The comparison of both vendor lists of a connection."""

# Parked records have a due list of their own: the sweep does not read it before the delay ends.
_PARKED = "#"
_ORDERS = "order#"
_MAX_ATTEMPTS = 5
_KEPT_FREE = 256 * 1024
"""Of a transaction, in bytes: then an exception can be added to any record that was stored."""


T = TypeVar("T")


class Conflict(Exception):
    """Somebody else changed the record since it was read: read it again."""


def despite_conflicts(write: Callable[[], T]) -> T:
    """Read and write again after a `Conflict`; raises it when others keep changing the record."""
    for _ in range(_MAX_ATTEMPTS - 1):
        with suppress(Conflict):
            return write()
    return write()


AnyFacts = TypeVar("AnyFacts", bound=Facts)


@dataclass(frozen=True)
class Record(Generic[AnyFacts]):
    """The state of one record, and the facts of its kind.

    `due_at`: when the sweep queues it again; None when nothing is to be done.
    `parked`: the code of the delay that has to end first; empty when time alone decides.
    `receives`: how often in a row a worker took it and did not come to an end.
    """

    connection: ConnectionId
    key: RecordKey
    facts: AnyFacts
    state: str = "new"
    received_at: str = ""
    due_at: datetime | None = None
    parked: str = ""
    version: int = 0
    receives: int = 0
    anchor: Anchor = field(default_factory=Anchor)
    stored: "Record[AnyFacts] | None" = field(default=None, compare=False, repr=False)
    """The record as last read or written; None when it is not stored yet."""
    parts: int = field(default=0, compare=False, repr=False)
    """In how many further rows its facts are stored: they may be longer than one item."""

    def now(self, state: str, facts: AnyFacts | None = None) -> "Record[AnyFacts]":
        """Return the record in another state, with these facts; nothing due, no receive counted."""
        facts = facts or self.facts
        return replace(self, state=state, facts=facts, due_at=None, parked="", receives=0)

    def due(self, at: datetime | None) -> "Record[AnyFacts]":
        """Return the record to be queued again at `at`; None: not any more."""
        return replace(self, due_at=at, parked="")

    def park(self, code: str) -> "Record[AnyFacts]":
        """Return the record to be queued when the delay `code` is over, in its old place."""
        received_at = self.received_at or clock.now().isoformat()
        return replace(self, due_at=datetime.fromisoformat(received_at), parked=code)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return the open exceptions of the record."""
        return self.facts.open_problems


class UnreadableRecord(NamedTuple):
    """A record that a newer version of the connector has written, and why it cannot be read."""

    connection: ConnectionId
    key: RecordKey
    state: str
    received_at: str
    why: str

    @property
    def problem(self) -> Problem:
        """Return what a person has to do about it."""
        return problem("RECORD_IS_NEWER", self.key, "why", why=self.why)


OrderRecord = Record[OrderFacts]
VendorRecord = Record[VendorFacts]
ConnectionRecord = Record[ConnectionFacts]
ComparisonRecord = Record[ComparisonFacts]
DivisionRecord = Record[DivisionFacts]
EventRecord = Record[EventFacts]
AnyRecord = Record[Any]


def new_record(connection: ConnectionId, key: RecordKey) -> AnyRecord:
    """Return a record of which nothing is known yet."""
    return Record(connection, key, facts_type(key)())


def new_order(connection: ConnectionId, order: OrderId) -> OrderRecord:
    """Return the record of an order of which nothing is known yet."""
    return Record(connection, order_key(order), OrderFacts())


def order_key(order: OrderId) -> RecordKey:
    """Return the record key of an Airbase order."""
    return RecordKey(f"order#{order}")


def vendor_key(vendor: VendorId) -> RecordKey:
    """Return the record key of an Airbase vendor."""
    return RecordKey(f"vendor#{vendor}")


class Ledger:
    """Reads and writes the records of one connection, and no others.

    `actor` names the function in the audit trail. Facts that an older version stored without an
    Exact site are read with the connection's first one.
    """

    def __init__(
        self,
        ledger: Table,
        audit: Table,
        actor: str,
        id: ConnectionId,
        site: SiteId | None = None,
        after_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Store the records of the connection `id` in `ledger` and their trails in `audit`.

        `site` is its first Exact site; None when its settings are not at hand. `after_change` is
        called after each change: a worker that handles a message says at its end what is due.
        """
        self._ledger = ledger
        self._audit = audit
        self.actor = actor
        self.id = id
        self.groups = OpenGroups(ledger, id)
        self.decided = DecidedValues(ledger, id)
        self._site = site
        self._after_change = after_change

    def read(self, key: RecordKey) -> AnyRecord:
        """Return the record; a new one, not yet stored, when there is none.

        Raises `NewerDataError` for a record that a newer version of the connector has written.
        """
        item = self._ledger.get(self.id, key)
        return self._record(item) if item else new_record(self.id, key)

    def is_stored(self, key: RecordKey) -> bool:
        """Return whether there is such a record, whatever version has written it."""
        return self._ledger.get(self.id, key) is not None

    def order(self, order: OrderId) -> OrderRecord:
        """Return the record of an order, as `read` does."""
        return self.read(order_key(order))

    def order_and_connection(self, order: OrderId) -> tuple[OrderRecord, ConnectionRecord]:
        """Return the record of an order and the connection's own, as `read` does. One read."""
        keys = order_key(order), CONNECTION
        found = {str(item["sk"]): item for item in self._ledger.get_many(self.id, keys)}
        known, connection = (
            self._record(found[key]) if key in found else new_record(self.id, key) for key in keys
        )
        return known, connection

    def vendor(self, vendor: VendorId) -> VendorRecord:
        """Return the record of a vendor, as `read` does."""
        return self.read(vendor_key(vendor))

    def connection(self) -> ConnectionRecord:
        """Return the connection's own record, as `read` does."""
        return self.read(CONNECTION)

    def comparison(self) -> ComparisonRecord:
        """Return the record of the comparison of both vendor lists, as `read` does."""
        return self.read(VENDORS)

    def division(self, division: Division) -> DivisionRecord:
        """Return the record of the readings of a division's data, as `read` does."""
        return self.read(RecordKey(f"division#{division}"))

    def write(
        self,
        record: Record[AnyFacts],
        step: str,
        *,
        also: Sequence[Write] = (),
        detail: Mapping[str, Any] | None = None,
    ) -> Record[AnyFacts]:
        """Store the record and append `step` to its trail; return it as stored.

        The trail gets the facts that changed, and `detail`. Problems are dated, and dismissals of
        what is gone dropped (`open_exceptions.tidied`). `also` is written in the same transaction.
        Afterwards the groups of open exceptions are counted (`open_groups`).
        Raises `Conflict` when the record was changed by another since it was read, `Review` when
        DynamoDB cannot store so much at once, `IllegalTransitionError` for a state that cannot
        follow, `ValueError` for another connection's record.
        """
        self._refuse_another(record)
        now = clock.now()
        before = record.stored or new_record(record.connection, record.key)
        if record.key.startswith(_ORDERS):
            check_transition(before.state, record.state, is_adopted=_is_adopted(record))
        said = {**changed(before.facts, record.facts), **(detail or {})}
        entry = seal(_trail(record), record.anchor, now, self.actor, step, said)
        stored = _as_stored(
            replace(
                record,
                facts=tidied(record.state, record.facts, now),
                version=record.version + 1,
                anchor=Anchor(entry.seq, entry.hash),
                received_at=record.received_at or now.isoformat(),
            )
        )
        writes, stored = self._writes(record, stored)
        if isinstance(writes[0], Replace) and not record.version:
            writes[0] = Insert(self._ledger, writes[0].item)
        writes += [*entry_writes(self._audit, entry), *also]
        writes += name_writes(
            self._ledger, stored.connection, stored.key, before.facts, stored.facts
        )
        if row := outbox_item(record.connection, record.key, before.facts, record.facts):
            writes.append(Insert(self._ledger, row))
        was_in, is_in = _memberships(before), _memberships(stored)
        writes += self.groups.writes(was_in, is_in)
        _refuse_too_large(stored, writes)
        if not self._ledger.transact(writes):
            raise Conflict(_trail(record))
        self.groups.count(was_in, is_in, now)
        if through := _went_through(before, stored):
            self.groups.count_through(through.division)
        self._after_change()
        return stored

    def postpone(self, record: Record[AnyFacts], until: datetime | None) -> Record[AnyFacts]:
        """Store when the sweep queues the record again (None: never), without an audit entry.

        Raises `Conflict` when it was changed since it was read.
        """
        return self.save_unaudited(record.due(until))

    def save_unaudited(self, record: Record[AnyFacts]) -> Record[AnyFacts]:
        """Store the record without an audit entry.

        Raises `Conflict` when it was changed since it was read.
        """
        self._refuse_another(record)
        moved = replace(record, version=record.version + 1)
        writes, moved = self._writes(record, moved)
        if not self._replace(writes, record.version):
            raise Conflict(_trail(record))
        self._after_change()
        return moved

    def due(self, until: datetime, parked: str = "") -> Iterator[AnyRecord]:
        """Yield records that are due (or parked under this code), the longest waiting first.

        One that this version cannot read is logged and does not stop the others; it stays in the
        index of unfinished records, whose oldest raises an alarm.
        """
        group = _due_group(self.id, parked)
        for item in self._ledger.query_index("due", group, f"{_stamp(until)}~"):
            try:
                yield self._record(item)
            except NewerDataError:
                logger().exception("a record cannot be read", connection=self.id)

    def records(self, prefix: str = "") -> Iterator[AnyRecord]:
        """Yield all records whose key starts with `prefix`.

        Raises `NewerDataError` for one that a newer version of the connector has written.
        """
        return (self._record(item) for item in self._ledger.query(self.id, prefix))

    def orders(self) -> Iterator[OrderRecord]:
        """Yield the records of all orders."""
        return self.records(_ORDERS)

    def orders_named(self, name: str) -> list[OrderRecord]:
        """Return the order with this id, or those with this number here or in Exact, in any case.

        Reads as little however many orders there are, but finds only those that have rows by name:
        see `data_form.ORDER_NAMES`. Raises `NewerDataError` for one that this version cannot read.
        """
        direct = order_key(OrderId(name))
        keys = [direct, *keys_named(self._ledger, self.id, name)]
        found = list(map(self._record, self._ledger.get_many(self.id, keys)))
        wanted = name.casefold()
        return [each for each in found if each.key == direct] or [
            each for each in found if wanted in names_of(each.facts)
        ]

    def with_exceptions(self) -> Iterator[AnyRecord | UnreadableRecord]:
        """Yield the records with open exceptions, and the connection's own, which may be halted.

        Reads a small index and those records, however many others there are. One that this version
        cannot read does not stop the others.
        """
        rows = self.unfinished()
        keys = [str(CONNECTION), *(str(row["sk"]) for row in rows if row["codes"])]
        return map(self._record_or_unreadable, self._ledger.get_many(self.id, keys))

    def readable_or_not(self, prefix: str = "") -> Iterator[AnyRecord | UnreadableRecord]:
        """Do as `records`, but yield what this version cannot read as such."""
        return map(self._record_or_unreadable, self._ledger.query(self.id, prefix))

    def has_form(self, form: int) -> bool:
        """Return whether all data of the connection have this form, or a later one."""
        data_form = DataForm(self._ledger)
        return data_form.of_stack().done >= form or data_form.of_connection(self.id).done >= form

    def unfinished(self) -> Iterator[Item]:
        """Yield `received_at`, `state`, `codes` and `waits` of records that are not at rest.

        Read from a small index: cheap however many orders there are.
        """
        return self._ledger.query_index("open", self.id, "~")

    def trail(self, key: RecordKey) -> list[Entry]:
        """Return the audit entries of a record, oldest first."""
        return list(self.entries(key))

    def entries(self, key: RecordKey) -> Iterator[Entry]:
        """Yield the audit entries of a record, oldest first, as they are read."""
        return read_entries(self._audit, f"{self.id}#{key}")

    def latest(self, key: RecordKey) -> Iterator[Entry]:
        """Yield the audit entries of a record, newest first; none whose detail is very long."""
        return read_latest(self._audit, f"{self.id}#{key}")

    def rewrite_entry(self, entry: Entry) -> None:
        """Store an audit entry without what it said of a person (`audit_entries.rewrite`)."""
        if not entry.record.startswith(f"{self.id}#"):
            raise ValueError(f"{entry.record} is no record of connection {self.id}")
        rewrite(self._audit, entry)

    def find_break(self, record: AnyRecord) -> str | None:
        """Return what is wrong with the record's audit trail, or None when it is intact."""
        entries = self.trail(record.key)
        return find_break(_trail(record), entries, record.anchor)

    def restored(self, to: datetime, until: datetime) -> None:
        """Record that ledger and audit trail were restored to the moment `to`.

        Before `until`, every order is looked up in Exact before it is posted.
        """
        record = self.connection()
        state = ConnectionState.ACTIVE if record.state == ConnectionState.NEW else record.state
        facts = replace(record.facts, looks_first_until=until)
        self.write(record.now(state, facts), "restored", detail={"to": to.isoformat()})

    def _writes(
        self, before: Record[AnyFacts], after: Record[AnyFacts]
    ) -> tuple[list[Write], Record[AnyFacts]]:
        """Return what stores a record in place of the one before it, and the record as stored.

        The rows of long facts have the record's version in their keys: a version is written once.
        """
        packed = pack(_text(after.facts))
        after = _as_stored(replace(after, parts=len(packed.parts)))
        item = _item(after, packed)
        writes: list[Write] = [Replace(self._ledger, item, before.version)]
        pk, expired = _parts_pk(self.id), int(clock.epoch())
        writes += [
            Put(self._ledger, part_row(pk, _parts_key(after.key, after.version), index, text))
            for index, text in enumerate(packed.parts)
        ]
        for index in range(before.parts):
            row = part_row(pk, _parts_key(before.key, before.version), index, "")
            writes.append(Put(self._ledger, {**row, "expires_at": expired}))
        return writes, after

    def _replace(self, writes: Sequence[Write], version: int) -> bool:
        first = writes[0]
        if len(writes) == 1 and isinstance(first, Replace):  # half the price of a transaction
            return self._ledger.replace(first.item, version)
        return self._ledger.transact(writes)

    def _facts_text(self, item: Item) -> str:
        key = _parts_key(RecordKey(str(item["sk"])), int(item["version"]))
        pk = _parts_pk(self.id)
        return unpack(str(item["facts"]), lambda part: self._ledger.get(pk, part_key(key, part)))

    def _record(self, item: Item) -> AnyRecord:
        for _ in range(_MAX_ATTEMPTS):
            with suppress(PartsGoneError):
                return self._whole_record(item, self._facts_text(item))
            item = self._ledger.get(self.id, str(item["sk"])) or item
        raise Conflict(f"{self.id}#{item['sk']}")

    def _whole_record(self, item: Item, facts: str) -> AnyRecord:
        record = _record(item, facts)
        if self._site is None:
            return record
        return _as_stored(replace(record, facts=with_site(record.facts, self._site)))

    def _record_or_unreadable(self, item: Item) -> AnyRecord | UnreadableRecord:
        try:
            return self._record(item)
        except NewerDataError as error:
            return UnreadableRecord(
                ConnectionId(str(item["pk"])),
                RecordKey(str(item["sk"])),
                str(item["state"]),
                str(item["received_at"]),
                str(error),
            )

    def _refuse_another(self, record: AnyRecord) -> None:
        if record.connection != self.id:
            raise ValueError(f"{_trail(record)} is no record of connection {self.id}")


def _memberships(record: AnyRecord) -> Memberships:
    return by_id(memberships(record.key, record.received_at, record.facts))


def _went_through(before: AnyRecord, after: AnyRecord) -> OrderFacts | None:
    """Return the facts of an order that was not in Exact and is there now, None for any other."""
    old, new = before.facts, after.facts
    is_order = isinstance(old, OrderFacts) and isinstance(new, OrderFacts)
    return new if is_order and old.exact is None and new.exact is not None else None


def _is_adopted(record: AnyRecord) -> bool:
    facts = record.facts
    return isinstance(facts, OrderFacts) and facts.adopted_at is not None


def _trail(record: AnyRecord) -> str:
    return f"{record.connection}#{record.key}"


def parked_under(code: str, site: SiteId | None) -> str:
    """Return under which reason a record is parked that waits for this site, or for any."""
    return f"{code} {site}" if site else code


def _due_group(connection: ConnectionId, parked: str) -> str:
    return f"{connection}{_PARKED}{parked}" if parked else connection


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _parts_pk(connection: ConnectionId) -> str:
    """A partition of its own: whoever lists records never meets the rows of their facts."""
    return f"{connection}#facts"


def _parts_key(key: RecordKey, version: int) -> str:
    return f"{key}#{version:08d}"


def _text(facts: Facts) -> str:
    return json.dumps(encode(facts), ensure_ascii=False, separators=(",", ":"))


def _refuse_too_large(record: AnyRecord, writes: Sequence[Write]) -> None:
    """Raise `Review` for more than DynamoDB stores at once."""
    size = transaction_size(writes)
    most = LARGEST_TRANSACTION - (0 if record.problems else _KEPT_FREE)
    if size > most or len(writes) > MOST_WRITES:
        title = record.facts.title or record.key
        raise Review([problem("RECORD_TOO_LARGE", title, "size")])  # the same at any size


def _item(record: AnyRecord, facts: Packed) -> Item:
    item: Item = {
        "pk": record.connection,
        "sk": record.key,
        "state": record.state,
        "facts": facts.value,
        "received_at": record.received_at,
        "version": record.version,
        "audit_seq": record.anchor.seq,
        "audit_hash": record.anchor.hash,
    }
    if record.due_at:
        item["due_group"] = _due_group(record.connection, record.parked)
        item["due_at"] = f"{_stamp(record.due_at)}#{record.received_at}"
    if record.receives:
        item["receives"] = record.receives
    return item | _unfinished(record)


def _unfinished(record: AnyRecord) -> Item:
    """Return the attributes of the index `open`: exception codes, and whether it waits.

    A code that the record has several times is followed by `*` and the number.
    """
    counted = Counter(found.code for found in record.problems)
    codes = " ".join(f"{code}*{n}" if n > 1 else code for code, n in counted.items())
    at_rest = record.state == OrderState.POSTED and not record.facts.waiting
    waits = record.key.startswith(_ORDERS) and bool(record.due_at) and not codes and not at_rest
    if not codes and not waits:
        return {}
    return {
        "open_group": record.connection,
        "open_at": record.received_at,
        "codes": codes,
        "waits": waits,
    }


def _record(item: Item, text: str) -> AnyRecord:
    due = str(item.get("due_at", "")).partition("#")[0]
    key = RecordKey(str(item["sk"]))
    try:
        facts = decode(json.loads(text), facts_type(key))
    except NewerDataError as error:
        raise NewerDataError(
            f"{key} of {item['pk']} was written by a newer version of the connector ({error}): "
            "deploy that version again"
        ) from error
    return _as_stored(
        Record(
            connection=ConnectionId(str(item["pk"])),
            key=key,
            facts=facts,
            state=str(item["state"]),
            received_at=str(item["received_at"]),
            due_at=datetime.fromisoformat(due) if due else None,
            parked=str(item.get("due_group", "")).partition(_PARKED)[2],
            version=int(item["version"]),
            receives=int(item.get("receives", 0)),
            anchor=Anchor(int(item.get("audit_seq", 0)), str(item.get("audit_hash", START))),
            parts=number_of_parts(str(item["facts"])),
        )
    )


def _as_stored(record: Record[AnyFacts]) -> Record[AnyFacts]:
    return replace(record, stored=replace(record, stored=None))
