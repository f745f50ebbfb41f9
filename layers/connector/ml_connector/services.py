"""Everything through which the connector reaches the outside, built once and passed in.

Code for one connection gets `Services`, which reach no other connection. Only what walks over all
of them, or meets one whose settings are gone, holds `StackServices`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ml_connector.airbase.client import AirbaseClient
from ml_connector.domain.ids import (
    ConnectionId,
    Division,
    DivisionCode,
    SiteId,
    division_at,
    site_of,
)
from ml_connector.exact.client import ExactClient
from ml_connector.infrastructure.airbase_pace import SharedAirbasePace
from ml_connector.infrastructure.care_turns import CareTurns
from ml_connector.infrastructure.channels import Channel
from ml_connector.infrastructure.circuit_breaker import AIRBASE, CircuitBreaker
from ml_connector.infrastructure.connection_store import ConnectionNotes, ConnectionStore
from ml_connector.infrastructure.coordination import LastRuns, Leases, SharedValues
from ml_connector.infrastructure.data_form import DIVISION_KEYS, DataForm
from ml_connector.infrastructure.exact_orders import ExactOrders
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.infrastructure.mapping_rows import MappingRows
from ml_connector.infrastructure.notification_outbox import NotificationOutbox
from ml_connector.infrastructure.places import Places, TakenPlaces, read_places
from ml_connector.infrastructure.queues import Queues
from ml_connector.infrastructure.reference_store import ReferenceStore, StoredDivisionData
from ml_connector.infrastructure.site_keys import SiteKeys
from ml_connector.infrastructure.sweep_marks import SweepMarks, Swept
from ml_connector.infrastructure.tables import Tables
from ml_connector.infrastructure.vendor_links import SupplierProposals, VendorLinks
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.telemetry import Measure

if TYPE_CHECKING:
    from ml_connector.infrastructure.consents import Consents
    from ml_connector.infrastructure.match_index import MatchIndexes
    from ml_connector.infrastructure.reconciliation_progress import ReconciliationProgress
    from ml_connector.infrastructure.rehearsals import Rehearsals


@dataclass(frozen=True)
class Openers:
    """How to open what a connection's settings and secrets lead to."""

    airbase: Callable[[Connection, SharedAirbasePace], AirbaseClient]
    exact: Callable[[ConnectionId, ExactSite], ExactClient]
    channels: Callable[[Connection], Sequence[Channel]]
    """How people are notified about a connection; may be empty."""
    alarms: Sequence[Channel] = ()
    """How those who operate the stack are told of each halt; may be empty."""
    console_url: str = ""
    """Where people see the finance console, for links in messages; empty without one."""
    redirect_uri: str = ""
    """Where Exact redirects to after a consent that the console asks for; empty without one."""


