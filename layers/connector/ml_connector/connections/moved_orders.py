"""Orders that another division than before should take, or none: the file of a connection changed.

They wait for something at the division that they had: its calls, its halt, its site's outage.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from ml_connector import clock
from ml_connector.domain.ids import OrderId, SiteId
from ml_connector.domain.records import OrderFacts
from ml_connector.infrastructure.circuit_breaker import AIRBASE, EXACT
from ml_connector.infrastructure.ledger import AnyRecord, Ledger, parked_under
from ml_connector.messages.sending import order_message
from ml_connector.records.tracked_record import HALTED
from ml_connector.settings.connection import Connection
from ml_connector.stack import Send

_FAR = datetime(9999, 1, 1, tzinfo=UTC)


def queue_moved(send: Send, ledger: Ledger, before: Connection, after: Connection) -> None:
    """Queue every waiting order for which the file now says something else than before.

    Orders that are in Exact, or may be, stay where they are.
    """
    if _served(before) == _served(after):
        return
    sites = {each.site for each in (*before.sites, *after.sites)}
    for record in _waiting(ledger, sites):
        facts = record.facts
        if isinstance(facts, OrderFacts) and not facts.exact:
            order = OrderId(record.key.partition("#")[2])
            send(order_message(after.id, order), f"asked {clock.epoch()}")


def _served(connection: Connection) -> object:
    divisions = [(each.division, {*each.subsidiaries}) for each in connection.divisions]
    return sorted(divisions, key=lambda each: each[0]), connection.served_elsewhere


def _waiting(ledger: Ledger, sites: set[SiteId]) -> Iterator[AnyRecord]:
    """Yield the records that are due at some time, and those that are parked."""
    codes = (HALTED, EXACT.away)
    of_sites = [parked_under(code, site) for code in codes for site in (None, *sorted(sites))]
    for reason in ("", AIRBASE.away, *of_sites):
        yield from ledger.due(_FAR, reason)
