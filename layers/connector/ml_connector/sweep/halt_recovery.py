"""Recover from halts: one harmless request checks whether the cause of a halt is repaired.

Each halt is checked at most every 15 minutes: a refused request counts as an error, and Exact
blocks a key after ten errors within an hour at one endpoint. A halt that comes back as soon as it
is lifted (a user who may read but not write) is checked less and less often.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import site_in
from ml_connector.domain.records import LIFTED_BY_PEOPLE, HaltProblem
from ml_connector.exact import odata
from ml_connector.exact.client import ExactClient
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.exact.tokens import NOT_SENT
from ml_connector.infrastructure.halts import Halts
from ml_connector.services import Services
from ml_connector.settings.connection import ExactSite

EVERY = timedelta(minutes=15)
_MOST_DOUBLINGS = 6  # 16 hours
_NOT_ASKED = NOT_SENT | {
    "EXACT_AWAY", "AIRBASE_AWAY", "EXACT_MINUTE_LIMIT", "EXACT_DAY_LIMIT", "EXACT_ERROR_LIMIT",
}  # fmt: skip
"""Codes of delays before which no call was made: it is checked again at the next sweep."""
_NO_SUCH_ID = odata.guid_literal("00000000-0000-0000-0000-000000000000")
_END = odata.int64_literal(2**63 - 1)


def lift_halts(services: Services) -> bool:
    """Lift the halts whose cause is repaired; return whether any was lifted.

    Raises `Conflict` when another worker changed the connection's record meanwhile.
    """
    repaired: dict[str, str] = {}
    for where, halt in sorted(Halts(services.ledger).all().items()):
        if halt.code in LIFTED_BY_PEOPLE:
            continue
        pause = EVERY * 2 ** min(halt.times, _MOST_DOUBLINGS)
        lease = services.leases.acquire(f"halt {where}", pause)
        if lease is None:
            continue
        try:
            if _is_repaired(services, where, halt):
                repaired[where] = halt.code
        except Later as later:
            if later.code in _NOT_ASKED:
                services.leases.release(lease)
    return Halts(services.ledger).lift(repaired)


def _is_repaired(services: Services, where: str, problem: HaltProblem) -> bool:
    """Ask the remote that the halt is about; raises `Later` when it cannot be asked now."""
    code = problem.code
    sites = [site for site in services.connection.sites if _concerns(where, site)]
    if not sites:
        return True  # the connection no longer has this site or division
    try:
        if not code.startswith("AIRBASE_"):
            for site in sites:
                _ask_exact(services.exact_at(site.site), site, where, problem.evidence)
        if code.startswith(("AIRBASE_", "SECRET_")):
            services.airbase().check_access()
    except Halt as halt:
        # A halt of less is no reason to keep the whole connection or site stopped.
        is_wider = where in {"", site_in(halt.scope)}
        return is_wider and (halt.scope or "") != where
    except Review:
        return True  # an answer about the request shows that access works
    return True


def _concerns(where: str, site: ExactSite) -> bool:
    """Return whether a halt stops this site, or one of its divisions."""
    return where in {"", site.site, *(each.division for each in site.divisions)}


def _ask_exact(
    exact_client: ExactClient, site: ExactSite, where: str, evidence: Mapping[str, Any]
) -> None:
    """Ask the endpoint that Exact refused for no rows; if unknown, the purchase orders."""
    endpoint = str(evidence.get("endpoint") or ORDERS_PATH)
    known = [each.division for each in site.divisions]
    refused = {where, str(evidence.get("division"))}
    asked = next((each for each in known if each in refused), known[0])
    if endpoint.startswith("sync/"):
        query = {"$filter": f"Timestamp gt {_END}", "$select": "Timestamp"}
    else:
        key = "PurchaseOrderID" if endpoint == ORDERS_PATH else "ID"
        query = {"$filter": f"{key} eq {_NO_SUCH_ID}", "$select": key}
    list(exact_client.rows(asked, endpoint, query))