class Services:
    """Tables, queues, remotes and channels of one connection, as code for it uses them.

    All are opened on first use: to look at an idle connection opens nothing.
    """

    def __init__(self, stack: "StackServices", connection: Connection) -> None:
        """Reach what belongs to this connection."""
        self.connection = connection
        self.id = connection.id
        self.queues = stack.queues
        self.measure = stack.measure
        self.data_form = stack.data_form
        self._actor = stack.actor
        self._tables = stack.tables
        self._openers = stack.openers
        self._keys = SiteKeys(
            self.id, connection.first_site, lambda: self.ledger.has_form(DIVISION_KEYS)
        )
        self._exact: dict[SiteId, ExactClient] = {}

    @cached_property
    def ledger(self) -> Ledger:
        """Return the connection's records."""
        first_site = self.connection.first_site
        return Ledger(self._tables.ledger, self._tables.audit, self._actor, self.id, first_site)

    @cached_property
    def inbox(self) -> Inbox:
        """Return the connection's events."""
        return Inbox(self._tables.inbox, self.id)

    def places(self, queue: str) -> Places:
        """Return how many of the connection's messages may be in a queue."""
        return Places(self._tables.coordination, self.id, queue)

    def read_places(self, *queues: str) -> list[TakenPlaces]:
        """Return which of them are taken."""
        return read_places(self._tables.coordination, self.id, queues)

    @cached_property
    def webhook_senders(self) -> WebhookSenders:
        """Return how the webhook calls of both senders fare."""
        return WebhookSenders(self._tables.inbox, self.id)

    @cached_property
    def notes(self) -> ConnectionNotes:
        """Return what the connection has learned."""
        return ConnectionNotes(self._tables.mappings, self.id)

    @cached_property
    def mapping_rows(self) -> MappingRows:
        """Return the connection's mappings as far as they are in rows."""
        return MappingRows(self._tables.mappings, self.id)

    def mapped(self, division: Division, kind: str, keys: Iterable[str]) -> str | None:
        """Return what the first of an Airbase value's keys that is mapped stands for in Exact."""
        found = self.connection.division(division)
        return self.mapping_rows.find(found.mappings, kind, keys) if found else None

    @cached_property
    def vendor_links(self) -> VendorLinks:
        """Return the connection's vendor links and rejections."""
        return VendorLinks(self._tables.mappings, self._keys)

    @cached_property
    def supplier_proposals(self) -> SupplierProposals:
        """Return the connection's open proposals."""
        return SupplierProposals(self._tables.mappings, self._keys)

    @cached_property
    def outbox(self) -> NotificationOutbox:
        """Return the connection's notifications that were not sent yet."""
        return NotificationOutbox(self._tables.ledger, self.id)

    def exact_at(self, site: SiteId) -> ExactClient:
        """Return the client for one of the connection's sites, with its tokens and limits.

        Raises `KeyError` for a site that it does not have.
        """
        if site not in self._exact:
            self._exact[site] = self._openers.exact(self.id, self.connection.site(site))
        return self._exact[site]

    def division_of(self, code: DivisionCode, site: SiteId | None) -> Division:
        """Return the division that a message names; without a site, that of the first site."""
        return division_at(site or self.connection.first_site, code)

    def exact(self, division: Division) -> ExactClient:
        """Return the client for the site of this division; raises as `exact_at`."""
        return self.exact_at(site_of(division))

    @property
    def exact_calls(self) -> int:
        """Return how many calls to Exact were made through these services, tokens not counted."""
        return sum(client.calls_made for client in self._exact.values())

    def airbase(self) -> AirbaseClient:
        """Return a client for Airbase; raises `Halt` without a usable key."""
        return self._openers.airbase(self.connection, self._airbase_pace)

    @cached_property
    def airbase_breaker(self) -> CircuitBreaker:
        """Return the circuit breaker for Airbase, which the connection's workers share."""
        # Cached: it remembers for a moment that the remote is up.
        return CircuitBreaker(self._tables.coordination, self.id, AIRBASE)

    @cached_property
    def _airbase_pace(self) -> SharedAirbasePace:
        return SharedAirbasePace(self._tables.coordination, self.id, self.airbase_breaker)

    @property
    def channels(self) -> Sequence[Channel]:
        """Return how people are notified about the connection; may be empty."""
        return self._openers.channels(self.connection)

    @property
    def alarms(self) -> Sequence[Channel]:
        """Return how those who operate the stack are told of each halt; may be empty."""
        return self._openers.alarms

    @property
    def console_url(self) -> str:
        """Return where people see the finance console; empty without one."""
        return self._openers.console_url

    @property
    def redirect_uri(self) -> str:
        """Return where Exact redirects to after a consent; empty in a stack without a console."""
        return self._openers.redirect_uri

    @property
    def consents(self) -> "Consents":
        """Return the requested consents."""
        from ml_connector.infrastructure.consents import Consents  # noqa: PLC0415

        return Consents(self._tables.coordination)

    @cached_property
    def leases(self) -> Leases:
        """Return the leases of the connection's workers."""
        return Leases(self._tables.coordination, self.id)

    @cached_property
    def shared_values(self) -> SharedValues:
        """Return the short-lived values that the connection's workers share."""
        return SharedValues(self._tables.coordination, self.id)

    @property
    def rehearsals(self) -> "Rehearsals":
        """Return the rehearsals of the connection."""
        # Imported by the one who rehearses: a worker starts without them.
        from ml_connector.infrastructure.rehearsals import Rehearsals  # noqa: PLC0415

        return Rehearsals(self._tables.coordination, self.id)

    @property
    def last_sweep(self) -> Swept:
        """Return what the connection's last sweep has found, and when."""
        return SweepMarks(self._tables.coordination).of(self.id)

    def sweep_soon(self) -> None:
        """Have the connection swept in the next minute: something may be due by now."""
        SweepMarks(self._tables.coordination).note_work(self.id)

    def begin_care(self) -> None:
        """Store that the connection's tokens and subscriptions have their turn now."""
        CareTurns(self._tables.coordination).begin(self.id)

    @property
    def last_runs(self) -> LastRuns:
        """Return when the connection's recurring jobs last came to their end."""
        return LastRuns(self.shared_values)

    def reference_store(self, division: Division) -> ReferenceStore:
        """Return a division's reference data."""
        return ReferenceStore(self._tables.reference, self._keys, division)

    def exact_orders(self, division: Division) -> ExactOrders:
        """Return a division's purchase orders as Exact last reported them."""
        return ExactOrders(self._tables.reference, self._keys, division)

    @property
    def match_indexes(self) -> "MatchIndexes":
        """Return the connection's vendors and suppliers, to be matched."""
        # Imported by the first that matches: a worker for orders starts without them.
        from ml_connector.infrastructure.match_index import MatchIndexes  # noqa: PLC0415

        return MatchIndexes(self._tables.reference, self._keys)

    def read_progress(self) -> "ReconciliationProgress":
        """Read how far the comparison of both vendor lists has come."""
        from ml_connector.infrastructure.reconciliation_progress import (  # noqa: PLC0415
            ReconciliationProgress,
        )

        return ReconciliationProgress(self._tables.reference, self.id)

    def division_data(self, division: Division) -> StoredDivisionData:
        """Return a division's reference data for mapping one order."""
        mapped = partial(self.mapped, division)
        return StoredDivisionData(
            self.reference_store(division), self.vendor_links, division, mapped
        )


