"""Add, show and remove connections, and rotate their webhook secrets."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from ml_connector import clock
from ml_connector.connections import secrets as connection_secrets
from ml_connector.connections.changes import differences
from ml_connector.connections.moved_orders import queue_moved
from ml_connector.connections.removal import forget_data
from ml_connector.connections.secrets import WEBHOOK_KINDS, GivenSecrets
from ml_connector.connections.shared_use import refuse_overlap, refuse_while_shared
from ml_connector.connections.taken_out import forget_sites, refuse_taken_out, sites_taken_out
from ml_connector.connections.versions import Seen, changed_meanwhile, look
from ml_connector.domain.faults import Halt
from ml_connector.domain.ids import (
    Actor,
    ConnectionId,
    Division,
    SiteId,
    app_at,
    further_site_of,
    is_division,
    named_scope,
    site_in,
)
from ml_connector.domain.records import LIFTED_BY_PEOPLE, ConnectionState
from ml_connector.domain.words import command
from ml_connector.infrastructure.admin_secret_store import AdminSecretStore
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.data_form import DIVISION_KEYS
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import ConnectionRecord, Ledger, despite_conflicts
from ml_connector.infrastructure.mapping_rows import LongMappingError
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.secret_store import AIRBASE_KEY, EXACT_APP
from ml_connector.messages.sending import reconcile_message, refresh_message
from ml_connector.reference_data.refresh import fresh_since
from ml_connector.secret import Secret
from ml_connector.services import StackServices
from ml_connector.settings.airbase_profile import NoVerification, UrlSecret
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.settings.division_names import find_division
from ml_connector.stack import Addresses, Send, Stack
from ml_connector.user_errors import UserError, safe_lines

_MOST_CHANGES = 100
"""So many changed settings are named in the audit trail."""


@dataclass(frozen=True)
class Added:
    """What `add` did. `made`: new webhook secrets by sender, to be shown once.

    `taken_out`: the sites that the file names no more; the secrets of their apps were removed.
    """

    connection: Connection
    is_new: bool
    webhooks: Mapping[str, str]
    made: Mapping[str, Secret] = field(default_factory=dict)
    has_consent: bool = False
    is_changed: bool = True
    taken_out: Sequence[SiteId] = ()


def continued(connections: ConnectionStore, connection: Connection) -> Connection:
    """Return the connection with the app of each site under the name that it has already.

    The app of a further site is named by it: the first one keeps its secrets and its consent.
    """
    before = connections.get(connection.id)
    known = {each.site: each.id for each in before.sites} if before else {}
    sites = []
    for each in connection.sites:
        is_taken = each.id in known.values()
        own = app_at(connection.id, each.site) if is_taken else each.id
        sites.append(each.model_copy(update={"id": known.get(each.site, own)}))
    return connection.model_copy(update={"sites": tuple(sites)})


def add(
    stack: Stack,
    actor: Actor,
    connection: Connection,
    given: GivenSecrets,
    seen: Seen | None = None,
) -> Added:
    """Add the connection or replace the one with its id; stored secrets stay unless given anew.

    `seen` is what the person knows of it, by default what is stored now.

    Raises:
        ChangedMeanwhileError: somebody else has changed it since; nothing was saved.
        UserError: a required secret is neither given nor stored, another connection serves one of
            its divisions or subsidiaries, data of one site would be taken for another's, or orders
            of a division that is left out are open.
    """
    id, store = connection.id, stack.services.connections
    before, version = seen or look(store, id)
    if not store.is_unchanged(id, version):
        raise changed_meanwhile(stack.ledger_of(actor, id))
    refuse_overlap(stack, connection, given)
    refuse_taken_out(stack.services, before, connection)
    _refuse_unmigrated(stack.services, connection)
    if missing := connection_secrets.missing_names(stack.secret_store, connection, given):
        raise UserError(*(f"input needed: set {name}" for name in missing))
    is_new = before is None
    stack.begin(actor)
    step = "connection_added" if is_new else "connection_changed"
    gone = sites_taken_out(before, connection)
    detail: dict[str, Any] = {"config": _digest(connection), "given": sorted(given.values)}
    if gone:
        detail["taken_out"] = [each.site for each in gone]
    if before:
        found = differences(before, connection)
        detail["changed"] = [each.text for each in found[:_MOST_CHANGES]]
    record_step(stack.ledger_of(actor, id), step, **detail)
    connection_secrets.store_credentials(stack.secret_store, connection, given)
    made = connection_secrets.store_webhook_settings(stack.secret_store, connection, given)
    import_consents(stack, actor, connection, given)
    _save(stack, actor, connection, version)
    taken_out = forget_sites(stack, gone)
    resume(stack, actor, connection)
    if before:  # a changed policy, link or subsidiary takes effect now, not at the next try
        stack.send(reconcile_message(id), f"asked {clock.epoch()}")
        queue_moved(stack.send, stack.services.ledger_of(id), before, connection)
    has_consent = connection_secrets.have_tokens(stack, connection)
    urls = webhook_urls(stack.addresses, connection, made)
    return Added(connection, is_new, urls, made, has_consent, taken_out=taken_out)


def _save(stack: Stack, actor: Actor, connection: Connection, version: int) -> None:
    try:
        if stack.services.connections.save_if_unchanged(connection, version):
            return
    except LongMappingError as error:
        raise UserError(*safe_lines(str(error))) from None
    ledger = stack.ledger_of(actor, connection.id)
    record_step(ledger, "connection_not_changed", why="changed meanwhile")
    raise changed_meanwhile(ledger)


def _refuse_unmigrated(services: StackServices, connection: Connection) -> None:
    """Refuse a further site while there are keys that name no site: they are the first one's."""
    ledger = services.ledger_of(connection.id)
    is_known = services.connections.get(connection.id) is not None
    if len(connection.sites) > 1 and is_known and not ledger.has_form(DIVISION_KEYS):
        raise UserError("run `connector migrate` first: keys do not name their Exact site yet")


