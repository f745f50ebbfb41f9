"""An order whose exceptions were all dismissed is not posted until somebody retries it."""

from contextvars import Context
from dataclasses import replace
from typing import Any

import pytest

from local.exact_simulator import ExactFault
from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector import clock
from ml_connector.airbase.client import AirbaseClient
from ml_connector.domain.exception_codes import problem
from ml_connector.domain.ids import OrderId
from ml_connector.domain.records import posted_facts
from ml_connector.exceptions import decisions as exceptions
from ml_connector.exceptions import retry as retries
from ml_connector.infrastructure.ledger import Conflict, Ledger, order_key
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, Message
from ml_connector.purchase_orders.listing import list_orders, read_filter
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack, actors

BLOCKED = "4600"
_POST = "purchaseorder/PurchaseOrders"


def blocked(env: InMemoryEnvironment, number: str = "PO-1") -> dict[str, Any]:
    order = env.order(number, lines=[env.airbase.line(BLOCKED, "10.00")])
    assert env.post(order).state == "review"
    return order


def unblock(env: InMemoryEnvironment) -> None:
    accounts = env.exact.world.divisions[NL.division].table("financial/GLAccounts")
    key = next(k for k, row in accounts.items() if row["Code"].strip() == BLOCKED)
    env.exact.change(NL.division, "financial/GLAccounts", key, IsBlocked=False)
    env.wait(hours=4, minutes=1)


@pytest.fixture
def stack(env: InMemoryEnvironment) -> PersonStack:
    env.connect()
    return PersonStack(env)


def test_no_event_posts_it(env: InMemoryEnvironment, stack: PersonStack) -> None:
    order = blocked(env)
    done = exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate of PO-9")
    assert (done["state"], done["dismissed"], done["open"]) == (
        "set_aside",
        ["GL_ACCOUNT_BLOCKED"],
        [],
    )
    unblock(env)
    env.post(order)
    order["description"] = "changed in Airbase"
    env.post(order)
    env.wait(hours=25)
    assert env.record(order).state == "set_aside"
    assert env.record(order).due_at is None
    assert env.in_exact() == []


