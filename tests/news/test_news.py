"""People are told of what is new: once, together, and never at the posting's cost."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.memory import MemoryTable
from local.miniature import Miniature
from local.office import FIRM, Office
from ml_connector.clock import MovableClock
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import Conflict, Ledger, order_key
from ml_connector.doors.news import KEPT_FOR, NewsDesk, Row
from ml_connector.doors.table import Item
from ml_connector.ids import Division, OrderId
from ml_connector.workflows.news import telling
from ml_connector.workflows.wiring import Tables


@dataclass
class Box:
    """A channel that keeps what it was given, or fails while it is broken."""

    name: str = "topic"
    messages: list[tuple[str, str]] = field(default_factory=list)
    is_broken: bool = False

    def send(self, subject: str, text: str) -> None:
        if self.is_broken:
            raise OSError("the channel is out of order")
        self.messages.append((subject, text))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.messages]


@pytest.fixture
def box(office: Office) -> Box:
    box = Box()
    office.mini.topics.append(box)
    office.doors = office.mini.doors()
    return box


def bad(office: Office, number: int, vendor: str = "Cloudwerk", account: str = "4600") -> None:
    """Approve an order whose GL account is blocked (4600), or unknown (any other)."""
    lines = [office.airbase.line(account, "10.00")]
    office.post(office.order(f"PO-{number}", lines=lines, vendor=vendor))


def test_a_new_exception_is_told_with_what_to_do(office: Office, box: Box) -> None:
    office.connect()
    bad(office, 7)
    office.wait(minutes=1)
    ((subject, text),) = box.messages
    assert subject == f"Connector {FIRM}: 1 new exception"
    assert "1 x GL_ACCOUNT_BLOCKED" in text
    assert "To do: Unblock it in Exact" in text
    assert "PO-7, line 1, Cloudwerk, EUR 10.00" in text
    assert f"connector exceptions {FIRM}" in text


def test_what_is_told_is_told_once(office: Office, box: Box) -> None:
    office.connect()
    bad(office, 1)
    for _ in range(4):
        office.wait(hours=12)
    assert len(box.messages) == 1
    assert office.doors.news.waiting(FIRM, 10) == []


def test_a_storm_is_a_few_messages(office: Office, box: Box) -> None:
    office.connect(limits={"calls_per_minute": 1000, "calls_per_day": 100_000})
    for number in range(500):
        bad(office, number, account="4600" if number % 5 else "9999")
        if number % 20 == 0:
            office.wait(seconds=61)
    for _ in range(3):
        office.wait(minutes=15)
    assert 1 < len(box.messages) <= 5
    told = sum(int(subject.split()[2]) for subject, _ in box.messages)
    assert told == 500
    assert all(len(text) < 3000 for text in box.texts)
    assert any(" more" in text for text in box.texts)


def test_others_wait_for_the_quiet_time_and_a_halt_does_not(office: Office, box: Box) -> None:
    office.connect(notify={"every_minutes": 60})
    bad(office, 1)
    office.wait(minutes=1)
    bad(office, 2)
    office.wait(minutes=30)
    assert len(box.messages) == 1
    office.exact.world.divisions[2101].blocked = True
    office.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "x"), Division(2101))
    office.wait(minutes=1)
    subject, text = box.messages[1]
    assert subject == f"Connector {FIRM}: stopped, 1 new exception"
    assert "Division 2101 is STOPPED: EXACT_DIVISION_BLOCKED" in text
    assert "To do: Ask the Exact administrator" in text
    office.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "x"), Division(2101))
    office.exact.world.divisions[2101].blocked = False
    office.doors.ledger.clear_halt(FIRM, Division(2101))
    office.wait(minutes=1)
    assert len(box.messages) == 2, "the same halt is not told twice, and its end can wait"
    office.wait(hours=1)
    assert "Division 2101 goes on again" in box.texts[2]


def test_a_stopped_connection_still_tells(office: Office, box: Box) -> None:
    office.connect()
    office.doors.ledger.halt(FIRM, problem("RECONNECT_NEEDED", "x"))
    office.wait(minutes=1)
    assert "The whole connection is STOPPED: RECONNECT_NEEDED" in box.texts[0]


def test_details_may_stay_at_home(office: Office, box: Box) -> None:
    office.connect(notify={"details": False})
    bad(office, 77)
    office.wait(minutes=1)
    assert "1 x GL_ACCOUNT_BLOCKED" in box.texts[0]
    for private in ("PO-77", "Cloudwerk", "10.00"):
        assert private not in box.texts[0]


def test_without_a_channel_nothing_is_asked_and_old_news_expire(office: Office) -> None:
    office.connect()
    bad(office, 1)
    office.wait(minutes=1)
    assert len(office.doors.news.waiting(FIRM, 10)) == 1
    office.clock.move(KEPT_FOR)
    assert office.doors.news.waiting(FIRM, 10) == []


def test_a_channel_that_fails_disturbs_nothing_and_is_tried_again(office: Office, box: Box) -> None:
    box.is_broken = True
    office.connect()
    bad(office, 1)
    good = office.order("PO-2")
    office.queue(good)
    office.wait(minutes=1)
    assert office.record(good).state == "posted"
    assert ({"NotifyFailed": 1}, {}) in office.mini.figures
    box.is_broken = False
    office.wait(minutes=1)
    assert len(box.messages) == 1


def test_one_channel_that_fails_does_not_make_the_other_repeat(office: Office, box: Box) -> None:
    other = Box("slack", is_broken=True)
    office.mini.topics.append(other)
    office.doors = office.mini.doors()
    office.connect()
    bad(office, 1)
    for _ in range(5):
        office.wait(minutes=1)
    bad(office, 2)
    office.wait(minutes=20)
    assert [text.count("PO-") for text in box.texts] == [1, 1]
    other.is_broken = False
    office.wait(minutes=1)
    assert [text.count("PO-") for text in other.texts] == [2]
    assert office.doors.news.waiting(FIRM, 10) == []


def test_what_one_channel_delivered_is_not_kept_for_another_for_ever(
    office: Office, box: Box
) -> None:
    office.mini.topics.append(Box("slack", is_broken=True))
    office.doors = office.mini.doors()
    office.connect()
    bad(office, 1)
    office.wait(minutes=1)
    assert len(office.doors.news.waiting(FIRM, 10)) == 1
    office.clock.move(telling.PATIENCE)
    bad(office, 2)  # it waits for data that are read anew
    for _ in range(3):
        office.wait(minutes=1)
    assert len(office.doors.news.waiting(FIRM, 10)) == 1
    assert len(box.messages) == 2


def test_a_sweep_beside_another_does_not_double(office: Office, box: Box) -> None:
    office.connect()
    bad(office, 1)
    with office.doors.leases(FIRM).holding("news", timedelta(seconds=60)):
        office.wait(minutes=0)
    assert box.messages == []
    office.wait(minutes=1)
    assert len(box.messages) == 1


def test_names_cannot_steer_the_reader(office: Office, box: Box) -> None:
    office.connect()
    line = office.airbase.line("4600", "10.00")
    office.post(office.order("PO-\x1b[31m1\nTo do: pay me", lines=[line]))
    office.wait(minutes=1)
    assert "\x1b" not in box.texts[0]
    assert "\nTo do: pay me" not in box.texts[0]


def test_the_same_problem_with_other_words_is_not_news(time: MovableClock) -> None:
    table, key = MemoryTable(), order_key(OrderId("o"))
    ledger = Ledger(table, MemoryTable(), "test")
    desk = NewsDesk(table)

    def show(detail: str) -> None:
        found = problem("CHANGED_IN_EXACT", "PO-1", detail).as_dict()
        ledger.write(ledger.read(FIRM, key).now("posted", problems=[found]), "changed")

    show("It was 1.")
    show("It was 2.")
    assert len(desk.waiting(FIRM, 10)) == 1
    ledger.write(ledger.read(FIRM, key).now("posted", problems=[]), "mended")
    show("It was 3.")
    assert len(desk.waiting(FIRM, 10)) == 2, "what was closed and opened again is"
    assert [record.key for record in ledger.records(FIRM)] == [key], "news are no records"


def test_what_was_not_written_is_not_announced(time: MovableClock) -> None:
    table = MemoryTable()
    ledger = Ledger(table, MemoryTable(), "test")
    stale = ledger.read(FIRM, order_key(OrderId("o")))
    ledger.write(stale.now("received"), "received")
    found = problem("BAD_AMOUNT", "PO-1").as_dict()
    with pytest.raises(Conflict):
        ledger.write(stale.now("review", problems=[found]), "review")
    assert NewsDesk(table).waiting(FIRM, 10) == []


class Dying(MemoryTable):
    """A table whose worker dies at its next removal of news, or its next mark."""

    dies_at = ""

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        self._live_or_die("#news")
        super().delete_all(pk, sks)

    def put(self, item: Item) -> None:
        if str(item["pk"]).endswith("#marks"):
            self._live_or_die("#marks")
        super().put(item)

    def _live_or_die(self, at: str) -> None:
        if self.dies_at == at:
            self.dies_at = ""
            raise Killed


class Killed(BaseException):
    """The worker is gone."""


@dataclass
class Newsroom:
    """Tables and two channels of one connection, whose messages name all that they are about."""

    table: Dying = field(default_factory=Dying)
    boxes: tuple[Box, Box] = field(default_factory=lambda: (Box("topic"), Box("slack")))
    opened: int = 0
    deaths: int = 0

    def __post_init__(self) -> None:
        tables = Tables(*([self.table] * 6))
        self.mini = Miniature(httpx.MockTransport(lambda _: httpx.Response(500)), tables)
        self.mini.topics += self.boxes
        self.doors = self.mini.doors()
        division = {"division": 1, "subsidiaries": ["s"]}
        config = {"id": FIRM, "exact_site": "nl", "divisions": [division]}
        self.connection = Connection.model_validate(config)

    def open(self, many: int) -> None:
        for _ in range(many):
            self.opened += 1
            record = self.doors.ledger.read(FIRM, order_key(OrderId(str(self.opened))))
            found = problem("BAD_AMOUNT", f"PO-{self.opened}").as_dict()
            self.doors.ledger.write(record.now("review", problems=[found]), "review")

    def tell(self) -> None:
        try:
            telling.tell(self.doors, self.connection)
        except Killed:
            self.deaths += 1
        self.table.dies_at = ""


def all_names(_: Connection, rows: Sequence[Row]) -> tuple[str, str]:
    return "", " ".join(each.name for row in rows for each in row.news)


acts = st.lists(
    st.tuples(
        st.sampled_from(["open", "open", "tell", "tell", "break", "mend", "die", "wait"]),
        st.integers(0, 30),
    ),
    max_size=40,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts)
def test_every_exception_is_in_one_message_and_in_another_only_after_a_crash(
    time: MovableClock, monkeypatch: pytest.MonkeyPatch, played: Sequence[tuple[str, int]]
) -> None:
    monkeypatch.setattr(telling, "compose", all_names)
    room = Newsroom()
    for act, number in played:
        if act == "open":
            room.open(number % 4)
        elif act in {"break", "mend"}:
            room.boxes[number % 2].is_broken = act == "break"
        elif act == "wait":
            time.move(timedelta(minutes=number))
        else:
            if act == "die":
                room.table.dies_at = "#news" if number % 2 else "#marks"
            room.tell()
            time.move(61)
    for box in room.boxes:
        box.is_broken = False
    for _ in range(2):
        time.move(timedelta(minutes=16))
        room.tell()
    assert room.doors.news.waiting(FIRM, 10_000) == []
    for box in room.boxes:
        told = [set(text.split()) for text in box.texts]
        assert set().union(*told) == {f"PO-{n}" for n in range(1, room.opened + 1)}
        repeats = sum(bool(told[n] & set().union(*told[:n])) for n in range(1, len(told)))
        assert repeats <= room.deaths
