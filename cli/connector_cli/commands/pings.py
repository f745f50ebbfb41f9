"""`connector ping`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from connector_cli.actions import pings
from connector_cli.commands.common import Json, opened
from connector_cli.printing import say, say_json, say_table

_WORDS = {True: "green", False: "RED", None: "unknown"}


def ping(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(metavar="CONNECTION", help="Default: all connections.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check both systems for real: keys, rights, limits, clocks, webhooks.

    Writes nothing in either. Ends with 1 when a line is red.
    """
    found = pings.ping(opened(context), connection)
    if as_json:
        say_json(found)
    else:
        columns = ("Connection", "Division", "Check", "", "What was found")
        say_table(columns, map(_row, _shortened(found)))
        counts = Counter(_WORDS[each["ok"]] for each in found)
        say(", ".join(f"{counts[word]} {word.lower()}" for word in _WORDS.values()) + ".")
    if any(each["ok"] is False for each in found):
        raise typer.Exit(1)


def _shortened(found: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Put the endpoints that a division lets us read into one line; all others keep theirs."""
    readable = Counter(_place(each) for each in found if _is_readable(each))
    for each in found:
        if not _is_readable(each):
            yield each
        elif number := readable.pop(_place(each), 0):
            yield {**each, "check": "read", "detail": f"{number} endpoints are readable."}


def _is_readable(each: Mapping[str, Any]) -> bool:
    return each["ok"] is True and str(each["check"]).startswith("read:")


def _place(each: Mapping[str, Any]) -> tuple[Any, Any]:
    return each["connection"], each["division"]


def _row(each: Mapping[str, Any]) -> tuple[object, ...]:
    check = str(each["check"]).replace("_", " ").replace("read:", "read ")
    return each["connection"], each["division"], check, _WORDS[each["ok"]], _found(each)


def _found(each: Mapping[str, Any]) -> str:
    if each["ok"] is not False:
        return str(each["detail"])
    cause = f"{each['code']}: {each['cause']}" if each["code"] else str(each["cause"])
    return f"{cause}\nTo do: {each['remedy']}"