@dataclass(frozen=True)
class StackServices:
    """The services of all connections of a stack; `actor` names the function in audit trails."""

    actor: str
    tables: Tables
    connections: ConnectionStore
    queues: Queues
    openers: Openers
    measure: Measure
    _opened: dict[ConnectionId, Services] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def data_form(self) -> DataForm:
        """Return the form of the stack's data, which all connections share."""
        return DataForm(self.tables.ledger)

    @property
    def sweep_marks(self) -> SweepMarks:
        """Return when each connection has to be swept next."""
        return SweepMarks(self.tables.coordination)

    def of(self, id: ConnectionId) -> Services | None:
        """Return a connection's services; None when it has no settings (any more)."""
        connection = self.connections.get(id)
        return None if connection is None else self.bound(connection)

    def all(self) -> Iterator[Services]:
        """Yield the services of every connection that `ConnectionStore.all` yields."""
        return (self.bound(connection) for connection in self.connections.all())

    def bound(self, connection: Connection) -> Services:
        """Return the services of the connection with these settings.

        The same ones as long as the settings are, to keep their caches.
        """
        known = self._opened.get(connection.id)
        if known is None or known.connection != connection:
            known = self._opened[connection.id] = Services(self, connection)
        return known

    def ledger_of(self, id: ConnectionId) -> Ledger:
        """Return the records of a connection, which stay when it is removed."""
        noted = partial(self.sweep_marks.note_work, id)
        return Ledger(self.tables.ledger, self.tables.audit, self.actor, id, after_change=noted)

    def places_of(self, id: ConnectionId, queue: str) -> Places:
        """Return how many messages of a connection may be in a queue."""
        return Places(self.tables.coordination, id, queue)

    def inbox_of(self, id: ConnectionId) -> Inbox:
        """Return the events of a connection, which stay when it is removed."""
        return Inbox(self.tables.inbox, id)
