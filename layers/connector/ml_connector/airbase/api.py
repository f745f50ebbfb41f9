"""Airbase over HTTP: one tenant's orders and vendors, and its faults by what to do about them."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import quote

import httpx
import jmespath
from jmespath.exceptions import JMESPathError

from ml_connector import backoff, clock, raw_answer
from ml_connector.codes import problem
from ml_connector.doors import http as http_door
from ml_connector.doors.circuit import Circuit
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import OrderId, VendorId
from ml_connector.profile import AirbaseProfile
from ml_connector.secret import Secret

_PAGE_SIZE = 100
# Known clients see no id of Airbase's own on subsidiaries; the ERP reference may be empty.
_ANY_ID = "airbase_id || erp_reference_id || name"
_VENDORS_A_PAGE = 250  # what known clients ask for
_MOST_PAGES = 1000
_DIGITS = re.compile(r"[0-9]{1,12}")
_LONGEST_WAIT = timedelta(hours=1)
_NO_SEGMENTS = {"", ".", ".."}  # a path with these leads somewhere else
# Nothing has left this machine when one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL)
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_TRANSIENT = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Pace(Protocol):
    """Remembers, for all workers of a connection, until when Airbase wants to be left alone."""

    def wait_until(self) -> datetime | None:
        """Return the moment before which nothing may be sent, or None."""
        ...

    def slow_down(self, until: datetime) -> None:
        """Let nothing be sent before `until`."""
        ...


class AirbaseClient:
    """One tenant's API.

    Every method raises `Later` (busy, away, garbage), `Review` (this record is not there or
    refused) or `Halt` (the key is refused). A write's `Later` has `outcome_unknown` set when
    Airbase may have done what was asked.
    """

    def __init__(
        self,
        base_url: str,
        profile: AirbaseProfile,
        key: Secret,
        http: httpx.Client,
        pace: Pace,
        circuit: Circuit,
    ) -> None:
        """Speak to `base_url` as `profile` says."""
        self._base_url = base_url
        self._profile = profile
        self._key = key
        self._http = http
        self._pace = pace
        self.headers: Mapping[str, str] = {}
        """Those of the last answer; their names in any case."""
        self.circuit = circuit

    def order(self, id: OrderId) -> Any:
        """Return Airbase's JSON of an order; numbers with a fraction are `Decimal`."""
        return self._one(self._profile.order_path, id, f"order {id}")

    def vendor(self, id: VendorId) -> Any | None:
        """Return Airbase's JSON of a vendor, or None when the tenant has no vendor call."""
        path = self._profile.vendor_path
        return self._one(path, id, f"vendor {id}") if path else None

    def order_pages(self, first: int = 1) -> Iterator[list[Any]]:
        """Yield the tenant's orders, a page at a time from page `first`, as its listing has them.

        Each comes once, whatever the sort order does meanwhile; nothing without a listing.
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

    def ask(self) -> None:
        """Ask for one row of a listing, to see whether Airbase answers and takes the key."""
        path = self._profile.orders_path or self._profile.subsidiaries_path
        if path is not None:
            self._get(path, {"page": "1", "page_size": "1"}, path)

    def site_answers(self) -> bool:
        """Return whether Airbase's site answers at all: no credentials."""
        return http_door.answers(self._http, self._base_url)

    def vendors(self, page: int = 1) -> tuple[list[Any], bool]:
        """Return one page of the tenant's vendors, from 1 on, and whether it is the last.

        Vendors that are made or changed meanwhile may be on two pages or on none.
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
        """Link the vendor named by `airbase_id`, or make the one named by `erp_reference_id`.

        Return Airbase's JSON of it. Repeating it changes nothing.
        """
        answer = self._write("POST", self._profile.vendor_upsert_path, [row], record)
        rows = answer.get("data") if isinstance(answer, Mapping) else answer
        if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], Mapping):
            raise _garbage(record, outcome_unknown=True)
        return rows[0]

    def _one(self, path: str, id: str, record: str) -> Any:
        answer = self._get(path.format(id=_segment(id, record)), {}, record)
        if not isinstance(answer, Mapping):
            raise _garbage(record)
        return answer

    def _pages(
        self, path: str, id_path: str, query: Mapping[str, str], first: int = 1
    ) -> Iterator[list[Any]]:
        """Airbase answers 200 with no data past the end; how `next` looks is not known."""
        seen: set[str] = set()
        for page in range(first, first + _MOST_PAGES):
            asked = {**query, "page": str(page), "page_size": str(_PAGE_SIZE)}
            try:
                answer = self._get(path, asked, f"page {page} of {path}")
            except Review as review:
                if page > 1 and review.problems[0].code == "NOT_IN_AIRBASE":
                    return  # a page past the end, as other servers of its kind answer it
                raise
            rows, is_last = _page(answer, path)
            fresh = []
            for row in rows:
                id = _id(row, id_path)
                if id is None:
                    fresh.append(row)  # whoever reads it says what it lacks
                elif id not in seen:
                    seen.add(id)
                    fresh.append(row)
            yield fresh
            if is_last or not fresh:
                return
        raise _garbage(path)

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
            raise Later("AIRBASE_BUSY", until, "Airbase asked to slow down.")
        with self.circuit.calling():
            return self._decipher(self._send(request), path, record)

    def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            response = self._http.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            was_sent = request.method != "GET" and not isinstance(error, _NOT_SENT)
            raise _unreachable(error, outcome_unknown=was_sent) from None
        self.headers = response.headers
        self._respect_rate(response)
        return response

    def _headers(self) -> dict[str, str]:
        profile = self._profile
        value = f"{profile.auth_scheme} {self._key.reveal()}".strip()
        return {profile.auth_header: value, "Accept": "application/json"}

    def _respect_rate(self, response: httpx.Response) -> None:
        """Slow everybody down near the end of the window, whose length is not published."""
        remaining = response.headers.get("x-ratelimit-remaining", "")
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._pace.slow_down(_retry_after(response) or backoff.moment(5))
        elif _DIGITS.fullmatch(remaining) and int(remaining) <= self._profile.rate_floor:
            self._pace.slow_down(backoff.moment(3))

    def _decipher(self, response: httpx.Response, path: str, record: str) -> Any:
        status = response.status_code
        if status in _REFUSED:
            raise Halt(problem("AIRBASE_KEY_REFUSED", self._base_url, f"It answered {status}."))
        is_write = response.request.method != "GET"
        if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            until = _retry_after(response) or backoff.moment(5)
            busy = status == HTTPStatus.TOO_MANY_REQUESTS
            code = "AIRBASE_BUSY" if busy else "AIRBASE_UNAVAILABLE"
            cause, unknown = f"Airbase answered {status}.", is_write and not busy
            raise Later(code, until, cause, outcome_unknown=unknown)
        if status != HTTPStatus.OK and not (is_write and status == HTTPStatus.CREATED):
            code = "NOT_IN_AIRBASE" if status == HTTPStatus.NOT_FOUND else "AIRBASE_REFUSED"
            evidence = {
                "status": status,
                "request_id": response.headers.get("x-request-id", ""),
                "answer": raw_answer.kept(response.content),
            }
            detail = f"It answered {status} at {path}."
            raise Review([problem(code, record, detail, evidence=evidence)])
        try:
            answer = read_json(response.content)
        except ValueError:
            raise _garbage(record, outcome_unknown=is_write) from None
        envelope = self._profile.envelope
        return jmespath.search(envelope, answer) if envelope else answer


def read_json(text: bytes) -> Any:
    """Return Airbase's JSON with exact numbers; raises `ValueError` when it is none."""
    try:
        return json.loads(text, parse_float=Decimal)
    except (InvalidOperation, RecursionError) as error:
        raise ValueError("not JSON that can be kept exactly") from error


