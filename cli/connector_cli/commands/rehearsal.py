"""`connector rehearse`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_error, print_json, print_line, print_table
from ml_connector.rehearsal.period import AskedDays
from ml_connector.rehearsal.rehearse import rehearse as rehearse_
from ml_connector.rehearsal.rehearsed_orders import VERDICT_TITLES, VERDICTS, RehearsedOrder
from ml_connector.rehearsal.report import (
    MOST_DECISIONS,
    Rehearsal,
    Sums,
    shown_sums,
    summary,
    sums,
)

_EVERY = 25  # orders from one line of progress to the next


def rehearse(
    context: typer.Context,
    connection: ConnectionArgument,
    month: Annotated[str | None, typer.Option(help="A month, for example 2026-10.")] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day, for example 2026-10-01.")
    ] = None,
    last: Annotated[str | None, typer.Option("--to", help="The last day; default: today.")] = None,
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Have Exact's orders read anew first.")
    ] = False,
    anew: Annotated[
        bool, typer.Option("--anew", help="Do not go on with a run that was interrupted.")
    ] = False,
    wait: Annotated[int, typer.Option(min=1, help="Seconds to wait with --refresh.")] = 180,
    as_json: Json = False,
) -> None:
    """Decide the orders approved in a month as posting would, without posting anything.

    Exit code 1 when an order needs a person, or could not be decided.
    """
    stack = stack_of(context)
    found = rehearse_(
        stack, stack.actor, connection, AskedDays(month, first, last),
        is_fresh=refresh, anew=anew, wait=timedelta(seconds=wait), progress=_progress,
    )  # fmt: skip
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if found.has_findings:
        raise typer.Exit(1)


def _progress(done: int, every: int) -> None:
    if done % _EVERY == 0 or done == every:
        print_error(f"{done} of {every} orders decided")


def _print(found: Rehearsal) -> None:
    waiting = [each for each in found.orders if each.verdict in _SHOWN]
    if waiting:
        print_table(("Order", "Division", "Total", "Verdict", "Why"), map(_row, waiting))
    title = f"{found.period} ({found.period.zone})"
    print_table(("Verdict", "Orders", "Total"), _verdicts(found), title)
    if decisions := found.decisions[:MOST_DECISIONS]:
        columns = ("Decide", "Needed by", "Frees", "Money freed")
        rows = (
            (f"{d.code}: {d.cause}\n{d.remedy}", d.needed_by, d.frees, _sums(d.freed_sums))
            for d in decisions
        )
        print_table(columns, rows, "What frees the most orders, one after the other")
    if differences := found.typed_differences:
        shown = ((d.field, d.orders, "\n".join(d.examples)) for d in differences)
        print_table(("Field", "Orders", "For example"), shown, "Typed differently by hand")
    of_calls = ("Division", "Orders", "Calls", "Busiest day", "Calls then", "Allowed a day")
    calls = (
        (c.division, c.orders, c.calls, c.busiest_day, c.busiest_calls, c.day_limit)
        for c in found.calls
    )
    print_table(of_calls, calls, "Calls to Exact that posting would take")
    for line in summary(found):
        print_line(line)


_SHOWN = frozenset(VERDICTS) - {"posts", "linked", "nothing_to_do"}


def _row(order: RehearsedOrder) -> tuple[object, ...]:
    parts = [f"{each.code}: {each.cause}" for each in order.needs]
    if twin := order.twin:
        sure = "" if twin.is_sure else "; another fits as well"
        parts = [f"Exact order {twin.number}, by {', '.join(twin.matched_by)}{sure}", *parts]
    if order.waits_for:
        parts.append(order.waits_for)
    title = VERDICT_TITLES[order.verdict]
    return order.title, order.division, order.total, title, "\n".join(parts)


def _verdicts(found: Rehearsal) -> Iterator[tuple[object, ...]]:
    for verdict in VERDICTS:
        if orders := found.of_verdict(verdict):
            yield VERDICT_TITLES[verdict], len(orders), _sums(sums(orders))
    if found.only_in_exact:
        yield "Only in Exact", len(found.only_in_exact), ""


def _sums(amounts: Sums) -> str:
    return "\n".join(shown_sums(amounts))
