"""The steps of connecting a company, each of which can be repeated and changes nothing twice.

`begin`, `store_app`, consent (`consent.py`), `list_divisions`, `try_airbase`, who serves whom
(`assigning.py`), `save`, `subscribe`. Until `save` there is no connection: what was stored before
it (the app's credentials, a consent) is overwritten by the next attempt.

A division that has moved to another database (`DivisionMoveDate`) is not handled here: its
reference data are read anew by the worker that reads them.
"""

from collections.abc import Mapping
from typing import Any

from connector_cli.actions import connections, secrets_given
from connector_cli.actions.assigning import Settings, Subsidiary
from connector_cli.actions.connection_files import checked
from connector_cli.actions.connections import Added
from connector_cli.actions.secrets_given import API_KEY, CLIENT_ID, CLIENT_SECRET, Given
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector.airbase.api import AirbaseClient
from ml_connector.connection import Connection
from ml_connector.doors.circuit import AIRBASE, Circuit
from ml_connector.doors.vault import EXACT_TOKENS
from ml_connector.exact.gateway import ExactGateway
from ml_connector.faults import Halt
from ml_connector.ids import ConnectionId, Division
from ml_connector.workflows.upkeep.subscribing import keep_subscriptions
from ml_connector.workflows.wiring import Pace

BY_CONSENT = frozenset({"NOT_CONNECTED", "RECONNECT_NEEDED", "EXACT_TOKEN_REFUSED"})
"""Halts that only a (new) consent ends."""

_DIVISIONS = "system/Divisions"
_FIELDS = {"$select": "Code,Description,Country,Currency,BlockingStatus,Status"}
# Exact's REST reference: 0 upcoming, 1 active, 2 archive; blocking is anything but 0.
_STATUS = {0: "upcoming", 1: "open", 2: "archived"}


def begin(stack: Stack, id: str, given: Settings | None, **changes: str | None) -> Settings:
    """Return the settings to go on from: the file's, else the stored ones, else a new connection's.

    `changes` go over them where they are not None. Raises `Complaint` for settings that are wrong.
    """
    found = stack.doors.mappings.connection(ConnectionId(id))
    callback = stack.addresses.of(ConnectionId(id))["exact"]
    stored = found.model_dump(mode="json") if found else {"exact_callback_url": callback}
    settings = dict(stored) if given is None else _filled(given, stored)
    settings |= {name: text for name, text in changes.items() if text} | {"id": id}
    if changes.get("exact_site"):
        settings.pop("exact_base_url", None)
    provisional(settings)
    return settings


def _filled(given: Settings, stored: Settings) -> Settings:
    """Return a file's settings, with what an earlier run found for those that it leaves out."""
    settings = {"exact_callback_url": stored["exact_callback_url"]} | given
    before = {str(each["division"]): each for each in stored.get("divisions", ())}
    divisions = settings.get("divisions")
    if not divisions:
        return settings | {"divisions": list(before.values())}
    if isinstance(divisions, list) and all(isinstance(each, Mapping) for each in divisions):
        settings["divisions"] = [_with_subsidiaries(each, before) for each in divisions]
    return settings


