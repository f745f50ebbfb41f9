"""One connection's Exact tokens: one renewal at a time, never early, stored before use.

Every renewal invalidates the refresh token that it used. So: renew under a lease, read the secret
store again inside it, store the new pair before it is used, and on "old refresh token" check the
secret store for a pair that another worker renewed.
"""

import hashlib
import threading
from datetime import datetime, timedelta
from typing import NoReturn

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import backoff, clock, telemetry
from ml_connector.domain.exception_codes import delay, problem
from ml_connector.domain.faults import Halt, Later, Problem
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact import oauth
from ml_connector.exact.oauth import Granted, TokenOutcome, TokenRequest, Tokens
from ml_connector.exact.rate_limit_headers import next_day
from ml_connector.infrastructure.circuit_breaker import EXACT, CircuitBreaker
from ml_connector.infrastructure.coordination import ErrorWindow, Leases, SharedValues
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.infrastructure.secret_store import AppCredentials, SecretStore
from ml_connector.secret import Secret

CALLS_A_DAY = 190
"""Of the 200 that Exact allows: giving consent needs a few."""
_ENDPOINT = "oauth2/token"
# Later than Exact's 570 s, so that no clock difference makes a renewal early.
_GRACE = timedelta(seconds=5)
# Longer than the slowest token call (see `infrastructure/http`): no other may start meanwhile.
_LEASE = timedelta(seconds=90)
_BUSY = timedelta(seconds=2)
_STORE_ATTEMPTS = 3
_FINAL, _REPAIRABLE = timedelta(days=30), timedelta(hours=1)
_PAUSE, _REFUSED, _DOUBLE_401 = "token-pause", "token-refused", "token-refused-twice"
_MAX_DOUBLE_401 = 2
_UNAVAILABLE = "TOKEN_UNAVAILABLE"

_REFUSALS: dict[type[TokenOutcome], tuple[str, str, timedelta]] = {
    oauth.OldRefreshToken: ("RECONNECT_NEEDED", "used", _FINAL),
    oauth.Expired: ("RECONNECT_NEEDED", "expired", _FINAL),
    oauth.InvalidGrant: ("RECONNECT_NEEDED", "withdrawn", _FINAL),
    oauth.InvalidClient: ("APP_CREDENTIALS_REFUSED", "quoted", _REPAIRABLE),
    oauth.Unknown: ("EXACT_TOKEN_REFUSED", "quoted", _REPAIRABLE),
}
"""Code, detail and how long it is remembered."""


