"""Try a profile on a webhook call that was recorded, without a stack or a network."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ml_connector import clock
from ml_connector.airbase.purchase_orders import FieldReader, read_order
from ml_connector.connections.files import read_settings
from ml_connector.connections.secrets import airbase_settings
from ml_connector.domain.faults import Problem, Review
from ml_connector.domain.ids import AppId, ConnectionId
from ml_connector.domain.orders.order import Order
from ml_connector.domain.words import moment
from ml_connector.infrastructure.event_bodies import strict_json
from ml_connector.messages.kinds import ProcessOrder, ProcessVendor
from ml_connector.secret import Secret
from ml_connector.settings.airbase_profile import AirbaseProfile, NoVerification
from ml_connector.user_errors import UserError, safe_lines
from ml_connector.webhooks import airbase
from ml_connector.webhooks.verification import (
    UnreadableEventError,
    WebhookCall,
    identifier,
    json_object,
)

RIGHT, WRONG, NOT_CHECKED = "right", "wrong", "not checked"
_LARGEST = 6_000_000
_TRIED = ConnectionId("profile-try")


@dataclass(frozen=True)
class ProfileTrial:
    """What the connector would make of a call.

    `signature` is `RIGHT`, `WRONG` or `NOT_CHECKED`, `why` says more; `about` is order, vendor or
    nothing. `order` is as it would be read, None if it was not in what was given or has `problems`.
    """

    signature: str
    why: str
    event_id: str
    event_type: str
    about: str
    id: str
    fetched_from: str
    order: Order | None
    problems: tuple[Problem, ...] = ()
    absent: tuple[str, ...] = field(default=())
    """Fields of the order that are empty."""

    @property
    def is_good(self) -> bool:
        """Return whether the connector could work with this call."""
        return self.signature != WRONG and self.about != "nothing" and not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form."""
        order = json.loads(json.dumps(asdict(self.order), default=str)) if self.order else None
        return {
            "signature": self.signature, "why": self.why, "event_id": self.event_id,
            "event_type": self.event_type, "about": self.about, "id": self.id,
            "fetched_from": self.fetched_from, "order": order, "absent": list(self.absent),
            "problems": [{"code": p.code, "cause": p.cause, "remedy": p.remedy}
                         for p in self.problems],
        }  # fmt: skip


