"""Add, show and remove connections, and rotate their webhook secrets."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from connector_cli.actions import secrets_given
from connector_cli.actions.secrets_given import SIGNING, WEBHOOK_KINDS, Given
from connector_cli.complaints import Complaint
from connector_cli.stack import Stack
from ml_connector import clock
from ml_connector.connection import Connection
from ml_connector.doors.ledger import CONNECTION, Conflict, Record
from ml_connector.doors.vault import AIRBASE_KEY, EXACT_APP, EXACT_TOKENS
from ml_connector.exact.oauth import Tokens
from ml_connector.faults import Halt
from ml_connector.ids import ConnectionId
from ml_connector.profile import NoVerification, UrlSecret
from ml_connector.secret import Secret
from ml_connector.workflows.messages import reconcile_message, refresh_message
from ml_connector.workflows.upkeep.refresh import fresh_since

_ATTEMPTS = 3


@dataclass(frozen=True)
class Added:
    """What `add` did. `made` holds webhook secrets that are shown once, by sender."""

    connection: Connection
    is_new: bool
    webhooks: Mapping[str, str]
    made: Mapping[str, Secret] = field(default_factory=dict)
    has_consent: bool = False
    is_changed: bool = True


def add(stack: Stack, connection: Connection, given: Given) -> Added:
    """Add the connection or put it in the place of its namesake; secrets not given stay.

    Raises `Complaint` when a needed secret is neither given nor stored.
    """
    id = connection.id
    if missing := secrets_given.names_missing(stack.vault, id, given):
        raise Complaint(*(f"{name} is not set and there is nobody to ask" for name in missing))
    is_new = stack.doors.mappings.connection(id) is None
    step = "connection_added" if is_new else "connection_changed"
    note(stack, id, step, config=_digest(connection), given=sorted(given.values))
    secrets_given.store_plain(stack.vault, id, given)
    made = secrets_given.store_webhooks(stack.vault, connection, given)
    take_over_consent(stack, id, given)
    stack.doors.mappings.save(connection)
    go_on(stack, connection)
    if not is_new:  # another policy or link takes effect now, not with the daily comparison
        stack.send(reconcile_message(id), f"asked {clock.epoch()}")
    has_consent = bool(secrets_given.stored(stack.vault, EXACT_TOKENS, id))
    return Added(connection, is_new, webhook_urls(stack, connection, made), made, has_consent)


def go_on(stack: Stack, connection: Connection) -> None:
    """Lift what stopped the connection (what still holds stops it again) and read its books."""
    _persist(lambda: stack.signed.clear_halt(connection.id))
    read_books(stack, connection)


def read_books(stack: Stack, connection: Connection) -> None:
    """Have the reference data of every division read now."""
    for division in connection.divisions:
        message = refresh_message(connection.id, division.division)
        stack.send(message, f"asked {clock.epoch()}")


def list_all(stack: Stack) -> list[dict[str, Any]]:
    """Return one line for each connection of the stack."""
    return [
        {
            "connection": each.id,
            "name": each.name,
            "exact": each.exact_site or each.exact_base_url,
            "divisions": [d.division for d in each.divisions],
            "stopped": [halt["code"] for halt in _halts(stack, each.id)],
        }
        for each in stack.doors.mappings.connections()
    ]


def show(stack: Stack, id: str) -> dict[str, Any]:
    """Return everything about a connection but its secrets, of which only the presence."""
    connection = stack.connection(id)
    return {
        "connection": connection.id,
        "webhooks": webhook_urls(stack, connection),
        "secrets": _presence(stack, connection.id),
        "stopped": _halts(stack, connection.id),
        "reference_data_read_at": {
            str(each.division): _read_at(stack, connection, each.division)
            for each in connection.divisions
        },
        "config": connection.model_dump(mode="json"),
    }


def remove(stack: Stack, id: str) -> None:
    """Forget the connection's settings, links and secrets; its ledger and audit trail stay."""
    connection = stack.connection(id)
    note(stack, connection.id, "connection_removed", "removed", {"halts": {}, "problems": []})
    stack.vault.forget(connection.id)
    stack.doors.mappings.remove(connection.id)


def rotate(
    stack: Stack, id: str, sender: str, given: Given
) -> tuple[dict[str, str], Secret | None]:
    """Put a new webhook secret before the old one; return the URL and the secret if made here.

    Raises `Complaint` while an earlier rotation is not finished.
    """
    connection = stack.connection(id)
    texts = _signing_texts(stack, connection, sender)
    if len(texts) > 1:
        raise Complaint(
            f"two secrets are valid already: `connector connection rotate {id} {sender} --finish`"
        )
    wanted = given.get(SIGNING[sender])
    new = wanted or secrets_given.new_signing_secret(connection.profile, sender)
    if new.reveal() in texts:
        raise Complaint(f"{SIGNING[sender]} holds the secret that is stored: set it to the new one")
    note(stack, connection.id, "webhook_secret_rotated", sender=sender)
    secrets_given.store_signing(stack.vault, connection, sender, [new.reveal(), *texts])
    made = None if wanted else new
    urls = webhook_urls(stack, connection, {sender: made} if made else {})
    return {sender: urls[sender]}, made