def test_only_the_first_event_for_it_is_audited(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    for _ in range(3):
        env.post(order)
    assert env.steps(order).count("left_aside") == 1
    assert actors(env, order_key(OrderId(order["id"])))["dismissed"] == PERSON


def test_a_webhook_for_it_leaves_nothing_due(env: InMemoryEnvironment, stack: PersonStack) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    for event in ("e1", "e2"):
        message = {"kind": "order", "connection": FIRM, "order": order["id"], "event": event}
        env.memory.work(Message(PURCHASE_ORDERS, "g", message), env.services)
        assert env.record(order).due_at is None
        assert env.record(order).state == "set_aside"
    assert env.steps(order)[-3:] == ["received", "left_aside", "received"]


def test_a_removed_connection_does_not_resume_it(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    env.services.connections.remove(FIRM)
    env.post(order)
    assert env.record(order).state == "set_aside"


def test_a_retry_by_hand_posts_it(env: InMemoryEnvironment, stack: PersonStack) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    unblock(env)
    retries.retry(stack, stack.actor, FIRM, "PO-1")
    assert env.record(order).state == "received"
    assert env.record(order).facts.dismissed == {}
    env.work()
    assert env.record(order).state == "posted"
    assert len(env.in_exact()) == 1


def test_a_retry_whose_message_is_lost_is_found_by_the_sweep(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    unblock(env)
    retries.retry(stack, stack.actor, FIRM, "PO-1")
    env.memory.queues.waiting.clear()
    env.wait(minutes=1)
    assert env.record(order).state == "posted"


def test_a_retry_opens_the_exception_again_if_it_remains(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    retries.retry(stack, stack.actor, FIRM, "PO-1")
    env.work()
    assert env.codes(order) == ["GL_ACCOUNT_BLOCKED"]
    assert env.record(order).state == "review"


def test_retrying_all_leaves_it_set_aside(env: InMemoryEnvironment, stack: PersonStack) -> None:
    order = blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    assert retries.retry_all(stack, stack.actor, FIRM) == []
    assert env.record(order).state == "set_aside"


def test_an_order_that_may_be_in_exact_is_looked_up_when_it_is_resumed(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    env.exact.faults.append(ExactFault("timeout_after_commit", "POST", _POST))
    order = env.order()
    assert env.post(order).state == "posting"
    record = env.record(order)
    found = problem("SEVERAL_IN_EXACT", "PO-1")
    env.services.ledger_of(FIRM).write(
        record.now("posting", replace(record.facts, problems=(found,))), "review"
    )
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "one of them is deleted by hand")
    env.wait(hours=1)
    assert env.record(order).state == "set_aside"
    retries.retry(stack, stack.actor, FIRM, "PO-1")
    env.work()
    assert env.steps(order)[-1] == "adopted"
    assert len(env.in_exact()) == 1, "it was posted again without looking it up"


def test_one_of_two_exceptions_leaves_the_order_in_review(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    lines = [env.airbase.line(BLOCKED, "10.00")]
    order = env.order(lines=lines, payment_term="90")
    env.post(order)
    assert len(env.codes(order)) == 2
    with pytest.raises(UserError, match="2 open exceptions"):
        exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "known")
    done = exceptions.dismiss(
        stack, stack.actor, FIRM, "PO-1", "known", ["unknown_payment_condition"]
    )
    assert (done["state"], done["open"]) == ("review", ["GL_ACCOUNT_BLOCKED"])
    assert env.record(order).due_at is not None
    env.wait(hours=25)
    assert env.codes(order) == ["GL_ACCOUNT_BLOCKED"], "the same one stays closed"
    done = exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "known", every=True)
    assert done["state"] == "set_aside"


def test_on_a_posted_order_it_just_closes(env: InMemoryEnvironment, stack: PersonStack) -> None:
    order = env.order()
    posted = posted_facts(env.post(order).facts).exact.id
    env.services_of().notes.note_posted(posted, OrderId(order["id"]))
    record = env.record(order)
    found = problem("DELETED_IN_EXACT", "PO-1")
    env.services.ledger_of(FIRM).write(
        record.now("posted", replace(record.facts, problems=(found,))), "deleted_in_exact"
    )
    assert exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "on purpose")["state"] == "posted"
    assert env.codes(order) == []
    (listed,) = list_orders(stack.known_ledger(FIRM))
    assert (listed["state"], listed["set_aside"]) == ("posted", None)


def test_a_set_aside_order_says_so_in_the_list(
    env: InMemoryEnvironment, stack: PersonStack
) -> None:
    blocked(env)
    exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a  duplicate\nof PO-9")
    (listed,) = list_orders(stack.known_ledger(FIRM), read_filter(("set_aside",)))
    assert listed["set_aside"] == {
        "reason": "a duplicate of PO-9",
        "by": PERSON,
        "at": clock.now().isoformat(),
    }
    assert listed["exceptions"] == []


def test_a_dismissal_does_not_overwrite_a_workers_step(
    env: InMemoryEnvironment, stack: PersonStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = blocked(env)
    write = Ledger.write
    moves = iter([True, False])

    def overtaken(self: Any, record: Any, step: str, **more: Any) -> Any:
        if self.actor == stack.actor and next(moves):
            newest = env.record(order)
            write(
                env.services.ledger_of(FIRM),
                newest.now("posted", replace(newest.facts, problems=())),
                "posted",
            )
        return write(self, record, step, **more)

    monkeypatch.setattr(Ledger, "write", overtaken)
    with pytest.raises(UserError, match="no open exception"):
        exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", "a duplicate")
    assert env.record(order).state == "posted"


def test_a_worker_that_read_it_before_does_not_post_it(
    env: InMemoryEnvironment, stack: PersonStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = blocked(env)
    read = AirbaseClient.order

    def dismissed_meanwhile(self: AirbaseClient, id: OrderId) -> Any:
        monkeypatch.undo()
        # A person acts here, with rights of their own, not the worker.
        Context().run(exceptions.dismiss, stack, stack.actor, FIRM, "PO-1", "a duplicate")
        return read(self, id)

    monkeypatch.setattr(AirbaseClient, "order", dismissed_meanwhile)
    order["expense_list"][0]["account"] = env.airbase.line("4100", "10.00")["account"]
    env.queue(order)
    with pytest.raises(Conflict):
        env.work()
    env.clock.move(400)
    env.work()
    assert env.record(order).state == "set_aside"
    assert env.in_exact() == []


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501])
def test_a_dismissal_needs_a_reason(
    env: InMemoryEnvironment, stack: PersonStack, reason: str
) -> None:
    blocked(env)
    with pytest.raises(UserError, match="a reason"):
        exceptions.dismiss(stack, stack.actor, FIRM, "PO-1", reason)
