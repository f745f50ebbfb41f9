"""The metrics of the dashboard match the records and need few reads."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from local.exact_simulator import ExactFault
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.tables import InMemoryTable
from ml_connector import clock, telemetry
from ml_connector.bootstrap import open_services
from ml_connector.clock import MovableClock
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import Division, RecordKey
from ml_connector.domain.records import OrderState, Waiting
from ml_connector.infrastructure.halts import Halts
from ml_connector.infrastructure.ledger import Ledger


def measured(env: InMemoryEnvironment) -> dict[str, float]:
    """Return the latest metrics."""
    found: dict[str, float] = {}
    for figures in env.memory.figures:
        found |= figures
    return found


def sweep(env: InMemoryEnvironment) -> None:
    """Sweep every minute up to the next measurement."""
    env.memory.figures.clear()
    env.wait(seconds=60 - env.clock() % 60)
    while not env.memory.figures:
        env.wait(minutes=1)


def test_waiting_orders_and_open_exceptions_are_counted(env: InMemoryEnvironment) -> None:
    env.connect()
    env.post(env.order("PO-1"))
    for number in range(3):
        bad = env.airbase.line("4600" if number else "9999", "10.00")
        env.post(env.order(f"PO-B{number}", lines=[bad]))
    env.exact.faults += [ExactFault("unavailable", "POST", "PurchaseOrders")] * 40
    env.post(env.order("PO-2"))
    env.clock.move(600)
    sweep(env)
    found = env.services_of().last_sweep.found
    assert (found.waiting, found.exceptions, found.halts) == (1, 3, 0)
    assert 600 <= measured(env)["OldestWaitingSeconds"] <= 1200
    assert measured(env).keys() == {"OldestWaitingSeconds", "Halts", "OverdueJobs"}


def test_an_exception_of_a_posted_order_counts_and_a_posted_order_does_not(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    order = env.order()
    record = env.post(order)
    assert list(env.services.ledger_of(FIRM).unfinished()) == []
    found = problem("DELETED_IN_EXACT", "PO-1")
    record = env.services.ledger_of(FIRM).write(
        record.now("posted", replace(record.facts, problems=(found,))), "deleted_in_exact"
    )
    env.wait(minutes=10)
    known = env.services_of().last_sweep.found
    assert (known.exceptions, known.waiting) == (1, 0)
    record = env.record(order)
    env.services.ledger_of(FIRM).write(
        record.now("posted", replace(record.facts, problems=())), "mended"
    )
    env.wait(minutes=10)
    assert env.services_of().last_sweep.found.exceptions == 0


def test_records_that_are_only_checked_again_do_not_count_as_waiting(time: MovableClock) -> None:
    ledger = Ledger(InMemoryTable(), InMemoryTable(), "test", FIRM)
    later = clock.now() + timedelta(hours=1)

    def store(key: str, *states: str, waiting: Waiting | None = None) -> None:
        record = ledger.read(RecordKey(key))
        for state in states:
            facts = replace(record.facts, waiting=waiting)
            record = ledger.write(record.now(state, facts).due(later), "kept")

    posted = OrderState.RECEIVED, OrderState.POSTING, OrderState.POSTED
    store("order#posted", *posted)
    store("vendor#new", "received")
    assert list(ledger.unfinished()) == []
    store("order#received", OrderState.RECEIVED)
    store("order#amended", *posted, waiting=Waiting("EXACT_UNREACHABLE"))
    assert [each["waits"] for each in ledger.unfinished()] == [True, True]


def test_posted_orders_are_counted_as_they_are_posted(env: InMemoryEnvironment) -> None:
    env.connect()
    for number in range(3):
        env.post(env.order(f"PO-{number}"))
    assert env.memory.figures.count({"OrdersPosted": 1}) == 3


def test_the_halts_of_all_connections_are_measured_together(env: InMemoryEnvironment) -> None:
    for id in (env.connect().id, env.connect("second").id):
        stopped = problem("ANOTHER_CONNECTOR", "x", connection=id)
        Halts(env.services.ledger_of(id)).stop(stopped, Division("nl.2102"))
    sweep(env)
    sweep(env)
    assert measured(env)["Halts"] == 2


def test_measuring_every_five_minutes_reads_no_order(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    env.connect()
    for number in range(20):
        env.post(env.order(f"PO-{number}"))
    env.clock.move(300 - env.clock() % 300 - 60)
    queried: list[str] = []
    query = InMemoryTable.query

    def recorded(table: InMemoryTable, pk: str, *more: Any, **other: Any) -> Any:
        queried.append(f"{table.name} {pk}")
        return query(table, pk, *more, **other)

    monkeypatch.setattr(InMemoryTable, "query", recorded)
    env.memory.figures.clear()
    for _ in range(10):
        env.wait(minutes=1)
    assert sum("Halts" in figures for figures in env.memory.figures) == 2
    assert f"ledger {FIRM}" not in queried


def test_a_metric_is_a_log_line_for_cloudwatch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AirbaseExactConnector")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "connector")
    telemetry.emit({"OldestWaitingSeconds": 7, "Halts": 2})
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AirbaseExactConnector"
    assert directive["Dimensions"] == [["service"]], "one metric of the stack, not one for each"
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {"OldestWaitingSeconds": "Seconds", "Halts": "Count"}


VARIABLES = {
    "SECRET_PREFIX": "connector",
    "KMS_KEY_ID": "key",
    "PURCHASE_ORDER_QUEUE_URL": "https://sqs.test/q.fifo",
    "VENDOR_QUEUE_URL": "https://sqs.test/v.fifo",
}


@pytest.mark.parametrize(("arn", "channels"), [("", []), ("arn:aws:sns:x:1:t", ["topic"])])
def test_an_empty_topic_is_no_channel_and_its_client_is_created_on_demand(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch, arn: str, channels: list[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made: list[str] = []
    make = botocore.session.Session.create_client

    def noted(self: Any, service: str, **more: Any) -> Any:
        made.append(service)
        return make(self, service, **more)

    monkeypatch.setattr(botocore.session.Session, "create_client", noted)
    services = open_services("po_posting", VARIABLES | {"NOTIFICATION_TOPIC_ARN": arn})
    env.connect()
    assert [each.name for each in services.bound(env.connection()).channels] == channels
    assert "sns" not in made
