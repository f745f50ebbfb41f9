"""Parses paths to endpoint, division and key."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from local.exact_simulator import sync
from local.exact_simulator.fields import GUID, METHODS
from local.exact_simulator.odata_query import bad_guid

Kind = Literal["token", "authorize", "me", "division", "unknown"]
_PATH = re.compile(r"/api/v1/(\d{1,10})/([^()]+?)(?:\(([^()]*)\)(?:/(PurchaseOrderLines))?)?/?")
_KEY = re.compile(r"guid'([^']*)'")
_FIXED: dict[str, Kind] = {
    "/api/oauth2/token": "token",
    "/api/oauth2/auth": "authorize",
    "/api/v1/current/Me": "me",
}


@dataclass(frozen=True, slots=True)
class ExactPath:
    """A parsed path. `endpoint` is empty for an unknown one."""

    kind: Kind
    template: str
    division: int | None = None
    endpoint: str = ""
    literal: str | None = None
    """The key as written, unparsed."""
    collection: str | None = None
    """A collection of the row with that key."""

    def key(self) -> str | None:
        """Return the key in lower case, None without one (raises the 400 for a bad one)."""
        if self.literal is None:
            return None
        found = _KEY.fullmatch(self.literal)
        if found is None or not GUID.fullmatch(found[1]):
            raise bad_guid(self.literal, 0)
        return found[1].lower()


@lru_cache(maxsize=1024)
def route(path: str) -> ExactPath:
    """Parse a decoded path."""
    if kind := _FIXED.get(path):
        return ExactPath(kind, path)
    found = _PATH.fullmatch(path)
    if found is None:
        return ExactPath("unknown", path)
    division, endpoint, literal, collection = found.groups()
    known = endpoint in METHODS or endpoint in sync.ENDPOINTS
    template = f"/api/v1/{{division}}/{endpoint}" + ("({key})" if literal is not None else "")
    template += f"/{collection}" if collection else ""
    named = endpoint if known else ""
    return ExactPath("division", template, int(division), named, literal, collection)
