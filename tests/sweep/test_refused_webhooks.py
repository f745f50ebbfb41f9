"""Webhook calls that are refused again and again are an exception until one is accepted."""

import pytest

from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.faults import Problem
from ml_connector.infrastructure.webhook_senders import WebhookSenders

REASON = "not signed by a valid secret"


def senders(env: InMemoryEnvironment) -> WebhookSenders:
    return env.services_of().webhook_senders


def exceptions(env: InMemoryEnvironment) -> list[Problem]:
    for _ in range(5):
        env.wait(minutes=1)
    records = env.services.ledger_of(FIRM).records("event#")
    return [found for record in records for found in record.problems]


def refuse(env: InMemoryEnvironment, times: int, minutes: float) -> None:
    for _ in range(times):
        senders(env).note_refused("airbase", REASON)
        env.wait(minutes=minutes)


def test_refusals_that_go_on_are_one_exception_that_an_accepted_call_closes(
    env: InMemoryEnvironment,
) -> None:
    env.connect()
    senders(env).note_accepted("airbase")
    env.wait(minutes=1)
    refuse(env, 6, 8)
    (found,) = exceptions(env)
    assert (found.code, found.record) == ("WEBHOOKS_REFUSED", "Airbase's webhooks")
    assert REASON in found.cause
    assert f"connector connection rotate {FIRM} airbase" in found.remedy
    opened = len(env.services.ledger_of(FIRM).trail("event#airbase#refused"))  # type: ignore[arg-type]
    assert opened == 1
    senders(env).note_accepted("airbase")
    env.wait(minutes=10)
    assert exceptions(env) == []
    refuse(env, 3, 8)
    assert len(exceptions(env)) == 1, "it may come again"


@pytest.mark.parametrize(("times", "minutes"), [(2, 60), (10, 1.2)])
def test_few_refusals_or_short_ones_are_none(
    env: InMemoryEnvironment, times: int, minutes: float
) -> None:
    env.connect()
    refuse(env, times, minutes)
    assert exceptions(env) == []


def test_one_accepted_in_between_is_none(env: InMemoryEnvironment) -> None:
    env.connect()
    for _ in range(5):
        refuse(env, 2, 20)
        senders(env).note_accepted("airbase")
    env.wait(minutes=1)
    assert exceptions(env) == []
