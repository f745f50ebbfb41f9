"""Recover from halts: one harmless request checks whether the cause of a halt is repaired.

Each halt is checked at most every 15 minutes: a refused request counts as an error, and Exact
blocks a key after ten errors within an hour at one endpoint. A halt that comes back as soon as it
is lifted (a user who may read but not write) is checked less and less often.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ml_connector.domain.faults import Halt, Later, Review
from ml_connector.domain.ids import Division, parse_division_key
from ml_connector.domain.records import LIFTED_BY_PEOPLE, HaltProblem
from ml_connector.exact import odata
from ml_connector.exact.purchase_orders import ORDERS_PATH
from ml_connector.exact.tokens import NOT_SENT
from ml_connector.infrastructure.halts import Halts
from ml_connector.services import Services
from ml_connector.settings.connection import Connection

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
    division = _division(services.connection, where) if where else None
    if where and division is None:
        return True  # the connection no longer has this division
    try:
        if not code.startswith("AIRBASE_"):
            _ask_exact(services, division, problem.evidence)
        if code.startswith(("AIRBASE_", "SECRET_")):
            services.airbase().check_access()
    except Halt as halt:
        # A halt of one division is no reason to keep the connection stopped.
        return not where and halt.division is not None
    except Review:
        return True  # an answer about the request shows that access works
    return True


def _division(connection: Connection, where: str) -> Division | None:
    """Return the division with this key, None when the connection does not have it."""
    site, code = parse_division_key(where)
    found = connection.division(code) if site in {None, connection.site} else None
    return found.division if found else None


def _ask_exact(services: Services, division: Division | None, evidence: Mapping[str, Any]) -> None:
    """Ask the endpoint that Exact refused for no rows; if unknown, the purchase orders."""
    endpoint = str(evidence.get("endpoint") or ORDERS_PATH)
    first = services.connection.divisions[0].division
    asked = division or Division(int(evidence.get("division") or first))
    if endpoint.startswith("sync/"):
        query = {"$filter": f"Timestamp gt {_END}", "$select": "Timestamp"}
    else:
        key = "PurchaseOrderID" if endpoint == ORDERS_PATH else "ID"
        query = {"$filter": f"{key} eq {_NO_SUCH_ID}", "$select": key}
    list(services.exact.rows(asked, endpoint, query))
