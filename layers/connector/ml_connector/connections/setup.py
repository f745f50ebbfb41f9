"""The steps of connecting a company; each can be repeated and then changes nothing.

`begin`, credentials (`kept_credentials`), consent (`consent_request`), `list_divisions`,
`airbase_tenant`, assigning subsidiaries (`subsidiaries`), `save`, `subscribe`. There is no
connection until `save`: what was answered before is kept as a draft (`drafts`), and its
credentials as they were given; the next run goes on with them.

A division that moved to another database (`DivisionMoveDate`) is handled by
`reference_data.refresh`, which reads all its reference data again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.connections import manage as connections
from ml_connector.connections import secrets as connection_secrets
from ml_connector.connections.files import checked
from ml_connector.connections.manage import Added
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.connections.subsidiaries import Settings
from ml_connector.connections.versions import Seen
from ml_connector.connections.webhook_subscriptions import ensure_subscriptions
from ml_connector.domain.faults import Halt, Review
from ml_connector.domain.ids import (
    Actor,
    ConnectionId,
    Division,
    SiteId,
    app_at,
    code_of,
    division_at,
)
from ml_connector.domain.orders.reference_data import Code, CodeKind
from ml_connector.exact.client import ExactClient
from ml_connector.exact.divisions import list_divisions as list_of_divisions
from ml_connector.exact.divisions import may_be_virtual
from ml_connector.exact.reference_data import DIVISIONS_PATH, HRM_DIVISIONS_PATH, LISTINGS
from ml_connector.exact.rows import RowReader, read_listed
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.drafts import Drafts
from ml_connector.infrastructure.dynamodb import Table
from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.settings.connection import Connection, ExactSite, zone_named
from ml_connector.settings.exact_sites import ANOTHER_SITE, EXACT_SITES, ZONES, site_at
from ml_connector.stack import Addresses, Stack
from ml_connector.user_errors import UserError


class NoSiteError(UserError):
    """The settings name no Exact site."""


class NoDivisionError(UserError):
    """The user who consented sees no division: no answer here mends that."""


HALTS_NEEDING_CONSENT = frozenset({"NOT_CONNECTED", "RECONNECT_NEEDED", "EXACT_TOKEN_REFUSED"})
"""Halts that only a new consent ends."""

_ANSWERED = ("name", "airbase_base_url")
_ANSWERED_OF_SITE = ("exact_base_url", "exact_callback_url", "shares_app_with", "language")
_ANSWERED_OF_DIVISION = (
    "subsidiaries", "name", "country", "currency", "default_vat_code", "default_payment_condition",
)  # fmt: skip
"""What `connect` asks for, reads or is told by an option: it need not be in a file."""
_OF_SITE = tuple(name for name in ExactSite.model_fields if name != "id")
_FIELDS = {"$select": "Code,Description,Country,Currency,BlockingStatus,Status"}
_LISTS = {DIVISIONS_PATH: _FIELDS, HRM_DIVISIONS_PATH: _FIELDS}
_HQ = {"division": 0, "name": "HQ", "country": "", "currency": "", "status": "virtual"}
# Exact's REST reference: 0 upcoming, 1 active, 2 archive; blocking is anything but 0.
_STATUS = {0: "upcoming", 1: "open", 2: "archived"}


def begin(
    stack: Stack,
    id: str,
    given: Settings | None,
    sites: Mapping[str, str] | None = None,
    **changes: str | None,
) -> Settings:
    """Return the settings to start from, with `sites`: of a file, a draft, or what is stored.

    `sites` are added, with their address if it is another one than Exact's own; `changes` that are
    not None override. Raises `UserError` for invalid settings, or when no site is named.
    """
    connection = ConnectionId(id)
    found = _stored(stack.services.connections, connection)
    stored = _by_site(found.model_dump(mode="json")) if found else {}
    known = _continued(stored, _by_site(Drafts(stack.tables.coordination).get(connection) or {}))
    settings = dict(known) if given is None else _filled(_by_site(given), known)
    settings |= {name: text for name, text in changes.items() if text} | {"id": id}
    settings["sites"] = _with_sites(settings.get("sites", []), sites or {})
    if found and given is None:
        _keep_zones(settings["sites"], found)
    elif found and given is not None and not zone_named(given):
        _keep_stored_zones(settings["sites"], found)
    _name_apps(settings, known, stack.addresses)
    provisional(settings)
    return settings


def keep_answers(coordination: Table, settings: Settings, before: Connection | None) -> bool:
    """Keep the answers for the next run; return whether there was one that is not stored.

    Raises `UserError` for answers that contradict each other: the next run could not go on.
    """
    provisional(settings)
    saved = {site.site for site in before.sites} if before else set()
    if not {site_named(site) for site in settings["sites"]} - saved:
        return False
    Drafts(coordination).save(ConnectionId(settings["id"]), settings)
    return True


def site_named(site: Settings) -> SiteId:
    """Return which Exact site the settings of one are of."""
    named = site.get("exact_site")
    return SiteId(str(named)) if named else site_at(str(site.get("exact_base_url", "")))


def _by_site(settings: Settings) -> Settings:
    """Return the settings with `sites`, also those of a file that has only one."""
    if "sites" in settings or not settings:
        return dict(settings)
    of_site = {name: settings[name] for name in _OF_SITE if name in settings}
    rest = {name: value for name, value in settings.items() if name not in of_site}
    return {**rest, "sites": [of_site] if of_site else []}


def _continued(stored: Settings, draft: Settings) -> Settings:
    """Return what is stored, with the sites that are only in the draft.

    All else in a draft is older than what is stored.
    """
    if not stored:
        return draft
    known = {site_named(site) for site in stored["sites"]}
    new = [site for site in draft.get("sites", ()) if site_named(site) not in known]
    return {**stored, "sites": [*stored["sites"], *new]}


def _with_sites(known: Any, sites: Mapping[str, str]) -> Any:
    """Return the settings of sites with these as well, and with the addresses given for them.

    An address without a name is of the only site.
    """
    if not isinstance(known, list) or not all(isinstance(each, Mapping) for each in known):
        return known
    found = [dict(each) for each in known]
    for name, url in sites.items():
        own = _site_to_set(found, name, url)
        if name and name != ANOTHER_SITE:
            own["exact_site"] = name
        if url:
            own["exact_base_url"] = url
    return found


def _site_to_set(found: list[Settings], name: str, url: str) -> Settings:
    """Return the site of this name, or one that has none yet; the only one for no name."""
    if not name and len(found) > 1:
        raise UserError(f"name the site of {url}: --exact-url SITE={url}")
    named = [each for each in found if site_named(each) == name and _is_named(each)]
    nameless = [each for each in found if not (name and _is_named(each))]
    if own := next(iter([*named, *nameless]), None):
        return own
    found.append({})
    return found[-1]


def _keep_zones(sites: Sequence[Settings], stored: Connection) -> None:
    """Give a further site the zone of its country, or the profile's; those before keep theirs."""
    if len(sites) == 1:
        return  # as in a file with one site, which need not name it
    known = {each.site for each in stored.sites}
    of_profile = stored.profile.time_zone
    is_chosen = of_profile != AirbaseProfile().time_zone
    for each in sites:
        name = site_named(each)
        is_kept = is_chosen or name in known
        zone = stored.zone_at(name) if is_kept else ZONES.get(name, of_profile)
        each["time_zone"] = each.get("time_zone") or zone


