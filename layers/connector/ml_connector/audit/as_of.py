"""What a record was at a moment, with its link and mappings, and who has changed them since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from ml_connector.audit.explanations import (
    Explanation,
    after,
    explain,
    is_mapped,
    upto,
    used_mappings,
)
from ml_connector.audit.trail_checks import TrailCheck, of_record
from ml_connector.domain.audit_chain import Entry
from ml_connector.domain.ids import Division, VendorId
from ml_connector.domain.mapped_values import kind_in_words
from ml_connector.domain.records import Facts, OrderFacts
from ml_connector.domain.words import instant
from ml_connector.infrastructure.ledger import CONNECTION, AnyRecord, Ledger, vendor_key
from ml_connector.infrastructure.record_codec import decode, facts_type
from ml_connector.records import lookup as records
from ml_connector.user_errors import UserError

_STORED_SITE = "site"
_LINKING = {"linked", "accepted", "unlinked", "rejected", "doubted", "settled"}
_FILE_CHANGED = {"connection_added", "connection_changed"}


@dataclass(frozen=True)
class LaterChange:
    """A change of the link or the mappings after the moment: who, when, and what."""

    at: str
    actor: str
    what: str

    def as_dict(self) -> dict[str, str]:
        """Return a JSON-serialisable form."""
        return {"at": self.at, "actor": self.actor, "what": self.what}


@dataclass(frozen=True)
class Explained:
    """A record's decisions; with `as_of`, up to that moment, and what it was then.

    `mappings` are those by which it was last posted, changed or compared, in words; `link` is how
    its vendor was linked; `later` is who has changed
    them, or the record, since. `check`: whether the trail is intact.
    """

    record: str
    title: str
    check: TrailCheck
    decisions: Sequence[Explanation]
    as_of: datetime | None = None
    facts: Facts | None = None
    link: str = ""
    mappings: Sequence[str] = ()
    later: Sequence[LaterChange] = ()

    @property
    def is_complete(self) -> bool:
        """Return whether every decision says all that it rests on."""
        return all(each.is_complete for each in self.decisions)

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "record": self.record,
            "title": self.title,
            "broken": self.check.broken,
            "complete": self.is_complete,
            "decisions": [each.as_dict() for each in self.decisions],
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "was": was(self.facts) if self.facts else None,
            "link": self.link or None,
            "mappings": list(self.mappings),
            "later": [each.as_dict() for each in self.later],
        }


def explain_record(ledger: Ledger, name: str, as_of: datetime | None = None) -> Explained:
    """Return the decisions about a record, from its own trail.

    Raises `UserError` for an unknown record, or when nothing was known of it at `as_of` yet.
    """
    record = records.find_record(ledger, name)
    trail = of_record(ledger, record)
    title = records.title(record)
    if as_of is None:
        return Explained(record.key, title, trail.check, list(explain(trail.entries)))
    known = upto(trail.entries, as_of)
    if not known:
        raise UserError(f"nothing was known of {title} yet at {instant(as_of)}")
    facts = facts_of(record, known)
    mappings, division = _used(known, facts)
    link, link_changes = _link(ledger, facts, division, as_of)
    later = [
        *(LaterChange(e.at, e.actor, e.sentence) for e in explain(after(trail.entries, as_of))),
        *link_changes,
        *_mapping_changes(after(ledger.trail(CONNECTION), as_of), division),
    ]
    return Explained(
        record=record.key,
        title=title,
        check=trail.check,
        decisions=list(explain(known)),
        as_of=as_of,
        facts=facts,
        link=link,
        mappings=mappings,
        later=sorted(later, key=lambda each: each.at),
    )


def facts_of(record: AnyRecord, entries: Sequence[Entry]) -> Facts:
    """Return the facts of a record after these entries of its trail: each says what it changed."""
    kind = facts_type(record.key)
    names = {each.name for each in fields(kind)} | {_STORED_SITE, "look"}
    stored: dict[str, Any] = {}
    for entry in entries:
        stored |= {name: value for name, value in entry.detail.items() if name in names}
    return decode(stored, kind)


def was(facts: Facts) -> dict[str, Any]:
    """Return what people ask of a record, as it was."""
    shown: dict[str, Any] = {
        "title": facts.title or None,
        "exceptions": [{"code": e.code, "cause": e.cause} for e in facts.open_problems],
        "waiting": facts.waiting_for or None,
        "assignee": facts.assignee,
    }
    if isinstance(facts, OrderFacts):
        shown |= {
            "vendor": facts.vendor or None,
            "total": facts.total or None,
            "division": facts.division,
            "exact_number": str(facts.exact.number) if facts.exact else None,
            "exact_amount": str(facts.exact.amount) if facts.exact else None,
            "exact_status": dict(facts.status),
            "set_aside": facts.aside.as_dict() if facts.aside else None,
        }
    return shown


def _used(entries: Sequence[Entry], facts: Facts) -> tuple[list[str], Division | None]:
    """Return the mappings by which it was last decided what to send, in words, and the division.

    An order that was found or is as approved was mapped to be compared; a change that only went on
    was not mapped again (`mappings` is None).
    """
    division = facts.division if isinstance(facts, OrderFacts) else None
    mapped = [each for each in entries if is_mapped(each)]
    return (used_mappings(mapped[-1]) if mapped else []), division


def _link(
    ledger: Ledger, facts: Facts, division: Division | None, moment: datetime
) -> tuple[str, list[LaterChange]]:
    """Return how the order's vendor was linked then, and who has changed that since."""
    if not isinstance(facts, OrderFacts) or not facts.vendor_id or division is None:
        return "", []
    trail = ledger.trail(vendor_key(VendorId(facts.vendor_id)))
    of_division = [
        each
        for each in trail
        if each.step in _LINKING and each.detail.get("division") in {None, division}
    ]
    then = list(explain(upto(of_division, moment)))
    shown = f"{then[-1].sentence} {'; '.join(then[-1].evidence)}".strip() if then else ""
    later = explain(after(of_division, moment))
    return shown, [LaterChange(e.at, e.actor, f"Vendor: {e.sentence}") for e in later]


def _mapping_changes(entries: Sequence[Entry], division: Division | None) -> Iterator[LaterChange]:
    for entry in entries:
        if entry.step in _FILE_CHANGED:
            what = "The connection's settings were saved; which mappings that changed is not said."
            yield LaterChange(entry.at, entry.actor, what)
        for each in entry.detail.get("changes") or () if entry.step == "mappings_changed" else ():
            if isinstance(each, Mapping) and each.get("division") in {None, division}:
                yield LaterChange(entry.at, entry.actor, _mapping(each))


def _mapping(change: Mapping[str, Any]) -> str:
    kind = kind_in_words(str(change.get("kind", "")))
    before, now = change.get("before") or "nothing", change.get("after") or "nothing"
    return f"Mapping of {kind}: {change.get('airbase')} was {before}, and became {now}."