def resume(stack: Stack, actor: Actor, connection: Connection) -> None:
    """Lift the halt of the connection and read its reference data.

    If the cause of the halt remains, the connection is stopped again.
    """
    halts = Halts(stack.ledger_of(actor, connection.id))
    despite_conflicts(halts.lift_all)
    read_reference_data(stack.send, connection)


def accept_other_connector(
    stack: Stack, actor: Actor, id: str, code: str | None = None
) -> list[Division]:
    """Record that another connector's orders are known: in one division, or wherever they stop it.

    Return the divisions that go on. Raises `UserError` when none is stopped for that.
    """
    connection = stack.connection(id)
    ledger = stack.ledger_of(actor, connection.id)
    only = find_division(connection, code) if code else None
    stopped = {
        where: halt.code
        for where, halt in Halts(ledger).all().items()
        if halt.code in LIFTED_BY_PEOPLE and only in {None, where}
    }
    if not stopped:
        which = f"division {only} of {id}" if only else f"no division of {id}"
        not_ = "is not" if only else "is"
        raise UserError(f"{which} {not_} stopped because of another connector")
    halts = Halts(ledger)
    despite_conflicts(lambda: halts.lift(stopped, by_hand=True))
    read_reference_data(stack.send, connection)
    return [Division(where) for where in stopped]


def read_reference_data(send: Send, connection: Connection) -> None:
    """Queue a refresh of every division's reference data."""
    for division in connection.divisions:
        message = refresh_message(connection.id, division.division)
        send(message, f"asked {clock.epoch()}")


def list_all(services: StackServices) -> list[dict[str, Any]]:
    """Return one row for each connection of the stack."""
    return [_listed(each, services.ledger_of(each.id)) for each in services.connections.all()]


def _listed(connection: Connection, ledger: Ledger) -> dict[str, Any]:
    halts = _halts(ledger)
    return {
        "connection": connection.id,
        "name": connection.name,
        "exact": ", ".join(s.exact_site or s.exact_base_url for s in connection.sites),
        "divisions": [d.division for d in connection.divisions],
        "stopped": [halt["code"] for halt in halts],
        "stops": [halt["stops"] for halt in halts],
    }


