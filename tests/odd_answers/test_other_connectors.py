"""Another stack posts in a division of ours: it is noticed at the first sign, and once."""

import pytest

from local.firm import BE, NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from local.in_memory.stack import InMemoryStack
from ml_connector.connections import manage
from ml_connector.domain.ids import ConnectionId
from ml_connector.infrastructure.halts import Halts
from ml_connector.user_errors import UserError
from tests.person_stack import PERSON, PersonStack

OTHER = ConnectionId("other-stack")


def post_from_another_stack(env: InMemoryEnvironment, number: str = "PO-X") -> None:
    """Have another stack, with tables of its own, post an order in the same divisions."""
    ours = env.memory, env.services
    env.memory = InMemoryStack(env.memory.transport)
    env.services = env.memory.services()
    env.connect(OTHER)
    order = env.order(number)
    assert env.post(order, OTHER).state == "posted"
    order["status"] = "cancelled"  # so that this stack's own search does not post it as well
    env.memory, env.services = ours
    if env.services.connections.get(FIRM):
        env.consent()  # one app has one chain of tokens: the other stack's has ended ours


def halts(env: InMemoryEnvironment) -> dict[str, str]:
    return {where: each.code for where, each in Halts(env.services.ledger_of(FIRM)).all().items()}


def read_all(env: InMemoryEnvironment) -> None:
    env.wait(hours=5)
    for _ in range(3):
        env.wait(minutes=1)


STOPPED = {NL.key: "ANOTHER_CONNECTOR"}


def test_the_division_stops_until_a_person_says_that_it_is_known(env: InMemoryEnvironment) -> None:
    env.connect()
    read_all(env)
    post_from_another_stack(env)
    read_all(env)
    assert halts(env) == STOPPED
    ours = env.order("PO-1")
    assert env.post(ours).state == "received"
    assert env.post(env.order("PO-BE", BE)).state == "posted"
    env.wait(hours=2)
    assert halts(env) == STOPPED, "no check of ours lifts it"
    stack = PersonStack(env)
    manage.resume(stack, PERSON, env.connection())
    assert halts(env) == STOPPED, "nor does adding the connection again"
    with pytest.raises(UserError, match="is not stopped"):
        manage.accept_other_connector(stack, PERSON, FIRM, str(BE.division))
    manage.accept_other_connector(stack, PERSON, FIRM, str(NL.division))
    env.wait(minutes=16)
    read_all(env)
    assert halts(env) == {}
    assert env.record(ours).state == "posted"


def test_after_that_the_next_unknown_mark_stops_it_again(env: InMemoryEnvironment) -> None:
    env.connect()
    read_all(env)
    post_from_another_stack(env)
    read_all(env)
    manage.accept_other_connector(PersonStack(env), PERSON, FIRM, str(NL.division))
    read_all(env)
    assert halts(env) == {}
    post_from_another_stack(env, "PO-Y")
    read_all(env)
    assert halts(env) == STOPPED


def test_a_new_connection_notices_what_another_one_has_posted_before(
    env: InMemoryEnvironment,
) -> None:
    post_from_another_stack(env)
    env.connect()
    for _ in range(5):
        env.wait(minutes=1)
    assert halts(env) == STOPPED


def test_our_own_orders_are_no_sign(env: InMemoryEnvironment) -> None:
    env.connect()
    for number in range(3):
        env.post(env.order(f"PO-{number}"))
        read_all(env)
    assert halts(env) == {}
