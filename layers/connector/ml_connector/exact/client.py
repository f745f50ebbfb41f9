"""Exact's REST API for a connection: rate-limited, authorised, refusals turned into faults."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Fault, Later, Review, UnclearAnswer
from ml_connector.domain.ids import ConnectionId, Division, Guid, code_of, division_at
from ml_connector.exact import errors, odata
from ml_connector.exact.contract_day import ContractDay
from ml_connector.exact.errors import ExactAnswer, SentRequest
from ml_connector.exact.rate_limiter import RateLimiter
from ml_connector.exact.refused_tokens import RefusedTokens
from ml_connector.exact.tokens import TokenProvider
from ml_connector.exact.turns import Turns
from ml_connector.infrastructure import http as http_clients
from ml_connector.infrastructure.answer_texts import read_json
from ml_connector.infrastructure.circuit_breaker import EXACT, CircuitBreaker
from ml_connector.infrastructure.coordination import ErrorWindow
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.secret_store import SecretStore
from ml_connector.secret import Secret
from ml_connector.settings.connection import ExactSite

_UNAUTHORIZED, _NO_CONTENT, _TOO_MANY = 401, 204, 429
_RESERVED_FOR_NEW = 3  # of the errors an hour that we allow at an endpoint
# Nothing has left this machine when one of these is raised.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

LARGEST_REQUEST = 10_000_000
"""Bytes of a body that Exact takes."""


class ExactClient:
    """Calls one Exact site on behalf of one connection.

    Every method raises `Later` (with `outcome_unknown` where a write may have been committed),
    `Review` or `Halt`; see `exact/errors.py` for which answer means what. `tokens`,
    `rate_limiter`, `contract_day` and `turns` may be used directly, for the age of the consent, the
    calls left and the turn for a run of calls. `calls_made` counts what was sent, answered or not.
    """

    def __init__(
        self,
        site: ExactSite,
        http: httpx.Client,
        tokens: TokenProvider,
        rate_limiter: RateLimiter,
        error_window: ErrorWindow,
        refused_tokens: RefusedTokens,
        turns: Turns,
        contract_day: ContractDay,
        coordination: Table,
    ) -> None:
        """Call the site's address."""
        self._base = site.exact_base_url
        # Stands for none, in call limits and error windows.
        self._no_division = division_at(site.site, 0)
        self._http = http
        self.tokens = tokens
        self.rate_limiter = rate_limiter
        self._error_window = error_window
        self._refused_tokens = refused_tokens
        self.turns = turns
        self._coordination = coordination
        self.contract_day = contract_day
        self._failures: Counter[Division] = Counter()
        self.calls_made = 0

    @property
    def circuit_breaker(self) -> CircuitBreaker:
        """Return the circuit breaker for Exact."""
        return self.tokens.circuit_breaker

    def why_not(self, division: Division) -> Later | None:
        """Return why the division cannot be called now: an outage, or no calls left.

        One read, and another one at most after a block of the contract's day is used up.
        """
        breaker, limiter = self.circuit_breaker, self.rate_limiter
        unread = breaker.unread()
        found = self._coordination.get_each([*unread, *limiter.counters(division)])
        if unread:
            breaker.learn(found)
        try:
            breaker.check()
        except Later as later:
            return later
        return self.contract_day.spent() or limiter.exhausted(division, found)

    def site_answers(self) -> bool:
        """Return whether Exact's site is up: no credentials, no counted call."""
        return http_clients.site_answers(self._http, self._base)

    def rows(
        self, division: Division, path: str, params: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield every row of `path` (such as `crm/Accounts`), page after page, one call each.

        Raises `Review` when they have no end: an address or a page that was there before.
        """
        sent = SentRequest(division, path)
        url: str | None = self._url(division, path, params)
        seen: set[object] = set()
        while url:
            seen.add(url)
            with self.circuit_breaker.calling():
                found, url = self._page(self._call(sent, "GET", url), sent)
            if url and (url in seen or not self._is_own(url) or _outline(found) in seen):
                evidence = {"next": url, "division": division}
                raise Review([problem("EXACT_ODD_ANSWER", sent.name, evidence=evidence)])
            seen.add(_outline(found))
            yield from found

    def create(
        self,
        division: Division,
        path: str,
        body: Mapping[str, Any],
        *,
        record: str = "",
        is_change: bool = False,
        is_ours: Callable[[Mapping[str, Any]], bool] = lambda _: True,
    ) -> dict[str, Any]:
        """Create an entity and return it as stored in Exact; `record` names it in problems.

        `is_change`: it belongs to an entity that exists already. `is_ours`: whether an answer is
        about what was sent; any other is not believed, and the outcome is unknown.
        """
        sent = SentRequest(division, path, is_write=True, record=record, is_change=is_change)
        with self.circuit_breaker.calling():
            answer = self._call(sent, "POST", self._url(division, path), body)
            created = self._entity(answer, sent)
        if not is_ours(created):
            raise errors.not_about(sent.name, is_write=True)
        return created

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
        sent = SentRequest(division, path, is_write=True, record=record, is_change=True)
        self._change("PUT", sent, key, body)

    def remove(self, division: Division, path: str, key: Guid, *, record: str = "") -> None:
        """Delete an entity; `Review` with EXACT_NOT_FOUND when it does not exist."""
        sent = SentRequest(division, path, is_write=True, record=record, is_change=True)
        self._change("DELETE", sent, key, None)

    def current_user(self) -> dict[str, Any]:
        """Return who consented (`current/Me`): the one call that belongs to no division."""
        sent = SentRequest(self._no_division, "current/Me")
        with self.circuit_breaker.calling():
            answer = self._call(sent, "GET", self._user_url)
            return self._entity(answer, sent)

    def _change(
        self, method: str, sent: SentRequest, key: Guid, body: Mapping[str, Any] | None
    ) -> None:
        url = self._url(sent.division, odata.address(sent.endpoint, key))
        with self.circuit_breaker.calling():
            answer = self._call(sent, method, url, body)
            if answer.status != _NO_CONTENT and not _is_json_or_empty(answer.body):
                raise errors.unreadable(answer, sent)

    def _entity(self, answer: ExactAnswer, sent: SentRequest) -> dict[str, Any]:
        try:
            return odata.read_entity(answer.body)
        except odata.UnreadableAnswerError as error:
            raise errors.unreadable(answer, sent) from error

    def _page(
        self, answer: ExactAnswer, sent: SentRequest
    ) -> tuple[list[dict[str, Any]], str | None]:
        try:
            return odata.read_page(answer.body)
        except odata.UnreadableAnswerError as error:
            raise errors.unreadable(answer, sent) from error

    def _call(
        self, sent: SentRequest, method: str, url: str, body: Mapping[str, Any] | None = None
    ) -> ExactAnswer:
        """Send once, and once more with another token after a 401; return a 2xx.

        In turn, where it is about a division. A division that refuses one renewed token after the
        other is halted.
        """
        _refuse_large(sent, body)
        if sent.division == self._no_division:
            return self._call_in_turn(sent, method, url, body)
        with self.turns.calling(sent.division):
            return self._call_in_turn(sent, method, url, body)

    def _call_in_turn(
        self, sent: SentRequest, method: str, url: str, body: Mapping[str, Any] | None
    ) -> ExactAnswer:
        # Refused changes leave some errors to new orders, which need the same endpoint.
        reserve = _RESERVED_FOR_NEW if sent.is_change else 0
        self._error_window.check(sent.division, sent.endpoint, reserve=reserve)
        token = self.tokens.access_token()
        answer = self._exchange(sent, self._request(method, url, body, token))
        if _is_token_refusal(answer, sent):
            self._note_refused(token, answer, sent)
            token = self._another_token(token, answer)
            answer = self._exchange(sent, self._request(method, url, body, token))
            if _is_token_refusal(answer, sent):
                self._note_refused(token, answer, sent)
        if answer.is_success:
            self._failures[sent.division] = 0
            self._refused_tokens.clear(sent.division)
            return answer
        raise self._fault(answer, sent)

    def _note_refused(self, token: Secret, answer: ExactAnswer, sent: SentRequest) -> None:
        """Note that Exact refused the token; after many, raise `Halt` for the division.

        A token that Exact refuses everywhere, also for the one call of no division, means that
        consent has to be given again.
        """
        if not self._refused_tokens.add(sent.division, token):
            return
        user = SentRequest(self._no_division, "current/Me")
        answer_of_user = self._exchange(user, self._request("GET", self._user_url, None, token))
        if answer_of_user.is_success and sent.division != self._no_division:
            raise errors.unauthorized_division(answer, self._failed(sent))
        if _is_token_refusal(answer_of_user, user):
            raise self.tokens.refused_again()

    def _another_token(self, refused: Secret, answer: ExactAnswer) -> Secret:
        """Return another token; raises as `TokenProvider.after_refusal`, with Exact's answer."""
        try:
            return self.tokens.after_refusal(refused)
        except Later as later:
            later.answer = UnclearAnswer(answer.status)
            raise

    def _exchange(self, sent: SentRequest, request: httpx.Request) -> ExactAnswer:
        self._reserve(sent.division)
        self.calls_made += 1
        response = self._send(request)
        if isinstance(response, httpx.HTTPError):
            # Not chained: the request in `response` contains the token.
            raise errors.no_answer(self._failed(sent), was_sent=not isinstance(response, _NOT_SENT))
        answer = ExactAnswer(response.status_code, response.headers, response.content)
        self.rate_limiter.correct(sent.division, answer.headers)
        if errors.counts_as_error(answer):
            self._error_window.record(sent.division, sent.endpoint)
        return answer

    def _reserve(self, division: Division) -> None:
        """Reserve a call; that of no division counts for no contract."""
        if division == self._no_division:
            self.rate_limiter.reserve(division)
            return
        self.contract_day.reserve()
        try:
            self.rate_limiter.reserve(division)
        except Later:
            self.contract_day.give_back()
            raise

    def _send(self, request: httpx.Request) -> httpx.Response | httpx.HTTPError:
        try:
            return self._http.send(request)
        except httpx.HTTPError as error:
            return error

    def _fault(self, answer: ExactAnswer, sent: SentRequest) -> Fault:
        fault = errors.interpret(answer, self._failed(sent))
        if isinstance(fault, Later) and _is_rate_limit(fault, answer):
            self.rate_limiter.pause(sent.division, fault.code, fault.until)
        return fault

    def _failed(self, sent: SentRequest) -> SentRequest:
        """Count a failure; return the request with the number of earlier ones."""
        failures = self._failures[sent.division]
        self._failures[sent.division] += 1
        return replace(sent, failures=failures, connection=self.tokens.app)

    def _request(
        self, method: str, url: str, body: Mapping[str, Any] | None, token: Secret
    ) -> httpx.Request:
        headers = {"Accept": "application/json", "Authorization": f"Bearer {token.reveal()}"}
        if method == "POST":
            # Without it several endpoints return only the key.
            headers["Prefer"] = "return=representation"
        # Built by the client, which adds its time-outs.
        return self._http.build_request(method, url, headers=headers, json=body)

    @property
    def _user_url(self) -> str:
        return f"{self._base}/api/v1/current/Me"

    def _url(self, division: Division, path: str, params: Mapping[str, str] | None = None) -> str:
        query = urlencode(params or {}, quote_via=quote, safe="$,'()")
        return f"{self._base}/api/v1/{code_of(division)}/{path}" + (f"?{query}" if query else "")

    def _is_own(self, url: str) -> bool:
        """Return whether an address is on this site: the token is sent there."""
        try:
            ours, theirs = httpx.URL(self._base), httpx.URL(url)
        except httpx.InvalidURL:
            return False
        same = (ours.scheme, ours.host, ours.port) == (theirs.scheme, theirs.host, theirs.port)
        return same and not theirs.userinfo


def _is_token_refusal(answer: ExactAnswer, sent: SentRequest) -> bool:
    """Return whether a 401 is about the token and not about a blocked user or licence."""
    return answer.status == _UNAUTHORIZED and isinstance(errors.interpret(answer, sent), Later)


def _is_rate_limit(fault: Later, answer: ExactAnswer) -> bool:
    """Return whether the division's calls have to pause; not every such answer is a 429."""
    return answer.status == _TOO_MANY or fault.code == "EXACT_RATE_LIMITED"


def _refuse_large(sent: SentRequest, body: Mapping[str, Any] | None) -> None:
    """Raise `Review` before anything is sent that Exact would not take whole."""
    size = len(json.dumps(body, ensure_ascii=False).encode()) if body else 0
    if size > LARGEST_REQUEST:
        megabytes = f"{size / 1_000_000:.1f}"
        name = sent.record or sent.name
        raise Review([problem("REQUEST_TOO_LARGE", name, "size", megabytes=megabytes)])


def _outline(page: Sequence[Mapping[str, Any]]) -> tuple[int, str]:
    """Return what tells one page of a listing from another; all empty ones are alike."""
    return len(page), repr([*page[:1], *page[-1:]])


def _is_json_or_empty(body: bytes) -> bool:
    try:
        return not body.strip() or read_json(body) is not None
    except ValueError:
        return False


def open_exact_client(
    id: ConnectionId,
    site: ExactSite,
    http: httpx.Client,
    secret_store: SecretStore,
    coordination: Table,
) -> ExactClient:
    """Return the client of the connection `id` for one of its Exact sites."""
    allowed = site.limits
    return ExactClient(
        site,
        http,
        TokenProvider(
            site.app_of,
            site.site,
            site.exact_base_url,
            http,
            secret_store,
            coordination,
            CircuitBreaker(coordination, site.id, EXACT, site.site),
        ),
        RateLimiter(coordination, id, allowed.calls_per_minute, allowed.calls_per_day),
        ErrorWindow(coordination, id),
        RefusedTokens(coordination, id),
        Turns(coordination, id, site.calls_in_flight),
        ContractDay(coordination, id, site.site, site.contract),
        coordination,
    )