def show(stack: Stack, id: str) -> dict[str, Any]:
    """Return everything about a connection; of its secrets only whether they are stored."""
    services = stack.services_of(id)
    connection = services.connection
    return {
        "connection": connection.id,
        "webhooks": webhook_urls(stack.addresses, connection),
        "secrets": _stored_secrets(stack, connection),
        "stopped": _halts(services.ledger),
        "reference_data_read_at": {
            str(each.division): _read_at(services.reference_store(each.division))
            for each in connection.divisions
        },
        "config": stack.services.connections.whole(connection).model_dump(mode="json"),
    }


def remove(stack: Stack, actor: Actor, id: str) -> None:
    """Delete the connection with its links, secrets and read data; ledger and audit trail stay.

    Raises `UserError` while another connection uses its Exact app.
    """
    connection = stack.connection(id)
    refuse_while_shared(stack.services.connections, connection, connection.sites)
    record_step(stack.ledger_of(actor, connection.id), "connection_removed", _as_removed)
    connection_secrets.forget_all(stack, connection)
    forget_data(stack, connection)
    stack.services.connections.remove(connection.id)


def rotate(
    stack: Stack, actor: Actor, id: str, sender: str, given: GivenSecrets
) -> tuple[dict[str, str], Secret | None]:
    """Add a new webhook secret before the old one; return the URL, and the secret if made here.

    Raises `UserError` while an earlier rotation is not finished.
    """
    connection = stack.connection(id)
    texts = _signing_texts(stack.secret_store, connection, sender)
    if len(texts) > 1:
        raise UserError(
            f"two secrets are valid already: "
            f"{command('connection', 'rotate', id, sender, '--finish')}"
        )
    name = connection_secrets.signing_name(connection, sender)
    wanted = given.get(name)
    new = wanted or connection_secrets.new_signing_secret(connection.profile, sender)
    if new.reveal() in texts:
        raise UserError(f"{name} is the stored secret: set it to the new one")
    record_step(stack.ledger_of(actor, connection.id), "webhook_secret_rotated", sender=sender)
    connection_secrets.store_signing(stack.secret_store, connection, sender, [new.reveal(), *texts])
    made = None if wanted else new
    urls = webhook_urls(stack.addresses, connection, {sender: made} if made else {})
    return {sender: urls[sender]}, made


def finish_rotation(stack: Stack, actor: Actor, id: str, sender: str) -> None:
    """Delete the older of two webhook secrets; raises `UserError` when there is only one."""
    connection = stack.connection(id)
    texts = _signing_texts(stack.secret_store, connection, sender)
    if len(texts) == 1:
        raise UserError(f"only one secret is stored for {sender}: there is nothing to finish")
    record_step(stack.ledger_of(actor, connection.id), "webhook_rotation_finished", sender=sender)
    connection_secrets.store_signing(stack.secret_store, connection, sender, texts[:1])


def webhook_urls(
    addresses: Addresses, connection: Connection, made: Mapping[str, Secret] | None = None
) -> dict[str, str]:
    """Return the webhook URL of each sender; a new secret that belongs in the URL is in it."""
    urls = {
        sender: addresses.of(name)[sender.partition(".")[0]]
        for sender, name in connection_secrets.senders_of(connection).items()
    }
    verification = connection.profile.verification
    if isinstance(verification, UrlSecret):
        secret = (made or {}).get("airbase")
        value = urlencode({verification.parameter: secret.reveal()}) if secret else ""
        urls["airbase"] += f"?{value or quote(verification.parameter) + '=<secret>'}"
    return urls


def record_step(
    ledger: Ledger,
    step: str,
    change: Callable[[ConnectionRecord], ConnectionRecord] | None = None,
    **detail: Any,
) -> None:
    """Append a step to the connection's own audit trail, with the `change` it makes, if any.

    Call it before the change: an unrecorded change is worse than a record without a change.
    """

    def write() -> None:
        record = ledger.connection()
        state = ConnectionState.HALTED if record.facts.halts else ConnectionState.ACTIVE
        moved = change(record) if change else record.now(state)
        ledger.write(moved, step, detail=detail)

    despite_conflicts(write)


