"""Exact's webhook subscriptions: list them, and move those that lead elsewhere."""

from collections.abc import Iterator
from typing import Any

from connector_cli.actions import connections
from connector_cli.complaints import Complaint, safe_lines
from connector_cli.stack import Stack
from ml_connector.connection import Connection
from ml_connector.exact import subscriptions
from ml_connector.exact.subscriptions import Subscription
from ml_connector.faults import Fault
from ml_connector.ids import Division
from ml_connector.workflows.upkeep.subscribing import keep_subscriptions, unseen_topics


def list_webhooks(stack: Stack, id: str) -> dict[str, Any]:
    """Return the subscriptions of each division, with those that are missing.

    `state` is "ours", "elsewhere", "missing", or "unseen" (somebody else's holds the topic and
    the app can not see its address). `trouble` says which divisions could not be asked, and why.
    """
    connection = stack.connection(id)
    rows: list[dict[str, Any]] = []
    trouble: list[str] = []
    for each in connection.divisions:
        try:
            rows += _rows(stack, connection, each.division)
        except Fault as fault:
            trouble += safe_lines(f"division {each.division}: {fault}")
    return {
        "connection": connection.id,
        "callback_url": connection.exact_callback_url,
        "subscriptions": rows,
        "trouble": trouble,
    }


def move(stack: Stack, id: str) -> dict[str, Any]:
    """Delete the subscriptions of our topics that lead elsewhere, and make ours.

    Returns what `list_webhooks` then does, with the deleted ones under `moved`. Who did it stands
    in the connection's trail. Raises `Complaint` when the connection has no address for them.
    """
    connection = stack.connection(id)
    if connection.exact_callback_url is None:
        url = stack.addresses.of(connection.id)["exact"]
        raise Complaint(
            f'{id} has no exact_callback_url: set it to "{url}" in its file and add it again'
        )
    wanted = [
        (each.division, found)
        for each in connection.divisions
        for found in _elsewhere(stack, connection, each.division)
    ]
    moved = [{"division": d, "topic": found.topic, "address": found.url} for d, found in wanted]
    connections.note(stack, connection.id, "webhooks_moved", removed=moved)
    gateway = stack.doors.exact(connection)
    for division, found in wanted:
        subscriptions.remove(gateway, division, found)
    keep_subscriptions(stack.doors, connection, stack.signed)
    return {**list_webhooks(stack, id), "moved": moved}


def subscribe(stack: Stack, connection: Connection) -> list[str]:
    """Make what is missing; return what could not be had: the token keeper tries it again."""
    try:
        found = keep_subscriptions(stack.doors, connection, stack.signed)
    except Fault as fault:
        return safe_lines(str(fault))
    return safe_lines(*(str(each) for each in found))


def _rows(stack: Stack, connection: Connection, division: Division) -> Iterator[dict[str, Any]]:
    there = subscriptions.listed(stack.doors.exact(connection), division)
    for found in there:
        state = "ours" if found.is_at(connection.exact_callback_url) else "elsewhere"
        yield _row(division, found.topic, found.url, state)
    unseen = unseen_topics(stack.doors, connection, division)
    for topic in connection.exact_topics:
        if topic not in {found.topic for found in there}:
            yield _row(division, topic, None, "unseen" if topic in unseen else "missing")


def _row(division: Division, topic: str, url: str | None, state: str) -> dict[str, Any]:
    return {"division": division, "topic": topic, "address": url, "state": state}


def _elsewhere(stack: Stack, connection: Connection, division: Division) -> list[Subscription]:
    there = subscriptions.listed(stack.doors.exact(connection), division)
    return [
        found
        for found in there
        if found.topic in connection.exact_topics and not found.is_at(connection.exact_callback_url)
    ]
