"""Turn Exact's refusals into faults.

Exact reports most business errors as HTTP 500, in the language of the connected user, with empty
error codes: only the text tells them apart. `error_texts` is the table of these texts.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Struct

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import CATALOGUE, delay, problem
from ml_connector.domain.faults import Fault, Halt, Later, Review, UnclearAnswer
from ml_connector.domain.ids import Division, code_of, site_of
from ml_connector.exact import rate_limit_headers as limits
from ml_connector.exact.error_texts import (
    Kind,
    Rule,
    looks_like_business_error,
    mentions_rate_limit,
    reason_rule,
    rule_for,
)
from ml_connector.infrastructure import answer_texts, backoff
from ml_connector.telemetry import redact_text

ABOUT_ENDPOINTS = frozenset({"EXACT_FORBIDDEN", "EXACT_SCOPE_MISSING", "EXACT_LICENCE"})
"""Codes of refusals that may be of one endpoint alone."""

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 400, 401, 403, 404
_TIMEOUT, _TOO_MANY = 408, 429
_RATE_STATUSES = {_BAD_REQUEST, _FORBIDDEN}
_MAX_TEXT_LENGTH = 500
# Exact does not document the header: the usual ones.
_REQUEST_IDS = ("x-request-id", "request-id", "x-ms-request-id", "x-correlation-id")
_XML_MESSAGE = re.compile(r"<((?:\w+:)?message)\b[^>]*>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_WORDED = (
    "odata.error", "error", "errors", "message", "value", "messagedetail", "exceptionmessage",
    "error_description", "innererror", "detail", "title",
)  # fmt: skip
_DEEPEST = 6
_MARKUP = ("<", "{", "[")


class ExactAnswer(Struct, frozen=True):
    """Exact's answer: status, headers (any case) and the raw body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Return whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str:
        """Return a header's value, or an empty text."""
        wanted = name.lower()
        return next((v for k, v in self.headers.items() if k.lower() == wanted), "")


@dataclass(frozen=True)
class SentRequest:
    """A request: where, whether it writes, and the record's name in the user's words."""

    division: Division
    endpoint: str
    is_write: bool = False
    record: str = ""
    is_change: bool = False
    """It changes what exists; see `ErrorWindow.check` for `reserve`."""
    connection: str = ""
    """The connection's id, which remedies name."""
    failures: int = 0
    """Consecutive earlier failures, which lengthen the backoff."""

    @property
    def name(self) -> str:
        """Return what to call the record."""
        is_of_site = not code_of(self.division)
        where = f"site {site_of(self.division)}" if is_of_site else f"division {self.division}"
        return self.record or f"{self.endpoint} in {where}"


def interpret(answer: ExactAnswer, sent: SentRequest) -> Fault:
    """Return the fault of a refusal (any status but 2xx).

    A write's outcome is unknown after a temporary 5xx, 408 or 599: Exact may have committed it.
    """
    text, are_exacts = read_words(answer.body)
    if answer.status == _TOO_MANY or _mentions_rate_limit(answer, text):
        is_a_page = bool(answer.body.strip()) and not are_exacts
        later = _too_many(answer, sent, may_be_done=is_a_page)
        # A limit that Exact names ends at a known time; any other may never.
        is_named = later.code != "EXACT_RATE_LIMITED"
        return later if is_named else _answered(later, answer, _one_line(text))
    if answer.status == _FORBIDDEN and not are_exacts and not reason_rule(answer.header("reason")):
        return _page(answer, sent, text)
    if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
        return _forbidden(answer, sent, text)
    if answer.status != _TIMEOUT and _BAD_REQUEST <= answer.status < 500:
        if not are_exacts:
            return _page(answer, sent, text)
        return _refused(answer, sent, text)
    return _server_fault(answer, sent, text, are_exacts=are_exacts)


def unreadable(answer: ExactAnswer, sent: SentRequest) -> Later:
    """Return the fault of a 2xx that cannot be read; a write may have been committed."""
    return _answered(_later("EXACT_UNREADABLE", sent, "status", status=answer.status), answer)


def unauthorized_division(answer: ExactAnswer, sent: SentRequest) -> Halt:
    """Return the fault of a division that refuses every token, while they work elsewhere."""
    evidence = _evidence(answer, sent)
    record = f"Exact division {sent.division}"
    return Halt(problem("EXACT_DIVISION_UNAUTHORIZED", record, evidence=evidence), sent.division)


