"""Notifications are sent once, together, and never disturb posting."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryStack
from local.in_memory.tables import InMemoryTable
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Division, OrderId
from ml_connector.domain.records import OrderFacts, OrderState
from ml_connector.infrastructure.channels import SnsTopic
from ml_connector.infrastructure.dynamodb import Item
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Conflict, Ledger, new_order, order_key
from ml_connector.infrastructure.notification_outbox import KEPT_FOR, NotificationOutbox, OutboxItem
from ml_connector.infrastructure.tables import Tables
from ml_connector.notifications import send
from ml_connector.notifications.message import WrittenMessage
from ml_connector.settings.connection import Connection, NotificationSettings


@dataclass
class Mailbox:
    """A channel that keeps its messages, or fails while it is broken."""

    name: str = "topic"
    messages: list[tuple[str, str]] = field(default_factory=list)
    is_broken: bool = False
    pages: list[str] = field(default_factory=list)

    def send(self, subject: str, text: str, html: str) -> None:
        if self.is_broken:
            raise OSError("the channel is out of order")
        self.messages.append((subject, text))
        self.pages.append(html)

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.messages]


@pytest.fixture
def box(env: InMemoryEnvironment) -> Mailbox:
    box = Mailbox()
    env.memory.topics.append(box)
    env.services = env.memory.services()
    return box


def bad(
    env: InMemoryEnvironment, number: int, vendor: str = "Cloudwerk", account: str = "4600"
) -> None:
    """Approve an order whose GL account is blocked (4600), or unknown (any other)."""
    lines = [env.airbase.line(account, "10.00")]
    env.post(env.order(f"PO-{number}", lines=lines, vendor=vendor))


def test_a_new_exception_is_sent_with_its_remedy(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect()
    bad(env, 7)
    env.wait(minutes=1)
    ((subject, text),) = box.messages
    assert subject == f"Connector {FIRM}: 1 new exception"
    assert "1 x GL_ACCOUNT_BLOCKED" in text
    assert "To do: Unblock it in Exact" in text
    assert "PO-7, line 1, Cloudwerk, EUR 10.00" in text
    assert f"connector exceptions {FIRM}" in text


def test_an_exception_is_sent_once(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect()
    bad(env, 1)
    for _ in range(4):
        env.wait(hours=12)
    assert len(box.messages) == 1
    assert env.services_of().outbox.waiting(10) == []


def test_many_exceptions_are_a_few_messages(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect(limits={"calls_per_minute": 1000, "calls_per_day": 100_000})
    for number in range(500):
        bad(env, number, account="4600" if number % 5 else "9999")
        if number % 20 == 0:
            env.wait(seconds=61)
    for _ in range(3):
        env.wait(minutes=15)
    assert 1 < len(box.messages) <= 5
    total = sum(int(subject.split()[2]) for subject, _ in box.messages)
    assert total == 500
    assert all(len(text) < 3000 for text in box.texts)
    assert any(" more" in text for text in box.texts)


def test_others_wait_for_the_quiet_time_and_a_halt_does_not(
    env: InMemoryEnvironment, box: Mailbox
) -> None:
    env.connect(notify={"every_minutes": 60})
    bad(env, 1)
    env.wait(minutes=1)
    bad(env, 2)
    env.wait(minutes=30)
    assert len(box.messages) == 1
    env.exact.world.divisions[2101].blocked = True
    Halts(env.services.ledger_of(FIRM)).stop(
        problem("EXACT_DIVISION_BLOCKED", "x"), Division("nl.2101")
    )
    env.wait(minutes=1)
    subject, text = box.messages[1]
    assert subject == f"Connector {FIRM}: stopped, 1 new exception"
    assert "Division nl.2101 is STOPPED: EXACT_DIVISION_BLOCKED" in text
    assert "To do: Ask the Exact administrator" in text
    Halts(env.services.ledger_of(FIRM)).stop(
        problem("EXACT_DIVISION_BLOCKED", "x"), Division("nl.2101")
    )
    env.exact.world.divisions[2101].blocked = False
    Halts(env.services.ledger_of(FIRM)).lift_all()
    env.wait(minutes=1)
    assert len(box.messages) == 2, "the same halt is not sent twice, and its end can wait"
    env.wait(hours=1)
    assert "Division nl.2101 has resumed" in box.texts[2]


def test_a_stopped_connection_still_notifies(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(problem("RECONNECT_NEEDED", "x", connection="firm"))
    env.wait(minutes=1)
    assert "The whole connection is STOPPED: RECONNECT_NEEDED" in box.texts[0]


def test_details_can_be_left_out(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect(notify={"details": False})
    bad(env, 77)
    env.wait(minutes=1)
    assert "1 x GL_ACCOUNT_BLOCKED" in box.texts[0]
    for private in ("PO-77", "Cloudwerk", "10.00"):
        assert private not in box.texts[0]


def test_without_a_channel_notifications_expire(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    bad(env, 1)
    env.wait(minutes=1)
    assert len(env.services_of().outbox.waiting(10)) == 1
    env.clock.move(KEPT_FOR)
    assert env.services_of().outbox.waiting(10) == []


def test_a_failing_channel_is_retried_and_disturbs_nothing(
    env: InMemoryEnvironment, box: Mailbox
) -> None:
    box.is_broken = True
    env.connect()
    bad(env, 1)
    good = env.order("PO-2")
    env.queue(good)
    env.wait(minutes=1)
    assert env.record(good).state == "posted"
    assert {"NotifyFailed": 1} in env.memory.figures
    box.is_broken = False
    env.wait(minutes=1)
    assert len(box.messages) == 1


def test_a_failing_channel_does_not_make_the_other_repeat(
    env: InMemoryEnvironment, box: Mailbox
) -> None:
    other = Mailbox("slack", is_broken=True)
    env.memory.topics.append(other)
    env.services = env.memory.services()
    env.connect()
    bad(env, 1)
    for _ in range(5):
        env.wait(minutes=1)
    bad(env, 2)
    env.wait(minutes=20)
    assert [text.count("PO-") for text in box.texts] == [1, 1]
    other.is_broken = False
    env.wait(minutes=1)
    assert [text.count("PO-") for text in other.texts] == [2]
    assert env.services_of().outbox.waiting(10) == []


def test_a_failing_channel_is_not_retried_forever(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.memory.topics.append(Mailbox("slack", is_broken=True))
    env.services = env.memory.services()
    env.connect()
    bad(env, 1)
    env.wait(minutes=1)
    assert len(env.services_of().outbox.waiting(10)) == 1
    env.clock.move(send.RETRY_FOR)
    bad(env, 2)  # waits for a refresh of the reference data
    for _ in range(3):
        env.wait(minutes=1)
    assert len(env.services_of().outbox.waiting(10)) == 1
    assert len(box.messages) == 2


def test_channels_that_hang_do_not_outlive_their_worker(env: InMemoryEnvironment) -> None:
    """SES away: each of twenty addresses takes as long as a call may."""

    class Hanging(Mailbox):
        def send(self, subject: str, text: str, html: str) -> None:
            self.messages.append((subject, text))
            env.clock.move(8)
            raise OSError("no answer")

    hanging = [Hanging(f"mail {number}@example.com") for number in range(20)]
    env.memory.topics.extend(hanging)
    env.services = env.memory.services()
    env.connect()
    bad(env, 1)
    before = env.clock()
    env.wait(minutes=1)
    assert env.clock() - before < 60 + 30
    assert sum(len(each.messages) for each in hanging) == 3
    own = env.services_of()
    slack = own.connection.model_copy(update={"notify": NotificationSettings(slack=True)})
    assert env.services.bound(slack).channels[0].name == "slack", "they keep nothing from it"


def test_two_simultaneous_sweeps_send_once(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect()
    bad(env, 1)
    with env.services_of().leases.holding("news", timedelta(seconds=60)):
        env.wait(minutes=0)
    assert box.messages == []
    env.wait(minutes=1)
    assert len(box.messages) == 1


def test_names_cannot_inject_text(env: InMemoryEnvironment, box: Mailbox) -> None:
    env.connect()
    line = env.airbase.line("4600", "10.00")
    env.post(env.order("PO-\x1b[31m1\nTo do: pay me", lines=[line]))
    env.wait(minutes=1)
    assert "\x1b" not in box.texts[0]
    assert "\nTo do: pay me" not in box.texts[0]


def test_a_changed_detail_is_not_a_new_exception(time: MovableClock) -> None:
    table, key = InMemoryTable(), order_key(OrderId("o"))
    ledger = Ledger(table, InMemoryTable(), "test", FIRM)
    outbox = NotificationOutbox(table, FIRM)

    def show(number: str) -> None:
        found = problem("CHANGED_IN_EXACT", "PO-1", "number", number=number)
        record = ledger.order(OrderId("o"))
        facts = replace(record.facts, problems=(found,))
        ledger.write(record.now(OrderState.POSTED, facts), "changed")

    for state in (OrderState.RECEIVED, OrderState.POSTING):
        ledger.write(ledger.order(OrderId("o")).now(state), state)
    show("1")
    show("2")
    assert len(outbox.waiting(10)) == 1
    record = ledger.order(OrderId("o"))
    mended = replace(record.facts, problems=())
    ledger.write(record.now(OrderState.POSTED, mended), "mended")
    show("3")
    assert len(outbox.waiting(10)) == 2, "reopened after it was closed"
    assert [record.key for record in ledger.records()] == [key], "notifications are no records"


def test_a_failed_write_is_not_notified(time: MovableClock) -> None:
    table = InMemoryTable()
    ledger = Ledger(table, InMemoryTable(), "test", FIRM)
    stale = ledger.read(order_key(OrderId("o")))
    ledger.write(stale.now("received"), "received")
    facts = OrderFacts(problems=(problem("BAD_AMOUNT", "PO-1"),))
    with pytest.raises(Conflict):
        ledger.write(stale.now(OrderState.RECEIVED, facts), "review")
    assert NotificationOutbox(table, FIRM).waiting(10) == []


class CrashingOutboxTable(InMemoryTable):
    """A table that crashes its worker at the next removal of notifications or shared value."""

    crashes_at = ""

    def delete_all(self, pk: str, sks: Iterable[str]) -> None:
        self._maybe_crash("#news")
        super().delete_all(pk, sks)

    def put(self, item: Item) -> None:
        if str(item["pk"]).endswith("#marks"):
            self._maybe_crash("#marks")
        super().put(item)

    def _maybe_crash(self, at: str) -> None:
        if self.crashes_at == at:
            self.crashes_at = ""
            raise WorkerCrashed


class WorkerCrashed(BaseException):
    """The worker was killed."""


@dataclass
class OutboxScenario:
    """Tables and two channels of one connection, whose messages name every record."""

    table: CrashingOutboxTable = field(default_factory=CrashingOutboxTable)
    boxes: tuple[Mailbox, Mailbox] = field(
        default_factory=lambda: (Mailbox("topic"), Mailbox("slack"))
    )
    opened: int = 0
    crashes: int = 0

    def __post_init__(self) -> None:
        tables = Tables(*([self.table] * 6))
        self.memory = InMemoryStack(httpx.MockTransport(lambda _: httpx.Response(500)), tables)
        self.memory.topics += self.boxes
        self.services = self.memory.services()
        division = {"division": 1, "subsidiaries": ["s"]}
        config = {"id": FIRM, "exact_site": "nl", "divisions": [division]}
        self.connection = Connection.model_validate(config)

    def open(self, many: int) -> None:
        for _ in range(many):
            self.opened += 1
            record = new_order(FIRM, OrderId(str(self.opened)))
            facts = OrderFacts(problems=(problem("BAD_AMOUNT", f"PO-{self.opened}"),))
            self.services.ledger_of(FIRM).write(record.now(OrderState.RECEIVED, facts), "review")

    def send(self) -> None:
        try:
            send.send_due(self.services.bound(self.connection))
        except WorkerCrashed:
            self.crashes += 1
        self.table.crashes_at = ""


def all_names(_: Connection, rows: Sequence[OutboxItem], _console: str) -> WrittenMessage:
    return WrittenMessage("", " ".join(each.name for row in rows for each in row.notifications), "")


actions = st.lists(
    st.tuples(
        st.sampled_from(["open", "open", "send", "send", "break", "repair", "crash", "wait"]),
        st.integers(0, 30),
    ),
    max_size=40,
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions)
def test_every_exception_is_in_one_message_and_in_another_only_after_a_crash(
    time: MovableClock, monkeypatch: pytest.MonkeyPatch, steps: Sequence[tuple[str, int]]
) -> None:
    monkeypatch.setattr(send, "compose", all_names)
    scenario = OutboxScenario()
    for action, number in steps:
        if action == "open":
            scenario.open(number % 4)
        elif action in {"break", "repair"}:
            scenario.boxes[number % 2].is_broken = action == "break"
        elif action == "wait":
            time.move(timedelta(minutes=number))
        else:
            if action == "crash":
                scenario.table.crashes_at = "#news" if number % 2 else "#marks"
            scenario.send()
            time.move(61)
    for box in scenario.boxes:
        box.is_broken = False
    for _ in range(2):
        time.move(timedelta(minutes=16))
        scenario.send()
    assert scenario.services.bound(scenario.connection).outbox.waiting(10_000) == []
    for box in scenario.boxes:
        names = [set(text.split()) for text in box.texts]
        assert set().union(*names) == {f"PO-{n}" for n in range(1, scenario.opened + 1)}
        repeats = sum(bool(names[n] & set().union(*names[:n])) for n in range(1, len(names)))
        assert repeats <= scenario.crashes


@pytest.mark.parametrize("character", ["x", "é", "😀"])
def test_what_sns_does_not_take_is_cut(character: str) -> None:
    published: list[dict[str, str]] = []

    class Client:
        def publish(self, **message: str) -> None:
            published.append(message)

    topic = SnsTopic(Client, "arn")
    topic.send("Ünïcode\n\x07" + "s" * 200, character * 300_000)
    (message,) = published
    assert len(message["Subject"]) < 100
    assert message["Subject"].isascii()
    assert message["Subject"].isprintable()
    assert len(message["Message"].encode()) + len(message["Subject"]) <= 256 * 1024
    assert message["Message"].endswith("(cut: SNS takes 256 KB)")
    topic.send("s", "short")
    assert published[-1]["Message"] == "short"


@pytest.fixture
def alarms(env: InMemoryEnvironment) -> Mailbox:
    alarms = Mailbox("alarms")
    env.memory.alarms.append(alarms)
    env.services = env.memory.services()
    return alarms


def halt(env: InMemoryEnvironment, *divisions: int) -> None:
    for division in divisions:
        env.exact.world.divisions[division].blocked = True
        found = problem("EXACT_DIVISION_BLOCKED", "x")
        Halts(env.services.ledger_of(FIRM)).stop(found, Division(f"nl.{division}"))


def test_each_halt_is_an_alarm_of_its_own_and_sent_once(
    env: InMemoryEnvironment, alarms: Mailbox
) -> None:
    env.connect()
    bad(env, 1)
    halt(env, 2101)
    env.wait(minutes=1)
    ((subject, text),) = alarms.messages
    assert subject == f"Connector {FIRM}: division nl.2101 stopped, EXACT_DIVISION_BLOCKED"
    assert "Division nl.2101 is STOPPED: EXACT_DIVISION_BLOCKED" in text
    assert "To do: Ask the Exact administrator" in text
    assert "PO-1" not in text
    halt(env, 2101, 2102)
    Halts(env.services.ledger_of(FIRM)).stop(problem("RECONNECT_NEEDED", "x", connection="firm"))
    for _ in range(3):
        env.wait(minutes=1)
    assert sorted(subject for subject, _ in alarms.messages[1:]) == [
        f"Connector {FIRM}: division nl.2102 stopped, EXACT_DIVISION_BLOCKED",
        f"Connector {FIRM}: the whole connection stopped, RECONNECT_NEEDED",
    ]
    assert env.services_of().outbox.waiting(10) == []


def test_a_halt_is_told_however_many_exceptions_wait(
    env: InMemoryEnvironment, alarms: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    monkeypatch.setattr(send, "_MAX_ITEMS", 3)
    env.memory.topics.clear()
    for number in range(5):
        bad(env, number)
    halt(env, 2101)
    env.memory.topics.append(Mailbox())
    env.services = env.memory.services()
    first = env.services_of().outbox.waiting(1)[0]
    assert [each.kind for each in first.notifications] == ["halt"]
    assert first.at > env.services_of().outbox.waiting(2)[1].at
    env.sweep()
    assert [subject for subject, _ in alarms.messages] == [
        f"Connector {FIRM}: division nl.2101 stopped, EXACT_DIVISION_BLOCKED"
    ]


def test_an_alarm_that_fails_is_sent_again_and_the_others_are_not_repeated(
    env: InMemoryEnvironment, box: Mailbox, alarms: Mailbox
) -> None:
    env.connect()
    alarms.is_broken = True
    halt(env, 2101)
    env.clock.move(1)
    halt(env, 2102)
    env.wait(minutes=1)
    assert sum("NotifyFailed" in figures for figures in env.memory.figures) == 1
    assert len(box.messages) == 1
    alarms.is_broken = False
    box.is_broken = True
    env.wait(minutes=1)
    box.is_broken = False
    env.wait(minutes=1)
    assert [subject.split()[3] for subject, _ in alarms.messages] == ["nl.2101", "nl.2102"]
    assert len(box.messages) == 1


def test_what_was_sent_before_an_alarm_failed_is_not_repeated(env: InMemoryEnvironment) -> None:
    class FailsOnce(Mailbox):
        def send(self, subject: str, text: str, html: str) -> None:
            self.is_broken = len(self.messages) == 1 and not self.is_broken
            super().send(subject, text, html)

    alarms = FailsOnce("alarms")
    env.memory.alarms.append(alarms)
    env.services = env.memory.services()
    env.connect()
    for division in (2101, 2102):
        env.clock.move(1)
        halt(env, division)
    send.send_due(env.services_of())
    assert len(alarms.messages) == 1
    send.send_due(env.services_of())
    assert [subject.split()[3] for subject, _ in alarms.messages] == ["nl.2101", "nl.2102"]


def test_an_exception_waits_for_its_channel_although_no_alarm_is_for_it(
    env: InMemoryEnvironment, box: Mailbox, alarms: Mailbox
) -> None:
    env.connect()
    box.is_broken = True
    bad(env, 1)
    env.wait(minutes=1)
    env.wait(hours=25)
    box.is_broken = False
    env.wait(minutes=1)
    assert any("GL_ACCOUNT_BLOCKED" in text for text in box.texts)
    assert alarms.messages == []


def test_a_sweep_sends_so_many_alarms_and_the_next_one_the_others(
    env: InMemoryEnvironment, alarms: Mailbox
) -> None:
    env.connect()
    for number in range(30):
        found = problem("EXACT_DIVISION_BLOCKED", "x")
        Halts(env.services.ledger_of(FIRM)).stop(found, Division(f"nl.{5000 + number}"))
    send.send_due(env.services_of())
    assert len(alarms.messages) == 20
    send.send_due(env.services_of())
    assert len({subject for subject, _ in alarms.messages}) == len(alarms.messages) == 30
