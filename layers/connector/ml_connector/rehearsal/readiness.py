"""Is the connection ready to go live? One verdict from everything that can be checked before."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args

from ml_connector import clock
from ml_connector.domain.exception_codes.readable import coded_text, readable_text
from ml_connector.domain.ids import Actor, AppId, ConnectionId, Division, VendorId
from ml_connector.domain.orders.reference_data import Supplier, is_active
from ml_connector.domain.words import command, counted, moment, share, verb
from ml_connector.health.ping import ping_connection
from ml_connector.infrastructure.ledger import Ledger, vendor_key
from ml_connector.infrastructure.reference_store import plain_name
from ml_connector.infrastructure.webhook_senders import WebhookSenderState, sender_name
from ml_connector.rehearsal.rehearse import last_rehearsal, rehearse_command
from ml_connector.rehearsal.report import FreeingDecision, Rehearsal
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
        *_vendors(services),
        *_webhooks(services.connection, services.webhook_senders.all()),
        *(_rehearsed(rehearsal) if rehearsal else [_nothing_rehearsed(services.connection)]),
    ]
    lines.sort(key=lambda each: AREAS.index(each.area))
    return Readiness(services.connection, clock.now(), actor, lines)


def _ping(services: Services) -> Iterator[ReadyLine]:
    """Yield the ping's red checks; all checks about consents; the rest in one line."""
    checks = ping_connection(services)
    for each in checks:
        area: Area = "consent" if each.check == "consent" else "ping"
        if not each.ok:
            said = readable_text(each.code, each.cause)
            what = f"{each.check}: {each.code} {said} {each.detail}".strip()
            yield ReadyLine(area, each.ok, " ".join(what.split()), each.remedy, each.scope or "")
        elif area == "consent":
            yield ReadyLine(area, ok=True, what=each.detail, where=each.scope or "")
    passed = sum(each.ok is True for each in checks)
    what = f"{passed} of {counted(len(checks), 'check')} passed."
    yield ReadyLine("ping", ok=True if passed == len(checks) else None, what=what)


def _mappings(rehearsal: Rehearsal) -> Iterator[ReadyLine]:
    missing = [each for each in rehearsal.decisions if each.kind == "mapping"]
    if not missing:
        what = f"No order of {rehearsal.period} lacks a mapping."
        yield ReadyLine("mappings", ok=True, what=what)
    yield from _needed("mappings", missing)


def _needed(area: Area, decisions: list[FreeingDecision]) -> Iterator[ReadyLine]:
    for each in decisions[:_MOST_SHOWN]:
        needed = f"{counted(each.needed_by, 'order')} {verb(each.needed_by, 'needs', 'need')} it."
        what = f"{coded_text(each.code, each.cause)} {needed}"
        yield ReadyLine(area, ok=False, what=what, remedy=each.remedy, where=each.division or "")
    if len(decisions) > _MOST_SHOWN:
        what = f"{len(decisions) - _MOST_SHOWN} more; the rehearsal lists them."
        yield ReadyLine(area, ok=False, what=what, remedy="Decide them as well.")


# Vendors


def _vendors(services: Services) -> Iterator[ReadyLine]:
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
            number = len(self._links)
            vendors = f"{counted(number, 'vendor')} {verb(number, 'is', 'are')} linked"
            what = f"{vendors}, each to a supplier that can be used."
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
            left = len(doubled) - _MOST_SHOWN
            groups = counted(left, "more group")
            more = f"{groups} {verb(left, 'has', 'have')} the same {what}."
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


def _limits(rehearsal: Rehearsal) -> Iterator[ReadyLine]:
    for each in rehearsal.calls:
        yield _limit("The busiest day", each.busiest_calls, each.day_limit, each.division)
    for contract in rehearsal.contract_calls:
        of = f"All divisions of the contract {contract.title}: the busiest day"
        yield _limit(of, contract.busiest_calls, contract.day_limit)