def not_about(record: str, *, is_write: bool = False) -> Later:
    """Return the fault of a 2xx that is about another entity, or about none: it is not believed.

    Answers to one customer's calls were seen in another one's session; a write may have been made.
    """
    until = backoff.retry_at(0, minimum=30.0)
    later = delay("EXACT_UNREADABLE", until, "not_about", outcome_unknown=is_write, record=record)
    later.answer = UnclearAnswer(200, later.cause)
    return later


def no_answer(sent: SentRequest, *, was_sent: bool) -> Later:
    """Return the fault of a connection that failed before (or after) the request went out."""
    code = "EXACT_NO_ANSWER" if was_sent else "EXACT_UNREACHABLE"
    return _later(code, sent, may_be_done=was_sent)


def counts_as_error(answer: ExactAnswer) -> bool:
    """Return whether Exact counts this answer against the endpoint's hourly error limit.

    Known to count: 400, 401, 403, 404. Errors of Exact itself (500), which are most of its business
    errors, are counted too, to be safe; 429 and faults on the way are not.
    """
    if answer.status in (_TIMEOUT, _TOO_MANY) or answer.is_success:
        return False
    if _BAD_REQUEST <= answer.status < 500:
        return True
    return answer.status == 500


class Words(NamedTuple):
    """The words of an error; `are_exacts`: it is written in a way that Exact is known to use."""

    text: str = ""
    are_exacts: bool = True


def read_words(body: bytes) -> Words:
    """Return the words of an error's body: JSON or XML of Exact's, a page, or a plain text.

    An empty body is Exact's: it is known to send some.
    """
    text = answer_texts.decode(body).strip()
    if not text:
        return Words()
    title = answer_texts.page_title(text)
    if title is not None:
        return Words(_tidied(title), are_exacts=False)
    try:
        return _from_json(json.loads(text))
    except (ValueError, RecursionError):
        if found := _XML_MESSAGE.search(text):
            return Words(_tidied(answer_texts.plain(found[2])))
    is_known = not text.startswith(_MARKUP) and rule_for(text, 500) is not None
    return Words(_tidied(answer_texts.plain(text)), are_exacts=is_known)


def _tidied(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)[:_MAX_TEXT_LENGTH]


def _from_json(body: Any) -> Words:
    """Return the words under `error`, `Message` and the like; other JSON is not Exact's."""
    if isinstance(body, str):
        return Words(_tidied(body), are_exacts=rule_for(body, 500) is not None)
    if not isinstance(body, Mapping) or not any(name.lower() in _WORDED for name in body):
        return Words(_tidied("; ".join(answer_texts.texts_in(body))), are_exacts=False)
    first, *others = dict.fromkeys(_words(body, _DEEPEST)) or [""]
    more = [each for each in others if each not in first]
    return Words(_tidied("; ".join([first.strip(), *more])))


def _words(value: Any, depth: int) -> Iterator[str]:
    """Yield the texts under names that carry words, the most specific first."""
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, list) and depth:
        for each in value:
            yield from _words(each, depth - 1)
    elif isinstance(value, Mapping) and depth:
        lower = {str(name).lower(): each for name, each in value.items()}
        for name in _WORDED:
            if name in lower:
                yield from _words(lower[name], depth - 1)


def _mentions_rate_limit(answer: ExactAnswer, text: str) -> bool:
    """A key blocked for its errors gets a 400 or 403 that mentions the rate limit."""
    return answer.status in _RATE_STATUSES and mentions_rate_limit(text)


def _too_many(answer: ExactAnswer, sent: SentRequest, *, may_be_done: bool) -> Later:
    now = clock.now()
    reported = limits.parse(answer.headers, now)
    for code, window, ends in (
        ("EXACT_DAY_LIMIT", reported.day, limits.next_day(now)),
        ("EXACT_MINUTE_LIMIT", reported.minute, limits.next_minute(now)),
    ):
        # Only the exceeded set is sent; if both are, it is the one with nothing remaining.
        other = reported.minute if window is reported.day else reported.day
        if window and (window.remaining == 0 or other is None):
            return delay(code, window.resets_at or ends)
    unknown = sent.is_write and may_be_done
    return delay("EXACT_RATE_LIMITED", _guess_end(answer, sent, now), outcome_unknown=unknown)


def _guess_end(answer: ExactAnswer, sent: SentRequest, now: datetime) -> datetime:
    after = answer.header("retry-after").strip()
    if after.isascii() and after.isdigit():
        return now + timedelta(seconds=min(int(after), 86_400))
    return limits.next_minute(now) + backoff.delay(sent.failures, base=5.0, cap=3600.0)