def _segment(id: str, record: str) -> str:
    if id in _NO_SEGMENTS:
        raise Review([problem("NOT_IN_AIRBASE", record, "Its id fits no address.")])
    return quote(id, safe="", errors="replace")


def _page(answer: Any, path: str, size: int = _PAGE_SIZE) -> tuple[list[Any], bool]:
    """Return the rows of a listing's page, and whether Airbase says it is the last."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("data"), list):
        raise _garbage(path)
    rows, pagination = answer["data"], answer.get("pagination") or {}
    if not isinstance(pagination, Mapping):
        raise _garbage(path)
    return rows, pagination.get("next") is None and len(rows) < size


def _id(row: Any, path: str) -> str | None:
    try:
        id = jmespath.search(path, row)
    except JMESPathError:
        return None
    return None if id is None else str(id)


def _retry_after(response: httpx.Response) -> datetime | None:
    """Return what `Retry-After` (seconds or a date) says, at most an hour from now."""
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
    cause = f"no answer ({type(error).__name__})."
    until = backoff.moment(4)
    return Later("AIRBASE_UNREACHABLE", until, cause, outcome_unknown=outcome_unknown)


def _garbage(record: str, *, outcome_unknown: bool = False) -> Later:
    return Later(
        "AIRBASE_UNREADABLE",
        backoff.moment(5),
        f"Airbase's answer for {record} is unreadable.",
        outcome_unknown=outcome_unknown,
    )
