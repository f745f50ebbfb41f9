"""How many orders a sweep queues, and which."""

from datetime import timedelta

from local.firm import BE, BRANCHES, NL
from local.office import Office
from ml_connector.workflows.room import Room


def room(office: Office, *halted: int) -> Room:
    return Room(office.doors, office.connection(), {str(division) for division in halted})


def test_a_division_has_its_calls_and_no_more(firm: Office) -> None:
    order = firm.order("PO-1", NL)
    firm.post(order)
    firm.clock.move(60)
    here = room(firm)
    assert [here.take(firm.record(order)) for _ in range(60)] == [True] * 59 + [False]
    assert not here.is_used_up, "the other divisions have theirs"


def test_orders_that_were_never_fetched_share_all_there_is(firm: Office) -> None:
    unknown = firm.record(firm.order())
    here = room(firm)
    taken = 0
    while not here.is_used_up:
        taken += here.take(unknown)
    assert taken == 59 * len(BRANCHES)


def test_a_halted_division_has_none(firm: Office) -> None:
    order = firm.order("PO-1", BE)
    firm.post(order)
    firm.clock.move(60)
    assert room(firm).take(firm.record(order))
    assert not room(firm, BE.division).take(firm.record(order))


def test_orders_to_be_planned_wait_for_reference_data_that_are_too_old(firm: Office) -> None:
    posted, refused = (
        firm.order("PO-1"),
        firm.order("PO-2", lines=[firm.airbase.line("4600", "10.00")]),
    )
    firm.post(posted)
    firm.post(refused)
    firm.clock.move(timedelta(hours=25))
    assert room(firm).take(firm.record(posted))
    assert not room(firm).take(firm.record(refused))
