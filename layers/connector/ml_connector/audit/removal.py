"""Remove what is kept of a person, and leave every audit trail verifiable.

A value that is sealed with a salt (`domain/personal_values`) is removed with its salt: the hash of
its entry stays valid. In an entry from before that, or in a text that is not sealed by itself, it
cannot be removed alone: the entry is removed as a whole, and its hash stays. In both cases an entry
is appended to the trail first, which says what was removed, by whom and why: a removal that nobody
tells of is found like any change.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ml_connector.domain.audit_chain import REMOVAL, REMOVED, Entry
from ml_connector.domain.ids import Actor
from ml_connector.domain.personal_values import KEYS, commitment, copied, get, put, texts_in
from ml_connector.infrastructure.kept_reports import KeptReports
from ml_connector.infrastructure.ledger import (
    AnyRecord,
    Ledger,
    UnreadableRecord,
    despite_conflicts,
)
from ml_connector.infrastructure.record_codec import decode, encode, facts_type
from ml_connector.records import lookup as records
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

GONE = "(removed)"
"""What stands in a record in place of a name that was removed."""
_SHORTEST = 4
_KEPT_WHOLE = frozenset({"body", "intent", "exact"})
"""Facts that are compared with Exact: what they say is removed there first."""


@dataclass(frozen=True)
class RecordRemoval:
    """What was removed, or would be, from one record and its trail.

    `values` were removed from entries that stay, `entries` were removed as a whole; `in_record`:
    how many values of the record itself. `left`: why nothing was removed, empty if it was.
    """

    record: str
    title: str
    values: int
    entries: int
    in_record: int
    left: str = ""


def remove(
    stack: Stack, actor: Actor, id: str, text: str, reason: str, *, dry_run: bool = False
) -> list[RecordRemoval]:
    """Remove a name, an address or a subject from all records and trails of a connection.

    Reports that were read for pages are removed too; they can be read again. Raises `UserError` for
    a text that is too short, or a reason that repeats it.
    """
    wanted = " ".join(text.split())
    if len(wanted) < _SHORTEST:
        raise UserError(f"{text!r} is too short: give the whole name, as it is kept")
    finds = re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)").search
    if not reason.strip() or finds(reason):
        raise UserError("give a reason that does not repeat what is to be removed")
    ledger = stack.ledger_of(actor, stack.known_ledger(id).id)
    found = list(_everywhere(ledger, finds, reason.strip(), dry_run=dry_run))
    if not dry_run:
        KeptReports(stack.tables.mappings, ledger.id).remove_all()
    return found


_Finds = Callable[[str], Any]


def _everywhere(
    ledger: Ledger, finds: _Finds, reason: str, *, dry_run: bool
) -> Iterator[RecordRemoval]:
    for record in ledger.readable_or_not():
        if isinstance(record, UnreadableRecord):
            yield RecordRemoval(record.key, record.key, 0, 0, 0, record.why)
            continue
        one = _OneRecord(ledger, record, finds)
        if not one.is_concerned:
            continue
        if record.facts.open_problems:
            yield one.told("it is open, and needs what it says: decide about it first")
            continue
        if not dry_run:
            one.remove(reason)
        yield one.told()


class _OneRecord:
    """A record and its trail, and what of them is to be removed."""

    def __init__(self, ledger: Ledger, record: AnyRecord, finds: _Finds) -> None:
        self._ledger, self._record, self._finds = ledger, record, finds
        concerned = [each for each in ledger.entries(record.key) if _paths(each, finds)]
        self._whole = [each for each in concerned if not _is_sealed(each, finds)]
        self._parts = [each for each in concerned if _is_sealed(each, finds)]
        self._values = sum(len(_paths(each, finds)) for each in self._parts)
        self._in_record = len(list(_of_facts(encode(record.facts), finds)))

    @property
    def is_concerned(self) -> bool:
        return bool(self._whole or self._parts or self._in_record)

    def told(self, left: str = "") -> RecordRemoval:
        key, title = self._record.key, records.title(self._record)
        shown = GONE if self._finds(title) else title
        return RecordRemoval(key, shown, self._values, len(self._whole), self._in_record, left)

    def remove(self, reason: str) -> None:
        """Tell of it in the trail, take it out of the record, then out of the entries."""
        despite_conflicts(lambda: self._tell(reason))
        for each in self._whole:
            gone = replace(each, actor=GONE, detail={REMOVED: True}, salts={})
            self._ledger.rewrite_entry(gone)
        for each in self._parts:
            self._ledger.rewrite_entry(_without(each, _paths(each, self._finds)))

    def _tell(self, reason: str) -> None:
        record = self._ledger.read(self._record.key)
        whole = copied({"detail": encode(record.facts)})
        for path, text in list(_of_facts(whole["detail"], self._finds)):
            put(whole, path, text)
        facts = decode(whole["detail"], facts_type(record.key))
        detail = {
            "entries": [{"seq": each.seq, "hash": each.hash} for each in self._whole],
            "values": [
                {"seq": each.seq, "path": path}
                for each in self._parts
                for path in _paths(each, self._finds)
            ],
            "why": reason,
        }
        self._ledger.write(replace(record, facts=facts), REMOVAL, detail=detail)


def _paths(entry: Entry, finds: _Finds) -> list[str]:
    return [path for path, _, text in texts_in(entry.actor, entry.detail) if finds(text)]


def _is_sealed(entry: Entry, finds: _Finds) -> bool:
    """Return whether each of the texts has a salt, so that it can be removed alone."""
    return entry.salts.keys() >= {*_paths(entry, finds)}


def _without(entry: Entry, paths: list[str]) -> Entry:
    """Return the entry with what is hashed in place of these values, and without their salts."""
    values = copied({"actor": entry.actor, "detail": entry.detail})
    for path in paths:
        put(values, path, commitment(entry.salts[path], get(values, path)))
    salts = {path: salt for path, salt in entry.salts.items() if path not in paths}
    return replace(entry, actor=values["actor"], detail=values["detail"], salts=salts)


def _of_facts(stored: Mapping[str, Any], finds: _Finds) -> Iterator[tuple[str, str]]:
    """Yield the places in a record's facts, and what stands there afterwards."""
    own = {name: value for name, value in stored.items() if name not in _KEPT_WHOLE}
    for path, key, text in texts_in("x", own):
        if key in KEYS and (found := finds(text)):
            yield path, f"{text[: found.start()]}{GONE}{text[found.end() :]}"
