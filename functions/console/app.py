"""The finance console: every page, form and file of its own HTTP API."""

from typing import Any

from ml_console.bootstrap import open_console
from ml_console.console import respond
from ml_console.routes import ROUTES

_console = open_console()


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one API Gateway call (HTTP API, payload 2.0)."""
    return respond(event, _console, ROUTES)
