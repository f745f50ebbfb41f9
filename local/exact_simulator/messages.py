"""What goes in and out of the simulator, free of any HTTP library."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """One call: `path` is decoded, `query` is raw, header names are in lower case.

    `origin` is scheme and host as the caller wrote them: answers point back to it.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "https://start.exactonline.nl"

    def parameters(self) -> dict[str, str]:
        """Return the query's parameters, decoded; the last one of a name wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Response:
    """One answer; `delay` is how many seconds the wire should hold it back."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0


class NoAnswerError(Exception):
    """The caller gets no answer at all: a read time-out, or a closed connection on a socket."""


class Call(NamedTuple):
    """One call as it was logged; `status` 0 means that no answer left the simulator."""

    method: str
    path: str
    """Path template: `/api/v1/{division}/crm/Accounts({key})`."""
    division: int | None
    status: int
    at: float
    """Epoch seconds by the simulator's clock."""
    fault: str | None = None
