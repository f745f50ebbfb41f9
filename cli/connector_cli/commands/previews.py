"""`connector preview`."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from connector_cli.actions import previews
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.complaints import Complaint
from connector_cli.printing import say, say_json, say_table

_WORDS = {
    "post": "is posted",
    "adopt": "is found in Exact and taken for ours",
    "amend": "is changed in Exact",
    "remove": "is deleted in Exact",
    "keep": "is in Exact as approved",
    "end": "ends here as in Exact",
    "none": "stays as it is",
    "review": "waits for a person",
    "wait": "waits",
    "halt": "stops everything",
}


def preview(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None, typer.Argument(help="Order number, number in Exact, or any Airbase id.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--open", help="Every order that waits or is approved and not posted.")
    ] = False,
    retried: Annotated[
        bool, typer.Option("--retried", help="As if `connector retry` asked for it now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show exactly what would be sent to Exact, or which exceptions it would raise.

    The posting's own code decides. Nothing is written, here or there.
    """
    if every == (order is not None) or (every and retried):
        raise Complaint("say either an order (with --retried or without) or --open")
    stack = opened(context)
    if order is not None:
        found = previews.preview(stack, connection, order, by_hand=retried)
        if as_json:
            say_json(found)
        else:
            _say(found)
        return
    shown = list(previews.preview_all(stack, connection))
    if as_json:
        say_json(shown)
    elif not shown:
        say("Nothing waits.")
    else:
        say_table(("Order", "Division", "Total", "What would happen"), map(_row, shown))
        counts = Counter(_WORDS[each["act"]] for each in shown)
        say(", ".join(f"{number} {word}" for word, number in counts.most_common()) + ".")


def _say(found: Mapping[str, Any]) -> None:
    division = f", division {found['division']}" if found["division"] else ""
    about = ", ".join(filter(None, (found["vendor"], found["total"])))
    say(f"{found['title']}  ({found['connection']}{division})  {about}")
    say(f"  Now: {_spoken(found['state'])}. It {_WORDS[found['act']]}{_number(found)}.")
    for note in found["notes"]:
        say(f"  But not yet: {note['code']}: {note['cause']}")
    if waiting := found["waiting"]:
        say(f"  {waiting['code']} until {_moment(waiting['until'])}: {waiting['cause']}")
    for each in found["exceptions"]:
        say(f"  {each['code']}  {each['record']}")
        say(f"    Cause: {each['cause']}")
        say(f"    To do: {each['remedy']}")
    for each in found["differences"]:
        where = f"{each['where']}, " if each["where"] else ""
        say(f"  {where}{each['field']}: {each['expected'] or '-'}, in Exact {each['found'] or '-'}")
    for need in found["needs"]:
        say(f"  Made first, unless it is there: {_spoken(need['what'])}")
        _say_body(need["body"])
    for text in found["placeholders"]:
        say(f"  {text!r} stands for an id that Exact gives when the item is made.")
    for each in found["requests"]:
        say(f"  {each['method']} {each['path']}")
        _say_body(each["body"])
    if found["otherwise"]:
        say("  Where Exact refuses that for lines:")
        for each in found["otherwise"]:
            say(f"  {each['method']} {each['path']}")
            _say_body(each["body"])


def _say_body(body: Mapping[str, Any] | None) -> None:
    if body is not None:
        for line in json.dumps(body, indent=2, ensure_ascii=False).splitlines():
            say(f"    {line}")


def _row(found: Mapping[str, Any]) -> tuple[object, ...]:
    said = [_WORDS[found["act"]] + _number(found)]
    said += [f"{each['code']}: {each['cause']}" for each in found["exceptions"]]
    if waiting := found["waiting"]:
        said.append(f"{waiting['code']} until {_moment(waiting['until'])}")
    said += [f"not yet: {note['code']}" for note in found["notes"]]
    return found["title"], found["division"], found["total"], "\n".join(said)


def _number(found: Mapping[str, Any]) -> str:
    return f" (Exact order {found['exact_number']})" if found["exact_number"] else ""


def _spoken(word: str) -> str:
    return word.replace("_", " ")


def _moment(text: str) -> str:
    return f"{text[:19].replace('T', ' ')} UTC"
