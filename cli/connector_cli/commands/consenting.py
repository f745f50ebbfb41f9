"""How a person is led through Exact's consent: by the stack's route, a listener, or pasting."""

from dataclasses import dataclass
from typing import Annotated

import typer

from connector_cli.actions import consent
from connector_cli.actions.consent import Question
from connector_cli.commands.common import ask_hidden
from connector_cli.complaints import Complaint
from connector_cli.loopback import Listener
from connector_cli.stack import Stack
from ml_connector.connection import Connection
from ml_connector.consent import redirect

DEFAULT_WAIT = 300.0
RedirectUri = Annotated[
    str | None,
    typer.Option(
        envvar="CONNECTOR_EXACT_REDIRECT_URI",
        help="As registered in Exact's App Center; default: the stack's own address.",
    ),
]
Listen = Annotated[
    int | None,
    typer.Option(
        metavar="PORT", help="Take Exact's redirect on this machine: http://127.0.0.1:PORT/."
    ),
]
Wait = Annotated[float, typer.Option(help="Seconds to wait for it with --listen.")]
Browser = Annotated[bool, typer.Option("--browser", help="Open the address in a browser.")]
_NOBODY = "consent is missing and there is nobody to give it"


@dataclass(frozen=True)
class Way:
    """Where Exact shall send the browser back to, and whether to open one."""

    redirect_uri: str | None = None
    listen: int | None = None
    wait: float = DEFAULT_WAIT
    browser: bool = False


def give(stack: Stack, connection: Connection, way: Way) -> None:
    """Lead a person through consent; raises `Complaint` when it was not given."""
    if way.listen is None:
        question = consent.start_consent(stack, connection, way.redirect_uri)
        _show(question, way)
        _until_answered(stack, question)
        return
    if way.redirect_uri:
        raise Complaint("say either --listen or --redirect-uri")
    with Listener(way.listen) as listener:
        question = consent.start_consent(stack, connection, listener.url)
        listener.expect(question.state, lambda query: redirect.receive(query, stack.desk))
        _show(question, way)
        outcome = listener.wait(way.wait)
    if not outcome.is_good:
        page = outcome.page
        raise Complaint(f"{page.heading}: {outcome.detail or page.text}")


def _show(question: Question, way: Way) -> None:
    typer.echo("Open this address, sign in to Exact and allow the app:", err=True)
    typer.echo(f"  {question.url}", err=True)
    typer.echo(
        f"You are sent to {question.redirect_uri}, which must be a redirect URI of the app.",
        err=True,
    )
    if way.browser:
        typer.launch(question.url)


def _until_answered(stack: Stack, question: Question) -> None:
    words = (
        "Press Enter when that page says that it is done; "
        "if there is no page, paste its whole address (not shown)"
    )
    while True:
        pasted = ask_hidden(words, _NOBODY)
        waiting = consent.consent_status(stack, question.state)["state"] in {"waiting", "taking"}
        if pasted.strip() or not waiting:
            consent.bring(stack, question, pasted)
            return
        typer.echo("nothing was pasted, and no consent has come yet", err=True)
