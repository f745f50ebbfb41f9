"""A local stack starts and stops, and its schedules follow its clock."""

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.error import HTTPError

import httpx
import pytest

from local.aws import LocalAws
from local.demo.environment import DemoEnvironment
from local.sam_template import Schedule
from local.schedules import Timetable, next_time
from local.stack import LocalStack
from ml_connector.clock import MovableClock

SMALL = Path(__file__).parent / "small" / "template.yaml"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_stopped_stack_restores_the_environment() -> None:
    before = dict(os.environ)
    with LocalStack(SMALL, name="brief", parameters={"Greeting": "hi"}) as brief:
        assert httpx.post(f"{brief.url}/echo/me").json()["greeting"] == "hi"
        assert os.environ["AWS_ENDPOINT_URL"] == brief.endpoint_url
    assert dict(os.environ) == before


def servers() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("CP Server")]


def test_what_fails_while_it_starts_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OSError("the port is taken")

    monkeypatch.setattr(DemoEnvironment, "_give_access", fail)
    before = servers()
    with pytest.raises(OSError, match="taken"), DemoEnvironment():
        pass
    assert servers() == before


def test_a_stack_whose_state_cannot_be_deleted_stops_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = servers()
    aws = LocalAws()
    aws.start()
    url = aws.endpoint_url
    monkeypatch.setattr(aws, "endpoint_url", f"{url}/nothing-here")
    with pytest.raises(HTTPError):
        aws.stop()
    assert servers() == before


def test_background_pollers_process_the_queues() -> None:
    with LocalStack(SMALL, name="busy") as busy:
        busy.run_in_background(schedules=False)
        busy.fire("Minutely", NOON)
        table = busy.client("dynamodb")
        key = {"pk": {"S": "2026-06-01T12:00:00Z"}}
        while "Item" not in table.get_item(TableName=busy.resource("Table"), Key=key):
            pass
        with pytest.raises(RuntimeError, match="background"):
            busy.drain()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("rate(1 minute)", NOON + timedelta(minutes=1)),
        ("rate(6 hours)", NOON + timedelta(hours=6)),
        ("cron(0 3 * * ? *)", NOON + timedelta(hours=15)),
        ("cron(30 * * * ? *)", NOON + timedelta(minutes=30)),
    ],
)
def test_the_next_time_of_a_schedule(expression: str, expected: datetime) -> None:
    assert next_time(expression, NOON) == expected


def test_an_unsupported_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="MON"):
        next_time("cron(0 3 ? * MON *)", NOON)


def test_a_jump_of_the_clock_fires_a_schedule_once() -> None:
    clock = MovableClock(NOON.timestamp())
    fired: list[tuple[str, datetime]] = []
    schedule = Schedule("Minutely", "rate(1 minute)", "Queue", "{}", "g")
    timetable = Timetable({"Minutely": schedule}, clock, lambda *call: fired.append(call))
    timetable.tick()
    assert fired == []
    clock.move(timedelta(days=3))
    timetable.tick()
    timetable.tick()
    assert fired == [("Minutely", NOON + timedelta(days=3))]
