"""One connection's Exact tokens: one renewal at a time, never early, stored before use.

Every renewal invalidates the refresh token that it used. So: renew under a lease, read the stored
pair again inside it, be sure that the new pair can be sealed before Exact is asked for it, store it
before it is used, and on "old refresh token" look for a pair that another worker stored.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Halt, Later, Problem
from ml_connector.domain.ids import AppId, ConnectionId, SiteId
from ml_connector.exact import oauth
from ml_connector.exact.oauth import Granted, TokenOutcome, TokenRequest, Tokens
from ml_connector.exact.rate_limit_headers import next_day
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure import backoff
from ml_connector.infrastructure.circuit_breaker import EXACT, CircuitBreaker
from ml_connector.infrastructure.coordination import ErrorWindow, Leases, SharedValues
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.secret_store import AppCredentials, SecretStore
from ml_connector.secret import Secret

CALLS_A_DAY = 190
"""Of the 200 that Exact allows: giving consent needs a few."""
_ENDPOINT, _TEST = "oauth2/token", "oauth2/token to test the app"
_TESTS_AN_HOUR = 3
_NO_CODE = Secret("a-code-that-was-never-issued")
# Later than Exact's 570 s, so that no clock difference makes a renewal early.
_GRACE = timedelta(seconds=5)
# Longer than the slowest token call (see `infrastructure/http`): no other may start meanwhile.
_LEASE = timedelta(seconds=90)
_BUSY = timedelta(seconds=2)
_FINAL, _REPAIRABLE = timedelta(days=30), timedelta(hours=1)
_PAUSE, _REFUSED, _WORDLESS = "token-pause", "token-refused", "token-wordless"
_USED = "token-used"
# So often, and so long: then it is no passing fault of a proxy on the way.
_MANY_WORDLESS, _LONG_WORDLESS = 3, timedelta(hours=1)
_UNAVAILABLE = "TOKEN_UNAVAILABLE"
STORE_AWAY, _NOT_STORED = "TOKEN_STORE_AWAY", "TOKEN_NOT_STORED"
NOT_SENT = frozenset({"TOKEN_BUSY", STORE_AWAY})
"""Codes of delays before which nothing was sent to Exact."""

_REFUSALS: dict[type[TokenOutcome], tuple[str, str, timedelta]] = {
    oauth.OldRefreshToken: ("RECONNECT_NEEDED", "used", _FINAL),
    oauth.Expired: ("RECONNECT_NEEDED", "expired", _FINAL),
    oauth.InvalidGrant: ("RECONNECT_NEEDED", "withdrawn", _FINAL),
    oauth.InvalidClient: ("APP_CREDENTIALS_REFUSED", "quoted", _REPAIRABLE),
    oauth.Unknown: ("EXACT_TOKEN_REFUSED", "quoted", _REPAIRABLE),
}
"""Code, detail and how long it is remembered."""


class TokenProvider:
    """Provides an app's access token, renewed when due."""

    def __init__(
        self,
        app: AppId,
        site: SiteId,
        base_url: str,
        http: httpx.Client,
        secret_store: SecretStore,
        coordination: Table,
        circuit_breaker: CircuitBreaker | None = None,
    ) -> None:
        """Provide the tokens of `app` at the Exact site with this name and address.

        `circuit_breaker` is that of the connection which uses them, if it is another one.
        """
        self.app = app
        self._site = site
        self._base_url = base_url
        self._http = http
        self._secret_store = secret_store
        self.pairs = TokenPairs(app, secret_store, coordination)
        self._leases = Leases(coordination, app)
        self._values = SharedValues(coordination, app)
        self._errors = ErrorWindow(coordination, app, cache_seconds=0)
        self._coordination = coordination
        self.circuit_breaker = circuit_breaker or CircuitBreaker(coordination, app, EXACT, site)
        self._lock = threading.Lock()
        self._cached: Tokens | None = None
        self._unstored: Tokens | None = None
        self._failures = 0

    def access_token(self) -> Secret:
        """Return a token to call Exact with.

        Raises:
            Later: there is none now (busy, too early, or Exact or a store does not answer).
            Halt: a person has to reconnect first; it stops the site.
        """
        with self._lock, self._guarded():
            if self._cached is None or _is_due(self._cached):
                self._cached = self._renewed()
            return self._cached.access_token

    def after_refusal(self, refused: Secret) -> Secret:
        """Return another token than the one that Exact answered 401 to.

        Raises:
            Later: it is too early to renew it, and no other worker has.
            Halt: as `access_token`.
        """
        with self._lock, self._guarded():
            self._cached = self._renewed(refused)
            if self._cached.access_token == refused:
                until = backoff.retry_at(0, minimum=30.0)
                raise delay("EXACT_UNAUTHORIZED", until)
            return self._cached.access_token

    def refused_again(self) -> Halt:
        """Return the fault of tokens that Exact refuses although they were just renewed."""
        return Halt(self._problem("RECONNECT_NEEDED", "refused_again"), self._site)

    def client_id(self) -> str:
        """Return the client id of the app, as it is stored now; raises `Halt` without one."""
        return self._secret_store.app(self.app, is_fresh=True).client_id

    def age(self) -> timedelta | None:
        """Return the refresh token's age (it expires after 30 days); None without consent."""
        stored = self.pairs.read()
        return stored.age if stored else None

    def renew_if_idle(self, idle: timedelta = timedelta(hours=24)) -> timedelta:
        """Renew tokens that are older than `idle`; return the refresh token's age.

        Raises:
            Later, Halt: as `access_token`.
        """
        with self._lock, self._guarded():
            stored = self._stored()
            if stored.age >= idle:
                stored = self._cached = self._renewed()
            return stored.age

    def exchange_code(self, code: Secret, redirect_uri: str) -> None:
        """Exchange a consent code for tokens and store them; earlier tokens become invalid.

        Raises:
            Later: the code was not sent (one of `NOT_SENT`: it can be sent later), or there is no
                usable answer or no store for the pair: give consent again.
            Halt: the code or the app's credentials were refused.
        """
        with self._lock, self._guarded(), self._leases.holding("token", _LEASE) as held:
            if held is None:
                raise _later("TOKEN_BUSY")
            app = self._secret_store.app(self.app, is_fresh=True)
            number = self.pairs.next_number(of_new_consent=True)
            self._values.clear(_REFUSED)
            self._values.clear(_PAUSE)
            outcome = self._send(
                oauth.code_request(
                    self._base_url, app.client_id, app.client_secret, code, redirect_uri
                )
            )
            if not isinstance(outcome, Granted):
                self._raise_for(outcome)
            self._cached = self._store(replace(outcome.tokens, number=number))

    def accepts(self, client_id: str, client_secret: Secret, redirect_uri: str) -> bool | None:
        """Return whether Exact knows these credentials; None where its answer does not tell.

        Exact is asked to exchange a code that it never issued. It counts that as an error, so only
        three tests are made in an hour, of the app's name and of a client id.

        Raises:
            Later: Exact must not be called for that now.
        """
        with self._lock, self._guarded():
            windows = [self._tests_of(self.app), self._tests_of(_hashed(client_id))]
            for window in windows:
                window.check(None, _TEST)
            self._count_call()
            for window in windows:
                window.record(None, _TEST)
            outcome = self._send(
                oauth.code_request(self._base_url, client_id, client_secret, _NO_CODE, redirect_uri)
            )
        if isinstance(outcome, oauth.InvalidGrant):
            return True
        return False if isinstance(outcome, oauth.InvalidClient) else None

    def _tests_of(self, name: str) -> ErrorWindow:
        return ErrorWindow(self._coordination, ConnectionId(name), _TESTS_AN_HOUR, cache_seconds=0)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Turn an outage of the stores into a delay: nothing was sent, or nothing is used yet.

        A halt stops the site whose app it is about.
        """
        try:
            yield
        except Halt as halt:
            raise Halt(halt.problem, self._site) from halt
        except (BotoCoreError, ClientError) as error:
            code = STORE_AWAY if self._unstored is None else _NOT_STORED
            telemetry.logger().exception("a store of the tokens fails", app=self.app)
            raise delay(code, backoff.retry_at(0, minimum=30.0)) from error

    def _renewed(self, refused: Secret | None = None) -> Tokens:
        stored = self._stored()
        if not _is_due(stored, refused):
            return stored
        with self._leases.holding("token", _LEASE) as held:
            if held is None:
                return _usable(stored, refused, _later("TOKEN_BUSY"))
            stored = self._stored()
            try:
                return self._renew(stored) if _is_due(stored, refused) else stored
            except Later as fault:
                return _usable(stored, refused, fault)

    def _renew(self, stored: Tokens) -> Tokens:
        app = self._secret_store.app(self.app)
        if self._refusal_of(app, stored):
            app = self._secret_store.app(self.app, is_fresh=True)
        if (known := self._known_as_used(app, stored)) is not None:
            return self._successor(known, app, stored)
        self._check_allowed(app, stored)
        number = self.pairs.next_number()
        outcome = self._refreshed(app, stored)
        if isinstance(outcome, oauth.InvalidClient):
            newest_app = self._secret_store.app(self.app, is_fresh=True)
            if newest_app != app:  # corrected since this process read it
                app = newest_app
                self._check_allowed(app, stored)
                outcome = self._refreshed(app, stored)
        if isinstance(outcome, Granted):
            newest = self._store(replace(outcome.tokens, number=number))
            if self.circuit_breaker.is_probing:
                self._values.clear(_PAUSE)  # the probe ignored it, and Exact is available again
            return newest
        if isinstance(outcome, oauth.Wordless) and self._is_lasting(app, stored):
            outcome = oauth.Unknown(outcome.text)
        return self._successor(outcome, app, stored)

    def _refreshed(self, app: AppCredentials, stored: Tokens) -> TokenOutcome:
        return self._send(
            oauth.refresh_request(
                self._base_url, app.client_id, app.client_secret, stored.refresh_token
            )
        )

    def _refusal_of(self, app: AppCredentials, stored: Tokens) -> str:
        """Return the code with which Exact is known to refuse these, or nothing."""
        code, _, fingerprint = (self._values.get(_REFUSED) or "").partition(" ")
        return code if fingerprint == _fingerprint(app, stored) else ""

    def _known_as_used(self, app: AppCredentials, stored: Tokens) -> TokenOutcome | None:
        """Return what Exact said of this refresh token if it was used; it is never sent again."""
        fingerprint, _, text = (self._values.get(_USED) or "").partition(" ")
        return oauth.OldRefreshToken(text) if fingerprint == _fingerprint(app, stored) else None

    def _successor(self, outcome: TokenOutcome, app: AppCredentials, stored: Tokens) -> Tokens:
        """Return the pair that another process stored, or raise what the outcome means."""
        if isinstance(outcome, oauth.OldRefreshToken):
            # Noted first: a store may fail while the successor is looked for.
            text = f"{_fingerprint(app, stored)} {outcome.text}"
            self._values.set(_USED, text, clock.now() + _FINAL)
        return self.pairs.other_than(stored) or self._give_up(outcome, app, stored)

    def _check_allowed(self, app: AppCredentials, stored: Tokens) -> None:
        """Avoid calls that are known to fail or that could get the key blocked."""
        if code := self._refusal_of(app, stored):
            raise Halt(self._problem(code))
        self.circuit_breaker.check()
        code, _, until = (self._values.get(_PAUSE) or "").partition(" ")
        is_paused = code and not (code == _UNAVAILABLE and self.circuit_breaker.is_probing)
        if is_paused and clock.now() < datetime.fromisoformat(until):
            raise delay(code, datetime.fromisoformat(until))
        self._count_call()

    def _count_call(self) -> None:
        """Count a call; raises `Later` when there were too many, or too many errors."""
        self._errors.check(None, _ENDPOINT)
        now = clock.now()
        if not self._values.count(f"token-calls-{now:%Y-%m-%d}", CALLS_A_DAY, next_day(now)):
            raise delay("TOKEN_CALLS_SPENT", next_day(now))

    def _is_lasting(self, app: AppCredentials, stored: Tokens) -> bool:
        """Count a refusal without OAuth's words; return whether this pair met many, for long."""
        fingerprint, now = _fingerprint(app, stored), clock.now()
        known = (self._values.get(_WORDLESS) or "").split()
        is_first = known[:1] != [fingerprint]
        since, times = (
            (now, 1) if is_first else (datetime.fromisoformat(known[1]), int(known[2]) + 1)
        )
        text = f"{fingerprint} {since.isoformat()} {times}"
        self._values.set(_WORDLESS, text, now + timedelta(days=1))
        return times >= _MANY_WORDLESS and now - since >= _LONG_WORDLESS

    def _give_up(self, outcome: TokenOutcome, app: AppCredentials, stored: Tokens) -> NoReturn:
        if refusal := _REFUSALS.get(type(outcome)):
            code, _, lasts = refusal
            text = f"{code} {_fingerprint(app, stored)}"
            self._values.set(_REFUSED, text, clock.now() + lasts)
        self._raise_for(outcome)

    def _raise_for(self, outcome: TokenOutcome) -> NoReturn:
        if refusal := _REFUSALS.get(type(outcome)):
            code, detail, _ = refusal
            raise Halt(self._problem(code, detail, text=outcome.text))
        code = "TOKEN_TOO_EARLY" if isinstance(outcome, oauth.TooEarly) else _UNAVAILABLE
        # Refused token calls count against the hourly error limit: all workers pause together.
        is_away = isinstance(outcome, oauth.Transient)
        until = backoff.retry_at(self._failures, minimum=5.0 if is_away else 60.0)
        self._values.set(_PAUSE, f"{code} {until.isoformat()}", until)
        if is_away:
            self.circuit_breaker.record_failure()
        raise delay(code, until, "quoted" if outcome.text else "", text=outcome.text)

    def _send(self, request: TokenRequest) -> TokenOutcome:
        try:
            answer = self._http.post(
                request.url, content=request.form.reveal(), headers=request.headers
            )
        except httpx.HTTPError as error:
            outcome: TokenOutcome = oauth.Transient(type(error).__name__)
        else:
            # From the moment of the answer: Exact's 570 s started before it.
            outcome = oauth.interpret(
                answer.status_code, answer.headers, answer.content, clock.now()
            )
        if isinstance(outcome, Granted):
            outcome.tokens.conceal()
        self._failures = 0 if isinstance(outcome, Granted) else self._failures + 1
        if not isinstance(outcome, Granted | oauth.Transient):
            self._errors.record(None, _ENDPOINT)
        return outcome

    def _store(self, pair: Tokens) -> Tokens:
        """Store the new pair and return the newest: another consent may have been given meanwhile.

        While storing fails, this process has the only copy.
        """
        self._unstored = pair
        newest = self.pairs.store(pair)
        self._unstored = None
        return newest

    def _stored(self) -> Tokens:
        stored = self._store(self._unstored) if self._unstored else self.pairs.read()
        if stored is None:
            raise Halt(self._problem("NOT_CONNECTED"))
        return stored

    def _problem(self, code: str, detail: str = "", text: str = "") -> Problem:
        return problem(code, f"Connection {self.app}", detail, text=text, connection=self.app)


def _is_due(tokens: Tokens, refused: Secret | None = None) -> bool:
    """Return whether to renew; a refused token is renewed as soon as Exact allows it."""
    grace = timedelta(0) if refused == tokens.access_token else _GRACE
    return clock.now() >= tokens.renewable_at + grace


def _usable(stored: Tokens, refused: Secret | None, otherwise: Later) -> Tokens:
    """Return the old tokens while they are valid; raise `otherwise` after that."""
    if stored.is_valid and stored.access_token != refused:
        return stored
    raise otherwise


def _later(code: str) -> Later:
    return delay(code, clock.now() + _BUSY)


def _fingerprint(app: AppCredentials, tokens: Tokens) -> str:
    """Return a hash that identifies the credentials without revealing them."""
    return _hashed(app.client_id, app.client_secret.reveal(), tokens.refresh_token.reveal())


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
