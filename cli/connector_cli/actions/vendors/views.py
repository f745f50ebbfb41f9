"""What is proposed about the vendors of a connection, and all about one of them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connector_cli.actions.vendors.names import find_division, find_vendor
from connector_cli.actions.vendors.standings import Standing, Standings, waiting_by_vendor
from connector_cli.stack import Stack
from ml_connector.doors.ledger import Record, vendor_key
from ml_connector.doors.links import Link, ProposedSupplier, Rejection
from ml_connector.ids import Division, Guid, VendorId
from ml_connector.purchase_orders.books import Supplier
from ml_connector.vendors.party import Party
from ml_connector.workflows.vendors.desk import VendorDesk, open_desk
from ml_connector.workflows.vendors.matching import still_rejected


def proposals(
    stack: Stack,
    id: str,
    *,
    division: int | None = None,
    rule: str | None = None,
    waiting: bool = False,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return what is proposed, candidates best first; what orders wait for comes first.

    A vendor that orders wait for is listed although nothing is proposed. `waiting` keeps only
    what orders wait for, `rule` what this rule proposed, `limit` so many.
    """
    connection = stack.connection(id)
    codes = [each.division for each in connection.divisions]
    wanted = codes if division is None else [find_division(connection, division)]
    held = waiting_by_vendor(stack, connection)
    standings = Standings(stack, connection)
    found = [
        _proposed(each, held.get((VendorId(each.vendor.id), code), ()))
        for code in wanted
        for each in standings.of(code)
        if each.offered or (VendorId(each.vendor.id), code) in held
    ]
    found = [each for each in found if not rule or each["rule"] == rule]
    found = [each for each in found if each["orders"] or not waiting]
    return sorted(found, key=_urgency)[:limit]


def show(stack: Stack, id: str, vendor: str) -> dict[str, Any]:
    """Return all about one vendor: both sides, what was decided and why, and the audit trail."""
    connection = stack.connection(id)
    party = find_vendor(stack, connection, vendor)
    name = VendorId(party.id)
    desk = open_desk(stack.doors, connection)
    record = stack.doors.ledger.read(connection.id, vendor_key(name))
    held = waiting_by_vendor(stack, connection)
    return {
        "connection": connection.id,
        "vendor": _plain(party),
        "in_airbase": desk.vendors.get(party.id) is not None,
        "exception": _here(record, "").get("problem"),
        "divisions": [
            _in_division(desk, party, each.division, record)
            | {"orders": list(held.get((name, each.division), ()))}
            for each in connection.divisions
        ],
        "trail": [
            {"at": e.at, "actor": e.actor, "step": e.step, "detail": dict(e.detail)}
            for e in stack.doors.ledger.trail(connection.id, record.key)
        ],
    }


# ------------------------------------------------------------ proposals


def _proposed(standing: Standing, orders: Sequence[str]) -> dict[str, Any]:
    proposal = standing.proposal if standing.offered else None
    return {
        "vendor": standing.vendor.id,
        "name": standing.vendor.name or (proposal.vendor_name if proposal else ""),
        "division": standing.division,
        "rule": proposal.rule if proposal else "",
        "evidence": list(proposal.evidence) if proposal else [],
        "candidates": [_candidate(each) for each in standing.offered],
        "linked_to": standing.link.supplier if standing.link else None,
        "doubt": standing.link.doubt or None if standing.link else None,
        "orders": list(orders),
        "proposed_at": _moment(proposal.at) if proposal else None,
    }


def _urgency(found: Mapping[str, Any]) -> tuple[Any, ...]:
    best = max((each["score"] for each in found["candidates"]), default=0.0)
    return -len(found["orders"]), -best, found["name"].casefold(), found["vendor"]


def _candidate(proposed: ProposedSupplier) -> dict[str, Any]:
    return {
        "id": proposed.id, "code": proposed.code, "name": proposed.name, "score": proposed.score,
    }  # fmt: skip


# ------------------------------------------------------------ one vendor


def _in_division(
    desk: VendorDesk, vendor: Party, division: Division, record: Record
) -> dict[str, Any]:
    name = VendorId(vendor.id)
    link = desk.doors.links.get(desk.id, division, name)
    proposal = desk.doors.proposals.get(desk.id, division, name)
    rejections = desk.doors.links.rejections(desk.id, division, name)
    in_force = still_rejected(desk, division, vendor, rejections)
    return {
        "division": division,
        "link": _link(desk, link) if link else None,
        "proposal": {
            "rule": proposal.rule,
            "evidence": list(proposal.evidence),
            "candidates": [_candidate(each) for each in proposal.candidates],
            "at": _moment(proposal.at),
        }
        if proposal
        else None,
        "rejections": [_rejection(desk, each, in_force) for each in rejections],
        "exception": _here(record, str(division)).get("problem"),
    }


def _link(desk: VendorDesk, link: Link) -> dict[str, Any]:
    return {
        "supplier": _supplier(desk, link.division, link.supplier),
        "rule": link.rule,
        "evidence": list(link.evidence),
        "decided_by": link.decided_by or "automatic",
        "decided_at": _moment(link.decided_at),
        "doubt": link.doubt or None,
    }


def _rejection(desk: VendorDesk, rejection: Rejection, in_force: set[str]) -> dict[str, Any]:
    return {
        "supplier": _supplier(desk, rejection.division, rejection.supplier),
        "by": rejection.by,
        "at": _moment(rejection.at),
        "reason": rejection.reason,
        "holds": rejection.supplier in in_force,
    }


def _supplier(desk: VendorDesk, division: Division, id: Guid) -> dict[str, Any]:
    """Return a supplier as Exact has it; of one that is gone, the id alone."""
    found = desk.doors.data(desk.id, division).get("supplier", id, Supplier)
    if found is None:
        return {"id": id, "in_exact": False}
    names = (
        "code", "name", "email", "vat_number", "chamber_of_commerce", "country", "city",
        "is_supplier", "is_blocked",
    )  # fmt: skip
    known = {name: getattr(found, name) for name in names}
    ends = found.end.isoformat() if found.end else None
    return {"id": id, "in_exact": True, **known, "ends": ends}


def _plain(vendor: Party) -> dict[str, Any]:
    return {
        "id": vendor.id,
        "name": vendor.name,
        "email": vendor.email,
        "vat_number": vendor.vat_number,
        "chamber_of_commerce": vendor.chamber_of_commerce,
        "country": vendor.country,
        "city": vendor.city,
        "erp_reference_id": vendor.external_id,
        "is_active": vendor.is_usable,
    }


def _here(record: Record, where: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = record.facts.get("divisions", {}).get(where, {})
    return found


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
