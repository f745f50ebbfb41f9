"""The way back from an outage: one question at a time, then full speed, the oldest first.

A remote's site is knocked at each minute, without credentials: that costs no call and no token.
The real question follows when the site answers again, and in any case at the circuit's own pace,
for an outage that its site does not show.
"""

from collections.abc import Callable

from ml_connector import telemetry
from ml_connector.connection import Connection
from ml_connector.doors.circuit import AIRBASE, EXACT, Circuit, Outage, Remote
from ml_connector.faults import Fault, Halt
from ml_connector.ids import ConnectionId
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.upkeep.lifting import lift_halts
from ml_connector.workflows.upkeep.sweep import sweep_connection


def recover(doors: Doors, connection_id: ConnectionId, what: str) -> None:
    """Look whether what stops the connection is over: "exact" or "airbase" away, or "halts".

    If so, all that waited for it goes on.
    """
    connection = doors.mappings.connection(connection_id)
    if connection is None:
        return
    if _is_over(doors, connection, what):
        telemetry.logger().info("going on", connection=connection_id, after=what)
        sweep_connection(doors, connection)


def _is_over(doors: Doors, connection: Connection, what: str) -> bool:
    if what == "halts":
        return lift_halts(doors, connection)
    return _is_back(doors, connection, EXACT if what == EXACT.name else AIRBASE)


def _is_back(doors: Doors, connection: Connection, remote: Remote) -> bool:
    """Look as the only prober; return whether the circuit, open until now, is closed."""
    circuit = doors.circuit(connection.id, remote)
    with circuit.probing() as outage:
        if outage is None:
            return False
        try:
            _look(circuit, outage, *_ways(doors, connection, remote))
        except Halt as halt:
            doors.ledger.halt(connection.id, halt.problem, halt.division)
        except Fault as fault:
            telemetry.logger().info(str(fault), connection=connection.id)
    return not circuit.outage().is_open


def _look(
    circuit: Circuit, outage: Outage, ask: Callable[[], object], site_answers: Callable[[], bool]
) -> None:
    """Knock, and ask the real question when there is reason to."""
    answers = site_answers()
    if answers != outage.site_answers:
        circuit.knocked(site_answers=answers)
    if outage.probe_is_due or (answers and not outage.site_answers):
        ask()


def _ways(
    doors: Doors, connection: Connection, remote: Remote
) -> tuple[Callable[[], object], Callable[[], bool]]:
    """Return how to ask the remote something harmless, and how to knock at its site."""
    if remote is EXACT:
        gateway = doors.exact(connection)
        return gateway.me, gateway.site_answers
    client = doors.airbase(connection)
    return client.ask, client.site_answers
