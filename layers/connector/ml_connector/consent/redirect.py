"""Exact's redirect: a GET with `code` and `state`, or with `error` and `state`."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import telemetry
from ml_connector.consent.exchange import APP_CREDENTIAL_HALTS, CodeExchange, CodeRejected
from ml_connector.consent.pages import HEADERS, PAGES, Page
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import ConnectionId
from ml_connector.exact.tokens import NOT_SENT
from ml_connector.secret import Secret

_LONGEST = 8_000
_MAX_FIELDS = 20


class UnreadableRedirectError(Exception):
    """The query string is not one of Exact's redirects."""


@dataclass(frozen=True)
class ConsentRedirect:
    """What a redirect contains; no code when the person declined."""

    state: Secret
    code: Secret | None


def read(query: str) -> ConsentRedirect:
    """Read a raw query string; raises `UnreadableRedirectError`."""
    if len(query) > _LONGEST:
        raise UnreadableRedirectError
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise UnreadableRedirectError from None
    values = dict(pairs)
    if len(values) != len(pairs) or not values.get("state"):
        raise UnreadableRedirectError
    if "error" not in values and not values.get("code"):
        raise UnreadableRedirectError
    code = None if "error" in values else Secret(values["code"])
    return ConsentRedirect(Secret(values["state"]), code)


def belongs_to(found: ConsentRedirect, state: Secret) -> bool:
    """Return whether the redirect answers the consent request with this state."""
    return hmac.compare_digest(found.state.reveal().encode(), state.reveal().encode())


@dataclass(frozen=True)
class ConsentOutcome:
    """How a redirect ended: a key of `pages.PAGES`, and the connection where it is known.

    `detail` is a fault's own text, for logs and terminals; no page shows it.
    """

    word: str
    connection: ConnectionId | None = None
    detail: str = ""

    @property
    def is_stored(self) -> bool:
        """Return whether the consent is stored."""
        return self.word in {"taken", "given"}

    @property
    def page(self) -> Page:
        """Return the page to answer with."""
        return PAGES[self.word]

    @property
    def html(self) -> str:
        """Return the page as HTML."""
        return self.page.html(self.connection or "")


def receive(query: str, exchange: CodeExchange) -> ConsentOutcome:
    """Handle a raw query string and return how it ended."""
    try:
        found = read(query)
    except UnreadableRedirectError:
        return ConsentOutcome("unreadable")
    try:
        if found.code is None:
            return ConsentOutcome("denied", exchange.deny(found.state))
        return ConsentOutcome("taken", exchange.redeem(found.state, found.code))
    except CodeRejected as error:
        return ConsentOutcome(error.reason, error.connection)
    except (Halt, Later) as fault:
        return ConsentOutcome(_word(fault), exchange.connection_of(found.state), str(fault))


def answer(event: Mapping[str, Any], exchange: CodeExchange) -> dict[str, Any]:
    """Return the answer to an API Gateway event (payload 2.0)."""
    try:
        outcome = receive(str(event.get("rawQueryString") or ""), exchange)
    except (BotoCoreError, ClientError):
        telemetry.logger().exception("a consent was not stored")
        outcome = ConsentOutcome("failed")
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
        return "waiting" if fault.code in NOT_SENT else "no_answer"
    return "app" if fault.problem.code in APP_CREDENTIAL_HALTS else "code"
