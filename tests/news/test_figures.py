"""The figures of the dashboard are what a person would count, and cost few reads."""

import json
from datetime import timedelta
from typing import Any

import botocore.session
import pytest

from local.exact_simulator import Fault
from local.firm import NL
from local.memory import MemoryTable
from local.office import FIRM, Office
from ml_connector import clock, telemetry
from ml_connector.clock import MovableClock
from ml_connector.codes import problem
from ml_connector.doors.ledger import Ledger
from ml_connector.ids import Division, RecordKey
from ml_connector.workflows.wiring import open_doors


def measured(office: Office, **of: str) -> dict[str, float]:
    """Return the figures measured last for exactly this."""
    found: dict[str, float] = {}
    for figures, about in office.mini.figures:
        if about == of:
            found |= figures
    return found


def sweep(office: Office) -> None:
    """Let the next sweep that measures come."""
    office.mini.figures.clear()
    office.wait(seconds=300 - office.clock() % 300)


def test_what_waits_and_what_a_person_must_see_is_counted(office: Office) -> None:
    office.connect()
    office.post(office.order("PO-1"))
    for number in range(3):
        bad = office.airbase.line("4600" if number else "9999", "10.00")
        office.post(office.order(f"PO-B{number}", lines=[bad]))
    office.exact.faults += [Fault("unavailable", "POST", "PurchaseOrders")] * 40
    office.post(office.order("PO-2"))
    office.clock.move(600)
    sweep(office)
    found = measured(office, connection=FIRM)
    assert found == {"OrdersWaiting": 1, "OpenExceptions": 3, "Halts": 0} | {
        "OldestWaitingSeconds": found["OldestWaitingSeconds"]
    }
    assert 600 <= found["OldestWaitingSeconds"] <= 900
    codes = {code: measured(office, connection=FIRM, code=code) for code in CODES}
    assert codes == {
        "GL_ACCOUNT_BLOCKED": {"OpenExceptionsOfCode": 2},
        "UNKNOWN_GL_ACCOUNT": {"OpenExceptionsOfCode": 1},
    }
    assert measured(office)["OldestWaitingSeconds"] == found["OldestWaitingSeconds"]


CODES = ("GL_ACCOUNT_BLOCKED", "UNKNOWN_GL_ACCOUNT")


def test_an_exception_of_a_posted_order_counts_and_a_posted_order_does_not(office: Office) -> None:
    office.connect()
    order = office.order()
    record = office.post(order)
    assert list(office.doors.ledger.unfinished(FIRM)) == []
    found = problem("DELETED_IN_EXACT", "PO-1").as_dict()
    record = office.doors.ledger.write(record.now("posted", problems=[found]), "deleted_in_exact")
    sweep(office)
    assert measured(office, connection=FIRM)["OpenExceptions"] == 1
    assert measured(office, connection=FIRM)["OrdersWaiting"] == 0
    record = office.record(order)
    office.doors.ledger.write(record.now("posted", problems=[]), "mended")
    sweep(office)
    assert measured(office, connection=FIRM)["OpenExceptions"] == 0


def test_what_is_merely_looked_at_again_does_not_wait(time: MovableClock) -> None:
    ledger = Ledger(MemoryTable(), MemoryTable(), "test")
    later = clock.now() + timedelta(hours=1)

    def keep(key: str, state: str, **facts: Any) -> None:
        record = ledger.read(FIRM, RecordKey(key)).now(state, **facts).due(later)
        ledger.write(record, "kept")

    keep("order#posted", "posted")
    keep("vendor#new", "received")
    assert list(ledger.unfinished(FIRM)) == []
    keep("order#received", "received")
    keep("order#amended", "posted", waiting={"code": "EXACT_UNREACHABLE", "times": 1})
    assert [each["waits"] for each in ledger.unfinished(FIRM)] == [True, True]


def test_posted_orders_are_counted_as_they_are_posted(office: Office) -> None:
    office.connect()
    for number in range(3):
        office.post(office.order(f"PO-{number}"))
    counted = [of for figures, of in office.mini.figures if "OrdersPosted" in figures]
    assert counted == [{"connection": FIRM}] * 3


def test_halts_and_the_calls_used_are_shown(office: Office) -> None:
    office.connect()
    office.doors.ledger.halt(FIRM, problem("EXACT_DIVISION_BLOCKED", "x"), Division(2102))
    before = office.exact_calls()
    for number in range(12):
        office.post(office.order(f"PO-{number}"))
    sweep(office)
    assert office.exact_calls() >= before + 12
    used = measured(office, connection=FIRM, division=str(NL.division))
    assert used["ExactMinuteCallsPercent"] >= 20
    assert 0.24 <= used["ExactDayCallsPercent"] < 5
    assert measured(office)["Halts"] == 1


def test_it_is_measured_every_five_minutes_and_reads_no_order(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.connect()
    for number in range(20):
        office.post(office.order(f"PO-{number}"))
    office.clock.move(300 - office.clock() % 300 - 60)
    queried: list[str] = []
    query = MemoryTable.query

    def watched(table: MemoryTable, pk: str, *more: Any, **other: Any) -> Any:
        queried.append(f"{table.name} {pk}")
        return query(table, pk, *more, **other)

    monkeypatch.setattr(MemoryTable, "query", watched)
    office.mini.figures.clear()
    for _ in range(10):
        office.wait(minutes=1)
    assert sum(of == {} for _, of in office.mini.figures) == 2
    assert f"ledger {FIRM}" not in queried


def test_a_figure_is_a_line_of_the_log_for_cloudwatch(
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
def test_an_empty_topic_is_none_and_its_client_is_made_only_when_needed(
    office: Office, monkeypatch: pytest.MonkeyPatch, arn: str, channels: list[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    made: list[str] = []
    make = botocore.session.Session.create_client

    def noted(self: Any, service: str, **more: Any) -> Any:
        made.append(service)
        return make(self, service, **more)

    monkeypatch.setattr(botocore.session.Session, "create_client", noted)
    doors = open_doors("po_posting", VARIABLES | {"NOTIFICATION_TOPIC_ARN": arn})
    office.connect()
    assert [each.name for each in doors.channels(office.connection())] == channels
    assert "sns" not in made