def read_profile(path: Path) -> AirbaseProfile:
    """Return the profile in a file: a connection's, or its `[profile]` alone.

    Raise `UserError` with one line for each error.
    """
    settings = read_settings(path)
    given = settings.get("profile", {} if "sites" in settings or "exact" in settings else settings)
    try:
        return AirbaseProfile.model_validate(given)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        lines = (f"{path.name}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
        raise UserError(*safe_lines(*lines)) from None


def read_headers(path: Path) -> dict[str, str]:
    """Return recorded headers, `Name: value` in lines or a JSON object, names in lower case.

    Raise `UserError` for anything else.
    """
    text = read_body(path).decode("utf-8-sig", "replace").strip()
    if text.startswith("{"):
        try:
            found = strict_json(text)
        except ValueError:
            raise UserError(f"{path.name}: is not a JSON object of headers") from None
        return {str(name).lower(): str(value) for name, value in found.items()}
    headers = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, colon, value = line.partition(":")
        if colon and " " not in name.strip():
            headers[name.strip().lower()] = value.strip()
        elif line.strip() and not line.startswith(("POST ", "HTTP/")):
            raise UserError(f"{path.name}, line {number}: is not a header: write `Name: value`")
    return headers


def try_profile(
    profile: AirbaseProfile,
    body: bytes,
    headers: Mapping[str, str],
    secret: Secret | None = None,
    order: Any = None,
) -> ProfileTrial:
    """Return what the connector would make of a call with this body.

    `order` is what Airbase answers to a call for the order, where the event does not carry it.
    Raise `UserError` when the body is not a JSON object.
    """
    call = WebhookCall(AppId(_TRIED), dict(headers), {}, body)
    signature, why = _verified(profile, call, secret)
    try:
        event = json_object(body)
    except UnreadableEventError as error:
        raise UserError(str(error)) from None
    settings = airbase.parse_settings(airbase_settings(profile) | {"secrets": ["-" * 16]})
    about = airbase.message_about(_TRIED, event, settings)
    reader = FieldReader(event, profile)
    id, fetched, raw = "", "", None
    if isinstance(about, ProcessOrder):
        id = about.order
        in_event = reader.find(profile.event_order) if profile.order_source == "event" else None
        raw = in_event if order is None else order
        fetched = "" if raw is not None else f"GET {profile.order_path.format(id=id)}"
    elif isinstance(about, ProcessVendor):
        id = about.vendor
    read, problems = _order(raw, profile)
    return ProfileTrial(
        signature, why,
        identifier(reader.find(profile.event_id)) or "",
        identifier(reader.find(profile.event_type)) or "",
        {ProcessOrder: "order", ProcessVendor: "vendor"}.get(type(about), "nothing"),
        id, fetched, read, problems, tuple(_absent(read)) if read else (),
    )  # fmt: skip


def read_json(path: Path) -> Any:
    """Return the JSON in a file, numbers exact; raise `UserError` when there is none."""
    try:
        return strict_json(read_body(path).decode("utf-8-sig"))
    except ValueError as error:
        raise UserError(*safe_lines(f"{path.name}: is not JSON: {error}")) from None


def read_body(path: Path) -> bytes:
    """Return the bytes of a recorded call; raise `UserError` when they cannot be read."""
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path.name}: is larger than any webhook call")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or 'cannot be read'}") from None


def _verified(profile: AirbaseProfile, call: WebhookCall, secret: Secret | None) -> tuple[str, str]:
    if isinstance(profile.verification, NoVerification):
        return NOT_CHECKED, "the profile asks for none: only the id in the body is used"
    if secret is None:
        return NOT_CHECKED, "no secret was given"
    config = airbase_settings(profile) | {"secrets": [secret.reveal()]}
    try:
        check = airbase.parse_settings(config).check
    except ValueError as error:
        raise UserError(f"the secret or the profile cannot be used: {error}") from None
    now = clock.now()
    if check(call, (secret,), now):
        return RIGHT, ""
    stamped = _stamp(profile, call)
    if stamped and check(call, (secret,), stamped):
        at = moment(stamped)
        return RIGHT, f"signed at {at}: a call is refused after {airbase.WINDOW} seconds"
    wanted = getattr(profile.verification, "header", None) or profile.verification.scheme
    is_there = str(wanted).lower() in call.headers
    return WRONG, "another secret, scheme or body" if is_there else f"no {wanted} in the call"


def _stamp(profile: AirbaseProfile, call: WebhookCall) -> datetime | None:
    """Return the time that the call claims to be signed at."""
    name = getattr(profile.verification, "timestamp_header", None) or "webhook-timestamp"
    text = call.headers.get(name.lower(), "")
    is_number = text.isascii() and text.isdigit() and len(text) <= 11
    return datetime.fromtimestamp(int(text), UTC) if is_number else None


def _order(raw: Any, profile: AirbaseProfile) -> tuple[Order | None, tuple[Problem, ...]]:
    if raw is None:
        return None, ()
    if profile.envelope:
        raw = FieldReader(raw, profile).find(profile.envelope) or raw
    try:
        return read_order(raw, profile, clock.now().date()), ()
    except Review as review:
        return None, tuple(review.problems)


def _absent(order: Order) -> list[str]:
    names = ("number", "revision", "description", "receipt_date", "payment_condition", "tags")
    found = [name for name in names if not getattr(order, name)]
    line_names = ("description", "vat_code", "receipt_date", "tags")
    found += [
        f"line.{name}" for name in line_names if not any(getattr(x, name) for x in order.lines)
    ]
    return found