def _as_removed(record: ConnectionRecord) -> ConnectionRecord:
    facts = replace(record.facts, halts={}, problems=())
    return record.now(ConnectionState.REMOVED, facts)


def import_consents(
    stack: Stack, actor: Actor, connection: Connection, given: GivenSecrets
) -> None:
    """Store the tokens of consents given elsewhere, if there are any and they are new."""
    for each in connection.sites:
        _import_consent(stack, actor, connection, each, given)


def _import_consent(
    stack: Stack, actor: Actor, connection: Connection, site: ExactSite, given: GivenSecrets
) -> None:
    id, of_site = connection.id, further_site_of(site.id)
    known = stack.services.ledger_of(id).connection().facts.consent_digests.get(of_site)
    taken = connection_secrets.store_tokens(stack, site.id, given, known)
    if taken:

        def change(record: ConnectionRecord) -> ConnectionRecord:
            digests = {**record.facts.consent_digests, of_site: taken}
            return record.now(record.state, replace(record.facts, consent_digests=digests))

        record_step(stack.ledger_of(actor, id), "consent_taken_over", change, site=site.site)


def _digest(connection: Connection) -> str:
    return hashlib.sha256(connection.model_dump_json().encode()).hexdigest()[:16]


def _halts(ledger: Ledger) -> list[dict[str, Any]]:
    return [
        {
            "site": site_in(Division(where)),
            "division": where if is_division(Division(where)) else None,
            "stops": named_scope(where) or "all",
            **halt.as_dict(),
        }
        for where, halt in sorted(Halts(ledger).all().items())
    ]


def _signing_texts(
    secret_store: AdminSecretStore, connection: Connection, sender: str
) -> list[str]:
    known = connection_secrets.senders_of(connection)
    if sender not in known:
        raise UserError(f"use {' or '.join(known)}, not {sender!r}")
    unsigned = isinstance(connection.profile.verification, NoVerification)
    texts = connection_secrets.signing_texts(secret_store, connection, sender)
    if not texts or (sender == "airbase" and unsigned):
        raise UserError(
            f"no webhook secret is stored for {sender}: "
            f"{command('connection', 'add', 'FILE')} with the file of {connection.id} makes one"
        )
    return texts


def _stored_secrets(stack: Stack, connection: Connection) -> dict[str, Any]:
    """Return what is stored; names of a further site's secrets end in the site."""
    secret_store = stack.secret_store
    found: dict[str, Any] = {
        "airbase_api_key": _state_of(secret_store, AIRBASE_KEY, connection.id, "api_key")
    }
    consents: dict[str, Any] = {}
    for site in connection.sites:
        end = site.id.removeprefix(connection.id).replace(".", "_")
        for part in ("client_id", "client_secret"):
            found[f"exact_{part}{end}"] = _state_of(secret_store, EXACT_APP, site.id, part)
        consents[f"exact_consent{end}"] = connection_secrets.consent_of(stack, site.app_of)
    signing = {
        f"{sender.replace('.', '_')}_webhook_secrets": _secret_count(secret_store, kind, name)
        for sender, name in connection_secrets.senders_of(connection).items()
        for kind in (WEBHOOK_KINDS[sender.partition(".")[0]],)
    }
    return {**found, **signing, **consents}


def _state_of(secret_store: AdminSecretStore, kind: str, id: ConnectionId, part: str) -> str:
    try:
        return "stored" if (secret_store.read_plain(kind, id) or {}).get(part) else "missing"
    except Halt:
        return "unreadable"


def _secret_count(secret_store: AdminSecretStore, kind: str, id: ConnectionId) -> int:
    try:
        found = secret_store.read_plain(kind, id) or {}
    except Halt:
        return 0
    return len(found.get("secrets", ()))


def _read_at(data: ReferenceStore) -> str | None:
    read_at = fresh_since(data)
    return read_at.isoformat(timespec="seconds") if read_at else None
