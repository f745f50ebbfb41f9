"""When to write an order again that Exact has refused in words that we do not know.

Whether such a write was done is looked up first. If it was not, it is tried again later and later,
and from the third equal answer a person decides; then it is tried once a day, after a change, or
when a person asks.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Later, Problem
from ml_connector.domain.records import OrderFacts, UnclearRefusal

_DAY = timedelta(hours=24)
_SECOND_WAIT = timedelta(minutes=15)
_MOST_EQUAL, _MOST_DIFFERENT = 3, 5
_KEPT = 8
# What differs each time that Exact gives the same answer: ids, numbers, dates, what it quotes.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\"[^\"]*\"|'[^']*'|\d+([-./:T]\d+)*",
    re.IGNORECASE,
)


def with_refusal(facts: OrderFacts, refusal: UnclearRefusal) -> OrderFacts:
    """Return the facts after one more refusal."""
    return replace(facts, refusals=(*facts.refusals, refusal)[-_KEPT:])


def wait(facts: OrderFacts, digest: str, now: datetime) -> Later | None:
    """Return why to wait before the write with this digest is sent again, None to send it."""
    equal = _equal(facts.refusals, digest)
    if len(equal) < _MOST_EQUAL - 1 or now >= (until := equal[-1].at + _SECOND_WAIT):
        return None
    last = equal[-1]
    detail = "quoted" if last.text else "status"
    return delay("EXACT_UNAVAILABLE", until, detail, status=last.status, text=last.text)


def refused_for_good(
    facts: OrderFacts, digest: str, now: datetime, title: str, *, by_hand: bool
) -> Problem | None:
    """Return the exception of a write that is not tried again now.

    A person may ask for it, but not without end: Exact counts the calls.
    """
    equal = _equal(facts.refusals, digest)
    today = [each for each in equal if now - each.at < _DAY]
    may_try = by_hand and len(today) < _MOST_DIFFERENT
    if len(equal) < _MOST_EQUAL or not today or may_try:
        return None
    last = equal[-1]
    detail = "quoted" if last.text else "status"
    return problem(
        "EXACT_REFUSES_UNCLEARLY", title, detail,
        times=len(equal), status=last.status, text=last.text,
        evidence={"status": last.status, "answer": last.text},
    )  # fmt: skip


def _equal(refusals: Sequence[UnclearRefusal], digest: str) -> list[UnclearRefusal]:
    """Return the refusals of this write that count as the same answer as the last one."""
    of_write = list(reversed([*takewhile(lambda one: one.digest == digest, reversed(refusals))]))
    if not of_write:
        return []
    if len([one for one in of_write if of_write[-1].at - one.at < _DAY]) >= _MOST_DIFFERENT:
        return of_write
    return [one for one in of_write if _shape(one) == _shape(of_write[-1])]


def _shape(refusal: UnclearRefusal) -> tuple[int, str]:
    return refusal.status, _VOLATILE.sub("", refusal.text).casefold()
