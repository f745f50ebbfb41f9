"""`connector vendors status`, `list` and `show`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from connector_cli.actions.vendors import status as vendor_status
from connector_cli.actions.vendors import views as vendor_views
from connector_cli.commands.common import ConnectionArgument, Json, opened
from connector_cli.printing import say, say_json, say_table

VendorArgument = Annotated[
    str, typer.Argument(metavar="VENDOR", help="Airbase id, or a name that only one vendor has.")
]
_LONGEST = 300


def status(
    context: typer.Context,
    connection: ConnectionArgument,
    as_json: Json = False,
) -> None:
    """Count links, proposals and waiting orders in each division."""
    found = vendor_status.status(opened(context), connection)
    if as_json:
        say_json(found)
        return
    say(f"{found['vendors']} vendors read; comparison of both lists: {found['comparison']}.")
    names = [f"{each['division']} {each['name']}".strip() for each in found["divisions"]]
    columns = [list(_figures(each)) for each in found["divisions"]]
    labels = [label for label, _ in columns[0]]
    say_table(("", *names), zip(labels, *([text for _, text in c] for c in columns), strict=True))


def list_(
    context: typer.Context,
    connection: ConnectionArgument,
    division: Annotated[int | None, typer.Option(help="Only this Exact division.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only what this rule proposed.")] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only vendors that orders wait for.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    as_json: Json = False,
) -> None:
    """List what waits for a decision, with its evidence: what holds orders up comes first."""
    found = vendor_views.proposals(
        opened(context), connection, division=division, rule=rule, waiting=waiting, limit=limit
    )
    if as_json:
        say_json(found)
    elif not found:
        say("Nothing is proposed.")
    else:
        for each in found:
            _say_proposal(each)


def show(
    context: typer.Context,
    connection: ConnectionArgument,
    vendor: VendorArgument,
    as_json: Json = False,
) -> None:
    """Show one vendor: both sides, links, proposals, rejections and what was done."""
    found = vendor_views.show(opened(context), connection, vendor)
    if as_json:
        say_json(found)
        return
    _say_sides(found)
    for each in found["divisions"]:
        _say_division(each)
    rows = (
        (step["at"][:19], step["actor"], step["step"], _detail(step["detail"]))
        for step in found["trail"]
    )
    say_table(("At (UTC)", "Who", "Step", "Detail"), rows)


def _figures(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    linked, reference = found["linked"], found["reference"]
    yield "Suppliers read", found["suppliers_read_at"] or "never"
    yield "Active vendors", str(found["active_vendors"])
    yield "Linked by itself", _of(linked["automatic"], found["share_automatic"])
    by_hand = linked["by_hand"] + linked["connection_file"]
    yield "Linked by hand or file", _of(by_hand, found["share_by_hand"])
    yield "Links by rule", _counts(found["links_by_rule"])
    yield "Links in doubt", str(found["doubted"])
    yield "Proposals", _counts(found["proposals_by_rule"]) or "0"
    yield "Rejected pairs", str(found["rejected"])
    yield "Without candidate", str(found["without_candidate"])
    yield "Waiting orders", str(found["waiting_orders"])
    share = found["share_waiting_for_vendor"]
    yield "  for a vendor", _of(found["waiting_for_vendor"], share)
    yield "Reference in Airbase", "written back" if reference["is_written_back"] else "left alone"
    told = (f"{reference[each]} {each}" for each in ("written", "missing", "other"))
    yield "", ", ".join(told)


def _of(count: int, share: float | None) -> str:
    return str(count) if share is None else f"{count} ({share:.1%})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _say_proposal(found: Mapping[str, Any]) -> None:
    say(f"{found['name']} ({found['vendor']}), division {found['division']}{_orders(found)}")
    _say_candidates(found["candidates"], found["rule"], found["evidence"])
    if found["linked_to"]:
        say(f"  Linked to {found['linked_to']}{_because(found['doubt'])}")


def _say_candidates(
    candidates: Sequence[Mapping[str, Any]], rule: str, evidence: Sequence[str]
) -> None:
    if not candidates:
        say("  Nothing is proposed: link it by hand.")
        return
    say(f"  Proposed by {rule.replace('_', ' ')}: {'; '.join(evidence)}")
    for at, each in enumerate(candidates, start=1):
        say(f"  {at}. {each['code']} {each['name']} ({each['score']:.2f}) {each['id']}")


def _orders(found: Mapping[str, Any]) -> str:
    return f", waiting: {', '.join(found['orders'])}" if found["orders"] else ""


def _because(code: str | None) -> str:
    return f", in doubt: {code}" if code else ""


def _say_sides(found: Mapping[str, Any]) -> None:
    vendor = found["vendor"]
    gone = "" if found["in_airbase"] else ", not in Airbase's list"
    closed = "" if vendor["is_active"] else ", not active"
    say(f"{vendor['name']} ({vendor['id']}{gone}{closed})")
    _say_fields(vendor, ("id", "name", "is_active"))
    if found["exception"]:
        say(f"  {found['exception']['code']}: {found['exception']['cause']}")


def _say_division(found: Mapping[str, Any]) -> None:
    say(f"Division {found['division']}{_orders(found)}")
    if link := found["link"]:
        say(f"  Linked to {_supplier(link['supplier'])}{_because(link['doubt'])}")
        say(f"  By rule {link['rule']}, {link['decided_by']}, {link['decided_at']}")
        if link["evidence"]:
            say(f"  Because: {'; '.join(link['evidence'])}")
        _say_fields(link["supplier"], ("id", "in_exact", "code", "name", "is_supplier"))
    if proposal := found["proposal"]:
        _say_candidates(proposal["candidates"], proposal["rule"], proposal["evidence"])
    for each in found["rejections"]:
        holds = "" if each["holds"] else " (no longer: the data changed)"
        say(f"  Rejected: {_supplier(each['supplier'])} by {each['by']}: {each['reason']}{holds}")
    if found["exception"]:
        say(f"  {found['exception']['code']}: {found['exception']['cause']}")
        say(f"  To do: {found['exception']['remedy']}")


def _supplier(found: Mapping[str, Any]) -> str:
    if not found["in_exact"]:
        return f"{found['id']}, which Exact no longer has"
    return f"{found['code']} {found['name']} {found['id']}"


def _say_fields(found: Mapping[str, Any], without: Sequence[str]) -> None:
    shown = (f"{name} {value}" for name, value in found.items() if value and name not in without)
    if text := ", ".join(shown):
        say(f"    {text}")


def _detail(detail: object) -> str:
    text = json.dumps(detail, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