def _forbidden(answer: ExactAnswer, sent: SentRequest, text: str) -> Fault:
    reason = answer.header("reason")
    rule = reason_rule(reason) or rule_for(text, answer.status)
    if rule is None and answer.status == _UNAUTHORIZED:
        later = _later("EXACT_UNAUTHORIZED", sent, may_be_done=False)
        return _answered(later, answer, _one_line(text))
    code = rule.code if rule else "EXACT_FORBIDDEN"
    is_division = code_of(sent.division) and (rule is None or rule.concerns_division)
    text = "; ".join(part for part in (reason, text) if part)
    site = site_of(sent.division)
    record = f"Exact division {sent.division}" if is_division else f"Exact site {site}"
    evidence = _evidence(answer, sent)
    detail = _quoted(text) or (("endpoint",) if "endpoint" in CATALOGUE[code].details else ())
    found = problem(
        code, record, *detail, text=_one_line(text), evidence=evidence, endpoint=sent.endpoint,
        connection=sent.connection,
    )  # fmt: skip
    return Halt(found, sent.division if is_division else site)


def _refused(answer: ExactAnswer, sent: SentRequest, text: str) -> Review:
    fallback = "EXACT_NOT_FOUND" if answer.status == _NOT_FOUND else "EXACT_BAD_REQUEST"
    return _review(answer, sent, text, fallback)


def _page(answer: ExactAnswer, sent: SentRequest, text: str) -> Later:
    """Return the fault of a refusal that is not Exact's: it says nothing about the record."""
    detail = "quoted" if text else "status"
    text = _one_line(text)
    later = _later("EXACT_OTHER_ANSWER", sent, detail, status=answer.status, text=text)
    return _answered(later, answer, text)


def _server_fault(answer: ExactAnswer, sent: SentRequest, text: str, *, are_exacts: bool) -> Fault:
    if answer.status == 500 and are_exacts and _is_business(text):
        return _review(answer, sent, text, "EXACT_REFUSED")
    detail, text = "quoted" if text else "status", _one_line(text)
    later = _later("EXACT_UNAVAILABLE", sent, detail, status=answer.status, text=text)
    return _answered(later, answer, text)


def _answered(later: Later, answer: ExactAnswer, text: str = "") -> Later:
    later.answer = UnclearAnswer(answer.status, text)
    return later


def _is_business(text: str) -> bool:
    rules = [rule_for(line, 500) for line in text.splitlines()]
    if any(rule and rule.kind is Kind.LATER for rule in rules):
        return False
    return any(rules) or looks_like_business_error(text)


def _review(answer: ExactAnswer, sent: SentRequest, text: str, fallback: str) -> Review:
    """Return one problem per line: Exact joins several refusals into one text."""
    evidence = _evidence(answer, sent)
    named = [(_code(rule_for(line, answer.status), fallback), line) for line in text.splitlines()]
    return Review(
        [
            problem(code, sent.name, *_quoted(line), text=_one_line(line), evidence=evidence)
            for code, line in named or [(fallback, "")]
        ]
    )


def _code(rule: Rule | None, fallback: str) -> str:
    return rule.code if rule and rule.kind is Kind.REVIEW else fallback


def _later(
    code: str, sent: SentRequest, detail: str = "", *, may_be_done: bool = True, **values: Any
) -> Later:
    unknown = sent.is_write and may_be_done
    until = backoff.retry_at(sent.failures)
    return delay(code, until, detail, outcome_unknown=unknown, **values)


def _quoted(text: str) -> tuple[str, ...]:
    """Return the name of the detail that quotes Exact, if there is anything to quote."""
    return ("quoted",) if text else ()


def _one_line(text: str) -> str:
    return redact_text(" / ".join(text.splitlines()))


def _evidence(answer: ExactAnswer, sent: SentRequest) -> dict[str, Any]:
    """Return the request and the answer; of the headers only the request id."""
    answered = {
        "answer": telemetry.evidence(read_words(answer.body).text.encode() or answer.body),
        "request_id": telemetry.evidence(_request_id(answer).encode())[:100],
    }
    asked = {"status": answer.status, "endpoint": sent.endpoint, "division": sent.division}
    return asked | {name: text for name, text in answered.items() if text}


def _request_id(answer: ExactAnswer) -> str:
    return next((id for name in _REQUEST_IDS if (id := answer.header(name))), "")
