"""Sign-ins that were begun: each tab has its own, bound to the browser that began it."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from ml_connector import clock
from ml_connector.infrastructure.dynamodb import DeleteUnchanged, Item, Table

_PK = "sign-ins"
_VALID_FOR = 600
"""Seconds in which a person has to sign in."""
_BYTES = 32
_WINDOW, _MOST = 300, 60
"""At most so many sign-ins from one address are begun within so many seconds."""


class RefusedSignInError(Exception):
    """A sign-in ends here; `reason` is a key of the page that says why."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """`detail` is for the log alone."""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


@dataclass(frozen=True)
class Attempt:
    """A sign-in that was begun; `to`: where its person wanted to go."""

    nonce: str
    verifier: str
    to: str


@dataclass(frozen=True)
class Begun:
    """A new sign-in: what goes to the identity provider, and the cookie that the browser keeps."""

    state: str
    attempt: Attempt
    cookie: str
    browser: str

    @property
    def challenge(self) -> str:
        """Return PKCE's challenge (S256)."""
        digest = hashlib.sha256(self.attempt.verifier.encode()).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")


class Attempts:
    """Begins sign-ins, and takes each once."""

    def __init__(self, table: Table) -> None:
        """Keep them in the console's own table."""
        self._table = table

    def begin(self, to: str, source_ip: str) -> Begun:
        """Begin one; raises `RefusedSignInError` when too many are begun from an address."""
        now = int(clock.epoch())
        window = f"{source_ip} {now // _WINDOW}"
        if not self._table.add("rate", window, 1, _MOST, now + 2 * _WINDOW):
            raise RefusedSignInError("too_many")
        state, nonce, verifier, browser = (secrets.token_urlsafe(_BYTES) for _ in range(4))
        self._table.put(
            {
                "pk": _PK,
                "sk": _digest(state),
                "browser": _digest(browser),
                "nonce": nonce,
                "verifier": verifier,
                "to": to,
                "expires_at": now + _VALID_FOR,
            }
        )
        return Begun(state, Attempt(nonce, verifier, to), cookie_name(state), browser)

    def take(self, state: str, browser: str) -> Attempt:
        """Return the sign-in with this state, once; raises `RefusedSignInError`.

        `browser` is what the cookie says: a state that another browser brings is refused, so
        nobody can be signed in as somebody else by a link.
        """
        item = self._table.get(_PK, _digest(state)) if state else None
        if item is None:
            raise RefusedSignInError("unknown_state")
        if not secrets.compare_digest(str(item["browser"]), _digest(browser)):
            raise RefusedSignInError("another_browser")
        if not self._table.transact([DeleteUnchanged(self._table, item)]):
            raise RefusedSignInError("unknown_state")
        return _attempt(item)


def cookie_name(state: str) -> str:
    """Return the cookie that binds a sign-in to its browser: each tab has another."""
    return f"__Host-sign-in-{_digest(state)[:12]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _attempt(item: Item) -> Attempt:
    return Attempt(str(item["nonce"]), str(item["verifier"]), str(item["to"]))
