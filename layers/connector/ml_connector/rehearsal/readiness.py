"""Is the connection ready to go live? One verdict from everything that can be checked before."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from ml_connector import clock
from ml_connector.domain.ids import Actor, AppId, ConnectionId, Division, VendorId
from ml_connector.domain.orders.reference_data import Supplier, is_active
from ml_connector.health.ping import ping_connection
from ml_connector.infrastructure.ledger import Ledger, vendor_key
from ml_connector.infrastructure.reference_store import plain_name
from ml_connector.infrastructure.webhook_senders import WebhookSenderState, sender_name
from ml_connector.rehearsal.rehearse import last_rehearsal
from ml_connector.rehearsal.report import FreeingDecision, Rehearsal, share_percent
from ml_connector.services import Services
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError

Area = Literal["ping", "consent", "mappings", "vendors", "limits", "webhooks", "rehearsal"]
AREAS: tuple[Area, ...] = get_args(Area)

_REHEARSED_WITHIN = timedelta(days=14)
_MOST_SHOWN = 5
_MOST_PERCENT = 80
"""Of the calls that Exact allows a day: what the busiest day may take, amendments not counted."""


@dataclass(frozen=True)
class ReadyLine:
    """One finding. `ok`: true, false, or None for what a person should look at.

    `where` is a division or site, empty for all of the connection.
    """

    area: Area
    ok: bool | None
    what: str
    remedy: str = ""
    where: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "area": self.area,
            "ok": self.ok,
            "what": self.what,
            "remedy": self.remedy or None,
            "where": self.where or None,
        }


@dataclass(frozen=True)
class Readiness:
    """The verdict on a connection: ready if no line is red."""

    connection: Connection
    checked_at: datetime
    checked_by: Actor
    lines: list[ReadyLine]

    @property
    def is_ready(self) -> bool:
        """Return whether nothing speaks against going live."""
        return not self.red

    @property
    def red(self) -> list[ReadyLine]:
        """Return what has to be repaired first."""
        return [each for each in self.lines if each.ok is False]

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-serialisable form, of a stable shape."""
        return {
            "connection": self.connection.id,
            "ready": self.is_ready,
            "checked_at": self.checked_at.isoformat(),
            "checked_by": self.checked_by,
            "red": len(self.red),
            "lines": [each.as_dict() for each in self.lines],
        }


def check_readiness(services: Services, actor: Actor) -> Readiness:
    """Return the verdict on a connection.

    Both systems are pinged. The rest is what is stored, the last rehearsal among it.
    """
    try:
        rehearsal = last_rehearsal(services)
    except UserError:
        rehearsal = None
    lines = [
        *_ping(services),
        *_mappings(rehearsal),
        *_vendors(services, rehearsal),
        *_limits(rehearsal),
        *_webhooks(services.connection, services.webhook_senders.all()),
        *_rehearsal(services.id, rehearsal),
    ]
    lines.sort(key=lambda each: AREAS.index(each.area))
    return Readiness(services.connection, clock.now(), actor, lines)


def _ping(services: Services) -> Iterator[ReadyLine]:
    """Yield the ping's red checks; all checks about consents; the rest in one line."""
    checks = ping_connection(services)
    passed = 0
    for each in checks:
        area: Area = "consent" if each.check == "consent" else "ping"
        if each.ok and area == "ping":
            passed += 1
        elif each.ok:
            yield ReadyLine(area, ok=True, what=each.detail, where=each.scope or "")
        else:
            what = f"{each.check}: {each.code} {each.cause} {each.detail}".strip()
            yield ReadyLine(area, each.ok, " ".join(what.split()), each.remedy, each.scope or "")
    yield ReadyLine("ping", ok=True, what=f"{passed} of {len(checks)} checks passed.")


def _mappings(rehearsal: Rehearsal | None) -> Iterator[ReadyLine]:
    if rehearsal is None:
        yield _not_known("mappings")
        return
    missing = [each for each in rehearsal.decisions if each.kind == "mapping"]
    if not missing:
        what = f"No order of {rehearsal.period} lacks a mapping."
        yield ReadyLine("mappings", ok=True, what=what)
    yield from _needed("mappings", missing)


