"""Who has access to the console and why, and who is signed in: for administrators."""

from ml_connector import telemetry
from ml_connector.domain.console_access import Role
from ml_connector.domain.people import name_of
from ml_connector.infrastructure.connection_views import ConnectionView
from ml_console.console import Console
from ml_console.view import page
from ml_console.visits import ForbiddenError, Visit
from ml_console.web import Answer, redirect

PATH = "/people"


def people(console: Console, visit: Visit) -> Answer:
    """Show the access rules and the open sessions."""
    _require_admin(visit)
    rules = console.rules.read()
    names = {key: name for each in console.connections() for key, name in _names(each)}
    sessions = sorted(console.sessions.all(), key=lambda each: each.seen, reverse=True)
    return page(
        "people.html",
        visit.texts,
        visit=visit,
        rules=rules,
        names=names,
        sessions=[(each, rules.access_of(each.person.subject, each.values)) for each in sessions],
        name_of=name_of,
        ended=visit.number("ended") if "ended" in visit.request.query else None,
    )


def end(console: Console, visit: Visit) -> Answer:
    """End the sessions of a person."""
    _require_admin(visit)
    subject = visit.request.form.get("subject", "")
    number = console.sessions.end_all(subject) if subject else 0
    telemetry.logger().info("sessions ended", subject=subject, number=number, by=visit.person.actor)
    return redirect(f"{PATH}?ended={number}")


def _require_admin(visit: Visit) -> None:
    """Raise unless they administer all divisions: access is given for the whole stack."""
    if visit.access.everywhere is not Role.ADMIN:
        raise ForbiddenError(Role.ADMIN)


def _names(connection: ConnectionView) -> list[tuple[str, str]]:
    return [(each.division, each.name) for each in connection.divisions]
