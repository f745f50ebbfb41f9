"""`connector preview`."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.exception_codes.difference_words import in_words
from ml_connector.domain.exception_codes.readable import readable_text
from ml_connector.domain.money import readable
from ml_connector.domain.words import moment, verb
from ml_connector.purchase_orders import preview_by_name
from ml_connector.user_errors import UserError

_WORDS = {
    "post": "would be posted",
    "adopt": "would be linked to the order already in Exact",
    "amend": "would be changed in Exact",
    "remove": "would be deleted in Exact",
    "keep": "is in Exact as approved",
    "end": "is finished in both systems",
    "none": "would stay as it is",
    "review": "needs a person",
    "wait": "would wait",
    "halt": "would stop the connection",
}
_OF_SEVERAL = {"is": "are", "needs": "need"}


def preview(
    context: typer.Context,
    connection: ConnectionArgument,
    order: Annotated[
        str | None,
        typer.Argument(metavar="ORDER", help="Order number, number in Exact, or Airbase id."),
    ] = None,
    every: Annotated[
        bool,
        typer.Option(
            "--open", help="All waiting orders and all approved orders that are not posted."
        ),
    ] = False,
    retried: Annotated[
        bool, typer.Option("--retried", help="As if `connector retry` were run now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what would be sent to Exact, or which exceptions the order would raise.

    Uses the same code as posting, and writes nothing. Exit code 1 when an order's record cannot be
    read by this version.
    """
    if every == (order is not None) or (every and retried):
        raise UserError("pass either an order (with or without --retried) or --open")
    stack = stack_of(context)
    if order is not None:
        found = preview_by_name.preview(stack.services_of(connection), order, by_hand=retried)
        if as_json:
            print_json(found)
        else:
            _print(found)
        return
    shown = list(preview_by_name.preview_all(stack.services_of(connection)))
    if as_json:
        print_json(shown)
    elif not shown:
        print_line("No orders are waiting.")
    else:
        print_table(("Order", "Division", "Total", "What would happen"), map(_row, shown))
        counts = Counter(_WORDS[each["act"]] for each in shown)
        print_line(", ".join(_counted(word, number) for word, number in counts.most_common()) + ".")
    if any(each["code"] == "RECORD_IS_NEWER" for one in shown for each in one["exceptions"]):
        raise typer.Exit(1)


def _counted(what: str, number: int) -> str:
    """Return of how many orders it is true: `1 needs a person`, `2 need a person`."""
    first, _, rest = what.partition(" ")
    return f"{number:,} {verb(number, first, _OF_SEVERAL.get(first, first))} {rest}"


def _print(found: Mapping[str, Any]) -> None:
    division = f", division {found['division']}" if found["division"] else ""
    about = ", ".join(filter(None, (found["vendor"], readable(found["total"]))))
    print_line(f"{found['title']}  ({found['connection']}{division})  {about}")
    print_line(
        f"  State: {_in_words(found['state'])}. It {_WORDS[found['act']]}{_exact_number(found)}."
    )
    for line in _why_not_now(found):
        print_line(f"  {line}")
    for each in found["exceptions"]:
        print_line(f"  {each['code']}  {each['record']}")
        print_line(f"    Cause: {_cause(each)}")
        print_line(f"    To do: {each['remedy']}")
    for each in found["warnings"]:
        print_line(f"  Look at this first: {_cause(each)}")
        print_line(f"    To do: {each['remedy']}")
    for each in found["differences"]:
        print_line(f"  {in_words(each)}")
    for need in found["needs"]:
        print_line(f"  Created first if missing: {_in_words(need['what'])}")
        _print_body(need["body"])
    for text in found["placeholders"]:
        print_line(f"  {text!r} stands for the id that Exact assigns when the item is created.")
    for each in found["requests"]:
        print_line(f"  {each['method']} {each['path']}")
        _print_body(each["body"])
    if found["otherwise"]:
        print_line("  If Exact refuses that for the lines:")
        for each in found["otherwise"]:
            print_line(f"  {each['method']} {each['path']}")
            _print_body(each["body"])


def _why_not_now(found: Mapping[str, Any]) -> Iterator[str]:
    if found["served_elsewhere"]:
        yield f"It is not posted here: {found['served_elsewhere']}."
    for note in found["notes"]:
        yield f"Delayed: {note['code']}: {_cause(note)}"
    if waiting := found["waiting"]:
        yield f"{waiting['code']} until {moment(waiting['until'])}: {_cause(waiting)}"


def _print_body(body: Mapping[str, Any] | None) -> None:
    if body is not None:
        for line in json.dumps(body, indent=2, ensure_ascii=False).splitlines():
            print_line(f"    {line}")


def _row(found: Mapping[str, Any]) -> tuple[object, ...]:
    parts = [_WORDS[found["act"]] + _exact_number(found)]
    parts += [f"{each['code']}: {_cause(each)}" for each in found["exceptions"]]
    parts += [_cause(each) for each in found["warnings"]]
    parts += [str(found["served_elsewhere"])] if found["served_elsewhere"] else []
    if waiting := found["waiting"]:
        parts.append(f"{waiting['code']} until {moment(waiting['until'])}")
    parts += [f"delayed: {note['code']}" for note in found["notes"]]
    return found["title"], found["division"], readable(found["total"]), "\n".join(parts)


def _exact_number(found: Mapping[str, Any]) -> str:
    return f" (Exact order {found['exact_number']})" if found["exact_number"] else ""


def _cause(of: Mapping[str, Any]) -> str:
    return readable_text(of["code"], of["cause"])


def _in_words(word: str) -> str:
    return word.replace("_", " ")
