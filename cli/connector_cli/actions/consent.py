"""Exact's authorisation-code step, done by hand: a person consents and brings back the code."""

import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from connector_cli.actions import connections, webhooks
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import telemetry
from ml_connector.connection import Connection, safe_base_url
from ml_connector.exact.oauth import authorize_url
from ml_connector.secret import Secret

REDIRECT_PATH = "/consent/exact"


@dataclass(frozen=True)
class Question:
    """A consent that was asked for: where to give it, and the state that must come back."""

    connection: Connection
    url: str
    redirect_uri: str
    state: Secret


def ask(stack: Stack, id: str, redirect_uri: str | None = None) -> Question:
    """Return where to give consent.

    `redirect_uri` must be the one registered for the app in Exact's App Center; by default the
    stack's own address. Nothing has to answer there: the code stands in the browser's address bar.
    """
    connection = stack.connection(id)
    back = redirect_uri or f"{stack.addresses.base}{REDIRECT_PATH}"
    try:
        safe_base_url(back)
    except ValueError as error:
        raise Complaint(f"the redirect URI {error}") from None
    app = stack.vault.app(connection.id)
    state = secrets.token_urlsafe(24)
    url = authorize_url(connection.exact_base_url, app.client_id, back, state)
    return Question(connection, url, back, Secret(state))


def answer(stack: Stack, question: Question, pasted: str) -> list[str]:
    """Turn what the person pasted into tokens and store them, sealed; subscribe to webhooks.

    Returns what kept Exact's webhooks from being subscribed; the token keeper tries it again.

    Raises:
        Complaint: it holds no code, or belongs to another question.
        Halt: Exact refuses the code or the app's credentials.
        Later: Exact does not answer usefully.
    """
    code = read_code(pasted, question.state)
    id = question.connection.id
    connections.note(stack, id, "consent_brought")
    keeper = stack.doors.exact(question.connection).tokens
    keeper.connect(code, question.redirect_uri)
    connections.note(stack, id, "consent_given")
    connections.go_on(stack, question.connection)
    return webhooks.subscribe(stack, question.connection)


def read_code(pasted: str, state: Secret) -> Secret:
    """Return the code in a redirected URL, whose state is checked, or the bare code itself."""
    text = pasted.strip()
    if not text:
        raise Complaint("nothing was pasted: consent was not given")
    telemetry.conceal(text)
    if "://" not in text:
        return _concealed(unquote(text))
    query = {name: values[-1] for name, values in parse_qs(urlsplit(text).query).items()}
    if "error" in query:
        raise Complaint("Exact did not give consent: start again, and allow the app's request")
    if not hmac.compare_digest(query.get("state", "").encode(), state.reveal().encode()):
        raise Complaint(
            "this URL belongs to another attempt: open the URL printed above, then paste"
        )
    if not query.get("code"):
        raise Complaint(
            "there is no code in this URL: paste the whole address you were sent back to"
        )
    return _concealed(query["code"])


def _concealed(code: str) -> Secret:
    telemetry.conceal(code)
    return Secret(code)
