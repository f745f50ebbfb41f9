"""Airbase over HTTP: one tenant's orders and vendors; refusals become faults."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import httpx

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import ConnectionId, OrderId, VendorId
from ml_connector.infrastructure import answer_texts, backoff
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.circuit_breaker import CircuitBreaker
from ml_connector.infrastructure.json_paths import PathError, search
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile

_PAGE_SIZE = 100
# Known clients see no Airbase id on subsidiaries; the ERP reference may be empty.
_ANY_ID = "airbase_id || erp_reference_id || name"
_VENDORS_A_PAGE = 250  # the page size of known clients
_MAX_PAGES = 1000
_DIGITS = re.compile(r"[0-9]{1,12}")
_LONGEST_WAIT = timedelta(hours=1)
_NO_SEGMENTS = {"", ".", ".."}  # these would change the path
# Nothing has left this machine when one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_OTHERS_REFUSE = set(range(400, 500)) - {401, 408, 429}
_LONGEST_WORDS = 300
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class AirbasePace(Protocol):
    """The pause that Airbase asked for, for all workers of a connection."""

    def wait_until(self) -> datetime | None:
        """Return the moment before which nothing may be sent, or None."""
        ...

    def slow_down(self, until: datetime) -> None:
        """Send nothing before `until`."""
        ...


class AirbaseClient:
    """One tenant's API.

    Every method raises `Later` (busy, away, unreadable), `Review` (this record is missing or
    refused) or `Halt` (the key is refused). A write's `Later` has `outcome_unknown` set when
    Airbase may have done it.
    """

    def __init__(
        self,
        connection: ConnectionId,
        base_url: str,
        profile: AirbaseProfile,
        key: Secret,
        http: httpx.Client,
        pace: AirbasePace,
        circuit_breaker: CircuitBreaker,
        newest_key: Callable[[], Secret] | None = None,
    ) -> None:
        """Call `base_url` with the paths and fields of the connection's `profile`.

        `newest_key` reads the stored key, after `key` was refused: it may have been corrected.
        """
        self._connection = connection
        self._base_url = base_url
        self._profile = profile
        self._key = key
        self._newest_key = newest_key
        self._http = http
        self._pace = pace
        self.headers: Mapping[str, str] = {}
        """The headers of the last answer; names in any case."""
        self.circuit_breaker = circuit_breaker

    def order(self, id: OrderId) -> Any:
        """Return Airbase's JSON of an order; numbers with a fraction are `Decimal`."""
        return self._one(self._profile.order_path, id, f"order {id}")

    def vendor(self, id: VendorId) -> Any | None:
        """Return Airbase's JSON of a vendor, or None when the tenant has no vendor call."""
        path = self._profile.vendor_path
        return self._one(path, id, f"vendor {id}") if path else None

    def order_pages(self, first: int = 1) -> Iterator[list[Any]]:
        """Yield the tenant's listed orders, a page at a time from page `first`.

        Each order once, even if the sort order changes meanwhile; none without a listing.
        """
        profile = self._profile
        if profile.orders_path is None:
            return iter(())
        return self._pages(profile.orders_path, profile.order.id, profile.orders_query, first)

    def orders(self) -> Iterator[Any]:
        """Yield every order of the tenant's listing, each once."""
        return (row for page in self.order_pages() for row in page)

    def ledger_entries(self, status: str) -> Iterator[Any]:
        """Yield every ledger entry with this status word, each once."""
        profile = self._profile
        return self._rows(profile.ledger_entries_path, profile.bill.id, {"status": status})

    def subsidiaries(self) -> Iterator[Any]:
        """Yield every subsidiary of the tenant; none when the tenant cannot list them."""
        return self._rows(self._profile.subsidiaries_path, _ANY_ID, {})

    def accounts(self) -> Iterator[Any]:
        """Yield the GL accounts that Airbase knows; none when the tenant cannot list them."""
        return self._rows(self._profile.accounts_path, _ANY_ID, {})

    def _rows(self, path: str | None, id_path: str, query: Mapping[str, str]) -> Iterator[Any]:
        pages = self._pages(path, id_path, query) if path else iter(())
        return (row for page in pages for row in page)

    def check_access(self) -> None:
        """Fetch one row of a listing, to check that Airbase answers and accepts the key."""
        path = self._profile.orders_path or self._profile.subsidiaries_path
        if path is not None:
            self._get(path, {"page": "1", "page_size": "1"}, path)

    def site_answers(self) -> bool:
        """Return whether Airbase's site is up: no credentials."""
        return http_clients.site_answers(self._http, self._base_url)

    def vendors(self, page: int = 1) -> tuple[list[Any], bool]:
        """Return one page of the tenant's vendors, from 1 on, and whether it is the last.

        Vendors created or changed meanwhile may be on two pages or on none.
        """
        path = self._profile.vendors_path or ""
        query = {"page": str(page), "page_size": str(_VENDORS_A_PAGE)}
        answer = self._get(path, query, f"page {page} of {path}")
        return _page(answer, path, _VENDORS_A_PAGE)

    def change_vendor(self, id: VendorId, **changes: Any) -> None:
        """Change a vendor's `name`, `email` or `is_active`; repeating it changes nothing."""
        path, record = self._profile.vendor_change_path, f"vendor {id}"
        self._write("PATCH", path.format(id=_segment(id, record)), changes, record)

    def upsert_vendor(self, row: Mapping[str, Any], record: str) -> Any:
        """Link the vendor with this `airbase_id`, or create the one with this `erp_reference_id`.

        Return Airbase's JSON of it. Repeating it changes nothing.
        """
        answer = self._write("POST", self._profile.vendor_upsert_path, [row], record)
        rows = answer.get("data") if isinstance(answer, Mapping) else answer
        if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], Mapping):
            raise _unreadable(record, outcome_unknown=True)
        return rows[0]

    def _one(self, path: str, id: str, record: str) -> Any:
        answer = self._get(path.format(id=_segment(id, record)), {}, record)
        if not isinstance(answer, Mapping):
            raise _unreadable(record)
        return answer

    def _pages(
        self, path: str, id_path: str, query: Mapping[str, str], first: int = 1
    ) -> Iterator[list[Any]]:
        """Airbase answers 200 without rows past the end; the form of `next` is not known."""
        seen: set[str] = set()
        for page in range(first, first + _MAX_PAGES):
            asked = {**query, "page": str(page), "page_size": str(_PAGE_SIZE)}
            try:
                answer = self._get(path, asked, f"page {page} of {path}")
            except Review as review:
                if page > 1 and review.problems[0].code == "NOT_IN_AIRBASE":
                    return  # a page past the end, as similar servers answer it
                raise
            rows, is_last = _page(answer, path)
            fresh = []
            for row in rows:
                id = _id(row, id_path)
                if id is None:
                    fresh.append(row)  # reading it reports the missing id
                elif id not in seen:
                    seen.add(id)
                    fresh.append(row)
            yield fresh
            if is_last or not fresh:
                return
        raise _unreadable(path)

    def _get(self, path: str, query: Mapping[str, str], record: str) -> Any:
        request = self._request("GET", path, params=dict(query))
        return self._exchange(request, path, record)

    def _write(self, method: str, path: str, body: Any, record: str) -> Any:
        return self._exchange(self._request(method, path, json=body), path, record)

    def _request(self, method: str, path: str, **more: Any) -> httpx.Request:
        try:
            return self._http.build_request(
                method, self._base_url + path, headers=self._headers(), **more
            )
        except httpx.InvalidURL as error:
            raise _unreachable(error) from None

    def _exchange(self, request: httpx.Request, path: str, record: str) -> Any:
        if (until := self._pace.wait_until()) and until > clock.now():
            raise delay("AIRBASE_BUSY", until)
        with self.circuit_breaker.calling(path):
            response = self._send(request)
            if response.status_code in _REFUSED and self._has_other_key():
                request.headers.update(self._headers())
                response = self._send(request)
            return self._interpret(response, path, record)

    def _has_other_key(self) -> bool:
        """Read the stored key; return whether it is another one than was refused."""
        newest = self._newest_key() if self._newest_key else self._key
        is_other = newest != self._key
        self._key = newest
        return is_other

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            was_sent = request.method != "GET" and not isinstance(error, _NOT_SENT)
            raise _unreachable(error, outcome_unknown=was_sent) from None
        self.headers = response.headers
        self._slow_down_if_asked(response)
        return response

    def _headers(self) -> dict[str, str]:
        profile = self._profile
        value = f"{profile.auth_scheme} {self._key.reveal()}".strip()
        return {profile.auth_header: value, "Accept": "application/json"}

    def _slow_down_if_asked(self, response: httpx.Response) -> None:
        """Slow all workers down near the end of the window, whose length is not published."""
        remaining = response.headers.get("x-ratelimit-remaining", "")
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._pace.slow_down(_retry_after(response) or backoff.retry_at(5))
        elif _DIGITS.fullmatch(remaining) and int(remaining) <= self._profile.rate_floor:
            self._pace.slow_down(backoff.retry_at(3))

    def _interpret(self, response: httpx.Response, path: str, record: str) -> Any:
        status, said = response.status_code, _words(response.content)
        is_write = response.request.method != "GET"
        if status in _OTHERS_REFUSE and _is_page(response.content):
            detail, until = "quoted" if said else "status", backoff.retry_at(5)
            raise delay(
                "AIRBASE_OTHER_ANSWER", until, detail, status=status, text=said,
                outcome_unknown=is_write,
            )  # fmt: skip
        if status in _REFUSED:
            refused = problem(
                "AIRBASE_KEY_REFUSED", self._base_url, "status",
                status=status, connection=self._connection,
            )  # fmt: skip
            raise Halt(refused)
        if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            until = _retry_after(response) or backoff.retry_at(5)
            busy = status == HTTPStatus.TOO_MANY_REQUESTS
            code = "AIRBASE_BUSY" if busy else "AIRBASE_UNAVAILABLE"
            unknown = is_write and not busy
            raise delay(code, until, "status", status=status, outcome_unknown=unknown)
        if status != HTTPStatus.OK and not (is_write and status == HTTPStatus.CREATED):
            code = "NOT_IN_AIRBASE" if status == HTTPStatus.NOT_FOUND else "AIRBASE_REFUSED"
            evidence = {
                "status": status,
                "request_id": response.headers.get("x-request-id", ""),
                "answer": telemetry.evidence(response.content),
            }
            found = problem(
                code, record, "quoted" if said else "status", status=status, path=path, text=said,
                evidence=evidence,
            )  # fmt: skip
            raise Review([found])
        try:
            answer = read_json(response.content)
        except ValueError:
            raise _unreadable(record, outcome_unknown=is_write) from None
        return self._in_envelope(answer, record)

    def _in_envelope(self, answer: Any, record: str) -> Any:
        path = self._profile.envelope
        try:
            return search(path, answer) if path else answer
        except PathError as error:
            raise Review(
                [problem("BAD_FIELD", record, "path", path=repr(path), error=error)]
            ) from None


