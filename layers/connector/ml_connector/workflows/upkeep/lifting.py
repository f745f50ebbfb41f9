"""The way back from a halt: one harmless question shows that what stopped a connection is over.

Each halt is asked about at most every 15 minutes: a question that is refused counts as an error,
and Exact blocks a key after ten within an hour at one endpoint. One that comes back as soon as it
is lifted (who may read may not be allowed to write) is asked about ever more rarely.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ml_connector.connection import Connection
from ml_connector.exact import odata
from ml_connector.exact.orders import ORDERS_PATH
from ml_connector.faults import Halt, Later, Review
from ml_connector.ids import Division
from ml_connector.workflows.doors import Doors

EVERY = timedelta(minutes=15)
_MOST_DOUBLINGS = 6  # 16 hours
_NOBODY = odata.guid_literal("00000000-0000-0000-0000-000000000000")
_END = odata.int64_literal(2**63 - 1)


def lift_halts(doors: Doors, connection: Connection) -> bool:
    """Let go on what was stopped, where it is shown to be over; return whether anything was.

    Raises `Conflict` when another worker changed the connection's record meanwhile.
    """
    over: dict[str, str] = {}
    for where, problem in sorted(doors.ledger.halts(connection.id).items()):
        pause = EVERY * 2 ** min(problem.get("times", 0), _MOST_DOUBLINGS)
        turn = doors.leases(connection.id).acquire(f"halt {where}", pause)
        if turn is None:
            continue
        try:
            if _is_over(doors, connection, where, problem):
                over[where] = str(problem["code"])
        except Later:
            doors.leases(connection.id).release(turn)  # nobody was asked, or nobody answered
            break
    return doors.ledger.lift(connection.id, over)


def _is_over(doors: Doors, connection: Connection, where: str, problem: Mapping[str, Any]) -> bool:
    """Ask those whom the halt is about. Raises `Later` when they cannot be asked now."""
    code = str(problem["code"])
    if where and connection.division(Division(int(where))) is None:
        return True  # the connection no longer speaks of this division
    try:
        if not code.startswith("AIRBASE_"):
            _ask_exact(doors, connection, where, problem.get("evidence") or {})
        if code.startswith(("AIRBASE_", "SECRET_")):
            doors.airbase(connection).ask()
    except Halt as halt:
        # Another division's trouble is no reason to keep the whole connection stopped.
        return not where and halt.division is not None
    except Review:
        return True  # who criticises the question has let it in
    return True


def _ask_exact(
    doors: Doors, connection: Connection, where: str, evidence: Mapping[str, Any]
) -> None:
    """Ask for nothing where Exact had refused; without knowing where, at the purchase orders."""
    endpoint = str(evidence.get("endpoint") or ORDERS_PATH)
    first = connection.divisions[0].division
    division = Division(int(where or evidence.get("division") or first))
    if endpoint.startswith("sync/"):
        query = {"$filter": f"Timestamp gt {_END}", "$select": "Timestamp"}
    else:
        key = "PurchaseOrderID" if endpoint == ORDERS_PATH else "ID"
        query = {"$filter": f"{key} eq {_NOBODY}", "$select": key}
    list(doors.exact(connection).rows(division, endpoint, query))
