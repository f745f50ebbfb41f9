"""Count links, proposals and waiting orders of a connection's vendors."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ml_connector.exact.reference_data import ACCOUNTS_PATH
from ml_connector.infrastructure.ledger import VENDORS
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.services import Services
from ml_connector.settings.connection import Connection, ExactDivision
from ml_connector.vendors.link_checks import CONFIGURED
from ml_connector.vendors.review.vendor_states import (
    VendorInDivision,
    VendorStates,
    Waiting,
    waiting_by_vendor,
)
from ml_connector.vendors.waiting_orders import waiting_orders


def status(services: Services) -> dict[str, Any]:
    """Return the figures of each division; shares are of the vendors that are active in Airbase.

    A share is None if there is nothing to count.
    """
    connection = services.connection
    states = VendorStates(services)
    run = services.ledger.read(VENDORS)
    every = Counter(record.facts.division for record in waiting_orders(services.ledger))
    waiting = waiting_by_vendor(services.ledger)
    return {
        "connection": connection.id,
        "comparison": run.state if run.version else "never",
        "vendors": len(states.vendors),
        "divisions": [
            _figures(states, connection, each)
            | _read_at(services.reference_store(each.division))
            | _orders(waiting, each, every[each.division])
            for each in connection.divisions
        ],
    }


def _figures(
    states: VendorStates, connection: Connection, division: ExactDivision
) -> dict[str, Any]:
    every = list(states.of(division.division))
    active = [each for each in every if each.is_known and each.vendor.is_usable]
    links = [each.link for each in every if each.link]
    origins = Counter(_origin(each.link) for each in active if each.link)
    return {
        "division": division.division,
        "name": division.name,
        "active_vendors": len(active),
        "linked": {each: origins[each] for each in ("automatic", "by_hand", "connection_file")},
        "share_automatic": _share(origins["automatic"], len(active)),
        "share_by_hand": _share(origins["by_hand"] + origins["connection_file"], len(active)),
        "links_by_rule": _sorted(Counter(each.rule for each in links)),
        "doubted": sum(bool(each.doubt) for each in links),
        "proposals": sum(bool(each.candidates) for each in every),
        "proposals_by_rule": _sorted(
            Counter(each.proposal.rule for each in every if each.proposal and each.candidates)
        ),
        "rejected": sum(len(each.rejections) for each in every),
        "without_candidate": sum(not each.link and not each.candidates for each in active),
        "reference": _references(connection, active),
    }


def _origin(link: Link) -> str:
    if link.decided_by == CONFIGURED:
        return "connection_file"
    return "by_hand" if link.decided_by else "automatic"


def _references(connection: Connection, active: Sequence[VendorInDivision]) -> dict[str, Any]:
    """Count what the vendors' ERP references name: the linked supplier, nothing, something else."""
    found: Counter[str] = Counter()
    for each in active:
        if each.link:
            reference = each.vendor.external_id.strip("{}").lower()
            is_ours = reference == each.link.supplier
            found["written" if is_ours else "other" if reference else "missing"] += 1
    counts = {name: found[name] for name in ("written", "missing", "other")}
    return {"is_written_back": connection.vendors.write_reference, **counts}


def _read_at(data: ReferenceStore) -> dict[str, Any]:
    at = data.cursor(ACCOUNTS_PATH).read_at
    return {"suppliers_read_at": at.isoformat(timespec="seconds") if at else None}


def _orders(waiting: Waiting, division: ExactDivision, every: int) -> dict[str, Any]:
    names = [name for (_, code), held in waiting.items() if code == division.division
             for name in held]  # fmt: skip
    return {
        "waiting_orders": every,
        "waiting_for_vendor": len(names),
        "share_waiting_for_vendor": _share(len(names), every),
    }


def _share(part: int, total: int) -> float | None:
    return round(part / total, 4) if total else None


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
