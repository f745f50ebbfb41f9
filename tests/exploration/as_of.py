"""What is stored, as text that is equal when nothing that decides differs.

Moments count by their distance from now in minutes (three minutes ago is long ago), versions by
theirs from the newest.
"""

import hashlib
import re
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

_LONG_AGO = 3
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?|\b1[78]\d{8}(?:\d{3}|\.\d+)?\b"
)
# These decide nothing: the audit trail is checked at each end, and there is one record.
_UNTOLD = re.compile(r"'(?:audit_hash|audit_seq|received_at|open_at)': [^,}]+|#\d{4}-[^']+")
_ENUM = re.compile(r"<\w+\.\w+: ('[^']*')>")
_VERSION = re.compile(r"'version': (\d+)")


class AsOf(NamedTuple):
    """The moment from which others count: the newest version, and the time."""

    newest: int
    now: float

    def line(self, line: str) -> bytes:
        """Return a digest of what a line says as of then."""
        return _as_of(line, self.newest, self.now)


def digest(content: bytes) -> bytes:
    """Return what stands for a content."""
    return hashlib.blake2b(content, digest_size=16).digest()


@lru_cache(maxsize=100_000)
def _as_of(line: str, newest: int, now: float) -> bytes:
    text = _ENUM.sub(r"\1", _UNTOLD.sub("", line))
    text = _VERSION.sub(lambda found: f"version {int(found[1]) - newest}", text)
    return digest(_MOMENT.sub(lambda found: _distance(found[0], now), text).encode())


def _distance(text: str, now: float) -> str:
    if "T" in text:
        at = datetime.fromisoformat(text).timestamp()
    else:
        at = float(text) / (1 if "." in text or len(text) == 10 else 1000)
    return f"{max(round((at - now) / 60), -_LONG_AGO)} min"
