"""The steps of connecting a company; each can be repeated and then changes nothing.

`begin`, `store_app`, consent (`consent_request`), `list_divisions`, `airbase_tenant`, assigning
subsidiaries (`subsidiaries`), `save`, `subscribe`. There is no connection until `save`: what was
stored before (the app's credentials, a consent) is overwritten by the next attempt.

A division that moved to another database (`DivisionMoveDate`) is handled by
`reference_data.refresh`, which reads all its reference data again.
"""

from collections.abc import Mapping
from typing import Any

from ml_connector.connections import manage as connections
from ml_connector.connections import secrets as connection_secrets
from ml_connector.connections.files import checked
from ml_connector.connections.manage import Added
from ml_connector.connections.secrets import CLIENT_ID, CLIENT_SECRET, GivenSecrets
from ml_connector.connections.subsidiaries import Settings
from ml_connector.connections.webhook_subscriptions import ensure_subscriptions
from ml_connector.domain.faults import Halt, Review
from ml_connector.domain.ids import Actor, ConnectionId, code_of, division_at
from ml_connector.exact.client import ExactClient
from ml_connector.exact.divisions import list_divisions as list_of_divisions
from ml_connector.exact.divisions import may_be_virtual
from ml_connector.exact.reference_data import DIVISIONS_PATH, HRM_DIVISIONS_PATH
from ml_connector.exact.rows import RowReader, read_listed
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

HALTS_NEEDING_CONSENT = frozenset({"NOT_CONNECTED", "RECONNECT_NEEDED", "EXACT_TOKEN_REFUSED"})
"""Halts that only a new consent ends."""

_FIELDS = {"$select": "Code,Description,Country,Currency,BlockingStatus,Status"}
_LISTS = {DIVISIONS_PATH: _FIELDS, HRM_DIVISIONS_PATH: _FIELDS}
_HQ = {"division": 0, "name": "HQ", "country": "", "currency": "", "status": "virtual"}
# Exact's REST reference: 0 upcoming, 1 active, 2 archive; blocking is anything but 0.
_STATUS = {0: "upcoming", 1: "open", 2: "archived"}


def begin(stack: Stack, id: str, given: Settings | None, **changes: str | None) -> Settings:
    """Return the settings to start from: the file's, else the stored ones, else a new connection's.

    `changes` that are not None override them. Raises `UserError` for invalid settings.
    """
    found = _stored(stack.services.connections, ConnectionId(id))
    _refuse_sites(found, given or {}, changes.get("exact_site"))
    callback = stack.addresses.of(ConnectionId(id))["exact"]
    stored = found.model_dump(mode="json") if found else {"exact_callback_url": callback}
    settings = dict(stored) if given is None else _filled(given, stored)
    settings |= {name: text for name, text in changes.items() if text} | {"id": id}
    if changes.get("exact_site"):
        settings.pop("exact_base_url", None)
    provisional(settings)
    return settings


def _refuse_sites(found: Connection | None, given: Settings, site: str | None) -> None:
    """Refuse what these steps do not do: they lead through one Exact site."""
    is_further = found is not None and site not in {None, *(each.site for each in found.sites)}
    if "sites" in given or (found and len(found.sites) > 1) or is_further:
        raise UserError(
            "`connector connect` leads through one Exact site; with several, name them under "
            "[[sites]] in a file: `connector connection add FILE`, then give consent at each, "
            "as in `connector connection consent my-firm.be`"
        )


def _stored(connections: ConnectionStore, id: ConnectionId) -> Connection | None:
    """Return the stored connection with all its mappings."""
    found = connections.get(id)
    return connections.whole(found) if found else None


def _filled(given: Settings, stored: Settings) -> Settings:
    """Return a file's settings, completed with what an earlier run found."""
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
    """Return a connection for calls to both systems before its divisions are known."""
    divisions = settings.get("divisions") or [{"division": 0}]
    if not isinstance(divisions, list) or not all(isinstance(d, Mapping) for d in divisions):
        return checked(settings, "the settings")
    filled = [
        {**division, "subsidiaries": division.get("subsidiaries") or [f"? {number}"]}
        for number, division in enumerate(divisions)
    ]
    return checked({**settings, "divisions": filled}, "the settings")


