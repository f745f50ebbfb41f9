"""Sign in and out. The HTTP client and the cryptography of tokens are loaded here alone."""

from typing import TYPE_CHECKING
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from ml_connector import telemetry
from ml_connector.languages.texts import Texts
from ml_connector.secret import Secret
from ml_console.console import Console
from ml_console.view import page
from ml_console.visits import SESSION_COOKIE, Visit
from ml_console.web import Answer, Request, cookie, local_path, redirect

if TYPE_CHECKING:
    from ml_console.sign_in.flow import SignIn

_STATUS = {"too_many": 429, "provider": 502}


def sign_in(console: Console, request: Request, texts: Texts) -> Answer:
    """Show where to sign in: nobody is sent around without a click, so there is no loop."""
    del console
    to = local_path(request.query.get("to", "/"))
    has_left = "left" in request.query
    return page("sign_in.html", texts, start=_start_address(to), has_left=has_left)


def start(console: Console, request: Request, texts: Texts) -> Answer:
    """Send the browser to the identity provider."""
    from ml_console.sign_in.attempts import RefusedSignInError  # noqa: PLC0415

    to = local_path(request.query.get("to", "/"))
    try:
        return _opened(console).start(request, to)
    except RefusedSignInError as error:
        return _refused(texts, error, to)


def arrive(console: Console, request: Request, texts: Texts) -> Answer:
    """Take what the identity provider says, and begin a session."""
    from ml_console.sign_in.attempts import RefusedSignInError  # noqa: PLC0415

    try:
        arrived = _opened(console).answer(request)
    except RefusedSignInError as error:
        return _refused(texts, error, "/")
    person, values = arrived.signed_in.person, arrived.signed_in.values
    if console.rules.read().access_of(person.subject, values) is None:
        telemetry.logger().warning("sign-in without access", subject=person.subject)
        return page("message.html", texts, 403, message="no_access", subject=person.subject)
    if before := request.cookies.get(SESSION_COOKIE):
        console.sessions.end(Secret(before))
    lasts = console.settings.lasts
    token = console.sessions.begin(person, values, lasts)
    telemetry.logger().info("signed in", subject=person.subject)
    kept = cookie(SESSION_COOKIE, token.reveal(), int(lasts.total_seconds()))
    return redirect(local_path(arrived.to), (kept, arrived.used_cookie))


def sign_out(console: Console, visit: Visit) -> Answer:
    """End the session."""
    console.sessions.end(Secret(visit.request.cookies[SESSION_COOKIE]))
    return redirect("/sign-in?left=1", (cookie(SESSION_COOKIE, "", 0),))


def _opened(console: Console) -> "SignIn":
    from ml_console.sign_in.flow import SignIn  # noqa: PLC0415

    return SignIn(console.settings, console.tables.console, lambda: _secret_of(console))


def _secret_of(console: Console) -> Secret:
    from ml_console.sign_in.attempts import RefusedSignInError  # noqa: PLC0415

    try:
        return console.client_secret()
    except (BotoCoreError, ClientError, KeyError, ValueError) as error:
        raise RefusedSignInError("secret", type(error).__name__) from error


def _refused(texts: Texts, error: "Exception", to: str) -> Answer:
    reason = getattr(error, "reason", "token")
    telemetry.logger().warning("sign-in refused", reason=str(error))
    status = _STATUS.get(reason, 403)
    return page("sign_in.html", texts, status, start=_start_address(to), reason=reason)


def _start_address(to: str) -> str:
    return "/sign-in/start" if to == "/" else f"/sign-in/start?to={quote(to, safe='')}"
