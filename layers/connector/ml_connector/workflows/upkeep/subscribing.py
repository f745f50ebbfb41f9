"""A connection's webhook subscriptions at Exact, in all its divisions."""

from datetime import timedelta

from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.coordination import Marks
from ml_connector.doors.ledger import Ledger
from ml_connector.exact import subscriptions
from ml_connector.faults import Problem
from ml_connector.ids import Division
from ml_connector.workflows.connection_problems import report
from ml_connector.workflows.doors import Doors

_UNSEEN_FOR = timedelta(days=7)
"""How long a topic that a colleague's subscription holds is not asked for again: each refusal
counts toward Exact's hourly limit of errors."""


def keep_subscriptions(doors: Doors, connection: Connection, ledger: Ledger) -> list[Problem]:
    """Make what is missing in every division that is not stopped; return and report the problems.

    They stand on the connection's own record, written through `ledger`, until they are mended.
    Raises `Later` when Exact can not be asked now: nothing is reported then.
    """
    url = connection.exact_callback_url
    found: list[Problem] = []
    if url is None:
        report(ledger, connection.id, subscriptions.RECORD, "subscriptions", found)
        return found
    gateway = doors.exact(connection)
    for each in connection.divisions:
        if doors.ledger.halted(connection.id, each.division):
            continue
        known = unseen_topics(doors, connection, each.division)
        topics = connection.exact_topics
        kept = subscriptions.ensure(gateway, each.division, topics, url, known)
        for topic in kept.unseen - known:
            until = clock.now() + _UNSEEN_FOR
            Marks(doors.coordination, connection.id).set(_mark(each.division, topic), "", until)
        found += kept.problems
    report(ledger, connection.id, subscriptions.RECORD, "subscriptions", found)
    return found


def unseen_topics(doors: Doors, connection: Connection, division: Division) -> set[str]:
    """Return the topics that somebody else's subscription was found to hold."""
    marks = Marks(doors.coordination, connection.id)
    return {t for t in connection.exact_topics if marks.get(_mark(division, t)) is not None}


def _mark(division: Division, topic: str) -> str:
    return f"webhook-unseen {division} {topic}"