def _keep_stored_zones(sites: Any, stored: Connection) -> None:
    """Let a file that says nothing of time zones change none that a site itself has."""
    known = {each.site: each.time_zone or AirbaseProfile().time_zone for each in stored.sites}
    for each in sites if isinstance(sites, list) else ():
        if isinstance(each, dict) and not each.get("time_zone") and site_named(each) in known:
            each["time_zone"] = known[site_named(each)]


def finished(settings: Settings, before: Connection | None) -> Connection:
    """Return the connection of settings that are complete; raises `UserError` for invalid ones.

    One that was stored without a time zone, as older versions did, stays so: nothing has changed.
    """
    connection = checked(settings, "the settings")
    if before is None or [len(before.sites), len(connection.sites)] != [1, 1]:
        return connection
    (old,), (new,) = before.sites, connection.sites
    is_same = old.site == new.site and before.zone_at(old.site) == new.time_zone
    if old.time_zone or not is_same or new.time_zone != connection.profile.time_zone:
        return connection
    return connection.model_copy(update={"sites": (new.model_copy(update={"time_zone": None}),)})


def _is_named(site: Settings) -> bool:
    return bool(site.get("exact_site") or site.get("exact_base_url"))


def _name_apps(settings: Settings, known: Settings, addresses: Addresses) -> None:
    """Name each site's app, the first by the connection, and say where Exact's calls go."""
    sites = settings["sites"]
    if not isinstance(sites, list):
        return
    names = {site_named(each): each.get("id") for each in known.get("sites", ())}
    for site in (each for each in sites if isinstance(each, dict)):
        site["id"] = names.get(site_named(site)) or site.get("id")
    for site in (each for each in sites if isinstance(each, dict) and not each["id"]):
        taken = {*names.values(), *(each["id"] for each in sites)} - {None}
        id = ConnectionId(str(settings["id"]))
        site["id"] = app_at(id, site_named(site)) if taken else id
    for site in (each for each in sites if isinstance(each, dict)):
        app = ConnectionId(str(site["id"]))
        site.setdefault("exact_callback_url", addresses.of(app)["exact"])


def _stored(connections: ConnectionStore, id: ConnectionId) -> Connection | None:
    """Return the stored connection with all its mappings."""
    found = connections.get(id)
    return connections.whole(found) if found else None


