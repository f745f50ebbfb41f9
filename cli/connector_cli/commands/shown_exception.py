"""How an exception is printed, in the list and on its own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from connector_cli.printing import print_line
from ml_connector import clock
from ml_connector.domain.exception_codes.readable import readable_text
from ml_connector.domain.money import readable
from ml_connector.domain.words import moment
from ml_connector.exceptions.next_commands import next_command


def print_exception(each: Mapping[str, Any]) -> None:
    """Print an open exception, as `open_rows` yields it."""
    code = str(each["code"])
    stops = f", stops {each['stops']}" if each["stops"] else ""
    print_line(f"{each['code']}  {each['record']}  ({each['connection']}{stops})")
    print_line(f"  Cause: {readable_text(code, each['cause'])}")
    print_line(f"  To do: {readable_text(code, each['remedy'])}")
    if typed := next_command(each):
        print_line(f"  Next: {typed}")
    assignee = f"assigned to {each['assignee']}" if each["assignee"] else "not assigned"
    total = f", {readable(each['total'])}" if each["total"] else ""
    print_line(
        f"  Open since {moment(each['opened_at'])} ({_age(each['opened_at'])}), {assignee}{total}"
    )
    for candidate in each["candidates"] or ():
        print_line(
            f"  Candidate: {', '.join(f'{name} {value}' for name, value in candidate.items())}"
        )


def _age(at: str) -> str:
    age = clock.now() - datetime.fromisoformat(at)
    if age >= timedelta(days=1):
        return f"{age.days} d"
    hours, minutes = divmod(max(0, int(age.total_seconds())) // 60, 60)
    return f"{hours} h" if hours else f"{minutes} min"
