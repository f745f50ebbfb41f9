"""Ping one connection or all: look at both systems for real, and change neither."""

from typing import Any

from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.workflows.ping.connection import ping as ping_connection


def ping(stack: Stack, id: str | None = None) -> list[dict[str, Any]]:
    """Return all checks, as `Check.as_dict` gives them, of one connection or of every one."""
    every = stack.doors.mappings.connections
    wanted = list(every()) if id is None else [stack.connection(id)]
    if not wanted:
        raise Complaint("there is no connection yet: `connector connection add FILE`")
    return [check.as_dict() for each in wanted for check in ping_connection(stack.doors, each)]