def _filled(given: Settings, known: Settings) -> Settings:
    """Return a file's settings, completed with what was answered that it does not name."""
    sites = given.get("sites")
    if not isinstance(sites, list) or not all(isinstance(each, Mapping) for each in sites):
        return given
    before = {site_named(each): each for each in known.get("sites", ())}
    # What a file says of all sites is said of each of them.
    for_each = [name for name in _ANSWERED_OF_SITE if name not in given]
    filled = [
        _filled_site(dict(each), before.get(site_named(each), {}), for_each) for each in sites
    ]
    settings = {**_answers(known, _ANSWERED), **given, "sites": filled}
    if "served_elsewhere" not in given and (answered := _answered_elsewhere(known, filled)):
        settings["served_elsewhere"] = answered
    notify = given.get("notify", {})
    if known.get("notify", {}).get("slack") and isinstance(notify, Mapping):
        settings["notify"] = {"slack": True, **notify}
    return settings


def _answered_elsewhere(known: Settings, sites: Sequence[Settings]) -> list[Settings]:
    """Return what was answered about subsidiaries that no division of the file serves."""
    divisions = [each for site in sites if isinstance(each := site.get("divisions"), list)]
    entries = [each for every in divisions for each in every if isinstance(each, Mapping)]
    served = [name for each in entries for name in each.get("subsidiaries") or ()]
    answers = [each for each in known.get("served_elsewhere", ()) if set(each) == {"subsidiary"}]
    return [each for each in answers if each["subsidiary"] not in served]


def _filled_site(site: Settings, known: Settings, answered: Sequence[str]) -> Settings:
    site = {**_answers(known, answered), **site}
    before = {str(each["division"]): each for each in known.get("divisions", ())}
    divisions = site.get("divisions")
    if not divisions:
        return site | {"divisions": list(before.values())}
    if isinstance(divisions, list) and all(isinstance(each, Mapping) for each in divisions):
        site["divisions"] = [_filled_division(each, before) for each in divisions]
    return site


def _filled_division(
    division: Mapping[str, Any], before: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    known = before.get(str(division.get("division")), {})
    return {"subsidiaries": [], **_answers(known, _ANSWERED_OF_DIVISION), **division}


def _answers(known: Mapping[str, Any], names: Sequence[str]) -> Settings:
    return {name: known[name] for name in names if name in known}


def provisional(settings: Settings) -> Connection:
    """Return a connection for calls to both systems before its divisions are known.

    Raises `UserError` for settings that cannot be used, or that name no site.
    """
    sites = settings["sites"]
    if sites == [] or (isinstance(sites, list) and not all(map(_may_be_named, sites))):
        raise NoSiteError(
            f"name the Exact site: --exact-site ({', '.join(EXACT_SITES)}) or --exact-url"
        )
    if isinstance(sites, list):
        sites = [_with_any_division(each, number) for number, each in enumerate(sites)]
    return checked({**settings, "sites": sites}, "the settings")


def _may_be_named(site: Any) -> bool:
    return not isinstance(site, dict) or _is_named(site)


def _with_any_division(site: Any, number: int) -> Any:
    """Return a site's settings with a stand-in for each division or subsidiary that is missing."""
    divisions = (site.get("divisions") or [{"division": 0}]) if isinstance(site, Mapping) else None
    if not isinstance(divisions, list) or not all(isinstance(d, Mapping) for d in divisions):
        return site
    filled = [
        {**each, "subsidiaries": each.get("subsidiaries") or [f"? {number}.{place}"]}
        for place, each in enumerate(divisions)
    ]
    return {**site, "divisions": filled}


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
    failure: UserError = NoDivisionError(
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


def usable_codes(
    exact_client: ExactClient, division: Division, kind: CodeKind, *, amounts_include_vat: bool
) -> list[Code]:
    """Return the division's codes of a kind that an order may have.

    Raises `Halt`, `Review` or `Later` as the Exact client does.
    """
    (listing,) = (each for each in LISTINGS if each.kind == kind)
    rows = exact_client.rows(division, listing.path, {"$select": listing.select})
    found = [each.value for each in read_listed(rows, listing.read) if not each.odd]
    return [
        each
        for each in found
        if each.code
        and not each.is_blocked
        and each.is_for_purchase
        and (kind != "vat_code" or each.percentage_is_included == amounts_include_vat)
    ]


def is_saved(stack: Stack, connection: Connection, given: GivenSecrets) -> bool:
    """Return whether the connection is stored already, with these secrets."""
    id = connection.id
    return (
        _stored(stack.services.connections, id) == connection
        and not connection_secrets.not_stored_yet(stack.secret_store, connection, given).values
        and not connection_secrets.missing_names(stack.secret_store, connection, GivenSecrets())
        and all(connection_secrets.are_webhooks_stored(stack.secret_store, connection).values())
    )


def save(
    stack: Stack, actor: Actor, connection: Connection, given: GivenSecrets, seen: Seen
) -> Added:
    """Save the connection; what is stored already is not written again.

    What was kept for the next run is forgotten. Raises `UserError` when a secret is missing, or it
    is not as it was `seen` any more.
    """
    added = _save(stack, actor, connection, given, seen)
    Drafts(stack.tables.coordination).forget(connection.id)
    return added


def _save(
    stack: Stack, actor: Actor, connection: Connection, given: GivenSecrets, seen: Seen
) -> Added:
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
        seen,
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
