"""Answers of a remote as it should not give them: each kind takes a right answer and spoils it.

The kinds are those of public reports: other statuses, cut bodies, odd types, noise, emptied lists,
pages of HTML, another record's answer, other encodings, silence before or after the work was done.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from local.simulator import NoAnswer, Request, Response
from ml_connector.domain.ids import SiteId

STATUSES = (302, 400, 401, 403, 404, 408, 429, 500, 502, 503)
_WORDS = ("", "Er is iets misgegaan.", "Boekstuknummer in gebruik", "Something odd happened")
_PAGE = b"<!DOCTYPE html><html><head><title>Request blocked</title></head><body>No</body></html>"
_NO_ROWS = re.compile(rb'"(results|data|d)": ?\[\]')
_DEEPEST = 12
_UNAUTHORIZED = 401
_MAY_BE_DONE = (302, 408, 500, 502, 503)

Give = Callable[[], Response]
"""Makes the call and returns the right answer."""
Mangle = Callable[[Response, random.Random], Response]


def _other_status(give: Give, rng: random.Random) -> Response:
    """Refuse, with an error as Exact writes it or without words: what is refused is not done."""
    status, text = rng.choice(STATUSES), rng.choice(_WORDS)
    if status in _MAY_BE_DONE and rng.random() < 0.5:
        give()
    body = json.dumps({"error": {"code": "", "message": {"lang": "", "value": text}}})
    return Response(status, {}, body.encode() if text else b"")


def _page(give: Give, rng: random.Random) -> Response:
    """Answer with a page, which says nothing about what was done; a token is refused at once."""
    status = rng.choice((200, *STATUSES))
    if status != _UNAUTHORIZED and rng.random() < 0.5:
        give()
    return Response(status, {"content-type": "text/html"}, _PAGE)


def _cut(answer: Response, rng: random.Random) -> Response:
    return replace(answer, body=answer.body[: rng.randrange(max(len(answer.body), 1))])


def _encoded(answer: Response, rng: random.Random) -> Response:
    text = answer.body.decode("utf-8", errors="replace")
    encoding = rng.choice(("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"))
    return replace(answer, body=text.encode(encoding, errors="replace"))


def _odd_field(answer: Response, rng: random.Random) -> Response:
    """Give one field of one row another type, or leave it out."""

    def spoil(row: dict[str, Any]) -> None:
        name = rng.choice(sorted(row))
        if rng.random() < 0.2:
            del row[name]
        else:
            row[name] = rng.choice((None, "", "x", 0, 7.5, True, [], {}, "2026-11-02T00:00:00"))

    return _changed(answer, rng, spoil)


def _noise(answer: Response, _: random.Random) -> Response:
    def add(value: Any, depth: int = 0) -> Any:
        if isinstance(value, float):
            return value + 2.3e-13 * max(abs(value), 1)
        if depth < _DEEPEST and isinstance(value, dict):
            return {name: add(each, depth + 1) for name, each in value.items()}
        if depth < _DEEPEST and isinstance(value, list):
            return [add(each, depth + 1) for each in value]
        return value

    return _with_json(answer, add)


def _emptied(answer: Response, _: random.Random) -> Response:
    def empty(value: Any) -> Any:
        inner = value.get("d") if isinstance(value, dict) else None
        if isinstance(inner, dict) and "results" in inner:
            return {"d": {"results": []}}
        if isinstance(value, dict) and isinstance(value.get("data"), list):
            return value | {"data": []}
        return value

    return _with_json(answer, empty)


def _silent(_answer: Response, _: random.Random) -> Response:
    raise NoAnswer


KINDS: dict[str, Mangle] = {
    "cut": _cut,
    "encoding": _encoded,
    "odd field": _odd_field,
    "noise": _noise,
    "emptied list": _emptied,
    "silence": _silent,
}
REFUSALS: dict[str, Callable[[Give, random.Random], Response]] = {
    "status": _other_status,
    "page": _page,
}
ANOTHER, BEFORE = "another answer", "silence before"
ALL_KINDS = (*KINDS, *REFUSALS, ANOTHER, BEFORE)


@dataclass
class Fault:
    """One kind of odd answer to the calls that match, from one moment to another."""

    kind: str
    system: str
    path: str
    method: str
    starts: float
    ends: float
    share: float
    rng: random.Random
    site: SiteId | None = None
    """The only Exact site that it concerns, if it does not concern every one."""
    earlier: list[Response] = field(default_factory=list)

    def concerns(
        self, system: str, request: Request, now: float, site: SiteId | None = None
    ) -> bool:
        """Return whether this call gets an odd answer."""
        return (
            self.starts <= now < self.ends
            and system == self.system
            and self.site in (None, site)
            and self.path in request.path
            and self.method in ("", request.method)
            and self.rng.random() < self.share
        )

    def answer(self, give: Give) -> Response:
        """Return the odd answer to a call."""
        if self.kind == BEFORE:
            raise NoAnswer
        if self.kind in REFUSALS:
            return REFUSALS[self.kind](give, self.rng)
        right = give()
        if self.kind == ANOTHER:
            # Of another record: an answer without any could not be told from a right one.
            self.earlier += [] if _NO_ROWS.search(right.body) else [right]
            return self.rng.choice(self.earlier or [right])
        return KINDS[self.kind](right, self.rng)

    def __str__(self) -> str:
        """Return it in words, for a seed that fails."""
        hours = f"{(self.ends - self.starts) / 3600:.0f} h"
        system = f"{self.system} {self.site}" if self.site else self.system
        calls = f"{self.method or 'every'} call to {system} at {self.path or 'any path'}"
        return f"{self.kind}: {self.share:.0%} of {calls}, for {hours}"


def _with_json(answer: Response, change: Callable[[Any], Any]) -> Response:
    try:
        value = json.loads(answer.body)
    except ValueError:
        return answer
    return replace(answer, body=json.dumps(change(value)).encode())


def _changed(
    answer: Response, rng: random.Random, spoil: Callable[[dict[str, Any]], None]
) -> Response:
    def change(value: Any) -> Any:
        if rows := [row for row in _rows(value) if row]:
            spoil(rng.choice(rows))
        return value

    return _with_json(answer, change)


def _rows(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the objects that have plain values: the rows, wherever they are."""
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        if not value.keys() & {"d", "results", "data"}:
            yield value
        for each in value.values():
            yield from _rows(each, depth + 1)
    elif isinstance(value, list):
        for each in value:
            yield from _rows(each, depth + 1)
