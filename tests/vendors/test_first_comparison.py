"""After connecting, vendors are compared as soon as the suppliers are read, and orders post."""

import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.simulator import Request
from ml_connector.infrastructure.queues import VENDORS, Message


def linked(env: InMemoryEnvironment) -> set[str]:
    """Return the divisions with a linked vendor."""
    services = env.services.of(FIRM)
    assert services is not None
    return {str(link.division) for link in services.vendor_links.all()}


def test_suppliers_are_compared_while_other_data_cannot_be_read_yet(
    env: InMemoryEnvironment,
) -> None:
    """The message about the first suppliers comes once: a comparison without them missed them."""

    def fail(request: Request) -> ExactFault | None:
        return ExactFault("unavailable") if "GLAccounts" in request.path else None

    env.exact.on_call = fail
    env.connect()
    assert linked(env) == {"nl.2101", "nl.2102", "nl.2103"}
    env.exact.on_call = None
    order = env.order("PO-1", NL)
    env.queue(order)
    env.wait(minutes=20)
    env.wait(minutes=20)
    assert env.record(order).state == "posted"


def test_a_worker_that_is_faster_than_the_reader_finds_the_suppliers(
    env: InMemoryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages for vendors are handled while the reader of Exact's streams goes on."""
    queues = env.memory.queues
    send = queues.send
    is_busy: list[Message] = []

    def at_once(message: Message, once: str | None = None) -> None:
        if message.queue != VENDORS or is_busy:
            send(message, once)
            return
        is_busy.append(message)
        env.memory.work(message, env.services)
        waiting = [each for each in queues.waiting if each.message.queue == VENDORS]
        for each in waiting:
            queues.waiting.remove(each)
            env.memory.work(each.message, env.services)
        is_busy.clear()

    monkeypatch.setattr(queues, "send", at_once)
    env.connect()
    assert linked(env) == {"nl.2101", "nl.2102", "nl.2103"}
    assert env.post(env.order("PO-1", NL)).state == "posted"
