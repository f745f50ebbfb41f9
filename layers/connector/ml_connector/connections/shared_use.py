"""What two connections of a stack must not both have: they would post every order twice.

A division has one connection, a subsidiary of a tenant too. An Exact app has one chain of tokens:
another connection may use it, if that is said (`ExactSite.shares_app_with`).
"""

from collections.abc import Iterable, Iterator, Mapping

from ml_connector.connections.airbase_tenant import try_airbase
from ml_connector.connections.secrets import API_KEY, CLIENT_ID, GivenSecrets, stored, variable
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import AppId, ConnectionId, code_of
from ml_connector.infrastructure.admin_secret_store import AdminSecretStore
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError


def refuse_overlap(stack: Stack, connection: Connection, given: GivenSecrets) -> None:
    """Raise `UserError` when another connection serves one of the divisions or subsidiaries.

    So does this one's own file when it says of a subsidiary, by two names, what cannot both be.
    """
    lines = [*_here_and_elsewhere(stack, connection, given)]
    lines += [
        line
        for other in _others(stack.services.connections, connection)
        for line in (
            *_shared_divisions(connection, other),
            *_shared_subsidiaries(stack, connection, other, given),
            *_shared_contracts(connection, other),
        )
    ]
    if lines:
        raise UserError(*lines)


def share_apps(
    stack: Stack, connection: Connection, given: GivenSecrets, *, is_wanted: bool
) -> Connection:
    """Return the connection with the app that each site is to share, if it is to share one.

    Raises `UserError` when a client id is in use and sharing it is not wanted, or when the app
    to be shared cannot be.
    """
    sites = []
    for site in connection.sites:
        owner = site.shares_app_with or _owner_of_client(stack, site, given)
        if owner is None:
            sites.append(site)
            continue
        if not (is_wanted or site.shares_app_with):
            raise UserError(
                f"connection {owner} uses this Exact client id: two that renew its tokens end each "
                "other's consent",
                "pass --shared-app to use that connection's consent and tokens, or register "
                "another app in Exact",
            )
        _check_owner(stack.services.connections, site, owner)
        sites.append(site.model_copy(update={"shares_app_with": owner}))
    return connection.model_copy(update={"sites": tuple(sites)})


def refuse_while_shared(
    connections: ConnectionStore, connection: Connection, sites: Iterable[ExactSite]
) -> None:
    """Raise `UserError` while another connection uses the app of one of this one's `sites`."""
    own = {site.id for site in sites}
    users = [
        other.id
        for other in _others(connections, connection)
        if any(site.shares_app_with in own for site in other.sites)
    ]
    if users:
        names = ", ".join(users)
        raise UserError(f"an Exact app of {connection.id} is used by {names}: remove that first")


def _others(connections: ConnectionStore, connection: Connection) -> Iterator[Connection]:
    return (each for each in connections.all() if each.id != connection.id)


def _other_sites(connections: ConnectionStore, site: ExactSite) -> Iterator[ExactSite]:
    """Yield the sites of every connection but this one, at the same address."""
    for connection in connections.all():
        for other in connection.sites:
            if other.id != site.id and other.exact_base_url == site.exact_base_url:
                yield other


def _shared_divisions(connection: Connection, other: Connection) -> Iterator[str]:
    served = {
        (site.exact_base_url, code_of(each.division))
        for site in other.sites
        for each in site.divisions
    }
    for site in connection.sites:
        for each in site.divisions:
            if (site.exact_base_url, code_of(each.division)) in served:
                yield (
                    f"division {each.division} is served by connection {other.id}: its orders "
                    "would be posted twice; change that connection, or remove it first"
                )


def _shared_contracts(connection: Connection, other: Connection) -> Iterator[str]:
    """Yield the contracts that both name with other settings: they share one count of calls."""
    known = {site.contract.name: site.contract for site in other.sites if site.contract.name}
    for name, contract in {site.contract.name: site.contract for site in connection.sites}.items():
        if (theirs := known.get(name, contract)) != contract:
            yield (
                f"contract {name} has {contract.terms} here and {theirs.terms} in connection "
                f"{other.id}, though both share its calls: give both the same; to change both, "
                "take the contract's name out of one of them until the other is changed"
            )


