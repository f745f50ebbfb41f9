"""When to write again what Exact refused in words that we do not know, put off, or did not answer.

Whether such a write was done is looked up first. If it was not, it is tried again later and later,
and from the third equal answer (the sixth, of those that often pass) a person decides; then it is
tried once a day, after a change, or when a person asks.
"""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Later, Problem, UnclearAnswer
from ml_connector.domain.records import UnclearRefusal

Refusals = tuple[UnclearRefusal, ...]

_DAY = timedelta(hours=24)
_SECOND_WAIT = timedelta(minutes=15)
_MOST_EQUAL, _MOST_PASSING, _MOST_DIFFERENT = 3, 6, 5
_MOST_ASKED = 2  # tries a day that a person may add
_KEPT = _MOST_PASSING + _MOST_ASKED
_NO_STATUS = 0
# Silence, a token that was refused, calls that were spent: often these end by themselves.
_PASSING = {_NO_STATUS, 401, 429}
# What differs each time that Exact gives the same answer: ids, numbers, dates, what it quotes.
_VOLATILE = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\"[^\"]*\"|'[^']*'|\d+([-./:T]\d+)*",
    re.IGNORECASE,
)


def with_refusal(known: Refusals, digest: str, later: Later, now: datetime) -> Refusals:
    """Return the refusals after one more of the write with this digest, if `later` is one."""
    if not (later.answer or later.outcome_unknown):
        return known
    answer = later.answer or UnclearAnswer(_NO_STATUS)
    refusal = UnclearRefusal(now, digest, answer.status, answer.text)
    return (*known, refusal)[-_KEPT:]


def wait(refusals: Refusals, digest: str, now: datetime) -> Later | None:
    """Return why to wait before the write with this digest is sent again, None to send it."""
    equal = _equal(refusals, digest)
    if not 1 < len(equal) < _most(last := equal[-1]):
        return None
    until = last.at + _SECOND_WAIT * 2 ** (len(equal) - 2)
    if now >= until:
        return None
    if last.status == _NO_STATUS:
        return delay("EXACT_NO_ANSWER", until)
    detail = "quoted" if last.text else "status"
    return delay("EXACT_UNAVAILABLE", until, detail, status=last.status, text=last.text)


def refused_for_good(
    refusals: Refusals, digest: str, now: datetime, title: str, *, by_hand: bool
) -> Problem | None:
    """Return the exception of a write that is not tried again now.

    A person may ask for it, but not without end: Exact counts the calls.
    """
    equal = _equal(refusals, digest)
    today = [each for each in equal if now - each.at < _DAY]
    if not today or len(equal) < (most := _most(last := equal[-1])):
        return None
    if by_hand and len(today) < most + _MOST_ASKED:
        return None
    detail = "silent" if last.status == _NO_STATUS else "quoted" if last.text else "status"
    return problem(
        "EXACT_REFUSES_UNCLEARLY", title, detail,
        times=len(equal), status=last.status, text=last.text,
        evidence={"status": last.status, "answer": last.text},
    )  # fmt: skip


def _most(last: UnclearRefusal) -> int:
    """Return how many equal refusals are one too many."""
    return _MOST_PASSING if last.status in _PASSING else _MOST_EQUAL


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
