"""The one door to Exact's REST API for a connection: budgeted, authorised, deciphered."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from ml_connector.codes import problem
from ml_connector.connection import Connection, safe_base_url
from ml_connector.doors import http as http_door
from ml_connector.doors.circuit import Circuit
from ml_connector.doors.coordination import ErrorWindow
from ml_connector.doors.table import Table
from ml_connector.doors.vault import Vault
from ml_connector.exact import errors, odata
from ml_connector.exact.budget import Budget
from ml_connector.exact.errors import Answer, Sent
from ml_connector.exact.tokens import TokenKeeper
from ml_connector.faults import Fault, Later, Review
from ml_connector.ids import Division, Guid
from ml_connector.secret import Secret

NO_DIVISION = Division(0)
"""Stands for the few calls that belong to none, in budgets and error windows."""
_UNAUTHORIZED, _NO_CONTENT, _TOO_MANY = 401, 204, 429
_LEFT_BY_CHANGES = 3  # of the errors an hour that we allow ourselves at an endpoint
# Nothing has left this machine when one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class ExactGateway:
    """Calls Exact on behalf of one connection.

    Every method raises `Later` (with `outcome_unknown` where a write may have been committed),
    `Review` or `Halt`; see `exact/errors.py` for which answer means what. `tokens` and `budget`
    may be asked directly: how old the consent is, how much room a division has.
    """

    def __init__(
        self,
        base_url: str,
        http: httpx.Client,
        tokens: TokenKeeper,
        budget: Budget,
        window: ErrorWindow,
    ) -> None:
        """Speak to `base_url`: https, or a loopback host; `tokens`, `budget`, `window` guard it."""
        self._base = safe_base_url(base_url)
        self._http = http
        self.tokens = tokens
        self.budget = budget
        self._window = window
        self._failures: Counter[Division] = Counter()

    @property
    def circuit(self) -> Circuit:
        """Return what the connection's workers know of Exact being away."""
        return self.tokens.circuit

    def site_answers(self) -> bool:
        """Return whether Exact's site answers at all: no credentials, no counted call."""
        return http_door.answers(self._http, self._base)

    def rows(
        self, division: Division, path: str, params: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield every row of `path` (such as `crm/Accounts`), page after page, one call each."""
        sent = Sent(division, path)
        url: str | None = self._url(division, path, params)
        seen: set[str] = set()
        while url:
            seen.add(url)
            with self.circuit.calling():
                found, url = self._page(self._call(sent, "GET", url), sent)
            if url and (url in seen or not self._is_own(url)):
                evidence = {"next": url, "division": division}
                raise Review([problem("EXACT_ODD_ANSWER", sent.name, evidence=evidence)])
            yield from found

    def create(
        self,
        division: Division,
        path: str,
        body: Mapping[str, Any],
        *,
        record: str = "",
        is_change: bool = False,
    ) -> dict[str, Any]:
        """Create an entity and return it as Exact holds it; `record` names it in problems.

        `is_change`: it belongs to one that is there already.
        """
        sent = Sent(division, path, is_write=True, record=record, is_change=is_change)
        with self.circuit.calling():
            answer = self._call(sent, "POST", self._url(division, path), body)
            return self._entity(answer, sent)

    def update(
        self,
        division: Division,
        path: str,
        key: Guid,
        body: Mapping[str, Any],
        *,
        record: str = "",
    ) -> None:
        """Change an entity's fields."""
        sent = Sent(division, path, is_write=True, record=record, is_change=True)
        self._change("PUT", sent, key, body)

    def remove(self, division: Division, path: str, key: Guid, *, record: str = "") -> None:
        """Delete an entity; `Review` with EXACT_NOT_FOUND when it is not there."""
        sent = Sent(division, path, is_write=True, record=record, is_change=True)
        self._change("DELETE", sent, key, None)

    def me(self) -> dict[str, Any]:
        """Return who consented (`current/Me`): the one call that belongs to no division."""
        sent = Sent(NO_DIVISION, "current/Me")
        with self.circuit.calling():
            answer = self._call(sent, "GET", f"{self._base}/api/v1/current/Me")
            return self._entity(answer, sent)

    def _change(self, method: str, sent: Sent, key: Guid, body: Mapping[str, Any] | None) -> None:
        url = self._url(sent.division, odata.address(sent.endpoint, key))
        with self.circuit.calling():
            answer = self._call(sent, method, url, body)
            if answer.status != _NO_CONTENT and not _is_json_or_empty(answer.body):
                raise errors.unreadable(answer, sent)

    def _entity(self, answer: Answer, sent: Sent) -> dict[str, Any]:
        try:
            return odata.read_entity(answer.body)
        except odata.UnreadableError as error:
            raise errors.unreadable(answer, sent) from error

    def _page(self, answer: Answer, sent: Sent) -> tuple[list[dict[str, Any]], str | None]:
        try:
            return odata.read_page(answer.body)
        except odata.UnreadableError as error:
            raise errors.unreadable(answer, sent) from error

    def _call(
        self, sent: Sent, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> Answer:
        """Send once, and once more with another token after a 401; return a 2xx."""
        # Changes that are refused leave room for new orders: these need the same endpoint.
        leave = _LEFT_BY_CHANGES if sent.is_change else 0
        self._window.check(sent.division, sent.endpoint, leave=leave)
        token = self.tokens.access_token()
        answer = self._exchange(sent, self._request(method, url, body, token))
        if _is_about_the_token(answer, sent):
            token = self.tokens.after_refusal(token)
            answer = self._exchange(sent, self._request(method, url, body, token))
            if _is_about_the_token(answer, sent):
                self.tokens.refused_twice()
        if answer.is_success:
            self._failures[sent.division] = 0
            return answer
        raise self._fault(answer, sent)

    def _exchange(self, sent: Sent, request: httpx.Request) -> Answer:
        self.budget.reserve(sent.division)
        response = self._send(request)
        if isinstance(response, httpx.HTTPError):
            # Not raised from it: the request that hangs on it holds the token.
            raise errors.no_answer(self._failed(sent), was_sent=not isinstance(response, _NOT_SENT))
        answer = Answer(response.status_code, response.headers, response.content)
        self.budget.correct(sent.division, answer.headers)
        if errors.counts_as_error(answer):
            self._window.record(sent.division, sent.endpoint)
        return answer

    def _send(self, request: httpx.Request) -> httpx.Response | httpx.HTTPError:
        try:
            return self._http.send(request)
        except httpx.HTTPError as error:
            return error

    def _fault(self, answer: Answer, sent: Sent) -> Fault:
        fault = errors.decipher(answer, self._failed(sent))
        if isinstance(fault, Later) and _is_about_the_rate(fault, answer):
            self.budget.pause(sent.division, fault.code, fault.until)
        return fault

    def _failed(self, sent: Sent) -> Sent:
        """Count a failure; return what was sent with the number of those before it."""
        failures = self._failures[sent.division]
        self._failures[sent.division] += 1
        return replace(sent, failures=failures)

    def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None, token: Secret
    ) -> httpx.Request:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token.reveal()}"}
        if method == "POST":
            # Without it several endpoints answer with nothing but the key.
            headers["Prefer"] = "return=representation"
        # Built by the client: only so does the request carry the client's time-outs.
        return self._http.build_request(method, url, headers=headers, json=body)

    def _url(self, division: Division, path: str, params: Mapping[str, str] | None = None) -> str:
        query = urlencode(params or {}, quote_via=quote, safe="$,'()")
        return f"{self._base}/api/v1/{int(division)}/{path}" + (f"?{query}" if query else "")

    def _is_own(self, url: str) -> bool:
        """Return whether an address is on this connection's own site: the token goes there."""
        try:
            ours, theirs = httpx.URL(self._base), httpx.URL(url)
        except httpx.InvalidURL:
            return False
        same = (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)
        return same and not theirs.userinfo


def _is_about_the_token(answer: Answer, sent: Sent) -> bool:
    """Return whether a 401 speaks of the token and not of a blocked user or licence."""
    return answer.status == _UNAUTHORIZED and isinstance(errors.decipher(answer, sent), Later)


def _is_about_the_rate(fault: Later, answer: Answer) -> bool:
    """Return whether the division's calls have to pause; not every such answer is a 429."""
    return answer.status == _TOO_MANY or fault.code == "EXACT_RATE_LIMITED"


def _is_json_or_empty(body: bytes) -> bool:
    try:
        return not body.strip() or json.loads(body) is not None
    except ValueError:
        return False


def open_gateway(
    connection: Connection, http: httpx.Client, vault: Vault, coordination: Table
) -> ExactGateway:
    """Return a connection's gateway with all that it stands on."""
    base, allowed = connection.exact_base_url, connection.limits
    return ExactGateway(
        base,
        http,
        TokenKeeper(connection.id, base, http, vault, coordination),
        Budget(coordination, connection.id, allowed.calls_per_minute, allowed.calls_per_day),
        ErrorWindow(coordination, connection.id),
    )
