"""How a person gives Exact's consent: by the stack's route, a local listener, or pasting."""

from dataclasses import dataclass
from typing import Annotated

import typer

from connector_cli.commands.common import ask_secret
from connector_cli.loopback import LoopbackListener
from connector_cli.stack import OpenedStack
from ml_connector.connections import consent_request
from ml_connector.connections.consent_request import ConsentRefusedError, ConsentRequest
from ml_connector.consent import redirect
from ml_connector.settings.connection import ExactSite
from ml_connector.settings.redirect_uris import is_public
from ml_connector.user_errors import UserError

DEFAULT_WAIT = 300.0
RedirectUri = Annotated[
    str | None,
    typer.Option(
        envvar="CONNECTOR_EXACT_REDIRECT_URI",
        help="The redirect URI registered for the app at Exact, public and https; default: the "
        "stack's own.",
    ),
]
Listen = Annotated[
    int | None,
    typer.Option(
        metavar="PORT",
        help="Only for simulators, Exact itself refuses it: receive the redirect on this machine, "
        "at http://127.0.0.1:PORT/.",
    ),
]
Wait = Annotated[float, typer.Option(help="With --listen: seconds to wait for the redirect.")]
Browser = Annotated[bool, typer.Option("--browser", help="Open the consent page in a browser.")]
_NO_INPUT = "consent is missing: run this in a terminal"


@dataclass(frozen=True)
class ConsentOptions:
    """Where Exact sends the browser after consent, and whether to open a browser."""

    redirect_uri: str | None = None
    listen: int | None = None
    wait: float = DEFAULT_WAIT
    browser: bool = False


def get_consent(stack: OpenedStack, site: ExactSite, options: ConsentOptions) -> None:
    """Ask a person for Exact's consent at a site; raise `UserError` when it was not given."""
    if options.listen is None:
        request = consent_request.start_consent(stack, site, options.redirect_uri)
        _show(request, options)
        _wait_for_answer(stack, request)
        return
    if options.redirect_uri:
        raise UserError("pass either --listen or --redirect-uri, not both")
    exchange = stack.exchange_of(stack.actor)
    with LoopbackListener(options.listen) as listener:
        request = consent_request.start_consent(stack, site, listener.url)
        listener.expect(request.state, lambda query: redirect.receive(query, exchange))
        _show(request, options)
        outcome = listener.wait(options.wait)
    if not outcome.is_stored:
        said = "" if outcome.word == "code" else outcome.detail
        raise ConsentRefusedError(outcome.word, said)


def _show(request: ConsentRequest, options: ConsentOptions) -> None:
    typer.echo("Open this address, sign in to Exact and allow the app:", err=True)
    typer.echo(f"  {request.url}", err=True)
    typer.echo(
        f"Exact then redirects to {request.redirect_uri}; register it as a redirect URI of the "
        "app.",
        err=True,
    )
    if not is_public(request.redirect_uri):
        typer.echo("This is for simulators alone: Exact accepts only public https.", err=True)
    if options.browser:
        typer.launch(request.url)


def _wait_for_answer(stack: OpenedStack, request: ConsentRequest) -> None:
    question = (
        "Press Enter when the page says that it is done. "
        "If no page appears, paste the full address from the browser (not shown)"
    )
    while True:
        pasted = ask_secret(question, _NO_INPUT)
        status = consent_request.consent_status(stack.consents, request.state)
        if pasted.strip() or status["state"] not in {"waiting", "taking"}:
            consent_request.enter_code(stack, stack.actor, request, pasted)
            return
        typer.echo("no consent has arrived yet, and nothing was pasted", err=True)
