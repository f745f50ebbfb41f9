"""The firm over a stack whose calls to AWS fail as planned, and what must hold afterwards."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from local.airbase_simulator import AirbaseSimulator
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryStack
from ml_connector import clock
from ml_connector.domain.faults import Fault
from ml_connector.domain.ids import OrderId
from ml_connector.exact.token_pairs import TokenPairs
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.inbox import IncomingEvent
from ml_connector.infrastructure.ledger import order_key
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.infrastructure.tables import Tables
from tests.aws_errors import model
from tests.aws_errors.faulty import (
    Aws,
    Call,
    Failure,
    FaultyQueues,
    FaultyTable,
    Plan,
    Site,
    handling,
)
from tests.lasting_tokens import let_tokens_last
from tests.site import SITE

_FOR_EVER = 1e9
PAUSES = (1, 1, 1, *[5] * 18)  # minutes
_FIVE_MINUTES, _LOST = 300, 480
_PAIR_IS_DUE, _HOME_IS_DUE = 620, 1100  # seconds
_FAILURES = (Fault, ClientError, BotoCoreError)
_CHANGED = {
    "expense_list": [{"line_number": 1, **AirbaseSimulator.line("4100", "1300.00", "Licences")}],
    "total_amount": "1300.00",
}
_CHANGED_TOTAL = 1300
_SWEEPS = Message(PURCHASE_ORDERS, "sweep", {"kind": "sweep"})
_SWEEP = Message(PURCHASE_ORDERS, f"{FIRM}#sweep", {"kind": "sweep", "connection": FIRM})


class Case(NamedTuple):
    """One run: the call at this site fails in this way, for all errors that are handled alike."""

    at: Site
    failure: Failure
    name: str


def cases(calls: Iterable[Call]) -> Iterator[Case]:
    """Yield what may happen at each call: one error of each kind that is handled differently.

    A write may have been done before the answer was lost; botocore sends it again, and a condition
    then refuses it. An error that lasts meets every later call of the operation by the same worker.
    """
    made: list[Call] = []
    for call in calls:
        at = Site(call, made.count(call))
        made.append(call)
        for kind, error in handled_alike(call).items():
            name = f"{len(made)} {call.operation} {call.of} {call.method}: {kind}"
            yield Case(at, Failure(error), name)
            if kind.startswith("raised, answered, of AWS"):
                yield Case(at, Failure(error, lasts="service"), f"{name}, and of the service")
            if call.writes and kind.startswith("raised, answered, of AWS"):
                yield Case(at, Failure(error, lasts="all"), f"{name}, and everything")
            if call.writes and not kind.startswith("raised, answered"):
                yield Case(at, Failure(error, is_done=True), f"{name}, but done")


def handled_alike(call: Call) -> dict[str, Exception]:
    """Return one error of the operation for each way in which it is handled."""
    found: dict[str, Exception] = {}
    for error in model.errors(call.service, call.operation):
        found.setdefault(handling(call, error), error)
    return found


class FaultyEnvironment(InMemoryEnvironment):
    """The firm in memory over tables, queues, secrets, key and topic of a plan."""

    def __init__(self, **changes: Any) -> None:
        """Connect the firm with these changed settings."""
        super().__init__()
        self.plan = Plan()
        self.aws = Aws(self.plan)
        tables = Tables(*(FaultyTable(name, self.plan) for name in Tables.__dataclass_fields__))
        queues = FaultyQueues(plan=self.plan)
        store: Any = self.aws.secret_store()
        transport, topics = self.memory.transport, [self.aws.topic()]
        self.memory = InMemoryStack(transport, tables, queues, store, [*topics])
        self.airbase.limit = 1_000_000
        self.new_process()
        self.connect(**changes)

    def new_process(self) -> None:
        """Forget everything that is only in memory."""
        store: Any = self.aws.secret_store()
        self.memory.secret_store = store
        self.services = self.memory.services()

    def work(self) -> None:
        """Process the queues, each message by a new process; one that fails comes back later."""
        while ready := list(self.memory.queues.ready()):
            for one in ready:
                self.new_process()
                with suppress(Exception):
                    self.memory.queues.deliver(one, lambda m: self.memory.work(m, self.services))

    def pause(self, minutes: float) -> None:
        """Let some minutes pass; a sweep follows."""
        self.clock.move(60 * minutes)
        self.memory.queues.send(_SWEEPS, f"sweep {clock.epoch()}")
        self.work()

    def halts(self) -> list[str]:
        """Return the codes of what is halted."""
        return [halt.code for halt in Halts(self.services.ledger_of(FIRM)).all().values()]


class PostingWorld:
    """From the stored event to the order in Exact; one delivery meets the error.

    It is that of the approval ("posting"), of a later change ("change"), or, after the queue has
    lost the approval's, that of the schedule, which queues sweeps ("sweeps"), or of the
    connection's sweep ("sweep").
    """

    def __init__(
        self, which: Literal["posting", "change", "sweeps", "sweep"], **changes: Any
    ) -> None:
        """Connect with these changed settings; the first orders meet no error."""
        self.env = FaultyEnvironment(**changes)
        let_tokens_last(self.env)
        self.which = which
        self.count = 0
        assert self.run() == ""
        assert self.run() == ""

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Approve an order, meet the error, let everything recover; return what is wrong then."""
        env = self.env
        self.count += 1
        self._forget_what_went_through()
        order = env.order(f"PO-{self.count:05}")
        id = OrderId(order["id"])
        if self.which == "change":
            self._arrives(id, "approved")
            env.work()
            order |= _CHANGED
        self._arrives(id, "changed")
        env.clock.move(
            _FIVE_MINUTES - env.clock() % _FIVE_MINUTES
        )  # what a sweep does depends on it
        env.new_process()
        with env.plan.on(at, failure), suppress(Exception):
            self._deliver_one()
        for minutes in PAUSES:
            if self._is_at_rest(order):
                break
            env.pause(minutes)
        env.new_process()
        return self._wrong(order)

    def _forget_what_went_through(self) -> None:
        """Let each run count its order alike: the day's counters are made by the first one."""
        ledger = self.env.memory.tables.ledger
        for row in list(ledger.query(f"{FIRM}#through")):
            ledger.delete(str(row["pk"]), str(row["sk"]))

    def _arrives(self, id: OrderId, what: str) -> None:
        """Store the event and queue its message; the sweep's is lost by the queue."""
        env = self.env
        message = {"kind": "order", "order": id}
        key, group = f"{what}-{id}", f"order-{id}"
        event = IncomingEvent(FIRM, "airbase", key, PURCHASE_ORDERS, group, message, b"{}", {})
        kept, _ = env.services_of().inbox.keep(event)
        sent = {"sweeps": _SWEEPS, "sweep": _SWEEP}.get(self.which, kept.message)
        env.memory.queues.send(sent, f"{key} {clock.epoch()}")
        if self.which.startswith("sweep"):
            env.clock.move(_LOST)

    def _deliver_one(self) -> None:
        (one,) = self.env.memory.queues.ready()
        self.env.memory.queues.deliver(one, lambda m: self.env.memory.work(m, self.env.services))

    def _is_at_rest(self, order: dict[str, Any]) -> bool:
        record = self.env.record(order)
        is_settled = record.state == "posted" and not record.facts.waiting
        is_quiet = not self.env.memory.queues.waiting and not self.env.halts()
        is_open = any(True for _ in self.env.services_of().inbox.open_events(clock.now()))
        return is_quiet and not is_open and (is_settled or bool(record.problems))

    def _wrong(self, order: dict[str, Any]) -> str:
        env, ledger = self.env, self.env.services.ledger_of(FIRM)
        record = env.record(order)
        found = [
            each
            for each in env.in_exact(NL)
            if str(each.get("YourRef", "")).startswith(order["number"])
        ]
        wrong = []
        if not self._is_at_rest(order):
            wrong.append(f"{record.state} without an exception, {env.halts()}")
        if (len(found) != 1 and not record.problems) or len(found) > 1:
            wrong.append(f"{len(found)} orders in Exact")
        if self.which == "change" and found and _prices(found[0]) != [_CHANGED_TOTAL]:
            wrong.append(f"{_prices(found[0])} in Exact")
        if broken := ledger.find_break(ledger.read(order_key(OrderId(order["id"])))):
            wrong.append(broken)
        if env.memory.queues.dead:
            wrong.append("a message is lost")
        if record.problems:
            wrong.append(f"exceptions {[each.code for each in record.problems]}")
        return "; ".join(wrong)