def _needed(area: Area, decisions: list[FreeingDecision]) -> Iterator[ReadyLine]:
    for each in decisions[:_MOST_SHOWN]:
        what = f"{each.code}: {each.cause} {each.needed_by} orders need it."
        yield ReadyLine(area, ok=False, what=what, remedy=each.remedy, where=each.division or "")
    if len(decisions) > _MOST_SHOWN:
        what = f"{len(decisions) - _MOST_SHOWN} more; the rehearsal lists them."
        yield ReadyLine(area, ok=False, what=what, remedy="Decide them as well.")


def _not_known(area: Area) -> ReadyLine:
    what = "Not known: nothing was rehearsed."
    return ReadyLine(area, ok=False, what=what, remedy="Rehearse a month first.")


# Vendors


def _vendors(services: Services, rehearsal: Rehearsal | None) -> Iterator[ReadyLine]:
    if rehearsal is None:
        yield _not_known("vendors")
    else:
        yield from _needed("vendors", [d for d in rehearsal.decisions if d.kind == "vendor"])
    for division in services.connection.divisions:
        yield from _VendorsOf(services, division.division).lines()


class _VendorsOf:
    """Looks for suppliers of a division that are there twice, and links to unusable ones."""

    def __init__(self, services: Services, division: Division) -> None:
        self._division = division
        store = services.reference_store(division)
        self._suppliers = {each.id: each for each in store.all("supplier", Supplier)}
        self._links = list(services.vendor_links.all(division))
        self._ledger = services.ledger

    def lines(self) -> Iterator[ReadyLine]:
        unusable = list(self._unusable())
        yield from unusable
        yield from self._doubles("VAT number", _vat_number)
        yield from self._doubles("name", lambda each: plain_name(each.name))
        if not unusable:
            what = f"{len(self._links)} vendors are linked, each to a supplier that can be used."
            yield ReadyLine("vendors", ok=True, what=what, where=self._division)

    def _unusable(self) -> Iterator[ReadyLine]:
        today = clock.now().date()
        for link in self._links:
            supplier = self._suppliers.get(link.supplier)
            if why := _why_unusable(supplier, today):
                vendor = _title(self._ledger, link.vendor)
                name = f"{supplier.code} {supplier.name}" if supplier else link.supplier
                what = f"Vendor {vendor} is linked to the supplier {name}, which {why}."
                remedy = "Repair the supplier in Exact, or link the vendor to another one."
                yield ReadyLine("vendors", ok=False, what=what, remedy=remedy, where=self._division)

    def _doubles(self, what: str, key_of: Callable[[Supplier], str]) -> Iterator[ReadyLine]:
        """Yield those that are there twice: red if a vendor is linked to one of them."""
        linked = {each.supplier for each in self._links}
        found: dict[str, list[Supplier]] = defaultdict(list)
        for each in self._suppliers.values():
            if each.is_supplier and not each.is_blocked and key_of(each):
                found[key_of(each)].append(each)
        doubled = sorted((each for each in found.values() if len(each) > 1), key=_codes)
        for suppliers in doubled[:_MOST_SHOWN]:
            is_used = any(each.id in linked for each in suppliers)
            yield ReadyLine(
                "vendors",
                ok=False if is_used else None,
                what=f"Suppliers with the same {what}: {_codes(suppliers)}.",
                remedy="Block or merge in Exact those that are not used, or accept the link to "
                "the right one.",
                where=self._division,
            )
        if len(doubled) > _MOST_SHOWN:
            more = f"{len(doubled) - _MOST_SHOWN} more groups have the same {what}."
            yield ReadyLine("vendors", ok=None, what=more, where=self._division)


def _why_unusable(supplier: Supplier | None, day: date) -> str:
    if supplier is None:
        return "is not in this division"
    if not supplier.is_supplier:
        return "is no supplier"
    if supplier.is_blocked:
        return "is blocked"
    return "" if is_active(supplier.start, supplier.end, day) else "is not active today"


def _vat_number(supplier: Supplier) -> str:
    return "".join(c for c in supplier.vat_number.casefold() if c.isalnum())


def _codes(suppliers: Iterable[Supplier]) -> str:
    return ", ".join(sorted(f"{each.code} {each.name}" for each in suppliers))


