"""Remove what is kept of a person, and leave every audit trail verifiable.

A value that is sealed with a salt (`domain/personal_values`) is removed with its salt: the hash of
its entry stays valid. In an entry from before that, or in a text that is not sealed by itself, it
cannot be removed alone: the entry is removed as a whole, and its hash stays. In both cases an entry
is appended to the trail first, which says what was removed, by whom and why: a removal that nobody
tells of is found like any change.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from unicodedata import normalize

from ml_connector.domain.audit_chain import REMOVAL, REMOVED, Entry
from ml_connector.domain.ids import Actor, RecordKey
from ml_connector.domain.personal_values import KEYS, commitment, copied, get, put, texts_in
from ml_connector.domain.records import Facts
from ml_connector.infrastructure.decided_values import DecidedValues
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
_ANY_SPACE = r"\s+"
_MOST_LOOKS = 3
_SAID = KEYS | {"message", "order", "refused", "shown", "text", "where", "words", "wrong"}
"""Beside those of `personal_values`: facts that quote what a remote or a person has said."""
_QUOTED = frozenset({"candidates", "evidence"})
"""Below these, every text is quoted, whatever its key."""
_MARK = r"[\u0300-\u036f]"  # an accent that stands behind its letter
_LONGEST_FOUND, _MOST_FOUND = 80, 5
_OPEN = "it is open, and needs what it says: decide about it first"
_KEPT_WHOLE = frozenset({"body", "intent", "exact"})
"""Facts that are compared with Exact: what they say is removed there first."""


@dataclass(frozen=True)
class RecordRemoval:
    """What was removed, or would be, from one record and its trail.

    `values` were removed from entries that stay, `entries` were removed as a whole; `in_record`:
    how many values of the record itself. `left`: why nothing was removed, empty if it was.
    `found_in`: before the removal, the first texts in which it stands, cut when they are long; a
    longer name of somebody else would lose it too.
    """

    record: str
    title: str
    values: int
    entries: int
    in_record: int
    left: str = ""
    found_in: tuple[str, ...] = ()


def remove(
    stack: Stack, actor: Actor, id: str, text: str, reason: str, *, dry_run: bool = False
) -> list[RecordRemoval]:
    """Remove a name, an address or a subject from all records and trails of a connection.

    Reports that were read for pages are removed too; they can be read again. Raises `UserError` for
    a text that is too short, a reason that repeats it, or a person who would remove themselves.
    """
    words = text.split()
    if len(" ".join(words)) < _SHORTEST:
        raise UserError(f"{text!r} is too short: give the whole name, as it is kept")
    wanted = re.compile(rf"(?<!\w){_ANY_SPACE.join(map(_in_each_form, words))}(?!\w|{_MARK})")
    if not reason.strip() or wanted.search(reason):
        raise UserError("give a reason that does not repeat what is to be removed")
    if wanted.search(actor):
        raise UserError("each trail says who has removed it: somebody else has to do this")
    ledger = stack.ledger_of(actor, stack.known_ledger(id).id)
    found = list(_everywhere(ledger, wanted, reason.strip(), dry_run=dry_run))
    decided = DecidedValues(stack.tables.ledger, ledger.id)
    deciders = [each for each in decided.deciders() if wanted.search(each.by)]
    if deciders:
        found.append(RecordRemoval("mappings", "who has mapped values", 0, 0, len(deciders)))
    if not dry_run:
        KeptReports(stack.tables.mappings, ledger.id).remove_all()
        for each in deciders:
            decided.rename(each, wanted.sub(GONE, each.by))
    return found


def _in_each_form(word: str) -> str:
    """Return a pattern of a word, as it is and as JSON or HTML in a quoted answer writes it.

    Its accents may be in one character with their letter, or behind it.
    """
    forms = {re.escape(normalize(form, word)) for form in ("NFC", "NFD")}
    forms.add(re.escape(escape(word)))
    if (coded := json.dumps(word)[1:-1]) != word:
        forms.add(f"(?i:{re.escape(coded)})")  # the digits of a code may be capital letters
    return f"(?:{'|'.join(sorted(forms))})"


def _everywhere(
    ledger: Ledger, wanted: re.Pattern[str], reason: str, *, dry_run: bool
) -> Iterator[RecordRemoval]:
    for record in ledger.readable_or_not():
        if isinstance(record, UnreadableRecord):
            yield RecordRemoval(record.key, record.key, 0, 0, 0, record.why)
            continue
        one = _OneRecord(ledger, record, wanted)
        if not one.is_concerned:
            continue
        if one.is_open:
            yield one.told(_OPEN)
        elif dry_run:
            yield one.told(found_in=one.found_in())
        else:
            yield _removed(ledger, one, reason)


def _removed(ledger: Ledger, one: "_OneRecord", reason: str) -> RecordRemoval:
    """Remove it, and look again: a worker may have written to the record meanwhile."""
    told = one.told()
    for _ in range(_MOST_LOOKS):
        one.remove(reason)
        one = _OneRecord(ledger, ledger.read(one.key), one.wanted)
        if not one.is_concerned:
            return told
        if one.is_open:
            return replace(told, left=_OPEN)
    return replace(told, left="workers change it all the time: run this again")


class _OneRecord:
    """A record and its trail, and what of them is to be removed."""

    def __init__(self, ledger: Ledger, record: AnyRecord, wanted: re.Pattern[str]) -> None:
        self._ledger, self._record, self.wanted = ledger, record, wanted
        concerned = [each for each in ledger.entries(record.key) if self._paths(each)]
        self._whole = [each for each in concerned if not self._is_sealed(each)]
        self._parts = [each for each in concerned if self._is_sealed(each)]
        self._in_record = list(_of_facts(encode(record.facts), wanted))

    @property
    def key(self) -> RecordKey:
        return self._record.key

    @property
    def is_open(self) -> bool:
        return bool(self._record.facts.open_problems)

    @property
    def is_concerned(self) -> bool:
        return bool(self._whole or self._parts or self._in_record)

    def told(self, left: str = "", found_in: tuple[str, ...] = ()) -> RecordRemoval:
        title = self.wanted.sub(GONE, records.title(self._record))
        values = sum(len(self._paths(each)) for each in self._parts)
        counts = values, len(self._whole), len(self._in_record)
        return RecordRemoval(self.key, title, *counts, left, found_in)

    def found_in(self) -> tuple[str, ...]:
        """Return the texts in which it stands."""
        texts = [text for _, text in self._in_record]
        for each in (*self._parts, *self._whole):
            texts += [text for _, _, text in self._found(each)]
        return tuple(dict.fromkeys(each[:_LONGEST_FOUND] for each in texts))[:_MOST_FOUND]

    def remove(self, reason: str) -> None:
        """Tell of it in the trail, take it out of the record, then out of the entries."""
        despite_conflicts(lambda: self._tell(reason))
        for each in self._whole:
            gone = replace(each, actor=GONE, detail={REMOVED: True}, salts={})
            self._ledger.rewrite_entry(gone)
        for each in self._parts:
            self._ledger.rewrite_entry(_without(each, self._paths(each)))

    def _tell(self, reason: str) -> None:
        record = self._ledger.read(self.key)
        whole = copied({"detail": encode(record.facts)})
        for path, text in list(_of_facts(whole["detail"], self.wanted)):
            put(whole, path, self.wanted.sub(GONE, text))
        facts = _with_known(record.facts, decode(whole["detail"], facts_type(record.key)))
        detail = {
            "entries": [{"seq": each.seq, "hash": each.hash} for each in self._whole],
            "values": [
                {"seq": each.seq, "path": path}
                for each in self._parts
                for path in self._paths(each)
            ],
            "why": reason,
        }
        self._ledger.write(replace(record, facts=facts), REMOVAL, detail=detail)

    def _is_sealed(self, entry: Entry) -> bool:
        """Return whether each of the texts has a salt, so that it can be removed alone."""
        return entry.salts.keys() >= {*self._paths(entry)}

    def _paths(self, entry: Entry) -> list[str]:
        return [path for path, _, _ in self._found(entry)]

    def _found(self, entry: Entry) -> list[tuple[str, str, str]]:
        texts = texts_in(entry.actor, entry.detail)
        return [each for each in texts if self.wanted.search(each[2])]


def _without(entry: Entry, paths: list[str]) -> Entry:
    """Return the entry with what is hashed in place of these values, and without their salts."""
    values = copied({"actor": entry.actor, "detail": entry.detail})
    for path in paths:
        put(values, path, commitment(entry.salts[path], get(values, path)))
    salts = {path: salt for path, salt in entry.salts.items() if path not in paths}
    return replace(entry, actor=values["actor"], detail=values["detail"], salts=salts)


def _of_facts(stored: Mapping[str, Any], wanted: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """Yield the places in a record's facts where it may be removed, and what stands there."""
    own = {name: value for name, value in stored.items() if name not in _KEPT_WHOLE}
    for path, key, text in texts_in("x", own):
        if (key in _SAID or _QUOTED & {*path.split("/")}) and wanted.search(text):
            yield path, text


def _with_known(before: Facts, after: Facts) -> Facts:
    """Return the facts with each exception as old, and as dismissed, as it was in other words."""
    pairs = zip(before.problems, after.problems, strict=True)
    now = {old.digest: new.digest for old, new in pairs}
    return replace(
        after,
        opened_at={now.get(each, each): at for each, at in after.opened_at.items()},
        dismissed={now.get(each, each): note for each, note in after.dismissed.items()},
    )