def _with_subsidiaries(
    division: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    known = before.get(str(division.get("division")), {})
    return {"subsidiaries": known.get("subsidiaries", []), **division}


def provisional(settings: Settings) -> Connection:
    """Return a connection to ask both systems with before its divisions are known."""
    divisions = settings.get("divisions") or [{"division": 0}]
    if not isinstance(divisions, list) or not all(isinstance(d, Mapping) for d in divisions):
        return checked(settings, "the settings")
    filled = [
        {**division, "subsidiaries": division.get("subsidiaries") or [f"? {number}"]}
        for number, division in enumerate(divisions)
    ]
    return checked({**settings, "divisions": filled}, "the settings")


def store_app(stack: Stack, connection: Connection, given: Given) -> None:
    """Store what consent needs: the app's credentials, or a consent that was given elsewhere."""
    id = connection.id
    news = secrets_given.news(stack.vault, id, given)
    app = Given({name: news.values[name] for name in (CLIENT_ID, CLIENT_SECRET) if news.get(name)})
    if app.values:
        connections.note(stack, id, "app_credentials_stored", given=sorted(app.values))
        secrets_given.store_plain(stack.vault, id, app)
    connections.take_over_consent(stack, id, given)


def list_divisions(stack: Stack, connection: Connection) -> dict[str, Any]:
    """Return who consented, and every division that the consent reaches.

    `{"consented_by": "...", "divisions": [{"division", "name", "country", "currency", "status"}]}`
    where status is open, blocked, archived or upcoming.

    Raises:
        Halt: there is no (valid) consent (`BY_CONSENT`), or Exact allows no such question.
        Later: Exact can not be asked now.
    """
    gateway = stack.doors.exact(connection)
    me = gateway.me()
    rows = _division_rows(gateway, connection, me.get("CurrentDivision"))
    return {
        "consented_by": str(me.get("FullName") or me.get("UserName") or ""),
        "divisions": [_division(row) for row in rows],
    }


def _division_rows(
    gateway: ExactGateway, connection: Connection, current: object
) -> list[dict[str, Any]]:
    """Ask in the user's own division, which need not be open to the app, else in a known one."""
    known = [d.division for d in connection.divisions if d.division]
    own = [Division(current)] if isinstance(current, int) and current else []
    failure = Complaint("the Exact user who consented has no division open: open one, then repeat")
    for division in dict.fromkeys(own + known):
        try:
            return list(gateway.rows(division, _DIVISIONS, _FIELDS))
        except Halt as halt:
            failure = Complaint(str(halt))
    raise failure


def _division(row: Mapping[str, Any]) -> dict[str, Any]:
    blocked = row.get("BlockingStatus") not in (None, 0)
    return {
        "division": int(row["Code"]),
        "name": str(row.get("Description") or "").strip(),
        "country": str(row.get("Country") or "").strip(),
        "currency": str(row.get("Currency") or "").strip(),
        "status": "blocked" if blocked else _STATUS.get(row.get("Status", 1), "open"),
    }


def try_airbase(stack: Stack, connection: Connection, given: Given) -> list[Subsidiary]:
    """Return the tenant's subsidiaries, asked with the key given, else with the stored one.

    A tenant that cannot list them is asked for its orders instead, and none is returned.

    Raises:
        Halt: Airbase refuses the key, or there is none.
        Later, Review: Airbase does not answer usefully.
    """
    client = _airbase(stack, connection, given)
    if connection.profile.subsidiaries_path is None:
        next(client.order_pages(), None)
        return []
    found = (_subsidiary(row) for row in client.subsidiaries())
    return [each for each in found if each.key]


def _airbase(stack: Stack, connection: Connection, given: Given) -> AirbaseClient:
    key = given.get(API_KEY) or stack.vault.airbase_key(connection.id)
    pace = Pace(stack.tables.coordination, connection.id)
    circuit = Circuit(stack.tables.coordination, connection.id, AIRBASE)
    base, profile = connection.airbase_base_url, connection.profile
    return AirbaseClient(base, profile, key, stack.http, pace, circuit)


def _subsidiary(row: Any) -> Subsidiary:
    if not isinstance(row, Mapping):
        return Subsidiary("", "")
    id, code, name, country = (
        str(row.get(field) or "").strip()
        for field in ("airbase_id", "erp_reference_id", "name", "iso_code")
    )
    return Subsidiary(id or code or name, name or code or id, code, country)


def is_saved(stack: Stack, connection: Connection, given: Given) -> bool:
    """Return whether the connection, with these secrets, is in place already."""
    id = connection.id
    return (
        stack.doors.mappings.connection(id) == connection
        and not secrets_given.news(stack.vault, id, given).values
        and not secrets_given.names_missing(stack.vault, id, Given())
        and all(secrets_given.are_webhooks_stored(stack.vault, connection).values())
    )


def save(stack: Stack, connection: Connection, given: Given) -> Added:
    """Save the connection, at this one moment; what is stored already is not written again.

    Raises `Complaint` when a secret is missing.
    """
    if is_saved(stack, connection, given):
        urls = connections.webhook_urls(stack, connection)
        return Added(connection, False, urls, {}, has_consent(stack, connection), is_changed=False)
    return connections.add(stack, connection, secrets_given.news(stack.vault, connection.id, given))


def has_consent(stack: Stack, connection: Connection) -> bool:
    """Return whether tokens are stored."""
    return bool(secrets_given.stored(stack.vault, EXACT_TOKENS, connection.id))


def subscribe(stack: Stack, connection: Connection) -> list[dict[str, Any]]:
    """Make the webhook subscriptions that are missing; return what could not be had.

    None are made for a connection without `exact_callback_url`. Raises `Later` when Exact can not
    be asked now: the token keeper makes them within six hours.
    """
    found = keep_subscriptions(stack.doors, connection, stack.signed)
    return [problem.as_dict() for problem in found]
