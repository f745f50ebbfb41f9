"""Exact's authorisation-code step: asked for here, answered by the stack's route or by hand."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import telemetry
from ml_connector.connection import Connection, safe_base_url
from ml_connector.consent import redirect
from ml_connector.consent.desk import NotTaken
from ml_connector.consent.pages import PAGES
from ml_connector.doors.consents import VALID_FOR
from ml_connector.exact.oauth import authorize_url
from ml_connector.secret import Secret


@dataclass(frozen=True)
class Question:
    """A consent that was asked for: where to give it, and the state that must come back.

    `url` carries the state: it is for whoever consents, and good for one answer.
    """

    connection: Connection
    url: str
    redirect_uri: str
    state: Secret

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "connection": self.connection.id,
            "url": self.url,
            "redirect_uri": self.redirect_uri,
            "valid_minutes": int(VALID_FOR.total_seconds() // 60),
        }


def start_consent(
    stack: Stack, connection: Connection, redirect_uri: str | None = None
) -> Question:
    """Return where to give consent; the app's credentials must be stored, the connection need not.

    `redirect_uri` must be the one registered for the app in Exact's App Center; by default the
    stack's own route, which then does the rest by itself. At another address nothing has to
    answer: the code stands in the browser's address bar, see `bring`.
    """
    back = redirect_uri or stack.addresses.redirect_uri
    try:
        safe_base_url(back)
    except ValueError as error:
        raise Complaint(f"the redirect URI {error}") from None
    app = stack.vault.app(connection.id)
    stack.vault.make_room_for_tokens(connection.id)
    state = stack.consents.ask(connection.id, connection.exact_base_url, back)
    url = authorize_url(connection.exact_base_url, app.client_id, back, state.reveal())
    return Question(connection, url, back, state)


def consent_status(stack: Stack, state: Secret) -> dict[str, Any]:
    """Return how far a consent is.

    `state`: waiting, taking, given, refused, expired or unknown; `why` is a word for a refusal
    (denied, code, app, no_answer), `text` says it to a person.
    """
    found = stack.consents.find(state)
    if found is None:
        return {"state": "unknown", "why": "", "text": PAGES["unknown"].heading}
    if found.is_late:
        return {"state": "expired", "why": "", "text": PAGES["expired"].heading}
    heading = PAGES[found.reason].heading if found.reason else ""
    return {"state": found.stage, "why": found.reason, "text": heading}


def bring(stack: Stack, question: Question, pasted: str) -> None:
    """Turn what the person pasted into tokens and store them, sealed; nothing when the route has.

    Raises:
        Complaint: it holds no code, belongs to another question, or the question is over.
        Halt: Exact refuses the code or the app's credentials.
        Later: Exact does not answer usefully.
    """
    if not pasted.strip():
        return _expect_given(stack, question)
    code = _read_code(stack, question, pasted.strip())
    try:
        stack.desk.take(question.state, code)
    except NotTaken as refusal:
        if refusal.reason != "given":
            raise _complaint(refusal.reason) from None
    return None


def _expect_given(stack: Stack, question: Question) -> None:
    status = consent_status(stack, question.state)
    if status["state"] == "waiting":
        raise Complaint("nothing was pasted: consent was not given")
    if status["state"] != "given":
        raise _complaint(status["why"] or status["state"])


def _complaint(reason: str) -> Complaint:
    page = PAGES[reason]
    return Complaint(f"{page.heading[0].lower()}{page.heading[1:]}: {page.text}")


def _read_code(stack: Stack, question: Question, text: str) -> Secret:
    """Return the code in a redirected URL, whose state is checked, or the bare code itself."""
    telemetry.conceal(text)
    if "://" not in text:
        return Secret(unquote(text))
    try:
        brought = redirect.read(urlsplit(text).query)
    except redirect.UnreadableError:
        raise Complaint(
            "this URL holds no code, or belongs to another attempt, or Exact did not give consent: "
            "paste the whole address you were sent back to, or start again"
        ) from None
    if not redirect.belongs_to(brought, question.state):
        raise Complaint(
            "this URL belongs to another attempt: open the URL printed above, then paste"
        )
    if brought.code is None:
        stack.desk.deny(question.state)
        raise Complaint("Exact did not give consent: start again, and allow the app's request")
    return brought.code
