"""How the vendors of a connection stand, in figures."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from connector_cli.actions.vendors.standings import Standing, Standings, Waiting, waiting_by_vendor
from connector_cli.stack import Stack
from ml_connector.connection import Connection, ExactDivision
from ml_connector.doors.ledger import VENDORS
from ml_connector.doors.links import Link
from ml_connector.exact.reference import ACCOUNTS_PATH
from ml_connector.workflows.vendors.waiting_orders import waiting_orders
from ml_connector.workflows.vendors.watch import CONFIGURED


def status(stack: Stack, id: str) -> dict[str, Any]:
    """Return the figures of each division; shares are of the vendors that are active in Airbase.

    A share is None where there is nothing to have a share of.
    """
    connection = stack.connection(id)
    standings = Standings(stack, connection)
    run = stack.doors.ledger.read(connection.id, VENDORS)
    every = Counter(
        record.facts.get("division") for record in waiting_orders(stack.doors, connection.id)
    )
    waiting = waiting_by_vendor(stack, connection)
    return {
        "connection": connection.id,
        "comparison": run.state if run.version else "never",
        "vendors": len(standings.vendors),
        "divisions": [
            _figures(standings, connection, each)
            | _read_at(stack, connection, each)
            | _orders(waiting, each, every[each.division])
            for each in connection.divisions
        ],
    }


def _figures(
    standings: Standings, connection: Connection, division: ExactDivision
) -> dict[str, Any]:
    every = list(standings.of(division.division))
    active = [each for each in every if each.is_known and each.vendor.is_usable]
    links = [each.link for each in every if each.link]
    makers = Counter(_maker(each.link) for each in active if each.link)
    return {
        "division": division.division,
        "name": division.name,
        "active_vendors": len(active),
        "linked": {each: makers[each] for each in ("automatic", "by_hand", "connection_file")},
        "share_automatic": _share(makers["automatic"], len(active)),
        "share_by_hand": _share(makers["by_hand"] + makers["connection_file"], len(active)),
        "links_by_rule": _sorted(Counter(each.rule for each in links)),
        "doubted": sum(bool(each.doubt) for each in links),
        "proposals": sum(bool(each.offered) for each in every),
        "proposals_by_rule": _sorted(
            Counter(each.proposal.rule for each in every if each.proposal and each.offered)
        ),
        "rejected": sum(len(each.rejections) for each in every),
        "without_candidate": sum(not each.link and not each.offered for each in active),
        "reference": _references(connection, active),
    }


def _maker(link: Link) -> str:
    if link.decided_by == CONFIGURED:
        return "connection_file"
    return "by_hand" if link.decided_by else "automatic"


def _references(connection: Connection, active: Sequence[Standing]) -> dict[str, Any]:
    """Count where the vendor's ERP reference leads: to its supplier's id, nowhere, elsewhere."""
    told: Counter[str] = Counter()
    for each in active:
        if each.link:
            reference = each.vendor.external_id.strip("{}").lower()
            is_ours = reference == each.link.supplier
            told["written" if is_ours else "other" if reference else "missing"] += 1
    counts = {name: told[name] for name in ("written", "missing", "other")}
    return {"is_written_back": connection.vendors.write_reference, **counts}


def _read_at(stack: Stack, connection: Connection, division: ExactDivision) -> dict[str, Any]:
    data = stack.doors.data(connection.id, division.division)
    at = data.reading(ACCOUNTS_PATH).read_at
    return {"suppliers_read_at": at.isoformat(timespec="seconds") if at else None}


def _orders(waiting: Waiting, division: ExactDivision, every: int) -> dict[str, Any]:
    names = [name for (_, code), held in waiting.items() if code == division.division
             for name in held]  # fmt: skip
    return {
        "waiting_orders": every,
        "waiting_for_vendor": len(names),
        "share_waiting_for_vendor": _share(len(names), every),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