class TokenProvider:
    """Provides a connection's access token, renewed when due."""

    def __init__(
        self,
        connection: ConnectionId,
        base_url: str,
        http: httpx.Client,
        secret_store: SecretStore,
        coordination: Table,
    ) -> None:
        """Provide the tokens of `connection` at the Exact site `base_url`."""
        self.connection = connection
        self._base_url = base_url
        self._http = http
        self._secret_store = secret_store
        self._leases = Leases(coordination, connection)
        self._values = SharedValues(coordination, connection)
        self._errors = ErrorWindow(coordination, connection, None, cache_seconds=0)
        self.circuit_breaker = CircuitBreaker(coordination, connection, EXACT)
        self._lock = threading.Lock()
        self._cached: Tokens | None = None
        self._unstored: Tokens | None = None
        self._failures = 0

    def access_token(self) -> Secret:
        """Return a token to call Exact with.

        Raises:
            Later: there is none now (busy, too early, or Exact does not answer).
            Halt: a person has to reconnect first.
        """
        with self._lock:
            if self._cached is None or _is_due(self._cached):
                self._cached = self._renewed()
            return self._cached.access_token

    def after_refusal(self, refused: Secret) -> Secret:
        """Return another token than the one that Exact answered 401 to.

        Raises:
            Later: it is too early to renew it, and no other worker has.
            Halt: as `access_token`.
        """
        with self._lock:
            self._cached = self._renewed(refused)
            if self._cached.access_token == refused:
                until = backoff.retry_at(0, minimum=30.0)
                raise delay("EXACT_UNAUTHORIZED", until)
            return self._cached.access_token

    def record_second_refusal(self) -> None:
        """Record that Exact refused a renewed token too.

        Raises:
            Halt: for the third time within an hour.
        """
        now = clock.now()
        name = f"{_DOUBLE_401}-{now:%Y-%m-%dT%H}"
        if not self._values.count(name, _MAX_DOUBLE_401, now + timedelta(hours=1)):
            raise Halt(self._problem("RECONNECT_NEEDED", "refused_again"))

    def age(self) -> timedelta | None:
        """Return the refresh token's age (it expires after 30 days); None without consent."""
        stored = self._read()
        return stored.age if stored else None

    def renew_if_idle(self, idle: timedelta = timedelta(hours=24)) -> timedelta:
        """Renew tokens that are older than `idle`; return the refresh token's age.

        Raises:
            Later, Halt: as `access_token`.
        """
        with self._lock:
            stored = self._stored()
            if stored.age >= idle:
                stored = self._cached = self._renewed()
            return stored.age

    def exchange_code(self, code: Secret, redirect_uri: str) -> None:
        """Exchange a consent code for tokens and store them; earlier tokens become invalid.

        Raises:
            Later: no usable answer, or a renewal is in progress: give consent again.
            Halt: the code or the app's credentials were refused.
        """
        app = self._secret_store.app(self.connection)
        with self._lock, self._leases.holding("token", _LEASE) as held:
            if held is None:
                raise _later("TOKEN_BUSY")
            outcome = self._send(
                oauth.code_request(
                    self._base_url, app.client_id, app.client_secret, code, redirect_uri
                )
            )
            if not isinstance(outcome, Granted):
                self._raise_for(outcome)
            self._store(outcome.tokens)
            self._values.clear(_REFUSED)
            self._values.clear(_PAUSE)
            self._cached = outcome.tokens

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
        app = self._secret_store.app(self.connection)
        self._check_allowed(app, stored)
        outcome = self._send(
            oauth.refresh_request(
                self._base_url, app.client_id, app.client_secret, stored.refresh_token
            )
        )
        if isinstance(outcome, Granted):
            self._store(outcome.tokens)
            if self.circuit_breaker.is_probing:
                self._values.clear(_PAUSE)  # the probe ignored it, and Exact is available again
            return outcome.tokens
        return self._newer_than(stored) or self._give_up(outcome, app, stored)

    def _check_allowed(self, app: AppCredentials, stored: Tokens) -> None:
        """Avoid calls that are known to fail or that could get the key blocked."""
        code, _, fingerprint = (self._values.get(_REFUSED) or "").partition(" ")
        if fingerprint == _fingerprint(app, stored):
            raise Halt(self._problem(code))
        self.circuit_breaker.check()
        code, _, until = (self._values.get(_PAUSE) or "").partition(" ")
        is_paused = code and not (code == _UNAVAILABLE and self.circuit_breaker.is_probing)
        if is_paused and clock.now() < datetime.fromisoformat(until):
            raise delay(code, datetime.fromisoformat(until))
        self._errors.check(None, _ENDPOINT)
        now = clock.now()
        if not self._values.count(f"token-calls-{now:%Y-%m-%d}", CALLS_A_DAY, next_day(now)):
            raise delay("TOKEN_CALLS_SPENT", next_day(now))

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
        too_early = isinstance(outcome, oauth.TooEarly)
        code = "TOKEN_TOO_EARLY" if too_early else _UNAVAILABLE
        # Refused token calls count against the hourly error limit: all workers pause together.
        until = backoff.retry_at(self._failures, minimum=60.0 if too_early else 5.0)
        self._values.set(_PAUSE, f"{code} {until.isoformat()}", until)
        if not too_early:
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
            _conceal(outcome.tokens)
        self._failures = 0 if isinstance(outcome, Granted) else self._failures + 1
        if not isinstance(outcome, Granted | oauth.Transient):
            self._errors.record(None, _ENDPOINT)
        return outcome

    def _store(self, tokens: Tokens) -> None:
        """Store the new pair; while that fails, this process has the only copy."""
        self._unstored = tokens
        for attempt in range(1, _STORE_ATTEMPTS + 1):
            try:
                self._secret_store.seal_tokens(self.connection, tokens.to_json())
            except (BotoCoreError, ClientError):
                if attempt == _STORE_ATTEMPTS:
                    raise
            else:
                self._unstored = None
                return

    def _stored(self) -> Tokens:
        stored = self._read()
        if self._unstored and (stored is None or stored.obtained_at < self._unstored.obtained_at):
            stored = self._unstored
            self._store(stored)
        if stored is None:
            raise Halt(self._problem("NOT_CONNECTED"))
        return stored

    def _read(self) -> Tokens | None:
        text = self._secret_store.tokens(self.connection)
        tokens = Tokens.from_json(text) if text else None
        if tokens:
            _conceal(tokens)
        return tokens

    def _newer_than(self, used: Tokens) -> Tokens | None:
        stored = self._stored()
        return stored if stored.refresh_token != used.refresh_token else None

    def _problem(self, code: str, detail: str = "", text: str = "") -> Problem:
        id = self.connection
        return problem(code, f"Connection {id}", detail, text=text, connection=id)


def _is_due(tokens: Tokens, refused: Secret | None = None) -> bool:
    """Return whether to renew; a refused token is renewed as soon as Exact allows it."""
    grace = timedelta(0) if refused == tokens.access_token else _GRACE
    return clock.now() >= tokens.renewable_at + grace


def _usable(stored: Tokens, refused: Secret | None, otherwise: Later) -> Tokens:
    """Return the old tokens while they are valid; raise `otherwise` after that."""
    if stored.is_valid and stored.access_token != refused:
        return stored
    raise otherwise


def _conceal(tokens: Tokens) -> None:
    telemetry.conceal(tokens.access_token.reveal(), tokens.refresh_token.reveal())


def _later(code: str) -> Later:
    return delay(code, clock.now() + _BUSY)


def _fingerprint(app: AppCredentials, tokens: Tokens) -> str:
    """Return a hash that identifies the credentials without revealing them."""
    parts = (app.client_id, app.client_secret.reveal(), tokens.refresh_token.reveal())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
