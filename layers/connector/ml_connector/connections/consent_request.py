"""Start Exact's consent; the stack's route finishes it, or a person pastes the address."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from ml_connector import telemetry
from ml_connector.consent import redirect
from ml_connector.consent.exchange import APP_CREDENTIAL_HALTS, CodeExchange, CodeRejected
from ml_connector.consent.pages import PAGES
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import Actor, AppId
from ml_connector.domain.words import command
from ml_connector.exact.oauth import authorize_url
from ml_connector.infrastructure.consents import VALID_FOR, Consents
from ml_connector.secret import Secret
from ml_connector.settings.connection import ExactSite, safe_base_url
from ml_connector.settings.redirect_uris import is_exacts_own, is_public
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


class ConsentRefusedError(UserError):
    """The consent was not given, or cannot be used; `reason` is a key of `PAGES`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        """Say what the page says, with the detail in place of its text."""
        page = PAGES[reason]
        super().__init__(f"{page.heading}: {detail or page.text}")
        self.reason = reason


@dataclass(frozen=True)
class ConsentRequest:
    """A started consent: where to give it, and the state that the redirect must contain.

    `url` contains the state: it is for the person who consents, and valid for one answer.
    """

    app: AppId
    url: str
    redirect_uri: str
    state: Secret

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        return {
            "connection": self.app,
            "url": self.url,
            "redirect_uri": self.redirect_uri,
            "valid_minutes": int(VALID_FOR.total_seconds() // 60),
        }


def start_consent(stack: Stack, site: ExactSite, redirect_uri: str | None = None) -> ConsentRequest:
    """Start a consent at a site; the app's credentials must be stored, the connection need not be.

    `redirect_uri` must be registered for the app at Exact. The default is the stack's own route,
    which does the rest. Nothing has to answer at another address: the person pastes the code from
    the browser's address bar, see `enter_code`. Raises `UserError` for one that Exact refuses.
    """
    redirect_to = redirect_uri or stack.addresses.redirect_uri
    require_redirect(site, redirect_to)
    app = stack.secret_store.app(site.id)
    stack.secret_store.create_token_secret(site.id)
    state = stack.consents.create(site.id, site.site, site.exact_base_url, redirect_to)
    url = authorize_url(site.exact_base_url, app.client_id, redirect_to, state.reveal())
    return ConsentRequest(site.id, url, redirect_to, state)


def require_redirect(site: ExactSite, redirect_to: str) -> None:
    """Raise `UserError` unless a consent can be asked for at the site that leads there."""
    if owner := site.shares_app_with:
        there = command("connection", "consent", owner)
        raise UserError(f"{site.id} uses the Exact app of {owner}: run {there}")
    try:
        safe_base_url(redirect_to)
    except ValueError as error:
        raise UserError(f"the redirect URI {error}") from None
    if is_exacts_own(site.exact_base_url) and not is_public(redirect_to):
        raise UserError(
            f"Exact accepts only public https addresses as redirect URI, and {redirect_to} is not "
            "one: use the deployed stack's own (leave out --listen and --redirect-uri), or "
            "register any public https address, pass it with --redirect-uri and paste where the "
            "browser ends"
        )


def consent_status(consents: Consents, state: Secret) -> dict[str, Any]:
    """Return how far a consent is.

    `state`: waiting, taking, given, refused, expired or unknown; `why`: the reason of a refusal
    (denied, code, app, no_answer); `text`: the same for a person.
    """
    found = consents.find(state)
    if found is None:
        return {"state": "unknown", "why": "", "text": PAGES["unknown"].heading}
    if found.has_expired:
        return {"state": "expired", "why": "", "text": PAGES["expired"].heading}
    heading = PAGES[found.reason].heading if found.reason else ""
    return {"state": found.stage, "why": found.reason, "text": heading}


def enter_code(stack: Stack, actor: Actor, request: ConsentRequest, pasted: str) -> None:
    """Exchange what the person pasted for tokens and seal them; nothing if the route has done so.

    Raises:
        UserError: it contains no code, belongs to another request, Exact refuses the code, or the
            request has ended.
        Halt: Exact refuses the app's credentials.
        Later: Exact gives no usable answer.
    """
    if not pasted.strip():
        return _check_given(stack.consents, request)
    code = _read_code(stack.exchange_of(actor), request, pasted.strip())
    try:
        stack.exchange_of(actor).redeem(request.state, code)
    except CodeRejected as error:
        if error.reason != "given":
            raise ConsentRefusedError(error.reason) from None
    except Halt as halt:
        if halt.problem.code in APP_CREDENTIAL_HALTS:
            raise
        # Exact speaks of a token here, but it was this code that it refused.
        raise ConsentRefusedError("code") from halt
    return None


def _check_given(consents: Consents, request: ConsentRequest) -> None:
    status = consent_status(consents, request.state)
    if status["state"] == "waiting":
        raise UserError("nothing was pasted: consent was not given")
    if status["state"] != "given":
        raise ConsentRefusedError(status["why"] or status["state"])


def _read_code(exchange: CodeExchange, request: ConsentRequest, text: str) -> Secret:
    """Return the code in a redirected URL, whose state is checked, or the bare code."""
    telemetry.conceal(text)
    if "://" not in text:
        return Secret(unquote(text))
    try:
        found = redirect.read(urlsplit(text).query)
    except redirect.UnreadableRedirectError:
        raise UserError(
            "this URL has no code, or belongs to another attempt, or Exact did not give consent: "
            "paste the full address Exact redirected you to, or start again"
        ) from None
    if not redirect.belongs_to(found, request.state):
        raise UserError(
            "this URL belongs to another attempt: open the URL printed above, then paste"
        )
    if found.code is None:
        exchange.deny(request.state)
        raise UserError("Exact did not give consent: start again, and allow the app's request")
    return found.code
