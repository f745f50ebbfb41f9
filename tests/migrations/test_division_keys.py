"""Form 2: what older versions stored is found before, during and after it, while workers write."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from local.in_memory.stack import InMemoryStack
from local.in_memory.tables import InMemoryTable
from ml_connector import clock
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import (
    ConnectionId,
    Division,
    Guid,
    OrderId,
    SiteId,
    VendorId,
    division_at,
)
from ml_connector.domain.orders.reference_data import Supplier
from ml_connector.infrastructure.dynamodb import Item, Write
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.reference_store import ReferenceStore, StreamCursor
from ml_connector.infrastructure.site_keys import SiteKeys
from ml_connector.infrastructure.tables import Tables
from ml_connector.infrastructure.vendor_links import Link, SupplierProposal, VendorLinks
from ml_connector.messages.kinds import UnknownMessage
from ml_connector.messages.parsing import parse
from ml_connector.migrations import division_keys
from ml_connector.migrations.division_keys import STEP
from ml_connector.migrations.step import Change
from ml_connector.services import Services, StackServices
from ml_connector.stack import Stack
from tests.domain.orders.builders import any_connection, any_division
from tests.migrations.older_items import AT, DIVISION, ITEM, S1, S2, S3, fill, messages

FIRM, OTHER = ConnectionId("firm"), ConnectionId("other")
NL = Division(f"nl.{DIVISION}")
ACCOUNTS = "sync/CRM/Accounts"


class WatchedTable(InMemoryTable):
    """Calls `before` before each write of an item, as batches are not atomic."""

    before: Callable[[], None] | None = None
    _is_inside = False

    def put_all(self, items: Iterable[Item]) -> None:
        for item in items:
            self.put(item)

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        for sk in list(sks):
            self.delete(pk, sk)

    def put(self, item: Item) -> None:
        self._announced(super().put, item)

    def delete(self, pk: str, sk: str) -> None:
        self._announced(super().delete, pk, sk)

    def transact(self, writes: Sequence[Write]) -> bool:
        return bool(self._announced(super().transact, writes))

    def _announced(self, write: Callable[..., Any], *given: Any) -> Any:
        if WatchedTable._is_inside or WatchedTable.before is None:
            return write(*given)
        before = WatchedTable.before
        WatchedTable._is_inside = True
        try:
            before()
            return write(*given)
        finally:
            WatchedTable._is_inside = False


class Crashed(BaseException):
    """The process has ended."""


class World:
    """Tables as an older version left them, and processes of this version."""

    def __init__(self, *firms: ConnectionId) -> None:
        tables = (WatchedTable(name) for name in Tables.__dataclass_fields__)
        self.tables = Tables(*tables)
        for firm in firms:
            fill(self.tables, firm)
            self.process().connections.save(
                any_connection(any_division(division=DIVISION), id=firm)
            )

    def process(self) -> StackServices:
        transport = httpx.MockTransport(lambda _: httpx.Response(500))
        return InMemoryStack(transport, self.tables).services()

    def services(self, firm: ConnectionId = FIRM) -> Services:
        found = self.process().of(firm)
        assert found
        return found

    def changes(self, firm: ConnectionId = FIRM) -> Iterable[Change]:
        stack = cast("Stack", SimpleNamespace(tables=self.tables, services=self.process()))
        return STEP.changes(stack, firm, "")

    def migrate(self, firm: ConnectionId = FIRM) -> int:
        changes = 0
        for change in self.changes(firm):
            change.apply()
            changes += 1
        return changes

    def items(self) -> list[tuple[str, Item]]:
        return [
            (name, item)
            for name in Tables.__dataclass_fields__
            for item in getattr(self.tables, name).items()
        ]

    def older(self, firm: ConnectionId = FIRM) -> list[str]:
        """Return the keys, and facts, that name the division alone."""
        keys = [f"{item['pk']} / {item['sk']}" for _, item in self.items()]
        facts = [str(item["facts"]) for _, item in self.items() if "facts" in item]
        return [key for key in keys if key.startswith(firm) and "#2101" in key] + [
            text for text in facts if '"2101"' in text
        ]


@pytest.fixture(autouse=True)
def _waiting_moves_the_clock(time: MovableClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(division_keys, "_sleep", time.move)
    monkeypatch.setattr(WatchedTable, "before", None)


@pytest.fixture
def world() -> World:
    return World(FIRM)


def at_write(number: int, act: Callable[[], None]) -> None:
    """Do `act` before the write with this number, counted from 1."""
    left = count(number - 1, -1)

    def before() -> None:
        if next(left) == 0:
            act()

    WatchedTable.before = before


def crash() -> None:
    raise Crashed


def seen(services: Services) -> dict[str, Any]:
    """Return what a worker finds of everything that was stored."""
    links, proposals = services.vendor_links, services.supplier_proposals
    data, orders, ledger = (
        services.reference_store(NL),
        services.exact_orders(NL),
        services.ledger,
    )
    suppliers = services.match_indexes.suppliers(NL, lambda _: {"word:bakker"}, {})
    facts = ledger.order(OrderId("po-1")).facts
    return {
        "links": [(each.vendor, each.supplier, each.decided_by) for each in links.all()],
        "in division": list(links.all(NL)) == list(links.all()),
        "link": links.get(NL, VendorId("ven-1")),
        "linked": (links.vendors_of(NL, Guid(S2)), links.vendors_of(NL, Guid(S3))),
        "rejected": (list(links.all_rejections(NL)), links.rejections(NL, VendorId("ven-3"))),
        "proposed": (list(proposals.all()), proposals.get(NL, VendorId("ven-4"))),
        "cursors": data.cursors(),
        "supplier": services.division_data(NL).supplier("101"),
        "known": (data.is_linked(Guid(ITEM), Guid(S1)), data.text("division moved")),
        "noted": data.noted_at("suppliers_followed"),
        "changes": list(data.supplier_changes()),
        "order": (orders.get(Guid(ITEM)), orders.is_deleted(Guid(S3))),
        "near": [each.id for each in orders.near(Guid(S1), clock.now().date())],
        "index": (suppliers.find(["word:bakker"]), list(suppliers.all())),
        "facts": (facts.division, facts.intent),
        "vendor": ledger.vendor(VendorId("ven-1")).facts.divisions,
        "halts": Halts(ledger).all(),
        "lifted": ledger.connection().facts.lifted,
        "halted": (
            Halts(ledger).is_stopped(NL),
            Halts(ledger).is_stopped(Division("nl.1")),
            Halts(ledger).is_stopped(),
        ),
        "whole": ledger.comparison().facts.run.whole,
        "due": [each.key for each in ledger.due(clock.now())],
    }


def test_what_an_older_version_stored_is_found(world: World) -> None:
    found = seen(world.services())
    assert found["links"] == [("ven#2", S2, ""), ("ven-1", S1, "anna")]
    assert found["in division"]
    assert found["link"].supplier == S1
    assert found["linked"] == (["ven#2"], [])
    assert [each.reason for each in found["rejected"][0] + found["rejected"][1]] == ["x", "x"]
    assert [each.vendor_name for each in (*found["proposed"][0], found["proposed"][1])] == [
        "Vos", "Vos",
    ]  # fmt: skip
    assert {path: each.timestamp for path, each in found["cursors"].items()} == {
        ACCOUNTS: 70, "sync/Deleted": 71,
    }  # fmt: skip
    assert found["supplier"].name == "Bakker"
    assert found["known"] == (True, "2020")
    assert found["noted"]
    assert [each.supplier for each in found["changes"]] == [S2]
    assert found["order"][0].number == "26000001"
    assert found["order"][1]
    assert [each.name for each in found["index"][0] + found["index"][1]] == ["Bakker", "Bakker"]
    assert (found["facts"][0], found["facts"][1].division) == (NL, NL)
    assert found["vendor"].keys() == {"", "nl.2101"}
    assert found["halts"].keys() == found["lifted"].keys() == {"nl.2101"}
    assert found["halted"] == (True, False, False)
    assert found["whole"] == ("nl.2101",)
    assert found["due"] == ["order#po-1"]
    assert not any(isinstance(parse(body), UnknownMessage) for body in messages(FIRM))


def test_afterwards_no_key_names_a_division_alone(world: World) -> None:
    expected, trails = seen(world.services()), world.tables.audit
    assert world.older()
    assert world.migrate() > 0
    assert world.older() == []
    assert seen(world.services()) == expected
    assert list(trails.query(f"{FIRM}#order#po-1")) == [], "the audit trail is left alone"
    assert world.migrate() == 0, "run twice without effect"


def test_the_changes_are_counted_before_they_are_made(world: World) -> None:
    before = world.items()
    changes = list(world.changes())
    assert world.items() == before
    assert len({change.key for change in changes}) == len(changes) == world.migrate()
    assert [change.key for change in changes] == sorted(change.key for change in changes)


def test_a_crash_at_any_write_loses_nothing() -> None:
    expected = seen(World(FIRM).services())
    for number in count(1):
        world = World(FIRM)
        worker = world.services()
        assert seen(worker) == expected
        at_write(number, crash)
        try:
            world.migrate()
        except Crashed:
            WatchedTable.before = None
        else:
            break
        assert seen(world.services()) == expected, f"a new worker, after {number - 1} writes"
        assert seen(worker) == expected, f"a worker that goes on, after {number - 1} writes"
        world.migrate()
        assert world.older() == []
        assert seen(world.services()) == expected, f"crashed after {number - 1} writes"
    assert number > 40


@pytest.mark.parametrize("is_new", [True, False])
def test_a_worker_may_write_between_any_two_writes(*, is_new: bool) -> None:
    for number in count(1):
        world = World(FIRM)
        worker = world.services()
        seen(worker)
        wrote: list[bool] = []

        def work(world: World = world, worker: Services = worker, wrote: Any = wrote) -> None:
            write_everything(world.services() if is_new else worker)
            wrote.append(True)

        at_write(number, work)
        world.migrate()
        WatchedTable.before = None
        if not wrote:
            break
        assert world.older() == [], f"before write {number}"
        check_what_was_written(world.services(), f"before write {number}")
    assert number > 40


def write_everything(services: Services) -> None:
    links, proposals = services.vendor_links, services.supplier_proposals
    links.save(Link(NL, VendorId("ven#2"), Guid(S3), "name", decided_by="bert"))
    links.remove(NL, VendorId("ven-1"))
    links.reject(NL, VendorId("ven-5"), Guid(S1), "d", "bert", clock.now())
    proposals.remove(NL, VendorId("ven-4"))
    proposals.save(SupplierProposal(NL, VendorId("ven-6"), "Zes", (), "name"))
    data = services.reference_store(NL)
    data.note("stale")
    data.note("suppliers_followed")
    data.note_supplier_change(Guid(S3), 90)
    data.store("supplier", [Supplier(Guid(S2), "102", "New")])
    data.save_cursor(ACCOUNTS, StreamCursor(90, clock.now()))
    data.store_supplier_items([(Guid(ITEM), Guid(S2))])
    services.exact_orders(NL).mark_deleted(Guid(S2))
    record = services.ledger.order(OrderId("po-1"))
    changed = replace(record.facts, title="changed")
    services.ledger.write(record.now("received", changed), "received")


def check_what_was_written(services: Services, when: str) -> None:
    links, proposals = services.vendor_links, services.supplier_proposals
    assert [(each.vendor, each.supplier, each.decided_by) for each in links.all()] == [
        ("ven#2", S3, "bert")
    ], when
    assert links.vendors_of(NL, Guid(S2)) == []
    assert links.vendors_of(NL, Guid(S3)) == ["ven#2"]
    assert {each.vendor for each in links.all_rejections(NL)} == {"ven-3", "ven-5"}, when
    assert [each.vendor for each in proposals.all()] == ["ven-6"], when
    data = services.reference_store(NL)
    assert data.noted_at("stale"), when
    noted = data.noted_at("suppliers_followed")
    assert noted
    assert noted.isoformat() > AT, when
    assert {each.supplier for each in data.supplier_changes()} == {S2, S3}, when
    is_stored = data.get("supplier", S2, Supplier) is not None
    assert is_stored or data.cursor(ACCOUNTS).timestamp < 90, "it is read from Exact again"
    assert data.is_linked(Guid(ITEM), Guid(S2)), when
    assert services.exact_orders(NL).is_deleted(Guid(S2)), when
    facts = services.ledger.order(OrderId("po-1")).facts
    assert (facts.title, facts.division) == ("changed", NL), when


def test_a_row_that_is_gone_before_its_division_is_moved_does_not_come_back(
    world: World,
) -> None:
    at_write(12, crash)
    with pytest.raises(Crashed):
        world.migrate()
    WatchedTable.before = None
    services = world.services()
    services.reference_store(NL).remove("supplier", Guid(S1))
    services.match_indexes.suppliers(NL, lambda _: {"word:bakker"}, {}).remove(S1)
    world.migrate()
    found = seen(world.services())
    assert (found["supplier"], found["index"]) == (None, ([], []))


def test_connections_with_equal_divisions_are_moved_one_by_one() -> None:
    both = World(FIRM, OTHER)
    expected = seen(both.services(OTHER))
    before = [item for _, item in both.items() if str(item["pk"]).startswith(OTHER)]
    both.migrate(FIRM)
    assert [item for _, item in both.items() if str(item["pk"]).startswith(OTHER)] == before
    assert seen(both.services(OTHER)) == expected
    both.migrate(OTHER)
    assert seen(both.services(OTHER)) == expected
    assert seen(both.services(FIRM)) == expected


def test_equal_divisions_of_two_sites_have_nothing_in_common() -> None:
    table = InMemoryTable()
    keys, uk = SiteKeys(FIRM, SiteId("nl")), division_at(SiteId("co.uk"), DIVISION)
    links = VendorLinks(table, keys)
    links.save(Link(NL, VendorId("ven-1"), Guid(S1), "name"))
    ReferenceStore(table, keys, NL).note("x")
    assert list(links.all(uk)) == []
    assert links.get(uk, VendorId("ven-1")) is None
    assert ReferenceStore(table, keys, uk).noted_at("x") is None
    links.save(Link(uk, VendorId("ven-1"), Guid(S2), "name"))
    assert [each.supplier for each in links.all(NL)] == [S1]
    assert {each.division: each.supplier for each in links.all()} == {NL: S1, uk: S2}


def test_a_further_site_has_no_data_in_the_older_form() -> None:
    table, uk = InMemoryTable(), division_at(SiteId("co.uk"), DIVISION)
    before = SiteKeys(FIRM, SiteId("nl"), is_migrated=lambda: False)
    assert before.spellings(NL) == (str(DIVISION), "nl.2101")
    assert before.spellings(uk) == ("co.uk.2101",)
    table.put({"pk": f"{FIRM}#{DIVISION}", "sk": "reading#x"})
    assert before.partition(table, NL) == f"{FIRM}#{DIVISION}"
    assert before.partition(table, uk) == f"{FIRM}#co.uk.2101"


def test_a_new_division_has_new_keys_at_once(world: World) -> None:
    services = world.services()
    services.reference_store(Division("nl.7")).note("x")
    assert world.tables.reference.get(f"{FIRM}#nl.7", "note#x")


def test_a_removed_connection_is_left_alone(world: World) -> None:
    world.process().connections.remove(FIRM)
    assert list(world.changes()) == []
