"""The inbox and its groups: what they read, how they are ordered, and what they say."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.console_access import AccessRules, Admin, Grant, Role
from ml_connector.domain.ids import Actor, ConnectionId, Division, Guid, OrderId
from ml_connector.domain.people import Person
from ml_connector.domain.records import ExactReference, Note, OrderState
from ml_connector.infrastructure.connection_store import ConnectionStore
from ml_connector.infrastructure.console_rules import ConsoleRules
from ml_connector.infrastructure.console_sessions import LONGEST
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.ledger import Ledger
from ml_connector.secret import Secret
from ml_console.console import Console, ConsoleTables, respond
from ml_console.routes import ROUTES
from ml_console.settings import Settings
from tests.console.browser import Page
from tests.domain.orders.builders import any_connection, any_division
from tests.infrastructure.test_open_groups import stop, unmapped

FIRM = ConnectionId("firm")
NL, BE = Division("nl.2101"), Division("nl.2202")
ISSUER = "https://identity.example"


class CountedTable(InMemoryTable):
    """A table that counts how often it is asked."""

    reads = 0

    def get(self, pk: str, sk: str) -> Item | None:
        self.reads += 1
        return super().get(pk, sk)

    def get_many(self, pk: str, sks: Any) -> list[Item]:
        self.reads += 1
        return super().get_many(pk, sks)

    def query(self, pk: str, prefix: str = "", *, backwards: bool = False) -> Iterator[Item]:
        self.reads += 1
        return super().query(pk, prefix, backwards=backwards)

    def query_index(
        self, index: str, group: str, until: str, at_a_time: int | None = None
    ) -> Iterator[Item]:
        self.reads += 1
        return super().query_index(index, group, until, at_a_time)


class Office:
    """A console over tables in memory, at which people look without a browser."""

    def __init__(self, *connections: str) -> None:
        self.tables = ConsoleTables(
            *(CountedTable(name) for name in ConsoleTables.__dataclass_fields__)
        )
        settings = Settings(
            ISSUER, "app", "groups", "https://console.example", "connector", LONGEST
        )
        self.console = Console(settings, self.tables, _no_queue, lambda: Secret(""))
        store = ConnectionStore(self.tables.mappings)
        for id in connections or (FIRM,):
            gent = any_division(division=2202, name="Gent", subsidiaries=("be",))
            divisions = any_division(division=2101, name="Utrecht"), gent
            store.save(any_connection(*divisions, id=id))
        note = Note("", Actor("test"), time_now())
        grants = (Grant(Role.READER, "dutch", note, (NL,)),)
        rules = AccessRules(grants, (Admin("u-admin", note),))
        ConsoleRules(self.tables.mappings).change(lambda _: rules)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.tables.ledger, self.tables.audit, "po_posting", FIRM)

    def get(self, address: str = "/", *values: str) -> "Answer":
        """Open a page, as an administrator or as somebody with these values of the claim."""
        person = Person(ISSUER, "u-other" if values else "u-admin", "Ada")
        token = self.console.sessions.begin(person, values)
        path, _, query = address.partition("?")
        event = {
            "requestContext": {"http": {"method": "GET"}, "domainName": "x"},
            "rawPath": path,
            "rawQueryString": query,
            "cookies": [f"__Host-console={token.reveal()}"],
            "headers": {},
        }
        before = self.reads
        result = respond(event, self.console, ROUTES)
        return Answer(int(result["statusCode"]), str(result["body"]), self.reads - before)

    def fill(self, posted: int) -> None:
        """Store an order that waits, and so many that were posted."""
        stop(self.ledger, "PO-1")
        post(self.ledger, "posted")
        ledger: Any = self.tables.ledger
        for item in [each for each in ledger.items() if each["sk"] == "order#posted"]:
            for number in range(posted):
                ledger.store({**item, "sk": f"order#{number}"})

    @property
    def reads(self) -> int:
        return sum(getattr(self.tables, name).reads for name in self.tables.__dataclass_fields__)


class Answer(Page):
    """A page that was made without a network."""

    def __init__(self, status: int, body: str, reads: int) -> None:
        self._status, self._body, self.reads = status, body, reads

    @property
    def status(self) -> int:
        return self._status

    @property
    def html(self) -> str:
        return self._body


def _no_queue() -> Any:
    raise AssertionError("looking at something sends nothing")


def time_now() -> Any:
    from ml_connector import clock  # noqa: PLC0415

    return clock.now()


def post(ledger: Ledger, id: str, division: Division = NL) -> None:
    """Store an order that went through."""
    record = ledger.order(OrderId(id))
    record = ledger.write(record.now(OrderState.RECEIVED), "received")
    record = ledger.write(record.now(OrderState.POSTING), "intent")
    exact = ExactReference(Guid(id), 26000017)
    facts = replace(record.facts, exact=exact, division=division)
    ledger.write(record.now(OrderState.POSTED, facts), "posted")


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.mark.parametrize("posted", [10, 10_000])
@pytest.mark.parametrize("connections", [1, 2])
def test_the_inbox_reads_as_little_however_many_orders_there_are(
    posted: int, connections: int
) -> None:
    """Three, and three for each connection shown."""
    office = Office(*(["firm", "firm-2"][:connections]))
    office.fill(posted)
    page = office.get()
    assert "GL account Software" in page.text
    assert page.reads == 3 + 3 * connections


def test_a_group_reads_one_page_of_its_members(office: Office) -> None:
    for number in range(90):
        stop(office.ledger, f"PO-{number:03}")
    inbox = office.get()
    assert "90 cases EUR 9,000.00" in inbox.text
    (address, *_) = inbox.links("/group")
    seen: list[str] = []
    while address:
        page = office.get(address)
        assert (page.status, page.reads) == (200, 5)
        shown = page.links("/record")
        assert len(shown) <= 40
        seen += shown
        address = next((each for each in page.links("/group") if "after=" in each), "")
    assert len(set(seen)) == len(seen) == 90


def test_500_exceptions_are_a_small_page(office: Office) -> None:
    for number in range(500):
        stop(office.ledger, f"PO-{number}", unmapped(f"PO-{number}", f"account {number % 20}"))
    page = office.get()
    assert "20 things to decide" in page.text
    assert len(page.html.encode()) < 100_000
    assert page.html.count("<article") == 20


def test_more_groups_than_a_page_holds_are_on_further_pages(office: Office) -> None:
    for number in range(45):
        stop(office.ledger, f"PO-{number}", unmapped(f"PO-{number}", f"account {number}"))
    pages = [office.get(), office.get("/?from=20"), office.get("/?from=40")]
    assert [page.html.count("<article") for page in pages] == [20, 20, 5]
    assert "21 to 40 of 45" in pages[1].text


def test_first_what_holds_up_most_or_is_open_longest(office: Office, time: MovableClock) -> None:
    stop(office.ledger, "PO-OLD", unmapped("PO-OLD", "Old"), total="EUR 5.00")
    time.move(3600)
    stop(office.ledger, "PO-BIG", unmapped("PO-BIG", "Big"), total="USD 900.00")
    by_money, by_age = office.get().text, office.get("/?sort=age").text
    assert by_money.index("PO-BIG") < by_money.index("PO-OLD")
    assert by_age.index("PO-OLD") < by_age.index("PO-BIG")
    assert office.get("/?sort=nonsense").text == by_money


def test_money_is_never_added_across_currencies(office: Office) -> None:
    stop(office.ledger, "PO-1", total="EUR 1000.00")
    stop(office.ledger, "PO-2", total="USD 500.00")
    page = office.get().text
    assert "2 cases EUR 1,000.00 USD 500.00" in page
    assert "1,500" not in page


def test_counters_and_groups_are_those_of_the_divisions_that_somebody_sees(office: Office) -> None:
    stop(office.ledger, "PO-NL")
    stop(office.ledger, "PO-BE", division=BE)
    stop(office.ledger, "PO-BE-2", division=BE)
    post(office.ledger, "through-nl")
    post(office.ledger, "through-be", division=BE)
    everything = office.get()
    assert "All 3 Gent 2 Utrecht 1" in everything.text
    assert "2 orders went through today" in everything.text
    dutch = office.get("/", "dutch")
    assert "PO-BE" not in dutch.text
    assert "1 thing to decide. 1 order went through today." in dutch.text
    hidden = next(each for each in everything.links("/group") if "PO-BE" in office.get(each).text)
    answers = [office.get(hidden, "dutch"), office.get(f"/group?of={FIRM}&group=nothing", "dutch")]
    assert [each.status for each in answers] == [404, 404]
    assert answers[0].text == answers[1].text


def test_nothing_to_decide_says_what_went_through(office: Office, time: MovableClock) -> None:
    for number in range(41):
        post(office.ledger, f"PO-{number}")
    assert "Nothing to decide. 41 orders went through today." in office.get().text
    time.move(24 * 3600)
    assert "Nothing to decide. 0 orders went through today." in office.get().text


def test_a_card_says_what_happens_if_nobody_decides(office: Office) -> None:
    stop(office.ledger, "PO-1")
    page = office.get().text
    assert "If nothing is done: these orders stay out of Exact." in page


def test_hostile_words_in_a_group_are_text(office: Office) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e\x00" + "x" * 10_000
    record = stop(office.ledger, "PO-1", unmapped("PO-1", hostile))
    facts = replace(record.facts, vendor=hostile, title=hostile)
    office.ledger.write(record.now(OrderState.REVIEW, facts), "review")
    (address, *_) = office.get().links("/group")
    for page in (office.get(), office.get(address)):
        assert page.status == 200
        assert "<img" not in page.html
        assert "\x00" not in page.html
        assert "\u202e" not in page.html
        assert len(page.html.encode()) < 100_000