def _shared_subsidiaries(
    stack: Stack, connection: Connection, other: Connection, given: GivenSecrets
) -> Iterator[str]:
    if not _is_same_tenant(stack.secret_store, connection, other, given):
        return
    served = {name: d.division for d in other.divisions for name in d.subsidiaries}
    names = _names_of_subsidiaries(stack, connection, given)
    for wanted in (name for d in connection.divisions for name in d.subsidiaries):
        for known in sorted(names.get(wanted, {wanted}) & served.keys()):
            where = f"connection {other.id} (division {served[known]})"
            yield (
                f"subsidiary {wanted} is served by {where}: its orders would be posted twice; "
                "leave it out of one of the two"
            )


def _here_and_elsewhere(stack: Stack, connection: Connection, given: GivenSecrets) -> Iterator[str]:
    """Yield what is said of one subsidiary by different names; of equal ones, the settings do."""
    entries = connection.served_elsewhere
    names = _names_of_subsidiaries(stack, connection, given) if entries else {}
    served = {name: d.division for d in connection.divisions for name in d.subsidiaries}
    for number, entry in enumerate(entries):
        known = names.get(entry.subsidiary, set())
        for name in sorted(known & served.keys() - {entry.subsidiary}):
            if not entry.is_bounded:
                yield (
                    f"subsidiary {entry.subsidiary} is served elsewhere, and as {name} by division "
                    f"{served[name]}: name the days from or until which it is served elsewhere, "
                    "or leave it out of one of both"
                )
        for other in entries[:number]:
            if other.subsidiary in known - {entry.subsidiary} and other.overlaps(entry):
                yield (
                    f"subsidiary {entry.subsidiary} is served elsewhere twice on the same day, "
                    f"also as {other.subsidiary}: leave out one of both"
                )


def _names_of_subsidiaries(
    stack: Stack, connection: Connection, given: GivenSecrets
) -> Mapping[str, set[str]]:
    """Return everything that a subsidiary may be called, by each of its names.

    Nothing when Airbase does not list them now: then only equal names are recognised.
    """
    if connection.profile.subsidiaries_path is None:
        return {}
    try:
        found = try_airbase(stack, connection, given)
    except Fault:
        return {}
    return {name: each.names for each in found for name in each.names}


def _is_same_tenant(
    secret_store: AdminSecretStore, connection: Connection, other: Connection, given: GivenSecrets
) -> bool:
    """Return whether both have one Airbase tenant, as far as the API key shows it."""
    if connection.airbase_base_url != other.airbase_base_url:
        return False
    new = given.get(API_KEY)
    key = new.reveal() if new else _stored(secret_store, AIRBASE_KEY, connection.id, "api_key")
    return bool(key) and key == _stored(secret_store, AIRBASE_KEY, other.id, "api_key")


def _owner_of_client(stack: Stack, site: ExactSite, given: GivenSecrets) -> AppId | None:
    new = given.get(variable(CLIENT_ID, site.id))
    client = new.reveal() if new else _stored(stack.secret_store, EXACT_APP, site.id, "client_id")
    owners = (
        other.id
        for other in _other_sites(stack.services.connections, site)
        if client and _stored(stack.secret_store, EXACT_APP, other.id, "client_id") == client
    )
    return next(owners, None)


def _check_owner(connections: ConnectionStore, site: ExactSite, owner: AppId) -> None:
    every = {each.id: each for connection in connections.all() for each in connection.sites}
    found = every.get(owner)
    if found is None or owner == site.id:
        raise UserError(f"shares_app_with: there is no other connection {owner}")
    if found.shares_app_with:
        raise UserError(f"shares_app_with: name {found.shares_app_with}, whose app {owner} uses")
    if found.exact_base_url != site.exact_base_url:
        raise UserError(f"shares_app_with: {owner} is on another Exact site, where the app is not")


def _stored(secret_store: AdminSecretStore, kind: str, id: ConnectionId, part: str) -> str:
    return str(stored(secret_store, kind, id).get(part) or "")
