"""`connector ping`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from connector_cli.commands.common import Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.exception_codes.readable import readable_text
from ml_connector.domain.words import counted, verb
from ml_connector.health import ping as health

_WORDS = {True: "green", False: "RED", None: "unknown"}


def ping(
    context: typer.Context,
    connection: Annotated[
        str | None, typer.Argument(metavar="CONNECTION", help="Default: all connections.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that both systems work: keys, permissions, call limits, clocks, webhooks.

    Only reads. Exit code 1 when a check is red.
    """
    found = health.ping(stack_of(context), connection)
    if as_json:
        print_json(found)
    else:
        columns = ("Connection", "Division", "Check", "Status", "Result")
        print_table(columns, map(_row, _shortened(found)))
        counts = Counter(_WORDS[each["ok"]] for each in found)
        print_line(", ".join(f"{counts[word]} {word.lower()}" for word in _WORDS.values()) + ".")
    if any(each["ok"] is False for each in found):
        raise typer.Exit(1)


def _shortened(found: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Merge a division's readable endpoints into one line; keep the other lines."""
    readable = Counter(_scope(each) for each in found if _is_readable(each))
    for each in found:
        if not _is_readable(each):
            yield each
        elif number := readable.pop(_scope(each), 0):
            what = f"{counted(number, 'endpoint')} {verb(number, 'is', 'are')} readable."
            yield {**each, "check": "read", "detail": what}


def _is_readable(each: Mapping[str, Any]) -> bool:
    return each["ok"] is True and str(each["check"]).startswith("read:")


def _scope(each: Mapping[str, Any]) -> tuple[Any, Any]:
    return each["connection"], each["division"] or each["site"]


def _row(each: Mapping[str, Any]) -> tuple[object, ...]:
    check = str(each["check"]).replace("_", " ").replace("read:", "read ")
    return *_scope(each), check, _WORDS[each["ok"]], _result(each)


def _result(each: Mapping[str, Any]) -> str:
    if not each["cause"]:
        return str(each["detail"])
    said = readable_text(each["code"] or "", each["cause"])
    cause = f"{each['code']}: {said}" if each["code"] else said
    return f"{cause}\nTo do: {each['remedy']}"