def finish_rotation(stack: Stack, id: str, sender: str) -> None:
    """Drop the older of two webhook secrets; raises `Complaint` when there is one alone."""
    connection = stack.connection(id)
    texts = _signing_texts(stack, connection, sender)
    if len(texts) == 1:
        raise Complaint(f"only one secret is stored for {sender}: there is nothing to finish")
    note(stack, connection.id, "webhook_rotation_finished", sender=sender)
    secrets_given.store_signing(stack.vault, connection, sender, texts[:1])


def webhook_urls(
    stack: Stack, connection: Connection, made: Mapping[str, Secret] | None = None
) -> dict[str, str]:
    """Return the URLs to give to both senders; a secret made for the URL itself is in it."""
    urls = stack.addresses.of(connection.id)
    verification = connection.profile.verification
    if isinstance(verification, UrlSecret):
        secret = (made or {}).get("airbase")
        value = urlencode({verification.parameter: secret.reveal()}) if secret else ""
        urls["airbase"] += f"?{value or quote(verification.parameter) + '=<secret>'}"
    return urls


def note(
    stack: Stack,
    id: ConnectionId,
    step: str,
    state: str | None = None,
    facts: Mapping[str, Any] | None = None,
    **detail: Any,
) -> None:
    """Append a step to the trail of the connection itself, with new facts if there are any.

    Called before the deed: a deed without a trace is worse than a trace without a deed.
    """

    def write() -> None:
        record = stack.signed.read(id, CONNECTION)
        moved = record.now(state or _state(record), **(facts or {}))
        stack.signed.write(moved, step, **(facts or {}), **detail)

    _persist(write)


def _state(record: Record) -> str:
    return "halted" if record.facts.get("halts") else "active"


def _persist(write: Callable[[], None]) -> None:
    """Workers write the connection's record too: read it again and have another try."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            return write()
        except Conflict:
            if attempt == _ATTEMPTS:
                raise
    return None


def take_over_consent(stack: Stack, id: ConnectionId, given: Given) -> None:
    """Store a consent that was given elsewhere, when there is one and it is news."""
    facts = stack.doors.ledger.read(id, CONNECTION).facts
    taken = secrets_given.store_tokens(stack, id, given, facts.get("consent_digest"))
    if taken:
        note(stack, id, "consent_taken_over", facts={"consent_digest": taken})


def _digest(connection: Connection) -> str:
    return hashlib.sha256(connection.model_dump_json().encode()).hexdigest()[:16]


def _halts(stack: Stack, id: ConnectionId) -> list[dict[str, Any]]:
    halts = stack.doors.ledger.read(id, CONNECTION).facts.get("halts", {})
    return [{"division": where or None, **problem} for where, problem in sorted(halts.items())]


def _signing_texts(stack: Stack, connection: Connection, sender: str) -> list[str]:
    if sender not in SIGNING:
        raise Complaint(f"say airbase or exact, not {sender!r}")
    unsigned = isinstance(connection.profile.verification, NoVerification)
    texts = secrets_given.signing_texts(stack.vault, sender, connection.id)
    if not texts or (sender == "airbase" and unsigned):
        raise Complaint(
            f"no webhook secret is stored for {sender}: `connector connection add` makes one"
        )
    return texts


def _presence(stack: Stack, id: ConnectionId) -> dict[str, Any]:
    plain = {
        "airbase_api_key": _state_of(stack, AIRBASE_KEY, id, "api_key"),
        "exact_client_id": _state_of(stack, EXACT_APP, id, "client_id"),
        "exact_client_secret": _state_of(stack, EXACT_APP, id, "client_secret"),
    }
    signing = {f"{sender}_webhook_secrets": _how_many(stack, sender, id) for sender in SIGNING}
    return {**plain, **signing, "exact_consent": _consent(stack, id)}


def _state_of(stack: Stack, kind: str, id: ConnectionId, part: str) -> str:
    try:
        return "stored" if (stack.vault.peek(kind, id) or {}).get(part) else "missing"
    except Halt:
        return "unreadable"


def _how_many(stack: Stack, sender: str, id: ConnectionId) -> int:
    try:
        found = stack.vault.peek(WEBHOOK_KINDS[sender], id) or {}
    except Halt:
        return 0
    return len(found.get("secrets", ()))


def _consent(stack: Stack, id: ConnectionId) -> dict[str, Any]:
    """Return whether there are tokens, and how long ago they were renewed."""
    try:
        sealed = stack.vault.tokens(id)
    except Halt:
        return {"state": "unreadable"}
    if sealed is None:
        return {"state": "missing"}
    tokens = Tokens.from_json(sealed)
    return {
        "state": "stored",
        "renewed_at": tokens.obtained_at.isoformat(timespec="seconds"),
        "age_days": round(tokens.age.total_seconds() / 86_400, 1),
    }


def _read_at(stack: Stack, connection: Connection, division: Any) -> str | None:
    read_at = fresh_since(stack.doors.data(connection.id, division))
    return read_at.isoformat(timespec="seconds") if read_at else None
