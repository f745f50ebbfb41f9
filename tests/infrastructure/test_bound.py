"""What is bound to one connection reads and writes nothing of another."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from local.in_memory.stack import InMemoryStack
from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import ConnectionId, Division, OrderId, VendorId
from ml_connector.domain.matching.party import Party
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.connection_store import ListedOrder
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.ledger import new_order
from ml_connector.infrastructure.tables import Tables
from ml_connector.infrastructure.vendor_links import Link, SupplierProposal
from ml_connector.services import Services, StackServices
from tests.domain.orders.builders import another_guid, any_connection
from tests.site import SITE

FIRM, OTHER = ConnectionId("firm"), ConnectionId("firm-2")
NL, ORDER, VENDOR, SUPPLIER = Division("nl.1"), OrderId("po-1"), VendorId("ven-1"), another_guid(1)
AT = datetime(2026, 11, 30, tzinfo=UTC)


class WatchedTable(InMemoryTable):
    """A table that notes the partition of every call."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.seen: list[str] = []

    def get(self, pk: str, sk: str) -> Any:
        self.seen.append(pk)
        return super().get(pk, sk)

    def put(self, item: Any) -> None:
        self.seen.append(str(item["pk"]))
        super().put(item)

    def transact(self, writes: Any) -> bool:
        self.seen += [getattr(each, "pk", None) or each.item["pk"] for each in writes]
        return super().transact(writes)

    def delete(self, pk: str, sk: str) -> None:
        self.seen.append(pk)
        super().delete(pk, sk)

    def add(self, pk: str, *rest: Any) -> bool:
        self.seen.append(pk)
        return super().add(pk, *rest)

    def join(self, pk: str, *rest: Any) -> bool:
        self.seen.append(pk)
        return super().join(pk, *rest)

    def leave(self, pk: str, *rest: Any) -> list[str]:
        self.seen.append(pk)
        return super().leave(pk, *rest)

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Any]:
        self.seen.append(pk)
        return super().query(pk, prefix, backwards=backwards)

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Any]:
        self.seen.append(group)
        return super().query_index(index, group, until, at_a_time)


@pytest.fixture
def stack() -> StackServices:
    tables = Tables(*(WatchedTable(name) for name in Tables.__dataclass_fields__))
    memory = InMemoryStack(httpx.MockTransport(lambda _: httpx.Response(500)), tables)
    services = memory.services()
    for id in (FIRM, OTHER):
        services.connections.save(any_connection(id=id))
    return services


def services_of(stack: StackServices, id: ConnectionId) -> Services:
    found = stack.of(id)
    assert found
    return found


def seen(stack: StackServices) -> list[str]:
    """Return the partitions of all calls since the last time."""
    found: list[str] = []
    for name in Tables.__dataclass_fields__:
        table = getattr(stack.tables, name)
        found += table.seen
        table.seen.clear()
    return found


def event(id: ConnectionId) -> IncomingEvent:
    return IncomingEvent(id, "airbase", "e-1", "purchase_orders", None, {"kind": "x"}, b"{}", {})


def use_ledger(services: Services) -> list[Any]:
    ledger = services.ledger
    facts = OrderFacts(problems=(problem("BAD_AMOUNT", "PO-1"),))
    record = new_order(services.id, ORDER).now(OrderState.RECEIVED, facts).due(AT)
    record = ledger.save_unaudited(ledger.postpone(ledger.write(record, "received"), AT))
    assert ledger.find_break(record) is None
    Halts(ledger).stop(problem("NOT_CONNECTED", "firm", connection="firm"), NL)
    Halts(ledger).lift_all()
    ledger.restored(AT, clock.now() + timedelta(days=1))
    Halts(ledger).stop(problem("NOT_CONNECTED", "firm", connection="firm"))
    return [
        *ledger.due(clock.now()), *ledger.due(clock.now(), "HALTED"), *ledger.records(),
        *ledger.orders(), *ledger.unfinished(), *Halts(ledger).all(),
        *services.outbox.waiting(9),
        *[each for each in (ledger.order(ORDER), ledger.connection()) if each.version],
    ]  # fmt: skip


def use_inbox(services: Services) -> list[Any]:
    kept, _ = services.inbox.keep(event(services.id))
    found = [services.inbox.get(kept.sk), *services.inbox.open_events(clock.now())]
    assert services.inbox.mark_handled(kept.sk)
    return [*found, *services.inbox.received_since(AT - timedelta(days=9999))]


