"""The language that somebody chooses: their browser keeps it."""

from ml_connector.languages.locales import LOCALES
from ml_connector.languages.texts import Texts
from ml_console.console import Console
from ml_console.visits import LANGUAGE_COOKIE
from ml_console.web import Answer, BadRequestError, Request, cookie, local_path, redirect

_A_YEAR = 365 * 86_400


def choose(console: Console, request: Request, texts: Texts) -> Answer:
    """Keep the language, and show the page again; raises `BadRequestError` for an unknown one."""
    del console, texts
    language = request.form.get("language", "")
    if language not in LOCALES:
        raise BadRequestError
    to = local_path(request.form.get("to", "/"))
    return redirect(to, (cookie(LANGUAGE_COOKIE, language, _A_YEAR),))
