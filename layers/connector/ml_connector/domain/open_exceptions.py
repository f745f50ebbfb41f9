"""Which problems of a record are open, since when, and which ones a person has dismissed.

Two problems are the same if code, record and cause are. The record's facts keep, by digest,
`opened_at` (ISO, UTC) and `dismissed` (reason, by, at); `assignee` is responsible for the record.
All of it is removed with the problem: if the problem comes back, it is a new one.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

SET_ASIDE = "set_aside"
"""The state of an order whose exceptions were all dismissed: it is not posted."""

ASIDE_FACTS = frozenset({"dismissed", "aside", "aside_from", "asked_for"})
"""The facts of an order that was set aside; removed when the order is taken up again."""

# In these states an order has no problems for a moment; the earlier ones may still come back.
_IN_FLIGHT = frozenset({"new", "received", "posting", "amending"})
# Evidence that differs each time a remote gives the same answer.
_VOLATILE = frozenset({"answer", "request_id"})


def digest(problem: Mapping[str, Any]) -> str:
    """Return the identity of a problem (`Problem.as_dict`): 16 hexadecimal digits."""
    named = [str(problem.get(name, "")) for name in ("code", "record", "cause")]
    return sha256(json.dumps(named).encode()).hexdigest()[:16]


def open_problems(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the problems that were not dismissed."""
    dismissed = facts.get("dismissed", {})
    return [found for found in facts.get("problems", []) if digest(found) not in dismissed]


def are_alike(some: Iterable[Mapping[str, Any]], others: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether both lists are the same apart from the remote's raw answer."""
    return [_stable(each) for each in some] == [_stable(each) for each in others]


def tidied(state: str, facts: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the facts to be stored: new problems get a date, removed ones lose their facts."""
    every = [*facts.get("problems", ()), *facts.get("halts", {}).values()]
    found = {digest(each) for each in every}
    opened_at = facts.get("opened_at", {})
    kept = found | (opened_at.keys() if state in _IN_FLIGHT else set())
    stamp = now.astimezone(UTC).isoformat()
    updated: dict[str, Any] = {
        "opened_at": {each: opened_at.get(each, stamp) for each in sorted(kept)},
        "dismissed": {k: v for k, v in facts.get("dismissed", {}).items() if k in kept},
        "assignee": facts.get("assignee") if kept else None,
    }
    others = {name: value for name, value in facts.items() if name not in updated}
    return others | {name: value for name, value in updated.items() if value}


def _stable(problem: Mapping[str, Any]) -> dict[str, Any]:
    evidence = problem.get("evidence") or {}
    stable = {name: value for name, value in evidence.items() if name not in _VOLATILE}
    return {**problem, "evidence": stable}


def brief(problem: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a problem that lists show, without its evidence."""
    names = ("code", "record", "cause", "remedy", "candidates")
    return {name: problem.get(name, "") for name in names}
