"""Write a rehearsal's report: a list for a spreadsheet, HTML for printing."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ml_connector.domain.exception_codes.difference_words import in_words
from ml_connector.domain.exception_codes.readable import coded_text, readable_text
from ml_connector.domain.words import moment
from ml_connector.lists.writing import write_list
from ml_connector.output.printed_pages import paragraph, table, write_page
from ml_connector.rehearsal.readiness import Readiness
from ml_connector.rehearsal.rehearsed_orders import (
    VERDICT_TITLES,
    VERDICTS,
    Need,
    OnlyInExact,
    RehearsedOrder,
    Twin,
)
from ml_connector.rehearsal.report import MOST_DECISIONS, Rehearsal, readable_sums, summary, sums

COLUMNS = (
    "verdict", "goes_through", "division", "order", "title", "day", "vendor", "currency",
    "amount", "codes", "why", "to_do", "exact_number", "matched_by", "is_sure", "differences",
)  # fmt: skip


def write_orders(found: Rehearsal, path: Path) -> None:
    """Write one row for each order, and for each that is only in Exact.

    Raises `UserError` if the file cannot be written.
    """
    rows = [_cells(each) for each in found.orders]
    write_list(path, COLUMNS, [*rows, *(_cells_of_exact(each) for each in found.only_in_exact)])


def write_html(found: Rehearsal, path: Path) -> None:
    """Write a self-contained page; raises `UserError` if the file cannot be written."""
    name = found.connection.name or found.connection.id
    write_page(path, f"Rehearsal {found.period}: {name}", _page(found))


def differences_text(twin: Twin) -> str:
    """Return what was typed differently, as one text."""
    return "; ".join(in_words(each, "typed") for each in twin.differences)


def _cells(order: RehearsedOrder) -> tuple[object, ...]:
    twin = order.twin
    return (
        order.verdict, _yes(is_true=order.goes_through), order.division, order.id, order.title,
        order.day, order.vendor, order.currency, order.amount,
        " ".join(dict.fromkeys(each.code for each in order.needs)),
        " ".join([*map(_need, order.needs), order.waits_for]),
        " ".join(dict.fromkeys(each.remedy for each in order.needs)),
        twin.number if twin else order.exact_number,
        ", ".join(twin.matched_by) if twin else "",
        _yes(is_true=twin.is_sure) if twin else "",
        differences_text(twin) if twin else "",
    )  # fmt: skip


def _cells_of_exact(found: OnlyInExact) -> tuple[object, ...]:
    return (
        "only_in_exact", "", found.division, "", found.reference, found.day, found.supplier,
        found.currency, found.amount, "", found.why, "", found.number, "", "", "",
    )  # fmt: skip


def _yes(*, is_true: bool) -> str:
    return "yes" if is_true else "no"


def _page(found: Rehearsal) -> Iterator[str]:
    ended = f" Ended {moment(found.run.ended_at)}." if found.run.ended_at else ""
    days = f"{found.period.first} to {found.period.last}, days in {found.period.zone}."
    yield paragraph(f"{days} Rehearsed by {found.run.by}.{ended} Nothing was posted.")
    for line in summary(found):
        yield paragraph(line)
    if not found.is_whole:
        yield paragraph("Not every order was decided: the figures are not final.", "warn")
    yield from table("What becomes of the orders", ("", "Orders", "Total"), _verdicts(found),
                     numbers=2)  # fmt: skip
    yield from _decisions(found)
    yield from _calls(found)
    for verdict in VERDICTS:
        if orders := found.of_verdict(verdict):
            yield from _orders(f"{VERDICT_TITLES[verdict]} ({len(orders)})", orders)
    if found.only_in_exact:
        yield from _only_in_exact(found.only_in_exact)


def _decisions(found: Rehearsal) -> Iterator[str]:
    columns = ("What to decide", "How", "Needed by", "Frees", "Money freed")
    rows = (
        (
            coded_text(each.code, each.cause), each.remedy, each.needed_by, each.frees,
            "\n".join(readable_sums(each.freed_sums)),
        )
        for each in found.decisions[:MOST_DECISIONS]
    )  # fmt: skip
    title = "What frees the most orders, one after the other"
    yield from table(title, columns, rows, numbers=3)
    typed = ((e.field, "\n".join(e.examples), e.orders) for e in found.typed_differences)
    title = "Typed differently by hand"
    yield from table(title, ("Field", "For example", "Orders"), typed, numbers=1)


def _calls(found: Rehearsal) -> Iterator[str]:
    columns = (
        "Of", "Busiest day", "Orders", "Calls", "Calls that day", "Allowed a day", "A minute",
    )  # fmt: skip
    yield from table("Calls to Exact that posting would take", columns, call_rows(found), numbers=5)


def call_rows(found: Rehearsal) -> Iterator[tuple[object, ...]]:
    """Yield the calls that posting would take of each division's limits, and of each contract's.

    Of whom, the busiest day, orders, calls, calls that day, and how many are allowed a day and a
    minute.
    """
    for each in found.calls:
        yield (
            each.division, each.busiest_day,
            *_grouped(each.orders, each.calls, each.busiest_calls),
            *_grouped(each.day_limit, each.minute_limit),
        )  # fmt: skip
    for contract in found.contract_calls:
        orders = sum(each.orders for each in found.calls if each.division in contract.divisions)
        yield (
            f"contract {contract.title}", contract.busiest_day,
            *_grouped(orders, contract.calls, contract.busiest_calls, contract.day_limit), "",
        )  # fmt: skip


def _grouped(*numbers: int) -> Iterator[str]:
    return (f"{each:,}" for each in numbers)


def _only_in_exact(orders: Sequence[OnlyInExact]) -> Iterator[str]:
    columns = ("Division", "Exact order", "Day", "Supplier", "Reference", "Why", "Total")
    rows = ((e.division, e.number, e.day, e.supplier, e.reference, e.why, e.total) for e in orders)
    yield from table(f"Only in Exact ({len(orders)})", columns, rows, numbers=1)


def _verdicts(found: Rehearsal) -> Iterator[tuple[object, ...]]:
    for verdict in VERDICTS:
        if orders := found.of_verdict(verdict):
            yield VERDICT_TITLES[verdict], len(orders), "\n".join(readable_sums(sums(orders)))


def _orders(title: str, orders: list[RehearsedOrder]) -> Iterator[str]:
    columns = ("Order", "Division", "Day", "Vendor", "Exact order", "Why", "Total")
    rows = (
        (
            o.title, o.division, o.day, o.vendor, o.twin.number if o.twin else o.exact_number,
            _why(o), o.total,
        )
        for o in orders
    )  # fmt: skip
    yield from table(title, columns, rows, numbers=1)


def _why(order: RehearsedOrder) -> str:
    parts = [*map(_need, order.needs)]
    if twin := order.twin:
        sure = "" if twin.is_sure else " (another one fits as well)"
        parts = [f"Same {', '.join(twin.matched_by)}{sure}.", *parts, differences_text(twin)]
    return "\n".join(filter(None, [*parts, order.waits_for]))


def _need(need: Need) -> str:
    return f"{need.record}: {readable_text(need.code, need.cause)}"


READY_COLUMNS = ("area", "where", "ok", "what", "remedy")
_VERDICTS = {True: "ready", False: "NOT READY", None: "look"}


def write_readiness(found: Readiness, path: Path) -> None:
    """Write one row for each line; raises `UserError` if the file cannot be written."""
    rows = ((e.area, e.where, _VERDICTS[e.ok], e.what, e.remedy) for e in found.lines)
    write_list(path, READY_COLUMNS, rows)


def write_sign_off(found: Readiness, path: Path) -> None:
    """Write a page to be signed; raises `UserError` if the file cannot be written."""
    name = found.connection.name or found.connection.id
    write_page(path, f"Ready to go live: {name}", _sign_off(found))


def _sign_off(found: Readiness) -> Iterator[str]:
    yield paragraph(f"Checked {moment(found.checked_at)} by {found.checked_by}.")
    if found.is_ready:
        yield paragraph("Verdict: ready to go live.", "warn")
    else:
        yield paragraph(f"Verdict: not ready, {len(found.red)} things to repair.", "warn")
    rows = ((e.area, e.where, _VERDICTS[e.ok], e.what, e.remedy) for e in found.lines)
    yield from table("What was checked", ("Area", "Where", "", "Finding", "To do"), rows)
    signed = [("Finance", "", ""), ("Systems", "", "")]
    yield from table("Signed off", ("For", "Name and date", "Signature"), signed)