def _prices(order: Mapping[str, Any]) -> list[float]:
    return [line["UnitPrice"] for line in order["lines"]]


class TokenWorld:
    """From a pair that is due to the next one, which goes home to Secrets Manager or not yet."""

    def __init__(self, *, goes_home: bool) -> None:
        """Connect; renew without any error."""
        self.env = FaultyEnvironment()
        self.goes_home = goes_home
        assert self.run() == ""

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Renew the pair, meet the error, renew again as other processes; return what is wrong."""
        env = self.env
        env.clock.move(_HOME_IS_DUE)
        if wrong := self._call():
            return f"before: {wrong}"
        env.clock.move(_HOME_IS_DUE if self.goes_home else _PAIR_IS_DUE)
        env.new_process()
        with env.plan.on(at, failure), suppress(*_FAILURES):
            env.services_of().exact_at(SITE).current_user()
        # While all stores fail, the process that renewed the pair keeps it, and stores it later.
        is_killed = failure is None or failure.lasts != "all"
        return self._call(is_killed=is_killed) or self._wrong()

    def _call(self, *, is_killed: bool = True) -> str:
        """Call Exact, unless told otherwise as one new process after the other, for ten minutes."""
        found = ""
        for _ in range(5):
            if is_killed:
                self.env.new_process()
            try:
                self.env.services_of().exact_at(SITE).current_user()
            except _FAILURES as fault:
                found = f"nobody can call Exact any more: {fault}"
                self.env.clock.move(120)
            else:
                return ""
        return found

    def _wrong(self) -> str:
        """Return whether the stored pair is the one that Exact has, and can be renewed."""
        env = self.env
        stored = TokenPairs(FIRM, env.memory.secret_store, env.memory.tables.coordination).read()
        held = env.exact.oauth._chains[-1].refresh
        if stored is None or stored.refresh_token.reveal() != held:
            return "the newest pair is not stored"
        env.clock.move(_PAIR_IS_DUE)
        return self._call() or ", ".join(env.halts())