def _title(ledger: Ledger, vendor: VendorId) -> str:
    return ledger.read(vendor_key(vendor)).facts.title or vendor


def _limits(rehearsal: Rehearsal | None) -> Iterator[ReadyLine]:
    if rehearsal is None:
        yield _not_known("limits")
        return
    for each in rehearsal.calls:
        percent = 100 * each.busiest_calls // each.day_limit
        what = (
            f"The busiest day takes {each.busiest_calls} of {each.day_limit} calls a day "
            f"({percent}%)."
        )
        remedy = "Ask Exact for a higher limit, or spread the approvals over several days."
        is_ok = percent <= _MOST_PERCENT
        yield ReadyLine("limits", is_ok, what, "" if is_ok else remedy, each.division)


def _webhooks(connection: Connection, senders: Iterable[WebhookSenderState]) -> Iterator[ReadyLine]:
    """Yield whether each side has called: a subscription that nobody has seen work is red."""
    known = {each.sender: each for each in senders}
    yield _sender("Airbase", "airbase", known.get("airbase"), connection.id)
    for site in connection.sites:
        if site.exact_callback_url:
            name = sender_name("exact", AppId(site.id))
            yield _sender(f"Exact at {site.site}", name, known.get(name), connection.id)
        else:
            what = f"No notifications are asked for at {site.site}: it is read every four hours."
            yield ReadyLine("webhooks", ok=None, what=what, where=site.site)


def _sender(who: str, name: str, state: WebhookSenderState | None, id: ConnectionId) -> ReadyLine:
    look = f"`connector webhooks {id}` shows addresses and subscriptions"
    if state is None or (state.accepted_at is None and not state.refusals):
        remedy = f"Change something there and look again; {look}."
        return ReadyLine("webhooks", ok=False, what=f"{who} has never called.", remedy=remedy)
    if state.refusals:
        since = f"since {state.refused_since:%Y-%m-%d %H:%M} UTC" if state.refused_since else ""
        what = f"The calls of {who} are refused {since}: {state.reason}"
        remedy = f"Compare the secret of {name} on both sides; {look}."
        return ReadyLine("webhooks", ok=False, what=what, remedy=remedy)
    at = f"{state.accepted_at:%Y-%m-%d %H:%M} UTC"
    return ReadyLine("webhooks", ok=True, what=f"{who} has called, the last time on {at}.")


def _rehearsal(id: ConnectionId, rehearsal: Rehearsal | None) -> Iterator[ReadyLine]:
    again = f"Run `connector rehearse {id} --month MONTH`."
    ended = rehearsal.run.ended_at if rehearsal else None
    if rehearsal is None or ended is None:
        yield ReadyLine("rehearsal", ok=False, what="Nothing was rehearsed.", remedy=again)
        return
    is_recent = clock.now() - ended <= _REHEARSED_WITHIN
    when = f"{rehearsal.period} was rehearsed on {ended:%Y-%m-%d %H:%M} UTC"
    is_right = is_recent and rehearsal.is_whole
    why = "" if rehearsal.is_whole else "; not every order could be decided"
    yield ReadyLine("rehearsal", is_right, f"{when}{why}.", "" if is_right else again)
    share = share_percent(rehearsal)
    counted = f"{len(rehearsal.untouched)} of {len(rehearsal.counted)} orders"
    if share is None:
        what = f"{rehearsal.period} has no orders to post."
        yield ReadyLine("rehearsal", ok=None, what=what, remedy="Rehearse another month.")
    else:
        yield ReadyLine("rehearsal", ok=True, what=f"{counted} ({share}%) go through untouched.")
    others = [each for each in rehearsal.decisions if each.kind == "exception"]
    for each in others[:_MOST_SHOWN]:
        what = f"{each.code}: {each.cause} {each.needed_by} orders."
        yield ReadyLine("rehearsal", None, what, each.remedy, each.division or "")
    typed = len(rehearsal.of_verdict("typed_by_hand"))
    if typed:
        remedy = f"`connector adopt {id} --rehearsed {rehearsal.period} --all` links them."
        what = f"{typed} orders are in Exact already, typed in by hand, and not linked."
        yield ReadyLine("rehearsal", ok=None, what=what, remedy=remedy)
