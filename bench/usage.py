"""What a stack uses of AWS while the real code runs in simulated time.

A call of a table or queue takes 5 ms, one of Exact or Airbase 0.8 s. Calls that AWS makes itself
are counted as its documentation says: see the constants.
"""

import json
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from io import StringIO
from typing import Any

from local.firm import NL, Branch
from local.in_memory.environment import FIRM, InMemoryEnvironment, host_of
from local.in_memory.meter import Call, Meter
from local.in_memory.receivers import CALLBACKS, Receivers
from local.in_memory.rights import acting_as
from local.in_memory.tables import InMemoryTable
from local.sam_template import SamTemplate
from local.schedules import Timetable, message
from ml_connector.connections.token_refresh import refresh_in_turn
from ml_connector.infrastructure.dynamodb import item_size
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.settings.connection import Connection

GB = 1024**3
A_DAY = 24 * 60
DAYS = 365 / 12
HOURS = 24 * DAYS
"""Of a month."""

_TABLE_CALL, _REMOTE_CALL, _OWN_CODE, _START = 0.005, 0.8, 0.02, 0.45  # seconds
_SLEEPS_AFTER = 300.0
"""Seconds without a call after which a function is taken to start anew."""
_KMS_WINDOW = 300.0
"""For so many seconds DynamoDB remembers the key of a table, and SQS that of a queue, per role."""
_OF_PRODUCER, _OF_CONSUMER = 2, 1
"""KMS calls of SQS in such a time, for a role that sends and for one that receives."""
_POLLERS, _POLL_SECONDS = 5, 20
"""Lambda keeps so many long polls of this length open at each queue."""
_PLATFORM_LINES, _ACCESS_LINE, _METRICS_LINE, _METRIC = 360, 330, 250, 60
"""Bytes that are logged of each call, of one of an API, of metrics, and of each metric in them."""
_ITEM_OVERHEAD = 100
_SENT = 4_000
"""Bytes of a call to Exact or Airbase, with its headers and the token."""
_INDEXES = ("due", "open")
_WORKING_MINUTES = 10 * 60
_VENDORS = ("Papierhandel Vos", "Cloudwerk", "Schoonmaak Zuid", "Druckhaus Elbe", "Expo Partners")
_NO_ORDERS: Mapping[int, int] = {}
_QUEUES = {"PurchaseOrderQueue": PURCHASE_ORDERS, "VendorQueue": VENDORS}
_FUNCTIONS = {PURCHASE_ORDERS: "PoPostingFunction", VENDORS: "VendorReconciliationFunction"}

logging.getLogger("samtranslator").setLevel(logging.CRITICAL)  # it misses metrics of its own

Usage = dict[str, float]
"""How much of everything that `PRICES` names."""


