"""The metrics of the dashboard match the records and need few reads."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
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


def measured(env: InMemoryEnvironment, **of: str) -> dict[str, float]:
    """Return the latest metrics with exactly these dimensions."""
    found: dict[str, float] = {}
    for figures, about in env.memory.figures:
        if about == of:
            found |= figures
    return found


def sweep(env: InMemoryEnvironment) -> None:
    """Run the next sweep that measures."""
    env.memory.figures.clear()
    env.wait(seconds=300 - env.clock() % 300)


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
    found = measured(env, connection=FIRM)
    assert found == {"OrdersWaiting": 1, "OpenExceptions": 3, "Halts": 0} | {
        "OldestWaitingSeconds": found["OldestWaitingSeconds"],
        "ExactContractCallsPercent": found["ExactContractCallsPercent"],
    }
    assert 0 < found["ExactContractCallsPercent"] < 1
    assert 600 <= found["OldestWaitingSeconds"] <= 900
    codes = {code: measured(env, connection=FIRM, code=code) for code in CODES}
    assert codes == {
        "GL_ACCOUNT_BLOCKED": {"OpenExceptionsOfCode": 2},
        "UNKNOWN_GL_ACCOUNT": {"OpenExceptionsOfCode": 1},
    }
    assert measured(env)["OldestWaitingSeconds"] == found["OldestWaitingSeconds"]


CODES = ("GL_ACCOUNT_BLOCKED", "UNKNOWN_GL_ACCOUNT")


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
    sweep(env)
    assert measured(env, connection=FIRM)["OpenExceptions"] == 1
    assert measured(env, connection=FIRM)["OrdersWaiting"] == 0
    record = env.record(order)
    env.services.ledger_of(FIRM).write(
        record.now("posted", replace(record.facts, problems=())), "mended"
    )
    sweep(env)
    assert measured(env, connection=FIRM)["OpenExceptions"] == 0


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
    counted = [of for figures, of in env.memory.figures if "OrdersPosted" in figures]
    assert counted == [{"connection": FIRM}] * 3


def test_halts_and_used_calls_are_measured(env: InMemoryEnvironment) -> None:
    env.connect()
    Halts(env.services.ledger_of(FIRM)).stop(
        problem("EXACT_DIVISION_BLOCKED", "x"), Division("nl.2102")
    )
    before = env.exact_calls()
    for number in range(12):
        env.post(env.order(f"PO-{number}"))
    sweep(env)
    assert env.exact_calls() >= before + 12
    used = measured(env, connection=FIRM, division=NL.key)
    assert used["ExactMinuteCallsPercent"] >= 20
    assert 0.24 <= used["ExactDayCallsPercent"] < 5
    assert measured(env)["Halts"] == 1


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
    assert sum("Halts" in figures for figures, of in env.memory.figures if not of) == 2
    assert f"ledger {FIRM}" not in queried


def test_a_metric_is_a_log_line_for_cloudwatch(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "AirbaseExactConnector")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "connector")
    telemetry.emit({"OldestWaitingSeconds": 7, "OrdersWaiting": 2, "XPercent": 50}, connection="a")
    line = json.loads(capsys.readouterr().out)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "AirbaseExactConnector"
    assert {*directive["Dimensions"][0]} == {"service", "connection"}
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units == {
        "OldestWaitingSeconds": "Seconds",
        "OrdersWaiting": "Count",
        "XPercent": "Percent",
    }
    telemetry.emit({"Halts": 1})
    assert "connection" not in json.loads(capsys.readouterr().out)


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
