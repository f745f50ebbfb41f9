"""Calls of a quiet connection with three divisions in a day, by the template's own schedules."""

import json
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from bench.result import Result
from local.blueprint import Blueprint
from local.office import Office
from local.schedules import Timetable, message
from ml_connector.doors.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.workflows.upkeep.token_keeping import keep_all

_MOST_TO_EXACT = 150
_MINUTES = 24 * 60
_QUEUES = {"PurchaseOrderQueue": PURCHASE_ORDERS, "VendorQueue": VENDORS}


def measure() -> Iterator[Result]:
    """Let a first day pass, in which everything is read and subscribed to; count the second."""
    logging.disable(logging.CRITICAL)
    office = Office()
    office.exact.webhooks.deliver = lambda _url, _body: 200
    connection = office.connect()
    _day(office)
    before, airbase_before = len(office.exact.calls), len(office.airbase.calls)
    _day(office)
    calls = [call.path for call in office.exact.calls[before:]]
    tokens = sum("oauth2" in path for path in calls)
    to_exact = len(calls) - tokens
    where = f"quiet, {len(connection.divisions)} divisions"
    limit = f"at most {_MOST_TO_EXACT}"
    yield Result(f"Exact calls a day, {where}", str(to_exact), limit, to_exact <= _MOST_TO_EXACT)
    yield Result("Exact token calls, same day", str(tokens))
    yield Result("Airbase calls, same day", str(len(office.airbase.calls) - airbase_before))


def _day(office: Office) -> None:
    schedules = Blueprint().schedules()

    def fire(name: str, at: datetime) -> None:
        schedule = schedules[name]
        body = json.loads(message(schedule, at))
        if schedule.target == "TokenRefreshFunction":
            keep_all(office.doors, lambda _name, _value: None)
        else:
            queue = _QUEUES[schedule.target]
            office.mini.work(Message(queue, schedule.group or "", body), office.doors)

    timetable = Timetable(schedules, office.clock, fire)
    for _ in range(_MINUTES):
        office.clock.move(timedelta(minutes=1))
        timetable.tick()
        office.work()