def use_mappings(services: Services) -> list[Any]:
    links, proposals, notes = services.vendor_links, services.supplier_proposals, services.notes
    links.save(Link(NL, VENDOR, SUPPLIER, "name"))
    links.reject(NL, VENDOR, SUPPLIER, "digest", "anna", AT)
    proposals.save(SupplierProposal(NL, VENDOR, "Vos", (), "similar_name"))
    notes.note_posted("exact-1", ORDER)
    assert notes.claim_posted("exact-1", ORDER)
    notes.note_behaviour("what", "answer")
    notes.save_listed_orders({ORDER: ListedOrder("digest")})
    return [
        *links.all(), *links.vendors_of(NL, SUPPLIER), *links.all_rejections(NL),
        *links.rejections(NL, VENDOR), *proposals.all(), notes.order_of("exact-1"),
        notes.behaviour("what"), *notes.listed_orders(), links.get(NL, VENDOR),
        proposals.get(NL, VENDOR),
    ]  # fmt: skip


def use_reference_data(services: Services) -> list[Any]:
    parties = services.match_indexes
    vendors = parties.vendors(lambda _: {"k"}, {})
    vendors.store(Party("ven-1", "Vos"))
    parties.suppliers(NL, lambda _: {"k"}, {}).store(Party("sup-1", "Vos"))
    services.reference_store(NL).note("note")
    services.exact_orders(NL).mark_deleted(SUPPLIER)
    services.read_progress().add(1, {"ven-1"})
    assert services.division_data(NL).supplier("101") is None
    return [
        parties.stored_vendor("ven-1"), *vendors.all(), *services.reference_store(NL).notes(""),
        *services.read_progress().all(),
        *filter(None, [services.exact_orders(NL).is_deleted(SUPPLIER)]),
    ]  # fmt: skip


def use_coordination(services: Services) -> list[Any]:
    breaker = services.exact_at(SITE).circuit_breaker
    for _ in range(3):
        breaker.record_failure()
    services.shared_values.set("mark", "text", clock.now() + timedelta(hours=1))
    assert services.leases.acquire("lease", timedelta(minutes=1))
    return [services.shared_values.get("mark"), *filter(None, [breaker.outage().is_open])]


USES = (use_ledger, use_inbox, use_mappings, use_reference_data, use_coordination)


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_bound_objects_touch_only_their_own_partitions(
    stack: StackServices, use: Callable[[Services], list[Any]]
) -> None:
    services = services_of(stack, FIRM)
    seen(stack)
    assert None not in use(services)
    touched = seen(stack)
    assert touched
    touched = [pk for pk in touched if pk != "#form"]  # which form the stack's data have
    assert [pk for pk in touched if pk != FIRM and not pk.startswith(f"{FIRM}#")] == []


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_what_another_connection_has_stored_changes_nothing(
    stack: StackServices, use: Callable[[Services], list[Any]]
) -> None:
    alone = len(use(services_of(stack, FIRM)))
    assert len(use(services_of(stack, OTHER))) == alone


def test_another_connections_record_or_event_is_not_written(stack: StackServices) -> None:
    services = services_of(stack, FIRM)
    record = new_order(OTHER, ORDER).now(OrderState.RECEIVED)
    stored = services_of(stack, OTHER).ledger.write(record, "received")
    seen(stack)
    with pytest.raises(ValueError, match="no record of connection firm"):
        services.ledger.write(record, "received")
    with pytest.raises(ValueError, match="no record of connection firm"):
        services.ledger.postpone(stored, AT)
    with pytest.raises(ValueError, match="no event of connection firm"):
        services.inbox.keep(event(OTHER))
    assert seen(stack) == []


def test_services_live_as_long_as_the_settings(stack: StackServices) -> None:
    services = services_of(stack, FIRM)
    assert services_of(stack, FIRM) is services
    exact_client = services.exact_at(SITE)
    assert services_of(stack, FIRM).exact_at(SITE) is exact_client, "it caches token and limits"
    stack.connections.save(any_connection(id=FIRM, name="New"))
    assert services_of(stack, FIRM).connection.name == "New"
    assert services_of(stack, FIRM).exact_at(SITE) is not exact_client


def test_a_removed_connection_has_no_services_but_a_ledger(stack: StackServices) -> None:
    ledger = services_of(stack, FIRM).ledger
    ledger.write(new_order(FIRM, ORDER).now(OrderState.RECEIVED), "received")
    stack.connections.remove(FIRM)
    assert stack.of(FIRM) is None
    assert [each.id for each in stack.all()] == [OTHER]
    assert stack.ledger_of(FIRM).order(ORDER).version == 1


def test_to_hold_an_idle_connections_services_calls_nothing(stack: StackServices) -> None:
    connection = services_of(stack, FIRM).connection
    seen(stack)
    services = stack.bound(connection)
    opened = services.ledger, services.exact_at(SITE), services.channels
    assert len(opened) == 3
    assert seen(stack) == []
