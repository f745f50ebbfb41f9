"""Which problems of a record are open, since when, and which of them a person has dismissed.

A problem is the same one as long as its code, record and cause are. By its digest the record's
facts keep `opened_at` (ISO, UTC) and `dismissed` (reason, by, at); `assignee` is who looks after
the record. All of it is forgotten when the problem is gone: if it comes back, it is a new one.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

SET_ASIDE = "set_aside"
"""The state of an order whose exceptions were all dismissed: nobody posts it."""

# On its way an order has no problems for a moment: that says nothing about the earlier ones.
_IN_FLIGHT = frozenset({"new", "received", "posting", "amending"})
# What differs each time that a remote gives the same answer.
_PASSING = frozenset({"answer", "request_id"})


def digest(problem: Mapping[str, Any]) -> str:
    """Return the identity of a problem (`Problem.as_dict`): 16 hexadecimal digits."""
    named = [str(problem.get(name, "")) for name in ("code", "record", "cause")]
    return sha256(json.dumps(named).encode()).hexdigest()[:16]


def open_problems(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the problems that nobody has dismissed."""
    dismissed = facts.get("dismissed", {})
    return [found for found in facts.get("problems", []) if digest(found) not in dismissed]


def are_alike(some: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether both say the same; the remote's raw answer may differ."""
    return [_lasting(each) for each in some] == [_lasting(each) for each in others]


def tended(state: str, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the facts as they are to be stored: new problems dated, what is gone forgotten."""
    every = [*facts.get("problems", ()), *facts.get("halts", {}).values()]
    found = {digest(each) for each in every}
    known = facts.get("opened_at", {})
    stay = found | (known.keys() if state in _IN_FLIGHT else set())
    stamp = now.astimezone(UTC).isoformat()
    kept: dict[str, Any] = {
        "opened_at": {each: known.get(each, stamp) for each in sorted(stay)},
        "dismissed": {k: v for k, v in facts.get("dismissed", {}).items() if k in stay},
        "assignee": facts.get("assignee") if stay else None,
    }
    others = {name: value for name, value in facts.items() if name not in kept}
    return others | {name: value for name, value in kept.items() if value}


def _lasting(problem: Mapping[str, Any]) -> dict[str, Any]:
    evidence = problem.get("evidence") or {}
    said = {name: value for name, value in evidence.items() if name not in _PASSING}
    return {**problem, "evidence": said}
