"""`connector vendors status`, `list`, `shared` and `show`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from connector_cli.commands.common import ConnectionArgument, Json, stack_of
from connector_cli.printing import print_json, print_line, print_table
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.words import command, counted, instant, moment
from ml_connector.vendors.review import shared_suppliers
from ml_connector.vendors.review import status as vendor_status
from ml_connector.vendors.review import views as vendor_views

VendorArgument = Annotated[
    str, typer.Argument(metavar="VENDOR", help="Airbase id, or a name that only one vendor has.")
]
_MAX_DETAIL = 300


def status(
    context: typer.Context,
    connection: ConnectionArgument,
    as_json: Json = False,
) -> None:
    """Count links, proposals and waiting orders in each division."""
    found = vendor_status.status(stack_of(context).services_of(connection))
    if as_json:
        print_json(found)
        return
    vendors = counted(found["vendors"], "vendor")
    print_line(f"{vendors} read; comparison of both lists: {found['comparison']}.")
    names = [f"{each['division']} {each['name']}".strip() for each in found["divisions"]]
    columns = [list(_figures(each)) for each in found["divisions"]]
    labels = [label for label, _ in columns[0]]
    print_table(("", *names), zip(labels, *([text for _, text in c] for c in columns), strict=True))


def list_(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[str | None, typer.Option(help="Only this Exact division.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only proposals made by this rule.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only vendors with waiting orders.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Show at most this many.")] = None,
    as_json: Json = False,
) -> None:
    """List vendors that need a decision, with evidence; those with waiting orders come first."""
    found = vendor_views.proposals(
        stack_of(context).services_of(connection),
        division=division,
        rule=rule,
        waiting=waiting,
        limit=limit,
    )
    if as_json:
        print_json(found)
    elif not found:
        print_line("Nothing is proposed.")
    else:
        for each in found:
            _print_proposal(connection, each)


def shared(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[str | None, typer.Option(help="Only this Exact division.")] = None,
    as_json: Json = False,
) -> None:
    """List suppliers that serve several vendors, so that a double payment can be seen."""
    found = shared_suppliers.shared(stack_of(context).services_of(connection), division)
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("No supplier serves several vendors.")
    for each in found:
        print_line(f"{each['code']} {each['name']} (division {each['division']})")
        for vendor in each["vendors"]:
            print_line(f"  {vendor['name']} ({vendor['vendor']}): {vendor['decided_by']}")


def show(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    as_json: Json = False,
) -> None:
    """Show one vendor: both sides, links, proposals, rejections and its audit trail."""
    found = vendor_views.show(stack_of(context).services_of(connection), vendor)
    if as_json:
        print_json(found)
        return
    _print_sides(found)
    for each in found["divisions"]:
        _print_division(each)
    rows = (
        (instant(step["at"]), step["actor"], step["step"], _detail(step["detail"]))
        for step in found["trail"]
    )
    print_table(("At", "Who", "Step", "Detail"), rows)


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    linked, reference = found["linked"], found["reference"]
    yield "Suppliers read", moment(at) if (at := found["suppliers_read_at"]) else "never"
    yield "Active vendors", str(found["active_vendors"])
    yield "Linked automatically", _with_share(linked["automatic"], found["share_automatic"])
    by_hand = linked["by_hand"] + linked["connection_file"]
    yield "Linked by hand or file", _with_share(by_hand, found["share_by_hand"])
    yield "Links by rule", _counts(found["links_by_rule"])
    yield "Links in doubt", str(found["doubted"])
    yield "Proposals", _counts(found["proposals_by_rule"]) or "0"
    yield "Rejected pairs", str(found["rejected"])
    yield "Without a candidate", str(found["without_candidate"])
    yield "Waiting orders", str(found["waiting_orders"])
    share = found["share_waiting_for_vendor"]
    yield "  for a vendor", _with_share(found["waiting_for_vendor"], share)
    yield "Reference in Airbase", "written back" if reference["is_written_back"] else "not written"
    counts = (f"{reference[each]} {each}" for each in ("written", "missing", "other"))
    yield "", ", ".join(counts)


def _with_share(count: int, share: float | None) -> str:
    return f"{count:,}" if share is None else f"{count:,} ({share:.1%})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _print_proposal(connection: str, found: Mapping[str, Any]) -> None:
    print_line(f"{found['name']} ({found['vendor']}), division {found['division']}{_orders(found)}")
    _print_candidates(found["candidates"], found["rule"], found["evidence"])
    if not found["candidates"]:
        words = (connection, found["vendor"], "SUPPLIER", "--reason", "REASON")
        print_line(f"  {command('vendors', 'link', *words, '--division', found['division'])}")
    if found["linked_to"]:
        print_line(f"  Linked to {found['linked_to']}{_because(found['doubt'])}")


def _print_candidates(
    candidates: Sequence[Mapping[str, Any]], rule: str, evidence: Sequence[str]
) -> None:
    if not candidates:
        print_line("  Nothing is proposed: link it by hand.")
        return
    print_line(f"  Proposed by {rule.replace('_', ' ')}: {'; '.join(evidence)}")
    for at, each in enumerate(candidates, start=1):
        print_line(f"  {at}. {each['code']} {each['name']} ({each['score']:.2f}) {each['id']}")


def _orders(found: Mapping[str, Any]) -> str:
    return f", waiting: {', '.join(found['orders'])}" if found["orders"] else ""


def _because(code: str | None) -> str:
    return f", in doubt: {code}" if code else ""


def _print_sides(found: Mapping[str, Any]) -> None:
    vendor = found["vendor"]
    gone = "" if found["in_airbase"] else ", not in Airbase's list"
    closed = "" if vendor["is_active"] else ", not active"
    print_line(f"{vendor['name']} ({vendor['id']}{gone}{closed})")
    _print_fields(vendor, ("id", "name", "is_active"))
    if found["exception"]:
        print_line(f"  {_said(found['exception'])}")


def _print_division(found: Mapping[str, Any]) -> None:
    print_line(f"Division {found['division']}{_orders(found)}")
    if link := found["link"]:
        print_line(f"  Linked to {_supplier(link['supplier'])}{_because(link['doubt'])}")
        print_line(f"  By rule {link['rule']}, {link['decided_by']}, {moment(link['decided_at'])}")
        if link["evidence"]:
            print_line(f"  Because: {'; '.join(link['evidence'])}")
        _print_fields(link["supplier"], ("id", "in_exact", "code", "name", "is_supplier"))
    if proposal := found["proposal"]:
        _print_candidates(proposal["candidates"], proposal["rule"], proposal["evidence"])
    for each in found["rejections"]:
        holds = "" if each["holds"] else " (no longer: the data changed)"
        print_line(
            f"  Rejected: {_supplier(each['supplier'])} by {each['by']}: {each['reason']}{holds}"
        )
    if found["exception"]:
        print_line(f"  {_said(found['exception'])}")
        print_line(f"  To do: {found['exception']['remedy']}")


def _said(problem: Mapping[str, Any]) -> str:
    return coded_text(problem["code"], problem["cause"])


def _supplier(found: Mapping[str, Any]) -> str:
    if not found["in_exact"]:
        return f"{found['id']}, which Exact no longer has"
    return f"{found['code']} {found['name']} {found['id']}"


def _print_fields(found: Mapping[str, Any], without: Sequence[str]) -> None:
    shown = (f"{name} {value}" for name, value in found.items() if value and name not in without)
    if text := ", ".join(shown):
        print_line(f"    {text}")


def _detail(detail: object) -> str:
    text = json.dumps(detail, ensure_ascii=False)
    return text if len(text) <= _MAX_DETAIL else f"{text[:_MAX_DETAIL]}…"
