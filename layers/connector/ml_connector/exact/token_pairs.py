"""A connection's Exact token pair in two stores: Secrets Manager is its home, a table has a copy.

A secret keeps every version younger than a day and takes about 100 of them; a busy connection
renews its pair 151 times a day. So every new pair is first written, sealed, to the coordination
table, and goes home at most every 17 minutes. Readers take the pair with the higher number,
whatever the time: a table or a secret that was restored never brings back an older pair.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct, structs

from ml_connector import clock, telemetry
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.faults import Halt, Problem
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.oauth import Tokens
from ml_connector.infrastructure.dynamodb import Item, Table
from ml_connector.infrastructure.secret_store import SecretStore
from ml_connector.secret import Secret

HOME_EVERY = timedelta(minutes=17)
"""Between two versions of the secret: 85 a day."""
TOLD_AFTER = timedelta(hours=1)
"""How long Secrets Manager may have an older pair before people are told."""
RECORD = "Token pair"

_COPY = "pair"
_ATTEMPTS = 3
_FAILURES = (BotoCoreError, ClientError)


class _Copy(Struct, frozen=True):
    """The newest pair, sealed, and whether Secrets Manager has it; times are epoch seconds."""

    number: int
    sealed: str
    tried_at: int = 0
    """When a pair was last sent home, with or without success."""
    behind_since: int = 0
    """Since when Secrets Manager has an older pair; 0 when it has this one."""
    refused: str = ""
    """Why Secrets Manager did not take the pair."""

    @property
    def may_go_home(self) -> bool:
        """Return whether Secrets Manager lacks this pair and the pace allows a version now."""
        # A time of the future comes from a clock that was wrong.
        is_soon = 0 <= clock.epoch() - self.tried_at < HOME_EVERY.total_seconds()
        return self.behind_since > 0 and not is_soon


class TokenPairs:
    """The stored pairs of one connection, and the newest that this process has seen."""

    def __init__(
        self, connection: ConnectionId, secret_store: SecretStore, coordination: Table
    ) -> None:
        """Keep the pair of `connection` in both stores."""
        self._connection = connection
        self._secret_store = secret_store
        self._table = coordination
        self._pk = f"{connection}#tokens"
        self._newest: Tokens | None = None
        self._has_read_home = False

    def read(self) -> Tokens | None:
        """Return the newest pair; None before consent.

        Secrets Manager is asked once in a process and while there is no copy: only after a restore
        is its pair the newer one. One unreadable store is ignored while the other has a pair.
        Raises `Halt`, `ClientError` or `BotoCoreError` when no pair can be read.
        """
        copy = self._copy()
        found, faults = self._readable(copy, and_home=copy is None or not self._has_read_home)
        if not found and faults:
            raise faults[0]
        if found and self._newest:
            found.append(self._newest)
        self._newest = max(found, key=_number, default=None)
        return self._newest

    def other_than(self, used: Tokens) -> Tokens | None:
        """Return a pair that Exact may accept after it refused `used`; None when there is none.

        Raises as `read`, but when any store cannot be read: the newer pair may be there.
        """
        found, faults = self._readable(self._copy(), and_home=True)
        if faults:
            raise faults[0]
        others = [pair for pair in found if pair.refresh_token != used.refresh_token]
        newest = max(others, key=_number, default=None)
        if newest and not newest.number:
            # Stored by an earlier version of the connector, which ran after this one.
            return self.store(replace(newest, number=self.next_number()))
        if newest is None or newest.number < used.number:
            return None
        self._newest = newest
        return newest

    def has_copy(self) -> bool:
        """Return whether a copy is stored, readable or not."""
        return self._copy() is not None

    def next_number(self, *, of_new_consent: bool = False) -> int:
        """Return the number for a new pair, after checking that it could be sealed now.

        A new consent starts at the time in seconds: who exchanges a code cannot open the pair that
        is stored, and 190 renewals a day never catch up with 86,400 seconds.
        """
        self._secret_store.prepare_sealing(self._connection)
        copy = self._copy()
        known = (copy.number if copy else 0, self._newest.number if self._newest else 0)
        return max(*known, int(clock.epoch()) - 1 if of_new_consent else 0) + 1

    def store(self, pair: Tokens) -> Tokens:
        """Store a new pair, durable when this returns; return the newest, which may be another.

        Raises `ClientError` or `BotoCoreError` when neither store takes it.
        """
        copy = self._copied(pair)
        if copy is not None and copy.number > pair.number:
            newer = self.read()
            return newer if newer and newer.number > pair.number else pair
        if copy is None:  # whatever the pace: nothing else has this pair
            self._secret_store.seal_tokens(self._connection, pair.to_json())
        elif copy.may_go_home:
            self._send_home(copy, lambda: pair)
        self._newest = pair
        return pair

    def is_home(self) -> bool:
        """Return whether Secrets Manager has the newest pair, as far as the copy knows."""
        copy = self._copy()
        return copy is None or not copy.behind_since

    def may_go_home(self) -> bool:
        """Return whether `send_home` has something to do now."""
        copy = self._copy()
        return copy is not None and copy.may_go_home

    def send_home(self) -> None:
        """Store the newest pair in Secrets Manager, if it lacks it and the pace allows it."""
        copy = self._copy()
        if copy is not None and copy.may_go_home:
            self._send_home(copy, self._newest_of_both)

    def problems(self) -> list[Problem]:
        """Return what people should know about the stores of this pair."""
        copy = self._copy()
        if copy is None or not copy.behind_since:
            return []
        since = datetime.fromtimestamp(copy.behind_since, UTC)
        if not copy.refused and clock.now() - since < TOLD_AFTER:
            return []
        record = f"{RECORD} of {self._connection}"
        detail = "refused" if copy.refused else "since"
        text = f"{since:%Y-%m-%d %H:%M}"
        return [problem("TOKEN_STORES_DIFFER", record, detail, since=text, reason=copy.refused)]

    def forget(self) -> None:
        """Remove the copy; Secrets Manager's pair is removed with the connection's secrets."""
        self._table.delete(self._pk, _COPY)
        self._newest, self._has_read_home = None, False

    def _readable(
        self, copy: _Copy | None, *, and_home: bool
    ) -> tuple[list[Tokens], list[Exception]]:
        """Read the stores; return the pairs that could be read and the other stores' faults."""
        readers: list[Callable[[], Tokens | None]] = []
        if copy is not None:
            readers.append(lambda: self._opened(copy))
        if and_home:
            readers.append(self._home)
        found: list[Tokens] = []
        faults: list[Exception] = []
        for reader in readers:
            try:
                pair = reader()
            except (*_FAILURES, Halt) as fault:
                faults.append(fault)
            else:
                found += [pair] if pair else []
        if found and faults:
            telemetry.logger().warning(
                "one of two token stores cannot be read",
                connection=self._connection,
                cause=str(faults[0]),
            )
        return found, faults

    def _opened(self, copy: _Copy) -> Tokens:
        if self._newest and self._newest.number == copy.number:
            return self._newest
        return _read(self._secret_store.open_copy(self._connection, copy.sealed))

    def _home(self) -> Tokens | None:
        text = self._secret_store.tokens(self._connection)
        self._has_read_home = True
        return _read(text) if text else None

    def _newest_of_both(self) -> Tokens | None:
        found, faults = self._readable(self._copy(), and_home=True)
        if faults:
            raise faults[0]
        return max(found, key=_number, default=None)

    def _copied(self, pair: Tokens) -> _Copy | None:
        """Write the copy unless a newer one is there; return what is there, None if neither."""
        sealed = self._secret_store.sealed_copy(self._connection, pair.to_json())
        for _ in range(_ATTEMPTS):
            try:
                stored = self._copy()
                if stored is not None and stored.number >= pair.number:
                    return stored  # newer, or this one: the answer to its write was lost
                made = _after(stored, pair.number, sealed)
                if self._write(made, stored):
                    return made
            except _FAILURES:
                telemetry.logger().exception(
                    "the table does not take the token pair", connection=self._connection
                )
        return None

    def _send_home(self, copy: _Copy, newest: Callable[[], Tokens | None]) -> None:
        """Count the try, store the pair in Secrets Manager, and note how it ended; never raises."""
        tried = structs.replace(copy, tried_at=int(clock.epoch()))
        try:
            if not self._write(tried, copy):
                return  # another process stored a newer pair
            if pair := newest():
                self._secret_store.seal_tokens(self._connection, pair.to_json())
            self._write(structs.replace(tried, behind_since=0, refused=""), tried)
        except (*_FAILURES, Halt) as error:
            telemetry.logger().exception(
                "Secrets Manager does not take the token pair", connection=self._connection
            )
            self._note_refusal(structs.replace(tried, refused=_reason(error)), tried)

    def _note_refusal(self, refused: _Copy, tried: _Copy) -> None:
        try:
            self._write(refused, tried)
        except _FAILURES:
            telemetry.logger().exception(
                "a refused token pair is not noted", connection=self._connection
            )

    def _copy(self) -> _Copy | None:
        item = self._table.get(self._pk, _COPY)
        if item is None:
            return None
        times = int(item["tried_at"]), int(item["behind_since"])
        return _Copy(int(item["version"]), str(item["sealed"]), *times, str(item["refused"]))

    def _write(self, copy: _Copy, stored: _Copy | None) -> bool:
        """Write the copy over the stored one; return False when that has changed."""
        item: Item = {
            "pk": self._pk,
            "sk": _COPY,
            "version": copy.number,
            "sealed": copy.sealed,
            "tried_at": copy.tried_at,
            "behind_since": copy.behind_since,
            "refused": copy.refused,
        }
        if stored is None:
            return self._table.insert(item)
        return self._table.replace(item, stored.number)


def _after(stored: _Copy | None, number: int, sealed: str) -> _Copy:
    """Return the copy of a new pair: the pace and how long home has been behind go on."""
    now = int(clock.epoch())
    if stored is None:
        return _Copy(number, sealed, behind_since=now)
    behind_since = stored.behind_since or now
    return structs.replace(stored, number=number, sealed=sealed, behind_since=behind_since)


def _number(pair: Tokens) -> int:
    return pair.number


def _read(text: Secret) -> Tokens:
    pair = Tokens.from_json(text)
    pair.conceal()
    return pair


def _reason(error: Exception) -> str:
    """Return the name of what happened, without any text that may hold more."""
    if isinstance(error, ClientError):
        return str(error.response["Error"]["Code"])
    return error.problem.code if isinstance(error, Halt) else type(error).__name__
