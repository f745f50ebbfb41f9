"""List proposals of a connection's vendors, and show one vendor."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ml_connector.domain.ids import Division, Guid, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.ledger import VendorRecord
from ml_connector.infrastructure.vendor_links import Link, ProposedSupplier, Rejection
from ml_connector.services import Services
from ml_connector.settings.division_names import find_division
from ml_connector.vendors.context import VendorContext, open_context
from ml_connector.vendors.linking import still_rejected
from ml_connector.vendors.review.find import find_vendor
from ml_connector.vendors.review.vendor_states import (
    VendorInDivision,
    VendorStates,
    waiting_by_vendor,
)


def proposals(
    services: Services,
    *,
    division: str | None = None,
    rule: str | None = None,
    waiting: bool = False,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return the proposals, those that orders wait for first; candidates best first.

    A vendor that orders wait for is listed even without a proposal. `waiting` keeps only these,
    `rule` the proposals of a rule, `limit` so many.
    """
    connection = services.connection
    codes = [each.division for each in connection.divisions]
    wanted = codes if division is None else [find_division(connection, division)]
    orders = waiting_by_vendor(services.ledger)
    states = VendorStates(services)
    found = [
        _proposed(each, orders.get((VendorId(each.vendor.id), code), ()))
        for code in wanted
        for each in states.of(code)
        if each.candidates or (VendorId(each.vendor.id), code) in orders
    ]
    found = [each for each in found if not rule or each["rule"] == rule]
    found = [each for each in found if each["orders"] or not waiting]
    return sorted(found, key=_urgency)[:limit]


def show(services: Services, vendor: str) -> dict[str, Any]:
    """Return one vendor: both sides, the decisions with evidence, and the audit trail."""
    connection = services.connection
    party = find_vendor(services, vendor)
    vendor_id = VendorId(party.id)
    context = open_context(services)
    record = services.ledger.vendor(vendor_id)
    orders = waiting_by_vendor(services.ledger)
    return {
        "connection": connection.id,
        "vendor": _plain(party),
        "in_airbase": context.vendors.get(party.id) is not None,
        "exception": _exception(record, ""),
        "divisions": [
            _in_division(context, party, each.division, record)
            | {"orders": list(orders.get((vendor_id, each.division), ()))}
            for each in connection.divisions
        ],
        "trail": [
            {"at": e.at, "actor": e.actor, "step": e.step, "detail": dict(e.detail)}
            for e in services.ledger.trail(record.key)
        ],
    }


# ------------------------------------------------------------ proposals


def _proposed(state: VendorInDivision, orders: Sequence[str]) -> dict[str, Any]:
    proposal = state.proposal if state.candidates else None
    return {
        "vendor": state.vendor.id,
        "name": state.vendor.name or (proposal.vendor_name if proposal else ""),
        "division": state.division,
        "rule": proposal.rule if proposal else "",
        "evidence": list(proposal.evidence) if proposal else [],
        "candidates": [_candidate(each) for each in state.candidates],
        "linked_to": state.link.supplier if state.link else None,
        "doubt": state.link.doubt or None if state.link else None,
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
    context: VendorContext, vendor: Party, division: Division, record: VendorRecord
) -> dict[str, Any]:
    name = VendorId(vendor.id)
    link = context.services.vendor_links.get(division, name)
    proposal = context.services.supplier_proposals.get(division, name)
    rejections = context.services.vendor_links.rejections(division, name)
    in_force = still_rejected(context, division, vendor, rejections)
    return {
        "division": division,
        "link": _link(context, link) if link else None,
        "proposal": {
            "rule": proposal.rule,
            "evidence": list(proposal.evidence),
            "candidates": [_candidate(each) for each in proposal.candidates],
            "at": _moment(proposal.at),
        }
        if proposal
        else None,
        "rejections": [_rejection(context, each, in_force) for each in rejections],
        "exception": _exception(record, division),
    }


def _link(context: VendorContext, link: Link) -> dict[str, Any]:
    return {
        "supplier": _supplier(context, link.division, link.supplier),
        "rule": link.rule,
        "evidence": list(link.evidence),
        "decided_by": link.decided_by or "automatic",
        "decided_at": _moment(link.decided_at),
        "doubt": link.doubt or None,
    }


def _rejection(context: VendorContext, rejection: Rejection, in_force: set[str]) -> dict[str, Any]:
    return {
        "supplier": _supplier(context, rejection.division, rejection.supplier),
        "by": rejection.by,
        "at": _moment(rejection.at),
        "reason": rejection.reason,
        "holds": rejection.supplier in in_force,
    }


def _supplier(context: VendorContext, division: Division, id: Guid) -> dict[str, Any]:
    """Return a supplier as in Exact; only the id if it is gone."""
    found = context.services.reference_store(division).get("supplier", id, Supplier)
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


def _exception(record: VendorRecord, key: str) -> dict[str, Any] | None:
    facts = record.facts.divisions.get(key)
    return facts.problem.as_dict() if facts and facts.problem else None


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
