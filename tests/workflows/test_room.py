"""How many orders a sweep queues, and which."""

from datetime import timedelta

from local.firm import BE, BRANCHES, NL
from local.office import Office
from ml_connector.workflows.upkeep.room import Room


def room(office: Office, *halted: int) -> Room:
    return Room(office.doors, office.connection(), {str(division) for division in halted})


def test_a_division_has_its_calls_and_no_more(at_rest: Office) -> None:
    order = at_rest.order("PO-1", NL)
    at_rest.post(order)
    at_rest.clock.move(60)
    here = room(at_rest)
    assert [here.take(at_rest.record(order)) for _ in range(60)] == [True] * 59 + [False]
    assert not here.is_used_up, "the other divisions have theirs"


def test_orders_that_were_never_fetched_share_all_there_is(at_rest: Office) -> None:
    unknown = at_rest.record(at_rest.order())
    here = room(at_rest)
    taken = 0
    while not here.is_used_up:
        taken += here.take(unknown)
    assert taken == 59 * len(BRANCHES)


def test_a_halted_division_has_none(at_rest: Office) -> None:
    order = at_rest.order("PO-1", BE)
    at_rest.post(order)
    at_rest.clock.move(60)
    assert room(at_rest).take(at_rest.record(order))
    assert not room(at_rest, BE.division).take(at_rest.record(order))


def test_orders_to_be_planned_wait_for_reference_data_that_are_too_old(at_rest: Office) -> None:
    posted, refused = (
        at_rest.order("PO-1"),
        at_rest.order("PO-2", lines=[at_rest.airbase.line("4600", "10.00")]),
    )
    at_rest.post(posted)
    at_rest.post(refused)
    at_rest.clock.move(timedelta(hours=25))
    assert room(at_rest).take(at_rest.record(posted))
    assert not room(at_rest).take(at_rest.record(refused))
