"""What Airbase says of the tenant that an API key opens."""

from collections.abc import Mapping
from typing import Any

from ml_connector.airbase.client import AirbaseClient
from ml_connector.connections.secrets import API_KEY, GivenSecrets
from ml_connector.connections.subsidiaries import Subsidiary
from ml_connector.infrastructure.airbase_pace import SharedAirbasePace
from ml_connector.infrastructure.circuit_breaker import AIRBASE, CircuitBreaker
from ml_connector.settings.connection import Connection
from ml_connector.stack import Stack


def try_airbase(stack: Stack, connection: Connection, given: GivenSecrets) -> list[Subsidiary]:
    """Return the tenant's subsidiaries, read with the given key or else the stored one.

    If the tenant does not list them, its orders are read instead and the result is empty.

    Raises:
        Halt: Airbase refuses the key, or there is none.
        Later, Review: Airbase gives no usable answer.
    """
    client = _airbase(stack, connection, given)
    if connection.profile.subsidiaries_path is None:
        next(client.order_pages(), None)
        return []
    found = (_subsidiary(row) for row in client.subsidiaries())
    return [each for each in found if each.key]


def _airbase(stack: Stack, connection: Connection, given: GivenSecrets) -> AirbaseClient:
    key = given.get(API_KEY) or stack.secret_store.airbase_key(connection.id)
    circuit_breaker = CircuitBreaker(stack.tables.coordination, connection.id, AIRBASE)
    pace = SharedAirbasePace(stack.tables.coordination, connection.id, circuit_breaker)
    id, base, profile = connection.id, connection.airbase_base_url, connection.profile
    return AirbaseClient(id, base, profile, key, stack.http, pace, circuit_breaker)


def _subsidiary(row: Any) -> Subsidiary:
    if not isinstance(row, Mapping):
        return Subsidiary("", "")
    id, code, name, country = (
        str(row.get(field) or "").strip()
        for field in ("airbase_id", "erp_reference_id", "name", "iso_code")
    )
    return Subsidiary(id or code or name, name or code or id, code, country)
