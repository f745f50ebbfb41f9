"""The messages that the connector sends: which body, to which queue, in which group."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from ml_connector.domain.ids import (
    ConnectionId,
    Division,
    OrderId,
    RecordKey,
    SiteId,
    VendorId,
    code_of,
    site_of,
)
from ml_connector.domain.people import Person
from ml_connector.infrastructure.queues import Message
from ml_connector.messages.kinds import (
    CompareOrder,
    PersonDeed,
    PersonRequest,
    ProcessOrder,
    ProcessSuppliers,
    ProcessVendor,
    PurchaseOrderMessage,
    ReconcileVendors,
    Recover,
    Recoverable,
    RefreshDivision,
    SearchListing,
    SweepConnection,
    VendorMessage,
    encode,
)

LONGEST_CHAIN = 10
"""After so many messages, each sent because of the one before, the sweep begins a new chain:
Lambda stops one of about 16 to a function's own queue."""
_led_to_by: ContextVar[int] = ContextVar("led_to_by", default=0)


@contextmanager
def led_to_by(chain: int) -> Iterator[None]:
    """Count what is sent in a `with` block as led to by so many messages, one after the other."""
    token = _led_to_by.set(chain)
    try:
        yield
    finally:
        _led_to_by.reset(token)


def order_message(connection: ConnectionId, order: OrderId, *, by_hand: bool = False) -> Message:
    """Process an order; `by_hand`: a person asked for it."""
    return _message(f"{connection}#{order}", ProcessOrder(connection, order, by_hand))


def changed_order_message(connection: ConnectionId, order: OrderId) -> Message:
    """Compare a posted order with Exact's current one."""
    return _message(f"{connection}#{order}", CompareOrder(connection, order))


def refresh_message(
    connection: ConnectionId, division: Division, *, everything: bool = False
) -> Message:
    """Refresh a division's reference data from the stored cursors: what is due, or all."""
    body = RefreshDivision(connection, code_of(division), everything, site_of(division))
    return _message(f"{connection}#{division}#reference", body)


def run_message(
    connection: ConnectionId, division: Division, run: str, chain: int | None = None
) -> Message:
    """Read and post what is due in a division, in turn.

    `run` tells it from others: in one group, a killed worker's would hold up those after it for
    longer than its turn lasts. `chain` counts the runs that this one goes on with.
    """
    chain = max(chain or 0, _led_to_by.get()) or None
    body = RefreshDivision(connection, code_of(division), site=site_of(division), chain=chain)
    return _message(f"{connection}#{division}#run {run}", body)


def listing_message(connection: ConnectionId) -> Message:
    """Search Airbase's listing for approvals and changes whose webhook never arrived."""
    return _message(f"{connection}#listing", SearchListing(connection))


def sweep_message(connection: ConnectionId, swept: int) -> Message:
    """Sweep a connection, of which this many sweeps have ended."""
    return _message(f"{connection}#sweep", SweepConnection(connection, swept))


def recover_message(
    connection: ConnectionId, what: Recoverable, site: SiteId | None = None
) -> Message:
    """Check whether an outage, the "halts" or a difference of "tokens" of a connection is over.

    `site`: the Exact site that is away.
    """
    group = f"{connection}#recover#{what}" + (f"#{site}" if site else "")
    return _message(group, Recover(connection, what, site))


def deed_message(deed: PersonDeed) -> Message:
    """Do what a person asked for; an order's deeds are in its group, in order with its messages."""
    kind, _, id = deed.record.partition("#")
    return _message(f"{deed.connection}#{id if kind == 'order' else deed.record}", deed)


def deed_again(
    connection: ConnectionId, record: RecordKey, person: Person, chain: int | None = None
) -> Message:
    """Go on with what this person has asked for before; `chain` counts the messages before it."""
    return deed_message(
        PersonDeed(
            connection=connection,
            deed="go",
            record=record,
            issuer=person.issuer,
            subject=person.subject,
            person=person.name,
            chain=chain,
        )
    )


def request_message(request: PersonRequest) -> Message:
    """Do what a person asked for; each person's requests are done one after the other."""
    return _message(f"{request.connection}#{request.issuer}#{request.subject}", request)


def vendor_message(
    connection: ConnectionId,
    vendor: VendorId,
    *,
    name: str | None = None,
    code: str | None = None,
    kept: bool = False,
    chain: int | None = None,
) -> Message:
    """Match a vendor.

    `name` and `code` from an order, for a tenant without a vendor call; `kept`, to use the vendor
    as last stored; `chain` counts the vendors that led to it.
    """
    chain = max(chain or 0, _led_to_by.get()) or None
    body = ProcessVendor(connection, vendor, name, code, kept, chain)
    return _message(vendor_group(connection), body)


def suppliers_message(connection: ConnectionId, division: Division) -> Message:
    """Process a division's changed suppliers."""
    body = ProcessSuppliers(connection, code_of(division), site_of(division))
    return _message(vendor_group(connection), body)


def reconcile_message(connection: ConnectionId) -> Message:
    """Compare the vendors of both systems, or continue doing so."""
    return _message(vendor_group(connection), ReconcileVendors(connection))


def unique_id() -> str:
    """Return a deduplication text that no earlier message has."""
    return secrets.token_hex(8)


def vendor_group(connection: ConnectionId) -> str:
    """One group per connection, so that no two vendors claim a supplier at the same time."""
    return f"{connection}#vendors"


def _message(
    group: str,
    body: PurchaseOrderMessage | SweepConnection | PersonDeed | PersonRequest | VendorMessage,
) -> Message:
    return Message(body.queue, group, encode(body))
