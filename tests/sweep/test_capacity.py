"""How many orders a sweep queues, and which."""

from datetime import timedelta

from local.firm import BE, BRANCHES, NL
from local.in_memory.environment import InMemoryEnvironment
from ml_connector.sweep.capacity import CallCapacity


def capacity_of(env: InMemoryEnvironment, *halted: int) -> CallCapacity:
    return CallCapacity(env.services_of(), [d.key for d in BRANCHES if d.division not in halted])


def test_a_division_gets_no_more_orders_than_it_has_calls_left(
    at_rest: InMemoryEnvironment,
) -> None:
    order = at_rest.order("PO-1", NL)
    at_rest.post(order)
    at_rest.clock.move(60)
    capacity = capacity_of(at_rest)
    assert [capacity.take(at_rest.record(order)) for _ in range(61)] == [True] * 60 + [False]
    assert not capacity.is_used_up, "the other divisions have theirs"


def test_orders_that_were_never_fetched_share_all_calls(at_rest: InMemoryEnvironment) -> None:
    unknown = at_rest.record(at_rest.order())
    capacity = capacity_of(at_rest)
    taken = 0
    while not capacity.is_used_up:
        taken += capacity.take(unknown)
    assert taken == 60 * len(BRANCHES)


def test_a_halted_division_has_no_capacity(at_rest: InMemoryEnvironment) -> None:
    order = at_rest.order("PO-1", BE)
    at_rest.post(order)
    at_rest.clock.move(60)
    assert capacity_of(at_rest).take(at_rest.record(order))
    assert not capacity_of(at_rest, BE.division).take(at_rest.record(order))


def test_orders_to_be_mapped_wait_while_reference_data_are_too_old(
    at_rest: InMemoryEnvironment,
) -> None:
    posted, refused = (
        at_rest.order("PO-1"),
        at_rest.order("PO-2", lines=[at_rest.airbase.line("4600", "10.00")]),
    )
    at_rest.post(posted)
    at_rest.post(refused)
    at_rest.clock.move(timedelta(hours=25))
    assert capacity_of(at_rest).take(at_rest.record(posted))
    assert not capacity_of(at_rest).take(at_rest.record(refused))
