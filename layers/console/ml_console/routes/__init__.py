"""Which function answers which call."""

from ml_connector.domain.console_access import Role
from ml_console.console import Routes
from ml_console.routes import deeds, group_deeds, health, inbox, language, record, signing

ROUTES = Routes(
    public={
        ("GET", "/sign-in"): signing.sign_in,
        ("GET", "/sign-in/start"): signing.start,
        ("GET", "/sign-in/answer"): signing.arrive,
        ("POST", "/language"): language.choose,
    },
    private={
        ("GET", "/"): (Role.READER, inbox.inbox),
        ("GET", "/group"): (Role.READER, inbox.group),
        ("POST", "/group/decide"): (Role.CLERK, group_deeds.ask),
        ("GET", "/deed"): (Role.READER, group_deeds.deed),
        ("POST", "/deed/go"): (Role.CLERK, group_deeds.go_or_undo),
        ("POST", "/deed/undo"): (Role.CLERK, group_deeds.go_or_undo),
        ("GET", "/record"): (Role.READER, record.record),
        ("GET", "/health"): (Role.READER, health.health),
        ("POST", "/record/retry"): (Role.CLERK, deeds.retry),
        ("POST", "/record/dismiss"): (Role.CLERK, deeds.dismiss),
        ("POST", "/sign-out"): (Role.READER, signing.sign_out),
    },
)
"""Every call that is answered; with the role that somebody needs at least."""
