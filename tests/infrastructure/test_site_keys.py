"""What is moved from an older key to a newer one is found at any moment, at little cost."""

from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.ids import ConnectionId, Division, Guid, VendorId
from ml_connector.infrastructure.reference_store import ReferenceStore
from ml_connector.infrastructure.site_keys import ASKED_AGAIN_AFTER, SiteKeys
from ml_connector.infrastructure.vendor_links import VendorLinks
from tests.migrations.older_items import AT, DIVISION, S1, fill_table
from tests.site import SITE

FIRM, NL, VENDOR = ConnectionId("firm"), Division(f"nl.{DIVISION}"), VendorId("ven-1")


class MovingTable(InMemoryTable):
    """Moves a link to its newer key between any two reads."""

    reads = 0

    def get(self, pk: str, sk: str) -> Any:
        found = super().get(pk, sk)
        self.move()
        return found

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Any:
        found = list(super().query(pk, prefix, backwards=backwards))
        self.move()
        return iter(found)

    def move(self) -> None:
        self.reads += 1
        for kind, rest in (("link", VENDOR), ("linked", f"{S1}#{VENDOR}")):
            if item := super().get(FIRM, f"{kind}#2101#{rest}"):
                self.delete(FIRM, f"{kind}#2101#{rest}")
                self.put({**item, "sk": f"{kind}#nl.2101#{rest}"})


def older(keys_done: list[bool]) -> SiteKeys:
    return SiteKeys(FIRM, SITE, lambda: keys_done[-1])


@pytest.mark.parametrize("read", ["get", "all", "all of one", "vendors_of"])
def test_a_link_that_is_moved_meanwhile_is_found(read: str) -> None:
    table = MovingTable("mappings")
    fill_table(table, FIRM)
    links = VendorLinks(table, older([False]))
    if read == "get":
        assert links.get(NL, VENDOR)
    elif read == "vendors_of":
        assert links.vendors_of(NL, Guid(S1)) == [VENDOR]
    else:
        found = links.all() if read == "all" else links.all(NL)
        assert sorted(each.vendor for each in found) == ["ven#2", VENDOR]


def test_once_everything_is_moved_one_read_finds_a_link() -> None:
    table = MovingTable("mappings")
    fill_table(table, FIRM)
    table.move()
    table.reads = 0
    links = VendorLinks(table, older([True]))
    assert links.get(NL, VENDOR)
    assert links.get(NL, VendorId("none")) is None
    assert table.reads == 2


def test_a_process_goes_over_to_the_new_partition_within_seconds(time: MovableClock) -> None:
    table = MovingTable("reference")
    fill_table(table, FIRM)
    keys = older([False])
    assert ReferenceStore(table, keys, NL).text("division moved") == "2020"
    table.put({"pk": f"{FIRM}#nl.2101", "sk": "moved", "at": AT})
    table.put({"pk": f"{FIRM}#nl.2101", "sk": "text#division moved", "text": "new"})
    table.reads = 0
    assert ReferenceStore(table, keys, NL).text("division moved") == "2020"
    assert table.reads == 1
    time.move(ASKED_AGAIN_AFTER)
    assert ReferenceStore(table, keys, NL).text("division moved") == "new"
    table.reads = 0
    assert ReferenceStore(table, keys, NL).text("division moved") == "new"
    assert table.reads == 1, "and never looks back"


def test_whether_all_is_moved_is_asked_twice_a_minute_until_it_is(time: MovableClock) -> None:
    asked: list[bool] = []
    answers = [False, False, True]

    def is_migrated() -> bool:
        asked.append(True)
        return answers[len(asked) - 1]

    keys = SiteKeys(FIRM, SITE, is_migrated)
    for _ in range(10):
        keys.spellings(NL)
        time.move(ASKED_AGAIN_AFTER / 2)
    assert len(asked) == 3
    assert keys.spellings(NL) == ("nl.2101",)