def store_apps(stack: Stack, actor: Actor, connection: Connection, given: GivenSecrets) -> None:
    """Store the apps' credentials, and the tokens of consents given elsewhere, if given."""
    new = connection_secrets.not_stored_yet(stack.secret_store, connection, given)
    names = {
        connection_secrets.variable(name, site.id)
        for site in connection.sites
        for name in (CLIENT_ID, CLIENT_SECRET)
    }
    apps = GivenSecrets({name: each for name, each in new.values.items() if name in names})
    if apps.values:
        stack.begin(actor)
        ledger = stack.ledger_of(actor, connection.id)
        connections.record_step(ledger, "app_credentials_stored", given=sorted(apps.values))
        connection_secrets.store_credentials(stack.secret_store, connection, apps)
    connections.import_consents(stack, actor, connection, given)


def list_divisions(exact_client: ExactClient, site: ExactSite) -> dict[str, Any]:
    """Return who consented at a site, and every division the consent gives access to.

    `{"consented_by": "...", "divisions": [{"division", "name", "country", "currency", "status"}],
    "unreadable": ["..."]}` where status is open, blocked, archived, upcoming, or virtual (the HQ of
    a Premium licence, if the user has it open), and unreadable says of each row that cannot be read
    what is wrong.

    Raises:
        Halt: there is no valid consent (`HALTS_NEEDING_CONSENT`), or Exact refuses the request.
        Later: Exact cannot be called now.
    """
    me = RowReader(exact_client.current_user())
    current = me.whole("CurrentDivision")
    rows = _division_rows(exact_client, site, current)
    read = read_listed(rows, _division)
    divisions = [each.value for each in read if not each.odd]
    seen = {each.value["division"] for each in read}
    if may_be_virtual(current) and current not in seen:
        divisions.append(_HQ | {"division": current})
    return {
        "consented_by": me.text("FullName") or me.text("UserName"),
        "divisions": divisions,
        "unreadable": [f"{each.odd.name}: {each.odd.wrong}" for each in read if each.odd],
    }


def _division_rows(
    exact_client: ExactClient, site: ExactSite, current: int
) -> list[dict[str, Any]]:
    """Read the list in the user's own division or, if the app has no access there, a known one."""
    known = [each.division for each in site.divisions if code_of(each.division)]
    own = [division_at(site.site, current)] if current > 0 else []
    failure = UserError(
        "the Exact user who consented has no division open: open one, then try again"
    )
    for division in dict.fromkeys(own + known):
        try:
            return list_of_divisions(exact_client, division, _LISTS).rows
        except (Halt, Review) as fault:
            failure = UserError(str(fault))
    if may_be_virtual(current) and not known:
        failure = UserError(
            f"the Exact user who consented has HQ ({current}) open, a view of several divisions: "
            "open one of these, then try again",
            *failure.lines,
        )
    raise failure


def _division(row: RowReader) -> dict[str, Any]:
    blocked = row.whole("BlockingStatus") != 0
    return {
        "division": row.required_whole("Code"),
        "name": row.text("Description"),
        "country": row.text("Country"),
        "currency": row.text("Currency"),
        "status": "blocked" if blocked else _STATUS.get(row.whole("Status", absent=1), "open"),
    }


def is_saved(stack: Stack, connection: Connection, given: GivenSecrets) -> bool:
    """Return whether the connection is stored already, with these secrets."""
    id = connection.id
    return (
        _stored(stack.services.connections, id) == connection
        and not connection_secrets.not_stored_yet(stack.secret_store, connection, given).values
        and not connection_secrets.missing_names(stack.secret_store, connection, GivenSecrets())
        and all(connection_secrets.are_webhooks_stored(stack.secret_store, connection).values())
    )


def save(stack: Stack, actor: Actor, connection: Connection, given: GivenSecrets) -> Added:
    """Save the connection; what is stored already is not written again.

    Raises `UserError` when a secret is missing.
    """
    if is_saved(stack, connection, given):
        urls = connections.webhook_urls(stack.addresses, connection)
        return Added(
            connection,
            is_new=False,
            webhooks=urls,
            has_consent=connection_secrets.have_tokens(stack, connection),
            is_changed=False,
        )
    return connections.add(
        stack,
        actor,
        connection,
        connection_secrets.not_stored_yet(stack.secret_store, connection, given),
    )


def subscribe(stack: Stack, actor: Actor, connection: Connection) -> list[dict[str, Any]]:
    """Create the missing webhook subscriptions; return the problems.

    A site without `exact_callback_url` gets none. Raises `Later` when Exact cannot be called
    now: the token refresh creates them within six hours.
    """
    services = stack.services.bound(connection)
    ledger = stack.ledger_of(actor, services.id)
    return [
        problem.as_dict()
        for site in connection.sites
        for problem in ensure_subscriptions(services, site, ledger)
    ]