def _limit(of: str, busiest: int, limit: int, where: str = "") -> ReadyLine:
    allowed = f"the {counted(limit, 'call')} that a day allows ({share(busiest, limit)})"
    what = f"{of} takes {busiest:,} of {allowed}."
    remedy = "Ask Exact for a higher limit, or spread the approvals over several days."
    is_ok = 100 * busiest <= _MOST_PERCENT * limit
    return ReadyLine("limits", is_ok, what, "" if is_ok else remedy, where)


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
    look = f"{command('webhooks', id)} shows addresses and subscriptions"
    if state and state.refusals:
        since = f" since {moment(state.refused_since)}" if state.refused_since else ""
        what = f"The calls of {who} are refused{since}: {state.reason}"
        remedy = f"Compare the secret of {name} on both sides; {look}."
        return ReadyLine("webhooks", ok=False, what=what, remedy=remedy)
    if state is None or state.accepted_at is None:
        remedy = f"Change something there and look again; {look}."
        return ReadyLine("webhooks", ok=False, what=f"{who} has never called.", remedy=remedy)
    what = f"{who} has called, the last time on {moment(state.accepted_at)}."
    return ReadyLine("webhooks", ok=True, what=what)


def _nothing_rehearsed(connection: Connection) -> ReadyLine:
    return ReadyLine(
        "rehearsal",
        ok=False,
        what="Nothing was rehearsed: whether mappings, vendors and call limits suffice is not "
        "known.",
        remedy=f"Run {rehearse_command(connection)}.",
    )


def _rehearsed(rehearsal: Rehearsal) -> Iterator[ReadyLine]:
    """Yield what the last rehearsal says about each area, and of itself."""
    yield from _mappings(rehearsal)
    yield from _needed("vendors", [d for d in rehearsal.decisions if d.kind == "vendor"])
    yield from _limits(rehearsal)
    yield _when(rehearsal)
    yield _share(rehearsal)
    others = [each for each in rehearsal.decisions if each.kind == "exception"]
    for each in others[:_MOST_SHOWN]:
        said = readable_text(each.code, each.cause)
        what = f"{each.code}: {said} {counted(each.needed_by, 'order')}."
        yield ReadyLine("rehearsal", None, what, each.remedy, each.division or "")
    if typed := len(rehearsal.of_verdict("typed_by_hand")):
        id = rehearsal.connection.id
        links = f"links {verb(typed, 'it', 'them')}"
        remedy = f"{command('adopt', id, '--rehearsed', rehearsal.period, '--all')} {links}."
        orders = f"{counted(typed, 'order')} {verb(typed, 'is', 'are')}"
        what = f"{orders} in Exact already, typed in by hand, and not linked."
        yield ReadyLine("rehearsal", ok=None, what=what, remedy=remedy)


def _when(rehearsal: Rehearsal) -> ReadyLine:
    ended = rehearsal.run.ended_at
    is_recent = ended is not None and clock.now() - ended <= _REHEARSED_WITHIN
    is_right = is_recent and rehearsal.is_whole
    on = f" on {moment(ended)}" if ended else ""
    why = "" if rehearsal.is_whole else "; not every order could be decided"
    remedy = "" if is_right else f"Run {rehearse_command(rehearsal.connection, rehearsal.period)}."
    return ReadyLine("rehearsal", is_right, f"{rehearsal.period} was rehearsed{on}{why}.", remedy)


def _share(rehearsal: Rehearsal) -> ReadyLine:
    """Return how much goes through: red if nothing does."""
    through, every = len(rehearsal.untouched), len(rehearsal.counted)
    if not every:
        what = f"{rehearsal.period} has no orders to post."
        return ReadyLine("rehearsal", ok=None, what=what, remedy="Rehearse another month.")
    orders = f"{through:,} of {counted(every, 'order')} ({share(through, every)})"
    what = f"{orders} {verb(through, 'goes', 'go')} through untouched."
    if through:
        return ReadyLine("rehearsal", ok=True, what=what)
    again = rehearse_command(rehearsal.connection, rehearsal.period)
    remedy = f"Repair what is red; {again} names what each order needs."
    return ReadyLine("rehearsal", ok=False, what=what, remedy=remedy)