def read_json(text: bytes) -> Any:
    """Return Airbase's JSON with exact numbers; raises `ValueError` when it is not JSON."""
    return answer_texts.read_json(text, parse_float=Decimal)


def _is_page(body: bytes) -> bool:
    """Return whether it is a page: no answer of this API, nor about the record or the key."""
    return answer_texts.page_title(answer_texts.decode(body)) is not None


def _words(body: bytes) -> str:
    """Return what a refusal says: all texts of its JSON, the headings of a page, or plain text."""
    text = answer_texts.decode(body)
    title = answer_texts.page_title(text)
    if title is None:
        try:
            title = "; ".join(answer_texts.texts_in(json.loads(text)))
        except (ValueError, RecursionError):
            title = answer_texts.plain(text)
    return telemetry.redact_text(" / ".join(title.splitlines()))[:_LONGEST_WORDS]


def _segment(id: str, record: str) -> str:
    if id in _NO_SEGMENTS:
        raise Review([problem("NOT_IN_AIRBASE", record, "no_address")])
    return quote(id, safe="", errors="replace")


def _page(answer: Any, path: str, size: int = _PAGE_SIZE) -> tuple[list[Any], bool]:
    """Return the rows of a listing's page, and whether it is the last."""
    rows: Any = answer or None
    pagination: Any = None
    if isinstance(answer, Mapping):
        rows, pagination = answer.get("data"), answer.get("pagination")
    if isinstance(rows, Mapping) and rows:
        inner = rows.get("data")
        rows = inner if isinstance(inner, list) else [rows]
    if not isinstance(rows, list):
        raise _unreadable(path)
    following = pagination.get("next") if isinstance(pagination, Mapping) else None
    return rows, following is None and len(rows) < size


def _id(row: Any, path: str) -> str | None:
    try:
        id = search(path, row)
    except PathError:
        return None
    return None if id is None else str(id)


def _retry_after(response: httpx.Response) -> datetime | None:
    """Return the moment of `Retry-After` (seconds or a date), at most an hour from now."""
    text = response.headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        until = (
            clock.now() + timedelta(seconds=int(text))
            if _DIGITS.fullmatch(text)
            else parsedate_to_datetime(text).astimezone(UTC)
        )
    except (ValueError, OverflowError):
        return None
    return min(max(until, clock.now()), clock.now() + _LONGEST_WAIT)


def _unreachable(error: Exception, *, outcome_unknown: bool = False) -> Later:
    name, until = type(error).__name__, backoff.retry_at(4)
    return delay("AIRBASE_UNREACHABLE", until, "error", error=name, outcome_unknown=outcome_unknown)


def _unreadable(record: str, *, outcome_unknown: bool = False) -> Later:
    until = backoff.retry_at(5)
    return delay(
        "AIRBASE_UNREADABLE", until, "about", record=record, outcome_unknown=outcome_unknown
    )
