"""Calls of an idle connection with three divisions in a day, on the template's schedules."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.result import Result
from local.in_memory.environment import InMemoryEnvironment
from local.sam_template import SamTemplate
from local.schedules import Timetable, message
from ml_connector.connections.token_refresh import refresh_all
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message

_MAX_EXACT_CALLS = 150
_MINUTES = 24 * 60
_QUEUES = {"PurchaseOrderQueue": PURCHASE_ORDERS, "VendorQueue": VENDORS}


def measure() -> Iterator[Result]:
    """Simulate a first day, in which everything is read and subscribed to; count the second."""
    logging.disable(logging.CRITICAL)
    env = InMemoryEnvironment()
    env.exact.webhooks.deliver = lambda _url, _body: 200
    connection = env.connect()
    _day(env)
    before, airbase_before = len(env.exact.calls), len(env.airbase.calls)
    _day(env)
    calls = [call.path for call in env.exact.calls[before:]]
    tokens = sum("oauth2" in path for path in calls)
    to_exact = len(calls) - tokens
    where = f"idle, {len(connection.divisions)} divisions"
    limit = f"at most {_MAX_EXACT_CALLS}"
    yield Result(f"Exact calls a day, {where}", str(to_exact), limit, to_exact <= _MAX_EXACT_CALLS)
    yield Result("Exact token calls, same day", str(tokens))
    yield Result("Airbase calls, same day", str(len(env.airbase.calls) - airbase_before))


def _day(env: InMemoryEnvironment) -> None:
    schedules = SamTemplate().schedules()

    def fire(name: str, at: datetime) -> None:
        schedule = schedules[name]
        body = json.loads(message(schedule, at))
        if schedule.target == "TokenRefreshFunction":
            refresh_all(env.services.all(), lambda _name, _value: None)
        else:
            queue = _QUEUES[schedule.target]
            env.memory.work(Message(queue, schedule.group or "", body), env.services)

    timetable = Timetable(schedules, env.clock, fire)
    for _ in range(_MINUTES):
        env.clock.move(timedelta(minutes=1))
        timetable.tick()
        env.work()
