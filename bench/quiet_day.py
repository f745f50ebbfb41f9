"""Calls of an idle connection with three Exact sites in a day, on the template's schedules."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.result import Result
from local.firm import ABROAD
from local.in_memory.environment import InMemoryEnvironment
from local.sam_template import SamTemplate
from local.schedules import Timetable, message
from ml_connector.connections.token_refresh import refresh_all
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message

_MOST_CALLS = 50
"""Of a site with one division."""
_MINUTES = 24 * 60
_QUEUES = {"PurchaseOrderQueue": PURCHASE_ORDERS, "VendorQueue": VENDORS}


def measure() -> Iterator[Result]:
    """Simulate a first day, in which everything is read and subscribed to; count the second."""
    logging.disable(logging.CRITICAL)
    env = InMemoryEnvironment(ABROAD)
    for exact in env.sites.values():
        exact.webhooks.deliver = lambda _url, _body: 200
    env.connect()
    _day(env)
    before = {site: len(exact.calls) for site, exact in env.sites.items()}
    airbase_before = len(env.airbase.calls)
    _day(env)
    for site, exact in env.sites.items():
        calls = [call.path for call in exact.calls[before[site] :]]
        tokens = sum("oauth2" in path for path in calls)
        yield Result(
            f"Exact calls a day, idle, site {site}, one division",
            f"{len(calls) - tokens}, and {tokens} for tokens",
            f"at most {_MOST_CALLS}",
            len(calls) <= _MOST_CALLS,
        )
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
