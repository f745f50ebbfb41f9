"""GET with `code` and `state`, or `error` and `state`: the browser coming back from Exact."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import telemetry
from ml_connector.consent.desk import APP_CODES, Desk, NotTaken
from ml_connector.consent.pages import HEADERS, PAGES, Page
from ml_connector.faults import Halt, Later
from ml_connector.ids import ConnectionId
from ml_connector.secret import Secret

_LONGEST = 8_000
_MOST_FIELDS = 20


class UnreadableError(Exception):
    """The query string is not one of Exact's redirects."""


@dataclass(frozen=True)
class Brought:
    """What a redirect brings; no code when the person said no."""

    state: Secret
    code: Secret | None


def read(query: str) -> Brought:
    """Return what a raw query string brings; raises `UnreadableError`."""
    if len(query) > _LONGEST:
        raise UnreadableError
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise UnreadableError from None
    values = dict(pairs)
    if len(values) != len(pairs) or not values.get("state"):
        raise UnreadableError
    if "error" not in values and not values.get("code"):
        raise UnreadableError
    code = None if "error" in values else Secret(values["code"])
    return Brought(Secret(values["state"]), code)


def belongs_to(brought: Brought, state: Secret) -> bool:
    """Return whether it is the answer to the consent with this state."""
    return hmac.compare_digest(brought.state.reveal().encode(), state.reveal().encode())


@dataclass(frozen=True)
class Outcome:
    """How a redirect ended: a word of `pages.PAGES`, and the connection where one is known.

    `detail` is a fault's own text, for logs and terminals; it is on no page.
    """

    word: str
    connection: ConnectionId | None = None
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether the consent is stored."""
        return self.word in {"taken", "given"}

    @property
    def page(self) -> Page:
        """Return the page to answer with."""
        return PAGES[self.word]

    @property
    def html(self) -> str:
        """Return the text of the page."""
        return self.page.html(self.connection or "")


def receive(query: str, desk: Desk) -> Outcome:
    """Take what a raw query string brings and say how it ended."""
    try:
        brought = read(query)
        if brought.code is None:
            return Outcome("denied", desk.deny(brought.state))
        return Outcome("taken", desk.take(brought.state, brought.code))
    except UnreadableError:
        return Outcome("unreadable")
    except NotTaken as refusal:
        return Outcome(refusal.reason, refusal.connection)
    except (Halt, Later) as fault:
        return Outcome(_word(fault), detail=str(fault))


def answer(event: Mapping[str, Any], desk: Desk) -> dict[str, Any]:
    """Return the answer to an API Gateway event (payload 2.0)."""
    try:
        outcome = receive(str(event.get("rawQueryString") or ""), desk)
    except (BotoCoreError, ClientError):
        telemetry.logger().exception("a consent was not stored")
        outcome = Outcome("failed")
    telemetry.logger().info(
        "consent redirect",
        outcome=outcome.word,
        connection=outcome.connection,
        detail=outcome.detail,
    )
    return {
        "statusCode": outcome.page.status,
        "headers": dict(HEADERS),
        "body": outcome.html,
        "isBase64Encoded": False,
    }


def _word(fault: Halt | Later) -> str:
    if isinstance(fault, Later):
        return "waiting" if fault.code == "TOKEN_BUSY" else "no_answer"
    return "app" if fault.problem.code in APP_CODES else "code"