@dataclass
class RunningStack:
    """A stack in memory with one connection and its schedules; counts all that costs something."""

    branches: Sequence[Branch] = (NL,)
    others: Sequence[Branch] = ()
    """Branches of which another connection may be added."""
    used: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _metrics: set[tuple[str, int]] = field(default_factory=set)
    """The metrics that were published, by name and hour: AWS charges for hours."""
    _meter: Meter = field(default_factory=Meter)
    _last: dict[str, float] = field(default_factory=dict)
    _log: StringIO = field(default_factory=StringIO)
    _ordered: int = 0

    def __post_init__(self) -> None:
        """Connect the firm's `branches`."""
        self.env = InMemoryEnvironment([*self.branches, *self.others])
        self.template = SamTemplate()
        self._schedules = self.template.schedules()
        self._memory = {name: each.memory for name, each in self.template.functions().items()}
        self.receivers = Receivers(self.env, self._invoked)
        self.add(FIRM, self.branches)
        self._timetable = Timetable(self._schedules, self.env.clock, self._fire)

    def add(self, id: str, branches: Sequence[Branch]) -> None:
        """Add a connection with the divisions of these branches."""
        hosts: dict[str, str] = {
            branch.site: f"https://{host_of(branch.site)}" for branch in branches
        }
        for exact in self.env.sites.values():
            if exact is not self.env.exact:
                exact.webhooks.deliver = _accepted
        settings = self.env.firm.connection(
            hosts, "https://airbase.test", f"{CALLBACKS}/exact/{id}", branches=branches
        )
        self.env.add(Connection.model_validate(settings | {"id": id}))

    def run(self, minutes: int, orders: Mapping[int, int] = _NO_ORDERS) -> Usage:
        """Let time pass, with so many orders in a minute; return what was used meanwhile."""
        with self._counted():
            for minute in range(minutes):
                self._minute(orders.get(minute, 0))
        return dict(self.used)

    def post(self, orders: int) -> Usage:
        """Return what orders use from their webhooks until they are posted, two seconds apart."""
        with self._counted():
            for _ in range(orders):
                self.env.clock.move(2)
                self._announce()
                self._work()
        return dict(self.used)

    def stored(self) -> int:
        """Return the bytes of all tables, their indexes included."""
        return sum(
            (item_size(item) + _ITEM_OVERHEAD) * (1 + sum(f"{i}_group" in item for i in _INDEXES))
            for table in vars(self.env.memory.tables).values()
            if isinstance(table, InMemoryTable)
            for item in table.items()
        )

    def idle_polls(self) -> int:
        """Return how often Lambda asks the queues in vain in a day."""
        return len(self.template.sources()) * _POLLERS * A_DAY * 60 // _POLL_SECONDS

    # ------------------------------------------------------------ time

    def _minute(self, orders: int) -> None:
        for _ in range(orders):
            self.env.clock.move(60 / (orders + 1))
            self._announce()
            self._work()
        self.env.clock.move(60 / (orders + 1))
        for exact in self.env.sites.values():
            exact.webhooks.pump()
        self._timetable.tick()
        self._work()

    def _announce(self) -> None:
        """Approve an order of one line; each of the firm's vendors in turn."""
        self._ordered += 1
        vendor = _VENDORS[self._ordered % len(_VENDORS)]
        order = self.env.order(f"PO-{self._ordered}", self.branches[0], vendor=vendor)
        self.env.airbase.announce(order, "purchase_request.approved")

    def _fire(self, name: str, at: datetime) -> None:
        schedule = self._schedules[name]
        self.used["scheduled calls"] += 1
        if schedule.target not in _QUEUES:
            with self._invoked(schedule.target), acting_as(schedule.target):
                refresh_in_turn(self.env.services, lambda: True)
            return
        body = json.loads(message(schedule, at))
        queued = Message(_QUEUES[schedule.target], schedule.group or "", body)
        with acting_as(schedule.name):
            self.env.memory.queues.send(queued)

    def _work(self) -> None:
        env = self.env
        while ready := list(env.memory.queues.ready()):
            for one in ready:
                function = _FUNCTIONS[one.message.queue]
                with self._invoked(function), acting_as(function):
                    env.services.data_form.refuse_newer()
                    env.memory.queues.deliver(one, lambda each: env.memory.work(each, env.services))

    # ------------------------------------------------------------ what it uses

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count anew what is used within a `with` block."""
        self.used.clear()
        self._metrics.clear()
        self._meter.calls.clear()
        self._log.seek(0)
        self._log.truncate()
        reads = self.receivers.secret_reads
        disabled = logging.root.manager.disable
        logging.disable(logging.NOTSET)
        try:
            with self._meter.running(), redirect_stdout(self._log):
                yield
        finally:
            logging.disable(disabled)
        by_receivers = self.receivers.secret_reads - reads
        secrets = len(self._meter.of("secret")) + by_receivers
        self.used["secret calls"] += secrets
        self.used["KMS calls"] += _kms_calls(self._meter.calls) + by_receivers
        self.used["read units"] += self._meter.reads
        self.used["write units"] += self._meter.writes
        self.used["FIFO queue requests"] += len(self._meter.of("queue"))
        self.used["GB of logs"] += len(self._log.getvalue()) / GB
        self.used["metric, month"] += len(self._metrics) / HOURS

    @contextmanager
    def _invoked(self, function: str) -> Iterator[None]:
        """Count a call of a function, and how long it takes."""
        calls, remote, now = len(self._meter.calls), self._remote_calls(), self.env.clock()
        figures = self.env.memory.figures
        figures.clear()
        yield
        made, called = len(self._meter.calls) - calls, self._remote_calls() - remote
        seconds = _OWN_CODE + made * _TABLE_CALL + called * _REMOTE_CALL
        if now - self._last.get(function, float("-inf")) > _SLEEPS_AFTER:
            seconds += _START
        self._last[function] = now
        is_api = "Webhook" in function
        logged = sum(_METRICS_LINE + _METRIC * len(each) for each in figures)
        self.used["Lambda requests"] += 1
        self.used["Lambda GB-seconds, arm64"] += seconds * self._memory[function] / 1024
        self.used["HTTP API calls"] += is_api
        self.used["GB sent to the internet"] += called * _SENT / GB
        self.used["GB of logs"] += (_PLATFORM_LINES + logged + _ACCESS_LINE * is_api) / GB
        self._metrics |= {(name, int(now // 3600)) for each in figures for name in each}

    def _remote_calls(self) -> int:
        return len(self.env.airbase.calls) + sum(len(e.calls) for e in self.env.sites.values())


def _accepted(_url: str, _body: bytes) -> int:
    return 200


def _kms_calls(calls: Sequence[Call]) -> int:
    """Return the calls of KMS: each role remembers the keys of tables and queues for a while."""
    tables = {(call.by, table, call.at // _KMS_WINDOW) for call in calls for table in call.tables}
    queues = {
        (call.by, call.name, call.operation == "send", call.at // _KMS_WINDOW)
        for call in calls
        if call.service == "queue" and call.operation in {"send", "receive"}
    }
    of_queues = sum(_OF_PRODUCER if is_sent else _OF_CONSUMER for _, _, is_sent, _ in queues)
    secrets = [call.operation for call in calls if call.service == "secret"]
    sealed = sum(each in {"tokens", "seal_tokens"} for each in secrets)
    return len(tables) + of_queues + len(secrets) + sealed


def working_day(orders: int, minutes: int = _WORKING_MINUTES, seed: int = 1) -> dict[int, int]:
    """Return in which of the first minutes of a day so many orders are approved."""
    rng: Any = random.Random(seed)  # noqa: S311  the same day each time
    return dict(Counter(rng.randrange(minutes) for _ in range(orders)))
