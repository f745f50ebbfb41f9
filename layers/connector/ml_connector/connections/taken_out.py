"""Divisions and sites that a connection's file names no more: their orders, and their secrets."""

from collections.abc import Iterable

from ml_connector.connections import secrets
from ml_connector.connections.shared_use import refuse_while_shared
from ml_connector.domain.ids import Division, SiteId
from ml_connector.domain.orders.exact_order import CANCELLED, COMPLETE, STATUS_WORDS
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.ledger import Ledger, UnreadableRecord
from ml_connector.records.lookup import order_facts, title
from ml_connector.services import StackServices
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.stack import Stack
from ml_connector.user_errors import UserError

_MOST_NAMED = 5
_ENDED = {STATUS_WORDS[COMPLETE], STATUS_WORDS[CANCELLED]}
_IN_EXACT = {OrderState.POSTING, OrderState.POSTED, OrderState.AMENDING}


def refuse_taken_out(services: StackServices, before: Connection | None, after: Connection) -> None:
    """Raise `UserError` when the file leaves out a division of which orders are open in Exact.

    Nobody would follow their changes, and the outcome of what was sent would never be known. Or
    when it leaves out a site whose app another connection uses.
    """
    for site in sites_taken_out(before, after):
        refuse_while_shared(services.connections, after, [site])
    kept = {each.division for each in after.divisions}
    if before and kept.issuperset(each.division for each in before.divisions):
        return
    lines = list(_open_orders(services.bound(before or after).ledger, kept))
    if lines:
        raise UserError(*lines)


def sites_taken_out(before: Connection | None, after: Connection) -> list[ExactSite]:
    """Return the sites that the connection had before and has no more."""
    kept = {each.site for each in after.sites}
    return [each for each in before.sites if each.site not in kept] if before else []


def forget_sites(stack: Stack, sites: Iterable[ExactSite]) -> list[SiteId]:
    """Remove the secrets and tokens of these sites' apps; return the sites."""
    found = list(sites)
    for each in found:
        secrets.forget_app(stack, each.id)
    return [each.site for each in found]


def _open_orders(ledger: Ledger, kept: set[Division]) -> Iterable[str]:
    found: dict[Division, list[str]] = {}
    for record in ledger.readable_or_not("order#"):
        if isinstance(record, UnreadableRecord):
            continue
        division = _open_in(record.state, order_facts(record))
        if division and division not in kept:
            found.setdefault(division, []).append(title(record))
    return map(_line, sorted(found.items()))


def _open_in(state: str, facts: OrderFacts) -> Division | None:
    """Return the division in which an order is, or may be, in Exact and not complete."""
    if state == OrderState.SET_ASIDE and facts.aside_from:
        state = facts.aside_from
    if state not in _IN_EXACT:
        return None
    if state == OrderState.POSTING:
        return facts.intent.division if facts.intent else None
    is_ended = facts.status.get("order") in _ENDED and not facts.change
    return None if is_ended else facts.division


def _line(found: tuple[Division, list[str]]) -> str:
    division, titles = found
    names = ", ".join(titles[:_MOST_NAMED]) + (", ..." if len(titles) > _MOST_NAMED else "")
    return (
        f"division {division} is left out, but {len(titles)} of its orders are open in Exact "
        f"({names}): leave it in, with `subsidiaries = []` if it serves none any more, so that "
        "their changes are followed"
    )
