"""A page hears what came of a request, whatever happens to its worker; nobody else waits for it."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.deeds.reports import ReportMaker
from ml_connector.domain.reports import DeedOutcome
from ml_connector.infrastructure.kept_reports import KeptReports, ReportTooLargeError
from ml_connector.messages.kinds import PersonRequest, RequestName
from ml_connector.messages.sending import request_message

MONTH, PING = "a" * 24, "b" * 24


class KilledError(BaseException):
    """The worker's time is up: no handler of it runs on."""


@pytest.fixture
def env() -> Iterator[InMemoryEnvironment]:
    made = InMemoryEnvironment()
    made.connect()
    yield made
    clock.read_from(clock.MovableClock())


def ask(env: InMemoryEnvironment, request: RequestName, id: str, **values: str) -> None:
    message = request_message(
        PersonRequest(
            connection=FIRM,
            request=request,
            id=id,
            issuer="https://idp.example",
            subject="u-1",
            person="Anna",
            values=values,
        )
    )
    sent = replace(message, body=json.loads(json.dumps(message.body)))
    env.memory.queues.send(sent, id)


def deliver(env: InMemoryEnvironment, minutes: int) -> None:
    """Let the workers take what is visible, minute by minute; a dead one's message comes back."""
    queues = env.memory.queues
    for _ in range(minutes):
        for one in list(queues.ready()):
            try:
                queues.deliver(one, lambda message: env.memory.work(message, env.services))
            except KilledError:
                continue
        env.clock.move(60)


def outcome(env: InMemoryEnvironment, id: str) -> DeedOutcome:
    found = KeptReports(env.services.tables.mappings, FIRM).outcome(id)
    assert found, "the page still says: in progress"
    return found


def test_a_killed_worker_is_told_and_holds_nobody_up(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def killed(_: ReportMaker, month: str) -> None:
        tried.append(month)
        raise KilledError

    monkeypatch.setattr(ReportMaker, "month", killed)
    ask(env, "month", MONTH, month="2026-11")
    ask(env, "ping", PING)
    deliver(env, minutes=4)
    assert "may have been done in part" in str(outcome(env, MONTH).values["why"])
    assert tried == ["2026-11"]
    assert outcome(env, PING).is_done
    assert env.memory.queues.dead == []


def test_a_failure_that_nobody_thought_of_is_told(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: ReportMaker, month: str) -> None:
        raise KeyError(month)

    monkeypatch.setattr(ReportMaker, "month", fails)
    ask(env, "month", MONTH, month="2026-11")
    deliver(env, minutes=1)
    assert "why was logged" in str(outcome(env, MONTH).values["why"])


def test_what_was_changed_is_done_though_its_page_cannot_be_renewed(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(_: ReportMaker) -> None:
        raise ReportTooLargeError("mappings: 900,000 characters")

    monkeypatch.setattr(ReportMaker, "mappings", too_large)
    text = "division,kind,airbase,exact\nnl.2101,gl_accounts,8801,4100\n"
    ask(env, "mappings_imported", MONTH, csv=text)
    deliver(env, minutes=1)
    found = outcome(env, MONTH)
    assert (found.is_done, found.values["number"]) == (True, 1)
